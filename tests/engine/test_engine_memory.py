"""Memory that does not suffice for a batch: it is computed in parts, which is learnt from as from the whole."""

from __future__ import annotations

import copy
import math
import resource
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from aienv_gui.engine import protocol
from aienv_gui.engine.events import Events
from aienv_gui.engine.failures import Failure, is_memory_full, is_not_deterministic
from aienv_gui.engine.memory import MemoryIsFull
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.recipe import read_recipe
from aienv_gui.engine.session import Position
from aienv_gui.engine.steps import advance, in_more_parts
from aienv_gui.engine.tasks.image_classification import load
from aienv_gui.engine.work import Work, prepare
from tests.engine.engine_runs import (
    PLAIN,
    curve,
    end,
    events,
    kept_by_pytorch,
    kill_at,
    make_run,
    same_weights,
    start,
    train,
    weights,
)

# 32 pictures of 128 x 128 in 64 maps are 134 MB, several times over.
_LARGE = {"architecture": "compact_convnet", "options": {"channels": 1, "size": 128, "widths": [64, 8]}}
_ROOM = 400_000_000  # beside what PyTorch itself keeps: some 300 MB, with libraries for cards several times as much


def _work(run: Path) -> Work:
    recipe = read_recipe(run)
    data, options = load(recipe, lambda done, total: None)
    return prepare(recipe.with_options(options), data, torch.device("cpu"), 1)


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_parts_of_a_batch_are_learnt_from_as_the_whole(tmp_path: Path, pictures: Path, parts: int) -> None:
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings={"optimiser": "sgd", "shift": 0})
    whole, split = _work(run), _work(run)
    position, in_parts = Position(), Position(parts=parts)
    chosen = whole.data.splits["train"][:8]
    for _ in range(5):
        one = advance(whole, whole.feed.fetch(chosen, position.step, 0), position, 0)
        other = advance(split, split.feed.fetch(chosen, position.step, 0), in_parts, 0)
        assert other == pytest.approx(one, abs=1e-5)
        position.step += 1
        in_parts.step += 1
    wanted, found = whole.network.state_dict(), split.network.state_dict()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_where_a_batch_does_not_fit_it_is_computed_in_parts(tmp_path: Path, pictures: Path) -> None:
    settings = {"batch_size": 32, "epochs": 1}
    run = make_run(tmp_path / "run", pictures, model=_LARGE, settings=settings)
    limited = partial(resource.setrlimit, resource.RLIMIT_DATA, (kept_by_pytorch() + _ROOM, resource.RLIM_INFINITY))
    process = start(run, preexec_fn=limited)
    try:
        assert process.wait(60) == 0, (run / protocol.LOG).read_text(encoding="utf-8")
    finally:
        end(process)
    said = [event["values"] for event in events(run, Event.WARNING) if event["code"] == "in_parts"]
    assert said
    assert [one["parts"] for one in said] == [2**power for power in range(1, len(said) + 1)]
    assert said[-1]["size"] * said[-1]["parts"] == said[-1]["batch"] == 32
    losses = [loss for loss, _ in curve(run).values()]
    assert len(losses) == events(run, Event.STARTED)[0]["total_steps"]
    assert all(map(math.isfinite, losses))
    assert weights(run)


def test_a_batch_that_does_not_fit_leaves_all_as_it_was(tmp_path: Path, pictures: Path) -> None:
    work = _work(make_run(tmp_path / "run", pictures))
    work.network.register_forward_hook(_too_much_for_more_than_four)
    position = Position()
    before = copy.deepcopy(work.network.state_dict())
    batch = work.feed.fetch(work.data.splits["train"][:8], 0, 0)
    with pytest.raises(MemoryIsFull):
        advance(work, batch, position, 0)
    after = work.network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(parameter.grad is None for parameter in work.network.parameters())
    position.parts = 2
    advance(work, batch, position, 0)
    assert any(not torch.equal(work.network.state_dict()[name], before[name]) for name in before)


def _too_much_for_more_than_four(_network: torch.nn.Module, batch: tuple[torch.Tensor], _scores: torch.Tensor) -> None:
    if len(batch[0]) > 4:
        torch.empty(2**50)


def test_a_single_example_that_does_not_fit_ends_it(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings={"batch_size": 3})
    work, position, told = _work(run), Position(), Events(run)
    for parts in (2, 3):
        in_more_parts(work, position, told)
        assert position.parts == parts
    with pytest.raises(Failure) as caught:
        in_more_parts(work, position, told)
    assert caught.value.code == "out_of_memory"


def test_what_says_that_memory_is_full() -> None:
    assert is_memory_full(MemoryError())
    assert is_memory_full(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"))
    assert is_memory_full(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"))
    assert not is_memory_full(RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert is_memory_full(caught.value)


def test_what_says_that_it_cannot_be_exact() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        with pytest.raises(RuntimeError) as caught:
            torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert is_not_deterministic(caught.value)


_ALL: dict[str, Any] = {"precision": "bfloat16", "average": 10, "parts": 2, "epochs": 12, "patience": 50, "exact": True}


@pytest.mark.slow
def test_with_every_option_it_goes_on_exactly(tmp_path: Path, pictures: Path) -> None:
    undisturbed = make_run(tmp_path / "undisturbed", pictures, settings=_ALL)
    assert train(undisturbed) == 0
    run = make_run(tmp_path / "run", pictures, settings=_ALL, checkpoint_seconds=0.02)
    kill_at(run, 20, 53)
    assert train(run) == 0
    assert events(run, Event.STARTED)[-1]["step"] > 0
    assert curve(run) == curve(undisturbed)
    assert same_weights(run, undisturbed)
    full = make_run(tmp_path / "full", pictures, settings={**_ALL, "precision": "float32", "average": 0})
    assert train(full) == 0
    short, long = curve(undisturbed), curve(full)
    assert short != long
    assert short[1][0] == pytest.approx(long[1][0], rel=0.02)  # the same loss but for its short numbers
    plain, other = weights(full), weights(undisturbed)
    assert any(not torch.allclose(plain[name], other[name], rtol=0.01) for name in other)
