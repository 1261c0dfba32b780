"""A choice as a card: an icon, a title, a sentence and perhaps more lines; behaves as a radio button does."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class ChoiceCard(QPushButton):
    """A checkable card. Put several into an exclusive QButtonGroup; arrow keys then move between them."""

    def __init__(self, title: Text, description: Text, icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "choice")
        self.setCheckable(True)
        self.setAutoDefault(False)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)  # equally wide side by side
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(14, 12, 14, 12)
        row.setSpacing(12)
        self._icon_name = icon
        self._icon = QLabel(self)
        self._icon.setProperty("icon_size", 24)
        if icon:
            row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(2)
        self._lines.addStretch(1)  # not an alignment: Qt would give wrapped lines the height of unwrapped ones
        row.addLayout(self._lines, 1)
        self._icon.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.add_line(title, "strong")
        self._description = self.add_line(description)
        say(self, "setAccessibleName", title)
        say(self, "setAccessibleDescription", description)
        self.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    def add_line(self, text: Text, role: str = "caption") -> Label:
        """Another line below the others."""
        label = Label(text, role=role, parent=self)
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._lines.insertWidget(self._lines.count() - 1, label)
        return label

    def describe(self, description: Text) -> None:
        """Change the sentence below the title."""
        self._description.say(description)
        say(self, "setAccessibleDescription", description)
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._row.totalHeightForWidth(width)

    def sizeHint(self) -> QSize:
        return self._row.totalSizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._row.totalMinimumSize()

    @Slot(bool)
    def _on_toggled(self, checked: bool) -> None:
        if self._icon_name:
            show_icon(self._icon, self._icon_name, "accent" if checked else "muted", "setPixmap")
