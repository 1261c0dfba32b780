"""*Try it* for pictures: one dropped or chosen, with dark and light swapped where that may be the matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.model_parts.try_it import TryIt
from aienv_gui.gui.pictures import Thumbnail, read_thumbnails
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.picture_drop import PictureDrop
from aienv_gui.gui.words import say

_PICTURE_SIDE = 512


class TryPicture(TryIt):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, parent)
        self._picture_job: Job | None = None
        self._picture: Path | None = None
        self.swap = QCheckBox(self)
        say(self.swap, "setText", tr("Swap dark and light"))
        self.swap.hide()
        self.swap.toggled.connect(self._ask)
        self._below_note.addWidget(self.swap)

    def _make_input(self) -> QWidget:
        self.drop = PictureDrop(self._services.theme, self)
        self.drop.chosen.connect(self.try_picture)
        return self.drop

    @Slot(object)
    def try_picture(self, path: Path) -> None:
        """Show a picture and ask the model about it."""
        if self._model is None:
            return
        self._drop_jobs()
        self._picture = path
        self._forget_swap()
        jobs = self._services.jobs
        self._picture_job = jobs.start(tr("Read a picture"), read_thumbnails, [path], _PICTURE_SIDE, quiet=True)
        self._picture_job.partial.connect(self._on_picture)
        self._ask()

    def _request(self) -> dict[str, Any] | None:
        if self._picture is None:
            return None
        return {"pictures": [str(self._picture)], "invert": self.swap.isChecked()}

    def _forget_input(self) -> None:
        self._picture = None
        self._forget_swap()

    def _forget_swap(self) -> None:
        """Each picture is first taken as it is; swapping is offered where the answer comes with a warning."""
        self.swap.blockSignals(True)
        self.swap.setChecked(False)
        self.swap.blockSignals(False)
        self.swap.hide()

    def _drop_jobs(self) -> None:
        super()._drop_jobs()
        if self._picture_job is not None and not self._picture_job.state.final:
            self._picture_job.cancel()
        self._picture_job = None

    def _show_warnings(self, warnings: list[Text]) -> None:
        self.note.say(warnings[0])
        self.note.show()
        self.swap.show()

    @Slot(object)
    def _on_picture(self, thumbnail: Thumbnail) -> None:
        if self.sender() is self._picture_job:
            self.drop.set_image(thumbnail.image, thumbnail.path.name)
