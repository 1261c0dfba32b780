"""The list of runs, with engines whose part the test plays."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import JobState, Reporter
from aienv_gui.core.wording import tr
from aienv_gui.engine import protocol
from aienv_gui.gui import run_work
from aienv_gui.gui.hardware_feed import HardwareFeed
from aienv_gui.gui.jobs import Job, Jobs
from aienv_gui.gui.run_list import RunList, work_of
from aienv_gui.hardware.limits import Work
from aienv_gui.hardware.readings import GpuProcess, Value
from aienv_gui.training import run_store, supervisor
from aienv_gui.training.records import Answer, Recipe, Run, RunState, RunSummary, Start
from tests.fakes.snapshots import gpu, snapshot

RECIPE = Recipe(name="tiny", folder=Path("p"), preset="balanced", architecture="compact_convnet", settings={})


class Engine:
    """Seems to train: what the test puts into `told` is what following it tells."""

    def __init__(self, folders: Folders) -> None:
        self.folder = run_store.create(RECIPE, folders)
        me = psutil.Process()
        protocol.write_json(self.folder / protocol.PROCESS, {"pid": me.pid, "started": me.create_time()})
        self.run = replace(run_store.read(self.folder), state=RunState.TRAINING, step=1)
        self.told: queue.Queue[Run] = queue.Queue()
        self.commands = ["first", "second"]
        self.over: Run | None = None  # for a look that was on its way when it ended, and has it followed again

    def follow(self, _folder: Path, _load: object, reporter: Reporter) -> Run:
        while self.over is None:
            reporter.checkpoint()
            try:
                run = self.told.get(timeout=0.01)
            except queue.Empty:
                continue
            reporter.partial(run)
            if not run.state.live:
                self.over = run
        return self.over

    def stop(self, _folder: Path, _reporter: Reporter) -> str:
        return self.commands.pop(0)


@pytest.fixture
def engine(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine(folders)
    monkeypatch.setattr(supervisor, "follow", made.follow)
    monkeypatch.setattr(run_work, "stop", made.stop)
    return made


@pytest.fixture
def runs(qtbot: QtBot, folders: Folders, engine: Engine) -> Iterator[RunList]:
    jobs = Jobs()
    made = RunList(jobs, folders, HardwareFeed(jobs, data_folder=folders.data), parent=jobs)
    made.refresh()
    qtbot.waitUntil(lambda: made.follower(engine.folder) is not None)
    engine.told.put(engine.run)
    qtbot.waitUntil(lambda: made.latest(engine.folder) is not None)
    yield made
    (engine.folder / protocol.PROCESS).unlink(missing_ok=True)
    engine.told.put(replace(engine.run, state=RunState.STOPPED))
    qtbot.waitUntil(lambda: made.follower(engine.folder) is None)
    qtbot.waitUntil(lambda: not jobs._running)
    jobs.deleteLater()


def following(runs: RunList, engine: Engine) -> Job:
    job = runs.follower(engine.folder)
    assert job is not None
    return job


def test_a_stop_that_the_engine_refused_left_the_job_at_stopping(qtbot: QtBot, runs: RunList, engine: Engine) -> None:
    job = following(runs, engine)
    job.cancel()  # as in Activity
    assert job.state is JobState("cancelling")
    with qtbot.waitSignal(runs.failed) as failed:
        engine.told.put(replace(engine.run, answers=(Answer("first", False, "disk_full"),)))
    assert failed.args is not None
    assert failed.args[0].code == "disk_full"
    assert job.state is JobState.RUNNING
    job.cancel()  # the second is another question, which the answer to the first does not answer
    qtbot.waitUntil(lambda: engine.commands == [])
    engine.told.put(replace(engine.run, step=9, answers=(Answer("first", False, "disk_full"),)))
    qtbot.waitUntil(lambda: (latest := runs.latest(engine.folder)) is not None and latest.step == 9)
    assert job.state is JobState("cancelling")


@pytest.mark.parametrize(
    ("device", "pid", "busy"), [("cuda:1", None, 80.0), ("cuda:0", 77, 80.0), ("cuda:0", None, 10.0), ("cpu", 77, None)]
)
def test_the_load_is_that_of_the_trainings_own_card(
    qtbot: QtBot, runs: RunList, engine: Engine, device: str, pid: int | None, busy: float | None
) -> None:
    start = Start(1, 0, device, "", 1, 2, 20, 5, (), {}, {}, pid)
    engine.told.put(replace(engine.run, step=5, start=start))
    qtbot.waitUntil(lambda: (latest := runs.latest(engine.folder)) is not None and latest.step == 5)
    mine = GpuProcess(77, "python", "ada", Value(1e9), "compute")
    look = snapshot(
        gpu(0, utilisation_percent=Value(10.0)),
        gpu(1, utilisation_percent=Value(80.0), temperature_celsius=Value(71.0), processes=(mine,)),
    )
    runs._on_sampled(look)
    load = runs._loads[engine.folder]()
    assert load is not None
    assert load.gpu == busy
    assert load.cpu == 25.0
    assert load.gpu_celsius == {80.0: 71.0, 10.0: 60.0, None: None}[busy]


def test_when_trainings_were_worked_on(qtbot: QtBot, runs: RunList, engine: Engine) -> None:
    now = time.time()
    attempts = ((now - 500, now - 400), (now - 300, now - 290))
    engine.told.put(replace(engine.run, step=5, attempts=attempts))
    qtbot.waitUntil(lambda: (latest := runs.latest(engine.folder)) is not None and latest.step == 5)
    qtbot.waitUntil(lambda: runs.get(engine.folder) is not None)
    first, second = runs.spans()
    assert (first.folder, first.name) == (engine.folder, "tiny")
    assert (first.begin, first.end) == attempts[0]
    assert second.begin == now - 300
    assert second.end >= now  # it goes on, whatever was heard of it last


def test_a_stop_by_a_signal_that_the_engine_cannot_obey_left_the_job_at_stopping(
    qtbot: QtBot, runs: RunList, engine: Engine
) -> None:
    engine.commands = [""]
    job = following(runs, engine)
    job.cancel()
    with qtbot.waitSignal(runs.failed):
        engine.told.put(replace(engine.run, state=RunState.PAUSED, pause_reason="disk_full"))
    assert job.state is JobState.RUNNING


def test_a_stop_that_could_not_be_asked_left_the_job_at_stopping(
    qtbot: QtBot, runs: RunList, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_folder: Path, _reporter: Reporter) -> str:
        raise Problem(tr("The disk is full."), code="disk_full")

    monkeypatch.setattr(run_work, "stop", refused)
    job = following(runs, engine)
    with qtbot.waitSignal(runs.failed):
        job.cancel()
    assert job.state is JobState.RUNNING


def test_a_look_at_the_list_read_the_events_of_followed_runs_again(
    qtbot: QtBot, runs: RunList, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    real = run_store.summary

    def summary(folder: Path) -> RunSummary:
        read.append(folder)
        return real(folder)

    monkeypatch.setattr(run_store, "summary", summary)
    with qtbot.waitSignal(runs.changed):
        engine.told.put(replace(engine.run, state=RunState.PAUSED, step=7))
    (item,) = runs.items
    assert (item.state, item.step) == (RunState.PAUSED, 7)
    assert read == []


def told(runs: RunList) -> tuple[Work, ...]:
    assert runs._hardware is not None
    return runs._hardware.work


START = Start(2, 0, "cuda:0", "RTX", 1, 2, 20, 5, ("a", "b"), {}, {}, pid=4711)


def test_the_hardware_is_told_what_trains(qtbot: QtBot, runs: RunList, engine: Engine) -> None:
    assert [work.run for work in told(runs)] == [engine.folder.name]
    engine.told.put(replace(engine.run, start=START, phase="training", waiting_share=0.4, waiting_before=0.5))
    qtbot.waitUntil(lambda: told(runs)[0].pid == 4711)
    assert told(runs) == (
        Work("tiny", "cuda:0", False, "training", 0.4, 4711, waiting_before=0.5, run=engine.folder.name),
    )
    engine.told.put(replace(engine.run, state=RunState.PAUSED))
    qtbot.waitUntil(lambda: told(runs)[0].paused)
    (engine.folder / protocol.PROCESS).unlink()
    engine.told.put(replace(engine.run, state=RunState.STOPPED))
    qtbot.waitUntil(lambda: told(runs) == ())


@pytest.mark.parametrize(
    ("wanted", "started", "state", "device", "pid", "chosen"),
    [
        ("auto", START, RunState.TRAINING, "cuda:0", 4711, False),
        ("auto", replace(START, device="cpu"), RunState.TRAINING, "cpu", 4711, False),
        ("cpu", replace(START, device="cpu"), RunState.TRAINING, "cpu", 4711, True),
        ("cuda:GPU-7", START, RunState.TRAINING, "cuda:GPU-7", 4711, True),  # which the engine sees as its first
        ("auto", START, RunState.STARTING, "auto", None, False),  # what is known is of the attempt before
        ("cpu", None, RunState.STARTING, "cpu", None, True),
    ],
)
def test_where_a_training_runs(
    engine: Engine, wanted: str, started: Start | None, state: RunState, device: str, pid: int | None, chosen: bool
) -> None:
    work = work_of(replace(engine.run, recipe=replace(RECIPE, device=wanted), start=started, state=state))
    assert (work.device, work.pid, work.device_chosen) == (device, pid, chosen)
