"""Step 4: the build, a row per package; it goes on when the page is left."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.records import Environment, PackageProgress, PackageState
from aienv_gui.environments.wizard import Wizard
from aienv_gui.gui import environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.new_environment.step import StepView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.log_view import LogView
from aienv_gui.gui.widgets.package_rows import PackageRows
from aienv_gui.gui.widgets.problem_view import ProblemView


class BuildStep(StepView):
    """Starts the build when it is entered. Cancelling leaves the machine as it was; `built` is emitted at success."""

    built = Signal(object)  # Environment
    ended = Signal()  # failed or cancelled

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(
            services,
            tr("Building"),
            tr("You may leave this page: the build goes on and Activity shows it. Cancel leaves everything as it was."),
            parent,
        )
        self._logged = ""
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
        self._count = Label(role="caption", parent=self)
        self.column.addWidget(self._count)
        self.packages = PackageRows(services, self)
        self.column.addWidget(self.packages, 1)
        self._fold = Button(tr("Log"), kind="link", icon="chevron", parent=self)
        self._fold.setCheckable(True)
        self._fold.toggled.connect(self._on_fold)
        self.column.addWidget(self._fold, 0, Qt.AlignmentFlag.AlignLeft)
        self.log = LogView(self)
        self.log.setMinimumHeight(120)
        self.log.hide()
        self.column.addWidget(self.log, 1)

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
        self.log.set_lines(())
        self._logged = ""
        self.packages.set_files(wizard.plan.files if wizard.plan is not None else ())
        self._say_count()
        settings = environment_work.SourceSettings.of(self.services.settings)
        folders = self.services.folders
        title = tr("Build {name}", name=wizard.draft.name)
        wizard.working()
        if wizard.unfinished is not None:
            self._job = self.services.jobs.start(title, environment_work.resume, wizard.unfinished, settings, folders)
        else:
            assert wizard.plan is not None
            plan, sources = wizard.plan, wizard.sources
            self._job = self.services.jobs.start(title, environment_work.build, plan, sources, folders)
        self.show_row().cancel.hide()  # the frame's button does it
        self._job.status_changed.connect(self._on_status)
        self._job.partial.connect(self._on_partial)
        self._job.logged.connect(self.log.append_line)
        self._job.succeeded.connect(self._on_built)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_cancelled)
        self.changed.emit()

    def _say_count(self) -> None:
        total = len(self.packages.rows_model.rows)
        here = self.packages.count(PackageState.READY, PackageState.INSTALLED)
        self._count.say(
            tr_count(
                "{here} of {count} package is on this computer.",
                "{here} of {count} packages are on this computer.",
                count=total,
                here=here,
            )
        )
        self._count.setVisible(total > 0)

    @Slot(object)
    def _on_status(self, status: Text) -> None:
        """Put each new kind of work into the log; its numbers change too often for that."""
        if self.is_current() and status.message != self._logged:
            self._logged = status.message
            self.log.append_line(str(status))

    @Slot(object)
    def _on_partial(self, progress: object) -> None:
        if self.is_current() and isinstance(progress, PackageProgress):
            self.packages.follow(progress)
            self._say_count()

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
            self._outcome.say(tr("The build was cancelled. The computer is as it was before."))
            self._outcome.show()
            self.again.show()
            self.changed.emit()

    def _end(self) -> None:
        self._job = None
        self.drop_row()
        if self.wizard is not None:
            self.wizard.stopped()
            self.wizard.unfinished = None if self.wizard.plan is not None else self.wizard.unfinished
        self.ended.emit()

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry" and self._job is None:
            self.start()

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self._fold.set_icon("chevron_down" if unfolded else "chevron")
        self.packages.setVisible(not unfolded)  # there is no room for both in a small window
        self.log.setVisible(unfolded)
