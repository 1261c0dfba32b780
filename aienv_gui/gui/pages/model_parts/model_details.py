"""Everything about one model: its result, what it confuses, its facts, *Try it*, saving and deleting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFormLayout, QPlainTextEdit, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, shortened, size, tr, verbatim
from aienv_gui.gui.pages.model_parts.mistake_strip import MistakeStrip
from aienv_gui.gui.pages.model_parts.try_forecast import TryForecast
from aienv_gui.gui.pages.model_parts.try_it import TryIt
from aienv_gui.gui.pages.model_parts.try_picture import TryPicture
from aienv_gui.gui.pages.model_parts.try_row import TryRow
from aienv_gui.gui.pages.model_parts.try_text import TryText
from aienv_gui.gui.pages.model_parts.try_writing import TryWriting
from aienv_gui.gui.plots.confusion_matrix import ConfusionMatrix
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.confirm import confirm
from aienv_gui.gui.widgets.file_dialog import ask_for_folder
from aienv_gui.gui.widgets.flow import FlowLayout
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.training import model_store, result_words
from aienv_gui.training.model_store import Model
from aienv_gui.training.presets import words_of
from aienv_gui.training.records import PICTURES, SERIES, TABLE, TEXTS, WRITING, Mistake, pictures_base
from aienv_gui.training.story import evaluation_of, mistake_of


class ModelDetails(QWidget):
    changed_on_disk = Signal()  # a model was kept or deleted
    open_asked = Signal(object)  # Path: of another model

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.model: Model | None = None
        self._copy: Model | None = None  # the kept one of the run's model that is shown
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.problem = ProblemView(services, self)
        column.addWidget(self.problem)
        column.addWidget(self._make_result())
        self.try_it = TryPicture(services, self)
        self.try_row = TryRow(services, self)
        self.try_text = TryText(services, self)
        self.try_writing = TryWriting(services, self)
        self.try_forecast = TryForecast(services, self)
        self._tries: dict[str, TryIt] = {
            PICTURES: self.try_it,
            TABLE: self.try_row,
            TEXTS: self.try_text,
            WRITING: self.try_writing,
            SERIES: self.try_forecast,
        }
        for one in self._tries.values():
            one.setVisible(one is self.try_it)
            column.addWidget(one)
        column.addWidget(self._make_confusion())
        column.addWidget(self._make_mistakes())
        column.addWidget(self._make_use())

    # Making

    def _make_result(self) -> Card:
        self.result = Card(parent=self)
        self.result.set_title(tr("Model"))
        self.headline = Label(role="number", parent=self)
        self.result.body.addWidget(self.headline)
        self.verdict = Label(role="muted", parent=self)
        self.result.body.addWidget(self.verdict)
        self.facts = QFormLayout()
        self.facts.setHorizontalSpacing(24)
        self.facts.setVerticalSpacing(4)
        self._facts: dict[str, Label] = {}
        for key, title in (
            ("classes", tr("Classes")),
            ("network", tr("Network")),
            ("input", tr("Input")),
            ("trained", tr("Trained")),
            ("size", tr("Size")),
        ):
            value = Label(parent=self)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts[key] = value
            self.facts.addRow(Label(title, role="muted", parent=self), value)
        self.result.body.addLayout(self.facts)
        buttons = FlowLayout()
        self.keep_button = Button(tr("Keep this model"), icon="save", parent=self)
        self.keep_button.clicked.connect(self._on_keep)
        self.save_button = Button(tr("Save to a folder…"), icon="download", parent=self)
        self.save_button.clicked.connect(self._on_save)
        self.open_button = Button(tr("Open folder"), icon="folder", parent=self)
        self.open_button.clicked.connect(self._on_open)
        self.delete_button = Button(tr("Delete"), kind="danger", icon="trash", parent=self)
        self.delete_button.clicked.connect(self._on_delete)
        for button in (self.keep_button, self.save_button, self.open_button, self.delete_button):
            buttons.addWidget(button)
        self.delete_button.hide()  # never beside `keep_button`
        self.result.body.addLayout(buttons)
        self.saved = Label(role="good", parent=self)
        self.saved.hide()
        self.result.body.addWidget(self.saved)
        return self.result

    def _make_confusion(self) -> Card:
        self.confusion_card = Card(tr("What it confuses"), self)
        self.confusion = ConfusionMatrix(self._services.theme, self)
        self.confusion.follow(self._services.language)
        self.confusion.sentence_changed.connect(self._on_cell)
        self.confusion_card.body.addWidget(self.confusion)
        self.cell = Label(role="muted", parent=self)
        self.confusion_card.body.addWidget(self.cell)
        copy = Button(tr("Copy as table"), kind="link", icon="copy", parent=self)
        copy.clicked.connect(self._on_copy_table)
        self.confusion_card.header.addWidget(copy)
        return self.confusion_card

    def _make_mistakes(self) -> Card:
        self.mistakes_card = Card(tr("The worst examples"), self)
        self._mistakes_hint = Label(role="muted", parent=self)
        self.mistakes_card.body.addWidget(self._mistakes_hint)
        self.mistake_rows = Label(parent=self)
        self.mistakes_card.body.addWidget(self.mistake_rows)
        self.mistakes = MistakeStrip(self._services, self)
        self.mistakes.chosen.connect(self.try_it.try_picture)
        self.mistakes_card.body.addWidget(self.mistakes)
        return self.mistakes_card

    def _make_use(self) -> Card:
        self.use_card = Card(tr("Use it in your own program"), self)
        self._needs = Label(role="muted", parent=self)
        self.use_card.body.addWidget(self._needs)
        self.program = QPlainTextEdit(self)
        self.program.setReadOnly(True)
        self.program.setProperty("role", "mono")
        self.program.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.program.setTabChangesFocus(True)
        self.program.setMinimumHeight(self.fontMetrics().lineSpacing() * 15 + 24)
        say(self.program, "setAccessibleName", tr("A program that loads the model"))
        self.use_card.body.addWidget(self.program)
        copy = Button(tr("Copy"), kind="link", icon="copy", parent=self)
        copy.clicked.connect(self._on_copy_program)
        self.use_card.header.addWidget(copy)
        return self.use_card

    # Showing

    def set_model(self, model: Model) -> None:
        if self.model == model:
            return
        if self.model is None or self.model.folder != model.folder:
            self.problem.clear()
            self.saved.hide()
        self.model = model
        self.result.set_title(verbatim(model.name))
        self.keep_button.setVisible(not model.kept)
        self.delete_button.setVisible(model.kept)
        whole = model.broken is None
        trying = self._tries.get(model.task, self.try_it)
        for one in self._tries.values():
            one.setVisible(one is trying)
        for widget in (trying, self.use_card, self.keep_button, self.save_button):
            widget.setEnabled(whole)
        self._show_facts(model)
        evaluation = model.card.get("evaluation") or {}
        self.confusion_card.setVisible(bool(evaluation.get("confusion")))
        if evaluation.get("confusion"):
            self.confusion.set_matrix(model.classes, evaluation["confusion"])
            self.cell.say(tr("Point at a cell, or move with the arrow keys, to read it."))
        self._show_mistakes(model, [mistake_of(entry) for entry in evaluation.get("worst", ())])
        if model.pretrained:
            self._needs.say(tr("Needs PyTorch and Hugging Face's transformers, not AIEnv."))
        elif model.pieces:
            self._needs.say(tr("Needs PyTorch, safetensors and Hugging Face's tokenizers only, not AIEnv."))
        else:
            self._needs.say(tr("Needs PyTorch, safetensors and, for pictures, Pillow only, not AIEnv."))
        self.program.setPlainText(model_store.sample_call(model) if whole else "")
        if whole:
            trying.set_model(model)

    def _show_mistakes(self, model: Model, worst: list[Mistake]) -> None:
        rows = model.task != PICTURES
        self.mistakes_card.setVisible(bool(worst))
        self.mistakes.setVisible(not rows)
        self.mistake_rows.setVisible(rows)
        if rows:
            hint = tr("The test rows whose answers were farthest off.")
            if not model.numbers:
                hint = tr("Test examples it was most certain of, and wrong.")
            self._mistakes_hint.say(hint)
            self.mistake_rows.say(result_words.mistakes_in_rows(worst))
        else:
            self._mistakes_hint.say(tr("Test pictures it was most certain of, and wrong. Choose one to try it again."))
            data = model.card.get("data", {})
            folder = Path(str(data.get("folder", "")))
            self.mistakes.set_mistakes(pictures_base(folder, table=bool(data.get("files"))), worst)

    def set_copy(self, copy: Model | None) -> None:
        """Tell whether the model is kept already: then its button leads to the copy, instead of making another."""
        self._copy = copy
        self.keep_button.set_icon("save" if copy is None else "check")
        if copy is None:
            self.keep_button.say(tr("Keep this model"))
            self.keep_button.hint(tr("Copy it to your models, so that it stays when its run is deleted."))
        else:
            self.keep_button.say(tr("Kept"))
            self.keep_button.hint(tr("A copy of it is among your models. Choose this to show it."))

    def _show_facts(self, model: Model) -> None:
        if model.broken is not None:
            self.headline.say(tr("Damaged"))
            self.verdict.say(model.broken)
            for label in self._facts.values():
                label.say("")
            return
        if model.accuracy is None:
            self.headline.say(tr("Not tested"))
            self.verdict.say(tr("The training was stopped before the test was through."))
        else:
            self._show_result(model, model.accuracy)
        card = model.card
        answer = tr("none: it writes text") if model.task == WRITING else tr("none: it answers with a number")
        if model.task == SERIES:
            answer = tr("none: it forecasts numbers")
        self._facts["classes"].say(_names(model.classes) if model.classes else answer)
        self._facts["network"].say(_network(card))
        if model.task == TABLE:
            columns = [str(column["name"]) for column in card.get("input", {}).get("columns", ())]
            self._facts["input"].say(_names(tuple(columns)))
        elif model.pretrained:
            wanted = card.get("input", {})
            kind = wanted.get("config", {}).get("model_type", "?")
            length = wanted.get("length", "?")
            self._facts["input"].say(
                tr("{length} pieces of words of a text; a network of the kind {kind}", length=length, kind=kind)
            )
        elif model.task == TEXTS:
            known, length = len(card.get("input", {}).get("vocabulary", ())), card.get("input", {}).get("length", "?")
            self._facts["input"].say(tr("{count:,} known words; {length} words of a text", count=known, length=length))
        elif model.pieces:
            known, context = model.card["input"].get("pieces", 0), model.card["input"].get("context", "?")
            words = tr("{count:,} known word pieces; it looks back at {context}", count=known, context=context)
            self._facts["input"].say(words)
        elif model.task == WRITING:
            known, context = len(card.get("input", {}).get("vocabulary", ())), card.get("input", {}).get("context", "?")
            words = tr("{count:,} known characters; it looks back at {context}", count=known, context=context)
            self._facts["input"].say(words)
        elif model.task == SERIES:
            self._facts["input"].say(_looks_back(card.get("input", {})))
        else:
            self._show_picture_input(card.get("input", {}))
        self._facts["trained"].say(datetime.fromtimestamp(model.created).strftime("%Y-%m-%d %H:%M"))
        self._facts["size"].say(size(model.size_bytes))

    def _show_result(self, model: Model, accuracy: float) -> None:
        evaluation = evaluation_of(model.card.get("evaluation") or {})
        self.headline.say(result_words.headline(accuracy, numbers=model.numbers))
        verdict = result_words.meaning(evaluation, str(model.card.get("target", "")))
        compared = result_words.compared(evaluation.baselines)
        if compared is not None:
            verdict = tr("{result}. {comparison}.", result=verdict, comparison=compared)
        self.verdict.say(verdict)

    def _show_picture_input(self, shape: dict[str, Any]) -> None:
        width, height = shape.get("width", "?"), shape.get("height", "?")
        if shape.get("channels") == 1:
            self._facts["input"].say(tr("{width} × {height} pixels, grey", width=width, height=height))
        else:
            self._facts["input"].say(tr("{width} × {height} pixels, colour", width=width, height=height))

    @Slot(object)
    def _on_cell(self, text: Text) -> None:
        self.cell.say(text)

    # Doing

    @Slot()
    def _on_copy_table(self) -> None:
        QGuiApplication.clipboard().setText(self.confusion.as_table())

    @Slot()
    def _on_copy_program(self) -> None:
        QGuiApplication.clipboard().setText(self.program.toPlainText())

    @Slot()
    def _on_open(self) -> None:
        if self.model is not None:
            self._services.presenter.open_folder(self.model.folder)

    @Slot()
    def _on_keep(self) -> None:
        if self.model is None:
            return
        if self._copy is not None:
            self.open_asked.emit(self._copy.folder)
            return
        self.keep_button.setEnabled(False)  # until it is done: a second press would make a second copy
        job = self._services.jobs.start(
            tr("Keep {name}", name=self.model.name), model_store.keep, self.model, self._services.folders, quiet=True
        )
        job.succeeded.connect(self._on_saved)
        job.failed.connect(self._on_failed)
        job.finished.connect(self._on_keep_ended)

    @Slot()
    def _on_keep_ended(self) -> None:
        self.keep_button.setEnabled(self.model is not None and self.model.broken is None)

    @Slot()
    def _on_save(self) -> None:
        ask_for_folder(self, tr("Choose the folder to save the model into"), self.save_to)

    @Slot(str)
    def save_to(self, folder: str) -> None:
        """Save the model into a new folder below `folder`, in the background."""
        if self.model is None:
            return
        title = tr("Save {name}", name=self.model.name)
        job = self._services.jobs.start(title, model_store.export, self.model, Path(folder))
        job.succeeded.connect(self._on_saved)
        job.failed.connect(self._on_failed)

    @Slot(object)
    def _on_saved(self, folder: Path) -> None:
        self.problem.clear()
        self.saved.say(tr("Saved in {folder}", folder=folder))
        self.saved.show()
        self.changed_on_disk.emit()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.saved.hide()
        self.problem.show_problem(problem)

    @Slot()
    def _on_delete(self) -> None:
        if self.model is None:
            return
        confirm(
            self.window(),
            tr("Delete this model?"),
            tr(
                "{name} will be deleted for good; this frees {size}.",
                name=self.model.name,
                size=size(self.model.size_bytes),
            ),
            tr("Delete"),
            danger=True,
            on_yes=self._delete,
        )

    def _delete(self) -> None:
        if self.model is None:
            return
        title = tr("Delete {name}", name=self.model.name)
        job = self._services.jobs.start(title, model_store.delete, self.model, self._services.folders, quiet=True)
        job.succeeded.connect(self._on_deleted)
        job.failed.connect(self._on_failed)

    @Slot(object)
    def _on_deleted(self, _nothing: object) -> None:
        self.changed_on_disk.emit()


def _looks_back(wanted: dict[str, Any]) -> Text:
    names = _names(tuple(str(column["name"]) for column in wanted.get("columns", ())))
    window, ahead = wanted.get("window", "?"), wanted.get("horizon", "?")
    return tr("{columns}: {window} rows looked back at, {ahead} forecast", columns=names, window=window, ahead=ahead)


def _network(card: Mapping[str, Any]) -> Text:
    """The network of a model, what it began with, and what makes it beside PyTorch."""
    words = tr(
        "{architecture}, {parameters} parameters",
        architecture=words_of(str(card.get("preset", "")), str(card.get("architecture", "?")))[1],
        parameters=f"{int(card.get('parameters', 0)):,}",
    )
    if card.get("started_from"):
        name = shortened(str(card["started_from"].get("name", "?")))
        words = tr("{network}; it started from “{name}”", network=words, name=name)
    if card.get("needs"):
        words = tr("{network}; needs {packages}", network=words, packages=", ".join(map(str, card["needs"])))
    return words


def _names(classes: tuple[str, ...]) -> Text:
    shown = ", ".join(map(shortened, classes[:12]))
    return verbatim(shown if len(classes) <= 12 else f"{shown}… ({len(classes)})")
