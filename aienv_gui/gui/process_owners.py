"""Whose process it is: a training of ours, an environment, or AIEnv itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from PySide6.QtCore import QObject, Slot

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.records import Environment
from aienv_gui.gui.services import Services
from aienv_gui.hardware.readings import GpuProcess

_MONITOR: Final = "aienv_gui.hardware.cards.monitor"
_KERNEL: Final = "ipykernel_launcher"


@dataclass(frozen=True, slots=True)
class Owner:
    """`page` and `argument` open it; `training` is the name of a training of ours."""

    name: Text
    page: str = ""
    argument: object = None
    training: str = ""


class ProcessOwners(QObject):
    """Answers from the lists that the window has anyway; asks no disk. GUI thread only."""

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._known: dict[tuple[int, float | None], Owner | None] = {}
        services.runs.changed.connect(self._forget)
        services.environments.changed.connect(self._forget)

    def owner_of(self, process: GpuProcess) -> Owner | None:
        """None where nothing is known of it."""
        key = (process.pid, process.started)
        if key not in self._known:
            self._known[key] = self._find(process)
        return self._known[key]

    @Slot()
    def _forget(self) -> None:
        self._known.clear()

    def _find(self, process: GpuProcess) -> Owner | None:
        words = process.command
        if _MONITOR in words:
            return Owner(tr("AIEnv itself"))
        run = self._run_of(words) or self._run_above(process)
        if run is not None:
            return run
        environment = self._environment_of(process)
        if environment is None or not any(_KERNEL in word for word in words):
            return environment
        return Owner(tr("Notebook in {name}", name=environment.name), environment.page, environment.argument)

    def _run_of(self, words: Sequence[str]) -> Owner | None:
        """The engine is started with the run's folder as its last word; what it starts itself keeps that."""
        folders = {str(item.folder): item for item in self._services.runs.items}
        for word in reversed(words):
            item = folders.get(word)
            if item is not None:
                return Owner(tr("Training {name}", name=item.name), "train", item.folder, item.name)
        return None

    def _run_above(self, process: GpuProcess) -> Owner | None:
        """What an engine has started anew, as its readers of data, is called by other words than the engine."""
        for run in self._services.runs.live:
            if run.start is not None and run.start.pid in process.parents:
                name = run.recipe.name
                return Owner(tr("Training {name}", name=name), "train", run.folder, name)
        return None

    def _environment_of(self, process: GpuProcess) -> Owner | None:
        program = PurePath(process.command[0]) if process.command else PurePath()
        found = [item for item in self._services.environments.items if _runs_in(item, program, process.prefix)]
        if not found:
            return None
        # An environment may lie within another: conda's own in the folder of its base, a venv in a Python's.
        inner = max(found, key=lambda item: len(item.prefix.parts))
        return Owner(verbatim(inner.name), "environments", inner.prefix)


def _runs_in(environment: Environment, program: PurePath, activated: str) -> bool:
    if not program.is_absolute():
        return activated == str(environment.prefix)
    if environment.maker.is_python and not program.name.lower().startswith("python"):
        return False  # /usr holds the system's Python, and every other program as well
    return program.is_relative_to(environment.prefix)
