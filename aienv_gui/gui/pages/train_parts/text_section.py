"""Texts to learn from: a sample, a folder or a table of the user's own; which column holds the texts."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.wording import tr, tr_count
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.class_bars import ClassBars
from aienv_gui.gui.pages.train_parts.column_row import ColumnRow
from aienv_gui.gui.pages.train_parts.data_section import AskedSection, Words, lines, show_lines, split_words, with_retry
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import TABLES, ask_for_file, ask_for_folder
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.training import samples
from aienv_gui.training.text_inspection import AskedTexts, TextInspection

_WORDS = Words(
    title=tr("Texts"),
    samples=(
        (
            samples.DEFINITIONS,
            tr("Definitions (English)"),
            tr("A sample of 4,800 definitions of a dictionary: an animal, food, a plant, a place, a person?"),
        ),
        (
            samples.REVIEWS,
            tr("Reviews (Chinese)"),
            tr("A sample of 5,000 reviews of books, hotels and goods: good or bad?"),
        ),
    ),
    own=(
        tr("Texts of my own"),
        tr("A folder with a folder of .txt files for each class, or a table with texts and classes"),
    ),
    choose=tr("Choose file..."),
    nothing_chosen=tr("Nothing chosen"),
    look=tr("Look at the texts"),
    looking=tr("Looking at the texts"),
    looked_at=tr("The texts are being looked at."),
    choose_first=tr("Choose a file or a folder with texts."),
    unusable=tr("These texts cannot be trained on."),
)


class TextSection(AskedSection):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, _WORDS, AskedTexts(), parent)
        self._choose_folder = Button(tr("Choose folder..."), icon="folder", parent=self._place)
        self._choose_folder.clicked.connect(self._on_choose_folder)
        self._place_row.addWidget(self._choose_folder)

    def _make_found(self) -> QWidget:
        found, column = self._column()
        self._summary = Label(role="strong", parent=found)
        column.addWidget(self._summary)
        self.columns = ColumnRow(
            {"text": tr("The column of the texts"), "target": tr("The column of the classes")}, found
        )
        self.columns.chosen.connect(self._on_asked)
        column.addWidget(self.columns)
        self._split = Label(role="muted", parent=found)
        self._bars = ClassBars(self._services.theme, found)
        self._examples = Label(role="caption", parent=found)
        self._warnings = Label(role="warn", parent=found)
        for widget in (self._split, self._bars, self._examples, self._warnings):
            column.addWidget(widget)
        return found

    @property
    def inspection(self) -> TextInspection | None:
        return cast("TextInspection | None", self.found)

    @property
    def asked(self) -> AskedTexts:
        """What the user chose, the rest as it was guessed."""
        found = self.inspection
        return cast("AskedTexts", self.choice) if found is None else AskedTexts(found.text, found.target)

    # The look at them.

    def _look(self, path: Path, python: Path) -> Job:
        folders = self._services.folders
        return self._services.jobs.start(
            self._words.look, run_work.inspect_texts, path, self.sample, self.choice, python, 0, folders, quiet=True
        )

    def _ask(self) -> None:
        ask_for_file(self, tr("Choose the file with the texts"), self._on_folder, kind=tr("Tables"), patterns=TABLES)

    def _show(self, found: TextInspection) -> None:
        if found.problem is not None:
            self.problem.show_problem(with_retry(found.problem))
        self._show_columns(found)
        whole = found.problem is None
        for widget in (self._summary, self._split, self._bars, self._examples):
            widget.setVisible(whole)
        show_lines(self._warnings, found.warnings)
        if whole:
            classes = tr_count("one class", "{count} classes", len(found.classes))
            self._summary.say(
                tr_count("One text in {classes}", "{count:,} texts in {classes}", found.texts, classes=classes)
            )
            self._split.say(split_words(dict(found.split or {})))
            self._bars.set_classes(found.classes)
            self._examples.say(lines([tr("{name}: “{text}”", name=name, text=text) for text, name in found.examples]))
        self._found.show()

    def _show_columns(self, found: TextInspection) -> None:
        self.columns.setVisible(bool(found.columns))
        chosen = {"text": found.text or self.choice.text, "target": found.target or self.choice.target}
        self.columns.show_columns(found.columns, chosen)

    # Events.

    @Slot()
    def _on_asked(self) -> None:
        self.choice = AskedTexts(self.columns.column("text"), self.columns.column("target"))
        self.check(keep=True)

    @Slot()
    def _on_choose_folder(self) -> None:
        start = self.folder if self.folder is not None and self.folder.is_dir() else Path.home()
        ask_for_folder(self, tr("Choose the folder with the texts"), self._on_folder, start=start)
