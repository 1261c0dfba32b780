"""Curves over time: few points for the same picture, one shared axis, readable without a mouse; and small drawings."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QToolTip, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.core.wording import tr
from aienv_gui.gui.plots.axes import TimeAxis, ago, clock, value_text, wall_clock
from aienv_gui.gui.plots.decimation import decimate
from aienv_gui.gui.plots.sparkline import CoreBars, MetricTile
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import Language

_SERIES = [
    ("train", tr("Training"), "series_train"),
    ("validation", tr("Validation"), "series_validation"),
]
_NOON = 1_800_014_400.0  # seconds since the epoch


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
    assert ago(-130) == "2:10 ago"
    assert ago(-0.2) == "now"
    assert wall_clock(datetime.now().replace(hour=9, minute=5, second=7).timestamp()) == "09:05:07"
    assert wall_clock(datetime(2026, 1, 2, 3, 4, 5).timestamp()) == "2026-01-02 03:04:05"


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
    plot._range.show(100.0, 200.0)
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


@pytest.fixture
def wall_plot(qtbot: QtBot, theme: Theme) -> TimePlot:
    """The last minute of two cards, of which ten minutes are known."""
    names = [("a", tr("GPU {index}", index=0), "series_gpu"), ("b", tr("GPU {index}", index=1), "series_cpu")]
    made = TimePlot(theme, tr("Load"), names, unit="percent", time_range=TimeRange(theme, width=60.0))
    qtbot.addWidget(made)
    made.resize(600, 240)
    made.show()
    qtbot.waitExposed(made)
    times = _NOON + np.arange(-600.0, 1.0)
    made.set_series("a", times, np.linspace(0, 100, 601))
    made.set_series("b", times, np.linspace(50, 60, 601))
    qtbot.waitUntil(lambda: made.points_drawn("b") > 1)
    return made


def test_the_last_seconds_are_followed_until_the_user_looks_back(qtbot: QtBot, wall_plot: TimePlot) -> None:
    plot = wall_plot
    assert plot.time_range() == (_NOON - 60, _NOON)
    plot.set_series("a", [_NOON - 600, _NOON + 5], [1.0, 2.0])
    assert plot.time_range() == (_NOON - 55, _NOON + 5)
    wheel(plot, -1, Qt.KeyboardModifier.ControlModifier)  # shows more than it follows
    low, high = plot.time_range()
    assert high - low == pytest.approx(75)
    plot.set_series("a", [_NOON - 600, _NOON + 9], [1.0, 2.0])
    assert plot.time_range() == (low, high)
    for _ in range(20):
        wheel(plot, -1, Qt.KeyboardModifier.ControlModifier)
    assert plot.time_range() == (_NOON - 600, _NOON + 9)  # all that is known, and no further
    qtbot.mouseDClick(plot._plot.viewport(), Qt.MouseButton.LeftButton)
    assert plot.time_range() == (_NOON - 51, _NOON + 9)
    plot._range.follow(3600.0)
    assert plot.time_range() == (_NOON + 9 - 3600, _NOON + 9)  # begins before anything was known


def test_the_keyboard_looks_back_too(qtbot: QtBot, wall_plot: TimePlot) -> None:
    plot = wall_plot
    qtbot.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert plot.time_range() == (_NOON - 75, _NOON - 15)
    qtbot.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert plot.time_range() == (_NOON - 60, _NOON)
    qtbot.keyClick(plot, Qt.Key.Key_Plus)
    low, high = plot.time_range()
    assert (low + high) / 2 == pytest.approx(_NOON - 30)
    assert high - low == pytest.approx(48)


def test_curves_can_be_switched_off(qtbot: QtBot, wall_plot: TimePlot, theme: Theme) -> None:
    plot = wall_plot
    plot.set_shown(["b"])
    qtbot.waitUntil(lambda: plot.points_drawn("a") == 0)
    assert plot.points_drawn("b") > 1
    found = colours(plot.grab().toImage())
    assert theme.color("series_cpu").name() in found
    assert theme.color("series_gpu").name() not in found
    plot.set_shown(["a", "b"])
    qtbot.waitUntil(lambda: plot.points_drawn("a") > 1)


def test_trainings_are_tinted_and_named(qtbot: QtBot, wall_plot: TimePlot, theme: Theme) -> None:
    plot = wall_plot
    tint = theme.color("accent_soft").name()
    assert tint not in colours(plot.grab().toImage())
    plot.set_bands([(_NOON - 30, _NOON - 10, tr("Training")), (_NOON - 5000, _NOON - 4000, tr("Loss"))])
    assert tint in colours(plot.grab().toImage())
    plot._range.point_at(_NOON - 20)
    assert plot._moment.text().startswith("Training · ")
    plot._range.point_at(_NOON - 40)
    assert "Training" not in plot._moment.text()


def test_ticks_are_the_full_hours_of_the_users_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        for zone in ("Asia/Kathmandu", "Asia/Shanghai", "America/New_York"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            axis = TimeAxis(wall=True)
            [(spacing, ticks)] = axis.tickValues(_NOON - 6 * 3600, _NOON, 700)
            assert spacing == 3600
            words = axis.tickStrings(ticks, 1.0, spacing)
            assert len(words) in (6, 7)
            assert all(word.endswith(":00") or "-" in word for word in words)
            assert axis.tickStrings([_NOON], 1.0, 10.0)[0].count(":") == 2
    finally:
        monkeypatch.undo()
        time.tzset()


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
