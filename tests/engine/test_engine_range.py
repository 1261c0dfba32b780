"""A learning rate that is found by trying: where the loss falls longest, the same each time, and kept."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Command, Event
from aienv_gui.engine.range_test import find_rate, valley
from aienv_gui.engine.recipe import read_recipe
from aienv_gui.engine.session import Position
from aienv_gui.engine.tasks.image_classification import load
from aienv_gui.engine.work import Work, prepare
from tests.engine.engine_runs import curve, events, kill_at, make_run, start, train, until

_AUTO = {"learning_rate": "auto", "epochs": 12}


def _work(run: Path) -> Work:
    recipe = read_recipe(run)
    data, options = load(recipe, lambda done, total: None)
    return prepare(recipe.with_options(options), data, torch.device("cpu"), 1)


def _quiet(_done: int, _total: int) -> None:
    pass


def test_the_valley_is_half_way_down_the_longest_fall() -> None:
    flat, fall, rise = [2.0] * 20, [2.0 - 0.05 * step for step in range(1, 31)], [0.6 + step for step in range(10)]
    assert valley([*flat, *fall, *rise]) in range(20 + 10, 20 + 20)
    assert valley([*flat, *fall[:15], 1.4, *fall[15:], *rise]) in range(20 + 10, 20 + 20)  # a single rise is no end
    assert valley([1.0]) == 0
    assert valley([]) == 0


def test_the_network_stays_as_it_is_and_the_rate_is_the_same_again(tmp_path: Path, pictures: Path) -> None:
    work = _work(make_run(tmp_path / "run", pictures, settings=_AUTO))
    before = copy.deepcopy(work.network.state_dict())
    told: list[int] = []
    rate, tried = find_rate(work, Position(), lambda done, _total: told.append(done))
    assert 1e-5 < rate < 1
    assert told == list(range(len(told)))
    assert tried in (len(told), len(told) - 1)
    assert all(torch.equal(value, before[name]) for name, value in work.network.state_dict().items())
    assert not work.optimiser.state
    assert find_rate(work, Position(), _quiet) == (rate, tried)


@pytest.mark.slow
def test_the_rate_that_was_found_is_kept_over_a_kill(tmp_path: Path, pictures: Path) -> None:
    undisturbed = make_run(tmp_path / "undisturbed", pictures, settings=_AUTO)
    assert train(undisturbed) == 0
    (found,) = events(undisturbed, Event.RATE_FOUND)
    assert found["steps"] > 10
    card = protocol.read_json(undisturbed / protocol.MODEL / protocol.CARD)
    assert card["settings"]["learning_rate"] == found["learning_rate"] > 0
    assert all(math.isfinite(loss) for loss, _ in curve(undisturbed).values())
    run = make_run(tmp_path / "run", pictures, settings=_AUTO, checkpoint_seconds=0.02)
    kill_at(run, 30)
    assert train(run) == 0
    assert len(events(run, Event.RATE_FOUND)) == 1
    assert curve(run) == curve(undisturbed)


@pytest.mark.slow
def test_a_stop_is_heard_while_it_is_looked_for(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={**_AUTO, "epochs": 1000})
    process = start(run)
    until(run, lambda found: any(event.get("name") == "finding_rate" for event in found), process)
    protocol.send_command(run, Command.STOP)
    assert process.wait(20) == 0
    finished = events(run, Event.FINISHED)[-1]
    assert finished["outcome"] == "stopped"
