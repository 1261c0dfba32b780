"""A label that speaks the current language and wraps."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from aienv_gui.core.wording import Text, verbatim
from aienv_gui.gui.words import say

_DIGITS = str.maketrans("123456789", "000000000")


class Label(QLabel):
    """Wrapped plain text. Roles: title, section, strong, number, body, caption, muted, mono, good, warn, bad."""

    def __init__(self, text: Text | None = None, role: str = "body", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("role", role)
        if text is not None:
            self.say(text)

    def say(self, text: Text | str) -> None:
        """Show a text, now and in the next language; a plain string (a name, a number) is never translated."""
        say(self, "setText", text if isinstance(text, Text) else verbatim(text))

    def set_role(self, role: str) -> None:
        """Change the look; does nothing where the role is the same."""
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().unpolish(self)
            self.style().polish(self)


class Figure(Label):
    """A number on one line that changes all the time. It only ever grows wider, so that what stands beside it rests.

    Of a fixed size until a longer text comes: without, each new text has the whole page laid out again.
    """

    def __init__(self, role: str = "strong", parent: QWidget | None = None) -> None:
        super().__init__(role=role, parent=parent)
        self.setWordWrap(False)
        self._fitting: set[str] = set()  # the forms of the texts that it is wide enough for

    def setText(self, text: str) -> None:
        super().setText(text)
        form = text.translate(_DIGITS)  # which are all equally wide
        if form in self._fitting:
            return
        self._fitting.add(form)
        # Asked of Qt's own class: a fixed size would be the answer of the widget.
        needed = QLabel.sizeHint(self)
        if needed.width() > self.minimumWidth() or needed.height() > self.minimumHeight():
            self.setFixedSize(needed.expandedTo(self.minimumSize()))
