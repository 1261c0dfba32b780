"""Saves what the history shows: its readings as a table, its plots as a picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QIODevice, QPoint, Signal, Slot
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QMenu, QWidget

from aienv_gui.core.storage import write_atomic
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.plots.pacing import FramePacer
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import Theme, show_icon
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import ask_where_to_save
from aienv_gui.gui.words import say
from aienv_gui.hardware.csv_export import write_table
from aienv_gui.hardware.look_back import TimeLine

_SCALE: Final = 2.0  # sharp on paper and on any screen
_MARGIN: Final = 16


class SaveButton(Button):
    """Its menu offers both. The card says what is saved, once the user has said where."""

    table_chosen = Signal(str)  # the file
    picture_chosen = Signal(str)
    saved = Signal(object)  # Path
    failed = Signal(object)  # Problem

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(tr("Save"), icon="save", parent=parent)
        self._services = services
        self._menu = QMenu(self)
        self.table = self._entry(tr("As a table (CSV)..."), "template_tables", self._ask_for_table)
        self.picture = self._entry(tr("As a picture (PNG)..."), "picture", self._ask_for_picture)
        self.clicked.connect(self._offer)

    def _entry(self, text: Text, icon: str, ask: Callable[[], None]) -> QAction:
        action = QAction(self._menu)
        say(action, "setText", text)
        show_icon(action, icon)
        action.triggered.connect(ask)
        self._menu.addAction(action)
        return action

    def save_table(self, file: str, line: TimeLine, columns: dict[str, str]) -> None:
        """Write the columns (key and heading) of `line` in the background."""
        self._start(write_table, Path(file), line, columns)

    def save_picture(self, file: str, widget: QWidget, parts: Sequence[QWidget]) -> None:
        """Write a picture of `widget`, which consists of `parts`: drawn a part a frame, written in the background."""
        picture = _sheet(widget, self._services.theme)
        pacer = FramePacer(self)
        pacer.show(
            [
                *(partial(_draw, picture, part, part.mapTo(widget, QPoint())) for part in parts),
                partial(self._start, _write_picture, Path(file), picture),
                pacer.deleteLater,
            ]
        )

    def _start(self, function: Callable[..., Path], *arguments: object) -> None:
        job = self._services.jobs.start(tr("Save the history"), function, *arguments, quiet=True)
        job.succeeded.connect(self.saved)
        job.failed.connect(self.failed)

    @Slot()
    def _offer(self) -> None:
        self._menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    @Slot()
    def _ask_for_table(self) -> None:
        ask_where_to_save(self, tr("Save the history"), self.table_chosen.emit, name=_name("csv"))

    @Slot()
    def _ask_for_picture(self) -> None:
        ask_where_to_save(self, tr("Save the history"), self.picture_chosen.emit, name=_name("png"))


def _sheet(widget: QWidget, theme: Theme) -> QImage:
    """An empty picture for all of a widget, at twice its size."""
    image = QImage(
        round((widget.width() + 2 * _MARGIN) * _SCALE),
        round((widget.height() + 2 * _MARGIN) * _SCALE),
        QImage.Format.Format_RGB32,
    )
    image.setDevicePixelRatio(_SCALE)
    image.fill(theme.color("surface"))
    return image


def _draw(picture: QImage, part: QWidget, place: QPoint) -> None:
    if part.isVisible():
        # Without the background of the window, which the picture has already.
        part.render(picture, place + QPoint(_MARGIN, _MARGIN), renderFlags=QWidget.RenderFlag.DrawChildren)


def _write_picture(path: Path, picture: QImage, _reporter: Reporter) -> Path:
    content = QBuffer()
    content.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(content, "PNG")  # type: ignore[call-overload]  # its types want bytes, which it refuses
    write_atomic(path, bytes(content.data().data()), chosen=True)
    return path


def _name(ending: str) -> str:
    return f"{time.strftime('%Y-%m-%d %H-%M')} AIEnv.{ending}"
