"""The examples of each step: the same whether they are fetched when they are wanted or while the step before runs."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from aienv_gui.engine import feed
from aienv_gui.engine.feed import Feed
from aienv_gui.engine.recipe import Settings, read_recipe
from aienv_gui.engine.tasks.image_classification import Data, load
from aienv_gui.engine.tasks.task import Batch
from tests.engine.engine_runs import make_run

_CPU = torch.device("cpu")


class Clock:
    """Goes on by what fetching and steps take, as they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Slow(Data):
    """Data that lie where it takes a while to get at them."""

    def batch(self, chosen: torch.Tensor, settings: Settings, seed: int) -> Batch:
        clock.now += takes[min(len(fetched_by), len(takes) - 1)]
        fetched_by.append(threading.current_thread().name)
        return super().batch(chosen, settings, seed)


fetched_by: list[str] = []
takes = [0.005]  # seconds of each fetch, the last for all that follow
clock = Clock()


@pytest.fixture
def data(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Data, Settings]:
    recipe = read_recipe(make_run(tmp_path / "run", pictures, settings={"batch_size": 3, "shift": 2}))
    monkeypatch.setattr(feed, "time", clock)
    takes[:] = [0.005]
    fetched_by.clear()
    return load(recipe, lambda done, total: None)[0], recipe.settings


@pytest.fixture
def slow(data: tuple[Data, Settings]) -> tuple[Slow, Settings]:
    return Slow(**vars(data[0])), data[1]


def test_what_takes_long_is_fetched_ahead_and_is_the_same(
    data: tuple[Data, Settings], slow: tuple[Slow, Settings]
) -> None:
    steps = -(-len(data[0].splits["train"]) // 3)
    assert steps > 10
    with closing(Feed(*data, _CPU)) as direct, closing(Feed(*slow, _CPU)) as ahead:
        for step in range(4 * steps):
            inputs, truth = ahead.batch(step, step // steps)
            wanted, wanted_truth = direct.batch(step, step // steps)
            assert torch.equal(inputs, wanted)
            assert torch.equal(truth, wanted_truth)
    assert threading.current_thread().name in fetched_by[:20]
    assert all(name.startswith("feed") for name in fetched_by[-(steps - 1) :])  # an epoch's first has none before it
    assert len(fetched_by) == 4 * steps  # nothing twice


def test_going_back_takes_no_batch_that_is_another_steps(slow: tuple[Slow, Settings]) -> None:
    steps = -(-len(slow[0].splits["train"]) // 3)
    with closing(Feed(*slow, _CPU)) as going:
        once = [going.batch(step, step // steps)[0] for step in range(3 * steps)]
        assert any(name.startswith("feed") for name in fetched_by)
        going.batch(3 * steps, 3)  # after which the next one is under way
        again = [going.batch(step, step // steps)[0] for step in range(steps + 5, 3 * steps)]
    assert all(torch.equal(one, other) for one, other in zip(once[steps + 5 :], again, strict=True))


@pytest.mark.parametrize(
    ("fetches", "step", "ahead"),
    [
        ([0.005], 0.01, True),
        ([0.005], 1.0, False),  # not worth it: a small share
        ([0.0001], 0.0001, False),  # nor this, however large its share is: to hand it over takes longer
        ([*[0.5] * 5, 0.0001], 0.01, False),  # only the first were slow
    ],
)
def test_only_what_is_waited_for_long_is_fetched_ahead(
    slow: tuple[Slow, Settings], fetches: list[float], step: float, ahead: bool
) -> None:
    takes[:] = fetches
    steps = -(-len(slow[0].splits["train"]) // 3)
    with closing(Feed(*slow, _CPU)) as going:
        for number in range(60):
            going.batch(number, number // steps)
            clock.now += step
    assert any(name.startswith("feed") for name in fetched_by) == ahead


def test_another_seed_brings_another_order(data: tuple[Data, Settings]) -> None:
    one, other = Feed(*data, _CPU), Feed(data[0], replace(data[1], seed=1), _CPU)
    assert sorted(one.chosen(0, 0).tolist()) != sorted(other.chosen(0, 0).tolist())
    assert not torch.equal(one.chosen(0, 0), one.chosen(0, 1))
