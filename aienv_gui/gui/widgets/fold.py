"""A link that unfolds what stands below it; what is behind it is made when it is opened for the first time."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.widgets.buttons import Button


class Fold(Button):
    """`toggled_open` tells whether it is open now; who owns the content shows and hides it."""

    toggled_open = Signal(bool)

    def __init__(self, text: Text, parent: QWidget | None = None) -> None:
        super().__init__(text, kind="link", icon="chevron", parent=parent)
        self.open = False
        self.clicked.connect(self._on_clicked)

    def set_open(self, unfolded: bool) -> None:
        if unfolded != self.open:
            self.open = unfolded
            self.set_icon("chevron_down" if unfolded else "chevron")
            self.toggled_open.emit(unfolded)

    @Slot()
    def _on_clicked(self) -> None:
        self.set_open(not self.open)
