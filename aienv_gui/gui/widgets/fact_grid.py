"""Facts in groups, side by side: a name and a value each; a missing one says why on hover and to screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.gui.widgets.labels import Label
from aienv_gui.hardware.card_facts import Fact, FactGroup

_COLUMN_WIDTH: Final = 250
_LONG: Final = 22  # characters of a value; more stand in a line of their own


class FactRow(QWidget):
    """A name and its value. Nothing is laid out anew while the value stays the same."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)
        self.name = Label(role="caption", parent=self)
        self.name.setWordWrap(False)
        self.value = Label(role="caption", parent=self)
        self.value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._grid.addWidget(self.name, 0, 0)
        self._below: bool | None = None  # whether the value stands below the name: a long one
        self._shown: tuple[str, ...] = ()

    def show_fact(self, fact: Fact) -> None:
        title, value = str(fact.title), str(fact.value) if fact.value is not None else "–"
        reason, hint = str(fact.reason or ""), str(fact.hint or "")
        shown = (title, value, reason, hint)
        if shown == self._shown:
            return
        self._shown = shown
        self._place(below=len(value) > _LONG)
        self.name.setText(title)
        self.value.setText(value)
        tip = " ".join(part for part in (reason, hint) if part)
        self.setToolTip(f"{title}: {tip}" if tip else "")
        self.value.setAccessibleName(f"{title}: {value if fact.value is not None else reason}")
        self.value.setAccessibleDescription(hint)

    def _place(self, *, below: bool) -> None:
        if below == self._below:
            return
        self._below = below
        side = Qt.AlignmentFlag.AlignLeft if below else Qt.AlignmentFlag.AlignRight
        self.value.setAlignment(side | Qt.AlignmentFlag.AlignTop)
        # What is too wide is cut off at its end rather than making the column wider than the others.
        self.value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if below:
            self._grid.addWidget(self.value, 1, 0, 1, 2)
        else:
            self._grid.addWidget(self.value, 0, 1)


class _Group(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self._title = Label(role="strong", parent=self)
        self._column.addWidget(self._title)
        self._rows: list[FactRow] = []

    def show_group(self, group: FactGroup) -> None:
        title = str(group.title)
        if title != self._title.text():
            self._title.setText(title)
        while len(self._rows) < len(group.facts):
            row = FactRow(self)
            self._rows.append(row)
            self._column.addWidget(row)
        for index, row in enumerate(self._rows):
            row.setVisible(index < len(group.facts))
            if index < len(group.facts):
                row.show_fact(group.facts[index])

    @property
    def length(self) -> int:
        return len(self._rows) + 2  # with its title and the room below it


class FactGrid(QWidget):
    """As many columns as fit, each about as high as the others."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 4, 0, 0)
        self._grid.setHorizontalSpacing(32)
        self._grid.setVerticalSpacing(14)
        self._groups: list[_Group] = []
        self._columns: list[QVBoxLayout] = []

    def show_groups(self, groups: Sequence[FactGroup]) -> None:
        """Show these; called again with the same groups it changes only what has changed."""
        while len(self._groups) < len(groups):
            self._groups.append(_Group(self))
        for widget, group in zip(self._groups, groups, strict=False):
            widget.show_group(group)
        if not self._columns:
            self._arrange(self._wanted())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._groups and self._wanted() != len(self._columns):
            self._arrange(self._wanted())

    def _wanted(self) -> int:
        return max(1, min(4, self.width() // _COLUMN_WIDTH))

    def _arrange(self, count: int) -> None:
        for column in self._columns:
            while column.count():
                column.takeAt(0)
            self._grid.removeItem(column)
        self._columns = [QVBoxLayout() for _ in range(count)]
        for number, column in enumerate(self._columns):
            column.setSpacing(14)
            self._grid.addLayout(column, 0, number)
            self._grid.setColumnStretch(number, 1)
        for number in range(count, self._grid.columnCount()):
            self._grid.setColumnStretch(number, 0)
        whole = sum(group.length for group in self._groups)
        done = 0
        for group in self._groups:
            number = min(count - 1, int((done + group.length / 2) * count / whole))
            self._columns[number].addWidget(group)
            done += group.length
        for column in self._columns:
            column.addStretch(1)
