"""What a plot draws over its axes, looked at in its picture; and figures that do not disturb their neighbours."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QRectF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QGraphicsItem, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.core.wording import tr
from aienv_gui.gui.plots.curves import known_runs
from aienv_gui.gui.plots.decimation import Array
from aienv_gui.gui.plots.legend import LegendEntry
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.widgets.labels import Figure

_ROLE = "series_train"

Mask = NDArray[np.bool_]


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = Theme()
    made.set_mode("light")
    yield made
    made.deleteLater()


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme) -> TimePlot:
    made = TimePlot(theme, tr("Loss"), [("train", tr("Training"), _ROLE)], y_range=(0.0, 10.0), dots=("train",))
    qtbot.addWidget(made)
    made.resize(700, 240)
    made.show()
    qtbot.waitExposed(made)
    return made


def show(qtbot: QtBot, plot: TimePlot, x: Array, y: Array) -> QImage:
    """The picture of the view with these points."""
    plot.set_series("train", x, y)
    qtbot.waitUntil(lambda: not plot._range.waiting)
    return picture(plot)


def picture(plot: TimePlot) -> QImage:
    view = plot._view.mapRectToScene(plot._view.boundingRect()).toAlignedRect()
    image: QImage = plot._plot.grab(plot._plot.mapFromScene(view).boundingRect()).toImage()
    return image


def inked(image: QImage, theme: Theme) -> Mask:
    """Which pixels have the curve's colour: rows x columns."""
    rgb = theme.color(_ROLE).rgb()
    columns, rows = range(image.width()), range(image.height())
    return np.array([[image.pixel(x, y) == rgb for x in columns] for y in rows])


def columns_of(image: QImage, theme: Theme) -> list[bool]:
    """Whether the curve is seen in each column."""
    return [bool(column.any()) for column in inked(image, theme).T]


@pytest.mark.parametrize("at", [1, 123_456, 654_321, 999_998])
def test_one_peak_in_a_million_stands_in_its_column(qtbot: QtBot, plot: TimePlot, theme: Theme, at: int) -> None:
    y = np.full(1_000_000, 2.0)
    y[at] = 8.0
    ink = inked(show(qtbot, plot, np.arange(1e6), y), theme)
    upper = ink[: round(ink.shape[0] * 0.7)]  # above the level line
    columns = np.flatnonzero(upper.any(axis=0))
    assert len(columns) in (1, 2)
    assert abs(columns.mean() - at / 999_999 * (plot._view.width() - 1)) <= 1.5


def test_points_are_marked_while_they_lie_apart(qtbot: QtBot, plot: TimePlot, theme: Theme) -> None:
    few = inked(show(qtbot, plot, np.arange(10.0), np.full(10, 5.0)), theme)
    many = inked(show(qtbot, plot, np.arange(400.0), np.full(400, 5.0)), theme)
    assert few.any(axis=1).sum() >= 4  # as high as a dot
    assert many.any(axis=1).sum() == 1


def test_gap_is_not_bridged(qtbot: QtBot, plot: TimePlot, theme: Theme) -> None:
    y = np.full(1000, 5.0)
    y[400:600] = np.nan
    ink = columns_of(show(qtbot, plot, np.arange(1000.0), y), theme)
    width = len(ink)
    assert all(ink[: int(0.39 * width)])
    assert not any(ink[int(0.42 * width) : int(0.58 * width)])
    assert all(ink[int(0.62 * width) : -2])


def test_curve_follows_the_size_of_its_plot(qtbot: QtBot, plot: TimePlot, theme: Theme) -> None:
    show(qtbot, plot, np.arange(100.0), np.full(100, 5.0))
    plot.resize(1000, 300)
    qtbot.waitUntil(lambda: plot._view.width() > 900)
    ink = columns_of(picture(plot), theme)
    assert all(ink[5:-5])


