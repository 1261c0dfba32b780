"""The confusion matrix: which class was taken for which, as a coloured table that can be read cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from aienv_gui.core.wording import Text, shortened, tr, tr_count
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import Language, say

_LARGEST_CELL = 44
_LABEL_CHARACTERS = 14  # as wide as an n; a longer name is shown by its beginning and its end
_NUMBERED_CELL = 20  # smaller cells are no more than a coloured point
_LEAST_CELL, _LEAST_SIDE = 22, 264  # a cell may shrink below this where the whole would be wider than the least side
_LARGEST_SIDE = 720  # more would only make many classes scroll


class ConfusionMatrix(QWidget):
    """Rows are the truth, columns the model's answers; the diagonal is right.

    Shades are fractions of a row, so that a rare class is as readable as a common one. The arrow keys or the mouse
    choose a cell, whose meaning is said in a sentence (`sentence_changed`, tool tip and accessible description).
    """

    sentence_changed = Signal(object)  # Text

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._classes: tuple[str, ...] = ()
        self._matrix: tuple[tuple[int, ...], ...] = ()
        self._cursor: tuple[int, int] | None = None
        self._widest = 0  # name, in points
        self._picture: QPixmap | None = None  # everything but the cursor, painted once
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        say(self, "setAccessibleName", tr("Confusion matrix"))
        theme.changed.connect(self._repaint)

    def follow(self, language: Language) -> None:
        """Draw the words again when `language` changes."""
        language.changed.connect(self._repaint)

    def set_matrix(self, classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> None:
        """Show counts: ``matrix[truth][answer]`` examples of class `truth` were taken for `answer`.

        Raises ValueError where the matrix is not square over the classes.
        """
        rows = tuple(tuple(int(count) for count in row) for row in matrix)
        if len(rows) != len(classes) or any(len(row) != len(classes) for row in rows):
            raise ValueError("a confusion matrix has one row and one column a class")
        self._classes, self._matrix, self._cursor = tuple(classes), rows, None
        say(self, "setAccessibleDescription", self._summary())
        self._measure()
        self._repaint()

    def sentence(self, truth: int, answer: int) -> Text:
        """What a cell means, in words."""
        count, total = self._matrix[truth][answer], sum(self._matrix[truth])
        right, said = shortened(self._classes[truth]), shortened(self._classes[answer])
        if truth == answer:
            return tr(
                "{count} of {total} examples of “{truth}” were recognised.",
                count=count,
                total=total,
                truth=right,
            )
        return tr(
            "{count} of {total} examples of “{truth}” were taken for “{answer}”.",
            count=count,
            total=total,
            truth=right,
            answer=said,
        )

    def as_table(self) -> str:
        """The counts as tab-separated text with headings, for the clipboard and for screen readers."""
        lines = ["\t".join(["", *self._classes])]
        lines += ["\t".join([name, *map(str, row)]) for name, row in zip(self._classes, self._matrix, strict=True)]
        return "\n".join(lines)

    def _summary(self) -> Text:
        total = sum(map(sum, self._matrix))
        right = sum(row[i] for i, row in enumerate(self._matrix))
        return tr_count(
            "{right} of {count} example was recognised.",
            "{right} of {count} examples were recognised.",
            total,
            right=right,
        )

    # Geometry

    def sizeHint(self) -> QSize:
        return self._size_of(min(len(self._classes) * 36, _LARGEST_SIDE))

    def minimumSizeHint(self) -> QSize:
        return self._size_of(min(len(self._classes) * _LEAST_CELL, _LEAST_SIDE))

    def _size_of(self, side: int) -> QSize:
        width = max(side, self.fontMetrics().horizontalAdvance(_answer_title()) + 4)
        return QSize(width + self._margin_left() + 8, side + self._margin_top() + 8)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return int(self._cell(width) * len(self._classes)) + self._margin_top() + 8

    def _cell(self, width: int) -> float:
        if not self._classes:
            return 0.0
        side = min(_LARGEST_SIDE, width - self._margin_left() - 8)
        return max(0.0, min(float(_LARGEST_CELL), side / len(self._classes)))

    def _label(self, name: str) -> str:
        metrics = self.fontMetrics()
        room = _LABEL_CHARACTERS * metrics.horizontalAdvance("n")
        return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room)

    def _measure(self) -> None:
        metrics = self.fontMetrics()
        self._widest = max((metrics.horizontalAdvance(self._label(name)) for name in self._classes), default=0)

    def _margin_left(self) -> int:
        return self._widest + self.fontMetrics().height() + 20

    def _margin_top(self) -> int:
        height = self.fontMetrics().height()
        return self._widest + height + 18 if self._upright() else height * 2 + 14

    def _upright(self) -> bool:
        """Whether the column names are too long to lie flat."""
        return self._widest > 30

    def _cell_at(self, point: QPointF) -> tuple[int, int] | None:
        cell = self._cell(self.width())
        if cell <= 0:
            return None
        column = int((point.x() - self._margin_left()) // cell)
        row = int((point.y() - self._margin_top()) // cell)
        count = len(self._classes)
        return (row, column) if 0 <= row < count and 0 <= column < count else None

    # Painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._classes:
            return
        if self._picture is None or self._picture.devicePixelRatioF() != self.devicePixelRatioF():
            self._picture = self._paint_all()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, self._picture)
        if self._cursor is not None:
            painter.setPen(QPen(self._theme.color("text"), 2))
            painter.drawRoundedRect(self._rect(*self._cursor, self._cell(self.width())).adjusted(1, 1, -1, -1), 3, 3)

    def _paint_all(self) -> QPixmap:
        picture = QPixmap(self.size() * self.devicePixelRatioF())
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setFont(self.font())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_names(painter)
        if self._cell(self.width()) >= _NUMBERED_CELL:
            self._paint_cells(painter)
        else:
            self._paint_points(painter)
        painter.end()
        return picture

    def _rect(self, truth: int, answer: int, cell: float) -> QRectF:
        return QRectF(self._margin_left() + answer * cell, self._margin_top() + truth * cell, cell, cell)

    def _shades(self) -> NDArray[np.uint8]:
        """The colour of every cell: rows x columns x (red, green, blue)."""
        counts = np.asarray(self._matrix, dtype=np.float64)
        fractions = counts / np.maximum(1.0, counts.sum(axis=1, keepdims=True))
        # A single confusion in a hundred should still be seen: the root spreads the small fractions.
        strengths = np.sqrt(fractions)
        np.fill_diagonal(strengths, 0.85 * fractions.diagonal())
        base, right, wrong = (_channels(self._theme.color(role)) for role in ("raised", "accent", "bad"))
        full = np.where(np.eye(len(counts), dtype=bool)[:, :, None], right, wrong)
        return np.asarray(np.rint(base + (full - base) * strengths[:, :, None]), dtype=np.uint8)

    def _paint_cells(self, painter: QPainter) -> None:
        cell, shades = self._cell(self.width()), self._shades()
        for truth, row in enumerate(self._matrix):
            for answer, count in enumerate(row):
                shade = QColor(*map(int, shades[truth, answer]))
                rect = self._rect(truth, answer, cell)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(shade)
                painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 3, 3)
                if count:
                    painter.setPen(_readable_on(shade))
                    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, str(count))

    def _paint_points(self, painter: QPainter) -> None:
        """Many classes as one picture: a hundred would be ten thousand cells."""
        count, shades = len(self._classes), np.ascontiguousarray(self._shades())
        image = QImage(shades.data, count, count, 3 * count, QImage.Format.Format_RGB888)
        side = count * self._cell(self.width())
        painter.drawImage(QRectF(self._margin_left(), self._margin_top(), side, side), image)

    def _paint_names(self, painter: QPainter) -> None:
        metrics, cell = self.fontMetrics(), self._cell(self.width())
        left, top, side = self._margin_left(), self._margin_top(), cell * len(self._classes)
        painter.setPen(self._theme.color("muted"))
        centre = Qt.AlignmentFlag.AlignCenter
        # Few classes are narrower than the words above and beside them: those then reach into the empty room.
        answer, truth = _answer_title(), str(tr("The truth"))
        height = metrics.height() + 4
        painter.drawText(QRectF(left, 0, max(side, metrics.horizontalAdvance(answer) + 4), height), centre, answer)
        painter.save()
        painter.translate(0, top + side)
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, max(side, metrics.horizontalAdvance(truth) + 4), height), centre, truth)
        painter.restore()
        painter.setPen(self._theme.color("text"))
        # With many classes the names would overlap: every n-th is written, all are said by the cursor.
        every = max(1, math.ceil(metrics.height() / max(cell, 0.01)))
        line = max(cell, metrics.height())  # a name is whole beside the smallest cell too
        for index in range(0, len(self._classes), every):
            name = self._label(self._classes[index])
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            middle = index * cell + cell / 2 - line / 2
            painter.drawText(QRectF(height, top + middle, left - height - 8, line), right, name)
            column = QRectF(left + index * cell, metrics.height() + 4, cell, top - metrics.height() - 8)
            if self._upright():
                painter.save()
                painter.translate(left + middle, column.bottom())
                painter.rotate(-90)
                upright = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(QRectF(0, 0, column.height(), line), upright, name)
                painter.restore()
            else:
                painter.drawText(column, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, name)

    # Reading cell by cell

    def _choose(self, cell: tuple[int, int] | None) -> None:
        if cell == self._cursor:
            return
        self._cursor = cell
        text = self._summary() if cell is None else self.sentence(*cell)
        say(self, "setAccessibleDescription", text)
        self.sentence_changed.emit(text)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        self._choose(cell)
        if cell is None:
            QToolTip.hideText()
        else:
            QToolTip.showText(event.globalPosition().toPoint(), str(self.sentence(*cell)), self)

    def leaveEvent(self, event: QEvent) -> None:
        if not self.hasFocus():
            self._choose(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self._classes:
            super().keyPressEvent(event)
            return
        if self._cursor is None:
            self._choose((0, 0))
            return
        last = len(self._classes) - 1
        row, column = self._cursor[0] + step[0], self._cursor[1] + step[1]
        self._choose((min(max(row, 0), last), min(max(column, 0), last)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture = None

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._measure()
            self._repaint()

    @Slot()
    def _repaint(self) -> None:
        self._picture = None
        self.updateGeometry()
        self.update()


def _answer_title() -> str:
    return str(tr("The model's answer"))


def _channels(colour: QColor) -> NDArray[np.float64]:
    return np.array([colour.red(), colour.green(), colour.blue()], dtype=np.float64)


def _readable_on(background: QColor) -> QColor:
    """Black or white, whichever contrasts more with `background` (WCAG relative luminance)."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    luminance = (
        0.2126 * linear(background.redF()) + 0.7152 * linear(background.greenF()) + 0.0722 * linear(background.blueF())
    )
    return QColor(Qt.GlobalColor.black) if luminance > 0.179 else QColor(Qt.GlobalColor.white)
