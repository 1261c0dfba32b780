"""A question with two answers, as a sheet that blocks nothing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class Question(QDialog):
    """Buttons are verbs; the safe answer (the last one) has the keyboard, Escape means it."""

    def __init__(self, parent: QWidget | None, title: Text, text: Text, no: Text | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(440)
        say(self, "setWindowTitle", title)
        say(self, "setAccessibleName", title)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(12)
        column.addWidget(Label(title, role="section", parent=self))
        column.addWidget(Label(text, parent=self))
        column.addSpacing(8)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        self._row.addStretch(1)
        column.addLayout(self._row)
        self._answers: dict[QObject, Callable[[], object]] = {}
        self.no = Button(no or tr("Cancel"), parent=self)
        self.no.clicked.connect(self.reject)
        self._row.addWidget(self.no)
        self.no.setFocus()

    def add_answer(self, text: Text, kind: str, action: Callable[[], object]) -> Button:
        """An answer left of the safe one: closes the question, then calls `action` in the GUI thread."""
        button = Button(text, kind=kind, parent=self)
        self._answers[button] = action
        button.clicked.connect(self._on_answer)
        self._row.insertWidget(self._row.count() - 1, button)
        return button

    @Slot()
    def _on_answer(self) -> None:
        action = self._answers[self.sender()]
        self.accept()
        action()


def confirm(
    parent: QWidget | None,
    title: Text,
    text: Text,
    yes: Text,
    danger: bool = False,
    *,
    on_yes: Callable[[], object],
    no: Text | None = None,
) -> Question:
    """Ask before something that cannot be undone. Returns at once with the open dialog; `on_yes` runs on agreement."""
    question = Question(parent, title, text, no)
    question.add_answer(yes, "danger" if danger else "primary", on_yes)
    question.open()
    return question
