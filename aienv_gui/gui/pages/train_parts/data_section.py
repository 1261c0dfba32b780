"""What to learn from: a sample or a folder of the user's own, checked at once."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.class_bars import ClassBars
from aienv_gui.gui.pages.train_parts.example_row import ExampleRow
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.choice_card import ChoiceCard
from aienv_gui.gui.widgets.file_dialog import ask_for_folder
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.training import samples
from aienv_gui.training.inspection import Inspection

_BROKEN_SHOWN = 6


class DataSection(Card):
    """`changed` tells that what is chosen, or whether it can be trained on, has changed."""

    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Pictures"), parent)
        self._services = services
        self._python: Path | None = None
        self._job: Job | None = None
        self._asked: tuple[str, Path, Path] | None = None  # sample, folder, interpreter of the last check
        self.inspection: Inspection | None = None
        self.folder: Path | None = None
        self.sample = samples.DIGITS

        choices = QHBoxLayout()
        choices.setSpacing(12)
        self.sample_card = ChoiceCard(
            tr("Handwritten digits"), tr("A sample of 5,000 scanned digits (MNIST), ready to use"), parent=self
        )
        self.folder_card = ChoiceCard(
            tr("A folder of my own pictures"),
            tr("Inside it one folder for each class, for example “cat” and “dog”"),
            parent=self,
        )
        self._group = QButtonGroup(self)
        for card in (self.sample_card, self.folder_card):
            self._group.addButton(card)
            choices.addWidget(card, 1)
        self.sample_card.setChecked(True)
        self._group.buttonClicked.connect(self._on_card)
        self.body.addLayout(choices)

        self._place = QWidget(self)
        place = QHBoxLayout(self._place)
        place.setContentsMargins(0, 0, 0, 0)
        self._path = Label(role="mono", parent=self._place)
        self._choose = Button(tr("Choose folder..."), icon="folder", parent=self._place)
        self._choose.clicked.connect(self._on_choose)
        place.addWidget(self._path, 1)
        place.addWidget(self._choose)
        self._place.hide()
        self.body.addWidget(self._place)

        self._checking = QWidget(self)
        checking = QHBoxLayout(self._checking)
        checking.setContentsMargins(0, 0, 0, 0)
        checking.setSpacing(12)
        self._status = Label(role="muted", parent=self._checking)
        self._status.setWordWrap(False)
        self._bar = QProgressBar(self._checking)
        self._bar.setTextVisible(False)
        say(self._bar, "setAccessibleName", tr("Progress of looking at the pictures"))
        self._cancel = Button(tr("Cancel"), kind="link", parent=self._checking)
        self._cancel.clicked.connect(self._on_cancel)
        checking.addWidget(self._status)
        checking.addWidget(self._bar, 1)
        checking.addWidget(self._cancel)
        self._again = Button(tr("Look at the pictures"), icon="refresh", parent=self)
        self._again.clicked.connect(self._on_again)
        self._again.hide()
        self._checking.hide()
        self.body.addWidget(self._checking)
        self.body.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)

        self.problem = ProblemView(services, self)
        self.problem.action.connect(self._on_action)
        self.body.addWidget(self.problem)
        self._found = self._make_found(services)
        self._found.hide()
        self.body.addWidget(self._found)

    def _make_found(self, services: Services) -> QWidget:
        found = QWidget(self)
        column = QVBoxLayout(found)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(12)
        self._summary = Label(role="strong", parent=found)
        self._split = Label(role="muted", parent=found)
        self._bars = ClassBars(services.theme, found)
        self._examples = ExampleRow(services, found)
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

    # What the page asks.

    def set_python(self, python: Path | None) -> None:
        """The interpreter that looks at pictures; a change looks again only where nothing was found yet."""
        self._python = python
        if self.inspection is None:
            self.check()

    def choose_sample(self) -> None:
        self.sample_card.setChecked(True)
        self.sample = samples.DIGITS
        self._place.hide()
        self.check()

    def choose_folder(self, folder: Path) -> None:
        """Take a folder of pictures and look at it."""
        self.folder_card.setChecked(True)
        self.sample, self.folder = "", folder
        self._place.show()
        self._path.say(str(folder))
        self.check()

    def check(self, *, again: bool = False) -> None:
        """Look at what is chosen, in the background; not twice at the same, unless `again`."""
        folder = samples.sample_folder(self.sample, self._services.folders) if self.sample else self.folder
        if folder is None or self._python is None:
            self._forget()
            return
        asked = (self.sample, folder, self._python)
        if not again and asked == self._asked:
            return
        self._forget()
        self._asked = asked
        self._job = self._services.jobs.start(
            tr("Look at the pictures"),
            run_work.inspect,
            folder,
            self.sample,
            self._python,
            0,
            self._services.folders,
            quiet=True,
        )
        self._job.status_changed.connect(self._on_status)
        self._job.progress_changed.connect(self._on_progress)
        self._job.succeeded.connect(self._on_inspected)
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)
        self._status.say(tr("Looking at the pictures"))
        self._bar.setRange(0, 0)
        self._checking.show()
        self.changed.emit()

    @property
    def skip(self) -> tuple[str, ...]:
        """The broken pictures the user agreed to leave out."""
        if self.inspection is None or not self.consent.isChecked():
            return ()
        return tuple(broken.path for broken in self.inspection.broken)

    def reopen(self) -> None:
        """The page was opened again: look once more where nothing was found, the user may have mended it."""
        if self._job is None and self.inspection is None:
            self.check(again=True)

    def missing(self) -> Text | None:
        """Why this cannot be trained on yet; None when it can."""
        if self._job is not None:
            return tr("The pictures are being looked at.")
        if not self.sample and self.folder is None:
            return tr("Choose a folder of pictures.")
        if self.inspection is None:
            return tr("These pictures cannot be trained on.") if self._python is not None else None
        if self.inspection.broken and not self.consent.isChecked():
            return tr("Agree to leave out the broken pictures, or mend them.")
        return None

    # Events.

    @Slot(object)
    def _on_card(self, card: object) -> None:
        if card is self.sample_card:
            self.choose_sample()
        elif self.folder is None:
            self.sample = ""
            self._place.show()
            self._path.say(tr("No folder chosen"))
            self.check()
            self.changed.emit()
            self._on_choose()
        else:
            self.choose_folder(self.folder)

    @Slot()
    def _on_choose(self) -> None:
        start = self.folder or Path.home()
        ask_for_folder(self, tr("Choose the folder of pictures"), self._on_folder, start=start)

    @Slot(str)
    def _on_folder(self, path: str) -> None:
        if path:
            self.choose_folder(Path(path))

    @Slot(bool)
    def _on_consent(self, _agreed: bool) -> None:
        self.changed.emit()

    @Slot()
    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    @Slot()
    def _on_again(self) -> None:
        self.check(again=True)

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry":
            self.check(again=True)

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
    def _on_inspected(self, inspection: Inspection) -> None:
        if self.sender() is self._job:
            self.inspection = inspection
            self._show(inspection)

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.sender() is self._job:
            self.problem.show_problem(_with_retry(problem))

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._job:
            self._job = None
            self._checking.hide()
            self._again.setVisible(self.inspection is None and self.problem.problem is None)
            self.changed.emit()

    def _forget(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job = self._asked = self.inspection = None
        self._checking.hide()
        self._again.hide()
        self._found.hide()
        self.problem.clear()
        self.consent.setChecked(False)
        self._examples.clear()

    def _show(self, found: Inspection) -> None:
        classes = tr_count("one class", "{count} classes", len(found.classes))
        self._summary.say(
            tr_count("One picture in {classes}", "{count:,} pictures in {classes}", found.pictures, classes=classes)
        )
        self._split.say(
            tr(
                "{train:,} to train with, {validation:,} to watch the training with (validation), {test:,} kept aside "
                "to test the result",
                train=found.split.get("train", 0),
                validation=found.split.get("validation", 0),
                test=found.split.get("test", 0),
            )
        )
        self._bars.set_classes(found.classes)
        self._examples.set_examples(found.examples)
        self._warnings.setVisible(bool(found.warnings))
        if found.warnings:
            self._warnings.say(_lines(found.warnings))
        self._broken.setVisible(bool(found.broken))
        self.consent.setVisible(bool(found.broken))
        if found.broken:
            count = len(found.broken)
            more = count - min(count, _BROKEN_SHOWN)
            heading = tr_count("One picture cannot be read:", "{count} pictures cannot be read:", count)
            parts = [heading]
            parts += [
                tr("{path}: {reason}", path=broken.path, reason=broken.reason)
                for broken in found.broken[:_BROKEN_SHOWN]
            ]
            if more:
                parts.append(tr_count("and one more", "and {count} more", more))
            self._broken.say(_lines(parts))
            say(
                self.consent,
                "setText",
                tr_count("Leave it out and train with the others", "Leave them out and train with the others", count),
            )
        self._found.show()


def _lines(texts: tuple[Text, ...] | list[Text]) -> Text:
    """Several texts below each other, still translatable."""
    names = {f"line{index}": text for index, text in enumerate(texts)}
    return Text("\n".join(f"{{{name}}}" for name in names), names)


def _with_retry(problem: Problem) -> Problem:
    problem.actions = (Action("retry", tr("Look again")), *problem.actions)
    return problem
