"""How a build goes: a row per package, how many are here, and the log folded below."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.records import PackageProgress, PackageState, PlannedFile
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.log_view import LogView
from aienv_gui.gui.widgets.package_rows import PackageRows


class BuildProgress(QWidget):
    """`follow` takes a job that reports `PackageProgress`; what its end means is for the page to say."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._logged = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self._count = Label(role="caption", parent=self)
        column.addWidget(self._count)
        self.packages = PackageRows(services, self)
        column.addWidget(self.packages, 1)
        self.fold = Button(tr("Log"), kind="link", icon="chevron", parent=self)
        self.fold.setCheckable(True)
        self.fold.toggled.connect(self._on_fold)
        column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        self.log = LogView(self)
        self.log.setMinimumHeight(120)
        self.log.hide()
        column.addWidget(self.log, 1)

    def follow(self, job: Job, files: Sequence[PlannedFile]) -> None:
        """Begin anew with a job and the files it is to install."""
        self._job, self._logged = job, ""
        self.log.set_lines(())
        self.packages.set_files(files)
        self._say_count()
        job.status_changed.connect(self._on_status)
        job.partial.connect(self._on_partial)
        job.logged.connect(self._on_logged)

    def _say_count(self) -> None:
        total = len(self.packages.rows_model.rows)
        here = self.packages.count(PackageState.READY, PackageState.INSTALLED)
        self._count.say(
            tr_count(
                "{here} of {count} package is on this computer.",
                "{here} of {count} packages are on this computer.",
                count=total,
                here=here,
            )
        )
        self._count.setVisible(total > 0)

    @Slot(object)
    def _on_status(self, status: Text) -> None:
        """Put each new kind of work into the log; its numbers change too often for that."""
        if self.sender() is self._job and status.message != self._logged:
            self._logged = status.message
            self.log.append_line(str(status))

    @Slot(object)
    def _on_partial(self, progress: object) -> None:
        if self.sender() is self._job and isinstance(progress, PackageProgress):
            self.packages.follow(progress)
            self._say_count()

    @Slot(str)
    def _on_logged(self, line: str) -> None:
        if self.sender() is self._job:
            self.log.append_line(line)

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self.fold.set_icon("chevron_down" if unfolded else "chevron")
        self.packages.setVisible(not unfolded)  # there is no room for both in a small window
        self.log.setVisible(unfolded)
