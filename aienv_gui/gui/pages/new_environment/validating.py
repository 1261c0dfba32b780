"""Step 5: does it work? A checklist that fills while the new environment is examined."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.health.frameworks import worst
from aienv_gui.environments.planning.wizard import Wizard
from aienv_gui.environments.records import Verdict, VerdictState
from aienv_gui.gui import environment_work
from aienv_gui.gui.pages.new_environment.step import Scroller, StepView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.widgets.verdict_list import VerdictList


class ValidateStep(StepView):
    """Validates in a job; what it finds is kept with the environment. `validated` is emitted at its end."""

    validated = Signal()
    train_asked = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(
            services, tr("Does it work?"), tr("Each check says what it found and, if need be, what to do."), parent
        )
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._on_action)
        self.column.addWidget(self._problem)
        self.summary = Label(role="strong", parent=self)
        self.summary.hide()
        self.column.addWidget(self.summary)
        scroller = Scroller(self)
        self._card = card = Card(parent=self)
        self.verdicts = VerdictList(services, card, only_anywhere=True)  # repairs are for the page of environments
        card.body.addWidget(self.verdicts)
        scroller.column.addWidget(card)
        scroller.column.addStretch(1)
        self.column.addWidget(scroller, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        self.again = Button(tr("Validate again"), icon="refresh", parent=self)
        self.again.clicked.connect(self.start)
        self.train = Button(tr("New training"), icon="train", parent=self)
        self.train.hint(tr("Train a model in this environment."))
        self.train.clicked.connect(self._on_train)
        buttons.addWidget(self.train)
        buttons.addWidget(self.again)
        buttons.addStretch(1)
        self.column.addLayout(buttons)

    @property
    def problem(self) -> Problem | None:
        """Why the checks could not be made."""
        return self._problem.problem

    def enter(self, wizard: Wizard) -> None:
        super().enter(wizard)
        self.start()

    @Slot()
    def start(self) -> None:
        """Begin to validate."""
        wizard = self.wizard
        assert wizard is not None
        assert wizard.environment is not None
        self.drop_job()
        self.drop_row()
        self._problem.clear()
        self.summary.hide()
        self.again.hide()
        self.train.hide()
        self.verdicts.clear()
        self._card.hide()
        wizard.working()
        self._job = self.services.jobs.start(
            tr("Validate {name}", name=wizard.environment.name),
            environment_work.validate,
            wizard.environment,
            self.services.folders,
            environment_work.Cards.of(self.services.hardware.latest),
        )
        self.show_row()
        self._job.partial.connect(self._on_partial)
        self._job.succeeded.connect(self._on_validated)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_cancelled)
        self.changed.emit()

    def _end(self) -> None:
        self._job = None
        self.drop_row()
        self.again.show()
        environment = self.wizard.environment if self.wizard is not None else None
        self.train.setVisible(environment is not None and environment.can_train)
        self.validated.emit()

    @Slot(object)
    def _on_partial(self, verdict: object) -> None:
        if self.is_current() and isinstance(verdict, Verdict):
            self._card.show()
            self.verdicts.add(verdict)

    @Slot(object)
    def _on_validated(self, verdicts: tuple[Verdict, ...]) -> None:
        if not self.is_current() or self.wizard is None:
            return
        self.wizard.validated(verdicts)
        self._end()
        self.verdicts.show_all(verdicts)
        self._card.setVisible(bool(verdicts))
        self.summary.say(summary_of(verdicts))
        self.summary.show()
        self.changed.emit()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.is_current() and self.wizard is not None:
            self.wizard.stopped()
            self._end()
            self._problem.show_problem(problem)
            self.changed.emit()

    @Slot()
    def _on_cancelled(self) -> None:
        if self.is_current() and self.wizard is not None:
            self.wizard.stopped()
            self._end()
            self.summary.say(tr("The validation was cancelled. The environment is there all the same."))
            self.summary.show()
            self.changed.emit()

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry":
            self.start()

    @Slot()
    def _on_train(self) -> None:
        self.train_asked.emit()


def summary_of(verdicts: tuple[Verdict, ...]) -> Text:
    """The outcome of a validation in one sentence."""
    state = worst(verdicts)
    if state is VerdictState.FAILED:
        return tr("The environment has problems. Each one below says what to do.")
    if state is VerdictState.WARNING:
        return tr("The environment works; there is something to know.")
    if state is VerdictState.PASSED:
        return tr("Everything works.")
    return tr("Nothing could be checked.")
