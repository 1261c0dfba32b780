"""Pauses and what they must not change, with a clock, a disk and commands of the test's own."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aienv_gui.engine import loop, protocol
from aienv_gui.engine.checkpoint import Store
from aienv_gui.engine.commands import Desk
from aienv_gui.engine.events import Events
from aienv_gui.engine.protocol import Command, Event
from aienv_gui.engine.session import Position, Session
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
def session(clock: Clock, tmp_path: Path) -> Session:
    events = Events(tmp_path)
    return Session(
        tmp_path, events, Desk(tmp_path, events, born=0), Store(tmp_path), Position(step=5), dict,
        steps_per_epoch=5, total_steps=10, checkpoint_seconds=1e9,
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
    monkeypatch.setattr(loop, "_judge", judge)
    monkeypatch.setattr(session.pace, "validated", told.append)
    work = cast("Any", SimpleNamespace(steps_per_epoch=5, total_steps=10, network=None))
    loop._validate(work, session)
    assert told == [5.0]
    assert session.paused == 100.0


def test_a_resume_after_a_failed_save_while_paused_was_told_but_not_done(
    tmp_path: Path, session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = session.store.write
    room = [False]

    def write(state: dict[str, Any], *, step: int, epoch: int, manual: bool, best: bool) -> Any:
        if manual and not room[0]:
            room[0] = True
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(state, step=step, epoch=epoch, manual=manual, best=best)

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
