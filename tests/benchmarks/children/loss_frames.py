"""One measurement, in a process of its own: a loss curve of a million steps that grows, is zoomed and is dragged.

Prints a JSON object: what each frame cost; ours, the comparison of 16 curves, and pyqtgraph's own curves (``naive``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from aienv_gui.core.wording import tr
from aienv_gui.gui.plots.decimation import Array
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.gui.theme import Theme
from tests.benchmarks.children.frame_costs import FrameCosts

_SIZE = (1200, 260)
_NEW = 50  # steps that come between two drawings
_SERIES = (
    ("steps", tr("each step"), "control_line"),
    ("training", tr("training"), "series_train"),
    ("validation", tr("validation"), "series_validation"),
)
_NAIVE_FRAMES = 10
_Step = Callable[[int], None]


class LossCurve:
    """Noisy steps, their trend, and a validation every two thousand of them, as a run's page hands them to its plot."""

    def __init__(self, points: int, room: int) -> None:
        random = np.random.default_rng(1)
        self.seconds = np.arange(points + room, dtype=np.float64) * 0.05
        self.trend: Array = 2 * np.exp(-self.seconds / self.seconds[-1] * 3) + 0.3
        self.loss: Array = np.asarray(self.trend + random.normal(0, 0.1, len(self.trend)), dtype=np.float64)
        self.loss[random.integers(0, points, 20)] = np.nan
        self._valid = slice(0, None, 2000)
        self.count = points

    def show(self, plot: TimePlot) -> None:
        count = self.count
        plot.set_series("steps", self.seconds[:count], self.loss[:count])
        plot.set_series("training", self.seconds[:count], self.trend[:count])
        plot.set_series("validation", self.seconds[:count][self._valid], self.trend[:count][self._valid] * 1.1)


def wheel(plot: TimePlot, steps: int) -> None:
    """Ctrl and the wheel over the middle of the plot."""
    viewport = plot._plot.viewport()
    middle = QPointF(viewport.rect().center())
    event = QWheelEvent(
        middle,
        viewport.mapToGlobal(middle),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def mouse(plot: TimePlot, kind: QEvent.Type, x: int) -> None:
    viewport = plot._plot.viewport()
    place = QPointF(x, viewport.height() / 2)
    button = Qt.MouseButton.LeftButton
    event = QMouseEvent(kind, place, viewport.mapToGlobal(place), button, button, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(viewport, event)


def measure(frames: FrameCosts, plot: TimePlot, count: int, step: _Step) -> None:
    """`count` times a step and the frames until the plot has drawn it."""
    for number in range(count):
        frames.frame(lambda number=number: step(number))  # type: ignore[misc]
        while plot._range.waiting:
            frames.frame()
        frames.frame()


def loss_frames(application: QApplication, theme: Theme, points: int, count: int) -> dict[str, list[float]]:
    curve = LossCurve(points, count * _NEW)
    plot = TimePlot(theme, tr("Loss"), _SERIES, y_floor=0.0, dots=("validation",))
    plot.resize(*_SIZE)
    plot.show()
    frames = FrameCosts(application, plot)

    def grow(_number: int) -> None:
        curve.count += _NEW
        curve.show(plot)

    def zoom(number: int) -> None:
        wheel(plot, 1 if number // 15 % 2 == 0 else -1)

    def drag(number: int) -> None:
        mouse(plot, QEvent.Type.MouseMove, 700 + 9 * (number % 40))

    measure(frames, plot, 3, lambda _number: curve.show(plot))
    frames.forget()
    measure(frames, plot, count, grow)
    measure(frames, plot, count, zoom)
    for _ in range(6):
        wheel(plot, 1)
    mouse(plot, QEvent.Type.MouseButtonPress, 700)
    measure(frames, plot, count, drag)
    mouse(plot, QEvent.Type.MouseButtonRelease, 700)
    plot.close()
    return frames.result()


def comparison_frames(application: QApplication, theme: Theme, count: int) -> dict[str, list[float]]:
    """Sixteen cards at work in one plot over ten minutes, every value new each time."""
    roles = ("series_train", "series_gpu", "series_cpu", "series_memory")
    names = [(f"gpu{index}", tr("GPU {index}", index=index), roles[index % 4]) for index in range(16)]
    last = TimeRange(theme, width=600.0)
    plot = TimePlot(theme, tr("Utilisation"), names, unit="percent", y_range=(0, 100), time_range=last)
    plot.resize(*_SIZE)
    plot.show()
    frames = FrameCosts(application, plot)
    random, times = np.random.default_rng(2), np.arange(600.0)

    def renew(_number: int) -> None:
        for key, _name, _role in names:
            plot.set_series(key, times, np.clip(random.normal(85, 8, 600), 0, 100))

    measure(frames, plot, 3, renew)
    frames.forget()
    measure(frames, plot, count, renew)
    plot.close()
    return frames.result()


def naive_frames(application: QApplication, points: int) -> dict[str, list[float]]:
    """The same curves as pyqtgraph draws them when it is told nothing."""
    curve = LossCurve(points, _NAIVE_FRAMES * _NEW)
    plot = pg.PlotWidget()
    items = [plot.plot(pen=colour) for colour in ("#888", "#17c")]
    plot.resize(*_SIZE)
    plot.show()
    frames = FrameCosts(application, plot)
    for number in range(_NAIVE_FRAMES + 2):
        curve.count += _NEW
        if number == 2:
            frames.forget()
        for item, values in zip(items, (curve.loss, curve.trend), strict=True):
            item.setData(curve.seconds[: curve.count], values[: curve.count])
        frames.frame()
    plot.close()
    return frames.result()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    application = QApplication([])
    theme = Theme()
    ours = loss_frames(application, theme, options.points, options.steps)
    comparison = comparison_frames(application, theme, options.steps)
    naive = naive_frames(application, options.points)
    print(json.dumps({"ours": ours, "comparison": comparison, "naive": naive}))


if __name__ == "__main__":
    main()
