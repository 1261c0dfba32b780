"""A series of numbers as lines over named stretches: what was, what was forecast, and which part is for what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import Language, say

_HEIGHT = 190
_PADDING = 6
_TINT = 0.25  # how much of a band's colour lies over the ground


@dataclass(frozen=True, slots=True)
class Line:
    """Values at ascending places; NaN is a gap. `role` is the colour's."""

    name: Text
    role: str
    places: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Band:
    """What values may well be at ascending places, from `low` to `high`. `role` is the colour's."""

    name: Text
    role: str
    places: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the places with a name; `tinted` stands out."""

    begin: float
    end: float
    name: Text
    tinted: bool = False


class SeriesPlot(QWidget):
    """Painted once for each change into a picture; screen readers get a sentence. GUI thread only."""

    def __init__(self, theme: Theme, language: Language, title: Text, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: tuple[Line, ...] = ()
        self._band: Band | None = None
        self._stretches: tuple[Stretch, ...] = ()
        self._ends = ("", "")
        self._labels: dict[float, str] = {}
        self._picture: QPixmap | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_HEIGHT)  # a page that is too small for its labels would squeeze it
        say(self, "setAccessibleName", title)
        theme.changed.connect(self._forget)
        language.changed.connect(self._forget)

    def show_lines(
        self,
        lines: Sequence[Line],
        sentence: Text,
        ends: tuple[str, str],
        *,
        band: Band | None = None,
        stretches: Sequence[Stretch] = (),
        labels: Sequence[tuple[float, str]] = (),
    ) -> None:
        """Show lines; `sentence` says what they show, `ends` are what the first and the last place are called.

        `band`, where there is one, lies behind them, at places that a line has too.

        `labels` name places: pointed at, they are said with their values.
        """
        self._lines, self._stretches, self._ends = tuple(lines), tuple(stretches), ends
        self._band = band
        self._labels = dict(labels)
        say(self, "setAccessibleDescription", sentence)
        self._forget()

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    @property
    def band(self) -> Band | None:
        return self._band

    def sizeHint(self) -> QSize:
        return QSize(420, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture = None

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not any(len(line.places) for line in self._lines):
            return
        if self._picture is None:
            ratio = self.devicePixelRatioF()
            self._picture = QPixmap(self.size() * ratio)
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(Qt.GlobalColor.transparent)
            with QPainter(self._picture) as painter:
                painter.setFont(self.font())
                self._draw(painter)
        with QPainter(self) as painter:
            painter.drawPixmap(0, 0, self._picture)

    # Where things are.

    def _frame(self) -> QRectF:
        line = self.fontMetrics().height() + 4
        low, high = self._limits()
        left = max(self.fontMetrics().horizontalAdvance(text) for text in (f"{low:.4g}", f"{high:.4g}")) + _PADDING
        return QRectF(left, line, self.width() - left - 1, self.height() - 2 * line)

    def _span(self) -> tuple[float, float]:
        places = [place for line in self._lines for place in (*line.places[:1], *line.places[-1:])]
        places += [place for stretch in self._stretches for place in (stretch.begin, stretch.end)]
        low, high = min(places), max(places)
        return low, high if high > low else low + 1

    def _limits(self) -> tuple[float, float]:
        values = [value for line in self._lines for value in line.values if math.isfinite(value)]
        values += [*self._band.low, *self._band.high] if self._band is not None else []
        low, high = min(values, default=0.0), max(values, default=1.0)
        return low, high if high > low else low + 1

    # Drawing.

    def _draw(self, painter: QPainter) -> None:
        frame, (first, last), (low, high) = self._frame(), self._span(), self._limits()
        colour = self._theme.color
        line = painter.fontMetrics().height() + 4

        def across(place: float) -> float:
            return frame.left() + (place - first) / (last - first) * frame.width()

        def at(place: float, value: float) -> QPointF:
            return QPointF(across(place), frame.bottom() - (value - low) / (high - low) * frame.height())

        for stretch in self._stretches:
            left, right = across(stretch.begin), across(stretch.end)
            area = QRectF(left, frame.top(), right - left, frame.height())
            if stretch.tinted:
                painter.fillRect(area, colour("raised"))
            painter.setPen(QPen(colour("control_line"), 1, Qt.PenStyle.DotLine))
            if stretch.begin > first:
                painter.drawLine(area.topLeft(), area.bottomLeft())
            painter.setPen(colour("muted"))
            above = QRectF(area.left() + 2, 0, max(0.0, area.width() - 4), line)
            name = painter.fontMetrics().elidedText(str(stretch.name), Qt.TextElideMode.ElideRight, int(above.width()))
            painter.drawText(above, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.setPen(QPen(colour("grid"), 1))
        painter.drawRect(frame)
        painter.setPen(colour("muted"))
        beside = QRectF(0, frame.top(), frame.left() - _PADDING, frame.height())
        painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, f"{high:.4g}")
        painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, f"{low:.4g}")
        below = QRectF(frame.left(), frame.bottom() + 2, frame.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, self._ends[0])
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, self._ends[1])
        if len(self._lines) > 1:
            self._draw_names(painter, below)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(frame.adjusted(-1, -1, 1, 1))
        if self._band is not None:
            band, tint = self._band, QColor(colour(self._band.role))
            tint.setAlphaF(_TINT)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tint)
            edge = [*map(at, band.places, band.low), *reversed([*map(at, band.places, band.high)])]
            painter.drawPolygon(QPolygonF(edge))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        for one in self._lines:
            painter.setPen(QPen(colour(one.role), 1))
            for part in _parts(one):
                points = [at(place, value) for place, value in part]
                if len(points) == 1:
                    painter.drawEllipse(points[0], 1, 1)
                else:
                    painter.drawPolyline(QPolygonF(points))

    def _draw_names(self, painter: QPainter, below: QRectF) -> None:
        """In the middle below the lines, each in its colour; left out where there is no room."""
        metrics = painter.fontMetrics()
        names = [str(line.name) for line in self._lines]
        needed = sum(metrics.horizontalAdvance(name) + 28 for name in names)
        taken = 2 * max(metrics.horizontalAdvance(end) for end in self._ends) + 24
        if needed + taken > below.width():
            return
        x, middle = below.center().x() - needed / 2, below.top() + metrics.height() / 2
        for line, name in zip(self._lines, names, strict=True):
            painter.setPen(QPen(self._theme.color(line.role), 2))
            painter.drawLine(QPointF(x, middle), QPointF(x + 12, middle))
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QPointF(x + 16, below.top() + metrics.ascent()), name)
            x += metrics.horizontalAdvance(name) + 28

    # Reading.

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.reading_at(event.pos().x()), self)
            return True
        return super().event(event)

    def reading_at(self, x: float) -> str:
        """What stands at a point across: the place and its values; nothing where no place is near."""
        if not self._labels:
            return ""
        frame, (first, last) = self._frame(), self._span()
        pointed = first + (x - frame.left()) / max(1.0, frame.width()) * (last - first)
        place = min(self._labels, key=lambda known: abs(known - pointed))
        values = [
            f"{line.name} {value:.5g}" if len(self._lines) > 1 else f"{value:.5g}"
            for line in self._lines
            for known, value in zip(line.places, line.values, strict=True)
            if known == place and math.isfinite(value)
        ]
        if self._band is not None and place in self._band.places:
            near = list(self._band.places).index(place)
            values.append(f"{self._band.name} {self._band.low[near]:.5g} – {self._band.high[near]:.5g}")
        return ": ".join(part for part in (self._labels[place], ", ".join(values)) if part)

    @Slot()
    def _forget(self) -> None:
        self._picture = None
        self.update()


def _parts(line: Line) -> list[list[tuple[float, float]]]:
    """A line from gap to gap."""
    parts: list[list[tuple[float, float]]] = [[]]
    for place, value in zip(line.places, line.values, strict=True):
        if math.isfinite(value):
            parts[-1].append((place, value))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]
