"""Finding a batch size by trying: on a copy of the network, larger and larger, as long as that gets on faster.

The smallest is taken that is nearly as fast as the fastest, since of the same examples more steps learn more. What is
taken depends on the machine and how busy it is: so it is told by an event, by which the run goes on when it is
continued, and all the rest is as exact as ever.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .memory import MemoryIsFull
from .protocol import Event, EventReader
from .recipe import Recipe
from .rescue import NotANumber
from .steps import gradients
from .tasks.task import begin_epoch
from .work import Work, optimiser_for

_LEAST, _MOST = 8, 1024
_STEPS_AN_EPOCH = 12  # at least, where the examples suffice for that
_NEARLY = 0.85  # of the fastest
_GAIN = 1.1  # by which twice as many have to be faster for more to be tried
_ROUND = 0.1  # seconds for each size, or three steps
_LONG_STEP, _LONG = 1.0, 5.0  # seconds of a step, and of all, after which no more are tried
_FURTHEST = 4.0  # times the rate that belongs to another batch size


def found_before(run: Path) -> dict[str, Any] | None:
    """What was found and told in an earlier attempt at a run."""
    told = [event for event in EventReader(run).read(brief=True) if event["event"] == Event.BATCH_FOUND]
    return told[-1] if told else None


def find_batch_size(work: Work) -> dict[str, Any]:
    """The fields of `Event.BATCH_FOUND` for `work`, which stays as it is."""
    began = time.perf_counter()
    tried: list[tuple[int, float]] = []
    for size, seconds in _tries(work):
        tried.append((size, size / seconds))
        enough = len(tried) > 1 and tried[-1][1] < _GAIN * tried[-2][1]
        if enough or seconds > _LONG_STEP or time.perf_counter() - began > _LONG:
            break
    size = smallest_nearly_fastest(tried)
    return {
        "batch_size": size,
        "learning_rate": None if work.recipe.settings.find_rate else rate_for(work.recipe, size),
        "tried": [[one, round(speed, 1)] for one, speed in tried],
        "seconds": round(time.perf_counter() - began, 1),
    }


def smallest_nearly_fastest(tried: list[tuple[int, float]]) -> int:
    """Of sizes and their examples a second."""
    fastest = max((speed for _, speed in tried), default=0.0)
    return next((size for size, speed in tried if speed >= _NEARLY * fastest), _LEAST)


def rate_for(recipe: Recipe, size: int) -> float:
    """The learning rate that goes with a batch of `size`, where the recipe's goes with its own; to two digits.

    In proportion for SGD (Goyal et al., "Accurate, Large Minibatch SGD", 2017), to its root for Adam and its kin
    (Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022).
    """
    settings = recipe.settings
    times = size / settings.batch_size
    if settings.optimiser != "sgd":
        times = math.sqrt(times)
    times = min(max(times, 1 / _FURTHEST), _FURTHEST)
    return settings.learning_rate if times == 1 else float(f"{settings.learning_rate * times:.1e}")


def _tries(work: Work) -> Iterator[tuple[int, float]]:
    """Sizes and the seconds that a step takes with each; ends where memory does."""
    recipe = work.recipe
    most = max(_LEAST, min(_MOST, len(work.data.splits["train"]) // _STEPS_AN_EPOCH))
    network = copy.deepcopy(work.network)
    begin_epoch(work.data, network, 0, recipe.settings)
    optimiser = optimiser_for(network, recipe.settings, work.device)
    size = _LEAST
    while size <= most:
        trial = replace(work, recipe=recipe.with_batch(size, None), network=network, optimiser=optimiser)
        try:
            yield size, _seconds_of_a_step(trial)
        except (MemoryIsFull, NotANumber):
            return
        finally:
            trial.feed.close()
        size *= 2


def _seconds_of_a_step(trial: Work) -> float:
    """The quickest of some."""
    best, began, step = math.inf, time.perf_counter(), 0
    while step < 2 or (step < 4 and best < _LONG_STEP) or time.perf_counter() - began < _ROUND:
        at = time.perf_counter()
        trial.forget_gradients()
        batch = trial.feed.batch(step % max(1, trial.steps_per_epoch - 1), 0)  # never the last: it may be small
        # The loss comes as a number, which is there once the device is done with all that came before.
        gradients(trial, batch, 1)
        trial.optimiser.step()
        if step:  # the first has to get ready
            best = min(best, time.perf_counter() - at)
        step += 1
    return best
