"""A table to learn from: the sample or a file of the user's own; which column is predicted, from which others."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.class_bars import ClassBars
from aienv_gui.gui.pages.train_parts.data_section import AskedSection, Words, show_lines, split_words, with_retry
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.choice import Choice
from aienv_gui.gui.widgets.file_dialog import TABLES, ask_for_file
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.tick_list import Tick, TickList
from aienv_gui.gui.words import say
from aienv_gui.training import samples
from aienv_gui.training.table_inspection import Asked, TableColumn, TableInspection

_ROWS_SHOWN = 6
_EXAMPLES = 3  # cells of a column beside its name
_WORDS = Words(
    title=tr("Table"),
    samples=(
        (
            samples.TUMOURS,
            tr("Tumours"),
            tr("A sample of 569 tumours of the breast: are they benign or malignant? Ready to use"),
        ),
    ),
    own=(
        tr("A table of my own"),
        tr("CSV, Excel or Parquet: a row for each example, a column for each thing known about it"),
    ),
    choose=tr("Choose file..."),
    nothing_chosen=tr("No file chosen"),
    look=tr("Look at the table"),
    looking=tr("Looking at the table"),
    looked_at=tr("The table is being looked at."),
    choose_first=tr("Choose a file with a table."),
    unusable=tr("This table cannot be trained on."),
)


class TableSection(AskedSection):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, _WORDS, Asked(), parent)
        services.language.changed.connect(self._on_language)

    def _make_found(self) -> QWidget:
        found, column = self._column()
        self._summary = Label(role="strong", parent=found)
        column.addWidget(self._summary)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.target = QComboBox(found)
        self.target.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.target.setMaximumWidth(320)
        say(self.target, "setAccessibleName", tr("The column to predict"))
        self.target.activated.connect(self._on_asked)
        self.predicts = Choice(
            tr("What it is taken for"),
            (("classes", tr("as one of several classes")), ("number", tr("as a number"))),
            found,
        )
        self.predicts.chosen.connect(self._on_asked)
        label = Label(tr("Predict"), parent=found)
        label.setBuddy(self.target)
        label.setWordWrap(False)
        row.addWidget(label)
        row.addWidget(self.target)
        row.addWidget(self.predicts)
        row.addStretch(1)
        column.addLayout(row)
        self._split = Label(role="muted", parent=found)
        self._bars = ClassBars(self._services.theme, found)
        self._from = Label(tr("From these columns; those without a tick are left out:"), parent=found)
        self.columns = TickList(tr("Columns to learn from"), _ROWS_SHOWN, found)
        self._from.setBuddy(self.columns)
        self.columns.ticked.connect(self._on_ticked)
        self._warnings = Label(role="warn", parent=found)
        for widget in (self._split, self._bars, self._from, self.columns, self._warnings):
            column.addWidget(widget)
        return found

    # What the page asks.

    @property
    def inspection(self) -> TableInspection | None:
        return cast("TableInspection | None", self.found)

    @property
    def asked(self) -> Asked:
        """What the user chose, the rest as it was guessed: so that it stays when the table grows."""
        found, chosen = self.inspection, cast("Asked", self.choice)
        return chosen if found is None else Asked(found.target, found.predicts, chosen.leave_out)

    # The look at it.

    def _look(self, path: Path, python: Path) -> Job:
        folders = self._services.folders
        return self._services.jobs.start(
            self._words.look, run_work.inspect_table, path, self.sample, self.choice, python, 0, folders, quiet=True
        )

    def _ask(self) -> None:
        ask_for_file(self, tr("Choose the file with the table"), self._on_folder, kind=tr("Tables"), patterns=TABLES)

    def _show(self, found: TableInspection) -> None:
        if found.problem is not None:
            self.problem.show_problem(with_retry(found.problem))
        columns = tr_count("one column", "{count} columns", len(found.columns))
        self._summary.say(tr_count("One row, {columns}", "{count:,} rows, {columns}", found.rows, columns=columns))
        self._show_target(found)
        self._show_columns(found)
        self._split.setVisible(bool(found.split))
        if found.split:
            self._split.say(split_words(dict(found.split)))
        self._bars.setVisible(bool(found.classes))
        self._bars.set_classes(found.classes)
        show_lines(self._warnings, found.warnings)
        self._found.show()

    def _show_target(self, found: TableInspection) -> None:
        wanted = found.target or self.choice.target
        self.target.clear()
        for column in found.columns:
            if column.predictable or column.name == wanted:
                self.target.addItem(column.name)
        self.target.setCurrentIndex(self.target.findText(wanted))
        self.predicts.choose(found.predicts or self.choice.predicts or "classes")
        kind = next((column.kind for column in found.columns if column.name == wanted), "")
        self.predicts.setEnabled(kind == "number")  # words are never numbers

    def _show_columns(self, found: TableInspection) -> None:
        self.columns.show_ticks(
            Tick(
                column.name,
                str(_column_words(column, [row[number] for row in found.preview])),
                ticked=column.learnable and column.name not in self.choice.leave_out,
                offered=column.learnable,
            )
            for number, column in enumerate(found.columns)
            if column.name != (found.target or self.choice.target)
        )

    # Events.

    @Slot()
    def _on_asked(self) -> None:
        target = self.target.currentText()
        same = self.inspection is not None and target == self.inspection.target
        predicts = str(self.predicts.currentData()) if same else ""
        leave_out = tuple(name for name in self.choice.leave_out if name != target)
        self.choice = Asked(target, predicts, leave_out)
        self.check(keep=True)

    @Slot()
    def _on_ticked(self) -> None:
        predicts = str(self.predicts.currentData())
        self.choice = Asked(self.target.currentText(), predicts, self.columns.unticked())
        self.check(keep=True)

    @Slot()
    def _on_language(self) -> None:
        if self.inspection is not None:
            self._show_columns(self.inspection)


def _column_words(column: TableColumn, cells: list[str]) -> Text:
    """Name, kind, the first cells, and how many are missing."""
    examples = ", ".join(cell[:24] for cell in cells[:_EXAMPLES] if cell)
    words = tr("{name}: {kind}, such as {examples}", name=column.name, kind=column.words, examples=examples)
    if not examples:
        words = tr("{name}: {kind}", name=column.name, kind=column.words)
    if column.missing:
        return tr_count("{words}; one is missing", "{words}; {count:,} are missing", column.missing, words=words)
    return words
