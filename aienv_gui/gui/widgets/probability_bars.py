"""The model's answer to one picture: its most likely classes as bars with percentages."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from aienv_gui.core.wording import percent, tr
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import say

_ROW = 28
_BAR = 10


class ProbabilityBars(QWidget):
    """A row a class, the most likely first. Screen readers get the first answer as a sentence."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._answers: tuple[tuple[str, float], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        say(self, "setAccessibleName", tr("The model's answer"))
        theme.changed.connect(self._repaint)

    @property
    def answers(self) -> tuple[tuple[str, float], ...]:
        """Classes with their probabilities (0 to 1), the most likely first."""
        return self._answers

    def set_answers(self, answers: Sequence[tuple[str, float]]) -> None:
        """Show classes with their probabilities (0 to 1)."""
        self._answers = tuple(sorted(answers, key=lambda answer: -answer[1]))
        if self._answers:
            name, probability = self._answers[0]
            text = tr("{name}, {probability} sure", name=name, probability=percent(probability, digits=1))
            say(self, "setAccessibleDescription", text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, _ROW * len(self._answers))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, _ROW * len(self._answers))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        names = min(self.width() * 0.4, max((metrics.horizontalAdvance(n) for n, _ in self._answers), default=0) + 12.0)
        figures = metrics.horizontalAdvance("100.0 %") + 8.0
        track = max(20.0, self.width() - names - figures - 12)
        middle = Qt.AlignmentFlag.AlignVCenter
        for index, (name, probability) in enumerate(self._answers):
            top = index * _ROW
            font = QFont(self.font())
            font.setBold(index == 0)
            painter.setFont(font)
            painter.setPen(self._theme.color("text" if index == 0 else "muted"))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(names - 8))
            painter.drawText(QRectF(0, top, names, _ROW), middle | Qt.AlignmentFlag.AlignLeft, shown)
            painter.drawText(
                QRectF(self.width() - figures, top, figures, _ROW),
                middle | Qt.AlignmentFlag.AlignRight,
                percent(probability, digits=1),
            )
            bar = QRectF(names, top + (_ROW - _BAR) / 2, track, _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("raised"))
            painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
            if probability > 0.004:
                painter.setBrush(self._theme.color("accent" if index == 0 else "control"))
                bar.setWidth(max(_BAR, track * probability))
                painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)

    @Slot()
    def _repaint(self) -> None:
        self.update()
