"""A state in one word and one icon; never by colour alone."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.words import say

STATES: Final = {  # state -> icon, colour of the icon
    "good": ("success", "good"),
    "warn": ("warning", "warn"),
    "bad": ("error", "bad"),
    "neutral": ("neutral", "muted"),
    "busy": ("spinner", "accent"),
}


class StateBadge(QFrame):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "badge")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(24)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 10, 2)
        row.setSpacing(5)
        self._icon = QLabel(self)
        self._icon.setProperty("icon_size", 14)
        self._word = QLabel(self)
        row.addWidget(self._icon)
        row.addWidget(self._word)
        self._state = ""

    @property
    def state(self) -> str:
        return self._state

    def text(self) -> str:
        return self._word.text()

    def set_state(self, state: str, text: Text) -> None:
        """`state` is a key of `STATES`; `text` its word."""
        say(self._word, "setText", text)
        say(self, "setAccessibleName", text)
        if state == self._state:
            return
        self._state = state
        icon, role = STATES[state]
        show_icon(self._icon, icon, role, "setPixmap")
        self.setProperty("state", state)
        for widget in (self, self._word):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
