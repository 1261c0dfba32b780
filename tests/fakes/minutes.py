"""A minute of made-up readings, for rules that look at more than one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aienv_gui.hardware.history import History
from aienv_gui.hardware.limits import Verdict, Work, assess
from aienv_gui.hardware.readings import Gpu, Snapshot
from tests.fakes.snapshots import snapshot

At = Callable[[float], Snapshot]


def after(at: At, work: Sequence[Work] = (), *, seconds: float = 60.0, every: float = 1.0) -> tuple[Verdict, ...]:
    """What is said after so many seconds of the looks that `at` makes up, by their time."""
    history = History()
    for number in range(int(seconds / every) + 1):
        look = at(number * every)
        history.append(look)
    return assess(look, history, work)


def still(*gpus: Gpu, **host: Any) -> At:
    """The same readings all the time."""
    return lambda moment: snapshot(*gpus, moment=moment, **host)


def keys_of(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.key for verdict in verdicts]
