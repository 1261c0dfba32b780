"""Deleting environments: the question, what it frees, and the work in the background."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.wording import Text, size, tr, tr_count
from aienv_gui.environments.records import Environment
from aienv_gui.gui import environment_work
from aienv_gui.gui.change_work import Measured
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.confirm import confirm


class Removal(QObject):
    """Several environments may be deleted at once. The signals carry the prefix."""

    begun = Signal(object)  # Path
    deleted = Signal(object)  # Path
    failed = Signal(object, object)  # Path, Problem
    ended = Signal(object)  # Path

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self._window = parent
        self._deletions: dict[Job, Path] = {}

    def runs(self, prefix: Path) -> bool:
        """Whether an environment is being deleted now."""
        return prefix in self._deletions.values()

    def ask(self, environment: Environment, measured: Measured | None) -> None:
        """Ask whether to delete it; `measured` is what it takes, where that is known."""
        confirm(
            self._window,
            tr("Delete “{name}”?", name=environment.name),
            _what_goes(environment, measured),
            tr("Delete"),
            danger=True,
            on_yes=partial(self._delete, environment),
        )

    def _delete(self, environment: Environment) -> None:
        job = self._services.jobs.start(
            tr("Delete {name}", name=environment.name), environment_work.delete, environment, self._services.folders
        )
        self._deletions[job] = environment.prefix
        job.succeeded.connect(self._on_deleted)
        job.failed.connect(self._on_failed)
        job.finished.connect(self._on_finished)
        self.begun.emit(environment.prefix)

    def _prefix(self) -> Path:
        job = self.sender()
        assert isinstance(job, Job)
        return self._deletions[job]

    @Slot()
    def _on_deleted(self) -> None:
        self.deleted.emit(self._prefix())

    @Slot(object)
    def _on_failed(self, problem: object) -> None:
        self.failed.emit(self._prefix(), problem)

    @Slot()
    def _on_finished(self) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        self.ended.emit(self._deletions.pop(job))


def _what_goes(environment: Environment, measured: Measured | None) -> Text:
    count = len(environment.packages)
    if measured is None:
        return tr_count(
            "Its {count} package goes. Your own files and your trainings stay.",
            "Its {count} packages go. Your own files and your trainings stay.",
            count=count,
        )
    use = measured.with_snapshots
    text = tr_count(
        "Its {count} package goes. This frees {size}; {shared} more are shared and stay. "
        "Your own files and your trainings stay.",
        "Its {count} packages go. This frees {size}; {shared} more are shared and stay. "
        "Your own files and your trainings stay.",
        count=count,
        size=size(use.own_bytes),
        shared=size(use.shared_bytes),
    )
    if not measured.snapshots:
        return text
    return tr(
        "{what} {snapshots}",
        what=text,
        snapshots=tr_count("Its snapshot goes too.", "Its {count} snapshots go too.", count=measured.snapshots),
    )
