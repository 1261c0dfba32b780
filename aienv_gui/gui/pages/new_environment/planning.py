"""Step 3: the plan, exact files with sizes and sources; nothing has been changed yet."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, duration, size, tr, tr_count, verbatim
from aienv_gui.environments.planning.speeds import Speeds
from aienv_gui.environments.planning.wizard import Wizard, estimated_seconds
from aienv_gui.environments.records import DiskNeed, Plan, PlannedFile
from aienv_gui.gui import environment_work
from aienv_gui.gui.pages.new_environment.step import StepView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.package_rows import planned_size
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.widgets.remarks_view import RemarksView
from aienv_gui.gui.widgets.rows_table import Column, RowsTable

CHANGE: Final = "change_options"  # the name of the action that leads back to step 2


class Figure(QWidget):
    """A number with its name."""

    def __init__(self, title: Text, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.value = Label(verbatim("-"), role="number", parent=self)
        self.value.setWordWrap(False)
        column.addWidget(self.value)
        self.title = Label(title, role="caption", parent=self)
        column.addWidget(self.title)
        column.addStretch(1)


class PlanStep(StepView):
    """Plans in a job as soon as it is shown, unless there is a plan of the same draft already."""

    back_asked = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(
            services, tr("The plan"), tr("This is what would be installed. Nothing has been changed yet."), parent
        )
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._on_action)
        self.column.addWidget(self._problem)
        self._result = QWidget(self)
        column = QVBoxLayout(self._result)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        figures = Card(parent=self._result)
        row = QHBoxLayout()
        row.setSpacing(24)
        self.download = Figure(tr("to download"), figures)
        self.installed = Figure(tr("on the disk"), figures)
        self.free = Figure(tr("free on the disk"), figures)
        self.time = Figure(_estimate_words(Speeds()), figures)
        self._speeds = Speeds()
        for figure in (self.download, self.installed, self.free, self.time):
            row.addWidget(figure, 1)
        self._fits = StateBadge(figures)
        row.addWidget(self._fits, 0, Qt.AlignmentFlag.AlignVCenter)
        figures.body.addLayout(row)
        self.disks = Label(role="caption", parent=figures)
        figures.body.addWidget(self.disks)
        column.addWidget(figures)
        self._notes = Label(parent=self._result)
        self.copy = Button(tr("Copy the list"), kind="link", icon="copy", parent=self._result)
        self.copy.hint(tr("Puts every package with its version, size, source and hash (SHA-256) on the clipboard."))
        beside = QHBoxLayout()
        beside.addWidget(self._notes, 1)
        beside.addStretch(0)
        beside.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
        column.addLayout(beside)
        self.remarks = RemarksView(services, self._result)
        column.addWidget(self.remarks)
        self.table = RowsTable(
            services,
            (
                Column(tr("Package"), lambda file: file.package, share=1),
                Column(tr("Version"), lambda file: file.version),
                Column(tr("Size"), planned_size, key=lambda file: file.size_bytes or 0, right=True),
                Column(tr("From"), _source),
                Column(verbatim("SHA-256"), _short_hash, full=lambda file: file.sha256),
            ),
            tr("Planned packages"),
            self._result,
        )
        column.addWidget(self.table, 1)
        self.copy.clicked.connect(self.table.copy_all)
        self._result.hide()
        self.column.addWidget(self._result, 1)
        self.column.addStretch(0)
        services.language.changed.connect(self._on_language)

    @property
    def problem(self) -> Problem | None:
        """Why there is no plan."""
        return self._problem.problem

    def enter(self, wizard: Wizard) -> None:
        super().enter(wizard)
        if wizard.plan is not None:
            self._show_plan(wizard.plan)
        else:
            self.make_plan()

    def make_plan(self, *, own: bool = False) -> None:
        """Begin to plan; with `own` from the application's own packages, without network."""
        wizard = self.wizard
        assert wizard is not None
        self.drop_job()
        self._problem.clear()
        self._result.hide()
        self.drop_row()
        wizard.working()
        self.explanation.say(tr("Looking for what is to be installed. Nothing has been changed yet."))
        title, folders = tr("Plan {name}", name=wizard.draft.name), self.services.folders
        start, work = self.services.jobs.start, environment_work
        if own:
            self._job = start(title, work.plan_from_own, wizard.draft, wizard.offer, folders, quiet=True)
        else:
            settings = work.SourceSettings.of(self.services.settings)
            self._job = start(title, work.plan, wizard.draft, wizard.offer, settings, folders, quiet=True)
        self.show_row()
        self._job.succeeded.connect(self._on_planned)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_cancelled)
        self.changed.emit()

    def _show_plan(self, plan: Plan) -> None:
        self.drop_row()
        self._problem.clear()
        self.explanation.say(
            tr_count(
                "{count} package would be installed. Nothing has been changed yet.",
                "{count} packages would be installed. Nothing has been changed yet.",
                count=len(plan.files),
            )
        )
        self.download.value.say(verbatim(size(plan.download_bytes)))
        self.installed.value.say(verbatim(size(plan.installed_bytes)))
        self.free.value.say(verbatim(size(plan.free_bytes)))
        self.time.value.say(duration(estimated_seconds(plan, self._speeds)))
        self.time.title.say(_estimate_words(self._speeds))
        if plan.fits:
            self._fits.set_state("good", tr("Fits"))
        else:
            self._fits.set_state("bad", tr("Does not fit"))
        self._show_notes(plan)
        self.remarks.show_remarks(self.wizard.draft.remarks if self.wizard is not None else ())
        self.table.set_rows(plan.files)
        self._result.show()
        self.changed.emit()

    def _show_notes(self, plan: Plan) -> None:
        from aienv_gui.environments.planning.room import (
            lack_words,  # with the downloads, which a page does not wait for
        )

        needs = [str(_need_words(need) if need.fits else lack_words(need)) for need in plan.disks]
        self.disks.setVisible(bool(needs))
        self.disks.say(verbatim("\n".join(needs)))
        notes = list(plan.notes)
        if not plan.fits:
            notes.insert(0, tr("Free some space, or choose fewer packages."))
        self._notes.setVisible(bool(notes))
        self._notes.say(verbatim("\n".join(str(note) for note in notes)))

    @Slot(object)
    def _on_planned(self, planned: environment_work.Planned) -> None:
        if self.is_current() and self.wizard is not None:
            self._job = None
            self._speeds = planned.speeds
            self.wizard.planned(planned.plan, planned.sources)
            self._show_plan(planned.plan)

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if not self.is_current() or self.wizard is None:
            return
        self._job = None
        self.wizard.stopped()
        self.drop_row()
        self.explanation.say(tr("There is no plan yet. Nothing has been changed."))
        offered = tuple(action for action in problem.actions if action.name != "retry")
        more: tuple[Action, ...] = (Action("retry", tr("Try again")),)
        if not offered:  # else the problem knows better, and there is *Back* too
            more += (Action(CHANGE, tr("Change the options")),)
        actions = offered + more
        self._problem.show_problem(environment_work.with_actions(problem, actions))
        self.changed.emit()

    @Slot()
    def _on_cancelled(self) -> None:
        if self.is_current() and self.wizard is not None:
            self._job = None
            self.wizard.stopped()
            self.changed.emit()
            self.back_asked.emit()

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry":
            self.make_plan()
        elif action.name == environment_work.OWN_PACKAGES:
            self.make_plan(own=True)
        elif action.name == CHANGE:
            self.back_asked.emit()

    @Slot()
    def _on_language(self) -> None:
        if self.wizard is not None and self.wizard.plan is not None:
            self._show_notes(self.wizard.plan)


def _estimate_words(speeds: Speeds) -> Text:
    return tr("estimated from your builds") if speeds.unpack or speeds.link else tr("estimated at 5 MB/s")


def _need_words(need: DiskNeed) -> Text:
    return tr(
        "Disk of {path}: {needed} needed for {what}, {free} free.",
        path=need.path,
        needed=size(need.needed_bytes),
        what=need.what,
        free=size(need.free_bytes),
    )


def _short_hash(file: PlannedFile) -> str:
    return f"{file.sha256[:12]}…" if file.sha256 else "?"


def _source(file: PlannedFile) -> str:
    parts = urlsplit(file.url)
    if file.cached and parts.scheme != "file":  # a kit's files were never downloaded here
        return str(tr("downloaded before"))
    return parts.hostname or str(tr("this computer"))
