"""The line in which packages are typed that are to be added."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import tr
from aienv_gui.environments.planning import recipes
from aienv_gui.environments.planning.wizard import split_packages
from aienv_gui.environments.records import Engine
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class PackageField(QWidget):
    """`confirmed` is emitted with the packages once they are written as the engine wants them.

    Where the engine is not known yet (None), either way of writing will do.
    """

    confirmed = Signal(tuple)

    def __init__(self, engine: Engine | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._engines = (engine,) if engine is not None else tuple(Engine)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.field = QLineEdit(self)
        say(self.field, "setPlaceholderText", tr("For example: pandas, matplotlib>=3.8"))
        say(self.field, "setAccessibleName", tr("Packages to add"))
        self.field.textChanged.connect(self._on_text)
        self.field.returnPressed.connect(self._on_confirm)
        self.go = Button(tr("Make a plan"), kind="primary", parent=self)
        self.go.clicked.connect(self._on_confirm)
        row.addWidget(self.field, 1)
        row.addWidget(self.go)
        column.addLayout(row)
        self.words = Label(role="caption", parent=self)
        column.addWidget(self.words)
        self.setFocusProxy(self.field)
        self._on_text("")

    @property
    def packages(self) -> tuple[str, ...]:
        """What is typed."""
        return split_packages(self.field.text())

    @property
    def fault(self) -> Problem | None:
        """What is wrong with it."""
        faults = [_fault(self.packages, engine) for engine in self._engines]
        return None if None in faults else faults[0]

    @Slot(str)
    def _on_text(self, _text: str) -> None:
        fault = self.fault
        self.field.setProperty("state", "bad" if fault is not None else "")
        self.field.style().unpolish(self.field)
        self.field.style().polish(self.field)
        self.words.set_role("bad" if fault is not None else "caption")
        if fault is not None:
            cure = fault.cure or ""
            self.words.say(tr("{cause} {cure}", cause=fault.title, cure=cure))
        else:
            self.words.say(tr("Separate several with commas. Nothing is changed before you have seen the plan."))
        self.go.setEnabled(fault is None and bool(self.packages))

    @Slot()
    def _on_confirm(self) -> None:
        if self.go.isEnabled():
            self.confirmed.emit(self.packages)


def _fault(packages: tuple[str, ...], engine: Engine) -> Problem | None:
    try:
        recipes.check_extra(packages, engine)
    except Problem as problem:
        return problem
    return None
