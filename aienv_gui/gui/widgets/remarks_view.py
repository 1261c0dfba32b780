"""What of a file is not followed as it stands: one sentence, and folded below it a table, line by line."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import tr, tr_count
from aienv_gui.environments.records import Remark
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.rows_table import Column, RowsTable

_HEIGHT: Final = 230
_ROW: Final = 48  # two lines


class RemarksView(QFrame):
    """Hidden while there is nothing to say."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.summary = Label(role="warn", parent=self)
        row.addWidget(self.summary, 1)
        self.fold = Button(tr("Line by line"), kind="link", icon="chevron", parent=self)
        self.fold.setCheckable(True)
        self.fold.toggled.connect(self._on_fold)
        row.addWidget(self.fold)
        column.addLayout(row)
        self.table = RowsTable(
            services,
            (
                Column(tr("Line"), self._place, key=lambda said: said.line),
                Column(tr("In the file"), lambda said: said.text, share=1),
                Column(tr("Why"), lambda said: str(said.reason), share=1),
                Column(tr("Instead"), lambda said: str(said.instead), share=1),
            ),
            tr("Lines that are not followed as they stand"),
            self,
        )
        # As they come, which is as they stand in the file: to sort thousands of lines would hold the window up.
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setWordWrap(True)
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        self.table.setFixedHeight(_HEIGHT)
        self._one_file = True
        self.table.hide()
        column.addWidget(self.table)
        self.hide()

    def show_remarks(self, remarks: tuple[Remark, ...]) -> None:
        """Show these, folded."""
        self.setVisible(bool(remarks))
        self.fold.setChecked(False)
        if remarks:
            self.summary.say(
                tr_count(
                    "{count} line of {file} is not followed as it stands.",
                    "{count} lines of {file} are not followed as they stand.",
                    len(remarks),
                    file=", ".join(dict.fromkeys(said.file for said in remarks)),
                )
            )
        self._one_file = len({said.file for said in remarks}) < 2
        self.table.set_rows(remarks)

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self.fold.set_icon("chevron_down" if unfolded else "chevron")
        self.table.setVisible(unfolded)

    def _place(self, said: Remark) -> str:
        """The line, with the file's name where a file includes others."""
        return str(said.line) if self._one_file else f"{said.file}:{said.line}"
