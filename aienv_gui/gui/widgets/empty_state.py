"""What an empty page says: what it is for, and the first step."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label


class EmptyState(QWidget):
    clicked = Signal()

    def __init__(self, text: Text, button_text: Text | None, parent: QWidget | None = None, *, icon: str = "") -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(16)
        column.addStretch(1)
        if icon:
            picture = QLabel(self)
            picture.setProperty("icon_size", 48)
            show_icon(picture, icon, "muted", "setPixmap")
            column.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
        self._label = Label(text, role="muted", parent=self)
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._label.setMaximumWidth(560)
        # Between stretches, not aligned: an aligned label is not asked how high it is at its width, and would be cut.
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._label, 6)
        row.addStretch(1)
        column.addLayout(row)
        self.button: Button | None = None
        if button_text is not None:
            self.button = Button(button_text, parent=self)
            self.button.clicked.connect(self._on_clicked)
            column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)

    def say(self, text: Text) -> None:
        self._label.say(text)

    @Slot()
    def _on_clicked(self) -> None:
        self.clicked.emit()
