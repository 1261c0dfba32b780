"""A row of example pictures with their class, read in the background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from aienv_gui.core.wording import tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pictures import Thumbnail, read_thumbnails
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.flow import FlowLayout
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.training.inspection import Example

_SIDE = 56
_MOST = 10


class ExampleRow(QWidget):
    """Shows one picture of each class first, then second ones."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._job: Job | None = None
        self._pictures: dict[Path, QLabel] = {}
        self._row = FlowLayout(self, spacing=12)

    def set_examples(self, examples: Sequence[Example]) -> None:
        self.clear()
        for example in _varied(examples)[:_MOST]:
            cell = QWidget(self)
            column = QVBoxLayout(cell)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(2)
            picture = QLabel(cell)
            picture.setProperty("icon_size", 24)
            picture.setFixedSize(_SIDE, _SIDE)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            say(picture, "setAccessibleName", tr("An example of “{name}”", name=example.name))
            name = Label(role="caption", parent=cell)
            name.setWordWrap(False)
            name.say(name.fontMetrics().elidedText(example.name, Qt.TextElideMode.ElideMiddle, _SIDE))
            name.setToolTip(example.name)
            column.addWidget(picture)
            column.addWidget(name, 0, Qt.AlignmentFlag.AlignHCenter)
            self._pictures[example.path] = picture
            self._row.addWidget(cell)
        if self._pictures:
            jobs = self._services.jobs
            self._job = jobs.start(tr("Read pictures"), read_thumbnails, list(self._pictures), 2 * _SIDE, quiet=True)
            self._job.partial.connect(self._on_picture)

    def clear(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._pictures.clear()
        while (item := self._row.takeAt(0)) is not None:
            cell = item.widget()
            if cell is not None:
                cell.hide()
                cell.deleteLater()

    @Slot(object)
    def _on_picture(self, thumbnail: Thumbnail) -> None:
        label = self._pictures.get(thumbnail.path)
        if label is None or self.sender() is not self._job:
            return
        if thumbnail.image.isNull():
            show_icon(label, "picture", "muted", "setPixmap")
            return
        small = max(thumbnail.image.width(), thumbnail.image.height()) < _SIDE
        mode = Qt.TransformationMode.FastTransformation if small else Qt.TransformationMode.SmoothTransformation
        image = thumbnail.image.scaled(QSize(_SIDE, _SIDE), Qt.AspectRatioMode.KeepAspectRatio, mode)
        label.setPixmap(QPixmap.fromImage(image))


def _varied(examples: Sequence[Example]) -> list[Example]:
    """One of each class, then the second ones, and so on."""
    seen: dict[str, int] = {}
    ranked = []
    for example in examples:
        rank = seen.get(example.name, 0)
        seen[example.name] = rank + 1
        ranked.append((rank, example))
    return [example for _, example in sorted(ranked, key=lambda pair: pair[0])]
