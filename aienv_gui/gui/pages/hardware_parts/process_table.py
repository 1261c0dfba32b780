"""The processes that hold GPU memory, as a table that changes only where something changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Slot
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.words import Language, say
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.driver_words import absence_words
from aienv_gui.hardware.readings import GpuProcess, Snapshot

_Index = QModelIndex | QPersistentModelIndex
_HEADINGS: Final = (tr("Program"), tr("GPU"), tr("GPU memory"), tr("Kind"), tr("User"), tr("Process"))
_NUMBERS: Final = (1, 2, 5)  # columns
_ROW_HEIGHT: Final = 32


@dataclass(frozen=True, slots=True)
class _Row:
    gpu: int
    process: GpuProcess


class ProcessModel(QAbstractTableModel):
    def __init__(self, language: Language, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: tuple[_Row, ...] = ()
        language.changed.connect(self._on_language)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        rows = tuple(_Row(gpu.index, process) for gpu in snapshot.nvidia.gpus for process in gpu.processes)
        if rows == self._rows:
            return
        if [(r.gpu, r.process.pid) for r in rows] == [(r.gpu, r.process.pid) for r in self._rows]:
            self._rows = rows  # the same processes: the selection stays
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(_HEADINGS) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return str(_HEADINGS[section])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in _NUMBERS else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in _NUMBERS:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return str(self._cell(row, index.column()))
        absence = row.process.memory_bytes.absence
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 2 and absence is not None:
            return str(absence_words(absence))
        return None

    def _cell(self, row: _Row, column: int) -> Text | str:
        process = row.process
        memory = process.memory_bytes.number
        cells: tuple[Text | str, ...] = (
            process.name or tr("Unknown program"),
            str(row.gpu),
            memory_size(memory) if memory is not None else "–",
            tr("Computing") if process.kind == "compute" else tr("Graphics"),
            process.user or "–",
            str(process.pid),
        )
        return cells[column]

    @Slot()
    def _on_language(self) -> None:
        self.beginResetModel()
        self.endResetModel()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(_HEADINGS) - 1)


class ProcessTable(QTableView):
    """As high as its rows: the page scrolls, not the table."""

    def __init__(self, language: Language, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = ProcessModel(language, self)
        self.setModel(self._model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        say(self, "setAccessibleName", tr("Processes that hold GPU memory"))
        self._fit()

    def show_snapshot(self, snapshot: Snapshot) -> int:
        """Show the processes of a snapshot; returns how many."""
        before = self._model.rowCount()
        self._model.show_snapshot(snapshot)
        if self._model.rowCount() != before:
            self._fit()
        return self._model.rowCount()

    def _fit(self) -> None:
        header = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(header + self._model.rowCount() * _ROW_HEIGHT + 2 * self.frameWidth() + 4)
