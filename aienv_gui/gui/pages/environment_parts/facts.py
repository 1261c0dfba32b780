"""What an environment is, in a few lines."""

from __future__ import annotations

import time
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from aienv_gui.core.wording import Text, duration, size, tr
from aienv_gui.environments.health.frameworks import accelerator_of, frameworks_of
from aienv_gui.environments.records import Environment
from aienv_gui.gui.change_work import Measured
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_WORTH_SAYING = 1_000_000  # bytes that are shared


class Facts(QWidget):
    """Shows one environment; what takes long to find out is handed in later."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        self._python = self._fact(tr("Python"), 0, 0)
        self._size = self._fact(tr("Size"), 0, 2)
        self._frameworks = self._fact(tr("Frameworks"), 1, 0)
        self._accelerator = self._fact(tr("Calculates on"), 1, 2)
        self._checked = self._fact(tr("Validated"), 2, 0)
        self._used = self._fact(tr("Last used"), 2, 2)
        say(
            self._size,
            "setToolTip",
            tr("Shared files are also in the store of downloads, in snapshots or in other environments."),
        )

    def _fact(self, title: Text, row: int, column: int) -> Label:
        name = Label(title, role="muted", parent=self)
        name.setWordWrap(False)
        value = Label(parent=self)
        self._grid.addWidget(name, row, column, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, row, column + 1, Qt.AlignmentFlag.AlignTop)
        value.setProperty("fact_name", name)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        return value

    def show_environment(self, environment: Environment) -> None:
        """Say what is known at once."""
        self._python.say(environment.python_version or tr("unknown"))
        frameworks = frameworks_of(environment)
        if frameworks:
            self._frameworks.say(", ".join(f"{framework.name} {framework.version}" for framework in frameworks))
        else:
            self._frameworks.say(tr("none"))
        accelerator = accelerator_of(environment)
        self._accelerator.setVisible(accelerator is not None)
        self._accelerator.property("fact_name").setVisible(accelerator is not None)
        if accelerator is not None:
            self._accelerator.say(accelerator)
        self._checked.say(_validated(environment))

    def show_size(self, measured: Measured | None) -> None:
        """Say how much room it takes; None while that is being found out."""
        if measured is None:
            self._size.say(tr("being measured..."))
            return
        use = measured.environment
        if use.shared_bytes > _WORTH_SAYING:
            self._size.say(tr("{size} ({shared} shared)", size=size(use.total_bytes), shared=size(use.shared_bytes)))
        else:
            self._size.say(size(use.total_bytes))

    def show_used(self, when: float | None) -> None:
        """Say when it was used last, in seconds since the epoch; None where that is not known."""
        if when is None:
            self._used.say(tr("unknown"))
        elif time.time() - when < 90:
            self._used.say(tr("just now"))
        else:
            self._used.say(tr("{time} ago", time=duration(time.time() - when)))


def _validated(environment: Environment) -> Text | str:
    if environment.validated is None:
        return tr("never")
    when = datetime.fromtimestamp(environment.validated).strftime("%Y-%m-%d %H:%M")
    # Verdicts are for the packages they were found with: they go when those change, and the date alone would deceive.
    return when if environment.health else tr("{date}, changed since then", date=when)
