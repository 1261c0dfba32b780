"""What a plot draws over its axes: curves, upright lines and bands, in the pixels of the view.

pyqtgraph's own items ask for bounds, transforms and pixel sizes many times a painting, which costs more than the lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsObject

from aienv_gui.gui.plots.decimation import Array

_DOT = 6.0  # pixels across
_APART = 8  # pixels a dot, at least: closer ones are a line, and cost a lot
_NOTHING: Array = np.empty(0)


class _Overlay(QGraphicsObject):
    """As large as the view it lies in, which cuts off what is drawn beyond its sides."""

    def __init__(self, view: pg.ViewBox) -> None:
        super().__init__(view)
        self._view = view
        self._pen = QPen()
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        view.sigResized.connect(self._on_resized)

    def set_pen(self, pen: QPen) -> None:
        self._pen = pen
        self.update()

    def boundingRect(self) -> QRectF:
        rect: QRectF = self._view.rect()
        return rect

    @Slot()
    def _on_resized(self) -> None:
        self.prepareGeometryChange()

    def _places(self, x: Array) -> Array:
        """Where on the time axis, in pixels."""
        low, high = self._view.viewRange()[0]
        places: Array = (x - low) * (self._view.width() / (high - low))
        return places

    def _heights(self, y: Array) -> Array:
        bottom, top = self._view.viewRange()[1]
        heights: Array = (top - y) * (self._view.height() / (top - bottom))
        return heights


class Curve(_Overlay):
    """A line through points, broken where y is NaN; with `dots` each point is marked while they lie far apart."""

    def __init__(self, view: pg.ViewBox, *, dots: bool = False) -> None:
        super().__init__(view)
        self._dots = dots
        self._x = self._y = _NOTHING

    def set_points(self, x: Array, y: Array) -> None:
        """Draw these points: as few as the picture needs. Both are kept, not copied."""
        if len(x) or len(self._x):
            self._x, self._y = x, y
            self.update()

    def points(self) -> tuple[Array, Array]:
        return self._x, self._y

    def paint(self, painter: QPainter, _option: Any, _widget: Any = None) -> None:
        if not len(self._x):
            return
        x, y = self._places(self._x), self._heights(self._y)
        known = np.isfinite(y)
        painter.setPen(self._pen)
        for start, end in known_runs(known):
            line = _polygon(x[start:end], y[start:end])
            if end - start > 1:
                painter.drawPolyline(line)
            else:
                painter.drawPoints(line)  # it makes no line, and is seen all the same
        if self._dots and len(x) * _APART <= self._view.width():
            self._draw_dots(painter, _polygon(x[known], y[known]))

    def _draw_dots(self, painter: QPainter, places: QPolygonF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._pen.color(), _DOT, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(places)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


class Uprights(_Overlay):
    """Lines from the bottom to the top: moments that are marked."""

    def __init__(self, view: pg.ViewBox) -> None:
        super().__init__(view)
        self._moments = _NOTHING

    def set_moments(self, moments: Array) -> None:
        if len(moments) or len(self._moments):
            self._moments = moments
            self.update()

    def paint(self, painter: QPainter, _option: Any, _widget: Any = None) -> None:
        painter.setPen(self._pen)
        height = round(self._view.height())
        for x in np.rint(self._places(self._moments)):
            painter.drawLine(int(x), 0, int(x), height)


class Bands(_Overlay):
    """Stretches of time, tinted from the bottom to the top."""

    def __init__(self, view: pg.ViewBox) -> None:
        super().__init__(view)
        self._colour = QColor()
        self._spans = np.empty((0, 2))

    def set_colour(self, colour: QColor) -> None:
        self._colour = colour
        self.update()

    def set_spans(self, spans: Array) -> None:
        """Tint these; a row is a beginning and an end."""
        self._spans = spans
        self.update()

    def paint(self, painter: QPainter, _option: Any, _widget: Any = None) -> None:
        width, height = self._view.width(), self._view.height()
        for left, right in np.clip(self._places(self._spans), 0.0, width):
            if right > left:
                painter.fillRect(QRectF(left, 0.0, max(1.0, right - left), height), self._colour)


def known_runs(known: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of known values begin and end."""
    if known.all():
        return [(0, len(known))] if len(known) else []
    edges = np.flatnonzero(np.diff(known.view(np.int8), prepend=0, append=0))
    return list(zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True))


def line_pen(colour: QColor, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """One pixel wide always: wider pens are drawn a hundred times slower."""
    pen = QPen(colour, 1, style)
    pen.setCosmetic(True)
    return pen


def _polygon(x: Array, y: Array) -> QPolygonF:
    polygon = pg.functions.create_qpolygonf(len(x))
    points = pg.functions.ndarray_from_qpolygonf(polygon)
    points[:, 0], points[:, 1] = x, y
    assert isinstance(polygon, QPolygonF)
    return polygon
