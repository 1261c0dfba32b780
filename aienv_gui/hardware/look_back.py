"""The readings of up to a day on one time axis: ten minutes as they were taken, what is older from the disk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aienv_gui.hardware.day_record import PERIOD_S, Day
from aienv_gui.hardware.history import History

_LONGEST_PAUSE_S: Final = 5.0  # between two looks: a longer one is a gap, as after sleep or while AIEnv was closed
_LONGEST_DAY_PAUSE_S: Final = 3.0 * PERIOD_S

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TimeLine:
    """Series over `times` (seconds since the epoch, ascending). NaN is a gap or a value that was not there."""

    times: Array
    values: Mapping[str, Array]


def fill_gaps(day: Day) -> Day:
    """The day with times without values where nothing was written for a while. For a thread: it copies all of it."""
    times, rows = _filled(day.times, day.values, np.full(len(day.times), _LONGEST_DAY_PAUSE_S))
    return Day(times, day.keys, rows)


def look_back(day: Day, history: History, keys: Sequence[str], *, since: float = -math.inf) -> TimeLine:
    """What is known of `keys` from `since` (seconds since the epoch) on; each second of it where that is in memory.

    Where nothing was read for a while there are times without values, so that no line is drawn across it: in `day`
    they must be there already (`fill_gaps`).
    """
    recent = history.wall_times()
    begin = _after_last_set_back(recent)
    begin += int(np.searchsorted(recent[begin:], since))
    older = slice(*np.searchsorted(day.times, (since, recent[begin] if begin < len(recent) else math.inf)))
    before = day.times[older]
    # With the last time of the day, from which on it may be a gap already.
    times = np.concatenate((before[-1:], recent[begin:]))
    edge = np.array([day.series(key)[older][-1:] for key in keys]) if len(before) else np.empty((len(keys), 0))
    rows = np.concatenate((edge, history.recent(keys, math.inf)[:, begin:]), axis=1)
    pauses = np.full(len(times), _LONGEST_PAUSE_S)
    pauses[len(before[-1:]) :][:1] = _LONGEST_DAY_PAUSE_S
    times, rows = _filled(times, rows, pauses)
    if len(before) > 1:
        times = np.concatenate((before[:-1], times))
        all_rows = [np.concatenate((day.series(key)[older][:-1], row)) for key, row in zip(keys, rows, strict=True)]
    else:
        all_rows = list(rows)
    return TimeLine(times, dict(zip(keys, all_rows, strict=True)))


def _filled(times: Array, rows: Array, pauses: Array) -> tuple[Array, Array]:
    """Times without values wherever one follows the one before by more than its longest pause."""
    ends = np.flatnonzero(np.diff(times) > pauses[1:]) + 1
    if not len(ends):
        return times, rows
    # As many as there would have been: a plot leaves a gap where a whole column of pixels has no value.
    fillings = [np.arange(times[end - 1] + 1e-3, times[end], PERIOD_S) for end in ends]
    gaps = np.repeat(ends, [len(filling) for filling in fillings])
    return np.insert(times, gaps, np.concatenate(fillings)), np.insert(rows, gaps, math.nan, axis=1)


def between(line: TimeLine, low: float, high: float) -> TimeLine:
    """The part of a line from `low` to `high`, both included."""
    part = slice(int(np.searchsorted(line.times, low)), int(np.searchsorted(line.times, high, side="right")))
    return TimeLine(line.times[part], {key: values[part] for key, values in line.values.items()})


def _after_last_set_back(times: Array) -> int:
    """Where the times begin to ascend to the end: the clock may have been set back before."""
    back = np.flatnonzero(np.diff(times) < 0)
    return int(back[-1]) + 1 if len(back) else 0
