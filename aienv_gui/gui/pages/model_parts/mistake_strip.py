"""The worst examples: test pictures the model was surest of and wrong about, each with what it was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QToolButton, QWidget

from aienv_gui.core.wording import percent, tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pictures import Thumbnail, read_thumbnails
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.flow import FlowLayout
from aienv_gui.gui.words import say
from aienv_gui.training.records import Mistake

_SIDE = 64
_MOST = 12


class MistakeStrip(QWidget):
    """Buttons with pictures; a click asks for the picture to be tried (`chosen`)."""

    chosen = Signal(object)  # Path

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._job: Job | None = None
        self._buttons: dict[Path, QToolButton] = {}
        self._flow = FlowLayout(self)

    def set_mistakes(self, folder: Path, mistakes: Sequence[Mistake]) -> None:
        """Show mistakes; their paths are relative to `folder`. The pictures are read in the background."""
        if self._job is not None and not self._job.state.final:
            self._job.cancel()
        for button in self._buttons.values():
            self._flow.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = {}
        for mistake in mistakes[:_MOST]:
            button = self._button(mistake)
            self._buttons[folder / mistake.path] = button
            self._flow.addWidget(button)
        if self._buttons:
            jobs = self._services.jobs
            self._job = jobs.start(tr("Read pictures"), read_thumbnails, list(self._buttons), _SIDE * 2, quiet=True)
            self._job.partial.connect(self._on_picture)

    def _button(self, mistake: Mistake) -> QToolButton:
        button = QToolButton(self)
        button.setIconSize(QSize(_SIDE, _SIDE))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setAutoRaise(True)
        truth, answer = (_caption(button, name) for name in (mistake.truth, mistake.answer))
        say(button, "setText", tr("{truth} → {answer}", truth=truth, answer=answer))
        sentence = tr(
            "“{truth}” was taken for “{answer}” ({sure} sure): {path}",
            truth=mistake.truth,
            answer=mistake.answer,
            sure=percent(mistake.probability or 0.0),
            path=mistake.path,
        )
        say(button, "setToolTip", sentence)
        say(button, "setAccessibleName", sentence)
        button.clicked.connect(self._on_clicked)
        return button

    @Slot(object)
    def _on_picture(self, thumbnail: Thumbnail) -> None:
        button = self._buttons.get(thumbnail.path)
        if button is None or self.sender() is not self._job:
            return
        if thumbnail.image.isNull():
            show_icon(button, "picture", "muted")
        else:
            button.setIcon(QIcon(QPixmap.fromImage(_enlarged(thumbnail.image))))

    @Slot()
    def _on_clicked(self) -> None:
        for path, button in self._buttons.items():
            if button is self.sender():
                self.chosen.emit(path)


def _caption(button: QToolButton, name: str) -> str:
    """A class below its picture, as short as that is wide; an ampersand in it is no keyboard shortcut."""
    return button.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, _SIDE).replace("&", "&&")


def _enlarged(image: QImage) -> QImage:
    """Small pictures are enlarged pixel by pixel, so that a digit of 28 pixels can be seen."""
    small = max(image.width(), image.height()) < _SIDE
    mode = Qt.TransformationMode.FastTransformation if small else Qt.TransformationMode.SmoothTransformation
    return image.scaled(QSize(_SIDE, _SIDE), Qt.AspectRatioMode.KeepAspectRatio, mode)
