"""Pictures to learn from: the sample digits, a folder of the user's own, or a table that names them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.class_bars import ClassBars
from aienv_gui.gui.pages.train_parts.column_row import ColumnRow
from aienv_gui.gui.pages.train_parts.data_section import AskedSection, Words, lines, show_lines, split_words, with_retry
from aienv_gui.gui.pages.train_parts.example_row import ExampleRow
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import TABLES, ask_for_file, ask_for_folder
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.training import samples
from aienv_gui.training.inspection import AskedPictures, Inspection

_BROKEN_SHOWN = 6
_WORDS = Words(
    title=tr("Pictures"),
    samples=((samples.DIGITS, tr("Handwritten digits"), tr("A sample of 5,000 scanned digits (MNIST), ready to use")),),
    own=(
        tr("Pictures of my own"),
        tr("A folder with a folder for each class, such as “cat” and “dog”, or a table that names files and classes"),
    ),
    choose=tr("Choose folder..."),
    nothing_chosen=tr("Nothing chosen"),
    look=tr("Look at the pictures"),
    looking=tr("Looking at the pictures"),
    looked_at=tr("The pictures are being looked at."),
    choose_first=tr("Choose a folder of pictures, or a table that names them."),
    unusable=tr("These pictures cannot be trained on."),
)


class PictureSection(AskedSection):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, _WORDS, AskedPictures(), parent)
        self._choose_table = Button(tr("Choose table..."), icon="template_tables", parent=self._place)
        self._choose_table.clicked.connect(self._on_choose_table)
        self._place_row.addWidget(self._choose_table)

    def _make_found(self) -> QWidget:
        found, column = self._column()
        self.columns = ColumnRow(
            {"files": tr("The column of the files"), "target": tr("The column of the classes")}, found
        )
        self.columns.chosen.connect(self._on_asked)
        column.addWidget(self.columns)
        self._summary = Label(role="strong", parent=found)
        self._split = Label(role="muted", parent=found)
        self._bars = ClassBars(self._services.theme, found)
        self._examples = ExampleRow(self._services, found)
        self._warnings = Label(role="warn", parent=found)
        self._broken = Label(role="warn", parent=found)
        self.consent = QCheckBox(found)
        self.consent.toggled.connect(self._on_consent)
        head = QVBoxLayout()
        head.setSpacing(2)
        head.addWidget(self._summary)
        head.addWidget(self._split)
        column.addLayout(head)
        for widget in (self._bars, self._examples, self._warnings, self._broken, self.consent):
            column.addWidget(widget)
        return found

    @property
    def inspection(self) -> Inspection | None:
        return cast("Inspection | None", self.found)

    @property
    def asked(self) -> AskedPictures:
        """The columns of a table that were found or chosen; empty ones of a folder."""
        found = self.inspection
        return cast("AskedPictures", self.choice) if found is None else AskedPictures(found.files, found.target)

    @property
    def skip(self) -> tuple[str, ...]:
        """The broken pictures the user agreed to leave out."""
        if self.inspection is None or not self.consent.isChecked():
            return ()
        return tuple(broken.path for broken in self.inspection.broken)

    def missing(self) -> Text | None:
        found = super().missing()
        if found is None and self.inspection and self.inspection.broken and not self.consent.isChecked():
            return tr("Agree to leave out the broken pictures, or mend them.")
        return found

    def _look(self, path: Path, python: Path) -> Job:
        folders = self._services.folders
        return self._services.jobs.start(
            self._words.look, run_work.inspect, path, self.sample, self.choice, python, 0, folders, quiet=True
        )

    def _ask(self) -> None:
        start = self.folder if self.folder is not None and self.folder.is_dir() else Path.home()
        ask_for_folder(self, tr("Choose the folder of pictures"), self._on_folder, start=start)

    @Slot()
    def _on_choose_table(self) -> None:
        title = tr("Choose the table that names the pictures")
        ask_for_file(self, title, self._on_folder, kind=tr("Tables"), patterns=TABLES)

    @Slot()
    def _on_asked(self) -> None:
        self.choice = AskedPictures(self.columns.column("files"), self.columns.column("target"))
        self.check(keep=True)

    @Slot(bool)
    def _on_consent(self, _agreed: bool) -> None:
        self.changed.emit()

    def _forget(self, *, keep: bool = False) -> None:
        super()._forget(keep=keep)
        self.consent.setChecked(False)
        self._examples.clear()

    def _show(self, found: Inspection) -> None:
        if found.problem is not None:
            self.problem.show_problem(with_retry(found.problem))
        self._show_columns(found)
        whole = found.problem is None
        for widget in (self._summary, self._split, self._bars, self._examples):
            widget.setVisible(whole)
        show_lines(self._warnings, found.warnings)
        self._broken.setVisible(bool(found.broken))
        self.consent.setVisible(bool(found.broken) and whole)
        if found.broken:
            self._show_broken(found)
        if whole:
            classes = tr_count("one class", "{count} classes", len(found.classes))
            self._summary.say(
                tr_count("One picture in {classes}", "{count:,} pictures in {classes}", found.pictures, classes=classes)
            )
            self._split.say(split_words(dict(found.split)))
            self._bars.set_classes(found.classes)
            self._examples.set_examples(found.examples)
        self._found.show()

    def _show_columns(self, found: Inspection) -> None:
        self.columns.setVisible(bool(found.columns))
        asked = cast("AskedPictures", self.choice)
        chosen = {"files": found.files or asked.files, "target": found.target or asked.target}
        self.columns.show_columns(found.columns, chosen)

    def _show_broken(self, found: Inspection) -> None:
        count = len(found.broken)
        more = count - min(count, _BROKEN_SHOWN)
        parts = [tr_count("One picture cannot be read:", "{count} pictures cannot be read:", count)]
        if found.columns:
            parts = [tr_count("A picture or a row cannot be used:", "{count} pictures or rows cannot be used:", count)]
        parts += [broken.words for broken in found.broken[:_BROKEN_SHOWN]]
        if more:
            parts.append(tr_count("and one more", "and {count} more", more))
        self._broken.say(lines(parts))
        say(
            self.consent,
            "setText",
            tr_count("Leave it out and train with the others", "Leave them out and train with the others", count),
        )
