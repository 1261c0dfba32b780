"""Curves over time: few points for the same picture, one shared axis, readable without a mouse; and small drawings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QToolTip, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.core.wording import tr
from aienv_gui.gui.plots.axes import clock, moment, value_text
from aienv_gui.gui.plots.decimation import decimate
from aienv_gui.gui.plots.sparkline import CoreBars, MetricTile
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import Language

_SERIES = [
    ("train", tr("Training"), "series_train"),
    ("validation", tr("Validation"), "series_validation"),
]


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = Theme()
    made.set_mode("light")
    yield made
    made.deleteLater()


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme) -> TimePlot:
    made = TimePlot(theme, tr("Loss"), _SERIES, dots=("validation",))
    qtbot.addWidget(made)
    made.resize(700, 240)
    made.show()
    qtbot.waitExposed(made)
    return made


def drawn(qtbot: QtBot, plot: TimePlot, key: str, least: int = 1) -> None:
    qtbot.waitUntil(lambda: plot.points_drawn(key) >= least)


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


# Decimation


def test_few_points_stay_as_they_are() -> None:
    x = np.arange(10.0)
    got_x, got_y = decimate(x, x * 2, 0.0, 9.0, 100)
    np.testing.assert_array_equal(got_x, x)
    np.testing.assert_array_equal(got_y, x * 2)


def test_many_points_become_two_a_column_and_peaks_survive() -> None:
    x = np.arange(1_000_000.0)
    y = np.zeros_like(x)
    y[123_456], y[654_321] = 7.0, -3.0
    got_x, got_y = decimate(x, y, 0.0, 1e6, 500)
    assert len(got_x) == len(got_y) <= 1001
    assert (got_y.max(), got_y.min()) == (7.0, -3.0)
    assert abs(got_x[got_y.argmax()] - 123_456) <= 2000
    assert (got_x[-1], got_y[-1]) == (x[-1], y[-1])
    assert (np.diff(got_x) >= 0).all()


def test_only_what_is_shown_is_kept_with_one_neighbour_each_side() -> None:
    x = np.arange(100.0)
    got_x, _ = decimate(x, x, 40.0, 50.0, 100)
    assert (got_x[0], got_x[-1]) == (39.0, 51.0)


def test_uneven_steps_and_gaps() -> None:
    x = np.concatenate([np.linspace(0, 1, 5000), np.linspace(90, 100, 5000)])
    y = np.ones_like(x)
    y[5000:7500] = math.nan
    got_x, got_y = decimate(x, y, 0.0, 100.0, 100)
    assert np.isnan(got_y).any()
    assert np.nanmax(got_y) == 1.0
    assert len(got_x) <= 201


def test_nothing_to_draw() -> None:
    empty = np.empty(0)
    assert len(decimate(empty, empty, 0.0, 1.0, 100)[0]) == 0


# Words of the axes


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (83.2, "percent", "83 %"),
        (0.983, "fraction", "98.3 %"),
        (1.2e9, "bytes", "1.2 GB"),
        (1.2e6, "bytes_s", "1.2 MB/s"),
        (71.4, "celsius", "71 °C"),
        (0.04123, "number", "0.04123"),
        (math.nan, "number", "–"),
    ],
)
def test_values_in_their_unit(value: float, unit: str, words: str) -> None:
    assert value_text(value, unit) == words


def test_moments() -> None:
    assert clock(90) == "1:30"
    assert clock(7500) == "2:05:00"
    assert moment(-130, ago=True) == "2:10 ago"
    assert moment(-0.2, ago=True) == "now"
    assert moment(90, ago=False) == "1:30"


# The plot


def test_curves_are_drawn_and_the_newest_values_named(qtbot: QtBot, plot: TimePlot) -> None:
    plot.set_series("train", np.arange(100.0), np.linspace(2, 0.5, 100))
    plot.set_series("validation", [50.0], [0.75])
    drawn(qtbot, plot, "train", 100)
    assert plot.value_shown("train") == "0.5"
    assert plot.value_shown("validation") == "0.75"
    assert plot.time_range() == (0.0, 99.0)


def test_a_million_points_are_few_on_the_screen(qtbot: QtBot, plot: TimePlot) -> None:
    plot.set_series("train", np.arange(1e6), np.random.default_rng(1).random(1_000_000))
    drawn(qtbot, plot, "train")
    assert plot.points_drawn("train") <= 2 * plot.width() + 1


def test_first_point_shows_although_it_makes_no_line(qtbot: QtBot, plot: TimePlot, theme: Theme) -> None:
    plot.set_series("validation", [5.0], [0.75])
    drawn(qtbot, plot, "validation")
    assert theme.color("series_validation").name() in colours(plot.grab().toImage())


def test_nothing_is_drawn_while_hidden(qtbot: QtBot, plot: TimePlot) -> None:
    plot.hide()
    plot.set_series("train", [0.0, 1.0], [1.0, 2.0])
    qtbot.waitUntil(lambda: not plot._range.waiting)
    assert plot.points_drawn("train") == 0
    plot.show()
    drawn(qtbot, plot, "train", 2)


def test_many_new_values_are_one_redraw(qtbot: QtBot, plot: TimePlot, monkeypatch: pytest.MonkeyPatch) -> None:
    qtbot.waitUntil(lambda: not plot._range.waiting)
    draws: list[int] = []
    monkeypatch.setattr(plot._series["train"].curve, "set_points", lambda *_: draws.append(1))
    for count in range(1, 50):
        plot.set_series("train", np.arange(float(count)), np.arange(float(count)))
    qtbot.waitUntil(lambda: bool(draws))
    assert len(draws) == 1


def test_what_comes_by_itself_is_drawn_rarely_where_it_costs_much_and_what_the_user_asks_at_once(
    qtbot: QtBot, plot: TimePlot
) -> None:
    def delay_after(cost_s: float) -> int:
        qtbot.waitUntil(lambda: not plot._range.waiting)
        plot._range.add_cost(cost_s)
        plot.set_series("train", [0.0, 1000.0], [1.0, 2.0])
        return plot._range._timer.interval()

    assert delay_after(0.0) <= 1000
    assert delay_after(60.0) == 1000  # a minute's drawing does not make it stand still for an hour
    plot._choose(100.0, 200.0)
    assert plot._range._timer.interval() == 50


def test_linked_plots_share_range_and_cursor(qtbot: QtBot, theme: Theme) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    upper = TimePlot(theme, tr("Loss"), _SERIES, parent=window)
    lower = TimePlot(theme, tr("Load"), [("cpu", tr("CPU"), "series_cpu")], unit="percent", parent=window)
    lower.link_x(upper)
    column.addWidget(upper)
    column.addWidget(lower)
    window.resize(700, 400)
    window.show()
    qtbot.waitExposed(window)
    upper.set_series("train", [0.0, 100.0], [1.0, 2.0])
    lower.set_series("cpu", [50.0, 300.0], [10.0, 90.0])
    qtbot.waitUntil(lambda: upper._view.viewRange()[0] == lower._view.viewRange()[0] == [0.0, 300.0])
    view = upper._view.mapRectToScene(upper._view.boundingRect())
    assert view.left() == lower._view.mapRectToScene(lower._view.boundingRect()).left()
    upper._range.point_at(299.0)
    assert lower.value_shown("cpu") == "90 %"
    assert upper.value_shown("train") == "–"  # it has nothing there


def test_mouse_reads_values(qtbot: QtBot, plot: TimePlot) -> None:
    plot.set_series("train", np.arange(101.0), np.arange(101.0))
    drawn(qtbot, plot, "train", 101)
    viewport = plot._plot.viewport()
    qtbot.mouseMove(viewport, QPoint(5, 5))
    place = plot._plot.mapFromScene(plot._view.mapViewToScene(QPointF(25.0, 50.0)))
    qtbot.mouseMove(viewport, place)
    qtbot.waitUntil(lambda: plot.value_shown("train") in ("24", "25", "26"))
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    assert plot.value_shown("train") == "100"


def wheel(plot: TimePlot, steps: int, modifier: Qt.KeyboardModifier) -> None:
    viewport = plot._plot.viewport()
    middle = QPointF(viewport.rect().center())
    event = QWheelEvent(
        middle,
        viewport.mapToGlobal(middle),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def test_ctrl_and_wheel_zoom_and_a_double_click_shows_all(qtbot: QtBot, plot: TimePlot) -> None:
    plot.set_series("train", np.arange(1001.0), np.arange(1001.0))
    drawn(qtbot, plot, "train")
    wheel(plot, 1, Qt.KeyboardModifier.NoModifier)
    assert plot.time_range() == (0.0, 1000.0)  # the page scrolls instead
    wheel(plot, 1, Qt.KeyboardModifier.ControlModifier)
    low, high = plot.time_range()
    assert 0 < low < high < 1000
    plot.set_series("train", np.arange(2001.0), np.arange(2001.0))
    assert plot.time_range() == (low, high)  # stays where the user looks
    qtbot.mouseDClick(plot._plot.viewport(), Qt.MouseButton.LeftButton)
    assert plot.time_range() == (0.0, 2000.0)


def test_keyboard_reads_values_aloud(qtbot: QtBot, plot: TimePlot) -> None:
    plot.set_series("train", np.arange(101.0), np.arange(101.0))
    drawn(qtbot, plot, "train", 101)
    qtbot.keyClick(plot, Qt.Key.Key_Home)
    assert plot.value_shown("train") == "0"
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert plot.value_shown("train") == "2"
    assert plot.accessibleDescription() == "0:02: 2, –"
    qtbot.keyClick(plot, Qt.Key.Key_Escape)
    assert plot.value_shown("train") == "100"


def test_marks_are_named_at_the_cursor(qtbot: QtBot, plot: TimePlot) -> None:
    plot.set_series("train", np.arange(101.0), np.arange(101.0))
    plot.set_markers([(40.0, tr("Checkpoint"))])
    drawn(qtbot, plot, "train", 101)
    plot._range.point_at(40.2)
    assert plot._moment.text() == "Checkpoint · 0:40"


def test_seconds_ago_never_move(qtbot: QtBot, theme: Theme) -> None:
    plot = TimePlot(theme, tr("Load"), [("cpu", tr("CPU"), "series_cpu")], unit="percent", seconds_ago=600)
    qtbot.addWidget(plot)
    plot.show()
    plot.set_series("cpu", [-3.0, 0.0], [1.0, 2.0])
    drawn(qtbot, plot, "cpu", 2)
    wheel(plot, 1, Qt.KeyboardModifier.ControlModifier)
    assert plot.time_range() == (-600.0, 0.0)


def test_theme_and_language_reach_the_plot(qtbot: QtBot, plot: TimePlot, theme: Theme) -> None:
    language = Language()
    plot.set_series("train", np.arange(50.0), np.arange(50.0))
    drawn(qtbot, plot, "train", 50)
    theme.set_mode("dark")
    found = colours(plot.grab().toImage())
    assert theme.color("surface").name() in found
    assert theme.color("series_train").name() in found
    plot.set_title(tr("Temperature"))
    language.use("zh_CN")
    assert plot.accessibleName() == "温度"
    language.use("en")


def test_clear_forgets_everything(qtbot: QtBot, plot: TimePlot) -> None:
    plot.set_series("train", np.arange(50.0), np.arange(50.0))
    drawn(qtbot, plot, "train", 50)
    plot.clear()
    qtbot.waitUntil(lambda: plot.points_drawn("train") == 0)
    assert plot.data_span() is None


def test_summary_is_heard(plot: TimePlot) -> None:
    plot.set_summary(tr("Hardware"))
    assert (plot.accessibleName(), plot.accessibleDescription()) == ("Loss", "Hardware")


# The small drawings


@pytest.fixture
def tile(qtbot: QtBot, theme: Theme) -> MetricTile:
    made = MetricTile(theme, tr("Temperature"), [(None, "warn")], unit="celsius", high=100.0)
    qtbot.addWidget(made)
    made.resize(200, made.sizeHint().height())
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def tip_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[QWidget, int], str]:
    """What the tool tip at x says. Caught on its way to Qt, whose offscreen platform complains about tool tips."""
    said: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _place, text, _widget: said.append(text))

    def ask(widget: QWidget, x: int) -> str:
        place = QPoint(x, 10)
        QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, place, widget.mapToGlobal(place)))
        return said[-1]

    return ask


def test_tile_draws_its_history_with_gaps(tile: MetricTile, theme: Theme) -> None:
    ages = np.arange(-599.0, 1.0)
    values = np.full(600, 50.0)
    values[200:400] = math.nan
    tile.set_reading("50 °C")
    tile.set_history(ages, values)
    image = tile.grab().toImage()
    y = tile.height() - 3  # within the filled area
    filled = [image.pixelColor(x, y) != image.pixelColor(100, y) for x in (20, 100, 180)]
    assert filled == [True, False, True]
    assert tile.accessibleDescription() == "50 °C"


def test_tile_says_why_a_value_is_missing(tile: MetricTile, tip_at: Callable[[QWidget, int], str]) -> None:
    tile.set_reading("", reason=tr("This card does not report it."))
    assert tile.accessibleDescription() == "This card does not report it."
    assert "This card does not report it." in tip_at(tile, 20)


def test_tile_reads_its_past_at_the_mouse(tile: MetricTile, tip_at: Callable[[QWidget, int], str]) -> None:
    tile.set_history(np.array([-300.0, 0.0]), np.array([61.0, 72.0]))
    assert tip_at(tile, 199) == "now: 72 °C"
    assert tip_at(tile, 100) == "5:00 ago: 61 °C"
    assert tip_at(tile, 5) == "Temperature: the last ten minutes"


def test_many_cores_wrap(qtbot: QtBot, theme: Theme, tip_at: Callable[[QWidget, int], str]) -> None:
    bars = CoreBars(theme)
    qtbot.addWidget(bars)
    bars.set_percents((10.0, 90.0))
    one_row = bars.heightForWidth(300)
    bars.resize(300, one_row)
    assert tip_at(bars, 5) == "Core 0: 10 %"
    assert bars.accessibleDescription() == "10 %, 90 %"
    bars.set_percents(tuple(50.0 for _ in range(128)))
    assert bars.heightForWidth(300) == one_row * math.ceil(128 / 23)
