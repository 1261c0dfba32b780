"""The names, colours and numbers of a plot's curves."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.widgets.flow import FlowRow
from aienv_gui.gui.widgets.labels import Figure, Label

_BESIDE_TITLE: Final = 4  # more entries would make the plot, and so the window, wider than a screen


class LegendEntry(QWidget):
    """A patch of the curve's colour, its name and a number."""

    def __init__(self, name: Text, parent: QWidget) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 0, 0)
        row.setSpacing(6)
        self.swatch = QFrame(self)
        self.swatch.setFixedSize(12, 4)
        label = Label(name, role="caption", parent=self)
        label.setWordWrap(False)
        self.value = Figure(parent=self)
        for widget in (self.swatch, label, self.value):
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_value(self, text: str) -> None:
        """Show the number."""
        if text != self.value.text():
            self.value.setText(text)


def place_legend(entries: list[LegendEntry], header: QHBoxLayout, below: QVBoxLayout, parent: QWidget) -> None:
    """Put a few entries into the header, many into lines of their own below it."""
    if len(entries) <= _BESIDE_TITLE:
        for entry in entries:
            header.addWidget(entry)
        return
    lines = FlowRow(parent)
    for entry in entries:
        lines.add(entry)
    below.addWidget(lines)
