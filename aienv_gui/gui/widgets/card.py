"""A card: a framed group with an optional title."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class Card(QFrame):
    """`header` holds the title and whatever is added right of it, `body` the rest."""

    def __init__(self, title: Text | None = None, parent: QWidget | None = None, *, role: str = "card") -> None:
        super().__init__(parent)
        self.setProperty("role", role)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 14, 16, 16)
        outer.setSpacing(8)
        self.header = QHBoxLayout()
        self.header.setSpacing(8)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        self.title = Label(role="section", parent=self)
        self.header.addWidget(self.title, 1)
        outer.addLayout(self.header)
        outer.addLayout(self.body, 1)
        self.title.hide()
        if title is not None:
            self.set_title(title)

    def set_title(self, title: Text) -> None:
        self.title.say(title)
        self.title.show()
        say(self, "setAccessibleName", title)


def line(parent: QWidget | None = None) -> QFrame:
    """A thin horizontal line."""
    frame = QFrame(parent)
    frame.setProperty("role", "line")
    return frame
