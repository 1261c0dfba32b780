"""Text to go on writing: a sample, or a file, folder or table of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.wording import tr, tr_count
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.data_section import DataSection, Words, split_words
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import ask_for_file, ask_for_folder
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.training import samples
from aienv_gui.training.text_inspection import WritingInspection

_WORDS = Words(
    title=tr("Text to go on writing"),
    samples=(
        (
            samples.DEFINITIONS,
            tr("Definitions (English)"),
            tr("4,800 definitions of a dictionary: the model learns to make up others"),
        ),
        (
            samples.REVIEWS,
            tr("Reviews (Chinese)"),
            tr("5,000 reviews of books, hotels and goods: the model learns to make up others"),
        ),
    ),
    own=(
        tr("A text of my own"),
        tr("A text file, a folder of them, or a table with a column of texts"),
    ),
    choose=tr("Choose file..."),
    nothing_chosen=tr("Nothing chosen"),
    look=tr("Look at the text"),
    looking=tr("Looking at the text"),
    looked_at=tr("The text is being looked at."),
    choose_first=tr("Choose a file or a folder with text."),
    unusable=tr("This text cannot be trained on."),
)


class WritingSection(DataSection):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, _WORDS, parent)
        self._choose_folder = Button(tr("Choose folder..."), icon="folder", parent=self._place)
        self._choose_folder.clicked.connect(self._on_choose_folder)
        self._place_row.addWidget(self._choose_folder)

    def _make_found(self) -> QWidget:
        found, column = self._column()
        self._summary = Label(role="strong", parent=found)
        self._split = Label(role="muted", parent=found)
        self._beginning = Label(role="caption", parent=found)
        for widget in (self._summary, self._split, self._beginning):
            column.addWidget(widget)
        return found

    @property
    def inspection(self) -> WritingInspection | None:
        return cast("WritingInspection | None", self.found)

    def _look(self, path: Path, python: Path) -> Job:
        folders = self._services.folders
        return self._services.jobs.start(
            self._words.look, run_work.inspect_writing, path, self.sample, python, 0, folders, quiet=True
        )

    def _ask(self) -> None:
        patterns = "*.txt *.md *.csv *.tsv *.jsonl *.xlsx *.parquet"
        ask_for_file(self, tr("Choose the file with the text"), self._on_folder, kind=tr("Texts"), patterns=patterns)

    def _show(self, found: WritingInspection) -> None:
        self._summary.say(
            tr_count(
                "{characters:,} characters in one file, {different:,} different ones",
                "{characters:,} characters in {count:,} files, {different:,} different ones",
                found.files,
                characters=found.characters,
                different=found.different,
            )
        )
        self._split.say(split_words(dict(found.split)))
        self._beginning.say(tr("It begins: {text}", text=found.beginning))
        self._found.show()

    @Slot()
    def _on_choose_folder(self) -> None:
        start = self.folder if self.folder is not None and self.folder.is_dir() else Path.home()
        ask_for_folder(self, tr("Choose the folder with the texts"), self._on_folder, start=start)
