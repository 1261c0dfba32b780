"""A step of the optimiser: from examples to changed weights, or to a clear no before any of them is touched.

A batch may be computed in parts, one after the other: they are learnt from as one, and need less memory.
"""

from __future__ import annotations

import math

import torch

from . import failures, memory, rescue
from .events import Events
from .failures import Failure
from .memory import MemoryIsFull
from .protocol import Code, Event
from .recipe import Settings
from .rescue import NotANumber
from .seeds import derive
from .session import Position
from .tasks.task import Batch
from .team import Member, TeamBroken
from .work import Work


def advance(work: Work, batch: Batch, position: Position, epoch: int) -> tuple[float, float]:
    """One step on a batch; returns its loss and accuracy before it.

    Raises `NotANumber` where the loss is none, `MemoryIsFull` and `TeamBroken`; no weight has changed then.
    """
    settings = work.recipe.settings
    seed_dropout(work.device, derive(settings.seed, "step", epoch, position.step))
    rate = rescue.slower(learning_rate(settings, position.step, work.total_steps), position.rescues)
    for group in work.optimiser.param_groups:
        group["lr"] = rate
    work.forget_gradients()
    if work.team is None:
        result = gradients(work, batch, position.parts)
    else:
        result = _shared_gradients(work, work.team, batch, position.parts)
    work.optimiser.step()
    if work.average is not None:
        work.average.update_parameters(work.network)
    return result


def gradients(work: Work, batch: Batch, parts: int) -> tuple[float, float]:
    """Add the gradients of a batch's mean loss to those that are there; returns loss and accuracy.

    Raises `NotANumber`, and `MemoryIsFull`: the network's running means are then as they were before.
    """
    work.keep_means()
    try:
        return _gradients(work, batch, parts)
    except (RuntimeError, MemoryError) as error:
        if not failures.is_memory_full(error):
            raise
    # Only out here is what the failed computation held let go of.
    work.forget_gradients()
    memory.let_go(work.device)
    work.put_back_means()
    raise MemoryIsFull


def _shared_gradients(work: Work, team: Member, batch: Batch, parts: int) -> tuple[float, float]:
    """As `gradients`, each member of the team computing its share; all have the sum of them and raise the same."""
    inputs, truth = batch
    mine = team.share(len(truth))
    share = len(truth[mine]) / len(truth)
    work.keep_means()
    loss = accuracy = 0.0
    bad, full = False, False
    try:
        if share:
            loss, accuracy = gradients(work, (inputs[mine], truth[mine]), parts)
    except NotANumber:
        bad = True
    except MemoryIsFull:
        full = True
    told = torch.tensor([loss * share, accuracy * share, float(bad), float(full)], device=work.device)
    learnt = [parameter for parameter in work.network.parameters() if parameter.requires_grad]
    try:
        total = team.sum(torch.cat([told, *(_flat(parameter).mul(share) for parameter in learnt)]))
    except TeamBroken:
        work.put_back_means()
        raise
    loss, accuracy, bads, fulls = total[:4].tolist()
    if bads:
        raise NotANumber
    if fulls:
        work.put_back_means()
        raise MemoryIsFull
    for parameter, gradient in zip(learnt, total[4:].split([one.numel() for one in learnt]), strict=True):
        parameter.grad = torch.empty_like(parameter).copy_(gradient.view_as(parameter))  # ordered as the parameter is
    return loss, accuracy


def _flat(parameter: torch.nn.Parameter) -> torch.Tensor:
    gradient = parameter.grad
    return torch.zeros(parameter.numel(), device=parameter.device) if gradient is None else gradient.flatten()


def _gradients(work: Work, batch: Batch, parts: int) -> tuple[float, float]:
    inputs, truth = batch
    if parts == 1:
        return _part(work, batch, 1.0)
    size = -(-len(truth) // parts)
    loss = accuracy = 0.0
    for part in zip(inputs.split(size), truth.split(size), strict=True):
        share = len(part[1]) / len(truth)
        one, right = _part(work, part, share)
        loss, accuracy = loss + share * one, accuracy + share * right
    return loss, accuracy


def _part(work: Work, part: Batch, share: float) -> tuple[float, float]:
    with work.numbers():
        loss, accuracy = work.data.loss(work.network, part)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise NotANumber
    (loss if share == 1 else loss * share).backward()
    return value, accuracy


def rehearse(work: Work, position: Position, events: Events) -> None:
    """Compute a whole batch and learn nothing from it, in more parts as long as memory does not suffice.

    What the optimiser will keep beside the weights takes its room meanwhile. Raises `Failure` (out_of_memory).
    """
    settings = work.recipe.settings
    chosen = work.data.splits["train"][: settings.batch_size]
    work.keep_means()
    work.network.train()
    while True:
        try:
            room = () if work.optimiser.state else _room_of_the_optimiser(work)
            batches = [work.feed.fetch(chosen, 0, 0) for _ in range(work.feed.batches)]
            gradients(work, batches[0], position.parts)
            break
        except NotANumber:
            break  # which is dealt with when it comes to it
        except MemoryIsFull:
            room = ()
            in_more_parts(work, position, events)
    del room
    work.forget_gradients()
    work.put_back_means()


def _room_of_the_optimiser(work: Work) -> tuple[torch.Tensor, ...]:
    return tuple(torch.empty_like(parameter) for parameter in work.network.parameters() for _ in range(2))


def in_more_parts(work: Work, position: Position, events: Events) -> None:
    """Compute each batch in twice as many parts from now on, and say so. Raises `Failure` where that cannot be."""
    batch = work.recipe.settings.batch_size
    if position.parts >= batch:
        raise Failure(Code.OUT_OF_MEMORY, device=str(work.device))
    position.parts = min(2 * position.parts, batch)
    values = {"batch": batch, "parts": position.parts, "size": -(-batch // position.parts), "device": str(work.device)}
    events.emit(Event.WARNING, code=Code.IN_PARTS, values=values)


def learning_rate(settings: Settings, step: int, total_steps: int) -> float:
    """Of the step after `step` steps: constant, or one cycle (up over 3/10 of the way, then down to nearly nothing)."""
    if settings.schedule == "constant":
        return settings.learning_rate
    low, top, rise = settings.learning_rate / 25, settings.learning_rate, 0.3
    way = step / total_steps
    if way < rise:
        return low + (top - low) * (1 - math.cos(math.pi * way / rise)) / 2
    return top * (1 + math.cos(math.pi * (way - rise) / (1 - rise))) / 2 + top / 10_000


def seed_dropout(device: torch.device, value: int) -> None:
    """As `torch.manual_seed`, for this device alone: that one takes longer than a small step."""
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.manual_seed(value)
    elif device.type == "mps":
        torch.mps.manual_seed(value)
