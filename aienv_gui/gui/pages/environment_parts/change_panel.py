"""One change of one environment: what is to change, the plan, consent, and the work, in the place of the details."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.tasks import JobState
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.records import Change, Engine, Environment
from aienv_gui.gui import environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.environment_parts.intentions import Intention, Proposal, ToChange
from aienv_gui.gui.pages.environment_parts.package_field import PackageField
from aienv_gui.gui.pages.environment_parts.proposal_view import ProposalView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.build_progress import BuildProgress
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.fitted import Fitted
from aienv_gui.gui.widgets.job_row import JobRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView

_NOTHING = "nothing_to_change"  # the code of a problem that is none
_STALE = "changed_meanwhile"  # of one that makes the plan worthless
_FINAL = frozenset({"needed", "not_ours", "no_manifest", "no_snapshot"})  # trying again would not help


class Stage(Enum):
    ASKING = auto()  # packages are being typed
    PLANNING = auto()
    PLANNED = auto()  # waits for consent
    WORKING = auto()
    STOPPED = auto()  # there is no plan; the problem says why


class ChangePanel(Fitted):
    """`done` is emitted after success with the environment and what was done in words; `closed` when it was given up.

    `hindrance` says why the work cannot be done now; it is asked before the plan and again before the work.
    Other actions of a problem than trying again are passed on as `action`.
    """

    done = Signal(object, object)  # Environment, Text
    closed = Signal()
    changed = Signal()  # it began to work, or stopped
    action = Signal(object)  # Action

    def __init__(
        self,
        services: Services,
        intention: Intention,
        hindrance: Callable[[Environment], Problem | None],
        parent: QWidget | None = None,
        *,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(parent)
        self.services = services
        self.intention = intention
        self.stage = Stage.ASKING
        self.proposal: Proposal | None = None
        self._hindrance = hindrance
        self._planned: object = None
        self._job: Job | None = None
        self._row: JobRow | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)
        self.heading = Label(intention.heading, role="section", parent=self)
        self._column.addWidget(self.heading)
        self.field: PackageField | None = None
        if isinstance(intention, ToChange) and intention.empty:
            self.field = PackageField(engine, self)
            self.field.confirmed.connect(self._on_packages)
            self._column.addWidget(self.field)
        self._work_row = QVBoxLayout()
        self._column.addLayout(self._work_row)
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._on_action)
        self._column.addWidget(self._problem)
        self.words = Label(role="strong", parent=self)
        self._column.addWidget(self.words)
        self.view = ProposalView(services, self)
        self._column.addWidget(self.view, 1)
        self.progress = BuildProgress(services, self)
        self._column.addWidget(self.progress, 1)
        self._column.addStretch(0)
        self._column.addLayout(self._make_footer())
        QShortcut(QKeySequence("Ctrl+Return"), self, self._on_consent)
        QShortcut(QKeySequence("Escape"), self, self._on_escape)
        self.words.hide()
        self._enter(Stage.ASKING)

    def _make_footer(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.cancel = Button(tr("Cancel"), parent=self)
        self.cancel.clicked.connect(self._on_cancel)
        row.addWidget(self.cancel)
        row.addStretch(1)
        self.consent = Button(self.intention.consent, kind="primary", parent=self)
        self.consent.clicked.connect(self._on_consent)
        row.addWidget(self.consent)
        return row

    @property
    def problem(self) -> Problem | None:
        """Why there is no plan, or why the work failed."""
        return self._problem.problem

    @property
    def working(self) -> bool:
        """Whether the environment itself is being changed now."""
        return self.stage is Stage.WORKING and self.intention.changes_it

    @property
    def busy(self) -> bool:
        """Whether a job is under way, so that the panel must not be closed."""
        return self.stage is Stage.WORKING

    def begin(self) -> None:
        """Plan what is asked, or wait for what is to be typed; again with the environment as it is now."""
        environment = self.services.environments.get(self.intention.environment.prefix)
        if environment is not None:
            self.intention = self.intention.of(environment)
        hindrance = self._look_for_hindrance()
        if hindrance is not None:
            self._stop(hindrance)
        elif self.field is not None and not self.field.packages:
            self._problem.clear()
            self._enter(Stage.ASKING)
            self.field.setFocus()
        else:
            self._plan()

    def _look_for_hindrance(self) -> Problem | None:
        return self._hindrance(self.intention.environment) if self.intention.changes_it else None

    # Planning

    @Slot(tuple)
    def _on_packages(self, packages: tuple[str, ...]) -> None:
        assert isinstance(self.intention, ToChange)
        self.intention = ToChange(self.intention.environment, Change(add=packages))
        self._plan()

    def _plan(self) -> None:
        self._drop_job()
        self._problem.clear()
        self.words.hide()
        self._follow(self.intention.start_plan(self.services))
        assert self._job is not None
        self._job.succeeded.connect(self._on_planned)
        self._job.failed.connect(self._on_no_plan)
        self._job.cancelled.connect(self._on_plan_cancelled)
        self._enter(Stage.PLANNING)
        self.cancel.setFocus()

    @Slot(object)
    def _on_planned(self, planned: object) -> None:
        if self.sender() is not self._job:
            return
        self._drop_job()
        self._planned = planned
        self.proposal = self.intention.propose(planned)
        self.view.show_proposal(self.proposal)
        self._enter(Stage.PLANNED)
        if self.isVisible():
            (self.consent if self.consent.isEnabled() else self.cancel).setFocus()

    @Slot(object)
    def _on_no_plan(self, problem: Problem) -> None:
        if self.sender() is self._job:
            self._drop_job()
            self._stop(problem)

    @Slot()
    def _on_plan_cancelled(self) -> None:
        if self.sender() is self._job:
            self._drop_job()
            self.closed.emit()

    def _stop(self, problem: Problem) -> None:
        self._planned = self.proposal = None
        if problem.code == _NOTHING:
            self._say(problem.words)
        else:
            self._problem.show_problem(problem if problem.code in _FINAL else environment_work.with_retry(problem))
        self._enter(Stage.STOPPED)
        if self.field is not None:
            self.field.setFocus()
        else:
            self.cancel.setFocus()

    # The work

    @Slot()
    def _on_consent(self) -> None:
        if self.stage is Stage.PLANNED and self.consent.isEnabled():
            self._work()

    def _work(self) -> None:
        assert self.proposal is not None
        self._problem.clear()
        self.words.hide()
        hindrance = self._look_for_hindrance()
        if hindrance is not None:
            self._problem.show_problem(environment_work.with_retry(hindrance))
            return
        self._follow(self.intention.start_work(self.services, self._planned))
        assert self._job is not None
        assert self._row is not None
        self._row.cancel.hide()  # the panel's own button does it
        if self.proposal.plan is not None:
            self.progress.follow(self._job, self.proposal.plan.files)
        self._job.succeeded.connect(self._on_done)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_given_up)
        self._enter(Stage.WORKING)
        # Not the button that cancels: whoever presses Return twice does not mean it.
        (self.progress.packages if self.proposal.plan is not None else self.view.table).setFocus()

    @Slot(object)
    def _on_done(self, environment: Environment) -> None:
        if self.sender() is self._job:
            assert self.proposal is not None
            self._drop_job()
            self._enter(Stage.PLANNED)
            self.done.emit(environment, self.proposal.sentence)

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.sender() is self._job:
            self._drop_job()
            if problem.code == _STALE:
                self.services.environments.refresh()
                self._stop(problem)
                return
            self._problem.show_problem(environment_work.with_retry(problem))
            self._enter(Stage.PLANNED)

    @Slot()
    def _on_given_up(self) -> None:
        if self.sender() is self._job:
            self._drop_job()
            self._say(self.intention.given_up)
            self._enter(Stage.PLANNED)

    # What is shown

    def _say(self, words: Text) -> None:
        self.words.say(words)
        self.words.show()

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        working = stage is Stage.WORKING
        files = self.proposal is not None and self.proposal.plan is not None
        self.view.setVisible(stage is Stage.PLANNED or (working and not files))
        self.progress.setVisible(working and files)
        self.consent.setVisible(stage is Stage.PLANNED)
        self.consent.setEnabled(self.view.fits)
        self.consent.say(self.intention.consent)
        if self.field is not None:
            self.field.setVisible(not working)
            self.field.setEnabled(stage is not Stage.PLANNING)
            self.field.go.set_kind("plain" if stage is Stage.PLANNED else "primary")
        self._say_cancel()
        self.changed.emit()

    def _say_cancel(self) -> None:
        stopping = self._job is not None and self._job.state is JobState.CANCELLING
        self.cancel.setEnabled(not stopping)
        if stopping:
            self.cancel.say(tr("Stopping..."))
        else:
            self.cancel.say(tr("Close") if self.stage is Stage.STOPPED else tr("Cancel"))

    def _follow(self, job: Job) -> None:
        self._drop_row()
        self._job = job
        self._row = JobRow(self.services, job, self, tells_problem=False)
        self._work_row.addWidget(self._row)
        job.state_changed.connect(self._on_state)

    def _drop_job(self) -> None:
        self._job = None
        self._drop_row()

    def _drop_row(self) -> None:
        if self._row is not None:
            self._work_row.removeWidget(self._row)
            self._row.hide()
            self._row.deleteLater()
            self._row = None

    @Slot(object)
    def _on_state(self, _state: object) -> None:
        self._say_cancel()

    @Slot()
    def _on_cancel(self) -> None:
        if self.stage is Stage.WORKING and self._job is not None:
            self._job.cancel()
            return
        self.drop()
        self.closed.emit()

    @Slot()
    def _on_escape(self) -> None:
        if self.stage is not Stage.WORKING:
            self._on_cancel()

    def drop(self) -> None:
        """Stop planning; its late answer is dropped. Work goes on."""
        if self.stage is Stage.PLANNING and self._job is not None:
            job = self._job
            self._drop_job()
            job.cancel()

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name != "retry":
            self.action.emit(action)
        elif self.stage is Stage.PLANNED:
            self._work()
        else:
            self.begin()
