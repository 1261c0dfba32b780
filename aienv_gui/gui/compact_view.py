"""The compact view: load and trainings in a small window that stays above the others while one works elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetricsF,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QMoveEvent,
    QPainter,
    QPaintEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QApplication, QMenu, QToolButton, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import tr
from aienv_gui.gui.load_rows import LoadRow, line_of, rows_of
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.words import say
from aienv_gui.hardware.readings import Snapshot

WIDTH: Final = 232
_MARGIN: Final = 12
_HEAD: Final = 28
_BAR: Final = 5
_STEP: Final = 16  # pixels by which an arrow key moves it
_SETTLED_MS: Final = 500
_ARROWS: Final = {
    Qt.Key.Key_Left: QPoint(-_STEP, 0),
    Qt.Key.Key_Right: QPoint(_STEP, 0),
    Qt.Key.Key_Up: QPoint(0, -_STEP),
    Qt.Key.Key_Down: QPoint(0, _STEP),
}


def within(window: QRect, screens: Sequence[QRect]) -> QPoint:
    """The nearest place for a window wholly on one of the screens: the one that shows most of it, or the first."""

    def shown(screen: QRect) -> int:
        part = screen.intersected(window)
        return max(0, part.width()) * max(0, part.height())

    screen = max(screens, key=shown)
    x = max(screen.left(), min(window.x(), screen.right() + 1 - window.width()))
    y = max(screen.top(), min(window.y(), screen.bottom() + 1 - window.height()))
    return QPoint(x, y)


class CompactView(QWidget):
    """Made when first asked for. Draws once a second while it is visible, and nothing while it is not.

    It has no parent: a window that belongs to another is minimised with it.
    """

    window_asked = Signal()
    visibility_changed = Signal(bool)

    def __init__(self, services: Services) -> None:
        super().__init__(
            None, Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint
        )
        self._services = services
        self._rows: tuple[LoadRow, ...] = ()
        self._pressed: QPoint | None = None  # where the mouse took hold of it
        self.setObjectName("compact_view")
        self.setAttribute(Qt.WidgetAttribute.WA_MacAlwaysShowToolWindow)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedWidth(WIDTH)
        say(self, "setWindowTitle", tr("AIEnv: compact view"))
        say(self, "setAccessibleName", tr("Compact view"))
        say(self, "setToolTip", tr("Drag it where it is not in the way; a double click opens AIEnv."))
        self.close_button = QToolButton(self)
        self.close_button.setProperty("kind", "bare")
        self.close_button.setFixedSize(22, 22)
        self.close_button.move(WIDTH - 22 - 5, 4)
        show_icon(self.close_button, "close", "muted")
        say(self.close_button, "setAccessibleName", tr("Close the compact view"))
        say(self.close_button, "setToolTip", tr("Close the compact view"))
        self.close_button.clicked.connect(self.close)
        self.menu = QMenu(self)
        for text, slot in ((tr("Open AIEnv"), self.window_asked), (tr("Close the compact view"), self.close)):
            action = self.menu.addAction("")
            say(action, "setText", text)
            action.triggered.connect(slot)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(self._keep_place)
        services.hardware.sampled.connect(self._on_sampled)
        services.theme.changed.connect(self.update)
        services.language.changed.connect(self._on_language)

    @property
    def rows(self) -> tuple[LoadRow, ...]:
        """What is drawn."""
        return self._rows

    # What it shows

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        if not self.isVisible():
            return
        rows = rows_of(snapshot, self._services.runs.live)
        if rows == self._rows:
            return
        self._rows = rows
        self.setAccessibleDescription(line_of(rows))
        self.setFixedHeight(self._height())
        self.update()

    @Slot()
    def _on_language(self) -> None:
        if self._services.hardware.latest is not None:
            self._on_sampled(self._services.hardware.latest)

    def _height(self) -> int:
        line = round(QFontMetricsF(self.font()).height())
        rows = sum(line + (line if row.note else 0) + len(row.bars) * (_BAR + 2) + 8 for row in self._rows)
        return _HEAD + max(rows, line + 8) + 4

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._services.theme.color
        painter.fillRect(self.rect(), colour("surface"))
        painter.setPen(colour("accent" if self.hasFocus() else "border"))
        painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        metrics = QFontMetricsF(self.font())
        painter.setPen(colour("muted"))
        painter.drawText(QPointF(_MARGIN, 5 + metrics.ascent()), "AIEnv")
        y = float(_HEAD)
        if not self._rows:
            painter.drawText(QPointF(_MARGIN, y + metrics.ascent()), str(tr("Looking at the hardware")))
        for row in self._rows:
            y = self._draw_row(painter, metrics, row, y)

    def _draw_row(self, painter: QPainter, metrics: QFontMetricsF, row: LoadRow, y: float) -> float:
        """Draw a row from `y` on; returns where the next one begins."""
        colour = self._services.theme.color
        width = WIDTH - 2.0 * _MARGIN
        line = round(metrics.height())
        base = y + metrics.ascent()
        numbers = metrics.horizontalAdvance(row.numbers)
        painter.setPen(colour("text"))
        painter.drawText(QPointF(_MARGIN + width - numbers, base), row.numbers)
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideRight, width - numbers - 8)
        painter.drawText(QPointF(_MARGIN, base), name)
        y += line + 1
        painter.setPen(Qt.PenStyle.NoPen)
        for share, role in row.bars:
            painter.setBrush(colour("raised"))
            painter.drawRoundedRect(QRectF(_MARGIN, y, width, _BAR), 2.5, 2.5)
            painter.setBrush(colour(role))
            painter.drawRoundedRect(QRectF(_MARGIN, y, max(_BAR, width * min(1.0, share)), _BAR), 2.5, 2.5)
            y += _BAR + 2
        if row.note:
            painter.setPen(colour("muted"))
            note = metrics.elidedText(row.note, Qt.TextElideMode.ElideRight, width)
            painter.drawText(QPointF(_MARGIN, y + metrics.ascent()), note)
            y += line
        return y + 7

    # Where it is

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._services.hardware.latest is not None:
            self._on_sampled(self._services.hardware.latest)
        self._restore_place()
        self.setFocus()  # not the button that closes it
        self.visibility_changed.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._settled.isActive():
            self._settled.stop()
            self._keep_place()
        self.visibility_changed.emit(False)

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        if self.isVisible():
            self._settled.start()

    def _restore_place(self) -> None:
        screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        stored = self._services.settings.get("compact_view_place")
        corner = screens[0].topRight() - QPoint(WIDTH + 3 * _STEP, -3 * _STEP)
        self.move(within(QRect(QPoint(*stored) if stored else corner, self.size()), screens))

    @Slot()
    def _keep_place(self) -> None:
        try:
            self._services.settings.set("compact_view_place", [self.x(), self.y()])
        except Problem as problem:  # a full disk: it only stands elsewhere next time
            self._services.presenter.note(problem)

    # Mouse and keyboard

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        way = event.position().toPoint() - self._pressed
        if way.manhattanLength() < QApplication.startDragDistance():
            return
        # The system moves it where it can: under Wayland no window may do so itself.
        handle = self.windowHandle()
        if handle is not None and handle.startSystemMove():
            self._pressed = None
        else:
            self.move(self.pos() + way)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._pressed = None

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self.window_asked.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu.popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key is Qt.Key.Key_Escape:
            self.close()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.window_asked.emit()
        elif key in _ARROWS:
            self.move(self.pos() + _ARROWS[key])
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._rows:
            self.setFixedHeight(self._height())
