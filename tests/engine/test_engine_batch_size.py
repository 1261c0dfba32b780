"""A batch size that is found by trying: the smallest that is nearly as fast as any, kept for all of the run."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch

from aienv_gui.engine import protocol
from aienv_gui.engine.batch_size import find_batch_size, rate_for, smallest_nearly_fastest
from aienv_gui.engine.protocol import Command, Event
from aienv_gui.engine.recipe import read_recipe
from aienv_gui.engine.tasks.image_classification import load
from aienv_gui.engine.work import Work, prepare
from tests.engine.engine_runs import curve, events, kill_at, make_run, reached, start, train, until

_AUTO = {"batch_size": "auto", "optimiser": "adamw", "epochs": 12}


def _work(run: Path) -> Work:
    recipe = read_recipe(run)
    data, options = load(recipe, lambda done, total: None)
    return prepare(recipe.with_options(options), data, torch.device("cpu"), 1)


def test_the_smallest_that_is_nearly_the_fastest() -> None:
    assert smallest_nearly_fastest([(8, 500.0), (16, 900.0), (32, 1500.0), (64, 1600.0)]) == 32
    assert smallest_nearly_fastest([(8, 500.0), (16, 505.0)]) == 8
    assert smallest_nearly_fastest([]) == 8  # not even the smallest could be tried


@pytest.mark.parametrize(("optimiser", "times"), [("sgd", 2.0), ("adamw", math.sqrt(2)), ("adam", math.sqrt(2))])
def test_the_learning_rate_goes_with_it(tmp_path: Path, pictures: Path, optimiser: str, times: float) -> None:
    settings = {**_AUTO, "optimiser": optimiser, "learning_rate": 0.01}
    recipe = read_recipe(make_run(tmp_path / "run", pictures, preset="residual", settings=settings))
    assert recipe.settings.find_batch
    assert recipe.settings.batch_size == 64  # the preset's, with which its rate goes
    assert rate_for(recipe, 128) == pytest.approx(0.01 * times, rel=0.04)  # two digits
    assert rate_for(recipe, 32) == pytest.approx(0.01 / times, rel=0.04)
    assert rate_for(recipe, 64) == 0.01
    assert rate_for(recipe, 64 * 1000) == 0.04


def test_the_network_stays_as_it_is_and_an_epoch_has_steps(tmp_path: Path, pictures: Path) -> None:
    work = _work(make_run(tmp_path / "run", pictures, settings=_AUTO))
    before = copy.deepcopy(work.network.state_dict())
    found = find_batch_size(work)
    assert all(torch.equal(value, before[name]) for name, value in work.network.state_dict().items())
    assert not work.optimiser.state
    assert all(parameter.grad is None for parameter in work.network.parameters())
    sizes = [size for size, _ in found["tried"]]
    assert sizes == [8 * 2**number for number in range(len(sizes))]
    assert found["batch_size"] in sizes
    assert len(work.data.splits["train"]) / max(sizes) >= 12 or sizes == [8]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_what_was_found_is_kept_over_kills_and_is_as_if_it_had_been_asked_for(
    tmp_path: Path, pictures: Path, processes: int
) -> None:
    settings = {**_AUTO, "processes": processes}
    run = make_run(tmp_path / "run", pictures, settings=settings, checkpoint_seconds=0.02)
    kill_at(run, 1, 15)
    assert train(run) == 0
    (found,) = events(run, Event.BATCH_FOUND)
    assert {event["settings"]["batch_size"] for event in events(run, Event.STARTED)} == {found["batch_size"]}
    size, rate = found["batch_size"], found["learning_rate"]
    asked = make_run(tmp_path / "asked", pictures, settings={**settings, "batch_size": size, "learning_rate": rate})
    assert train(asked) == 0
    assert curve(run) == curve(asked)
    card = protocol.read_json(run / protocol.MODEL / protocol.CARD)
    assert card["settings"]["batch_size"] == size


@pytest.mark.slow
def test_both_may_be_found(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={**_AUTO, "learning_rate": "auto"}, checkpoint_seconds=0.02)
    kill_at(run, 15)
    assert train(run) == 0
    assert events(run, Event.BATCH_FOUND)[0]["learning_rate"] is None
    (found,) = events(run, Event.RATE_FOUND)
    card = protocol.read_json(run / protocol.MODEL / protocol.CARD)
    assert card["settings"]["learning_rate"] == found["learning_rate"] > 0


@pytest.mark.slow
def test_a_stop_is_heard_while_it_is_looked_for(tmp_path: Path, pictures: Path) -> None:
    model = {"architecture": "compact_convnet", "options": {"channels": 1, "size": 128, "widths": [32, 64, 64]}}
    run = make_run(tmp_path / "run", pictures, model=model, settings=_AUTO)
    process = start(run)
    until(run, lambda found: any(event.get("name") == "finding_batch" for event in found), process)
    protocol.send_command(run, Command.STOP)
    assert process.wait(20) == 0
    assert events(run, Event.FINISHED)[-1]["outcome"] == "stopped"
    assert not events(run, Event.BATCH_FOUND)
    assert not reached(run, 1)([])
