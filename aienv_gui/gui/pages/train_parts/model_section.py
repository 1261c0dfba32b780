"""What learns: presets as cards, and the settings behind them for those who want them."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QLineEdit, QSpinBox, QWidget

from aienv_gui.core.wording import Text, duration, percent, tr, verbatim
from aienv_gui.engine.protocol import AUTO
from aienv_gui.gui.pages.train_parts.pretrained_row import PretrainedRow
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.choice import Choice
from aienv_gui.gui.widgets.choice_card import ChoiceCard
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.needs_row import NeedsRow
from aienv_gui.gui.widgets.number import NumberField
from aienv_gui.gui.words import say
from aienv_gui.training.presets import Preset, presets
from aienv_gui.training.records import SERIES

_OPTIMISERS = (("adamw", tr("AdamW")), ("adam", tr("Adam")), ("sgd", tr("SGD")))
_PRECISIONS = (("float32", tr("Full (float32)")), ("bfloat16", tr("Short (bfloat16)")))
_EXACTNESS = ((False, tr("Close, and fast")), (True, tr("Exact, and slower")))


class Advanced(QWidget):
    """The settings of a preset, to change."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        self.learning_rate = QLineEdit(self)
        # No validator: it would swallow keys without a word. What is wrong is said below the field.
        self.learning_rate.textChanged.connect(self._on_changed)
        say(self.learning_rate, "setPlaceholderText", tr("found by trying"))
        self.batch_size = self._number(0, 4096)
        say(self.batch_size, "setSpecialValueText", tr("found by trying"))  # stands for 0
        self.epochs = self._number(1, 10000)
        self.seed = self._number(0, 2**31 - 1)
        self.patience = self._number(0, 1000)
        self.minutes = self._number(0, 100_000)
        self.average = self._number(0, 100_000)
        for box in (self.patience, self.minutes, self.average):
            say(box, "setSpecialValueText", tr("off"))  # stands for 0
        self.parts = self._number(1, 4096)
        self.precision = Choice(tr("Precision"), _PRECISIONS, self)
        self.precision.chosen.connect(self._on_changed)
        self.processes = self._number(1, 64)
        self.processes.setEnabled(sys.platform != "win32")  # where they could not keep to themselves
        self.exact = Choice(tr("Continued on a GPU"), _EXACTNESS, self)
        self.exact.chosen.connect(self._on_changed)
        self.optimiser = Choice(tr("Optimiser"), _OPTIMISERS, self)
        self.optimiser.chosen.connect(self._on_changed)
        rows: tuple[tuple[Text, Text, QWidget], ...] = (
            (
                tr("Learning rate"),
                tr("How far each step goes; left empty, it is found by trying"),
                self.learning_rate,
            ),
            (
                tr("Batch size"),
                tr("Examples a step; at 0 it is found by trying, and the learning rate is made to go with it"),
                self.batch_size,
            ),
            (tr("Epochs"), tr("How often all examples are seen"), self.epochs),
            (tr("Optimiser"), tr("The rule that turns errors into steps"), self.optimiser),
            (tr("Seed"), tr("The same number gives the same split and the same training again"), self.seed),
            (tr("Stop early"), tr("After so many epochs without a better one"), self.patience),
            (tr("Time limit"), tr("Minutes of training; the best so far is the result"), self.minutes),
            (tr("Averaged weights"), tr("The mean over about so many last steps is the result"), self.average),
            (tr("Parts of a batch"), tr("One after the other, as one step; more parts need less memory"), self.parts),
            (tr("Precision"), tr("Short numbers need less memory, and are faster on newer GPUs"), self.precision),
            (tr("Continued on a GPU"), tr("To the last digit, or nearly; on the CPU it is exact always"), self.exact),
            (tr("Processes"), tr("So many share each batch; for computers with several GPUs"), self.processes),
        )
        for index, (name, meaning, widget) in enumerate(rows):
            row, column = index // 3 * 4, index % 3
            label = Label(name, role="strong", parent=self)
            label.setBuddy(widget)
            say(widget, "setAccessibleName", name)
            say(widget, "setAccessibleDescription", meaning)
            grid.addWidget(label, row, column)
            grid.addWidget(widget, row + 1, column)
            below = Label(meaning, role="caption", parent=self)
            grid.addWidget(below, row + 2, column, Qt.AlignmentFlag.AlignTop)
            if widget is self.learning_rate:
                self._below_rate, self._rate_means = below, meaning
            grid.setColumnStretch(column, 1)
        for gap in (3, 7, 11):
            grid.setRowMinimumHeight(gap, 8)

    def _number(self, low: int, high: int) -> QSpinBox:
        box = NumberField(self)
        box.setRange(low, high)
        box.valueChanged.connect(self._on_changed)
        return box

    def show_settings(self, settings: Mapping[str, Any]) -> None:
        """Show a preset's settings, or a recipe's."""
        self.show_rate(settings["learning_rate"])
        self.batch_size.setValue(0 if settings["batch_size"] == AUTO else int(settings["batch_size"]))
        self.epochs.setValue(int(settings["epochs"]))
        self.seed.setValue(int(settings["seed"]))
        self.patience.setValue(int(settings.get("patience", 0)))
        self.minutes.setValue(round(settings.get("minutes", 0)))
        self.average.setValue(int(settings.get("average", 0)))
        self.parts.setValue(int(settings.get("parts", 1)))
        self.processes.setValue(int(settings.get("processes", 1)))
        self.optimiser.choose(settings["optimiser"])
        self.precision.choose(settings.get("precision", "float32"))
        self.exact.choose(settings.get("exact", False))

    def show_rate(self, rate: float | str) -> None:
        self.learning_rate.setText("" if isinstance(rate, str) else f"{rate:.12g}")

    def settings(self) -> dict[str, Any]:
        return {
            "learning_rate": self._rate() or AUTO,
            "batch_size": self.batch_size.value() or AUTO,
            "epochs": self.epochs.value(),
            "optimiser": self.optimiser.currentData(),
            "seed": self.seed.value(),
            "patience": self.patience.value(),
            "minutes": self.minutes.value(),
            "average": self.average.value(),
            "parts": self.parts.value(),
            "processes": self.processes.value(),
            "precision": self.precision.currentData(),
            "exact": self.exact.currentData(),
        }

    def missing(self) -> Text | None:
        if self._rate() is None:
            return tr("The learning rate must be a number above 0 and at most 10, such as 0.001, or empty.")
        return None

    def _rate(self) -> float | None:
        """As it is written; 0 where that is left to the training, None where it is no rate."""
        if not self.learning_rate.text().strip():
            return 0.0
        try:
            rate = float(self.learning_rate.text().replace(",", "."))
        except ValueError:
            return None
        return rate if 0 < rate <= 10 else None

    @Slot()
    def _on_changed(self) -> None:
        wrong = self.missing()
        self._below_rate.set_role("caption" if wrong is None else "bad")
        self._below_rate.say(wrong or self._rate_means)
        self.changed.emit()


