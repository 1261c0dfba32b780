"""``aienv --tour FOLDER``: the real application does all it can do by itself, and shows whether it truly worked."""

from __future__ import annotations

import contextlib
import platform
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Slot

from aienv_gui.gui.main_window import MainWindow
from aienv_gui.gui.services import Services
from aienv_gui.gui.tour.camera import Camera
from aienv_gui.gui.tour.runner import TourRunner
from aienv_gui.gui.tour.script import Script

REPORT = "report.json"
_SIZE = (1280, 820)  # of the pictures, whatever the screen would give the window


class Tour(QObject):
    """Goes on by itself and ends the program. Pictures and ``report.json`` go to `folder`.

    `succeeded`: whether every step truly did; False until the end.
    """

    def __init__(self, services: Services, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self.succeeded = False
        self._window = window
        self._report = folder / REPORT
        self._camera = Camera(services, window, folder)
        script = Script(services, window, self._camera)
        self.runner = TourRunner(services.jobs, self._report, script.steps(), self._facts, self)
        self.runner.finished.connect(self._on_finished)

    def start(self) -> None:
        self._window.resize(*_SIZE)
        with contextlib.suppress(OSError):  # what hinders here hinders the report too, which is told
            self._report.unlink(missing_ok=True)  # a former tour's
        self.runner.start()

    def _facts(self) -> dict[str, Any]:
        return {
            "system": platform.platform(),
            "python": platform.python_version(),
            "display": QCoreApplication.instance().platformName(),  # type: ignore[union-attr]
            "pictures": list(self._camera.taken),
        }

    @Slot(bool)
    def _on_finished(self, ok: bool) -> None:
        self.succeeded = ok
        QCoreApplication.exit(0)
