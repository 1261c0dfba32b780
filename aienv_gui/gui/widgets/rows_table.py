"""A table of rows: sorted by a click on a header, filtered, columns as wide as their longest texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableView,
    QWidget,
)

from aienv_gui.core.wording import Text
from aienv_gui.gui.services import Services
from aienv_gui.gui.words import say

Index = QModelIndex | QPersistentModelIndex

PROGRESS_ROLE: Final = Qt.ItemDataRole.UserRole
BAR_WIDTH: Final = 190  # pixels of a column with bars
_LEAST_WIDTH: Final = 64  # pixels of a column
_PADDING: Final = 24  # pixels of a cell beside its text: the style sheet's and Qt's own
_MEASURED: Final = 1000  # rows that are looked at for the width of a column
_LONGEST: Final = 4  # texts of a column whose width is measured


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, what it shows of a row, and what it sorts by."""

    title: Text
    text: Callable[[Any], str]
    key: Callable[[Any], Any] | None = None
    full: Callable[[Any], str] | None = None  # what the tool tip and a copy say, where the cell is too small for it
    right: bool = False  # aligned right: numbers
    share: int = 0  # of the room that is left; 0: as wide as its content
    progress: bool = False  # drawn as a bar by `ProgressDelegate`

    def sort_key(self, row: Any) -> Any:
        return self.key(row) if self.key is not None else self.text(row).casefold()


