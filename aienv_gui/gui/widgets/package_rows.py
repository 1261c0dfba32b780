"""Tables of packages: planned ones, and a build's with a bar for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import (
    QRectF,
    QSize,
    Qt,
    QTimer,
    Slot,
)
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from aienv_gui.core.wording import Text, size, tr
from aienv_gui.environments.records import PackageProgress, PackageState, PlannedFile
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.rows_table import BAR_WIDTH, PROGRESS_ROLE, Column, Index, RowsTable

_SIZE: Final = 2  # the column of a build's sizes
_SIZE_FROM: Final = 460  # pixels of the view from which it is shown
_REPAINT_MS: Final = 80  # a build reports hundreds of changes a second

STATE_WORDS: Final[dict[PackageState, Text]] = {
    PackageState.WAITING: tr("Waiting"),
    PackageState.DOWNLOADING: tr("Downloading"),
    PackageState.READY: tr("Ready"),
    PackageState.INSTALLED: tr("Installed"),
}


def planned_size(file: PlannedFile) -> str:
    return size(file.size_bytes) if file.size_bytes is not None else "?"


@dataclass(frozen=True, slots=True)
class BuildRow:
    """A package of a build: the file, and how far it is."""

    file: PlannedFile
    progress: PackageProgress

    @property
    def fraction(self) -> float:
        total = self.progress.total_bytes or self.file.size_bytes
        if self.progress.state in (PackageState.READY, PackageState.INSTALLED):
            return 1.0
        return min(1.0, self.progress.done_bytes / total) if total else 0.0

    @property
    def words(self) -> str:
        state = self.progress.state
        if state is PackageState.DOWNLOADING and self.progress.done_bytes:
            return size(self.progress.done_bytes)
        return str(STATE_WORDS[state])


class ProgressDelegate(QStyledItemDelegate):
    """Draws a `BuildRow` as a bar with its words: the bar while it comes, the words alone once it is there."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = services.theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(PROGRESS_ROLE)
        if not isinstance(row, BuildRow):
            super().paint(painter, option, index)
            return
        area = QRectF(option.rect).adjusted(8, 0, -8, 0)
        state = row.progress.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(area.left(), area.center().y() - 3, 72, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("raised"))
        painter.drawRoundedRect(bar, 3, 3)
        painter.setBrush(self._theme.color("good" if state is PackageState.INSTALLED else "accent"))
        if row.fraction > 0:
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(6.0, bar.width() * row.fraction), 6), 3, 3)
        painter.setPen(self._theme.color("muted" if state is PackageState.WAITING else "text"))
        words = area.adjusted(bar.width() + 10, 0, 0, 0)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), row.words)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return super().sizeHint(option, index).expandedTo(QSize(BAR_WIDTH, 28))


class PackageRows(RowsTable):
    """The packages of a build. `follow` takes each `PackageProgress`; the view is repainted a dozen times a second."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        columns = (
            Column(tr("Package"), lambda row: row.file.package, share=1),
            Column(tr("Version"), lambda row: row.file.version),
            Column(
                tr("Size"), lambda row: planned_size(row.file), key=lambda row: row.file.size_bytes or 0, right=True
            ),
            Column(tr("State"), lambda row: row.words, key=lambda row: row.fraction, progress=True),
        )
        super().__init__(services, columns, tr("Packages of the build"), parent)
        self.setItemDelegateForColumn(3, ProgressDelegate(services, self))
        self._places: dict[str, int] = {}
        self._changed: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REPAINT_MS)
        self._timer.timeout.connect(self.flush)
        services.theme.changed.connect(self._on_theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setColumnHidden(_SIZE, self.viewport().width() < _SIZE_FROM)  # the names need the room more

    def set_files(self, files: Sequence[PlannedFile]) -> None:
        """Start anew with these packages, all waiting."""
        rows = [
            BuildRow(file, PackageProgress(file.package, PackageState.READY if file.cached else PackageState.WAITING))
            for file in files
        ]
        self._places = {file.package: number for number, file in enumerate(files)}
        self._changed.clear()
        self.set_rows(rows)

    def follow(self, progress: PackageProgress) -> None:
        """Take the state of one package; one that was not planned gets a row of its own."""
        place = self._places.get(progress.package)
        if place is None:
            file = PlannedFile(progress.package, "", "", "", "", progress.total_bytes)
            self._places[progress.package] = len(self.rows_model.rows)
            self.set_rows([*self.rows_model.rows, BuildRow(file, progress)])
            return
        row = self.rows_model.rows[place]
        self.rows_model.change_row(place, BuildRow(row.file, progress))
        self._changed.add(place)
        if not self._timer.isActive():
            self._timer.start()

    def count(self, *states: PackageState) -> int:
        """How many packages are in one of these states."""
        return sum(row.progress.state in states for row in self.rows_model.rows)

    @Slot()
    def flush(self) -> None:
        """Show what changed now."""
        if self._changed:
            self.rows_model.tell_changed(min(self._changed), max(self._changed))
            self._changed.clear()

    @Slot()
    def _on_theme(self) -> None:
        self.viewport().update()
