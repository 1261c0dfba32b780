"""Step 2: how the environment is made: name, Python, engine, build for the graphics card, extra packages."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.planning.wizard import Wizard
from aienv_gui.environments.records import Engine
from aienv_gui.gui import environment_work
from aienv_gui.gui.pages.new_environment.alternatives import Alternatives
from aienv_gui.gui.pages.new_environment.step import Scroller, StepView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.choice_card import ChoiceCard
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_PAUSE_MS: Final = 150  # between typing and looking at the disk

_ENGINES: Final[dict[Engine, tuple[Text, Text]]] = {
    Engine.UV: (
        tr("pip packages (uv)"),
        tr("From the Python package index; with a Python of this computer, or a downloaded one."),
    ),
    Engine.CONDA: (tr("conda packages"), tr("From conda-forge; brings its own Python and system libraries.")),
}


class OptionsStep(StepView):
    """A form with sound defaults. The name is checked while it is typed. Enter in a field emits `confirmed`."""

    confirmed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(
            services, tr("How is it made?"), tr("Everything has a sound default: you can go on at once."), parent
        )
        scroller = Scroller(self)
        self.column.addWidget(scroller, 1)
        self._form = QGridLayout()
        self._form.setHorizontalSpacing(16)
        self._form.setVerticalSpacing(4)
        self._form.setColumnMinimumWidth(0, 120)
        self._form.setColumnStretch(1, 1)
        scroller.column.addLayout(self._form)
        scroller.column.addStretch(1)
        self._filling = False
        self._checking = ""

        self.name = QLineEdit(self)
        self.name.setMaxLength(200)
        self.name_words = self._add(tr("Name"), self.name)
        self.name.textEdited.connect(self._on_name)

        engines = QWidget(self)
        row = QHBoxLayout(engines)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._group = QButtonGroup(self)
        self.engines: dict[Engine, ChoiceCard] = {}
        for engine, (title, description) in _ENGINES.items():
            card = ChoiceCard(title, description, parent=engines)
            card.setObjectName(engine.value)
            row.addWidget(card, 1)
            self._group.addButton(card)
            self.engines[engine] = card
        self._group.buttonClicked.connect(self._on_engine)
        self.engine_words = self._add(tr("Engine"), engines)

        self.python = QComboBox(self)
        self.python_words = self._add(tr("Python"), self.python)
        self.python.currentIndexChanged.connect(self._on_python)

        self.accelerator = QComboBox(self)
        self.accelerator_words = self._add(tr("Calculates on"), self.accelerator)
        self.accelerator.currentIndexChanged.connect(self._on_accelerator)
        self.alternatives = Alternatives(self)
        self._form.addWidget(self.alternatives, self._form.rowCount() - 1, 1)
        self.alternatives.wanted.connect(self._on_wanted)

        self.extra = QLineEdit(self)
        say(self.extra, "setPlaceholderText", tr("for example: opencv-python, seaborn>=0.13"))
        self.extra_words = self._add(tr("More packages"), self.extra)
        self.extra.textEdited.connect(self._on_extra)

        for field in (self.name, self.extra):
            field.returnPressed.connect(self.confirmed)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._check_name)
        services.language.changed.connect(self._on_language)

    def _add(self, title: Text, field: QWidget) -> Label:
        """Put a field into the form, with its label left and room for words below; returns the latter."""
        row = self._form.rowCount()
        label = Label(title, parent=self)
        label.setWordWrap(False)
        label.setBuddy(field)
        label.setMinimumHeight(32)
        words = Label(role="caption", parent=self)
        say(field, "setAccessibleName", title)
        self._form.addWidget(label, row, 0)
        self._form.addWidget(field, row, 1)
        self._form.addWidget(words, row + 1, 1)
        self._form.setRowMinimumHeight(row + 2, 4)
        field.setProperty("form_label", label)
        return words

    def enter(self, wizard: Wizard) -> None:
        super().enter(wizard)
        self.name.setText(wizard.draft.name)
        self.extra.setText(wizard.draft.extra)
        self.name.selectAll()  # the name is a proposal: what is typed replaces it
        self.fill()
        self._check_name()

    def leave(self) -> None:
        self._pause.stop()
        super().leave()

    def first_field(self) -> QWidget | None:
        return self.name

    def fill(self) -> None:
        """Show what may be chosen and what is."""
        wizard = self.wizard
        assert wizard is not None
        self._filling = True
        draft = wizard.draft
        for engine, card in self.engines.items():
            card.setEnabled(engine in wizard.engines)
            card.setChecked(engine is draft.engine)
        asked = draft.asked
        only_conda = wizard.engines == (Engine.CONDA,)
        self.engine_words.setVisible(only_conda)
        if only_conda and asked is not None and draft.file is not None:
            self.engine_words.say(tr("{file} names conda packages.", file=draft.file.name))
        elif len(wizard.engines) == 1 and draft.file is not None:
            self.engine_words.setVisible(True)
            self.engine_words.say(tr("{file} names exact files for pip.", file=draft.file.name))
        self.python.clear()
        for version in wizard.pythons:
            elsewhere = draft.engine is Engine.UV and version in wizard.offer.downloads
            words = tr("Python {version} (will be downloaded)", version=version) if elsewhere else None
            self.python.addItem(str(words) if words is not None else f"Python {version}", version)
        self.python.setCurrentIndex(max(0, self.python.findData(draft.python)))
        self._fill_accelerators()
        self._filling = False
        self._say_python()
        self._say_extra()

    def _fill_accelerators(self) -> None:
        wizard = self.wizard
        assert wizard is not None
        shown = wizard.uses_accelerator
        for widget in (
            self.accelerator,
            self.accelerator_words,
            self.accelerator.property("form_label"),
            self.alternatives,
        ):
            widget.setVisible(shown)
        self.accelerator.clear()
        for build in wizard.offer.builds:
            title = build.title
            if build.id == wizard.offer.advised.id:
                title = tr("{build} (recommended)", build=build.title)
            self.accelerator.addItem(str(title), build.id)
        self.accelerator.setCurrentIndex(max(0, self.accelerator.findData(wizard.draft.accelerator)))
        self._say_accelerator()

    def _say_accelerator(self) -> None:
        wizard = self.wizard
        assert wizard is not None
        chosen, advised = wizard.draft.accelerator, wizard.offer.advised
        self.alternatives.show_choice(advised, chosen)
        if chosen == advised.id:
            self.accelerator_words.say(advised.reason)
            self.accelerator_words.set_role("warn" if advised.left_out else "caption")
            return
        instead = next((one for one in advised.alternatives if one.id == chosen and one.instead), None)
        if instead is not None:  # the user was asked, and answered
            self.accelerator_words.say(instead.reason)
            self.accelerator_words.set_role("caption")
            return
        needs = next((build.reason for build in wizard.offer.builds if build.id == chosen), advised.reason)
        self.accelerator_words.say(tr("Not what was found on this computer. {needs}", needs=needs))
        self.accelerator_words.set_role("warn")

    def _say_python(self) -> None:
        wizard = self.wizard
        assert wizard is not None
        hindrance = wizard.hindrance if not wizard.pythons else None
        if hindrance is not None:
            self.python_words.say(hindrance)
            self.python_words.set_role("bad")
        else:
            own = wizard.draft.engine is Engine.CONDA
            if own:
                self.python_words.say(tr("It comes with the environment."))
            elif wizard.draft.python in wizard.offer.downloads:
                self.python_words.say(
                    tr("Not on this computer yet: it is downloaded when the environment is built, not before.")
                )
            else:
                self.python_words.say(tr("Found on this computer, newest first."))
            self.python_words.set_role("caption")

    def _say_extra(self) -> None:
        assert self.wizard is not None
        fault = self.wizard.extra_fault
        self._mark(self.extra, self.extra_words, fault)
        self.extra.setEnabled(not self.wizard.locked)
        if self.wizard.locked:
            self.extra_words.say(tr("The file names exact files and is built exactly so; add packages afterwards."))
        elif fault is None:
            self.extra_words.say(tr("Separate several with commas."))

    def _mark(self, field: QLineEdit, words: Label, fault: Problem | None) -> None:
        field.setProperty("state", "bad" if fault is not None else "")
        field.style().unpolish(field)
        field.style().polish(field)
        words.set_role("bad" if fault is not None else "caption")
        if fault is not None:
            cause, cure = fault.cause or fault.title, fault.cure
            if fault.code == "bad_package":
                cause = fault.title
            words.say(tr("{cause} {cure}", cause=cause, cure=cure) if cure is not None else cause)

    @Slot(str)
    def _on_name(self, text: str) -> None:
        assert self.wizard is not None
        self.wizard.change_name(text)
        self.changed.emit()
        self._pause.start()

    @Slot()
    def _check_name(self) -> None:
        assert self.wizard is not None
        self.drop_job()
        self._checking = self.wizard.draft.name
        self._job = self.services.jobs.start(
            tr("Check a name"), environment_work.check_name, self._checking, self.services.folders, quiet=True
        )
        self._job.succeeded.connect(self._on_name_good)
        self._job.failed.connect(self._on_name_bad)

    @Slot()
    def _on_name_good(self) -> None:
        if self.is_current():
            self._take_name(None)

    @Slot(object)
    def _on_name_bad(self, fault: Problem) -> None:
        if self.is_current():
            self._take_name(fault)

    def _take_name(self, fault: Problem | None) -> None:
        self._job = None
        if self.wizard is None or not self.wizard.name_checked(self._checking, fault):
            return
        self._mark(self.name, self.name_words, fault)
        if fault is None:
            self.name_words.say(tr("Stored in {folder}", folder=self.services.folders.environments))
        self.changed.emit()

    @Slot(QAbstractButton)
    def _on_engine(self, card: QAbstractButton) -> None:
        assert self.wizard is not None
        self.wizard.change_engine(Engine(card.objectName()))
        self.fill()
        self.changed.emit()

    @Slot(int)
    def _on_python(self, index: int) -> None:
        if not self._filling and self.wizard is not None and index >= 0:
            self.wizard.change_python(self.python.itemData(index))
            self._say_python()
            self.changed.emit()

    @Slot(int)
    def _on_accelerator(self, index: int) -> None:
        if not self._filling and self.wizard is not None and index >= 0:
            self.wizard.change_accelerator(self.accelerator.itemData(index))
            self._say_accelerator()
            self.changed.emit()

    @Slot(str)
    def _on_wanted(self, build: str) -> None:
        self.accelerator.setCurrentIndex(max(0, self.accelerator.findData(build)))
        self.accelerator.setFocus()

    @Slot(str)
    def _on_extra(self, text: str) -> None:
        assert self.wizard is not None
        before = self.wizard.uses_accelerator
        self.wizard.change_extra(text)
        self._say_extra()
        if self.wizard.uses_accelerator != before:
            self._filling = True
            self._fill_accelerators()
            self._filling = False
        self.changed.emit()

    @Slot()
    def _on_language(self) -> None:
        if self.wizard is not None:
            self.fill()