class RowsModel(QAbstractTableModel):
    """Rows that are any objects, shown through columns. `set_rows` replaces all, `change_row` one.

    It sorts by itself: a proxy's sorting asks a model in Python for each comparison. `rows` keep the order they were
    given in, and their numbers; `row_at` is the one that is shown at a place.
    """

    def __init__(self, columns: Sequence[Column], services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.rows: list[Any] = []
        self._order: list[int] = []  # the numbers of the rows as they are shown
        self._sorted_by = -1  # a column; none
        self._reversed = False
        services.language.changed.connect(self._on_language)

    def set_rows(self, rows: Iterable[Any]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self._order = self._sorted_order()
        self.endResetModel()

    def row_at(self, place: int) -> Any:
        """The row that is shown at a place."""
        return self.rows[self._order[place]]

    def change_row(self, number: int, row: Any) -> None:
        """Replace a row; the view learns of it through `tell_changed`."""
        self.rows[number] = row

    def tell_changed(self, first: int, last: int) -> None:
        """Rows of these numbers, and of those between, have changed."""
        places = [place for place, number in enumerate(self._order) if first <= number <= last]
        self.dataChanged.emit(self.index(min(places), 0), self.index(max(places), len(self.columns) - 1))
        self._sort_again()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sorted_by, self._reversed = column, order is Qt.SortOrder.DescendingOrder
        self._sort_again()

    def _sorted_order(self) -> list[int]:
        numbers = list(range(len(self.rows)))
        if not 0 <= self._sorted_by < len(self.columns):
            return numbers
        column = self.columns[self._sorted_by]
        return sorted(numbers, key=lambda number: column.sort_key(self.rows[number]), reverse=self._reversed)

    def _sort_again(self) -> None:
        order = self._sorted_order()
        if order == self._order:
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        place_of = {number: place for place, number in enumerate(order)}
        moved = [self.index(place_of[self._order[index.row()]], index.column()) for index in held]
        self._order = order
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column, row = self.columns[index.column()], self.row_at(index.row())
        if role == Qt.ItemDataRole.ToolTipRole or (role == Qt.ItemDataRole.AccessibleTextRole and column.full):
            return self.full_text(row, column)
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.right:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == PROGRESS_ROLE and column.progress:
            return row
        return None

    @staticmethod
    def full_text(row: Any, column: Column) -> str:
        return column.full(row) if column.full is not None else column.text(row)

    def as_text(self, rows: Iterable[Any]) -> str:
        """Rows for the clipboard: a line each, the columns between tabs."""
        return "\n".join("\t".join(self.full_text(row, column) for column in self.columns) for row in rows)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return str(column.title)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    @Slot()
    def _on_language(self) -> None:
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)
        if self.rows:
            self.tell_changed(0, len(self.rows) - 1)


class _Filter(QSortFilterProxyModel):
    """Leaves the order to the model."""

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.sourceModel().sort(column, order)


def _bytes(text: str) -> int:
    """A measure of a text's width: a Chinese sign is wider than a Latin one."""
    return len(text.encode())


class RowsTable(QTableView):
    """A read-only table of `columns`; sorted by a click on a header, filtered with `set_filter` on the first column.

    With `several` more than one row can be selected. `picked` is emitted whenever the selection changes.
    """

    picked = Signal()

    def __init__(
        self,
        services: Services,
        columns: Sequence[Column],
        name: Text,
        parent: QWidget | None = None,
        *,
        several: bool = False,
    ) -> None:
        super().__init__(parent)
        self.rows_model = RowsModel(columns, services, self)
        self._fitted_to: QFont | None = None  # the font that the columns are as wide as they need to be for
        self._filter = _Filter(self)
        self._filter.setSourceModel(self.rows_model)
        self._filter.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._filter.setFilterKeyColumn(0)
        self.setModel(self._filter)
        say(self, "setAccessibleName", name)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        modes = QAbstractItemView.SelectionMode
        self.setSelectionMode(modes.ExtendedSelection if several else modes.SingleSelection)
        self.selectionModel().selectionChanged.connect(self._on_selected)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(30)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(_LEAST_WIDTH)
        for number, column in enumerate(columns):
            mode = QHeaderView.ResizeMode.Stretch if column.share else QHeaderView.ResizeMode.Fixed
            header.setSectionResizeMode(number, mode)
        for signal in (self.rows_model.modelReset, self.rows_model.dataChanged, self.rows_model.headerDataChanged):
            signal.connect(self.fit_columns)
        self.setMinimumHeight(140)
        self.fit_columns()

    @Slot()
    def fit_columns(self) -> None:
        """Make the columns without a share as wide as their contents.

        Qt's own way asks the style for the size of each cell at each layout, which takes 60 ms for 120 packages;
        the longest texts alone tell the same.
        """
        self.ensurePolished()
        self._fitted_to = self.font()
        metrics, header = self.fontMetrics(), self.horizontalHeader()
        for number, column in enumerate(self.rows_model.columns):
            if column.share:
                continue
            texts = {column.text(row) for row in self.rows_model.rows[:_MEASURED]}
            longest = sorted(texts, key=_bytes, reverse=True)[:_LONGEST]
            widths = [metrics.horizontalAdvance(text) + _PADDING for text in longest]
            least = BAR_WIDTH if column.progress else _LEAST_WIDTH
            header.resizeSection(number, max(least, header.sectionSizeHint(number), *widths))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self.font() != self._fitted_to:  # not so at a change of theme
            self.fit_columns()

    def set_rows(self, rows: Iterable[Any]) -> None:
        self.rows_model.set_rows(rows)

    def replace_rows(self, rows: Iterable[Any], key: Callable[[Any], object]) -> None:
        """As `set_rows`; what was selected stays so where a row of the same key is there, and the view where it is."""
        selected = {key(row) for row in self.selected_rows()}
        at = self.verticalScrollBar().value()
        current = self.currentIndex().row()
        self.rows_model.set_rows(rows)
        self.select(lambda row: key(row) in selected, current)
        self.verticalScrollBar().setValue(at)

    def select(self, wanted: Callable[[Any], bool], current: int = -1) -> None:
        """Select exactly the rows that are wanted; the keyboard goes to the row number `current` as shown."""
        source, shown, flags = self.rows_model, self._filter, QItemSelectionModel.SelectionFlag
        chosen = QItemSelection()
        last = source.columnCount() - 1
        for place in range(source.rowCount()):
            if wanted(source.row_at(place)):
                first = shown.mapFromSource(source.index(place, 0))
                if first.isValid():
                    chosen.select(first, first.siblingAtColumn(last))
        if 0 <= current < shown.rowCount():
            self.selectionModel().setCurrentIndex(shown.index(current, 0), flags.NoUpdate)
        self.selectionModel().select(chosen, flags.ClearAndSelect)
        self.picked.emit()

    def selected_rows(self) -> tuple[Any, ...]:
        """The rows that are selected, in the order shown."""
        return tuple(self._row(number) for number in sorted({i.row() for i in self.selectionModel().selectedRows()}))

    def _row(self, number: int) -> Any:
        return self.rows_model.row_at(self._filter.mapToSource(self._filter.index(number, 0)).row())

    @Slot(QItemSelection, QItemSelection)
    def _on_selected(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        self.picked.emit()

    def set_filter(self, text: str) -> None:
        """Show only rows whose first column holds `text`."""
        self._filter.setFilterFixedString(text.strip())

    @property
    def shown_rows(self) -> int:
        return self._filter.rowCount()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selected()
        else:
            super().keyPressEvent(event)

    def copy_selected(self) -> None:
        """Put the selected rows on the clipboard, whole."""
        chosen = self.selected_rows()
        if chosen:
            QGuiApplication.clipboard().setText(self.rows_model.as_text(chosen))

    def copy_all(self) -> None:
        """Put every row on the clipboard, in the order that is shown."""
        shown = (self._row(number) for number in range(self._filter.rowCount()))
        QGuiApplication.clipboard().setText(self.rows_model.as_text(shown))
