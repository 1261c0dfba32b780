"""A new training on one page: the kind of data, the data, model, where, start. Everything has a sound default."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.contents.lacking import lacking
from aienv_gui.gui import package_wishes
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.beginning_row import BeginningRow
from aienv_gui.gui.pages.train_parts.data_section import DataSection
from aienv_gui.gui.pages.train_parts.model_section import ModelSection
from aienv_gui.gui.pages.train_parts.picture_section import PictureSection
from aienv_gui.gui.pages.train_parts.place_section import PlaceSection
from aienv_gui.gui.pages.train_parts.series_section import SeriesSection
from aienv_gui.gui.pages.train_parts.table_section import TableSection
from aienv_gui.gui.pages.train_parts.text_section import TextSection
from aienv_gui.gui.pages.train_parts.writing_section import WritingSection
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.choice_card import ChoiceCard
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.training import beginnings, samples
from aienv_gui.training.beginnings import Beginning
from aienv_gui.training.inspection import AskedPictures
from aienv_gui.training.presets import needs_of_file
from aienv_gui.training.records import PICTURES, SERIES, TABLE, TEXTS, WRITING, Recipe
from aienv_gui.training.series_inspection import AskedSeries
from aienv_gui.training.table_inspection import Asked
from aienv_gui.training.text_inspection import AskedTexts

_SAMPLES = {
    samples.DIGITS: tr("Digits"),
    samples.TUMOURS: tr("Tumours"),
    samples.DEFINITIONS: tr("Definitions"),
    samples.REVIEWS: tr("Reviews"),
    samples.CARBON_DIOXIDE: tr("Carbon dioxide"),
}


class NewTraining(QWidget):
    """`started` carries the folder of the run that was begun."""

    started = Signal(object)  # Path

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._job: Job | None = None
        self._own_name = False  # the user gave the name
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        self.problem = ProblemView(services, self)
        self.problem.action.connect(self._on_action)
        self.pictures = PictureSection(services, self)
        self.table = TableSection(services, self)
        self.texts = TextSection(services, self)
        self.writing = WritingSection(services, self)
        self.series = SeriesSection(services, self)
        self._sections: dict[str, DataSection] = {
            PICTURES: self.pictures,
            TABLE: self.table,
            TEXTS: self.texts,
            WRITING: self.writing,
            SERIES: self.series,
        }
        self.kinds = self._make_kinds()
        for later in (self.table, self.texts, self.writing, self.series):
            later.hide()
        self.model = ModelSection(services, self)
        self.beginning = BeginningRow(services, self.model)
        self.model.body.insertWidget(1, self.beginning)
        self.place = PlaceSection(services, self)
        self.footer = QWidget(self)  # the page keeps it below what scrolls
        foot = QHBoxLayout(self.footer)
        foot.setContentsMargins(24, 12, 24, 16)
        foot.setSpacing(16)
        self.reason = Label(role="muted", parent=self.footer)
        self.start_button = Button(tr("Start training"), kind="primary", icon="play", parent=self.footer)
        self.start_button.clicked.connect(self.start)
        foot.addWidget(self.reason, 1)
        foot.addWidget(self.start_button)
        kinds = QHBoxLayout()
        kinds.setSpacing(12)
        for card in self.kinds.values():
            kinds.addWidget(card, 1)
        column.addLayout(kinds)
        sections: tuple[DataSection | ModelSection | PlaceSection, ...]
        sections = (*self._sections.values(), self.model, self.place)
        for section in sections:
            column.addWidget(section)
            section.changed.connect(self._on_changed)
        for row in (*(section.needs for section in self._sections.values()), self.model.needs):
            row.add_asked.connect(self._on_add)
        self.beginning.changed.connect(self._on_beginning)
        column.addWidget(self.problem)
        column.addStretch(1)
        self.place.name.textEdited.connect(self._on_named)
        services.language.changed.connect(self._name)
        self._on_changed()

    def _make_kinds(self) -> dict[str, ChoiceCard]:
        kinds = {
            PICTURES: ChoiceCard(tr("Pictures"), tr("Tell what a picture shows"), "picture", self),
            TABLE: ChoiceCard(tr("Tables"), tr("Predict one column from the others"), "template_tables", self),
            TEXTS: ChoiceCard(tr("Texts"), tr("Tell a text's topic or mood"), "template_language", self),
            WRITING: ChoiceCard(tr("Writing"), tr("Learn to go on writing, as the large ones do"), "activity", self),
            SERIES: ChoiceCard(tr("Forecasts"), tr("Tell how a series of numbers goes on"), "forecast", self),
        }
        self._kind_group = QButtonGroup(self)
        for card in kinds.values():
            self._kind_group.addButton(card)
        kinds[PICTURES].setChecked(True)
        self._kind_group.buttonClicked.connect(self._on_kind)
        return kinds

    @property
    def task(self) -> str:
        """The kind of data that is chosen."""
        return next(task for task, card in self.kinds.items() if card.isChecked())

    @property
    def data(self) -> DataSection:
        """The data of that kind."""
        return self._sections[self.task]

    def choose_task(self, task: str) -> None:
        """Turn to a kind of data: its sample, its models."""
        self.kinds[task].setChecked(True)
        for kind, section in self._sections.items():
            section.setVisible(kind == task)
        self.model.set_task(task)
        self.beginning.setVisible(task == PICTURES)
        self._on_changed()
        self.data.reopen()

    def open(self, environment: Path | None = None) -> None:
        """The page was opened: look at the chosen pictures."""
        if environment is not None:
            self.place.choose(environment)
        self.problem.clear()
        self.place.refresh()
        self.beginning.refresh()
        self.data.reopen()

    def show_recipe(self, recipe: Recipe) -> None:
        """Ask for what a recipe asked for, to change what did not work."""
        self._own_name = True
        self.place.name.setText(recipe.name)
        if recipe.task in self._sections:
            self.choose_task(recipe.task)
        if recipe.sample:
            self.data.choose_sample(recipe.sample)
        else:
            self.data.choose_folder(recipe.folder)
        if recipe.task == PICTURES and recipe.files:
            self.pictures.ask(AskedPictures(recipe.files, recipe.target))
        if recipe.task == TABLE:
            self.table.ask(Asked(recipe.target, recipe.predicts, recipe.leave_out))
        if recipe.task == TEXTS:
            self.texts.ask(AskedTexts(recipe.text, recipe.target))
        if recipe.task == SERIES:
            self.series.ask(AskedSeries(recipe.target, recipe.time, recipe.leave_out, recipe.window, recipe.horizon))
        start, freeze = recipe.start_from, int(recipe.settings.get("freeze", 0))
        self.beginning.show_beginning(Beginning(start, recipe.architecture) if start else None, freeze)
        self.model.choose(recipe.preset)
        self.model.show_settings(recipe.settings)
        self.model.show_options(recipe.options)
        self.place.choose(recipe.environment_prefix)
        self.place.choose_device(recipe.device)

    def recipe(self) -> Recipe:
        """What the page asks for now. Only where `missing` is None."""
        environment = self.place.chosen
        found = self.data.found
        assert environment is not None
        assert found is not None
        asked = self.table.asked if self.task == TABLE else Asked()
        texts = self.texts.asked if self.task == TEXTS else AskedTexts()
        series = self.series.asked if self.task == SERIES else AskedSeries()
        named = self.pictures.asked if self.task == PICTURES else AskedPictures()
        preset = self.model.preset
        begins = self.beginning.chosen if self.task == PICTURES else None
        freeze = {"freeze": self.beginning.epochs_at_rest} if begins else {}
        return Recipe(
            name=self.place.name.text().strip(),
            folder=found.folder,
            task=self.task,
            sample=self.data.sample,
            skip=self.pictures.skip if self.task == PICTURES else (),
            files=named.files,
            text=texts.text,
            target=asked.target or texts.target or series.target or named.target,
            predicts=asked.predicts,
            leave_out=asked.leave_out or series.leave_out,
            time=series.time,
            window=series.window,
            horizon=series.horizon,
            preset=preset.id,
            architecture=begins.architecture if begins else preset.architecture,
            options=begins.options if begins else self.model.options(),
            start_from=begins.path if begins else None,
            settings={**self.model.settings(), **freeze},
            environment_prefix=environment.prefix,
            environment_python=environment.python,
            environment_name=environment.name,
            device=self.place.chosen_device,
        )

    def missing(self) -> Text | None:
        """Why it cannot start yet, in words; None when it can."""
        if self._job is not None:
            return tr("Starting...")
        begins = self.beginning.missing() if self.task == PICTURES else None
        return self.place.missing() or self._lacks() or self.data.missing() or self.model.missing() or begins

    def _lacking(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the chosen environment lacks to read the data, and to train the model."""
        environment = self.place.chosen
        if environment is None:
            return (), ()
        own = self.data.folder if not self.data.sample else None
        data = needs_of_file(own) if own is not None else ()
        begins = self.beginning.chosen if self.task == PICTURES else None
        model = ((begins.library,) if begins.library else ()) if begins else self.model.preset.needs
        return lacking(environment, data), lacking(environment, model)

    def _lacks(self) -> Text | None:
        wanted = self._lacking()
        if not any(wanted):
            return None
        return tr("The environment lacks {packages}.", packages=", ".join(dict.fromkeys((*wanted[0], *wanted[1]))))

    def _show_lacking(self) -> None:
        environment = self.place.chosen
        for_data, for_model = self._lacking()
        name = environment.name if environment is not None else ""
        about_data = tr(
            "Reading {ending} files needs {packages}, which “{environment}” does not have.",
            ending=self.data.folder.suffix.lower() if self.data.folder else "",
            packages=", ".join(for_data),
            environment=name,
        )
        about_model = tr(
            "This model needs {packages}, which “{environment}” does not have.",
            packages=", ".join(for_model),
            environment=name,
        )
        self.data.needs.show_lacking(about_data, environment, for_data)
        self.model.needs.show_lacking(about_model, environment, for_model)

    @Slot()
    def start(self) -> None:
        """Begin the training."""
        if self.missing() is not None:
            return
        self.problem.clear()
        self._job = self._services.runs.begin(self.recipe())
        self._job.succeeded.connect(self._on_started)
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)
        self._on_changed()

    @Slot(object)
    def _on_started(self, folder: Path) -> None:
        self._own_name = False
        self.started.emit(folder)

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.problem.show_problem(problem)

    @Slot()
    def _on_finished(self) -> None:
        self._job = None
        self._on_changed()

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry":
            self.start()

    @Slot()
    def _on_add(self) -> None:
        """All that is lacking at once: it is one change."""
        environment = self.place.chosen
        wanted = self._lacking()
        if environment is not None and any(wanted):
            package_wishes.ask(self._services, environment, tuple(dict.fromkeys((*wanted[0], *wanted[1]))), "train")

    @Slot()
    def _on_changed(self) -> None:
        chosen = self.place.chosen
        self._show_lacking()
        self.model.set_python(chosen.python if chosen is not None else None)
        readable = chosen is not None and not self._lacking()[0]
        self.data.set_python(chosen.python if chosen is not None and readable else None)
        found = self.pictures.inspection
        self.model.set_colour(found is not None and found.colour)
        self._name()
        missing = self.missing()
        self.start_button.setEnabled(missing is None)
        says = missing or tr("Trains in the background; the window can be closed meanwhile.")
        self.reason.say(says)
        self.start_button.hint(says)

    @Slot()
    def _on_beginning(self) -> None:
        """Weights of a library want smaller steps than a preset that begins with chance; unless the user chose some."""
        self.model.suggest_rate(beginnings.RATE if self.beginning.elsewhere else None)
        self._on_changed()

    @Slot(object)
    def _on_kind(self, card: object) -> None:
        self.choose_task(next(task for task, kind in self.kinds.items() if kind is card))

    @Slot()
    def _on_named(self) -> None:
        self._own_name = True

    @Slot()
    def _name(self) -> None:
        """Name the training after its data and model, unless the user named it."""
        if self._own_name:
            return
        what = _SAMPLES.get(self.data.sample)
        if what is None and self.data.folder is None:
            return
        data: object = what if what is not None else self.data.folder.stem if self.data.folder else ""
        name = str(tr("{data}, {model}", data=data, model=self.model.name))
        if name != self.place.name.text():
            self.place.name.setText(name)
