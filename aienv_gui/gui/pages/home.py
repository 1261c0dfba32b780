"""Home: the workstation in one sentence, the path from nothing to a model, and one button for the next step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr, tr_count, verbatim
from aienv_gui.environments.health.changes import change_since, outdated
from aienv_gui.environments.health.frameworks import lacks_cuda
from aienv_gui.environments.records import Environment, Maker, Unfinished
from aienv_gui.gui import environment_work
from aienv_gui.gui.environment_work import Cards
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.home_parts.machine_card import MachineCard
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.words import say
from aienv_gui.hardware.readings import Snapshot
from aienv_gui.training import model_store, result_words
from aienv_gui.training.model_store import Model
from aienv_gui.training.records import RunState, RunSummary

_LAST_RUNS: Final = 5
_WAYS_ON: Final = (RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED)

RUN_WORDS: Final[dict[RunState, tuple[str, Text]]] = {  # badge's state, word
    RunState.CREATED: ("neutral", tr("Not started")),
    RunState.STARTING: ("busy", tr("Starting")),
    RunState.TRAINING: ("busy", tr("Training")),
    RunState.PAUSED: ("neutral", tr("Paused")),
    RunState.COMPLETED: ("good", tr("Finished")),
    RunState.STOPPED: ("neutral", tr("Stopped")),
    RunState.FAILED: ("bad", tr("Failed")),
    RunState.INTERRUPTED: ("warn", tr("Interrupted")),
}


@dataclass(frozen=True, slots=True)
class Next:
    """The next thing to do: the button's words and the page it opens."""

    label: Text
    page: str
    argument: object


