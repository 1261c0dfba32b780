"""Takes the window's picture in both themes and both languages, as the user would see it."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import LANGUAGES, language, tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.tour.runner import Wait

_SETTLE_S = 0.3  # for layouts, elided texts and plots to follow a change of theme or language


class Camera:
    """Pictures are files ``<number>-<name>-<theme>-<language>.png`` in `folder`, written in the background."""

    def __init__(self, services: Services, window: QWidget, folder: Path) -> None:
        self._services = services
        self._window = window
        self._folder = folder
        self._number = 0
        self._jobs: list[Job] = []
        self.taken: list[str] = []

    def take(self, name: str) -> Generator[Wait, None, None]:
        """Take four pictures of what is shown; leaves theme and language as they were."""
        self._number += 1
        theme, chosen, spoken = self._services.theme, self._services.theme.mode, language()
        for mode in ("light", "dark"):
            theme.set_mode(mode)
            for code in LANGUAGES:
                self._services.language.use(code)
                yield from _settle()
                self._shoot(f"{self._number:02d}-{name}-{mode}-{code}.png")
        theme.set_mode(chosen)
        self._services.language.use(spoken)
        yield from _settle()

    def develop(self) -> Generator[Wait, None, None]:
        """Wait until every picture is written."""

        def trouble() -> Problem | None:
            return next((job.problem for job in self._jobs if job.problem is not None), None)

        yield Wait("writing the pictures", lambda: all(job.state.final for job in self._jobs), 60, trouble)

    def _shoot(self, file: str) -> None:
        pixmap = QPixmap(self._window.size() * self._window.devicePixelRatioF())
        pixmap.setDevicePixelRatio(self._window.devicePixelRatioF())
        self._window.render(pixmap)
        self.taken.append(file)
        self._jobs.append(
            self._services.jobs.start(tr("Write a picture"), _write, pixmap.toImage(), self._folder / file, quiet=True)
        )


def _settle() -> Generator[Wait, None, None]:
    until = time.monotonic() + _SETTLE_S
    yield Wait("settling", lambda: time.monotonic() >= until)


def _write(image: QImage, path: Path, _reporter: Reporter) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, path.parent, chosen=True) from error
    if not image.save(str(path)):
        raise writing_failed(OSError("the picture could not be written"), path)
