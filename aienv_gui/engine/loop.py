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
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import failures, memory, protocol, rescue, steps
from .batch_size import find_batch_size, found_before
from .checkpoint import Entry, Store
from .commands import Desk, Doorkeeper
from .devices import choose_device, computes_bfloat16, device_name
from .events import Events
from .failures import Failure
from .memory import MemoryIsFull
from .model_folder import Model, save_model, versions
from .pace import Ahead
from .protocol import Code, Event
from .range_test import find_rate
from .recipe import Recipe
from .rescue import NotANumber
from .session import Position, Session, Stopped
from .tasks.task import Compared, Result, begin_epoch, learner
from .team import Leader, TeamBroken
from .work import Work, judge, prepare

_STOP_BUDGET = 0.8  # seconds that judging and saving the model may take once a stop was asked for


def train(
    run: Path,
    recipe: Recipe,
    events: Events,
    desk: Desk,
    doorkeeper: Doorkeeper,
    attempt: int,
    took: dict[str, float],
) -> None:
    """Train the run to its end or to a stop. Raises `Failure`; every other error is a bug.

    `took` tells what the time went by with before, in seconds, as STARTED has it.
    """
    protocol.restore_model(run)
    store = Store(run)
    entry, saved = _last_good(store, events)
    if saved:
        recipe = recipe.with_options(saved["options"])
        if recipe.settings.find_rate and saved["learning_rate"] is not None:
            recipe = recipe.with_rate(saved["learning_rate"])
    processes = recipe.settings.processes
    threads = (saved["threads"] if saved else recipe.threads) or max(1, torch.get_num_threads() // processes)
    torch.set_num_threads(threads)
    memory.keep_for_the_next_step()
    device = choose_device(recipe.device, events)

    told, began = 0.0, time.time()

    def loading(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= 0.25 or done == total:
            told = time.monotonic()
            events.emit(Event.PHASE, name="loading", done=done, total=total)

    data, options = learner(recipe.task, recipe.architecture).load(recipe, loading)
    took = {**took, "data": time.time() - began}
    recipe = recipe.with_options(options)
    if saved and saved["fingerprint"] != data.fingerprint:
        raise Failure(Code.DATA_CHANGED, path=str(recipe.folder))
    short = recipe.settings.precision == "bfloat16" and computes_bfloat16(device, events)
    work = prepare(recipe, data, device, threads, bfloat16=short)
    if recipe.settings.find_batch:
        work = _with_batch_size(run, work, events, took)
    position = work.restore(saved) if saved else Position(parts=recipe.settings.parts)
    session = Session(
        run,
        events,
        desk,
        store,
        position,
        lambda: work.state(position),
        steps_per_epoch=work.steps_per_epoch,
        total_steps=work.total_steps,
        checkpoint_seconds=recipe.checkpoint_seconds,
    )
    session.pace.expect(_ahead(work, took["start"]), position.step, position.seconds)
    writing = store.seconds_to_write(work.checkpoint_bytes)
    asked_to_pause = doorkeeper.leave()
    _announce(work, events, attempt, position, entry, took, writing)
    differences = _differences(saved, device) if saved else {}
    if differences:
        events.emit(Event.WARNING, code=Code.NOT_AS_BEFORE, values={"differences": differences})
    steps.rehearse(work, position, events)
    if processes > 1:
        work.team = Leader(run, processes, events, desk.stop_is_asked)
    outcome, command, evaluation = "completed", None, None
    try:
        if asked_to_pause:
            session.pause(*asked_to_pause)
        if work.recipe.settings.find_rate:
            _find_rate(work, session)
        _rescued_epochs(work, session)
        events.emit(Event.PHASE, name="testing")
        network, step = _best(work, session)
        judged = judge(work, network, "test", position.parts, session.attend)
        evaluation = judged.beside(baselines=data.baselines(session.attend))
        events.emit(Event.EVALUATED, step=step, **evaluation.as_dict())
        events.emit(Event.PHASE, name="saving")
        model = _model(work, network, evaluation, step, "completed")
        session.insist(lambda: events.emit(Event.MODEL, **save_model(run, model)), run / protocol.MODEL)
        session.best()  # all that is to be kept is on the disk, or the user said to do without
        kept = True
    except Stopped as stopped:
        outcome, command, kept = "stopped", stopped.command, stopped.saved
        if kept and position.step and evaluation is None:
            _wrap_up(run, work, session)
    finally:
        session.close()
        work.feed.close()
        if isinstance(work.team, Leader):
            work.team.close()
    desk.close()
    held_up = round(session.held_up, 4)
    events.emit(Event.FINISHED, outcome=outcome, step=position.step, saved=kept, command=command, held_up=held_up)
    events.sync()


def _with_batch_size(run: Path, work: Work, events: Events, took: dict[str, float]) -> Work:
    """`work` with the batch size that was found, in an earlier attempt or now, which `took` then tells."""
    found = found_before(run)
    if found is None:
        events.emit(Event.PHASE, name="finding_batch")
        found = find_batch_size(work)
        took["batch"] = found["seconds"]
        events.emit(Event.BATCH_FOUND, **found)
        events.sync()
    return replace(work, recipe=work.recipe.with_batch(found["batch_size"], found["learning_rate"]))


def _find_rate(work: Work, session: Session) -> None:
    """Try learning rates on a copy of the network, and say which one is taken and what that took."""
    began, paused = time.monotonic(), session.paused

    def between(done: int, most: int) -> None:
        session.attend()
        session.events.emit(Event.PHASE, name="finding_rate", done=done, total=most)

    rate, tried = find_rate(work, session.position, between)
    work.recipe = work.recipe.with_rate(rate)
    seconds = round(time.monotonic() - began - (session.paused - paused), 1)
    session.events.emit(Event.RATE_FOUND, learning_rate=rate, steps=tried, seconds=seconds)


def _rescued_epochs(work: Work, session: Session) -> None:
    """`_epochs`, from an earlier state again where the loss was no number."""
    while True:
        _gather(work, session)
        try:
            return _epochs(work, session)
        except NotANumber as found:
            _go_back(work, session, found.files)


def _gather(work: Work, session: Session) -> None:
    """Have all who help be where this process is."""
    if isinstance(work.team, Leader):
        work.team.gather(work.state(session.position), session.attend)


def _epochs(work: Work, session: Session) -> None:
    """Every step that is left, each epoch judged by the validation examples."""
    settings, data, position = work.recipe.settings, work.data, session.position
    while True:
        if position.step % work.steps_per_epoch == 0 and position.validated < position.step // work.steps_per_epoch:
            _validate(work, session)
        if position.step >= work.total_steps or _enough(work, session):
            return
        epoch = position.step // work.steps_per_epoch  # from 0; said from 1
        session.events.emit(Event.PHASE, name="training")
        session.pace.resume()
        begin_epoch(data, work.network, epoch, settings)
        for _ in range(position.step % work.steps_per_epoch, work.steps_per_epoch):
            session.attend()
            loss, accuracy, examples = _step(work, session, epoch)
            position.step += 1
            session.metrics.add(position.step, epoch + 1, loss, accuracy)
            position.seconds += session.pace.step(position.step, epoch + 1, examples, work.feed.waited)
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


def _step(work: Work, session: Session, epoch: int) -> tuple[float, float, int]:
    """One step; returns loss, accuracy and the number of examples.

    Where memory does not suffice for them, they are computed in parts, from now on. Raises `NotANumber`.
    """
    position = session.position
    batch = work.feed.batch(position.step, epoch)
    while True:
        try:
            if isinstance(work.team, Leader):
                work.team.lead(position.step, epoch, position.parts, position.rescues)
            return *steps.advance(work, batch, position, epoch), len(batch[1])
        except NotANumber as found:
            found.files = work.data.names(work.feed.chosen(position.step, epoch))
            raise
        except TeamBroken:
            if isinstance(work.team, Leader):
                work.team.dismiss()
            session.attend()  # it may have been for a stop's sake
            _gather(work, session)
        except MemoryIsFull:
            steps.in_more_parts(work, position, session.events)


def _validate(work: Work, session: Session) -> None:
    """Judge the epoch that has just ended, and save where that costs little; the best epoch is kept in any case."""
    began, paused = time.monotonic(), session.paused
    position = session.position
    epoch = position.step // work.steps_per_epoch
    session.events.emit(Event.PHASE, name="validating")
    result = judge(work, work.judged, "validation", position.parts, session.attend)
    if not math.isfinite(result.loss):
        raise NotANumber
    last = position.step == work.total_steps
    if last:  # so that it is saved with what is told of it now, or not at all, if that has to wait for the user
        session.finish_writing()
    session.events.emit(Event.VALIDATION, step=position.step, epoch=epoch, loss=result.loss, accuracy=result.accuracy)
    position.validated = epoch
    best = position.better(result.accuracy, result.loss)
    if best:
        position.best_step = position.step
        position.best_accuracy, position.best_loss = result.accuracy, result.loss
    if last or session.may_save():
        session.save_beside("best" if best else "epoch", best=best)
    elif best:
        session.keep_best()
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
    entry, saved = session.best(), None
    if entry is not None and work.data.is_good(position.best_accuracy, position.best_loss):
        with contextlib.suppress(ValueError):  # damaged: from the beginning, then
            saved = session.store.read(entry)
    if saved:
        earlier = work.restore(saved)
    else:
        work.begin_again()
        earlier = Position()
    # Which are gone all the same, and memory is no larger than before.
    position.put(replace(earlier, rescues=tries, seconds=seconds, parts=position.parts))
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


def _ahead(work: Work, loaded: float) -> Ahead:
    """What decides how long the training will take; `loaded`: seconds until PyTorch was there."""
    least, most = work.data.comparing if isinstance(work.data, Compared) else (0.0, 0.0)
    settings, per_epoch = work.recipe.settings, work.steps_per_epoch
    train, validation, test = (len(work.data.splits[name]) for name in ("train", "validation", "test"))
    return Ahead(
        work.total_steps,
        per_epoch,
        validation / train,
        test / train,
        frozen=min(settings.freeze, settings.epochs) * per_epoch if work.recipe.start_from else 0,
        most=60 * settings.minutes or math.inf,
        processes=settings.processes,
        comparing=(least * loaded, most * loaded),
    )


def _announce(
    work: Work,
    events: Events,
    attempt: int,
    position: Position,
    entry: Entry | None,
    took: dict[str, float],
    writing: float | None,
) -> None:
    for remark in work.data.remarks:
        events.emit(Event.WARNING, **remark)
    events.emit(
        Event.STARTED,
        attempt=attempt,
        pid=os.getpid(),
        step=position.step,
        resumed_from=f"{protocol.CHECKPOINTS}/{entry.file}" if entry else None,
        took={part: round(seconds, 3) for part, seconds in took.items()},
        checkpoint_seconds=None if writing is None else round(writing, 3),
        **work.described(),
    )


def _best(work: Work, session: Session) -> tuple[nn.Module, int]:
    """The network as it was after its best epoch and the step of that; as it is where no other is to be had."""
    if session.position.best_step != session.position.step and (entry := session.best()) is not None:
        try:
            return work.judged_at(session.store.read(entry)), entry.step
        except ValueError as error:
            file = f"{protocol.CHECKPOINTS}/{entry.file}"
            values = {"file": file, "reason": str(error)}
            session.events.emit(Event.WARNING, code=Code.BROKEN_CHECKPOINT, values=values)
    return copy.deepcopy(work.judged), session.position.step


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
        evaluation = judge(work, network, "test", session.position.parts, in_time)
        session.events.emit(Event.EVALUATED, step=step, **evaluation.as_dict())
    except TimeoutError:
        session.events.emit(Event.WARNING, code=Code.NOT_EVALUATED, values={})
    try:
        fields = save_model(run, _model(work, network, evaluation, step, "stopped"))
        session.events.emit(Event.MODEL, **fields)
    except OSError as error:
        session.warn(failures.of_writing(error, run / protocol.MODEL))
