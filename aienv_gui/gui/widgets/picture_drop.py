"""A place for one picture: drop a file on it, or choose one with the mouse or the keyboard."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from aienv_gui.core.wording import tr, verbatim
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.widgets.file_dialog import ask_for_file
from aienv_gui.gui.words import say

_SIDE = 192
PATTERNS = "*.png *.jpg *.jpeg *.bmp *.gif *.tif *.tiff *.webp"


class PictureDrop(QAbstractButton):
    """Emits the chosen file; shows the picture it is given. Reads no file itself."""

    chosen = Signal(object)  # Path

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._image = QImage()
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        say(self, "setText", tr("Drop a picture here, or click to choose one"))
        say(self, "setAccessibleName", tr("Choose a picture to try"))
        self.clicked.connect(self._on_clicked)
        theme.changed.connect(self._repaint)

    def set_image(self, image: QImage, name: str) -> None:
        """Show a picture, scaled to fit; small ones are enlarged without smoothing, so that their pixels are seen."""
        self._image = image
        say(self, "setAccessibleDescription", verbatim(name))
        say(self, "setToolTip", verbatim(name))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_SIDE, _SIDE)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setBrush(self._theme.color("surface"))
        pen = QPen(self._theme.color("accent" if self.hasFocus() or self.underMouse() else "border"), 2)
        if self._image.isNull():
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRoundedRect(frame, 8, 8)
        inner = frame.adjusted(10, 10, -10, -10)
        if self._image.isNull():
            painter.setPen(self._theme.color("muted"))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(inner, flags, self.text())
            return
        size = self._image.size().scaled(inner.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._image.width() > inner.width())
        place = QRectF(0, 0, size.width(), size.height())
        place.moveCenter(inner.center())
        painter.drawImage(place, self._image)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = next((Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()), None)
        if path is not None:
            event.acceptProposedAction()
            self.chosen.emit(path)

    @Slot()
    def _on_clicked(self) -> None:
        ask_for_file(self, tr("Choose a picture"), self._on_file, kind=tr("Pictures"), patterns=PATTERNS)

    @Slot(str)
    def _on_file(self, path: str) -> None:
        self.chosen.emit(Path(path))

    @Slot()
    def _repaint(self) -> None:
        self.update()
