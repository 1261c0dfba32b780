"""Two runs at once on the same data: neither knows of the other, and both are what each would be alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Command, Event
from tests.engine.engine_runs import answered, curve, end, events, make_run, reached, same_weights, start, train, until

pytestmark = pytest.mark.slow
LONG = {"epochs": 40}
OTHER = {"epochs": 40, "seed": 8, "learning_rate": 0.01}


def same(run: Path, alone: Path) -> None:
    assert curve(run) == curve(alone)
    assert same_weights(run, alone)


def test_each_is_as_if_it_were_alone(tmp_path: Path, pictures: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in pictures.rglob("*.png")}
    wanted = {"first": LONG, "second": OTHER}
    alone = {name: make_run(tmp_path / f"{name} alone", pictures, settings=one) for name, one in wanted.items()}
    assert [train(run) for run in alone.values()] == [0, 0]
    both = {name: make_run(tmp_path / name, pictures, settings=one) for name, one in wanted.items()}
    working = [start(run) for run in both.values()]
    try:
        assert [process.wait(60) for process in working] == [0, 0]
    finally:
        for process in working:
            end(process)
    times = [[event["time"] for event in events(run)] for run in both.values()]
    assert max(one[0] for one in times) < min(one[-1] for one in times), "they were at work at once"
    for name, run in both.items():
        same(run, alone[name])
    assert curve(both["first"]) != curve(both["second"])
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in pictures.rglob("*.png")} == before


def test_what_is_asked_of_one_is_not_asked_of_the_other(tmp_path: Path, pictures: Path) -> None:
    alone = make_run(tmp_path / "alone", pictures, settings={"epochs": 120})
    assert train(alone) == 0
    stopped, going = (make_run(tmp_path / name, pictures, settings={"epochs": 120}) for name in ("stopped", "going"))
    first, second = start(stopped), start(going)
    try:
        until(going, reached(going, 10), second)
        until(stopped, reached(stopped, 10), first)
        saved = protocol.send_command(going, Command.SAVE)
        paused = protocol.send_command(stopped, Command.PAUSE)
        until(stopped, answered(paused), first)
        until(going, answered(saved), second)
        assert protocol.is_locked(stopped)
        assert protocol.is_locked(going)
        protocol.send_command(stopped, Command.STOP)
        assert first.wait(60) == 0
        assert not protocol.is_locked(stopped)
        assert second.wait(60) == 0
    finally:
        end(first)
        end(second)
    assert events(stopped, Event.FINISHED)[-1]["outcome"] == "stopped"
    assert events(going, Event.FINISHED)[-1]["outcome"] == "completed"
    assert [one.get("command") for one in events(going, Event.CHECKPOINT) if one["reason"] == "manual"] == [saved]
    assert not events(going, Event.PAUSED)
    assert not [one for one in events(stopped, Event.CHECKPOINT) if one["reason"] == "manual"]
    same(going, alone)
    assert train(stopped) == 0
    same(stopped, alone)


@pytest.mark.parametrize("threads", [1, None])
def test_each_says_how_many_threads_it_takes(tmp_path: Path, pictures: Path, threads: int | None) -> None:
    """Asked for nothing, each takes what PyTorch takes: one for each core, whoever else works."""
    runs = [make_run(tmp_path / name, pictures, threads=threads) for name in ("first", "second")]
    working = [start(run) for run in runs]
    try:
        assert [process.wait(60) for process in working] == [0, 0]
    finally:
        for process in working:
            end(process)
    told = {events(run, Event.STARTED)[-1]["threads"] for run in runs}
    assert len(told) == 1
    assert told == {1} if threads else 1 <= told.pop() <= (os.cpu_count() or 1)
