"""Questions to disks that may not answer."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.discovery.patience import NoAnswer, Patience, gathered, mount_points
from tests.fakes.reporters import Keeping


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Set at the end only."""
    event = threading.Event()
    yield event
    event.set()


def patience(*mounts: str) -> Patience[int]:
    return Patience(0.1, frozenset({"/", *mounts}))


def test_answers_and_failures_come_back() -> None:
    asked = patience()
    assert asked.ask(Path("/a"), lambda: 5, Silent()) == 5
    with pytest.raises(ZeroDivisionError):
        asked.ask(Path("/a"), lambda: 1 // 0, Silent())


def test_a_silent_disk_is_asked_once(never: threading.Event) -> None:
    asked = patience("/mnt/nas", "/mnt")
    calls: list[int] = []

    def question() -> int:
        calls.append(1)
        never.wait(30)
        return 1

    for path in ("/mnt/nas/a", "/mnt/nas/b/c"):
        with pytest.raises(NoAnswer):
            asked.ask(Path(path), question, Silent())
    assert len(calls) == 1
    assert asked.ask(Path("/mnt/other"), lambda: 2, Silent()) == 2


def test_one_slow_answer_does_not_silence_the_disk_of_the_home(never: threading.Event) -> None:
    asked = patience()
    for _ in range(2):
        with pytest.raises(NoAnswer):
            asked.ask(Path.home() / "slow", lambda: int(never.wait(30)), Silent())
    assert asked.ask(Path.home() / "quick", lambda: 3, Silent()) == 3
    with pytest.raises(NoAnswer):
        asked.ask(Path.home() / "slow", lambda: int(never.wait(30)), Silent())
    with pytest.raises(NoAnswer):  # now it is more than busy
        asked.ask(Path.home() / "quick", lambda: 3, Silent())


def test_what_came_in_time_is_kept(never: threading.Event) -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)
        never.wait(30)
        yield 3

    started = time.monotonic()
    assert gathered(numbers, 0.2, Silent()) == [1, 2]
    assert time.monotonic() - started < 5


def test_waiting_can_be_cancelled(never: threading.Event) -> None:
    began = time.monotonic()
    with pytest.raises(Cancelled):
        patience().ask(Path("/a"), lambda: int(never.wait(30)), Keeping(lambda _: time.monotonic() - began > 0.02))


def test_the_disk_of_the_program_is_in_the_table() -> None:
    mounts = mount_points()
    assert any(str(parent) in mounts for parent in (Path(sys.prefix), *Path(sys.prefix).parents))
    assert mount_points(remote=True) <= mounts
