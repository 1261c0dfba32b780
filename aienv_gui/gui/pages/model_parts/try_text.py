"""*Try it* for texts: one typed or pasted, and the class that the model reads in it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.pages.model_parts.try_it import TryIt
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.words import say

_WIDTH, _HEIGHT = 380, 160


class TryText(TryIt):
    prompt = tr("Type or paste a text: the model says what it reads.")
    trying = tr("Try a text")

    def _make_input(self) -> QWidget:
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        self.text = QPlainTextEdit(left)
        self.text.setFixedSize(_WIDTH, _HEIGHT)
        self.text.setTabChangesFocus(True)
        say(self.text, "setAccessibleName", tr("The text"))
        self.button = Button(tr("Answer"), icon="play", parent=left)
        self.button.clicked.connect(self._ask)
        column.addWidget(self.text)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return left

    def _request(self) -> dict[str, Any] | None:
        text = self.text.toPlainText().strip()
        return {"texts": [text]} if text else None

    def _forget_input(self) -> None:
        self.text.clear()

    def _show_warnings(self, warnings: list[Text]) -> None:
        self.note.say(warnings[0])
        self.note.show()
