"""What to learn from: a sample or data of the user's own, looked at at once; what all kinds of data have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.gui import package_wishes
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.choice_card import ChoiceCard
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.needs_row import NeedsRow
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.training import samples


@dataclass(frozen=True, slots=True)
class Words:
    """What one kind of data is called."""

    title: Text
    samples: tuple[tuple[str, Text, Text], ...]  # the id, and the title and sentence of its card
    own: tuple[Text, Text]
    choose: Text  # the button
    nothing_chosen: Text
    look: Text
    looking: Text
    looked_at: Text  # why it cannot start: not yet
    choose_first: Text
    unusable: Text


class DataSection(Card):
    """`changed` tells that what is chosen, or whether it can be trained on, has changed.

    A kind of data gives `_make_found` (what shows what was found), `_show`, `_look` (the job) and `_ask` (the dialog).
    """

    changed = Signal()

    def __init__(self, services: Services, words: Words, parent: QWidget | None = None) -> None:
        super().__init__(words.title, parent)
        self._services, self._words = services, words
        self._python: Path | None = None
        self._job: Job | None = None
        self._asked: object = None  # what the last look was for
        self.found: Any = None  # what was found, once it is
        self.folder: Path | None = None  # of the user's own; a table's file
        self.sample = words.samples[0][0]

        choices = QHBoxLayout()
        choices.setSpacing(12)
        self.sample_cards = {name: ChoiceCard(title, sentence, parent=self) for name, title, sentence in words.samples}
        self.folder_card = ChoiceCard(*words.own, parent=self)
        self._group = QButtonGroup(self)
        for card in (*self.sample_cards.values(), self.folder_card):
            self._group.addButton(card)
            choices.addWidget(card, 1)
        self.sample_cards[self.sample].setChecked(True)
        self._group.buttonClicked.connect(self._on_card)
        self.body.addLayout(choices)

        self._place = QWidget(self)
        place = QHBoxLayout(self._place)
        place.setContentsMargins(0, 0, 0, 0)
        self._path = Label(role="mono", parent=self._place)
        self._choose = Button(words.choose, icon="folder", parent=self._place)
        self._choose.clicked.connect(self._on_choose)
        place.addWidget(self._path, 1)
        place.addWidget(self._choose)
        self._place_row = place
        self._place.hide()
        self.body.addWidget(self._place)
        self.needs = NeedsRow(services, self)
        self.body.addWidget(self.needs)

        self._checking = QWidget(self)
        checking = QHBoxLayout(self._checking)
        checking.setContentsMargins(0, 0, 0, 0)
        checking.setSpacing(12)
        self._status = Label(role="muted", parent=self._checking)
        self._status.setWordWrap(False)
        self._bar = QProgressBar(self._checking)
        self._bar.setTextVisible(False)
        say(self._bar, "setAccessibleName", words.looking)
        self._cancel = Button(tr("Cancel"), kind="link", parent=self._checking)
        self._cancel.clicked.connect(self._on_cancel)
        checking.addWidget(self._status)
        checking.addWidget(self._bar, 1)
        checking.addWidget(self._cancel)
        self._again = Button(words.look, icon="refresh", parent=self)
        self._again.clicked.connect(self._on_again)
        self._again.hide()
        self._checking.hide()
        self.body.addWidget(self._checking)
        self.body.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)

        self.problem = ProblemView(services, self)
        self.problem.action.connect(self._on_action)
        self.body.addWidget(self.problem)
        self._found = self._make_found()
        self._found.hide()
        self.body.addWidget(self._found)

    # What a kind of data gives.

    def _make_found(self) -> QWidget:
        raise NotImplementedError

    def _show(self, found: Any) -> None:
        raise NotImplementedError

    def _look(self, path: Path, python: Path) -> Job:
        raise NotImplementedError

    def _ask(self) -> None:
        raise NotImplementedError

    def _column(self) -> tuple[QWidget, QVBoxLayout]:
        """An empty widget that shows what was found, and its column."""
        found = QWidget(self)
        column = QVBoxLayout(found)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(12)
        return found, column

    def _wanted(self) -> object:
        """What else than the place decides what is found."""
        return None

    # What the page asks.

    def set_python(self, python: Path | None) -> None:
        """The interpreter that looks at the data, None where there is none that can.

        A change looks again only where nothing was found yet.
        """
        self._python = python
        if self.found is None:
            self.check()

    def choose_sample(self, sample: str = "") -> None:
        """Take a sample, the first where none is named, and look at it."""
        self.sample = sample if sample in self.sample_cards else next(iter(self.sample_cards))
        self.sample_cards[self.sample].setChecked(True)
        self._place.hide()
        self._look_or_tell()

    def choose_folder(self, folder: Path) -> None:
        """Take data of the user's own and look at them."""
        self.folder_card.setChecked(True)
        self.sample, self.folder = "", folder
        self._place.show()
        self._path.say(str(folder))
        self._look_or_tell()

    def _look_or_tell(self) -> None:
        """Look at what was chosen; where nobody can, tell the page, which may know someone for this one."""
        self.check()
        if self._python is None:
            self.changed.emit()

    def check(self, *, again: bool = False, keep: bool = False) -> None:
        """Look at what is chosen, in the background; not twice at the same, unless `again`.

        `keep`: what was found before is shown meanwhile, where only what is asked of it has changed.
        """
        path = samples.sample_path(self.sample, self._services.folders) if self.sample else self.folder
        if path is None or self._python is None:
            self._forget()
            return
        asked = (self.sample, path, self._python, self._wanted())
        if not again and asked == self._asked:
            return
        self._forget(keep=keep)
        self._asked = asked
        self._job = self._look(path, self._python)
        self._job.status_changed.connect(self._on_status)
        self._job.progress_changed.connect(self._on_progress)
        self._job.succeeded.connect(self._on_inspected)
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)
        self._status.say(self._words.looking)
        self._bar.setRange(0, 0)
        self._checking.show()
        self.changed.emit()

    def reopen(self) -> None:
        """The page was opened again: look once more where nothing was found, the user may have mended it."""
        if self._job is None and self.found is None:
            self.check(again=True)

    def missing(self) -> Text | None:
        """Why this cannot be trained on yet; None when it can."""
        if self._job is not None:
            return self._words.looked_at
        if not self.sample and self.folder is None:
            return self._words.choose_first
        if self.found is None:
            return self._words.unusable if self._python is not None else None
        return None

    # Events.

    @Slot(object)
    def _on_card(self, card: object) -> None:
        sample = next((name for name, one in self.sample_cards.items() if one is card), "")
        if sample:
            self.choose_sample(sample)
        elif self.folder is None:
            self.sample = ""
            self._place.show()
            self._path.say(self._words.nothing_chosen)
            self.check()
            self.changed.emit()
            self._ask()
        else:
            self.choose_folder(self.folder)

    @Slot()
    def _on_choose(self) -> None:
        self._ask()

    @Slot(str)
    def _on_folder(self, path: str) -> None:
        if path:
            self.choose_folder(Path(path))

    @Slot()
    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    @Slot()
    def _on_again(self) -> None:
        self.check(again=True)

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        environment = package_wishes.environment_of(self._services, self._python)
        if action.name == "retry":
            self.check(again=True)
        elif action.name == package_wishes.ADD and environment is not None:
            package_wishes.ask(self._services, environment, (action.argument,), "train")

    @Slot(object)
    def _on_status(self, text: Text) -> None:
        if self.sender() is self._job:
            self._status.say(text)

    @Slot(float, float)
    def _on_progress(self, done: float, total: float) -> None:
        if self.sender() is self._job and total > 0:
            self._bar.setRange(0, round(total))
            self._bar.setValue(round(done))

    @Slot(object)
    def _on_inspected(self, found: object) -> None:
        if self.sender() is self._job:
            self.found = found
            self._show(found)

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.sender() is self._job:
            environment = package_wishes.environment_of(self._services, self._python)
            self.problem.show_problem(with_retry(package_wishes.fitting(problem, environment)))

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._job:
            self._job = None
            self._checking.hide()
            self._again.setVisible(self.found is None and self.problem.problem is None)
            self.changed.emit()

    def _forget(self, *, keep: bool = False) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job = self._asked = self.found = None
        self._checking.hide()
        self._again.hide()
        self._found.setVisible(keep and self._found.isVisibleTo(self))
        self.problem.clear()


