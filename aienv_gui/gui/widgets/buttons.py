"""A button that speaks the current language, with an icon in its text's colour."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.words import say

_ICON_ROLES = {"primary": "on_accent", "danger": "bad", "link": "accent"}


class Button(QPushButton):
    """Kinds: plain, primary (one a page), danger (what cannot be undone), link, choice (checkable card), toggle.

    A toggle is small, and on or off.
    """

    def __init__(self, text: Text, kind: str = "plain", icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._icon = ""
        self.setProperty("kind", kind)
        self.setIconSize(QSize(16, 16))
        if kind == "link":
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        if kind in ("choice", "toggle"):
            self.setCheckable(True)
        self.setAutoDefault(False)
        self.say(text)
        if icon:
            self.set_icon(icon)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Qt leaves Enter to a dialog's default button, of which ours have none: the focused one is meant.
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)

    def say(self, text: Text) -> None:
        """Change the label, which is the accessible name too."""
        say(self, "setText", text)

    def hint(self, text: Text) -> None:
        """A tool tip that screen readers read as the description."""
        say(self, "setToolTip", text)
        say(self, "setAccessibleDescription", text)

    def set_icon(self, name: str) -> None:
        self._icon = name
        show_icon(self, name, _ICON_ROLES.get(self._kind, "text"))

    def set_kind(self, kind: str) -> None:
        """Change the look; does nothing where the kind is the same."""
        if kind != self._kind:
            self._kind = kind
            self.setProperty("kind", kind)
            self.style().unpolish(self)
            self.style().polish(self)
            self.set_icon(self._icon)
