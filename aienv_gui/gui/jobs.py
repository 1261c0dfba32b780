"""The one place with threads: runs a plain long function on a worker object in a QThread.

The worker's signals are connected to methods of a `Job`, a QObject that lives in the GUI thread; a lambda or a plain
function would run in the worker's thread (see the package's README).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from aienv_gui.core.errors import Cancelled, Problem, unexpected
from aienv_gui.core.tasks import JobState
from aienv_gui.core.wording import Text

_log = logging.getLogger(__name__)

_LOG_LINES = 5000
_AMOUNTS = 15  # of the progress, to tell the speed of the last moments from
_AMOUNT_EVERY_S = 1.0
_PROGRESS_INTERVAL_S = 0.05


class _Worker(QObject):
    """Runs the function in its thread; it is the function's reporter too."""

    status_said = Signal(object)
    progressed = Signal(float, float)
    partial_made = Signal(object)
    logged = Signal(str)
    ended = Signal(object, object)  # state, result or Problem

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        super().__init__()
        self._function = function
        self._arguments = arguments
        self._stop = threading.Event()
        self._last_progress = 0.0

    @Slot()
    def work(self) -> None:
        try:
            self.checkpoint()
            result = self._function(*self._arguments, self)
        except Cancelled:
            self.ended.emit(JobState.CANCELLED, None)
        except Problem as problem:
            self.ended.emit(JobState.FAILED, problem)
        except BaseException as error:  # a bug in the function: the presenter shows it with its traceback
            _log.error("unexpected in a job", exc_info=error)
            self.ended.emit(JobState.FAILED, unexpected(error))
        else:
            self.ended.emit(JobState.SUCCEEDED, result)

    # The reporter; called in the worker's thread (`stop` and `cancelled` in any).

    def status(self, text: Text) -> None:
        self.status_said.emit(text)

    def progress(self, done: float, total: float | None) -> None:
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_INTERVAL_S or done == total:
            self._last_progress = now
            self.progressed.emit(float(done), -1.0 if total is None else float(total))

    def partial(self, result: object) -> None:
        self.partial_made.emit(result)

    def log(self, line: str) -> None:
        self.logged.emit(line)

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def checkpoint(self) -> None:
        if self._stop.is_set():
            raise Cancelled

    def stop(self) -> None:
        self._stop.set()


class Job(QObject):
    """A piece of background work as the window sees it. Lives in the GUI thread; all signals are emitted there.

    Exactly one of `succeeded`, `failed`, `cancelled` is emitted, then always `finished`.
    """

    state_changed = Signal(object)  # JobState
    status_changed = Signal(object)  # Text
    progress_changed = Signal(float, float)  # done, total (-1: unknown)
    partial = Signal(object)
    logged = Signal(str)
    succeeded = Signal(object)
    failed = Signal(object)  # Problem
    cancelled = Signal()
    finished = Signal()

    def __init__(
        self,
        title: Text,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        parent: QObject,
        on_cancel: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(parent)
        self._on_cancel = on_cancel
        self.title = title
        self.state = JobState.QUEUED
        self.status: Text | None = None
        self.done = 0.0
        self.total: float | None = None
        self.result: object = None
        self.problem: Problem | None = None
        self._amounts: deque[tuple[float, float]] = deque(maxlen=_AMOUNTS)  # monotonic seconds, done
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self.started_at: float | None = None  # monotonic seconds
        self.ended_at: float | None = None
        self._thread = QThread()
        self._thread.setObjectName(f"job: {title.message}")
        self._worker = _Worker(function, arguments)
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.work)
        queued = Qt.ConnectionType.QueuedConnection
        self._worker.status_said.connect(self._on_status, queued)
        self._worker.progressed.connect(self._on_progress, queued)
        self._worker.partial_made.connect(self._on_partial, queued)
        self._worker.logged.connect(self._on_log, queued)
        self._worker.ended.connect(self._on_ended, queued)

    def start(self) -> None:
        self.started_at = time.monotonic()
        self._set_state(JobState.RUNNING)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop; the function does at its next checkpoint. Never blocks."""
        if self.state.final:
            return
        if self._on_cancel is None:
            self._worker.stop()
        else:
            self._on_cancel()
        self._set_state(JobState.CANCELLING)

    def go_on(self) -> None:
        """What the job follows was asked to stop and does not: it can be asked again."""
        if self.state is JobState.CANCELLING and not self._worker.cancelled:
            self._set_state(JobState.RUNNING)

    @property
    def survives(self) -> bool:
        """Whether the work is done by a process that goes on without the window; the job only follows it."""
        return self._on_cancel is not None

    def leave(self) -> None:
        """End the function without ending what it follows (see `survives`); for other jobs the same as `cancel`."""
        if not self.state.final:
            self._worker.stop()
            self._set_state(JobState.CANCELLING)

    def wait(self, timeout_ms: int = 30_000) -> bool:
        """Wait for the thread's end. Blocks: for the end of the program and for tests."""
        self._thread.quit()
        return self._thread.wait(timeout_ms)

    def seconds_left(self) -> float | None:
        """An estimate from the speed of the last moments, or None where there is nothing to estimate from."""
        if self.total is None or self.state.final or len(self._amounts) < 2:
            return None
        (began, before), (_, done) = self._amounts[0], self._amounts[-1]
        seconds = time.monotonic() - began
        if seconds <= 1 or done <= before:
            return None
        return seconds / (done - before) * max(0.0, self.total - done)

    def _set_state(self, state: JobState) -> None:
        self.state = state
        self.state_changed.emit(state)

    @Slot(object)
    def _on_status(self, text: Text) -> None:
        self.status = text
        self.status_changed.emit(text)

    @Slot(float, float)
    def _on_progress(self, done: float, total: float) -> None:
        known = None if total < 0 else total
        if known != self.total or done < self.done:  # another kind of work: bytes that came, packages that are linked
            self._amounts.clear()
        self.done, self.total = done, known
        now = time.monotonic()
        if len(self._amounts) < 2 or now - self._amounts[-2][0] >= _AMOUNT_EVERY_S:
            self._amounts.append((now, done))
        else:
            self._amounts[-1] = (now, done)
        self.progress_changed.emit(done, total)

    @Slot(object)
    def _on_partial(self, result: object) -> None:
        self.partial.emit(result)

    @Slot(str)
    def _on_log(self, line: str) -> None:
        self.log.append(line)
        self.logged.emit(line)

    @Slot(object, object)
    def _on_ended(self, state: JobState, outcome: object) -> None:
        self._thread.quit()
        self._thread.wait()
        self.ended_at = time.monotonic()
        if state is JobState.FAILED:
            assert isinstance(outcome, Problem)
            self.problem = outcome
        else:
            self.result = outcome
        self._set_state(state)
        if state is JobState.SUCCEEDED:
            self.succeeded.emit(outcome)
        elif state is JobState.FAILED:
            self.failed.emit(outcome)
        else:
            self.cancelled.emit()
        self.finished.emit()


