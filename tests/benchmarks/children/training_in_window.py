"""One measurement, in a process of its own: the real window, offscreen, trains the book's network and draws it.

Prints a JSON object: the engine's steps a second between two steps of the first epoch and, with ``--lateness``, how
late a 16 ms timer of the window was meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine import protocol
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.records import Maker
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.training import samples, supervisor
from aienv_gui.training.presets import presets
from aienv_gui.training.records import Recipe
from tests.benchmarks.children.bare_convnet import FIRST_STEP
from tests.benchmarks.children.lateness import Lateness


class Measurement(QObject):
    """Begins the training once the window is at rest, and ends the program after the last step asked for."""

    def __init__(self, session: Session, steps: int, *, measures_lateness: bool) -> None:
        super().__init__(session)
        self._session = session
        self._last = FIRST_STEP + steps
        self._measures_lateness = measures_lateness
        self.lateness = Lateness(self)
        self.folder: Path | None = None
        self._look = QTimer(self)
        self._look.setInterval(200)
        self._look.timeout.connect(self._on_look)
        self._look.start()

    @Slot()
    def _on_look(self) -> None:
        services = self._session.services
        page = self._session.window.page
        if self.folder is None:
            if services.environments.loaded and not isinstance(page, TrainPage):
                services.navigator.open("train")
                job = services.runs.begin(_recipe(services.folders))
                job.succeeded.connect(self._on_begun)
            return
        run = services.runs.latest(self.folder)
        if run is None:
            return
        if self._measures_lateness and run.step >= FIRST_STEP and not self.lateness.running:
            self.lateness.start()
        if run.step > self._last:
            self.lateness.stop()
            self._look.stop()
            QApplication.exit(0)  # quit() would ask the window, and the window the user

    @Slot(object)
    def _on_begun(self, folder: Path) -> None:
        self.folder = folder
        self._session.services.navigator.open("train", folder)


def _recipe(folders: Folders) -> Recipe:
    own = read_environment(Path(sys.prefix), Maker.BUILT_IN)
    book = next(preset for preset in presets() if preset.id == "book")
    folder = samples.sample_path(samples.DIGITS, folders)
    return Recipe(
        name="benchmark",
        folder=folder,
        sample=samples.DIGITS,
        preset=book.id,
        architecture=book.architecture,
        options=book.options,
        settings=book.settings,
        environment_prefix=own.prefix,
        environment_python=own.python,
        environment_name=own.name,
        device="cpu",
    )


def steps_a_second(run: Path, first: int, last: int) -> float:
    """From the engine's own times of the steps `first` and `last`."""
    times: dict[int, float] = {}
    for event in protocol.EventReader(run).read():
        if event["event"] == protocol.Event.METRICS:
            times.update(zip(event["columns"]["step"], event["columns"]["time"], strict=True))
    return (last - first) / (times[last] - times[first])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--lateness", action="store_true", help="measure it, which costs the training something")
    options = parser.parse_args()
    folders = Folders.under(options.home)
    samples.unpack(samples.DIGITS, folders, Silent())
    application = QApplication([])
    session = Session(application, folders)
    session.window.resize(1280, 820)
    measurement = Measurement(session, options.steps, measures_lateness=options.lateness)
    session.window.show()
    application.exec()
    assert measurement.folder is not None
    supervisor.kill(measurement.folder)
    result = {
        "steps_per_second": steps_a_second(measurement.folder, FIRST_STEP, FIRST_STEP + options.steps),
        "lateness_ms": measurement.lateness.values,
    }
    session.end()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
