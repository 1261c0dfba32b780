"""A box to choose one of a few values, in the current language."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.words import say


class Choice(QComboBox):
    """`chosen` is emitted with the value when the user chooses, not when the program does."""

    chosen = Signal(object)

    def __init__(self, name: Text, options: Iterable[tuple[object, Text]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # The wheel scrolls the page; it changes a value only where the user is on it.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        say(self, "setAccessibleName", name)
        for index, (value, text) in enumerate(options):
            self.addItem("", value)
            say(self, "setItemText", text, index)
        self.activated.connect(self._on_activated)

    def choose(self, value: object) -> None:
        """Show a value; emits nothing."""
        self.setCurrentIndex(max(0, self.findData(value)))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        self.chosen.emit(self.itemData(index))