class SlowItem(QGraphicsItem):
    """Something in a plot that takes a tenth of a second to paint."""

    def __init__(self, parent: QGraphicsItem) -> None:
        super().__init__(parent)
        self.painted = 0

    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, 10, 10)

    def paint(self, *_: object) -> None:
        self.painted += 1
        end = time.perf_counter() + 0.1
        while time.perf_counter() < end:
            pass


def test_painting_counts_in_the_share_of_the_processor(qtbot: QtBot, plot: TimePlot) -> None:
    qtbot.waitUntil(lambda: not plot._range.waiting)
    slow = SlowItem(plot._view)
    qtbot.waitUntil(lambda: slow.painted > 0)
    plot.set_series("train", [0.0, 1.0], [1.0, 2.0])
    qtbot.waitUntil(lambda: plot.points_drawn("train") == 2 and plot._range._cost_s >= 0.1)
    plot.set_series("train", [0.0, 1.0], [1.0, 3.0])
    assert plot._range._timer.interval() == 1000
    plot._plot.scene().removeItem(slow)  # Qt would paint it once more after Python has thrown it away


def test_noise_does_not_move_the_axis(qtbot: QtBot, theme: Theme) -> None:
    plot = TimePlot(theme, tr("Loss"), [("train", tr("Training"), _ROLE)])
    qtbot.addWidget(plot)
    limits = set()
    for largest in np.linspace(7.0, 7.2, 20):
        bottom, top = plot._y_limits(1.0, float(largest))
        assert bottom < 1.0 < largest < top
        assert top - bottom < 1.35 * (largest - 1.0)
        limits.add((bottom, top))
    assert len(limits) <= 2


@pytest.mark.parametrize(
    ("known", "runs"),
    [([], []), ([1, 1], [(0, 2)]), ([0, 0], []), ([0, 1, 1, 0, 1], [(1, 3), (4, 5)]), ([1, 0], [(0, 1)])],
)
def test_known_runs(known: list[int], runs: list[tuple[int, int]]) -> None:
    assert known_runs(np.array(known, dtype=bool)) == runs


def test_figure_that_changes_does_not_lay_out_the_page_again(qtbot: QtBot, qapp: QApplication) -> None:
    class Layouts(QObject):
        count = 0

        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            self.count += event.type() == QEvent.Type.LayoutRequest
            return False

    window = QWidget()
    qtbot.addWidget(window)
    row = QHBoxLayout(window)
    figure = Figure(parent=window)
    row.addWidget(figure)
    figure.say("1000 MHz")
    window.show()
    qtbot.waitExposed(window)
    qapp.processEvents()
    layouts = Layouts()
    qapp.installEventFilter(layouts)
    for value in ("950 MHz", "7 MHz", "1111 MHz"):
        figure.say(value)
        qapp.processEvents()
    assert layouts.count == 0
    width = figure.width()
    figure.say("12000 MHz")
    qapp.processEvents()
    assert layouts.count > 0
    assert figure.width() > width
    qapp.removeEventFilter(layouts)


def test_sixteen_names_do_not_make_the_window_wider_than_a_screen(qtbot: QtBot, theme: Theme) -> None:
    names = [(f"gpu{index}", tr("GPU {index}", index=index), _ROLE) for index in range(16)]
    plot = TimePlot(theme, tr("Utilisation"), names, unit="percent", time_range=TimeRange(theme, width=600.0))
    qtbot.addWidget(plot)
    plot.resize(700, 300)
    plot.show()
    qtbot.waitExposed(plot)
    for key, _name, _colour in names:
        plot.set_series(key, [-2.0, 0.0], [100.0, 100.0])
    qtbot.waitUntil(lambda: plot.value_shown("gpu15") == "100 %")
    assert plot.width() == 700
    assert plot.minimumSizeHint().width() <= 700
    assert all(plot.rect().contains(entry.geometry().bottomRight()) for entry in plot.findChildren(LegendEntry))
    plot.hide()  # nobody holds it from here on, and a painting may be due