class ModelSection(Card):
    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Model"), parent)
        self._presets = presets()
        self._suggested: float | None = None  # a learning rate that suits better than the preset's
        self._cards: dict[ChoiceCard, Preset] = {}
        self._grey: list[Label] = []  # warnings of the networks that look at no colours
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(12)
        best: dict[str, float] = {}
        for preset in self._presets:
            if preset.measured is not None and not preset.measured.begun_with:
                best[preset.task] = max(best.get(preset.task, -math.inf), preset.measured.goodness)
        for preset in self._presets:
            card = ChoiceCard(preset.title, preset.description, parent=self)
            card.add_line(preset.architecture_words)
            if preset.measured is not None:
                good = preset.measured.goodness == best[preset.task]
                card.add_line(_measured(preset), "good" if good else "muted").setToolTip(
                    f"{preset.measured.machine}, {preset.measured.date}"
                )
            if preset.options.get("channels") == 1:
                grey = card.add_line(tr("It sees grey only: the colours of these pictures are left out."), "warn")
                grey.hide()
                self._grey.append(grey)
            self._cards[card] = preset
            self._group.addButton(card)
            row.addWidget(card, 1)
        self.body.addLayout(row)
        self.pretrained = PretrainedRow(services, self)
        self.pretrained.changed.connect(self.changed)
        self.body.addWidget(self.pretrained)
        self.needs = NeedsRow(services, self)
        self.body.addWidget(self.needs)
        self._fold = Button(tr("Advanced"), kind="link", icon="chevron", parent=self)
        self._fold.setCheckable(True)
        self._fold.toggled.connect(self._on_fold)
        self.body.addWidget(self._fold)
        self.advanced = Advanced(self)
        self.advanced.hide()
        self.advanced.changed.connect(self.changed)
        self.body.addWidget(self.advanced)
        self._group.buttonClicked.connect(self._on_card)
        next(iter(self._cards)).setChecked(True)
        self.set_task(self.preset.task)
        self._on_card(None)

    @property
    def preset(self) -> Preset:
        button = self._group.checkedButton()
        assert isinstance(button, ChoiceCard)
        return self._cards[button]

    @property
    def name(self) -> Text:
        """What is chosen, for the name of a training."""
        folder = self.pretrained.folder
        return verbatim(folder.name) if self._begins_with_another and folder is not None else self.preset.title

    @property
    def _begins_with_another(self) -> bool:
        return "folder" in self.preset.options

    def set_task(self, task: str) -> None:
        """Show the models for a kind of data, and choose the first of them where another kind's was chosen."""
        for card, preset in self._cards.items():
            card.setVisible(preset.task == task)
        if self.preset.task != task:
            self.choose(next(preset.id for preset in self._presets if preset.task == task))

    def choose(self, identity: str) -> None:
        """Choose a preset by its id; its settings replace those shown."""
        for card, preset in self._cards.items():
            if preset.id == identity:
                card.setChecked(True)
                self._on_card(card)

    def set_colour(self, colour: bool) -> None:
        """Whether the pictures have colours, which some networks would leave out."""
        for label in self._grey:
            label.setVisible(colour)

    def show_settings(self, settings: Mapping[str, Any]) -> None:
        """Show a recipe's settings in place of the preset's, unfolded: they are there to be changed."""
        self.advanced.show_settings({**self.preset.settings, **settings})
        self._fold.setChecked(True)

    def suggest_rate(self, rate: float | None) -> None:
        """Show another learning rate than the preset's, or that again; not where the user has written one."""
        usual, before = float(self.preset.settings["learning_rate"]), self._suggested
        self._suggested = rate
        if rate != before and self.advanced.settings()["learning_rate"] in (usual, before):
            self.advanced.show_rate(usual if rate is None else rate)

    def settings(self) -> dict[str, Any]:
        """The preset's settings with the user's changes."""
        return {**self.preset.settings, **self.advanced.settings()}

    def options(self) -> dict[str, Any]:
        """The preset's options, with the model to begin with where it begins with one."""
        if not self._begins_with_another:
            return dict(self.preset.options)
        return {**self.preset.options, "folder": str(self.pretrained.folder or "")}

    def show_options(self, options: Mapping[str, Any]) -> None:
        """Show a recipe's options in place of the preset's."""
        if self._begins_with_another and options.get("folder"):
            self.pretrained.choose(Path(str(options["folder"])))

    def set_python(self, python: Path | None) -> None:
        """The interpreter that looks at a model to begin with."""
        self.pretrained.set_python(python)

    def missing(self) -> Text | None:
        return (self.pretrained.missing() if self._begins_with_another else None) or self.advanced.missing()

    @Slot(object)
    def _on_card(self, _card: object) -> None:
        self.advanced.show_settings(self.preset.settings)
        if self._suggested is not None:
            self.advanced.show_rate(self._suggested)
        self.pretrained.setVisible(self._begins_with_another)
        self.changed.emit()

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self._fold.set_icon("chevron_down" if unfolded else "chevron")
        self.advanced.setVisible(unfolded)


def _measured(preset: Preset) -> Text:
    if preset.measured is None:
        return verbatim("")
    if preset.task == SERIES:
        return tr(
            "Measured on the sample: {share} explained, in {time}",
            share=percent(preset.measured.test_accuracy, digits=1),
            time=duration(preset.measured.seconds),
        )
    if preset.measured.bits_per_character is not None:
        return tr(
            "Measured on the sample: {bits} bits per character (fewer is better), in {time}",
            bits=f"{preset.measured.bits_per_character:.2f}",
            time=duration(preset.measured.seconds),
        )
    if preset.measured.begun_with:
        return tr(
            "Measured on the sample with {model}: {accuracy} right, in {time}",
            model=preset.measured.begun_with,
            accuracy=percent(preset.measured.test_accuracy, digits=1),
            time=duration(preset.measured.seconds),
        )
    return tr(
        "Measured on the sample: {accuracy} right, in {time}",
        accuracy=percent(preset.measured.test_accuracy, digits=1),
        time=duration(preset.measured.seconds),
    )
