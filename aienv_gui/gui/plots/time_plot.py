"""A live plot over time: cheap with a million points, readable by mouse, keyboard and screen reader."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFont, QKeyEvent, QMouseEvent, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsScene, QGraphicsView, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, verbatim
from aienv_gui.gui.plots.axes import (
    RIGHT_MARGIN,
    TimeAxis,
    ValueAxis,
    clock,
    redraw,
    round_step,
    value_text,
    wall_clock,
)
from aienv_gui.gui.plots.curves import Bands, Curve, Uprights, line_pen
from aienv_gui.gui.plots.decimation import Array, Pyramid, decimate
from aienv_gui.gui.plots.legend import LegendEntry, place_legend
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.widgets.exposure import Exposure
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_CLOSER = 0.8  # one step of the wheel or the keyboard shows so much of what was shown
_BY_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
_NOTHING: Array = np.empty(0)


@dataclass(slots=True)
class _Series:
    role: str
    curve: Curve
    entry: LegendEntry
    shown: bool = True
    pyramid: Pyramid = field(default_factory=Pyramid)
    x: Array = field(default_factory=lambda: _NOTHING)
    y: Array = field(default_factory=lambda: _NOTHING)


class _Canvas(pg.GraphicsView):  # type: ignore[misc]  # pyqtgraph has no types
    """Tells its plot how long each painting took, in seconds."""

    painted = Signal(float)

    def paintEvent(self, event: QPaintEvent) -> None:
        began = time.perf_counter()
        super().paintEvent(event)
        self.painted.emit(time.perf_counter() - began)


class TimePlot(QWidget):
    """Curves over a time axis. GUI thread only.

    `series` are (key, name, colour role of the theme). `unit` is one of `axes.UNITS`. `time_range` is the axis to share
    with others; without one x is seconds since the start. The axis follows the data until the user moves it (drag,
    Ctrl + wheel; a double click follows again). `y_range` fixes the value axis; `y_floor` only keeps its lower end. The
    points of keys in `dots` are marked while they lie apart.

    Where the plot has the focus, Left and Right move the reading cursor, with Shift the part that is shown; plus and
    minus make that smaller and larger; Escape takes the cursor away.
    """

    def __init__(
        self,
        theme: Theme,
        title: Text,
        series: Sequence[tuple[str, Text, str]],
        *,
        unit: str = "number",
        time_range: TimeRange | None = None,
        y_range: tuple[float, float] | None = None,
        y_floor: float | None = None,
        dots: Collection[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._unit = unit
        self._y_range = y_range
        self._y_floor = y_floor
        self._markers: tuple[tuple[float, Text], ...] = ()
        self._named_bands: tuple[tuple[float, float, Text], ...] = ()
        self._dirty = True
        self._exposure = Exposure(self)
        self._exposure.changed.connect(self._on_exposed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        header = QHBoxLayout()
        header.setSpacing(6)
        outer.addLayout(header)
        self._title = Label(title, role="strong", parent=self)
        self._title.setWordWrap(False)
        header.addWidget(self._title)
        header.addStretch(1)
        self._moment = Label(role="caption", parent=self)
        self._moment.setWordWrap(False)
        header.addWidget(self._moment)
        entries = [LegendEntry(name, self) for _key, name, _role in series]
        place_legend(entries, header, outer, self)

        self._axis = TimeAxis(wall=time_range is not None and time_range.wall)
        self._values = ValueAxis(unit)
        # Put together here: pyqtgraph's PlotWidget brings menus and forms of its own, which cost time and outlive it.
        self._plot = _Canvas(self)
        # The default repaints the union of many small rectangles, ten times slower with two curves.
        self._plot.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setFrameShape(QFrame.Shape.NoFrame)
        self._plot.setMinimumHeight(120)
        self._view = pg.ViewBox(enableMenu=False, defaultPadding=0.0)
        layout = pg.GraphicsLayout()
        layout.setContentsMargins(0, 8, RIGHT_MARGIN, 4)  # room for half of the outermost labels
        layout.setSpacing(0)
        for item, row, column in ((self._values, 0, 0), (self._view, 0, 1), (self._axis, 1, 1)):
            layout.addItem(item, row, column)
        self._values.linkToView(self._view)
        self._axis.linkToView(self._view)
        self._plot.setCentralItem(layout)
        self._plot.scene().setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)  # of a handful of items
        self._view.disableAutoRange()
        self._view.setMouseEnabled(x=False, y=False)  # moved by our own event filter, for all linked plots at once
        self._plot.viewport().installEventFilter(self)
        self._plot.viewport().setMouseTracking(True)
        outer.addWidget(self._plot, 1)

        self._bands = Bands(self._view)
        self._marks = Uprights(self._view)
        self._series: dict[str, _Series] = {}
        for (key, _name, role), entry in zip(series, entries, strict=True):
            curve = Curve(self._view, dots=key in dots)
            self._series[key] = _Series(role, curve, entry)
        self._cursor = Uprights(self._view)

        self._dragged_from: tuple[float, tuple[float, float]] | None = None
        self._range = time_range or TimeRange(self)
        self._join(self._range)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        say(self, "setAccessibleName", title)
        say(self, "_reword", title)

    # What callers use.

    def set_series(self, key: str, x: ArrayLike, y: ArrayLike) -> None:
        """Show these points; `x` ascends, NaN in `y` is a gap. The arrays are not copied: do not change them later.

        Cheap: drawn at most 20 times a second, less often where that costs much, and not at all while hidden.
        """
        self.set_curves(x, {key: y})

    def set_curves(self, x: ArrayLike, curves: Mapping[str, ArrayLike]) -> None:
        """As `set_series`, for several keys that have their points at the same `x`."""
        shared = np.asarray(x, dtype=np.float64)
        for key, y in curves.items():
            series = self._series[key]
            series.x, series.y = shared, np.asarray(y, dtype=np.float64)
        self._on_data()

    def set_markers(self, markers: Sequence[tuple[float, Text]]) -> None:
        """Mark moments (checkpoints): a vertical line each, and its words when the cursor is there."""
        self._markers = tuple(markers)
        self._on_data()

    def set_bands(self, bands: Sequence[tuple[float, float, Text]]) -> None:
        """Tint stretches of time (trainings): from, to, and the words when the cursor is there."""
        if tuple(bands) != self._named_bands:
            self._named_bands = tuple(bands)
            self._bands.set_spans(np.array([(begin, end) for begin, end, _ in bands]).reshape(-1, 2))
            self._on_cursor()

    def set_shown(self, keys: Collection[str]) -> None:
        """Show the curves of these keys only."""
        for key, series in self._series.items():
            if series.shown != (key in keys):
                series.shown = key in keys
                series.entry.setVisible(series.shown)
                self._schedule()

    def set_summary(self, text: Text) -> None:
        """The live sentence for screen readers and the tool tip: "loss 0.42, falling"."""
        say(self, "setAccessibleDescription", text)

    def set_title(self, title: Text) -> None:
        self._title.say(title)
        say(self, "setAccessibleName", title)

    def clear(self) -> None:
        """Take all points, markers and the user's choice of range away."""
        for series in self._series.values():
            series.x = series.y = _NOTHING
        self._markers = ()
        self._range.point_at(None)
        self._range.choose(None)
        self._schedule()

    def link_x(self, other: TimePlot) -> None:
        """Share the time axis and the reading cursor with `other` (and all that are linked to it)."""
        if other._range is not self._range:
            self.leave()
            self._range = other._range
            self._join(self._range)

    def leave(self) -> None:
        """Part from the plots this one is linked to, before it is deleted."""
        self._range.members.remove(self)
        self._range.changed.disconnect(self._schedule)
        self._range.cursor_moved.disconnect(self._on_cursor)
        self._plot.painted.disconnect(self._range.add_cost)

    def show_time_axis(self, visible: bool) -> None:
        """Hide the labels of the time axis, for all but the lowest of linked plots."""
        self._axis.setStyle(showValues=visible)
        self._axis.setHeight(None if visible else 4)

    def set_canvas_height(self, height: int) -> None:
        """Fix the height of what is below the title and the names."""
        self._plot.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def data_span(self) -> tuple[float, float] | None:
        """The first and the last x of all series, or None where there is nothing."""
        spans = [(s.x[0], s.x[-1]) for s in self._series.values() if len(s.x)]
        return (float(min(a for a, _ in spans)), float(max(b for _, b in spans))) if spans else None

    def points_drawn(self, key: str) -> int:
        """How many points the curve of `key` was last drawn with."""
        x, _ = self._series[key].curve.points()
        return len(x)

    def value_shown(self, key: str) -> str:
        """The number in the legend: at the cursor, otherwise the newest."""
        return self._series[key].entry.value.text()

    def time_range(self) -> tuple[float, float]:
        """The part of the time axis that is shown."""
        return self._range.value()

    # Drawing.

    def _join(self, shared: TimeRange) -> None:
        shared.members.append(self)
        shared.changed.connect(self._schedule)
        shared.cursor_moved.connect(self._on_cursor)
        self._plot.painted.connect(shared.add_cost)
        self._schedule()

    def _on_data(self) -> None:
        self._dirty = True
        if self._exposure.seen:
            self._range.draw_soon(asked=False)

    @Slot()
    def _schedule(self) -> None:
        self._dirty = True
        if self._exposure.seen:
            self._range.draw_soon(asked=True)

    @Slot(bool)
    def _on_exposed(self, seen: bool) -> None:
        if seen and self._dirty:
            self._range.draw_soon(asked=True)

    def draw(self) -> None:
        """Draw what has changed: for the range that this plot shares."""
        low, high = self._range.value()
        # Linked plots follow when data of another moved the shared range.
        if not self._exposure.seen or not (self._dirty or self._view.viewRange()[0] != [low, high]):
            return
        self._dirty = False
        columns = max(50, round(self._view.width()))
        smallest, largest = math.inf, -math.inf
        for series in self._series.values():
            if not series.shown:
                series.curve.set_points(_NOTHING, _NOTHING)
                continue
            x, y = decimate(series.x, series.y, low, high, columns, series.pyramid)
            series.curve.set_points(x, y)
            finite = y[np.isfinite(y)]
            if len(finite):
                smallest, largest = min(smallest, float(finite.min())), max(largest, float(finite.max()))
        bottom, top = self._y_limits(smallest, largest)
        self._view.setRange(xRange=(low, high), yRange=(bottom, top), padding=0)
        self._marks.set_moments(np.array([place for place, _ in self._markers if low <= place <= high]))
        self._show_values(low, high)

    def _y_limits(self, smallest: float, largest: float) -> tuple[float, float]:
        if self._y_range is not None:
            return self._y_range
        if smallest > largest:
            smallest, largest = 0.0, 1.0
        if self._y_floor is not None:
            smallest = self._y_floor
        room = (largest - smallest) * 0.06 or abs(largest) * 0.1 or 0.5
        # In steps: the axis stands still, and need not be drawn again, while the noise goes a little up and down.
        step = round_step(room)
        top = math.ceil((largest + room) / step) * step
        return smallest if self._y_floor is not None else math.floor((smallest - room) / step) * step, top

    def _show_values(self, low: float, high: float) -> None:
        """In the legend: at the cursor, or the newest where there is none in the range that is shown."""
        place = self._range.cursor
        if place is None or not low <= place <= high:
            self._cursor.set_moments(_NOTHING)
            self._moment.say("")
            for series in self._series.values():
                known = series.y[np.isfinite(series.y)] if len(series.y) < 2000 else series.y[-1:]
                series.entry.show_value(value_text(float(known[-1]), self._unit) if len(known) else "–")
            return
        self._cursor.set_moments(np.array([place]))
        words = wall_clock(place) if self._range.wall else clock(place)
        reach = (high - low) / max(1.0, self._view.width()) * 5
        for at, text in self._markers:
            if abs(at - place) <= reach:
                words = f"{text} · {words}"
        for begin, end, text in self._named_bands:
            if begin <= place <= end:
                words = f"{text} · {words}"
        self._moment.say(words)
        for series in self._series.values():
            series.entry.show_value(value_text(_nearest(series.x, series.y, place), self._unit))

    @Slot()
    def _on_cursor(self) -> None:
        if self._exposure.seen:
            self._show_values(*self._range.value())

    @Slot()
    def _on_theme(self) -> None:
        colour = self._theme.color
        self._plot.setBackground(colour("surface"))
        small = QFont(self.font())
        small.setPointSizeF(small.pointSizeF() * 0.9)
        for axis in (self._axis, self._values):
            axis.setPen(pg.mkPen(colour("border")))
            axis.setTickPen(pg.mkPen(colour("grid")))
            axis.setTextPen(pg.mkPen(colour("muted")))
            axis.setTickFont(small)
            axis.setZValue(-1000)  # the grid lies under the curves
        self._values.setGrid(255)
        for series in self._series.values():
            series.curve.set_pen(line_pen(colour(series.role)))
            series.entry.swatch.setStyleSheet(f"background: {colour(series.role).name()}; border-radius: 2px;")
        self._cursor.set_pen(line_pen(colour("muted")))
        self._bands.set_colour(colour("accent_soft"))
        self._marks.set_pen(line_pen(colour("warn"), Qt.PenStyle.DotLine))

    def _reword(self, _title: str) -> None:
        """Called through `say` at each change of language."""
        redraw(self._axis)
        redraw(self._values)
        self._schedule()

    # Mouse and keyboard.

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self._range.cursor is None and event.reason() in _BY_KEYBOARD:
            self._range.point_at(self._range.value()[1])  # shows where the keyboard is

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._range.point_at(None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if isinstance(event, QMouseEvent):
            return self._mouse(event)
        if kind == QEvent.Type.Leave:
            self._range.point_at(None)
        elif isinstance(event, QWheelEvent):
            if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                event.ignore()  # the page scrolls
                return True
            self._range.zoom(_CLOSER if event.angleDelta().y() > 0 else 1 / _CLOSER, self._place(event.position()))
            return True
        return super().eventFilter(watched, event)

    def _mouse(self, event: QMouseEvent) -> bool:
        kind = event.type()
        left = Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseButtonDblClick:
            self._range.choose(None)
        elif kind == QEvent.Type.MouseButtonPress and event.button() == left:
            self._dragged_from = (event.position().x(), self._range.value())
        elif kind == QEvent.Type.MouseButtonRelease:
            self._dragged_from = None
        elif kind == QEvent.Type.MouseMove:
            if self._dragged_from is not None:
                start, (low, high) = self._dragged_from
                shift = (start - event.position().x()) / max(1.0, self._view.width()) * (high - low)
                self._range.show(low + shift, high + shift)
            else:
                low, high = self._range.value()
                place = self._place(event.position())
                self._range.point_at(place if low <= place <= high else None)
        return True

    def _place(self, position: QPointF) -> float:
        return float(self._view.mapSceneToView(self._plot.mapToScene(position.toPoint())).x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        low, high = self._range.value()
        now = self._range.cursor
        step = (high - low) / 50
        places = {
            Qt.Key.Key_Left: (high if now is None else now) - step,
            Qt.Key.Key_Right: (low if now is None else now) + step,
            Qt.Key.Key_Home: low,
            Qt.Key.Key_End: high,
        }
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus):
            middle = (low + high) / 2 if now is None else now
            self._range.zoom(_CLOSER if key == Qt.Key.Key_Plus else 1 / _CLOSER, middle)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            shift = (high - low) / 4 * (1 if key == Qt.Key.Key_Right else -1)
            self._range.show(low + shift, high + shift)
        elif key in places:
            self._range.point_at(min(max(places[key], low), high))
            self._read_aloud()
        elif key == Qt.Key.Key_Escape and now is not None:
            self._range.point_at(None)
        else:
            super().keyPressEvent(event)

    def _read_aloud(self) -> None:
        values = ", ".join(series.entry.value.text() for series in self._series.values())
        say(self, "setAccessibleDescription", verbatim(f"{self._moment.text()}: {values}"))


def _nearest(x: Array, y: Array, place: float) -> float:
    """The value of the point nearest to `place`, NaN outside of the data."""
    if not len(x) or place < x[0] - (x[-1] - x[0]) * 0.02 - 1 or place > x[-1] + (x[-1] - x[0]) * 0.02 + 1:
        return math.nan
    at = int(np.searchsorted(x, place))
    if at >= len(x) or (at > 0 and place - x[at - 1] < x[at] - place):
        at -= 1
    return float(y[at])
