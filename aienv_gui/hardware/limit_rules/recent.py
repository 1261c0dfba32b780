"""The last readings as rules look at them: means over half a minute, now, and the highest and lowest lately.

No rule judges a single sample. A quantity counts as high while its mean is above a lower bound and was above a higher
one lately: so a verdict neither flickers nor needs to be remembered from one look to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aienv_gui.hardware.history import THROTTLE_BITS, Array, History, card_key
from aienv_gui.hardware.limit_rules.verdict import Work, can_be_read, card_of
from aienv_gui.hardware.readings import Gpu, Snapshot, Throttle

MEAN_S: Final = 30.0
LEAST_S: Final = 10.0  # readings of less time say nothing
_LATELY_S: Final = 60.0
_GROWTH_S: Final = 60.0
_PARTS: Final = 6  # of that time, each of which must have grown
_EVEN: Final = 0.3  # of the mean growth, at least in each part: what was allocated at once does not grow

_HOST: Final = ("cpu", "memory", "container_memory", "swapped", "memory_pressure", "io_pressure", "disk_busy")
_CARD: Final = ("utilisation", "memory", "temperature", "memory_temperature", "clock", "busy_programs")
# Shares of the time (0 to 1) in which one of these held the clock back.
_REASONS: Final = {
    "heat": (Throttle.HEAT, Throttle.HARDWARE_HEAT),
    "hardware_heat": (Throttle.HARDWARE_HEAT,),
    "power_brake": (Throttle.POWER_BRAKE,),
    "hardware": (Throttle.HARDWARE,),
    "fixed": (Throttle.APPLICATION_CLOCKS,),
    "power_cap": (Throttle.POWER_CAP,),
}
_OF_CARD: Final = (*_CARD, *_REASONS)

Indices = NDArray[np.intp]


class Readings:
    """The means of one thing, by quantity; NaN where too little is known, which is neither above nor below anything."""

    def __init__(self, rows: dict[str, tuple[float, float, float]], growth: float = math.nan) -> None:
        self._rows = rows
        self.memory_growth = growth  # percent a second, where it grew all through the last minute; else NaN

    def now(self, quantity: str) -> float:
        return self._rows[quantity][0]

    def above(self, quantity: str, on: float, off: float) -> bool:
        """Whether it is at least `off` now and was at least `on` lately."""
        now, highest, _ = self._rows[quantity]
        return now >= off and highest >= on

    def below(self, quantity: str, on: float, off: float) -> bool:
        """Whether it is at most `off` now and was at most `on` lately."""
        now, _, lowest = self._rows[quantity]
        return now <= off and lowest <= on


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """A card that can be used, what was read of it, and the trainings that run on it."""

    gpu: Gpu
    readings: Readings
    work: tuple[Work, ...]


class Recent:
    """What the rules are given: the newest snapshot, the means, and the trainings with the cards they run on."""

    def __init__(self, snapshot: Snapshot, history: History, work: Sequence[Work]) -> None:
        self.snapshot = snapshot
        self.gpus = snapshot.gpus  # all, to call some of them by their numbers
        self.work = tuple(one for one in work if not one.paused)
        seen = [gpu for gpu in self.gpus if can_be_read(gpu)]
        keys = [card_key(gpu.uuid, quantity) for quantity in _CARD for gpu in seen]
        throttles = [card_key(gpu.uuid, "throttle") for gpu in seen]
        table = history.recent(("time", *_HOST, *keys, *throttles), _LATELY_S + MEAN_S)
        times, told = table[0], len(table) - len(throttles)
        self.seconds = float(min(MEAN_S, times[-1] - times[0])) if len(times) else 0.0  # that a mean is of
        values = np.vstack([table[1:told], *_reasons(table[told:])])
        rows = list(zip(*_means(values, times), strict=True))
        memory = [
            _HOST.index("memory"),
            *(len(_HOST) + _CARD.index("memory") * len(seen) + n for n in range(len(seen))),
        ]
        growth = _growth(values[memory], times)
        self.host = Readings(dict(zip(_HOST, rows, strict=False)), growth[0])
        trained = {one.key: card_of(one, self.gpus) for one in self.work}
        self.cards = tuple(
            Card(
                gpu,
                Readings(dict(zip(_OF_CARD, rows[len(_HOST) + place :: len(seen)], strict=True)), growth[1 + place]),
                tuple(one for one in self.work if trained[one.key] is gpu),
            )
            for place, gpu in enumerate(seen)
        )

    @cached_property
    def on_cpu(self) -> tuple[Work, ...]:
        return tuple(one for one in self.work if one.device == "cpu")


def _reasons(throttles: Array) -> list[Array]:
    """For each group of reasons 1 where one of it held the clock back, 0 where none did, NaN where nothing is told."""
    known = np.isfinite(throttles)
    bits = np.where(known, throttles, 0.0).astype(np.int64)
    result = []
    for reasons in _REASONS.values():
        mask = sum(THROTTLE_BITS[reason] for reason in reasons)
        result.append(np.where(known, (bits & mask) > 0, np.nan))
    return result


def _means(values: Array, times: Array) -> tuple[list[float], list[float], list[float]]:
    """For each row the mean over `MEAN_S` seconds now, and the highest and lowest that it was lately.

    NaN where the looks cover less than `LEAST_S`, or fewer than half of them had a value.
    """
    if not len(times):
        nothing = [math.nan] * len(values)
        return nothing, nothing, nothing
    known = np.isfinite(values)
    first = int(np.searchsorted(times, times[-1] - _LATELY_S))  # the first look of which a mean is wanted
    starts = np.searchsorted(times, times[first:] - MEAN_S)
    looks = np.arange(first + 1, len(times) + 1) - starts
    total, count = (_sums(part, starts, first) for part in (np.where(known, values, 0.0).T, known.T))
    enough = (2 * count >= looks[:, None]) & (times[first:] - times[starts] >= LEAST_S)[:, None]
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=enough & (count > 0))
    highest, lowest = np.fmax.reduce(means), np.fmin.reduce(means)
    return means[-1].tolist(), highest.tolist(), lowest.tolist()


def _sums(values: Array, starts: Indices, first: int) -> Array:
    """Of each column from a start to each row from the `first` on."""
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums[first + 1 :] - sums[starts]


def _growth(values: Array, times: Array) -> list[float]:
    """Units a second by which each row grew all through the last minute; NaN where it did not, or is not known."""
    none = [math.nan] * len(values)
    first = int(np.searchsorted(times, times[-1] - _GROWTH_S)) if len(times) else 0
    values, times = values[:, first:], times[first:]
    if len(times) < 2 * _PARTS or times[-1] - times[0] < 0.75 * _GROWTH_S:
        return none
    starts = np.searchsorted(times, np.linspace(times[0], times[-1], _PARTS + 1)[:-1])
    counts = np.diff(np.append(starts, len(times)))
    if not counts.all():
        return none
    parts = np.add.reduceat(values, starts, axis=1) / counts  # NaN where one value is missing
    steps = np.diff(parts, axis=1)
    mean = steps.mean(axis=1)
    even = (steps >= _EVEN * mean[:, None]).all(axis=1) & (mean > 0)
    result: list[float] = np.where(even, mean * _PARTS / (times[-1] - times[0]), np.nan).tolist()
    return result
