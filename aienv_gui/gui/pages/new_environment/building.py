"""Step 4: the build, a row per package; it goes on when the page is left."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import tr
from aienv_gui.environments.planning.wizard import Wizard
from aienv_gui.environments.records import Environment
from aienv_gui.gui import environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.new_environment.step import StepView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.build_progress import BuildProgress
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.package_rows import PackageRows
from aienv_gui.gui.widgets.problem_view import ProblemView

_UNDER_WAY: Final = tr(
    "You may leave this page: the build goes on and Activity shows it. Cancel leaves everything as it was."
)


class BuildStep(StepView):
    """Starts the build when it is entered. Cancelling leaves the machine as it was; `built` is emitted at success."""

    built = Signal(object)  # Environment
    ended = Signal()  # failed or cancelled

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Building"), _UNDER_WAY, parent)
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._on_action)
        self.column.addWidget(self._problem)
        self._outcome = Label(role="strong", parent=self)
        self._outcome.hide()
        self.column.addWidget(self._outcome)
        self.again = Button(tr("Build again"), icon="refresh", parent=self)
        self.again.clicked.connect(self.start)
        self.again.hide()
        self.column.addWidget(self.again, 0, Qt.AlignmentFlag.AlignLeft)
        self.progress = BuildProgress(services, self)
        self.column.addWidget(self.progress, 1)

    @property
    def packages(self) -> PackageRows:
        """A row per package."""
        return self.progress.packages

    @property
    def job(self) -> Job | None:
        """The build that is under way."""
        return self._job

    @property
    def problem(self) -> Problem | None:
        """Why the build failed."""
        return self._problem.problem

    def enter(self, wizard: Wizard) -> None:
        super().enter(wizard)
        self.start()

    def first_field(self) -> QWidget | None:
        return self.packages

    @Slot()
    def start(self) -> None:
        """Begin the build, or begin it again."""
        wizard = self.wizard
        assert wizard is not None
        assert self._job is None
        self._problem.clear()
        self._outcome.hide()
        self.again.hide()
        self.drop_row()
        self.explanation.say(_UNDER_WAY)
        settings = environment_work.SourceSettings.of(self.services.settings)
        folders = self.services.folders
        name = wizard.draft.name
        title = tr("Change {name}", name=name) if wizard.changes else tr("Build {name}", name=name)
        wizard.working()
        if wizard.unfinished is not None:
            self._job = self.services.jobs.start(title, environment_work.resume, wizard.unfinished, settings, folders)
        else:
            assert wizard.plan is not None
            plan, sources = wizard.plan, wizard.sources
            self._job = self.services.jobs.start(title, environment_work.build, plan, sources, folders)
        self.show_row().cancel.hide()  # the frame's button does it
        self.progress.follow(self._job, wizard.plan.files if wizard.plan is not None else ())
        self._job.succeeded.connect(self._on_built)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_cancelled)
        self.changed.emit()

    @Slot(object)
    def _on_built(self, environment: Environment) -> None:
        if self.is_current() and self.wizard is not None:
            self._job = None
            self.wizard.built(environment)
            self.built.emit(environment)
            self.changed.emit()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.is_current():
            self._end()
            self._problem.show_problem(problem)
            self.again.setVisible(all(action.name != "retry" for action in problem.actions))
            self.changed.emit()

    @Slot()
    def _on_cancelled(self) -> None:
        if self.is_current():
            self._end()
            if self.wizard is not None and self.wizard.changes:
                self._outcome.say(tr("The change was cancelled. The environment is as it was before."))
            else:
                self._outcome.say(tr("The build was cancelled. The computer is as it was before."))
            self._outcome.show()
            self.again.show()
            self.changed.emit()

    def _end(self) -> None:
        self._job = None
        self.drop_row()
        self.explanation.say(tr("The build has ended. What was downloaded is kept and serves the next try."))
        if self.wizard is not None:
            self.wizard.stopped()
            if self.wizard.plan is not None and not self.wizard.changes:
                self.wizard.unfinished = None
        self.ended.emit()

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry" and self._job is None:
            self.start()
