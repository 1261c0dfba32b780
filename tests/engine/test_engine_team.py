"""Processes that train one network together: as one, also when one of them is killed, and seen by nobody else."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Command, Event
from tests.engine.engine_runs import (
    PLAIN,
    TINY,
    curve,
    end,
    events,
    kill_at,
    make_run,
    reached,
    same_weights,
    start,
    train,
    until,
)

pytestmark = pytest.mark.slow
_TWO: dict[str, Any] = {"processes": 2, "shift": 0, "epochs": 10}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    run = make_run(tmp_path_factory.mktemp("team") / "run", pictures, model=PLAIN, settings=_TWO)
    assert train(run) == 0, (run / protocol.LOG).read_text(encoding="utf-8")
    return run


def test_two_learn_as_one_does(tmp_path: Path, pictures: Path, undisturbed: Path) -> None:
    alone = make_run(tmp_path / "run", pictures, model=PLAIN, settings={**_TWO, "processes": 1})
    assert train(alone) == 0
    one, two = curve(alone), curve(undisturbed)
    assert one.keys() == two.keys()
    for step in range(1, 20):  # then what sums in another order come to has grown
        assert two[step] == pytest.approx(one[step], rel=1e-3, abs=1e-3)
    assert events(undisturbed, Event.EVALUATED)[-1]["accuracy"] > 0.9


def test_one_that_is_killed_is_replaced_and_nothing_is_lost(tmp_path: Path, pictures: Path, undisturbed: Path) -> None:
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings=_TWO)
    process = start(run)
    try:
        until(run, reached(run, 20), process)
        (follower,) = psutil.Process(process.pid).children()
        _assert_on_loopback_only([psutil.Process(process.pid), follower])
        follower.kill()
        assert process.wait(60) == 0, (run / protocol.LOG).read_text(encoding="utf-8")
    finally:
        end(process)
    lost = [event["values"] for event in events(run, Event.WARNING) if event["code"] == "follower_lost"]
    assert lost == [{"tries": 1, "most": 3}]
    assert len(events(run, Event.STARTED)) == 1
    assert curve(run) == curve(undisturbed)
    assert same_weights(undisturbed, run)


def _assert_on_loopback_only(processes: list[psutil.Process]) -> None:
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) <= {"127.0.0.1", "::1"}


def test_when_the_leader_is_killed_the_run_goes_on_exactly(tmp_path: Path, pictures: Path, undisturbed: Path) -> None:
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings=_TWO, checkpoint_seconds=0.05)
    process = start(run)
    try:
        until(run, reached(run, 30), process)
        (follower,) = psutil.Process(process.pid).children()
    finally:
        end(process)
    assert follower.wait(10) is None or not follower.is_running()
    assert train(run) == 0
    assert events(run, Event.STARTED)[-1]["step"] > 0
    assert curve(run) == curve(undisturbed)


def test_a_stop_leaves_no_process_behind(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings={**_TWO, "epochs": 10_000})
    process = start(run)
    until(run, reached(run, 5), process)
    (follower,) = psutil.Process(process.pid).children()
    protocol.send_command(run, Command.STOP)
    assert process.wait(20) == 0
    assert not follower.is_running()
    assert events(run)[-1]["outcome"] == "stopped"


def test_one_that_comes_later_does_what_the_others_did(tmp_path: Path, pictures: Path) -> None:
    """Layers that rested in the first epochs learn again: those who were there then must be told, too."""
    first = make_run(tmp_path / "first", pictures, settings={"epochs": 1})
    assert train(first) == 0
    settings = {"processes": 2, "epochs": 5, "freeze": 2}
    model = {**TINY, "start_from": str(first / protocol.MODEL)}
    undisturbed = make_run(tmp_path / "undisturbed", pictures, model=model, settings=settings)
    assert train(undisturbed) == 0, (undisturbed / protocol.LOG).read_text(encoding="utf-8")
    run = make_run(tmp_path / "run", pictures, model=model, settings=settings, checkpoint_seconds=0.02)
    kill_at(run, 28)  # in the fourth epoch
    assert train(run) == 0
    assert events(run, Event.STARTED)[-1]["step"] > 16
    assert curve(run) == curve(undisturbed)


@contextlib.contextmanager
def _hung(process: subprocess.Popen[bytes]) -> Iterator[psutil.Process]:
    """The one follower, which stands still for good; neither it nor the engine is there afterwards."""
    (follower,) = psutil.Process(process.pid).children()
    follower.suspend()
    try:
        yield follower
    finally:
        end(process)
        with contextlib.suppress(psutil.NoSuchProcess):
            follower.kill()  # where the engine did not: by itself it would not hear that its leader is gone


def test_one_that_hangs_is_ended_and_replaced(tmp_path: Path, pictures: Path, undisturbed: Path) -> None:
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings=_TWO)
    module = run / "engine" / "team.py"
    source = module.read_text(encoding="utf-8")
    assert "_PATIENCE = 30.0" in source
    module.write_text(source.replace("_PATIENCE = 30.0", "_PATIENCE = 5.0"), encoding="utf-8")
    process = start(run)
    until(run, reached(run, 20), process)
    with _hung(process) as hung:
        assert process.wait(120) == 0, (run / protocol.LOG).read_text(encoding="utf-8")
        assert not hung.is_running()
    assert "follower_lost" in [event["code"] for event in events(run, Event.WARNING)]
    assert curve(run) == curve(undisturbed)


def test_a_stop_does_not_wait_for_one_that_hangs(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings={**_TWO, "epochs": 10_000})
    process = start(run)
    until(run, reached(run, 20), process)
    with _hung(process) as hung:
        protocol.send_command(run, Command.STOP)
        assert process.wait(25) == 0  # sooner than it would be noticed otherwise
        assert not hung.is_running()
    finished = events(run)[-1]
    assert (finished["outcome"], finished["saved"]) == ("stopped", True)
    assert not [event for event in events(run, Event.WARNING) if event["code"] == "follower_lost"]
