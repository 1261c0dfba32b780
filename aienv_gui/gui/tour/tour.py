"""``aienv --tour FOLDER``: the real application does all it can do by itself, and shows whether it truly worked."""

from __future__ import annotations

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
    """Pictures and ``report.json`` go to `folder`; the program ends with 0 if every step succeeded, else with 1."""

    def __init__(self, services: Services, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self._window = window
        self._camera = Camera(services, window, folder)
        script = Script(services, window, self._camera)
        self.runner = TourRunner(services.jobs, folder / REPORT, script.steps(), self._facts, self)
        self.runner.finished.connect(self._on_finished)

    def start(self) -> None:
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
        QCoreApplication.exit(0 if ok else 1)


def start(services: Services, window: MainWindow, folder: Path) -> Tour:
    """Begin the tour; it goes on by itself and ends the program."""
    window.resize(*_SIZE)
    tour = Tour(services, window, folder)
    tour.start()
    return tour
