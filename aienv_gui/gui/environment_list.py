"""The environments of this machine as every page sees them: one list, looked up in the background."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal, Slot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery.kernels import Kernel
from aienv_gui.environments.records import Environment, Maker, Unfinished
from aienv_gui.gui.environment_work import Found, look, sweep_leftovers
from aienv_gui.gui.jobs import Job, Jobs

_SETTLE_MS = 400  # a build or a deletion is several changes in the folder


class EnvironmentList(QObject):
    """Lives in the GUI thread; `refresh` never blocks. Empty until the first look ends (`loaded`).

    Until then it holds the list as last seen, kept in the cache, where there is one (`stale`). The folder of our own
    environments is watched, so that what is deleted outside the program disappears here too.
    """

    changed = Signal()
    failed = Signal(object)  # Problem: the last look failed, the list stays as it was

    def __init__(self, jobs: Jobs, folders: Folders, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._folders = folders
        self.items: tuple[Environment, ...] = ()
        self.unfinished: tuple[Unfinished, ...] = ()
        self.lost_kernels: tuple[Kernel, ...] = ()
        self.loaded = False
        self.stale = False
        self.problem: Problem | None = None
        self._job: Job | None = None
        self._swept = False  # what earlier runs of the program left
        self._again = False
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._on_folder_changed)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self.refresh)

    @property
    def busy(self) -> bool:
        """Whether a look is under way."""
        return self._job is not None

    @property
    def built_in(self) -> Environment | None:
        """The application's own environment."""
        return next((item for item in self.items if item.maker is Maker.BUILT_IN), None)

    def get(self, prefix: Path) -> Environment | None:
        """The environment at `prefix`, if it is in the list."""
        return next((item for item in self.items if item.prefix == prefix), None)

    @Slot()
    def refresh(self) -> None:
        """Look again, in the background. While a look is under way, one more follows it."""
        if self._job is not None:
            self._again = True
            return
        self._job = self._jobs.start(tr("Look for environments"), look, self._folders, quiet=True)
        self._job.partial.connect(self._on_known)
        self._job.succeeded.connect(self._on_found)
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)

    @Slot(object)
    def _on_known(self, items: tuple[Environment, ...]) -> None:
        if self.loaded:
            return
        self.items = items
        self.stale = True
        self.changed.emit()

    @Slot(object)
    def _on_found(self, found: Found) -> None:
        self.problem = None
        self._watch(found.folders)
        now = Found(self.items, self.unfinished, self.lost_kernels)
        if self.loaded and found == now:
            return
        self.stale = False
        self.items, self.unfinished = found.environments, found.unfinished
        self.lost_kernels = found.lost_kernels
        self.loaded = True
        self.changed.emit()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.problem = problem
        self.failed.emit(problem)

    @Slot()
    def _on_finished(self) -> None:
        self._job = None
        if not self._swept:
            self._swept = True
            self._jobs.start(tr("Sweeping up"), sweep_leftovers, self._folders, quiet=True)
        if self._again:
            self._again = False
            self.refresh()

    def _watch(self, folders: tuple[Path, ...]) -> None:
        wanted = {str(folder) for folder in folders}.difference(self._watcher.directories())
        if wanted:
            self._watcher.addPaths(sorted(wanted))

    @Slot(str)
    def _on_folder_changed(self, _folder: str) -> None:
        self._settle.start()
