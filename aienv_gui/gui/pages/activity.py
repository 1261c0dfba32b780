"""Activity: every background job, those under way and those that ended since the start."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.tasks import JobState
from aienv_gui.core.wording import tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.empty_state import EmptyState
from aienv_gui.gui.widgets.job_row import JobRow
from aienv_gui.gui.widgets.log_view import LogView
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say


class JobCard(Card):
    """A job with its log folded and, once it ended, its outcome."""

    def __init__(self, services: Services, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(None, parent)
        self._services = services
        self.job = job
        say(self, "setAccessibleName", job.title)
        self._row = JobRow(services, job, self, tells_problem=False)
        self.body.addWidget(self._row)
        self._fold = Button(tr("Log"), kind="link", icon="chevron", parent=self)
        say(self._fold, "setAccessibleName", tr("Log of {job}", job=job.title))
        self._fold.setCheckable(True)
        self._fold.toggled.connect(self._on_fold)
        self._forget = Button(tr("Forget"), parent=self)
        say(self._forget, "setAccessibleName", tr("Forget: {job}", job=job.title))
        self._forget.clicked.connect(self._on_forget)
        self._row.header.addWidget(self._fold)
        self._row.header.addWidget(self._forget)
        self._problem = ProblemView(services, self)
        self.body.addWidget(self._problem)
        self._log: LogView | None = None
        job.state_changed.connect(self._on_state)
        self._on_state(job.state)

    @Slot(object)
    def _on_state(self, state: JobState) -> None:
        self._forget.setVisible(state.final)
        if state is JobState.FAILED and self.job.problem is not None:
            self._problem.show_problem(self.job.problem)

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self._fold.set_icon("chevron_down" if unfolded else "chevron")
        if self._log is None:
            self._log = LogView(self)
            self._log.setMinimumHeight(200)
            self._log.set_lines(self.job.log or [str(tr("Nothing was logged yet."))])
            self.job.logged.connect(self._log.append_line)
            self.body.addWidget(self._log)
        self._log.setVisible(unfolded)

    @Slot()
    def _on_forget(self) -> None:
        self._services.jobs.forget(self.job)


class ActivityPage(Page):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Activity"), "activity", parent)
        self._cards: dict[Job, JobCard] = {}
        clear = self.set_primary(tr("Forget what has ended"), self._on_clear)
        clear.hint(tr("Takes ended jobs out of this list. What they made stays."))
        self._empty = EmptyState(
            tr(
                "Nothing is running. Builds, checks and trainings appear here with their progress and their log; "
                "they go on while you do something else."
            ),
            None,
            self,
            icon="activity",
        )
        self.body.addWidget(self._empty, 1)
        self.body.addStretch(1)
        for job in services.jobs.visible:
            self._on_added(job)
        services.jobs.added.connect(self._on_added)
        services.jobs.changed.connect(self._on_changed)
        self._on_changed()

    @Slot(object)
    def _on_added(self, job: Job) -> None:
        card = JobCard(self.services, job, self)
        self._cards[job] = card
        self.body.insertWidget(0, card)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        visible = self.services.jobs.visible
        for job in [job for job in self._cards if job not in visible]:
            card = self._cards.pop(job)
            self.body.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._empty.setVisible(not self._cards)
        assert self.primary is not None
        self.primary.setEnabled(any(job.state.final for job in self._cards))

    @Slot()
    def _on_clear(self) -> None:
        for job in [job for job in self._cards if job.state.final]:
            self.services.jobs.forget(job)