class AskedSection(DataSection):
    """Data of which more is to be chosen than where they lie: `choice`, whose empty value leaves all to be guessed.

    What is found has a `problem` where that choice does not do.
    """

    def __init__(self, services: Services, words: Words, nothing: Any, parent: QWidget | None = None) -> None:
        self._nothing = self.choice = nothing
        super().__init__(services, words, parent)

    def choose_sample(self, sample: str = "") -> None:
        self.choice = self._nothing
        super().choose_sample(sample)

    def choose_folder(self, folder: Path) -> None:
        if folder != self.folder or self.sample:
            self.choice = self._nothing
        super().choose_folder(folder)

    def ask(self, choice: Any) -> None:
        """Ask for what a recipe asked for."""
        self.choice = choice
        self.check()

    def missing(self) -> Text | None:
        found = super().missing()
        if found is None and self.found is not None and self.found.problem is not None:
            return self._words.unusable
        return found

    def _wanted(self) -> object:
        return self.choice


def lines(texts: tuple[Text, ...] | list[Text]) -> Text:
    """Several texts below each other, still translatable."""
    names = {f"line{index}": text for index, text in enumerate(texts)}
    return Text("\n".join(f"{{{name}}}" for name in names), names)


def show_lines(label: Label, texts: tuple[Text, ...]) -> None:
    """Say several texts, hidden where there is none."""
    label.setVisible(bool(texts))
    if texts:
        label.say(lines(texts))


def with_retry(problem: Problem) -> Problem:
    """With a button to look again."""
    problem.actions = (Action("retry", tr("Look again")), *problem.actions)
    return problem


def split_words(split: dict[str, int]) -> Text:
    """How many examples are for what."""
    return tr(
        "{train:,} to train with, {validation:,} to watch the training with (validation), {test:,} kept aside "
        "to test the result",
        train=split.get("train", 0),
        validation=split.get("validation", 0),
        test=split.get("test", 0),
    )
