"""A short list of things that each can be ticked; nothing in it is selected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.gui.words import say


@dataclass(frozen=True, slots=True)
class Tick:
    name: str
    words: str  # as it is shown
    ticked: bool
    offered: bool = True  # else it stands there and cannot be ticked


class TickList(QListWidget):
    """`ticked` is emitted when the user changes one, not when others are shown."""

    ticked = Signal()

    def __init__(self, name: Text, most_rows: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._most_rows = most_rows
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        say(self, "setAccessibleName", name)
        self.itemChanged.connect(self.ticked)

    def show_ticks(self, ticks: Iterable[Tick]) -> None:
        """In place of what was there; as high as they are, up to the most rows that are shown at once."""
        blocked = QSignalBlocker(self)
        self.clear()
        for tick in ticks:
            item = QListWidgetItem(tick.words)
            item.setData(Qt.ItemDataRole.UserRole, tick.name)
            flags = item.flags() & ~Qt.ItemFlag.ItemIsSelectable
            item.setFlags(flags if tick.offered else flags & ~Qt.ItemFlag.ItemIsEnabled)
            item.setCheckState(Qt.CheckState.Checked if tick.ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        blocked.unblock()
        height = max(self.sizeHintForRow(0), self.fontMetrics().height() + 4)
        self.setFixedHeight(min(self.count(), self._most_rows) * height + 2 * self.frameWidth() + 4)

    def unticked(self) -> tuple[str, ...]:
        """The names of those that could be ticked and are not."""
        items = [self.item(row) for row in range(self.count())]
        return tuple(
            str(item.data(Qt.ItemDataRole.UserRole))
            for item in items
            if item.flags() & Qt.ItemFlag.ItemIsEnabled and item.checkState() is Qt.CheckState.Unchecked
        )
