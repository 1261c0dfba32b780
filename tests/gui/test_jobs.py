"""Jobs: one contract for all long work, whatever the function does."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread, Slot
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Problem
from aienv_gui.core.tasks import JobState, Reporter
from aienv_gui.core.wording import tr, verbatim
from aienv_gui.gui.jobs import Job, Jobs
from tests.conftest import LogWatch

_TITLE = verbatim("A job")


class Ear(QObject):
    """Writes down every signal of a job, and in which thread it came."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.heard: list[tuple[str, Any]] = []
        self.threads: set[QThread] = set()
        job.state_changed.connect(self.on_state)
        job.status_changed.connect(self.on_status)
        job.progress_changed.connect(self.on_progress)
        job.partial.connect(self.on_partial)
        job.logged.connect(self.on_logged)
        job.succeeded.connect(self.on_succeeded)
        job.failed.connect(self.on_failed)
        job.cancelled.connect(self.on_cancelled)
        job.finished.connect(self.on_finished)

    def names(self, *wanted: str) -> list[str]:
        return [name for name, _ in self.heard if name in wanted]

    def values(self, wanted: str) -> list[Any]:
        return [value for name, value in self.heard if name == wanted]

    def _note(self, name: str, value: object = None) -> None:
        self.heard.append((name, value))
        self.threads.add(QThread.currentThread())

    @Slot(object)
    def on_state(self, state: JobState) -> None:
        self._note("state", state)

    @Slot(object)
    def on_status(self, text: object) -> None:
        self._note("status", str(text))

    @Slot(float, float)
    def on_progress(self, done: float, total: float) -> None:
        self._note("progress", (done, total))

    @Slot(object)
    def on_partial(self, result: object) -> None:
        self._note("partial", result)

    @Slot(str)
    def on_logged(self, line: str) -> None:
        self._note("logged", line)

    @Slot(object)
    def on_succeeded(self, result: object) -> None:
        self._note("succeeded", result)

    @Slot(object)
    def on_failed(self, problem: object) -> None:
        self._note("failed", problem)

    @Slot()
    def on_cancelled(self) -> None:
        self._note("cancelled")

    @Slot()
    def on_finished(self) -> None:
        self._note("finished")


@pytest.fixture
def jobs(qtbot: QtBot) -> Any:
    made = Jobs()
    yield made
    made.shut_down()
    made.deleteLater()


def _until_cancelled(started: threading.Event, reporter: Reporter) -> None:
    started.set()
    while True:
        threading.Event().wait(0.005)
        reporter.checkpoint()


def test_a_job_that_succeeds_says_everything_once_in_order_in_the_gui_thread(qtbot: QtBot, jobs: Jobs) -> None:
    window = QThread.currentThread()

    def work(base: int, reporter: Reporter) -> int:
        assert QThread.currentThread() is not window
        reporter.status(tr("Look for models"))
        reporter.progress(1, None)
        reporter.log("a line")
        reporter.partial(base + 1)
        reporter.partial(base + 2)
        return base + 3

    job = jobs.start(_TITLE, work, 10)
    ear = Ear(job)
    with qtbot.waitSignal(job.finished):
        pass
    assert ear.heard == [
        ("status", "Look for models"),
        ("progress", (1.0, -1.0)),
        ("logged", "a line"),
        ("partial", 11),
        ("partial", 12),
        ("state", JobState.SUCCEEDED),
        ("succeeded", 13),
        ("finished", None),
    ]
    assert ear.threads == {ear.thread()}
    assert (job.result, job.problem, list(job.log), job.total) == (13, None, ["a line"], None)
    assert jobs.running() == []
    assert jobs.visible == [job]


def test_a_problem_fails_the_job_with_its_words(qtbot: QtBot, jobs: Jobs) -> None:
    problem = Problem(tr("The disk is full."), code="disk_full")

    def work(reporter: Reporter) -> None:
        raise problem

    job = jobs.start(_TITLE, work)
    ear = Ear(job)
    with qtbot.waitSignal(job.finished):
        pass
    assert ear.values("failed") == [problem]
    assert ear.names("succeeded", "failed", "cancelled", "finished") == ["failed", "finished"]
    assert job.problem is problem


def test_a_bug_fails_the_job_with_its_traceback_and_is_logged(
    qtbot: QtBot, jobs: Jobs, expected_logs: LogWatch
) -> None:
    expected_logs.expect("ERROR aienv_gui.gui.jobs: unexpected in a job")

    def work(reporter: Reporter) -> None:
        raise ZeroDivisionError("of a bug")

    job = jobs.start(_TITLE, work)
    with qtbot.waitSignal(job.finished):
        pass
    assert job.problem is not None
    assert job.problem.code == "unexpected"
    assert "ZeroDivisionError: of a bug" in job.problem.details


def test_cancelling_is_asked_then_true(qtbot: QtBot, jobs: Jobs) -> None:
    started = threading.Event()
    job = jobs.start(_TITLE, _until_cancelled, started)
    ear = Ear(job)
    qtbot.waitUntil(started.is_set)
    assert jobs.running() == [job]
    job.cancel()
    assert job.state is JobState.CANCELLING
    with qtbot.waitSignal(job.finished):
        pass
    job.cancel()
    assert ear.values("state") == [JobState.CANCELLING, JobState.CANCELLED]
    assert ear.names("succeeded", "failed", "cancelled", "finished") == ["cancelled", "finished"]


