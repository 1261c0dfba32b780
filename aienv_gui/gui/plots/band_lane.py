"""Named stretches of time as bars above the plots they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from aienv_gui.core.wording import Text, verbatim
from aienv_gui.gui.plots.axes import LEFT_WIDTH, RIGHT_MARGIN, wall_clock
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import say

_HEIGHT: Final = 24
_PADDING: Final = 6
_LEAST: Final = 4.0  # pixels of a bar, so that it can be hit


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time, in seconds since the epoch; `target` is what choosing it is about."""

    begin: float
    end: float
    name: str
    target: object


class BandLane(QWidget):
    """A click on a bar chooses it, as do the arrow keys and Enter. GUI thread only."""

    chosen = Signal(object)  # the target

    def __init__(self, theme: Theme, title: Text, time_range: TimeRange, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._range = time_range
        self._bands: tuple[Band, ...] = ()
        self._focused = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        say(self, "setAccessibleName", title)
        theme.changed.connect(self.update)
        time_range.members.append(self)
        time_range.changed.connect(self.update)

    def set_bands(self, bands: Sequence[Band]) -> None:
        """Show these, later ones over earlier ones."""
        if tuple(bands) != self._bands:
            self._bands = tuple(bands)
            self.draw()

    # As a member of the time range.

    def data_span(self) -> None:
        """It does not make the axis longer: only readings do."""

    def draw(self) -> None:
        self.update()

    # Geometry.

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def shown_bands(self) -> list[tuple[Band, QRectF]]:
        """The bars that reach into the part of the time that is shown, from left to right."""
        low, high = self._range.value()
        width = max(1.0, self.width() - LEFT_WIDTH - RIGHT_MARGIN)
        shown = []
        for band in sorted(self._bands, key=lambda band: band.begin):
            if band.end >= low and band.begin <= high:
                left, right = (
                    LEFT_WIDTH + (min(max(place, low), high) - low) / (high - low) * width
                    for place in (band.begin, band.end)
                )
                shown.append((band, QRectF(left, 2.0, max(_LEAST, right - left), _HEIGHT - 4.0)))
        return shown

    def _band_at(self, place: QPointF) -> Band | None:
        return next((band for band, rect in reversed(self.shown_bands()) if rect.contains(place)), None)

    # Painting and reading.

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        colour, metrics = self._theme.color, self.fontMetrics()
        for index, (band, rect) in enumerate(self.shown_bands()):
            focused = self.hasFocus() and index == self._focused
            painter.setPen(QPen(colour("accent"), 2) if focused else QPen(colour("accent_line"), 1))
            painter.setBrush(colour("accent_soft"))
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
            room = int(rect.width()) - 2 * _PADDING
            if room > metrics.averageCharWidth() * 3:
                painter.setPen(colour("text"))
                name = metrics.elidedText(band.name, Qt.TextElideMode.ElideRight, room)
                painter.drawText(rect.adjusted(_PADDING, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            band = self._band_at(QPointF(event.pos()))
            if band is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), _words(band), self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = self._band_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        band = self._band_at(event.position())
        if band is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(band.target)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._focus(len(self.shown_bands()) - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        shown = self.shown_bands()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._focus(self._focused + (1 if key == Qt.Key.Key_Right else -1))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and 0 <= self._focused < len(shown):
            self.chosen.emit(shown[self._focused][0].target)
        else:
            super().keyPressEvent(event)

    @Slot()
    def _focus(self, index: int) -> None:
        shown = self.shown_bands()
        self._focused = min(max(index, 0), max(0, len(shown) - 1))
        if shown:
            say(self, "setAccessibleDescription", verbatim(_words(shown[self._focused][0])))
        self.update()


def _words(band: Band) -> str:
    return f"{band.name}: {wall_clock(band.begin)} – {wall_clock(band.end)}"
