"""A training that ends before its last epoch: it got no better any more, or its time was up."""

from __future__ import annotations

from pathlib import Path

import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Event
from tests.engine.engine_runs import curve, events, make_run, start, train, until

pytestmark = pytest.mark.slow


def _warnings(run: Path) -> list[dict[str, object]]:
    return [event["values"] for event in events(run, Event.WARNING) if event["code"] in ("enough_epochs", "time_is_up")]


def test_it_ends_where_it_gets_no_better(tmp_path: Path, pictures: Path) -> None:
    still = {"epochs": 30, "patience": 2, "learning_rate": 0.0}
    run = make_run(tmp_path / "run", pictures, settings=still)
    assert train(run) == 0
    (told,) = _warnings(run)
    assert told == {"epoch": told["epoch"], "best_epoch": told["best_epoch"], "patience": 2}
    assert len(events(run, Event.VALIDATION)) == told["epoch"]
    assert max(curve(run)) < events(run, Event.STARTED)[0]["total_steps"]
    finished = events(run, Event.FINISHED)[-1]
    assert finished["outcome"] == "completed"
    assert (run / protocol.MODEL / protocol.CARD).is_file()


def test_it_ends_at_the_same_step_however_often_it_was_killed(tmp_path: Path, pictures: Path) -> None:
    settings = {"epochs": 60, "patience": 4}
    undisturbed = make_run(tmp_path / "undisturbed", pictures, settings=settings)
    assert train(undisturbed) == 0
    run = make_run(tmp_path / "run", pictures, settings=settings, checkpoint_seconds=0.05)
    for wanted in (2, 5):
        process = start(run)
        until(run, lambda found, least=wanted: sum(e["event"] == Event.VALIDATION for e in found) >= least, process)  # type: ignore[misc]
        process.kill()
        process.wait()
    assert train(run) == 0
    assert curve(run) == curve(undisturbed)
    assert _warnings(run) == _warnings(undisturbed)


def test_it_ends_when_its_time_is_up_with_a_model(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 10_000, "minutes": 0.01})
    assert train(run) == 0
    (told,) = _warnings(run)
    assert told["minutes"] == 0.01
    assert 0 < max(curve(run)) < events(run, Event.STARTED)[0]["total_steps"]
    assert events(run, Event.EVALUATED)
    assert (run / protocol.MODEL / protocol.CARD).is_file()


def test_time_that_was_used_before_a_kill_counts(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 10_000, "minutes": 0.05}, checkpoint_seconds=0.05)
    process = start(run)
    until(run, lambda found: sum(e["event"] == Event.CHECKPOINT for e in found) >= 10, process)
    process.kill()
    process.wait()
    before = events(run, Event.CHECKPOINT)[-1]["step"]
    assert train(run) == 0
    again = make_run(tmp_path / "again", pictures, settings={"epochs": 10_000, "minutes": 0.05})
    assert train(again) == 0
    assert events(run, Event.STARTED)[-1]["step"] >= before
    assert _warnings(run)[0]["minutes"] == 0.05
