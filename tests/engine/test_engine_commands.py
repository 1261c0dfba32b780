"""What the application asks of a running engine, and how soon and by which event it is answered."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Command, Event
from tests.engine.engine_runs import answered, curve, end, events, make_run, start, train, until
from tests.fakes.pictures import write_pictures

pytestmark = pytest.mark.slow
LONG = {"epochs": 100_000}


def test_save_pause_resume_and_stop(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings=LONG)
    process = start(run)
    try:
        until(run, lambda found: len(curve(run)) >= 5, process)

        saving = protocol.send_command(run, Command.SAVE)
        until(run, answered(saving), process)
        saved = next(event for event in events(run) if event.get("command") == saving)
        content = (run / saved["file"]).read_bytes()
        assert (saved["event"], saved["reason"]) == (Event.CHECKPOINT, "manual")
        assert saved["bytes"] == len(content)
        assert saved["sha256"] == hashlib.sha256(content).hexdigest()

        pausing = protocol.send_command(run, Command.PAUSE)
        until(run, answered(pausing), process)
        step = next(event for event in events(run, Event.PAUSED) if event["command"] == pausing)["step"]
        again = protocol.send_command(run, Command.PAUSE)
        until(run, answered(again), process)
        saving = protocol.send_command(run, Command.SAVE)
        until(run, answered(saving), process)
        assert max(curve(run)) == step  # three answers later not a step further

        resuming = protocol.send_command(run, Command.RESUME)
        until(run, lambda found: answered(resuming)(found) and max(curve(run)) > step, process)
        needless = protocol.send_command(run, Command.RESUME)
        until(run, answered(needless), process)
        refused = next(event for event in events(run) if event.get("command") == needless)
        assert (refused["event"], refused["ok"], refused["reason"]) == (Event.ANSWER, False, "not_paused")

        until(run, lambda found: any(event["event"] == Event.PROGRESS for event in found), process)
        stopping = protocol.send_command(run, Command.STOP)
        assert process.wait(20) == 0
    finally:
        end(process)
    kinds = [event["event"] for event in events(run) if event.get("command") == stopping]
    assert kinds == [Event.CHECKPOINT, Event.FINISHED]
    assert events(run, Event.MODEL)
    assert events(run, Event.EVALUATED)
    assert protocol.read_json(run / "model" / "card.json")["outcome"] == "stopped"
    assert not list((run / protocol.COMMANDS).glob("*.json"))
    progress = events(run, Event.PROGRESS)[-1]
    assert progress["examples_per_second"] > 0
    assert 0 < progress["seconds_left"] <= progress["seconds_left_high"]


def test_manual_checkpoints_outlive_the_others(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 60})
    process = start(run)
    try:
        until(run, lambda found: len(curve(run)) >= 3, process)
        identity = protocol.send_command(run, Command.SAVE)
        until(run, answered(identity), process)
        assert process.wait(60) == 0
    finally:
        end(process)
    entries = protocol.read_json(run / protocol.CHECKPOINTS / protocol.INDEX)["checkpoints"]
    by_hand = next(event for event in events(run, Event.CHECKPOINT) if event["command"] == identity)
    assert by_hand["file"] in {f"checkpoints/{entry['file']}" for entry in entries}
    assert len(entries) <= 3 + 1 + 1  # the latest, the best, the manual one
    assert {entry["file"] for entry in entries} == {path.name for path in (run / protocol.CHECKPOINTS).glob("*.pt")}
    assert sum(entry["best"] for entry in entries) == 1


def test_stop_while_everything_is_still_being_loaded(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures)
    process = start(run)
    try:
        until(run, lambda found: any(event["event"] == Event.PHASE for event in found), process)
        saving = protocol.send_command(run, Command.SAVE)
        stopping = protocol.send_command(run, Command.STOP)
        assert process.wait(20) == 0
    finally:
        end(process)
    refused, finished = (event for event in events(run) if event.get("command") in (saving, stopping))
    assert (refused["event"], refused["reason"]) == (Event.ANSWER, "loading")
    assert (finished["event"], finished["outcome"], finished["step"]) == (Event.FINISHED, "stopped", 0)
    assert train(run) == 0  # and it can be begun again


def test_pause_asked_for_while_loading(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures)
    process = start(run)
    try:
        until(run, lambda found: bool(found), process)
        pausing = protocol.send_command(run, Command.PAUSE)
        until(run, answered(pausing), process)
        assert not curve(run)
        protocol.send_command(run, Command.STOP)
        assert process.wait(20) == 0
    finally:
        end(process)


def test_stop_where_steps_are_slow_and_judging_would_take_long(tmp_path: Path) -> None:
    many = write_pictures(tmp_path / "many", classes=("across", "down"), each=1500)
    wide = {"architecture": "compact_convnet", "options": {"channels": 1, "size": 64, "widths": [256, 256]}}
    run = make_run(tmp_path / "run", many, model=wide, settings={"batch_size": 16, "epochs": 1, "shift": 0})
    process = start(run)
    try:
        until(run, lambda found: len(curve(run)) >= 2, process)
        protocol.send_command(run, Command.STOP)
        assert process.wait(20) == 0
    finally:
        end(process)
    assert events(run, Event.FINISHED)[-1]["outcome"] == "stopped"
    assert "not_evaluated" in {event["code"] for event in events(run, Event.WARNING)}
    assert protocol.read_json(run / "model" / "card.json")["evaluation"] is None


def test_old_and_odd_commands_are_refused(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 30})
    (run / protocol.COMMANDS).mkdir()
    old = f"{time.time_ns() - 60 * 10**9:020d}-1"
    protocol.write_json(run / protocol.COMMANDS / f"{old}.json", {"command": Command.STOP})
    process = start(run)
    try:
        until(run, answered(old), process)
        odd = protocol.send_command(run, "dance")
        until(run, answered(odd), process)
        assert process.wait(60) == 0
    finally:
        end(process)
    reasons = {event["command"]: event["reason"] for event in events(run, Event.ANSWER)}
    assert reasons == {old: "stale", odd: "unknown"}
    assert events(run)[-1]["outcome"] == "completed"


def test_metrics_come_in_batches_of_at_most_twenty_lines_a_second(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 60})
    assert train(run) == 0
    batches = events(run, Event.METRICS)
    steps = [step for event in batches for step in event["columns"]["step"]]
    assert steps == list(range(1, 481))
    assert all(len({len(column) for column in event["columns"].values()}) == 1 for event in batches)
    seconds = batches[-1]["time"] - batches[0]["time"]
    epochs_end_a_batch = 60
    assert len(batches) <= 20 * seconds + epochs_end_a_batch + 1
