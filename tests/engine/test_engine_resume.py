"""Whatever ends an attempt, the next one goes on as if nothing had been: same losses, same weights, bit for bit."""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Command, Event
from tests.engine.engine_runs import curve, end, events, make_run, same_weights, start, train, until

pytestmark = pytest.mark.slow
LONG = {"epochs": 40}  # 320 steps: a second or two


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    run = make_run(tmp_path_factory.mktemp("undisturbed") / "run", pictures, settings=LONG)
    assert train(run) == 0
    return run


def last_state(run: Path) -> dict[str, torch.Tensor]:
    """Of the network after the last step."""
    entry = protocol.read_json(run / protocol.CHECKPOINTS / protocol.INDEX)["checkpoints"][-1]
    state = torch.load(run / protocol.CHECKPOINTS / entry["file"], weights_only=True)
    found: dict[str, torch.Tensor] = state["network"]
    return found


def assert_same(run: Path, reference: Path) -> None:
    assert curve(run) == curve(reference)
    assert len(curve(run)) == 320
    one, other = last_state(run), last_state(reference)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert same_weights(run, reference)
    assert judged(run, Event.VALIDATION) == judged(reference, Event.VALIDATION)
    last = [events(one, Event.EVALUATED)[-1] for one in (run, reference)]
    assert {**last[0], "time": 0} == {**last[1], "time": 0}


def judged(run: Path, kind: str) -> dict[int, tuple[float, float]]:
    return {event["step"]: (event["loss"], event["accuracy"]) for event in events(run, kind)}


def reached(run: Path, attempt: int, step: int, _found: object) -> bool:
    return len(events(run, Event.STARTED)) == attempt and max(curve(run), default=0) >= step


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random_moments_it_goes_on_exactly(
    tmp_path: Path, pictures: Path, undisturbed: Path, seed: int
) -> None:
    chance = random.Random(seed)
    run = make_run(tmp_path / "run", pictures, settings=LONG, checkpoint_seconds=0.1)
    for _ in range(3):
        process = start(run)
        begun = len(events(run, Event.STARTED))
        goal = min(310, max(curve(run), default=0) + chance.randint(5, 110))
        until(run, partial(reached, run, begun + 1, goal), process)
        time.sleep(chance.random() * 0.03)  # somewhere within a step, a checkpoint, an event
        process.kill()
        process.wait()
    assert train(run) == 0
    assert len(events(run, Event.STARTED)) == 4
    assert [event["step"] for event in events(run, Event.STARTED)] == sorted(
        event["step"] for event in events(run, Event.STARTED)
    )
    assert events(run, Event.STARTED)[-1]["step"] > 0
    assert_same(run, undisturbed)


def test_stopped_in_mid_epoch_it_goes_on_exactly(tmp_path: Path, pictures: Path, undisturbed: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings=LONG)
    process = start(run)
    until(run, lambda found: len(curve(run)) >= 20, process)
    protocol.send_command(run, Command.STOP)
    assert process.wait(20) == 0
    stopped = events(run, Event.FINISHED)[-1]
    assert (stopped["outcome"], stopped["saved"]) == ("stopped", True)
    assert stopped["step"] == max(curve(run))
    assert train(run) == 0
    assert events(run, Event.STARTED)[-1]["step"] == stopped["step"]
    assert_same(run, undisturbed)


def test_a_checkpoint_cut_short_is_passed_over(tmp_path: Path, pictures: Path, undisturbed: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings=LONG)
    process = start(run)
    until(run, lambda found: sum(e["event"] == Event.CHECKPOINT for e in found) >= 3, process)
    process.kill()
    process.wait()
    entries = protocol.read_json(run / protocol.CHECKPOINTS / protocol.INDEX)["checkpoints"]
    newest = run / protocol.CHECKPOINTS / entries[-1]["file"]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert train(run) == 0
    warning = next(event for event in events(run, Event.WARNING) if event["code"] == "broken_checkpoint")
    assert warning["values"]["file"] == f"checkpoints/{newest.name}"
    assert events(run, Event.STARTED)[-1]["step"] == entries[-2]["step"]
    assert_same(run, undisturbed)


