"""Training, from top to bottom: load, go on from the last good checkpoint, step by step, judge, finish.

On the processor the result is the same bit for bit however often it was interrupted: whatever is random in a step is
drawn from a seed derived from (seed, epoch, step), and a checkpoint holds all the rest.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import failures, protocol, rescue
from .checkpoint import Entry, Store
from .commands import Desk, Doorkeeper
from .devices import choose_device, device_name
from .events import Events
from .failures import Failure
from .model_folder import Model, save_model, versions
from .protocol import Code, Event
from .recipe import Recipe, Settings
from .rescue import NotANumber
from .seeds import derive
from .session import Position, Session, Stopped
from .tasks.task import Batch, Result, Task, learner

_STOP_BUDGET = 0.8  # seconds that judging and saving the model may take once a stop was asked for


@dataclass
class Work:
    """What is trained and with what."""

    recipe: Recipe
    data: Task
    network: nn.Module
    optimiser: torch.optim.Optimizer
    device: torch.device
    threads: int

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.data.splits["train"]) / self.recipe.settings.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.recipe.settings.epochs


def train(run: Path, recipe: Recipe, events: Events, desk: Desk, doorkeeper: Doorkeeper, attempt: int) -> None:
    """Train the run to its end or to a stop. Raises `Failure`; every other error is a bug."""
    protocol.restore_model(run)
    store = Store(run)
    entry, saved = _last_good(store, events)
    if saved:
        recipe = recipe.with_options(saved["options"])
    threads = (saved["threads"] if saved else recipe.threads) or torch.get_num_threads()
    torch.set_num_threads(threads)
    device = choose_device(recipe.device, events)

    told = 0.0

    def loading(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= 0.25 or done == total:
            told = time.monotonic()
            events.emit(Event.PHASE, name="loading", done=done, total=total)

    data, options = learner(recipe.task).load(recipe, loading)
    recipe = recipe.with_options(options)
    if saved and saved["fingerprint"] != data.fingerprint:
        raise Failure(Code.DATA_CHANGED, path=str(recipe.folder))
    work = _prepare(recipe, data, device, threads)
    position = Position()
    if saved:
        work.network.load_state_dict(saved["network"])
        work.optimiser.load_state_dict(saved["optimiser"])
        position = Position(**saved["position"])
    session = Session(
        run,
        events,
        desk,
        store,
        position,
        lambda: _state(work, position),
        steps_per_epoch=work.steps_per_epoch,
        total_steps=work.total_steps,
        checkpoint_seconds=recipe.checkpoint_seconds,
    )
    asked_to_pause = doorkeeper.leave()
    _announce(work, events, attempt, position, entry)
    differences = _differences(saved, device) if saved else {}
    if differences:
        events.emit(Event.WARNING, code=Code.NOT_AS_BEFORE, values={"differences": differences})
    outcome, command, evaluation = "completed", None, None
    try:
        if asked_to_pause:
            session.pause(*asked_to_pause)
        _rescued_epochs(work, session)
        events.emit(Event.PHASE, name="testing")
        network, step = _best(work, session)
        judged = _judge(work, network, "test", session.attend)
        evaluation = judged.beside(baselines=data.baselines(session.attend))
        events.emit(Event.EVALUATED, step=step, **evaluation.as_dict())
        events.emit(Event.PHASE, name="saving")
        model = _model(work, network, evaluation, step, "completed")
        session.insist(lambda: events.emit(Event.MODEL, **save_model(run, model)), run / protocol.MODEL)
        kept = True
    except Stopped as stopped:
        outcome, command, kept = "stopped", stopped.command, stopped.saved
        if kept and position.step and evaluation is None:
            _wrap_up(run, work, session)
    desk.close()
    events.emit(Event.FINISHED, outcome=outcome, step=position.step, saved=kept, command=command)
    events.sync()


def _rescued_epochs(work: Work, session: Session) -> None:
    """`_epochs`, from an earlier state again where the loss was no number."""
    while True:
        try:
            return _epochs(work, session)
        except NotANumber as found:
            _go_back(work, session, found.files)


def _epochs(work: Work, session: Session) -> None:
    """Every step that is left, each epoch judged by the validation examples."""
    settings, data, position = work.recipe.settings, work.data, session.position
    indices = data.splits["train"]
    while True:
        if position.step % work.steps_per_epoch == 0 and position.validated < position.step // work.steps_per_epoch:
            _validate(work, session)
        if position.step >= work.total_steps or _enough(work, session):
            return
        epoch = position.step // work.steps_per_epoch  # from 0; said from 1
        generator = torch.Generator().manual_seed(derive(settings.seed, "order", epoch))
        order = indices[torch.randperm(len(indices), generator=generator)]
        session.events.emit(Event.PHASE, name="training")
        session.pace.resume()
        work.network.train()
        for place in range(position.step % work.steps_per_epoch, work.steps_per_epoch):
            session.attend()
            chosen = order[place * settings.batch_size : (place + 1) * settings.batch_size]
            began = time.perf_counter()
            batch = _batch(work, chosen, position.step, epoch)
            waited = time.perf_counter() - began
            try:
                loss, accuracy = _step(work, batch, position, epoch)
            except NotANumber as found:
                found.files = data.names(chosen)
                raise
            position.step += 1
            session.metrics.add(position.step, epoch + 1, loss, accuracy)
            position.seconds += session.pace.step(position.step, epoch + 1, len(chosen), waited)
            if _time_is_up(work, position):
                break
        session.metrics.flush()


def _enough(work: Work, session: Session) -> bool:
    """Whether it is to end before its last epoch, as the recipe says; and says so."""
    settings, position = work.recipe.settings, session.position
    epoch, best = (-(-step // work.steps_per_epoch) for step in (position.step, position.best_step))
    if settings.patience and position.validated - best >= settings.patience:
        values = {"epoch": epoch, "best_epoch": best, "patience": settings.patience}
        session.events.emit(Event.WARNING, code=Code.ENOUGH_EPOCHS, values=values)
        return True
    if _time_is_up(work, position):
        session.events.emit(Event.WARNING, code=Code.TIME_IS_UP, values={"minutes": settings.minutes, "epoch": epoch})
        return True
    return False


def _time_is_up(work: Work, position: Position) -> bool:
    return 0 < 60 * work.recipe.settings.minutes <= position.seconds


def _batch(work: Work, chosen: torch.Tensor, step: int, epoch: int) -> Batch:
    """The examples `chosen` and their truth, on the device. Until they are there, the device has nothing to do."""
    settings = work.recipe.settings
    inputs, truth = work.data.batch(chosen, settings, derive(settings.seed, "batch", epoch, step))
    return inputs.to(work.device), truth.to(work.device)


def _step(work: Work, batch: Batch, position: Position, epoch: int) -> tuple[float, float]:
    """One step of the optimiser on a batch; returns its loss and accuracy before it.

    Raises `NotANumber` where the loss is none, before a weight was touched.
    """
    settings = work.recipe.settings
    torch.manual_seed(derive(settings.seed, "step", epoch, position.step))  # dropout
    for group in work.optimiser.param_groups:
        group["lr"] = rescue.slower(learning_rate(settings, position.step, work.total_steps), position.rescues)
    loss, accuracy = work.data.loss(work.network, batch)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise NotANumber
    work.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    work.optimiser.step()
    return value, float(accuracy)


def learning_rate(settings: Settings, step: int, total_steps: int) -> float:
    """Of the step after `step` steps: constant, or one cycle (up over 3/10 of the way, then down to nearly nothing)."""
    if settings.schedule == "constant":
        return settings.learning_rate
    low, top, rise = settings.learning_rate / 25, settings.learning_rate, 0.3
    way = step / total_steps
    if way < rise:
        return low + (top - low) * (1 - math.cos(math.pi * way / rise)) / 2
    return top * (1 + math.cos(math.pi * (way - rise) / (1 - rise))) / 2 + top / 10_000


def _validate(work: Work, session: Session) -> None:
    """Judge the epoch that has just ended, and save: the best epochs always."""
    began, paused = time.monotonic(), session.paused
    position = session.position
    epoch = position.step // work.steps_per_epoch
    session.events.emit(Event.PHASE, name="validating")
    result = _judge(work, work.network, "validation", session.attend)
    if not math.isfinite(result.loss):
        raise NotANumber
    session.events.emit(Event.VALIDATION, step=position.step, epoch=epoch, loss=result.loss, accuracy=result.accuracy)
    position.validated = epoch
    best = position.better(result.accuracy, result.loss)
    if best:
        position.best_step = position.step
        position.best_accuracy, position.best_loss = result.accuracy, result.loss
    last = position.step == work.total_steps
    if best or last or session.may_save():
        session.save("best" if best else "epoch", best=best)
    session.pace.validated(time.monotonic() - began - (session.paused - paused))


def _go_back(work: Work, session: Session, files: tuple[str, ...]) -> None:
    """To the best epoch so far, or to the beginning, and on from there at a lower rate.

    Both are the same however often the run was interrupted, so that it stays exact: the best epoch's checkpoint is
    always kept. Raises `Failure` after the last try.
    """
    position, settings = session.position, work.recipe.settings
    session.metrics.flush()
    at = position.step + 1 if files else position.step  # the validation came after a step that was done
    epoch, tries, seconds = -(-at // work.steps_per_epoch), position.rescues + 1, position.seconds
    if tries > rescue.TRIES:
        rate = rescue.slower(settings.learning_rate, position.rescues)
        raise Failure(Code.NOT_A_NUMBER, epoch=epoch, step=at, learning_rate=rate, tries=rescue.TRIES)
    entry, saved = session.store.best(), None
    if entry is not None and work.data.is_good(position.best_accuracy, position.best_loss):
        with contextlib.suppress(ValueError):  # damaged: from the beginning, then
            saved = session.store.read(entry)
    fresh = _prepare(work.recipe, work.data, work.device, work.threads)
    work.network.load_state_dict(saved["network"] if saved else fresh.network.state_dict())
    work.optimiser.load_state_dict(saved["optimiser"] if saved else fresh.optimiser.state_dict())
    position.put(Position(**saved["position"]) if saved else Position())
    position.rescues, position.seconds = tries, seconds  # which are gone all the same
    session.events.emit(
        Event.RESCUED,
        step=position.step,
        at=at,
        epoch=epoch,
        learning_rate=rescue.slower(settings.learning_rate, tries),
        tries=tries,
        most=rescue.TRIES,
        files=list(files[: rescue.NAMED]),
    )


def _judge(work: Work, network: nn.Module, split: str, between: Callable[[], None]) -> Result:
    """By batches as in training: none takes longer than a step, so that a stop is heard as soon."""
    return work.data.judge(network, split, work.device, work.recipe.settings.batch_size, between)


def _prepare(recipe: Recipe, data: Task, device: torch.device, threads: int) -> Work:
    """A fresh network and optimiser; the weights depend on the seed alone."""
    settings = recipe.settings
    torch.manual_seed(derive(settings.seed, "weights"))
    try:
        network = data.network(recipe.architecture, recipe.options)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(Code.BAD_RECIPE, reason=str(error)) from error
    network.to(device)
    rate, decay = settings.learning_rate, settings.weight_decay
    optimiser: torch.optim.Optimizer
    if settings.optimiser == "sgd":
        optimiser = torch.optim.SGD(network.parameters(), rate, momentum=settings.momentum, weight_decay=decay)
    elif settings.optimiser == "adam":
        optimiser = torch.optim.Adam(network.parameters(), rate, weight_decay=decay)
    else:
        optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    return Work(recipe, data, network, optimiser, device, threads)


def _state(work: Work, position: Position) -> dict[str, Any]:
    """All that is needed to go on exactly."""
    return {
        "version": protocol.VERSION,
        "network": work.network.state_dict(),
        "optimiser": work.optimiser.state_dict(),
        "position": asdict(position),
        "options": work.recipe.options,
        "threads": work.threads,
        "fingerprint": work.data.fingerprint,
        "versions": versions(),
        "device": device_name(work.device),
    }


def _differences(saved: dict[str, Any], device: torch.device) -> dict[str, list[str]]:
    """What is not as it was when `saved` was: the same numbers to the last digit are not to be expected then."""
    now = {**versions(), "device": device_name(device)}
    before = {**saved.get("versions", {}), "device": saved.get("device")}  # older engines do not tell
    return {name: [before[name], value] for name, value in now.items() if before.get(name) not in (None, value)}


def _last_good(store: Store, events: Events) -> tuple[Entry | None, dict[str, Any] | None]:
    """The newest checkpoint that is whole. Raises `Failure` where there were some and none is."""
    for entry in reversed(store.entries):
        try:
            return entry, store.read(entry)
        except ValueError as error:
            file = f"{protocol.CHECKPOINTS}/{entry.file}"
            events.emit(Event.WARNING, code=Code.BROKEN_CHECKPOINT, values={"file": file, "reason": str(error)})
            store.forget(entry)
    if store.lost:
        raise Failure(Code.NO_CHECKPOINT, path=str(store.folder))
    return None, None


def _announce(work: Work, events: Events, attempt: int, position: Position, entry: Entry | None) -> None:
    recipe, data = work.recipe, work.data
    for remark in data.remarks:
        events.emit(Event.WARNING, **remark)
    events.emit(
        Event.STARTED,
        attempt=attempt,
        pid=os.getpid(),
        step=position.step,
        resumed_from=f"{protocol.CHECKPOINTS}/{entry.file}" if entry else None,
        device=str(work.device),
        device_name=device_name(work.device),
        threads=work.threads,
        versions=versions(),
        epochs=recipe.settings.epochs,
        steps_per_epoch=work.steps_per_epoch,
        total_steps=work.total_steps,
        parameters=sum(parameter.numel() for parameter in work.network.parameters()),
        architecture=recipe.architecture,
        options=recipe.options,
        settings=recipe.settings.as_dict(),
        data=data.described(),
    )


def _best(work: Work, session: Session) -> tuple[nn.Module, int]:
    """The network as it was after its best epoch and the step of that; as it is where no other is to be had."""
    network = copy.deepcopy(work.network)
    entry = session.store.best()
    if entry is not None and entry.step != session.position.step:
        try:
            network.load_state_dict(session.store.read(entry)["network"])
        except ValueError as error:
            file = f"{protocol.CHECKPOINTS}/{entry.file}"
            values = {"file": file, "reason": str(error)}
            session.events.emit(Event.WARNING, code=Code.BROKEN_CHECKPOINT, values=values)
        else:
            return network, entry.step
    return network, session.position.step


def _model(work: Work, network: nn.Module, evaluation: Result | None, step: int, outcome: str) -> Model:
    return Model(network, work.recipe, work.data, evaluation, step, outcome)


def _wrap_up(run: Path, work: Work, session: Session) -> None:
    """After a stop: judge and save the best so far, as far as that goes without keeping the user waiting."""
    deadline = time.monotonic() + _STOP_BUDGET

    def in_time() -> None:
        if time.monotonic() > deadline:
            raise TimeoutError

    evaluation: Result | None = None
    network, step = _best(work, session)
    try:
        evaluation = _judge(work, network, "test", in_time)
        session.events.emit(Event.EVALUATED, step=step, **evaluation.as_dict())
    except TimeoutError:
        session.events.emit(Event.WARNING, code=Code.NOT_EVALUATED, values={})
    try:
        fields = save_model(run, _model(work, network, evaluation, step, "stopped"))
        session.events.emit(Event.MODEL, **fields)
    except OSError as error:
        session.warn(failures.of_writing(error, run / protocol.MODEL))