class HomePage(Page):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Your workstation"), "home", parent)
        self._next: Next | None = None
        self._kept: tuple[Model, ...] = ()
        self._job: Job | None = None
        self._visible = False
        self._card = ""  # the first NVIDIA card that is ready, by its name
        self.set_primary(tr("New training"), self._on_primary, icon="play").hide()
        self._machine = MachineCard(services, self)
        self.body.addWidget(self._machine)
        self._banner = Banner(services, self)
        self.body.addWidget(self._banner)
        services.readiness.changed.connect(self._on_readiness)
        self.changed_machine = MachineChange(services, self)
        self.body.addWidget(self.changed_machine)
        self.body.addWidget(self._make_path())
        self._runs = Card(tr("Last trainings"), self)
        everything = Button(tr("All trainings"), kind="link", parent=self._runs)
        everything.clicked.connect(self._on_all_runs)
        self._runs.header.addWidget(everything)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self._runs.body.addLayout(self._rows)
        self.body.addWidget(self._runs)
        self.body.addStretch(1)
        services.hardware.sampled.connect(self._on_sampled)
        services.environments.changed.connect(self._on_lists_changed)
        services.runs.changed.connect(self._on_lists_changed)
        self._on_lists_changed()

    def shown(self, argument: object | None) -> None:  # noqa: ARG002 - the page takes none
        self._visible = True
        if self.services.hardware.latest is not None:
            self._on_sampled(self.services.hardware.latest)
        self._look_for_models()

    def hidden(self) -> None:
        self._visible = False

    def _make_path(self) -> Card:
        card = Card(tr("From here to a model of your own"), self)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        self.environment = Step(1, tr("Environment"), self._open("environments"), card)
        self.data = Step(2, tr("Data"), self._open("train", "new"), card)
        self.training = Step(3, tr("Train"), self._open("train"), card)
        self.use = Step(4, tr("Use it"), self._open("models"), card)
        for column, step in enumerate(self.steps):
            grid.addWidget(step, 0, column)
            grid.setColumnStretch(column, 1)
        card.body.addLayout(grid)
        return card

    @property
    def steps(self) -> tuple[Step, ...]:
        return (self.environment, self.data, self.training, self.use)

    def _open(self, page: str, argument: object = None) -> Callable[[], None]:
        def open_it() -> None:
            self.services.navigator.open(page, argument)

        return open_it

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        if not self._visible:
            return
        card = next((gpu.name for gpu in snapshot.nvidia.gpus if gpu.usable), "")
        if card != self._card:
            self._card = card
            self._show_path()
        self._machine.show_snapshot(snapshot, self._card if self._idle_card() else "")
        self.changed_machine.refresh(snapshot)

    @Slot()
    def _on_readiness(self) -> None:
        if self.services.hardware.latest is not None:
            self._on_sampled(self.services.hardware.latest)

    def _idle_card(self) -> bool:
        """Whether there is a card that no environment can train on, for their PyTorch is built for the CPU."""
        able = [item for item in self.services.environments.items if item.can_train]
        return bool(self._card and able) and all(map(lacks_cuda, able))

    @Slot()
    def _on_lists_changed(self) -> None:
        self._look_for_models()
        if self.services.hardware.latest is not None:
            self._on_sampled(self.services.hardware.latest)
        self._show_path()
        self._show_runs()
        self._banner.refresh()

    # Models are on the disk: looked up in the background, only while the page is shown.
    def _look_for_models(self) -> None:
        if self._visible and self._job is None:
            self._job = self.services.jobs.start(
                tr("Look for models"), model_store.models, self.services.folders, quiet=True
            )
            self._job.succeeded.connect(self._on_models)
            self._job.finished.connect(self._on_looked)

    @Slot(object)
    def _on_models(self, models: tuple[Model, ...]) -> None:
        kept = tuple(model for model in models if model.kept and model.broken is None)
        if kept != self._kept:
            self._kept = kept
            self._show_path()

    @Slot()
    def _on_looked(self) -> None:
        self._job = None

    def _show_path(self) -> None:
        environments = [item for item in self.services.environments.items if item.can_train]
        runs = [run for run in self.services.runs.items if run.damaged is None]
        finished = [run for run in runs if run.state is RunState.COMPLETED and run.model is not None]
        live = next((run for run in runs if run.state.live), None)
        if self._idle_card():
            self.environment.set_done(True, tr("Training works, on the CPU only: no PyTorch here can use the GPU."))
        elif len(environments) == 1 and environments[0].maker is Maker.BUILT_IN:
            self.environment.set_done(True, tr("AIEnv's own environment can train."))
        elif environments:
            ready = tr_count(
                "{name} can train.", "{count} environments can train.", len(environments), name=environments[0].name
            )
            self.environment.set_done(True, ready)
        else:
            self.environment.set_done(
                False, tr("Python and the packages that training needs, in a folder of their own.")
            )
        if runs:
            self.data.set_done(True, tr("You have trained on data already. Any folder of pictures will do."))
        else:
            self.data.set_done(False, tr("A folder of pictures, or the handwritten digits that come with AIEnv."))
        if live is not None:
            self.training.set_done(bool(finished), tr("{name} is training now.", name=live.name))
        elif finished:
            done = tr_count("A training has finished.", "{count} trainings have finished.", len(finished))
            self.training.set_done(True, done)
        else:
            self.training.set_done(False, tr("Watch how the model learns. It goes on when you close the window."))
        if self._kept:
            self.use.set_done(True, tr_count("A model is kept.", "{count} models are kept.", len(self._kept)))
        else:
            self.use.set_done(False, tr("Try the model on a picture, keep it, take it elsewhere."))
        self._set_next(self._find_next(bool(environments), runs, finished, live))

    def _find_next(
        self, ready: bool, runs: list[RunSummary], finished: list[RunSummary], live: RunSummary | None
    ) -> Next | None:
        if not (self.services.environments.loaded and self.services.runs.loaded):
            return None
        if live is not None:
            return Next(tr("Show the training"), "train", live.folder)
        if not ready:
            return Next(tr("Set up an environment"), "environments", "new")
        last = max(runs, key=_created, default=None)
        if last is not None and last.state in _WAYS_ON:
            return Next(tr("Go back to the training"), "train", last.folder)
        if not finished:
            return Next(tr("Train a sample model"), "train", "new")
        if not self._kept:
            return Next(tr("Use your model"), "models", max(finished, key=_created).model)
        return Next(tr("New training"), "train", "new")

    def _set_next(self, following: Next | None) -> None:
        self._next = following
        assert self.primary is not None
        self.primary.setVisible(following is not None)
        if following is not None:
            self.primary.say(following.label)

    def _show_runs(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        last = sorted(self.services.runs.items, key=_created, reverse=True)[:_LAST_RUNS]
        self._runs.setVisible(bool(last))
        for run in last:
            self._rows.addWidget(RunRow(self.services, run, self._runs))

    @Slot()
    def _on_primary(self) -> None:
        if self._next is not None:
            self.services.navigator.open(self._next.page, self._next.argument)

    @Slot()
    def _on_all_runs(self) -> None:
        self.services.navigator.open("train")


def _created(run: RunSummary) -> float:
    return run.created


class Banner(Card):
    """Builds and changes that were interrupted: nothing is lost, and nothing stays half done without being said."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(None, parent, role="banner")
        self._services = services
        row = QHBoxLayout()
        row.setSpacing(12)
        icon = QLabel(self)
        icon.setProperty("icon_size", 20)
        show_icon(icon, "info", "accent", "setPixmap")
        self._label = Label(parent=self)
        button = Button(tr("Resume or discard"), parent=self)
        button.clicked.connect(self._on_clicked)
        row.addWidget(icon)
        row.addWidget(self._label, 1)
        row.addWidget(button)
        self.body.addLayout(row)
        self.hide()

    def refresh(self) -> None:
        unfinished = self._services.environments.unfinished
        self.setVisible(bool(unfinished))
        if unfinished:
            self._label.say(_interrupted(unfinished))

    @Slot()
    def _on_clicked(self) -> None:
        self._services.navigator.open("environments")


def _interrupted(unfinished: tuple[Unfinished, ...]) -> Text:
    first, count = unfinished[0], len(unfinished)
    if all(found.replacing is None for found in unfinished):
        return tr_count(
            "The build of “{name}” was interrupted. What was downloaded is still there.",
            "{count} builds were interrupted. What was downloaded is kept.",
            count,
            name=first.request.name,
        )
    if count == 1:
        return tr(
            "The change of “{name}” was interrupted; the environment is as it was before.", name=first.request.name
        )
    return tr(
        "{count} builds or changes were interrupted. No environment is damaged, and what was downloaded is kept.",
        count=count,
    )


class MachineChange(Card):
    """Environments that were validated on another driver or other cards: what has changed, and a button to look again.

    The button validates all of them, one after the other.
    """

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(None, parent, role="banner")
        self._services = services
        self._outdated: tuple[Environment, ...] = ()
        self._cards = Cards()
        self._waiting: list[Environment] = []
        row = QHBoxLayout()
        row.setSpacing(12)
        icon = QLabel(self)
        icon.setProperty("icon_size", 20)
        show_icon(icon, "info", "accent", "setPixmap")
        self._label = Label(parent=self)
        self.button = Button(tr("Validate"), icon="check", parent=self)
        self.button.clicked.connect(self._on_clicked)
        row.addWidget(icon)
        row.addWidget(self._label, 1)
        row.addWidget(self.button)
        self.body.addLayout(row)
        self.hide()

    def refresh(self, snapshot: Snapshot) -> None:
        """Compare what is here now with what was there then. Called once a second: only what is new is drawn."""
        cards = Cards.of(snapshot)
        found = outdated(self._services.environments.items, cards.machine)
        if (found, cards) == (self._outdated, self._cards):
            return
        self._outdated, self._cards = found, cards
        self.setVisible(bool(found))
        if not found:
            return
        change = change_since(found[0], cards.machine)
        assert change is not None
        more = len(found) - 1
        self._label.say(
            tr_count(
                "{change} So it is with {count} other environment.",
                "{change} So it is with {count} other environments.",
                more,
                change=change,
            )
            if more
            else change
        )

    @Slot()
    def _on_clicked(self) -> None:
        self.button.setEnabled(False)
        self._waiting = list(self._outdated)
        self._start_next()

    def _start_next(self) -> None:
        environment = self._waiting.pop(0)
        job = self._services.jobs.start(
            tr("Validate {name}", name=environment.name),
            environment_work.validate,
            environment,
            self._services.folders,
            self._cards,
        )
        job.failed.connect(self._services.presenter.show)
        job.cancelled.connect(self._on_cancelled)
        job.finished.connect(self._on_finished)

    @Slot()
    def _on_cancelled(self) -> None:
        self._waiting.clear()

    @Slot()
    def _on_finished(self) -> None:
        self._services.environments.refresh()
        if self._waiting:
            self._start_next()
        else:
            self.button.setEnabled(True)


class Step(QPushButton):
    """One step of the path: its number or a tick, its name and where it stands; a click goes there."""

    def __init__(self, number: int, title: Text, go: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        self.done = False
        self._title = title
        self.setProperty("kind", "choice")
        self.setAutoDefault(False)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(6)
        head = QHBoxLayout()
        head.setSpacing(8)
        self._icon = QLabel(self)
        self._icon.setProperty("icon_size", 20)
        self._number = Label(verbatim(number), role="muted", parent=self)
        self._number.setWordWrap(False)
        head.addWidget(self._icon)
        head.addWidget(self._number)
        head.addWidget(Label(title, role="strong", parent=self), 1)
        column.addLayout(head)
        self._text = Label(role="caption", parent=self)
        self._text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._text, 1)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.clicked.connect(go)

    # A button knows nothing of a layout in it.

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._column.totalHeightForWidth(width)

    def sizeHint(self) -> QSize:
        return self._column.totalSizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._column.totalMinimumSize()

    def set_done(self, done: bool, text: Text) -> None:
        self.done = done
        self._number.setVisible(not done)
        self._icon.setVisible(done)
        show_icon(self._icon, "success", "good", "setPixmap")
        self._text.say(text)
        name = tr("{step}: done", step=self._title) if done else tr("{step}: to do", step=self._title)
        say(self, "setAccessibleName", name)
        say(self, "setAccessibleDescription", text)


class RunRow(QPushButton):
    """One of the last trainings; a click shows it."""

    def __init__(self, services: Services, run: RunSummary, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self._folder = run.folder
        self.setProperty("kind", "row")
        self.setAutoDefault(False)
        self.setMinimumHeight(44)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 10, 4)
        row.setSpacing(16)
        row.addWidget(Label(verbatim(run.name), role="strong", parent=self), 1)
        accuracy = run.test_accuracy if run.test_accuracy is not None else run.best_accuracy
        if accuracy is not None:
            share = Label(result_words.headline(accuracy, numbers=run.numbers), parent=self)
            share.setWordWrap(False)
            row.addWidget(share)
        when = Label(
            verbatim(time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))), role="caption", parent=self
        )
        when.setWordWrap(False)
        row.addWidget(when)
        badge = StateBadge(self)
        state, word = RUN_WORDS[run.state] if run.damaged is None else ("bad", tr("Damaged"))
        badge.set_state(state, word)
        row.addWidget(badge)
        say(self, "setAccessibleName", tr("{name}: {state}", name=run.name, state=word))
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        self._services.navigator.open("train", self._folder)
