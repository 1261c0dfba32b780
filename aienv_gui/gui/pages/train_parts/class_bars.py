"""How the pictures spread over the classes: a bar a class, with its name and number."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from aienv_gui.core.wording import tr, tr_count
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import say

_ROW = 22
_NAME_MOST = 140
_NUMBER = 64
_COLUMN = 300  # the least width of a name, a bar and a number
_MOST = 40


class ClassBars(QWidget):
    """Painted in as many columns as there is room for; beyond `_MOST` classes the rest is said in words."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._classes: tuple[tuple[str, int], ...] = ()
        self._more = 0
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        say(self, "setAccessibleName", tr("Examples of each class"))
        theme.changed.connect(self._repaint)

    def set_classes(self, classes: Sequence[tuple[str, int]]) -> None:
        """Show classes with their number of pictures."""
        self._classes = tuple(classes[:_MOST])
        self._more = len(classes) - len(self._classes)
        words = ", ".join(f"{name}: {count}" for name, count in classes)
        say(self, "setAccessibleDescription", tr("{list}", list=words))
        say(self, "setToolTip", tr_count("One class", "{count} classes", len(classes)))
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        columns = max(1, width // _COLUMN)
        rows = -(-len(self._classes) // columns)
        return (rows + bool(self._more)) * _ROW

    def sizeHint(self) -> QSize:
        return QSize(2 * _COLUMN, self.heightForWidth(2 * _COLUMN))

    def minimumSizeHint(self) -> QSize:
        return QSize(_COLUMN, _ROW)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._classes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        columns = max(1, self.width() // _COLUMN)
        rows = -(-len(self._classes) // columns)
        width = self.width() / columns
        largest = max(count for _, count in self._classes) or 1
        metrics = painter.fontMetrics()
        named = min(_NAME_MOST, 16 + max(metrics.horizontalAdvance(name) for name, _ in self._classes))
        for index, (name, count) in enumerate(self._classes):
            left, top = index // rows * width, index % rows * _ROW
            painter.setPen(self._theme.color("text"))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, named - 12)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(left, top, named - 12, _ROW), middle | Qt.AlignmentFlag.AlignLeft, shown)
            room = width - named - _NUMBER
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("raised"))
            painter.drawRoundedRect(QRectF(left + named, top + 7, room, 8), 4, 4)
            painter.setBrush(self._theme.color("accent"))
            painter.drawRoundedRect(QRectF(left + named, top + 7, max(8.0, room * count / largest), 8), 4, 4)
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QRectF(left + named + room + 8, top, _NUMBER - 8, _ROW), middle, f"{count:,}")
        if self._more:
            painter.setPen(self._theme.color("muted"))
            text = str(tr_count("and one more class", "and {count} more classes", self._more))
            painter.drawText(QRectF(0, rows * _ROW, self.width(), _ROW), Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()

    @Slot()
    def _repaint(self) -> None:
        self.update()
