"""Pauses and what they must not change, with a clock, a disk and commands of the test's own."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from aienv_gui.engine import loop, protocol
from aienv_gui.engine.checkpoint import Store
from aienv_gui.engine.commands import Desk
from aienv_gui.engine.events import Events
from aienv_gui.engine.protocol import Command, Event
from aienv_gui.engine.session import Position, Session, Stopped
from aienv_gui.engine.tasks.task import Result


class Clock:
    """Goes on only where something sleeps; each sleep does the next of `actions`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.actions: list[Callable[[], object]] = []
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.sleep", self.sleep)

    def sleep(self, _seconds: float) -> None:
        self.now += 100
        self.actions.pop(0)()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def session(clock: Clock, tmp_path: Path) -> Iterator[Session]:
    session = make_session(tmp_path, Position(step=5), dict)
    yield session
    session.close()


def make_session(
    run: Path, position: Position, state: Callable[[], dict[str, Any]], *, seconds: float = 1e9
) -> Session:
    events = Events(run)
    return Session(
        run, events, Desk(run, events, born=0), Store(run), position, state,
        steps_per_epoch=5, total_steps=10, checkpoint_seconds=seconds,
    )  # fmt: skip


def test_a_pause_during_validation_counted_as_validation_in_the_time_left(
    tmp_path: Path, session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(*_arguments: object) -> Result:
        clock.now += 2
        session.pause("c1")
        clock.now += 3
        return Result("validation", loss=0.5, accuracy=0.5)

    clock.actions = [lambda: protocol.send_command(tmp_path, Command.RESUME)]
    told: list[float] = []
    monkeypatch.setattr(loop, "judge", judge)
    monkeypatch.setattr(session.pace, "validated", told.append)
    work = cast("Any", SimpleNamespace(steps_per_epoch=5, total_steps=10, judged=None))
    loop._validate(work, session)
    assert told == [5.0]
    assert session.paused == 100.0


def test_a_resume_after_a_failed_save_while_paused_was_told_but_not_done(
    tmp_path: Path, session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = session.store.write
    room = [False]

    def write(data: memoryview, *, step: int, epoch: int, manual: bool, best: bool) -> Any:
        if manual and not room[0]:
            room[0] = True
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(data, step=step, epoch=epoch, manual=manual, best=best)

    monkeypatch.setattr(session.store, "write", write)
    clock.actions = [
        lambda: protocol.send_command(tmp_path, Command.SAVE),
        lambda: protocol.send_command(tmp_path, Command.RESUME),
    ]
    session.pause("c1")
    kinds = [event["event"] for event in protocol.EventReader(tmp_path).read()]
    assert kinds.count(Event.RESUMED) == 1
    assert kinds[-1] == Event.RESUMED
    assert session.paused == 200.0


def test_a_checkpoint_beside_the_steps_holds_what_was_when_it_was_asked_for(tmp_path: Path, clock: Clock) -> None:
    weights, position = torch.zeros(3), Position(step=1)
    session = make_session(tmp_path, position, lambda: {"weights": weights, "step": position.step})
    session.save_beside("best", best=True)
    weights += 1
    position.step = 2
    session.finish_writing()
    session.close()
    entry = session.store.best()
    assert entry is not None
    state = session.store.read(entry)
    assert (state["step"], state["weights"].tolist()) == (1, [0.0, 0.0, 0.0])
    told = next(event for event in protocol.EventReader(tmp_path).read() if event["event"] == Event.CHECKPOINT)
    assert (told["step"], told["reason"], told["sha256"]) == (1, "best", entry.sha256)


def test_one_that_could_not_be_written_beside_them_holds_the_training_and_is_not_lost(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = Position(step=1)
    session = make_session(tmp_path, position, lambda: {"step": position.step})
    real, full = session.store.write, [True]

    def write(data: memoryview, **more: Any) -> Any:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(data, **more)

    monkeypatch.setattr(session.store, "write", write)
    session.save_beside("best", best=True)
    position.step = 2

    def make_room() -> None:
        full[0] = False
        protocol.send_command(tmp_path, Command.RESUME)

    clock.actions = [lambda: protocol.send_command(tmp_path, Command.RESUME), make_room]
    session.finish_writing()
    session.close()
    kinds = [event["event"] for event in protocol.EventReader(tmp_path).read()]
    assert kinds == ["warning", "paused", "answer", "warning", "checkpoint", "resumed"]
    entry = session.store.best()
    assert entry is not None
    assert session.store.read(entry)["step"] == entry.step == 1


def test_a_stop_waits_for_the_one_before_it(tmp_path: Path, clock: Clock) -> None:
    position = Position(step=1)
    session = make_session(tmp_path, position, lambda: {"step": position.step})
    session.save_beside("best", best=True)
    position.step = 2
    stop = protocol.send_command(tmp_path, Command.STOP)
    clock.now += 1
    with pytest.raises(Stopped) as caught:
        session.attend()
    session.close()
    assert (caught.value.command, caught.value.saved) == (stop, True)
    assert [(entry.step, entry.best) for entry in session.store.entries] == [(1, True), (2, False)]


def test_the_best_is_on_the_disk_before_any_later_step_is(tmp_path: Path, clock: Clock) -> None:
    """Of short epochs, one a second say, not each that is the best is worth to be written."""
    position = Position()
    session = make_session(tmp_path, position, lambda: {"step": position.step})
    for position.step in (1, 2):
        session.keep_best()
    assert not session.store.entries
    position.step = 3
    session.save("pause")
    written = [(2, True), (3, False)]
    assert [(entry.step, entry.best) for entry in session.store.entries] == written, "the first of them was surpassed"
    assert session.best() == session.store.entries[0]
    position.step = 4
    session.keep_best()
    position.step = 5
    session.save_beside("best", best=True)
    position.step = 6
    session.keep_best()
    best = session.best()
    session.close()
    assert best is not None
    assert (best.step, session.store.read(best)["step"]) == (6, 6)
    assert [entry.step for entry in session.store.entries] == [3, 5, 6], "the latest, of which one is the best"


def test_a_best_that_waits_to_be_written_is_no_part_of_what_was_before_it(tmp_path: Path, clock: Clock) -> None:
    """Else a training that goes on from there could go back to a state of its own future."""
    position = Position(step=1)
    session = make_session(tmp_path, position, lambda: {"step": position.step})
    write = session._copy_to_write("time", None, best=False)
    position.step = 2
    session.keep_best()
    write()
    session.close()
    assert [(entry.step, entry.best) for entry in session.store.entries] == [(1, False)]


def test_a_full_disk_keeps_the_best_for_the_next_try(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = Position(step=1)
    session = make_session(tmp_path, position, lambda: {"step": position.step})
    real, room = session.store.write, [0]

    def write(data: memoryview, **more: Any) -> Any:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= 1
        return real(data, **more)

    def make_room(files: int) -> Callable[[], object]:
        def act() -> None:
            room[0] = files
            protocol.send_command(tmp_path, Command.RESUME)

        return act

    monkeypatch.setattr(session.store, "write", write)
    session.keep_best()
    position.step = 2
    clock.actions = [make_room(0), make_room(1), make_room(1)]
    session.save("time")
    session.close()
    assert [(entry.step, entry.best) for entry in session.store.entries] == [(1, True), (2, False)]


def test_no_more_is_lost_than_was_said_and_no_more_saved(tmp_path: Path, clock: Clock) -> None:
    position = Position()
    session = make_session(tmp_path, position, lambda: {"step": position.step}, seconds=60)
    for position.step in range(1, 601):  # two minutes
        clock.now += 0.2
        session.attend()
        if session._unwritten:
            session._unwritten.done.result()
    session.finish_writing()
    session.close()
    assert [entry.step for entry in session.store.entries] == [300, 600]


def test_a_stop_at_the_best_writes_it_once(tmp_path: Path, clock: Clock) -> None:
    position = Position(step=3)
    session = make_session(tmp_path, position, lambda: {"step": position.step})
    session.keep_best()
    session.save("stop")
    session.save("pause")
    session.close()
    assert [(entry.step, entry.best) for entry in session.store.entries] == [(3, True)]
    told = [event for event in protocol.EventReader(tmp_path).read() if event["event"] == Event.CHECKPOINT]
    assert [(one["reason"], one["file"]) for one in told] == [
        (reason, "checkpoints/00000003.pt") for reason in ("best", "stop", "pause")
    ]


def test_the_last_epoch_is_not_told_of_while_the_one_before_it_waits_for_room(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop meanwhile saved it with itself as the best, which was on no disk: continued, it ended otherwise."""
    position = Position(step=5, validated=1, best_step=5, best_accuracy=0.5)
    session = make_session(tmp_path, position, lambda: {"position": {**vars(position)}})
    session.save("epoch", best=True)
    position.step = 9
    real, full = session.store.write, [True]

    def write(data: memoryview, **more: Any) -> Any:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(data, **more)

    def stop() -> None:
        full[0] = False
        protocol.send_command(tmp_path, Command.STOP)

    monkeypatch.setattr(session.store, "write", write)
    monkeypatch.setattr(loop, "judge", lambda *_: Result("validation", loss=0.1, accuracy=0.9))
    session.save_beside("time")
    position.step = 10
    clock.actions = [stop]
    work = cast("Any", SimpleNamespace(steps_per_epoch=5, total_steps=10, judged=None))
    with pytest.raises(Stopped):
        loop._validate(work, session)
    session.close()
    saved = [(entry.step, entry.best, session.store.read(entry)["position"]) for entry in session.store.entries]
    assert [(step, best, kept["best_step"]) for step, best, kept in saved] == [
        (5, True, 5),
        (9, False, 5),
        (10, False, 5),
    ]
    assert saved[-1][2]["validated"] == 1, "to be judged when it is continued"
