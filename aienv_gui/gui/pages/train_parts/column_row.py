"""Which columns of a table hold what: a box for each, in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class ColumnRow(QWidget):
    """`chosen` tells that the user chose another column in one of the boxes."""

    chosen = Signal()

    def __init__(self, meanings: Mapping[str, Text], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.boxes: dict[str, QComboBox] = {}
        for name, words in meanings.items():
            box = self.boxes[name] = QComboBox(self)
            say(box, "setAccessibleName", words)
            box.setMaximumWidth(320)
            box.activated.connect(self.chosen)
            label = Label(words, parent=self)
            label.setWordWrap(False)
            label.setBuddy(box)
            row.addWidget(label)
            row.addWidget(box)
        row.addStretch(1)

    def show_columns(self, columns: Sequence[str], chosen: Mapping[str, str]) -> None:
        """Offer `columns`, those `chosen` selected."""
        for name, box in self.boxes.items():
            box.clear()
            box.addItems(list(columns))
            box.setCurrentIndex(box.findText(chosen[name]))

    def column(self, name: str) -> str:
        return self.boxes[name].currentText()
