"""A loss that is no number: nothing is learnt from it, the training goes back and on at a lower rate, exactly."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from aienv_gui.engine import rescue
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.tasks.image_classification import Data
from tests.engine.engine_runs import events, make_run, start, train, until, weights

# Without normalisation in between it grows beyond all bounds at these rates, and not at lower ones.
_NETWORK = {
    "architecture": "book_convnet",
    "options": {"channels": 1, "size": 16, "widths": [4, 8], "hidden": 16, "dropout": 0.0, "normalise": True},
}
_FAST = {"optimiser": "sgd", "momentum": 0.9, "epochs": 8, "schedule": "constant", "shift": 0}


def _wild_run(folder: Path, pictures: Path, rate: float, **changes: Any) -> Path:
    return make_run(folder, pictures, model=_NETWORK, settings={**_FAST, "learning_rate": rate}, **changes)


def _told(found: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in found if event["event"] in (Event.RESCUED, Event.VALIDATION, Event.FINISHED)]


def _more_told(before: int, found: list[dict[str, Any]]) -> bool:
    return len(_told(found)) > before


@pytest.mark.slow
def test_it_goes_back_and_on_at_a_lower_rate(tmp_path: Path, pictures: Path) -> None:
    run = _wild_run(tmp_path / "run", pictures, 4.0)
    assert train(run) == 0
    rescued = events(run, Event.RESCUED)
    assert 1 <= len(rescued) <= rescue.TRIES
    assert [event["tries"] for event in rescued] == list(range(1, len(rescued) + 1))
    for event in rescued:
        assert event["learning_rate"] == pytest.approx(4.0 * 0.3 ** event["tries"])
        assert event["step"] < event["at"] <= 8 * event["epoch"]  # eight steps an epoch
        assert all((pictures / file).is_file() for file in event["files"])
    assert any(event["files"] for event in rescued)
    losses = [loss for event in events(run, Event.METRICS) for loss in event["columns"]["loss"]]
    assert all(map(math.isfinite, losses))  # what was no number is on no curve, and in no weight
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights(run).values())


@pytest.mark.slow
def test_killed_after_a_rescue_it_ends_with_the_same_weights(tmp_path: Path, pictures: Path) -> None:
    undisturbed = _wild_run(tmp_path / "undisturbed", pictures, 8.0)
    assert train(undisturbed) == 0
    assert events(undisturbed, Event.RESCUED)
    run = _wild_run(tmp_path / "run", pictures, 8.0, checkpoint_seconds=0.02)
    for _ in range(3):
        process = start(run)
        until(run, partial(_more_told, len(_told(events(run)))), process)
        process.kill()
        process.wait()
    assert train(run) in (0, 4)
    wanted, found = weights(undisturbed), weights(run)
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


@pytest.mark.slow
def test_after_the_last_try_it_ends_with_what_it_knows(tmp_path: Path, pictures: Path) -> None:
    run = _wild_run(tmp_path / "run", pictures, 1e30)
    assert train(run) == 1
    assert len(events(run, Event.RESCUED)) == rescue.TRIES
    failure = events(run, Event.FAILED)[-1]
    assert failure["code"] == "nan"
    assert failure["values"]["tries"] == rescue.TRIES
    assert failure["values"]["learning_rate"] == pytest.approx(1e30 * 0.3**3)


@pytest.mark.parametrize(
    ("accuracy", "loss", "good"), [(0.9, 50.0, True), (0.25, 1.4, True), (0.25, 3e10, False), (0.3, 1e9, False)]
)
def test_what_is_worth_to_go_back_to(accuracy: float, loss: float, good: bool) -> None:
    data = Data(
        classes=("a", "b", "c", "d"),
        paths=(),
        images=torch.empty(0),
        labels=torch.empty(0),
        splits={},
        counts={},
        fingerprint="",
        remarks=[],
    )
    assert data.is_good(accuracy, loss) is good
