"""A process that does its share of each batch, as the engine that leads it tells."""

from __future__ import annotations

from dataclasses import replace

import torch

from . import steps
from .devices import computes_bfloat16, own_device
from .memory import MemoryIsFull, keep_for_the_next_step
from .recipe import Recipe
from .rescue import NotANumber
from .session import Position
from .tasks.task import begin_epoch, learner
from .team import Follower, Order
from .work import prepare


def follow(recipe: Recipe) -> None:
    """Until the leader ends this process, or is gone. Raises what a step raises, but for what the leader knows."""
    follower = Follower.of_environment()
    torch.set_num_threads(recipe.threads or max(1, torch.get_num_threads() // follower.size))
    keep_for_the_next_step()
    device = own_device(recipe.device, follower.rank)
    data, options = learner(recipe.task, recipe.architecture).load(recipe, _quietly)
    short = recipe.settings.precision == "bfloat16" and computes_bfloat16(device, None)
    work = prepare(recipe.with_options(options), data, device, torch.get_num_threads(), bfloat16=short)
    work.average, work.team = None, follower  # the leader's weights are those that count
    follower.join()
    epoch = -1
    while True:
        told = follower.heard()
        if not isinstance(told, Order):
            torch.set_num_threads(told["threads"])
            found = work.recipe.with_batch(told["batch_size"], None).with_rate(told["learning_rate"])
            work = replace(work, recipe=found)
            work.restore(told)
            continue
        if told.epoch != epoch:
            epoch = told.epoch
            begin_epoch(data, work.network, epoch, recipe.settings)
        position = Position(step=told.step, parts=told.parts, rescues=told.rescues)
        try:
            steps.advance(work, work.feed.batch(told.step, epoch), position, epoch)
        except (NotANumber, MemoryIsFull):
            continue  # as the leader finds too, and deals with


def _quietly(_done: int, _total: int) -> None:
    pass
