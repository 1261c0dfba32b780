"""One measurement, in a process of its own: the same window and the same training, but in a thread of the window.

What AIEnv does not do, as the comparison of `latency`. Prints a JSON object like `training_in_window`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter, Silent
from aienv_gui.core.wording import verbatim
from aienv_gui.gui.pages.train_parts.run_plots import RunPlots
from aienv_gui.training import samples
from aienv_gui.training.records import Curve, Recipe, Run, RunState
from aienv_gui.training.trend import trend
from tests.benchmarks.children.bare_convnet import FIRST_STEP, train
from tests.benchmarks.children.lateness import Lateness

_REFRESH_MS = 200  # as often as the page of a run draws


class Measurement(QObject):
    def __init__(self, session: Session, pictures: Path, steps: int) -> None:
        super().__init__(session)
        self.lateness = Lateness(self)
        self.steps_per_second = 0.0
        self._losses: list[float] = []
        self._folder = pictures
        self._plots = RunPlots(session.services, session.window.page)
        session.window.page.body.addWidget(self._plots)
        self._refresh = QTimer(self)
        self._refresh.setInterval(_REFRESH_MS)
        self._refresh.timeout.connect(self._draw)
        self._refresh.start()
        self._job = session.services.jobs.start(verbatim("in a thread"), _train, pictures, steps)
        self._job.partial.connect(self._on_step)
        self._job.succeeded.connect(self._on_trained)

    @Slot(object)
    def _on_step(self, loss: float) -> None:
        self._losses.append(loss)
        if len(self._losses) == FIRST_STEP:
            self.lateness.start()

    @Slot()
    def _draw(self) -> None:
        count = len(self._losses)
        steps, losses = np.arange(1.0, count + 1), np.array(self._losses)
        right = np.zeros(count)
        curve = Curve(steps, steps, losses, right, trend(losses[:0], losses, 0), right)
        recipe = Recipe(name="", folder=self._folder, preset="book", architecture="book_convnet", settings={})
        self._plots.show_run(Run(self._folder, recipe, RunState.TRAINING, training=curve))

    @Slot(object)
    def _on_trained(self, steps_per_second: float) -> None:
        self.steps_per_second = steps_per_second
        self.lateness.stop()
        self._refresh.stop()
        QApplication.exit(0)


def _train(pictures: Path, steps: int, reporter: Reporter) -> float:
    return train(pictures, steps, lambda _step, loss: reporter.partial(loss))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    folders = Folders.under(options.home)
    pictures = samples.unpack(samples.DIGITS, folders, Silent())
    application = QApplication([])
    session = Session(application, folders)
    session.window.resize(1280, 820)
    session.window.show()
    measurement = Measurement(session, pictures, options.steps)
    application.exec()
    session.end()
    print(json.dumps({"steps_per_second": measurement.steps_per_second, "lateness_ms": measurement.lateness.values}))


if __name__ == "__main__":
    main()
