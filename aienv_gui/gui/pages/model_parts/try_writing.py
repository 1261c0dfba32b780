"""*Try it* for language models: a beginning in, and what the model writes after it."""

from __future__ import annotations

import random
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.pages.model_parts.try_text import TryText
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.choice import Choice
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_LENGTH = 300
_HEIGHT = 130


class TryWriting(TryText):
    prompt = tr("Give it a beginning, or none: the model writes on.")
    trying = tr("Write on")

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, parent)
        self.written = QPlainTextEdit(self)
        self.written.setReadOnly(True)
        self.written.setTabChangesFocus(True)
        self.written.setMinimumHeight(_HEIGHT)
        self.written.hide()
        say(self.written, "setAccessibleName", tr("What the model wrote"))
        self._below_note.addWidget(self.written)
        row = QHBoxLayout()
        self.boldness = Choice(
            tr("How boldly it writes"),
            ((0.3, tr("carefully")), (0.8, tr("freely")), (1.2, tr("wildly"))),
            self,
        )
        self.boldness.choose(0.8)
        label = Label(tr("It writes"), role="muted", parent=self)
        label.setWordWrap(False)
        label.setBuddy(self.boldness)
        row.addWidget(label)
        row.addWidget(self.boldness)
        row.addStretch(1)
        self._below_note.addLayout(row)

    def _request(self) -> dict[str, Any] | None:
        return {
            "beginning": self.text.toPlainText(),
            "length": _LENGTH,
            "temperature": self.boldness.currentData(),
            "seed": random.randrange(2**31),  # noqa: S311  another text each time
        }

    def _forget_input(self) -> None:
        super()._forget_input()
        self.written.clear()
        self.written.hide()

    def _show_result(self, result: dict[str, Any]) -> Text:
        self.written.setPlainText(self.text.toPlainText() + str(result["text"]))
        self.written.show()
        return tr("It wrote:")
