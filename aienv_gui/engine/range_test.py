"""Finding a learning rate by trying: a few steps on a copy of the network, each with a larger rate than the one before.

The rate that is taken lies in the longest fall of the loss, after Smith, "Cyclical Learning Rates for Training Neural
Networks" (2017), at the place that fastai calls the valley. The seed decides all chance, so that the same training
finds the same rate again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from .memory import MemoryIsFull
from .rescue import NotANumber
from .seeds import derive
from .session import Position
from .steps import gradients, seed_dropout
from .tasks.task import begin_epoch
from .work import Work, optimiser_for

_LEAST, _MOST = 1e-6, 3.0
_STEPS, _FEWEST = 100, 30
_SHARE = 10  # at most a tenth of the training's steps, where that is enough
_SMOOTH = 0.9  # of the running mean of the loss
_LOST = 4.0  # times the smallest loss: it only grows from there


def find_rate(work: Work, position: Position, between: Callable[[int, int], None]) -> tuple[float, int]:
    """A learning rate for `work`, which stays as it is, and the steps that were tried; `between` is told of each."""
    settings = work.recipe.settings
    network = copy.deepcopy(work.network)
    begin_epoch(work.data, network, 0, settings)
    trial = replace(
        work, network=network, optimiser=optimiser_for(network, settings, work.device), average=None, team=None
    )
    most = max(_FEWEST, min(_STEPS, work.total_steps // _SHARE))
    rates = [_LEAST * (_MOST / _LEAST) ** (number / (most - 1)) for number in range(most)]
    losses: list[float] = []
    mean = 0.0
    for number, rate in enumerate(rates):
        between(number, most)
        for group in trial.optimiser.param_groups:
            group["lr"] = rate
        try:
            loss = _step(trial, number, position.parts)
        except (NotANumber, MemoryIsFull):
            break
        mean = _SMOOTH * mean + (1 - _SMOOTH) * loss
        losses.append(mean / (1 - _SMOOTH ** (number + 1)))
        if losses[-1] > _LOST * min(losses):
            break
    return _rounded(rates[valley(losses)]), len(losses)


def _step(trial: Work, number: int, parts: int) -> float:
    settings = trial.recipe.settings
    examples = trial.data.splits["train"]
    around, place = divmod(number, trial.steps_per_epoch)
    generator = torch.Generator().manual_seed(derive(settings.seed, "range order", around))
    order = examples[torch.randperm(len(examples), generator=generator)]
    chosen = order[place * settings.batch_size : (place + 1) * settings.batch_size]
    seed_dropout(trial.device, derive(settings.seed, "range", number))
    trial.forget_gradients()
    loss, _ = gradients(trial, trial.feed.fetch(chosen, number, around), parts)
    trial.optimiser.step()
    return loss


def valley(losses: Sequence[float]) -> int:
    """The place half-way down the longest fall, which may be interrupted by single rises."""
    if not losses:
        return 0
    lengths = [1] * len(losses)
    for later, loss in enumerate(losses):
        lengths[later] += max((lengths[place] for place in range(later) if loss < losses[place]), default=0)
    end = max(range(len(losses)), key=lengths.__getitem__)
    third = (lengths[end] - 1) / 3
    return end - (lengths[end] - 1) + int(third) + int(third / 2)


def _rounded(rate: float) -> float:
    """To two digits: it is no more exact than that."""
    return float(f"{rate:.1e}")
