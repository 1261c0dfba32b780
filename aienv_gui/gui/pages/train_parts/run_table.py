"""The list of runs as a table to sort and open."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from aienv_gui.core.wording import duration, percent, tr
from aienv_gui.gui.services import Services
from aienv_gui.gui.words import say
from aienv_gui.training.records import PICTURES, SERIES, TABLE, TEXTS, WRITING, RunState, RunSummary
from aienv_gui.training.supervisor import STATES

_Index = QModelIndex | QPersistentModelIndex

BADGES: Final = {  # run state -> state of a badge
    RunState.CREATED: "neutral",
    RunState.STARTING: "busy",
    RunState.TRAINING: "busy",
    RunState.PAUSED: "neutral",
    RunState.COMPLETED: "good",
    RunState.STOPPED: "neutral",
    RunState.FAILED: "bad",
    RunState.INTERRUPTED: "warn",
}
_ICONS: Final = {  # badge state -> icon, colour
    "neutral": ("neutral", "muted"),
    "busy": ("spinner", "accent"),
    "good": ("success", "good"),
    "bad": ("error", "bad"),
    "warn": ("warning", "warn"),
}
TASKS: Final = {
    PICTURES: tr("Pictures in classes"),
    TABLE: tr("Table"),
    TEXTS: tr("Texts in classes"),
    WRITING: tr("Writing"),
    SERIES: tr("Forecasts"),
}
_COLUMNS: Final = (tr("Name"), tr("Task"), tr("State"), tr("Best accuracy"), tr("Started"), tr("Duration"))
_TASK, _DURATION = 1, 5
_DURATION_FROM: Final = 700  # points of the whole table: below, its column would leave the names too little
_SORT_ROLE: Final = Qt.ItemDataRole.UserRole


class _Runs(QAbstractTableModel):
    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = services.theme
        self.items: tuple[RunSummary, ...] = ()
        services.language.changed.connect(self._on_changed)
        services.theme.changed.connect(self._on_changed)

    def set_items(self, items: tuple[RunSummary, ...]) -> None:
        if [item.folder for item in items] == [item.folder for item in self.items]:
            self.items = items
            if items:
                self.dataChanged.emit(self.index(0, 0), self.index(len(items) - 1, len(_COLUMNS) - 1))
            return
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's signature
        return 0 if parent.isValid() else len(self.items)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's signature
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object | None:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return str(_COLUMNS[section])
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object | None:
        item, column = self.items[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _shown(item, column)
        if role == _SORT_ROLE:
            return _sorted_by(item, column)
        if role == Qt.ItemDataRole.DecorationRole and column == 2:
            return self._theme.icon(*_ICONS[BADGES[item.state]])
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(item.damaged) if item.damaged else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{_COLUMNS[column]}: {_shown(item, column)}"
        return None

    @Slot()
    def _on_changed(self) -> None:
        self.set_items(self.items)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(_COLUMNS) - 1)


def _shown(item: RunSummary, column: int) -> str:
    if column == 0:
        return item.name
    if column == 1:
        return str(TASKS.get(item.task, item.task))
    if column == 2:
        return str(tr("Damaged") if item.damaged else STATES[item.state])
    if column == 3:
        return "–" if item.best_accuracy is None else percent(item.best_accuracy, digits=1)
    if column == 4:
        return datetime.fromtimestamp(item.created).strftime("%Y-%m-%d %H:%M")
    return str(duration(item.seconds)) if item.seconds else "–"


def _sorted_by(item: RunSummary, column: int) -> object:
    keys: tuple[object, ...] = (
        item.name.casefold(),
        item.task,
        str(item.state),
        -1.0 if item.best_accuracy is None else item.best_accuracy,
        item.created,
        item.seconds,
    )
    return keys[column]


class RunTable(QTableView):
    """Return or a double click opens a run: `opened` carries its folder."""

    opened = Signal(object)  # Path

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Runs(services, self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(_SORT_ROLE)
        self._sorted.setDynamicSortFilter(True)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(4, Qt.SortOrder.DescendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(40)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        say(self, "setAccessibleName", tr("Trainings"))
        self.activated.connect(self._on_activated)
        self.clicked.connect(self._on_activated)

    def set_items(self, items: tuple[RunSummary, ...]) -> None:
        chosen = self.chosen
        self._model.set_items(items)
        # The same words in every row say nothing, and would take the room of the names.
        self.setColumnHidden(_TASK, len({item.task for item in items if not item.damaged}) < 2)
        if chosen is not None:
            self.choose(chosen.folder)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setColumnHidden(_DURATION, self.viewport().width() < _DURATION_FROM)

    @property
    def chosen(self) -> RunSummary | None:
        rows = self.selectionModel().selectedRows()
        return self._model.items[self._sorted.mapToSource(rows[0]).row()] if rows else None

    def choose(self, folder: Path) -> None:
        """Select a run's row."""
        for row, item in enumerate(self._model.items):
            if item.folder == folder:
                index = self._sorted.mapFromSource(self._model.index(row, 0))
                flags = QItemSelectionModel.SelectionFlag
                self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)

    def text_of(self, row: int, column: int) -> str:
        """What a cell shows, in the order shown."""
        return str(self._sorted.index(row, column).data())

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(self._model.items[self._sorted.mapToSource(index).row()].folder)
