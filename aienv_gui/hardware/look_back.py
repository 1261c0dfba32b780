"""The readings of up to a day on one time axis: ten minutes as they were taken, what is older from the disk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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


def look_back(day: Day, history: History, keys: Iterable[str], *, since: float = -math.inf) -> TimeLine:
    """What is known of `keys` from `since` (seconds since the epoch) on; each second of it where that is in memory.

    Where nothing was read for a while there is a time without values, so that no line is drawn across it.
    """
    recent = history.wall_times()
    begin = _after_last_set_back(recent)
    begin += int(np.searchsorted(recent[begin:], since))
    older = slice(*np.searchsorted(day.times, (since, recent[begin] if begin < len(recent) else math.inf)))
    times = np.concatenate((day.times[older], recent[begin:]))
    pauses = np.full(len(times), _LONGEST_DAY_PAUSE_S)
    pauses[len(day.times[older]) + 1 :] = _LONGEST_PAUSE_S
    gaps = np.flatnonzero(np.diff(times) > pauses[1:]) + 1
    values = {
        key: np.insert(np.concatenate((day.series(key)[older], history.series(key)[begin:])), gaps, math.nan)
        for key in keys
    }
    return TimeLine(np.insert(times, gaps, times[gaps - 1] + 1e-3 if len(gaps) else []), values)


def _after_last_set_back(times: Array) -> int:
    """Where the times begin to ascend to the end: the clock may have been set back before."""
    back = np.flatnonzero(np.diff(times) < 0)
    return int(back[-1]) + 1 if len(back) else 0