def test_with_every_checkpoint_damaged_it_says_so(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures)
    process = start(run)
    until(run, lambda found: any(e["event"] == Event.CHECKPOINT for e in found), process)
    process.kill()
    process.wait()
    for path in (run / protocol.CHECKPOINTS).glob("*.pt"):
        path.write_bytes(b"damaged")
    assert train(run) == 1
    failure = events(run, Event.FAILED)[-1]
    assert failure["code"] == "no_checkpoint"
    assert list((run / protocol.CHECKPOINTS).glob("*.pt"))


def test_without_an_index_the_files_tell(tmp_path: Path, pictures: Path, undisturbed: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings=LONG)
    process = start(run)
    until(run, lambda found: sum(e["event"] == Event.CHECKPOINT for e in found) >= 2, process)
    process.kill()
    process.wait()
    (run / protocol.CHECKPOINTS / protocol.INDEX).write_text("{", encoding="utf-8")
    assert train(run) == 0
    assert events(run, Event.STARTED)[-1]["step"] > 0
    assert curve(run) == curve(undisturbed)


def test_a_finished_run_is_left_alone(undisturbed: Path) -> None:
    before = (undisturbed / protocol.EVENTS).read_bytes()
    assert train(undisturbed) == 4
    assert (undisturbed / protocol.EVENTS).read_bytes() == before


def test_two_engines_never_work_on_one_run(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings=LONG)
    first = start(run)
    try:
        until(run, lambda found: bool(found), first)
        assert train(run) == 3
    finally:
        end(first)


def test_an_event_cut_short_is_followed_by_whole_ones(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 1})
    (run / protocol.EVENTS).write_bytes(b'{"event":"started","time":1.0,"attempt":1,"step":0}\n{"event":"metr')
    assert train(run) == 0
    kinds = [event["event"] for event in events(run)]
    assert kinds[0] == Event.STARTED
    assert kinds[1] == Event.PHASE
    assert kinds[-1] == Event.FINISHED
    assert events(run, Event.STARTED)[-1]["attempt"] == 2


def test_changed_pictures_are_noticed(tmp_path: Path, pictures: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pictures, copy)
    run = make_run(tmp_path / "run", copy)
    process = start(run)
    until(run, lambda found: any(e["event"] == Event.CHECKPOINT for e in found), process)
    process.kill()
    process.wait()
    (copy / "dot" / "000.png").write_bytes((copy / "down" / "000.png").read_bytes())
    assert train(run) == 1
    assert events(run, Event.FAILED)[-1]["code"] == "data_changed"


if sys.platform != "win32":  # where no process can be asked to end

    def test_sigterm_is_a_stop(tmp_path: Path, pictures: Path) -> None:
        run = make_run(tmp_path / "run", pictures, settings=LONG)
        process = start(run)
        until(run, lambda found: len(curve(run)) >= 5, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert events(run, Event.CHECKPOINT)[-1]["reason"] == "stop"
        assert events(run)[-1]["outcome"] == "stopped"


def test_going_on_with_other_versions_says_what_differs(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings=LONG, checkpoint_seconds=0.0)
    process = start(run)
    until(run, lambda found: any(event["event"] == Event.CHECKPOINT for event in found), process)
    process.kill()
    process.wait()
    index = protocol.read_json(run / protocol.CHECKPOINTS / protocol.INDEX)
    entry = index["checkpoints"][-1]
    path = run / protocol.CHECKPOINTS / entry["file"]
    state = torch.load(path, weights_only=True)
    state["versions"]["torch"] = "1.0"
    torch.save(state, path)
    entry.update(bytes=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    protocol.write_json(run / protocol.CHECKPOINTS / protocol.INDEX, index)
    assert train(run) == 0
    warning = events(run, Event.WARNING)[-1]
    assert warning["code"] == "not_as_before"
    now = events(run, Event.STARTED)[-1]["versions"]["torch"]  # of the engine's Python, which may be another than ours
    assert now != "1.0"
    assert warning["values"]["differences"] == {"torch": ["1.0", now]}


def test_going_on_with_the_same_versions_says_nothing(undisturbed: Path, tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings=LONG)
    process = start(run)
    until(run, partial(reached, run, 1, 20), process)
    protocol.send_command(run, Command.STOP)
    process.wait()
    assert train(run) == 0
    assert "not_as_before" not in {event["code"] for event in events(run, Event.WARNING)}
    assert curve(run) == curve(undisturbed)
