"""The wizard as it is seen: the steps above, one step's view, and the buttons below."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.tasks import JobState
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.planning.wizard import Offer, Step, Wizard
from aienv_gui.environments.records import Maker, Unfinished
from aienv_gui.gui import environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.new_environment.building import BuildStep
from aienv_gui.gui.pages.new_environment.options import OptionsStep
from aienv_gui.gui.pages.new_environment.planning import PlanStep
from aienv_gui.gui.pages.new_environment.purpose import PurposeStep
from aienv_gui.gui.pages.new_environment.step import StepView
from aienv_gui.gui.pages.new_environment.steps_bar import StepsBar
from aienv_gui.gui.pages.new_environment.validating import ValidateStep
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import line
from aienv_gui.gui.widgets.current_stack import CurrentStack
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.hardware.readings import Snapshot


class NewEnvironment(QWidget):
    """Makes one environment at a time. `closed` is emitted with its prefix at the end, or None if it was given up.

    `changed` is emitted whenever its state changes, for the page that shows it.
    """

    closed = Signal(object)  # Path | None
    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.services = services
        self.wizard: Wizard | None = None
        self._offer_job: Job | None = None
        self._new_offer_job: Job | None = None  # looks again, for cards that were seen late
        self._unfinished: Unfinished | None = None
        self._asked_anew = False  # for another environment, while this one is being made
        self._cards = environment_work.Cards()  # what the last offer was made for
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(16)
        self._bar = StepsBar(self)
        outer.addWidget(self._bar)
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._look)
        outer.addWidget(self._problem)
        self._stack = CurrentStack(self)
        self._stack.addWidget(QWidget(self._stack))  # nothing yet: the offer takes a few milliseconds
        self.purpose = PurposeStep(services, self._stack)
        self.options = OptionsStep(services, self._stack)
        self.planning = PlanStep(services, self._stack)
        self.building = BuildStep(services, self._stack)
        self.validating = ValidateStep(services, self._stack)
        self._views: dict[Step, StepView] = {
            Step.PURPOSE: self.purpose,
            Step.OPTIONS: self.options,
            Step.PLAN: self.planning,
            Step.BUILD: self.building,
            Step.VALIDATE: self.validating,
        }
        for view in self._views.values():
            self._stack.addWidget(view)
            view.changed.connect(self._show_state)
        self.options.confirmed.connect(self._on_next)
        self.planning.back_asked.connect(self._on_back)
        self.building.built.connect(self._on_built)
        self.building.ended.connect(services.environments.refresh)
        self.validating.validated.connect(services.environments.refresh)
        self.validating.train_asked.connect(self._on_train)
        outer.addWidget(self._stack, 1)
        outer.addWidget(line(self))
        outer.addLayout(self._make_footer())
        services.hardware.sampled.connect(self._on_sampled)
        for keys, slot in (("Ctrl+Return", self._on_next), ("Alt+Left", self._on_back)):
            QShortcut(QKeySequence(keys), self, slot)
        self._show_state()

    def _make_footer(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.cancel = Button(tr("Cancel"), parent=self)
        self.cancel.clicked.connect(self._on_cancel)
        self._hint = Label(role="caption", parent=self)
        self.back = Button(tr("Back"), parent=self)
        self.back.clicked.connect(self._on_back)
        self.next = Button(tr("Next"), kind="primary", parent=self)
        self.next.clicked.connect(self._on_next)
        row.addWidget(self.cancel)
        row.addWidget(self._hint, 1)
        row.addWidget(self.back)
        row.addWidget(self.next)
        return row

    @property
    def active(self) -> bool:
        """Whether something was begun that is not finished."""
        return self.wizard is not None or self._offer_job is not None

    @property
    def step(self) -> Step | None:
        return self.wizard.step if self.wizard is not None else None

    @property
    def title(self) -> Text:
        """What the page is called: also an interrupted change is gone on with here."""
        if self._unfinished is not None and self._unfinished.replacing is not None:
            return tr("Change {name}", name=self._unfinished.request.name)
        return tr("New environment")

    def begin(self, unfinished: Unfinished | None = None) -> None:
        """Begin anew, or go on with an interrupted build. While a wizard is active, that one goes on and says why."""
        if self.active:
            self._asked_anew = True
            self._show_state()
            return
        self._asked_anew = False
        self._unfinished = unfinished
        self._look()

    @Slot()
    def _look(self) -> None:
        self._problem.clear()
        self._cards = environment_work.Cards.of(self.services.hardware.latest)
        self._offer_job = self._look_up(self._cards)
        self._offer_job.succeeded.connect(self._on_offer)
        self._offer_job.failed.connect(self._on_no_offer)
        self._show_state()

    def _look_up(self, cards: environment_work.Cards) -> Job:
        settings = environment_work.SourceSettings.of(self.services.settings)
        start, folders = self.services.jobs.start, self.services.folders
        return start(tr("Prepare"), environment_work.offer, cards, settings, folders, quiet=True)

    @Slot(object)
    def _on_offer(self, offer: Offer) -> None:
        if self.sender() is not self._offer_job:
            return
        self._offer_job = None
        if self._unfinished is not None:
            self.wizard = Wizard.of_unfinished(offer, self._unfinished)
        else:
            environments = self.services.environments
            taken = tuple(e.name for e in environments.items if e.maker in (Maker.AIENV, Maker.BUILT_IN))
            taken += tuple(unfinished.request.name for unfinished in environments.unfinished)
            self.wizard = Wizard(offer, taken)
        self._enter()

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        """The wizard may be opened before the driver has answered: what it advises follows."""
        if self.wizard is None or not self.wizard.may_offer_anew or self._new_offer_job is not None:
            return
        cards = environment_work.Cards.of(snapshot)
        if cards != self._cards:
            self._cards = cards
            job = self._look_up(cards)
            self._new_offer_job = job
            job.succeeded.connect(self._on_new_offer)
            job.finished.connect(self._on_new_offer_end)

    @Slot(object)
    def _on_new_offer(self, offer: Offer) -> None:
        if self.sender() is self._new_offer_job and self.wizard is not None and self.wizard.may_offer_anew:
            self.wizard.offer_anew(offer)
            if self.wizard.step is Step.OPTIONS:
                self.options.fill()
            self._show_state()

    @Slot()
    def _on_new_offer_end(self) -> None:
        self._new_offer_job = None

    @Slot(object)
    def _on_no_offer(self, problem: Problem) -> None:
        if self.sender() is self._offer_job:
            self._offer_job = None
            self._problem.show_problem(problem)
            self._show_state()

    def _enter(self) -> None:
        """Show the wizard's step."""
        assert self.wizard is not None
        view = self._views[self.wizard.step]
        for other in self._views.values():
            if other is not view:
                other.leave()
        self._stack.setCurrentWidget(view)
        view.enter(self.wizard)
        self._show_state()
        QTimer.singleShot(0, self, self._focus)

    @Slot()
    def _focus(self) -> None:
        """Give the keyboard to the step's first field, once it is laid out; without one to the button that goes on."""
        if self.wizard is not None and self.isVisible():
            field = self._views[self.wizard.step].first_field()
            if field is not None:
                field.setFocus()
            elif self.next.isEnabled():
                self.next.setFocus()

    def close_wizard(self) -> None:
        """Give up: what is under way is cancelled."""
        prefix = self.wizard.environment.prefix if self.wizard is not None and self.wizard.environment else None
        if self._offer_job is not None:
            job, self._offer_job = self._offer_job, None
            job.cancel()
        for view in self._views.values():
            view.leave()
            view.wizard = None
        self.wizard = None
        self._problem.clear()
        self._stack.setCurrentIndex(0)
        self._show_state()
        self.closed.emit(prefix)

    @Slot()
    def _on_next(self) -> None:
        wizard = self.wizard
        if wizard is None or not wizard.can_go_forward:
            return
        if wizard.step is Step.VALIDATE:
            self.close_wizard()
            return
        wizard.forward()
        self._enter()

    @Slot()
    def _on_back(self) -> None:
        if self.wizard is not None and self.wizard.can_go_back:
            self.wizard.back()
            self._enter()

    @Slot()
    def _on_cancel(self) -> None:
        job = self.building.job
        if job is not None:
            job.cancel()
        else:
            self.close_wizard()
        self._show_state()

    @Slot()
    def _on_train(self) -> None:
        """The way on: a new training in the new environment."""
        if self.wizard is not None and self.wizard.environment is not None:
            prefix = self.wizard.environment.prefix
            self.close_wizard()
            self.services.navigator.open("train", ("new", prefix))

    @Slot(object)
    def _on_built(self, _environment: object) -> None:
        self.services.environments.refresh()
        self._enter()

    @Slot()
    def _show_state(self) -> None:
        """The buttons and the bar as the wizard stands."""
        wizard = self.wizard
        step = wizard.step if wizard is not None else Step.PURPOSE
        self._bar.show_step(step, done=wizard is not None and wizard.finished)
        job = self.building.job
        stopping = job is not None and job.state is JobState.CANCELLING
        can_go_on = wizard is not None and wizard.can_go_forward
        if can_go_on and not self.next.isEnabled() and self._views[step].first_field() is None:
            QTimer.singleShot(0, self, self._focus)
        self.next.setEnabled(can_go_on)
        self.next.say(_next_words(step))
        self.next.setVisible(step is not Step.BUILD)
        self.back.setVisible(step is not Step.VALIDATE and wizard is not None and wizard.can_go_back)
        self.cancel.setVisible(step is not Step.VALIDATE)
        self.cancel.setEnabled(not stopping)
        if stopping:
            self.cancel.say(tr("Stopping..."))
        elif job is not None:
            self.cancel.say(tr("Cancel the build"))
        else:
            self.cancel.say(tr("Close") if step is Step.BUILD else tr("Cancel"))
        hint = wizard.hindrance if wizard is not None else None
        if hint is None and self._asked_anew and step is Step.BUILD and job is not None:
            hint = tr("One environment is made at a time: this one comes first.")
        self._hint.say(hint if hint is not None else "")
        self.changed.emit()


def _next_words(step: Step) -> Text:
    if step is Step.OPTIONS:
        return tr("Make a plan")
    if step is Step.PLAN:
        return tr("Build it")
    if step is Step.VALIDATE:
        return tr("Finish")
    return tr("Next")
