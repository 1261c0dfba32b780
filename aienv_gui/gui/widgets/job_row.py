"""One background job in one row: what, how far, how long still, and a way to stop it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from aienv_gui.core.tasks import JobState
from aienv_gui.core.wording import Text, duration, tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_STEPS: Final = 1000

STATE_WORDS: Final[dict[JobState, tuple[str, Text]]] = {  # badge's state, word
    JobState.QUEUED: ("neutral", tr("Waiting")),
    JobState.RUNNING: ("busy", tr("Running")),
    JobState.CANCELLING: ("busy", tr("Stopping...")),
    JobState.SUCCEEDED: ("good", tr("Done")),
    JobState.FAILED: ("bad", tr("Failed")),
    JobState.CANCELLED: ("neutral", tr("Cancelled")),
}


class JobRow(QFrame):
    """Follows a job until it ends; then the bar goes and the outcome stays.

    `tells_problem=False` is for those who show the problem of a failed job themselves.
    """

    def __init__(
        self, services: Services, job: Job, parent: QWidget | None = None, *, tells_problem: bool = True
    ) -> None:
        super().__init__(parent)
        self.services = services
        self.job = job
        self._tells_problem = tells_problem
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        self.header = QHBoxLayout()
        self.header.setSpacing(8)
        self._title = Label(job.title, role="strong", parent=self)
        self.badge = StateBadge(self)
        self.cancel = Button(tr("Cancel"), parent=self)
        say(self.cancel, "setAccessibleName", tr("Cancel: {job}", job=job.title))
        self.cancel.clicked.connect(self._on_cancel)
        self.header.addWidget(self._title, 1)
        self.header.addWidget(self.badge)
        self.header.addWidget(self.cancel)
        outer.addLayout(self.header)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        say(self.bar, "setAccessibleName", tr("Progress: {job}", job=job.title))
        outer.addWidget(self.bar)
        foot = QHBoxLayout()
        self._status = Label(role="caption", parent=self)
        self._status.hide()
        self._left = Label(role="caption", parent=self)
        self._left.setWordWrap(False)
        foot.addWidget(self._status, 1)
        foot.addWidget(self._left)
        outer.addLayout(foot)
        job.state_changed.connect(self._on_state)
        job.status_changed.connect(self._on_status)
        job.progress_changed.connect(self._on_progress)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._show_left)
        self._on_state(job.state)
        if job.status is not None:
            self._on_status(job.status)
        self._on_progress(job.done, -1.0 if job.total is None else job.total)

    @Slot(object)
    def _on_state(self, state: JobState) -> None:
        self.badge.set_state(*STATE_WORDS[state])
        self.cancel.setVisible(not state.final)
        self.cancel.setEnabled(state is not JobState.CANCELLING)
        self.bar.setVisible(not state.final)
        if state.final:
            self._clock.stop()
            self._left.hide()
            if state is JobState.FAILED and self.job.problem is not None and self._tells_problem:
                self._say_status(self.job.problem.title)
            elif self.job.started_at is not None and self.job.ended_at is not None:
                self._say_status(tr("Took {time}", time=duration(self.job.ended_at - self.job.started_at)))
        else:
            self._clock.start()

    @Slot(object)
    def _on_status(self, text: Text) -> None:
        if not self.job.state.final:
            self._say_status(text)

    def _say_status(self, text: Text) -> None:
        self._status.say(text)
        self._status.show()

    @Slot(float, float)
    def _on_progress(self, done: float, total: float) -> None:
        if total > 0:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(round(min(done / total, 1.0) * _STEPS))
        else:
            self.bar.setRange(0, 0)

    @Slot()
    def _show_left(self) -> None:
        left = self.job.seconds_left()
        self._left.setVisible(left is not None)
        if left is not None:
            self._left.say(tr("{time} left", time=duration(left)))

    @Slot()
    def _on_cancel(self) -> None:
        self.job.cancel()
