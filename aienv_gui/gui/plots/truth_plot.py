"""Numbers that were predicted over what is true: the nearer to the line, the better."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import say

_SIDE = 260
_DOT = 2.5


class TruthPlot(QWidget):
    """A dot for each example; screen readers get a sentence."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pairs: tuple[tuple[float, float], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        say(self, "setAccessibleName", tr("Truth and answer"))
        theme.changed.connect(self._repaint)

    def set_pairs(self, pairs: Sequence[tuple[float, float]], sentence: Text) -> None:
        """Show pairs of truth and answer; `sentence` says what they show."""
        self._pairs = tuple(pairs)
        say(self, "setAccessibleDescription", sentence)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_SIDE + 60, _SIDE)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._pairs:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        values = [value for pair in self._pairs for value in pair]
        low, high = min(values), max(values)
        span = high - low or 1.0
        metrics = painter.fontMetrics()
        line = metrics.height() + 4
        side = min(self.width() - line, self.height() - 2 * line)
        frame = QRectF(line, 4, side, side)
        painter.setPen(QPen(self._theme.color("control_line"), 1))
        painter.drawRect(frame)
        painter.drawLine(frame.bottomLeft(), frame.topRight())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("accent"))
        for truth, answer in self._pairs:
            across, up = (truth - low) / span, (answer - low) / span
            place = QPointF(frame.left() + across * side, frame.bottom() - up * side)
            painter.drawEllipse(place, _DOT, _DOT)
        painter.setPen(self._theme.color("muted"))
        below = QRectF(frame.left(), frame.bottom() + 2, side, line)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{low:.4g}")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{high:.4g}")
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, str(tr("truth")))
        painter.translate(0, frame.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, side, line), Qt.AlignmentFlag.AlignHCenter, str(tr("answer")))
        painter.end()

    @Slot()
    def _repaint(self) -> None:
        self.update()
