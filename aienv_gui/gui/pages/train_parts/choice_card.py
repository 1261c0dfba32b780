"""A card that is chosen like a radio button: a title, a few lines under it, all of it clickable."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class ChoiceCard(QPushButton):
    """Lines wrap; put several into an exclusive QButtonGroup."""

    def __init__(self, title: Text, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "choice")
        self.setCheckable(True)
        self.setAutoDefault(False)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 12, 16, 12)
        self._column.setSpacing(4)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._add(title, "strong")
        say(self, "setAccessibleName", title)

    def add_line(self, text: Text, role: str = "caption") -> Label:
        return self._add(text, role)

    def _add(self, text: Text, role: str) -> Label:
        label = Label(text, role=role, parent=self)
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._column.addWidget(label)
        return label

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._column.heightForWidth(width)

    def sizeHint(self) -> QSize:
        return self._column.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return QSize(180, self._column.minimumSize().height())