def test_a_job_that_ends_in_spite_of_cancelling_succeeds(qtbot: QtBot, jobs: Jobs) -> None:
    go = threading.Event()

    def work(reporter: Reporter) -> str:
        go.wait(10)
        return "whole"

    job = jobs.start(_TITLE, work)
    job.cancel()
    go.set()
    # Cancelled before its first instruction or not heard: either way exactly one end.
    with qtbot.waitSignal(job.finished):
        pass
    assert job.state in (JobState.SUCCEEDED, JobState.CANCELLED)


def test_a_flood_of_progress_is_thinned_but_the_last_arrives(qtbot: QtBot, jobs: Jobs) -> None:
    def work(reporter: Reporter) -> None:
        for done in range(1, 20_001):
            reporter.progress(done, 20_000)

    job = jobs.start(_TITLE, work)
    ear = Ear(job)
    with qtbot.waitSignal(job.finished):
        pass
    progress = ear.values("progress")
    assert progress[-1] == (20_000.0, 20_000.0)
    assert len(progress) < 200


def test_the_time_left_is_of_the_work_at_hand(qtbot: QtBot, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("aienv_gui.gui.jobs.time.monotonic", lambda: now[0])
    go = threading.Event()
    job = jobs.start(tr("Work"), lambda reporter: go.wait(20))
    said: list[float | None] = []

    def tell(seconds: float, done: float, total: float) -> None:
        now[0] += seconds
        job._on_progress(done, total)
        said.append(job.seconds_left())

    for second in range(60):  # a download that goes on where it was cut off: 500 of 1000 bytes are here
        tell(1, 500 + second, 1000)
    assert said[0] is None
    assert said[-1] == pytest.approx(1000 - 559, rel=0.1)
    for _ in range(30):
        tell(1, 500 + 60, 1000)  # nothing comes any more: it grows
    assert said[-1] is None or said[-1] > 1000 - 560
    for package in range(10):  # a hundred packages a second are linked: the minute before says nothing about it
        tell(1, 100.0 * package, 2000)
    assert said[-10] is None
    assert said[-1] == pytest.approx(11, rel=0.2)
    tell(1, 900, -1)
    assert said[-1] is None
    go.set()
    qtbot.waitUntil(lambda: job.state.final)


def test_a_follower_asks_its_process_and_goes_on_until_that_ends(qtbot: QtBot, jobs: Jobs) -> None:
    asked, ended = threading.Event(), threading.Event()

    def follow(reporter: Reporter) -> str:
        while not ended.wait(0.005):
            reporter.checkpoint()
        return "the process ended"

    job = jobs.start(_TITLE, follow, on_cancel=asked.set)
    assert job.survives
    job.cancel()
    assert asked.is_set()
    assert job.state is JobState.CANCELLING
    ended.set()
    with qtbot.waitSignal(job.succeeded):
        pass


def test_a_follower_whose_process_refuses_to_stop_stayed_at_stopping(qtbot: QtBot, jobs: Jobs) -> None:
    asked, started = [], threading.Event()
    job = jobs.start(_TITLE, _until_cancelled, started, on_cancel=lambda: asked.append(1))
    job.go_on()  # nobody had asked
    job.cancel()
    job.go_on()
    assert job.state is JobState.RUNNING
    job.cancel()
    assert len(asked) == 2
    with qtbot.waitSignal(job.cancelled):
        job.leave()
        job.go_on()
        assert job.state is JobState("cancelling")  # it ends in any case


def test_leaving_a_follower_does_not_ask_its_process(qtbot: QtBot, jobs: Jobs) -> None:
    asked, started = threading.Event(), threading.Event()
    job = jobs.start(_TITLE, _until_cancelled, started, on_cancel=asked.set)
    qtbot.waitUntil(started.is_set)
    with qtbot.waitSignal(job.cancelled):
        job.leave()
    assert not asked.is_set()


def test_quiet_jobs_are_not_seen(qtbot: QtBot, jobs: Jobs) -> None:
    added: list[Job] = []
    jobs.added.connect(added.append)
    quiet = jobs.start(_TITLE, lambda reporter: None, quiet=True)
    with qtbot.waitSignal(quiet.finished):
        assert jobs.running() == []
    seen = jobs.start(_TITLE, lambda reporter: None)
    with qtbot.waitSignal(seen.finished):
        pass
    assert added == [seen]


def test_an_ended_job_can_be_forgotten_a_running_one_cannot(qtbot: QtBot, jobs: Jobs) -> None:
    started = threading.Event()
    job = jobs.start(_TITLE, _until_cancelled, started)
    jobs.forget(job)
    assert jobs.visible == [job]
    with qtbot.waitSignal(job.finished):
        job.cancel()
    with qtbot.waitSignal(jobs.changed):
        jobs.forget(job)
    assert jobs.visible == []


def test_a_function_that_does_not_stop_is_named(qtbot: QtBot, jobs: Jobs, expected_logs: LogWatch) -> None:
    expected_logs.expect("ERROR .*did not stop: A job")
    started, go = threading.Event(), threading.Event()

    def deaf(reporter: Reporter) -> None:
        started.set()
        go.wait(10)

    job = jobs.start(_TITLE, deaf)
    qtbot.waitUntil(started.is_set)
    assert not jobs.shut_down(timeout_s=0.05)
    go.set()
    assert jobs.shut_down()
    assert job.wait(0)


def test_shutting_down_ends_every_thread(qtbot: QtBot, jobs: Jobs) -> None:
    events = [threading.Event() for _ in range(3)]
    for event in events:
        jobs.start(_TITLE, _until_cancelled, event)
    qtbot.waitUntil(lambda: all(event.is_set() for event in events))
    assert jobs.shut_down()
    assert all(job.wait(0) for job in jobs.visible)