class Jobs(QObject):
    """Starts jobs and knows those under way. Activity shows the visible ones; the quiet ones are short look-ups."""

    added = Signal(object)  # Job, visible ones only
    changed = Signal()  # a visible job changed its state, or was forgotten

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.visible: list[Job] = []
        self._running: list[Job] = []

    def start(
        self,
        title: Text,
        function: Callable[..., Any],
        *arguments: Any,
        quiet: bool = False,
        on_cancel: Callable[[], None] | None = None,
    ) -> Job:
        """Run ``function(*arguments, reporter)`` in the background and return its job, already started.

        A function that follows a process which outlives the window gives `on_cancel`: it is called (GUI thread) when
        the user cancels the job and asks that process to stop (`Job.go_on`: where that refuses); only `Job.leave` and
        `shut_down` stop the function.

        Connect the job's signals to methods of QObjects of the GUI thread right after the call: nothing is emitted
        before control returns to the event loop, except the first `state_changed`.
        """
        job = Job(title, function, arguments, self, on_cancel)
        self._running.append(job)
        job.finished.connect(self._on_finished)
        if not quiet:
            self.visible.append(job)
            job.state_changed.connect(self._on_changed)
            self.added.emit(job)
        job.start()
        return job

    def running(self) -> list[Job]:
        """The visible jobs that have not ended."""
        return [job for job in self.visible if not job.state.final]

    def forget(self, job: Job) -> None:
        """Take an ended job out of the list."""
        if job.state.final and job in self.visible:
            self.visible.remove(job)
            job.deleteLater()
            self.changed.emit()

    def shut_down(self, timeout_s: float = 20.0) -> bool:
        """Cancel all but what survives the window, and wait for every thread. For the end of the program; blocks.

        False where a function did not stop in time: its thread still runs, and may be ended with the process only.
        """
        for job in list(self._running):
            job.leave()
        deadline = time.monotonic() + timeout_s
        stuck = [job for job in self._running if not job.wait(max(0, round(1000 * (deadline - time.monotonic()))))]
        for job in stuck:
            _log.error("did not stop: %s", job.title)
        self._running = stuck
        return not stuck

    @Slot()
    def _on_finished(self) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        if job in self._running:  # not there any more after `shut_down`
            self._running.remove(job)
        if job not in self.visible:
            job.deleteLater()

    @Slot(object)
    def _on_changed(self, _state: object) -> None:
        self.changed.emit()
