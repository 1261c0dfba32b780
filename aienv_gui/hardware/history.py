"""The last ten minutes of every reading, in fixed arrays: nothing grows, nothing is copied around while time goes on.

Keys: ``cpu``, ``memory``, ``swap``, ``core:<n>`` (percent), ``disk_read``, ``disk_written``, ``received``, ``sent``
(bytes a second), ``gpu:<uuid>:utilisation``, ``gpu:<uuid>:memory`` (percent), ``gpu:<uuid>:temperature`` (celsius),
``gpu:<uuid>:power`` (watts), ``gpu:<uuid>:clock`` (MHz), ``gpu:<uuid>:fan`` (percent). NaN is "no value".

For what limits the machine also: ``swapped`` (bytes a second), ``memory_pressure``, ``io_pressure``, ``disk_busy`` (of
the first disk), ``container_memory`` (percent), ``gpu:<uuid>:memory_temperature`` (celsius), ``gpu:<uuid>:throttle``
(the sum of its reasons' `THROTTLE_BITS`), ``gpu:<uuid>:busy_programs`` (how many load it by a fifth or more).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aienv_gui.hardware.readings import Gpu, Host, Snapshot, Throttle, Value

SAMPLES: Final = 600
THROTTLE_BITS: Final = {reason: 1 << place for place, reason in enumerate(Throttle)}
_BUSY_PERCENT: Final = 20.0
_SPARE_ROWS: Final = 16

Array = NDArray[np.float64]


class History:
    """A ring of the newest `SAMPLES` looks. Used from one thread; the arrays it hands out are copies."""

    def __init__(self, samples: int = SAMPLES) -> None:
        self._size = samples
        self._rows: dict[str, int] = {"time": 0, "wall": 1}
        # Each value stands twice, a ring's length apart: the newest window is always one piece.
        self._ring = np.full((32, 2 * samples), math.nan)
        self._next = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, snapshot: Snapshot) -> None:
        """Add a look; the oldest one goes."""
        readings = readings_of(snapshot)
        for key in readings:
            if key not in self._rows:
                self._rows[key] = len(self._rows)
        if len(self._rows) > len(self._ring):
            self._make_room(readings)
        column = np.full(len(self._ring), math.nan)
        column[0], column[1] = snapshot.monotonic, snapshot.time
        for key, value in readings.items():
            column[self._rows[key]] = value
        self._ring[:, self._next] = self._ring[:, self._next + self._size] = column
        self._next = (self._next + 1) % self._size
        self._count = min(self._count + 1, self._size)

    def keys(self) -> tuple[str, ...]:
        return tuple(key for key in self._rows if key not in ("time", "wall"))

    def times(self) -> Array:
        """When the looks were, on the sampler's steady clock (`Snapshot.monotonic`), oldest first."""
        return self._window(0)

    def wall_times(self) -> Array:
        """When the looks were, in seconds since the epoch: as the computer's clock said then, which may be set back."""
        return self._window(1)

    def ages(self) -> Array:
        """Seconds since each look, negative, as plots want them: the newest is 0."""
        times = self.times()
        return times - times[-1] if len(times) else times

    def series(self, key: str) -> Array:
        """The values of `key` at `times()`; all NaN for a key that never had one."""
        row = self._rows.get(key)
        return np.full(self._count, math.nan) if row is None else self._window(row)

    def recent(self, keys: Sequence[str], seconds: float) -> Array:
        """The last `seconds` of several keys at once, a row for each ("time" is one too)."""
        start = self._next + self._size - self._count
        end = start + self._count
        if self._count:
            start += int(np.searchsorted(self._ring[0, start:end], self._ring[0, end - 1] - seconds))
        rows = np.array([self._rows.get(key, -1) for key in keys])
        found = self._ring[rows, start:end]
        found[rows < 0] = math.nan
        return found

    def _make_room(self, readings: Mapping[str, float]) -> None:
        """For keys that are new: in the place of what had no value in all the time, as of cards that went away."""
        empty = np.isnan(self._ring).all(axis=1)
        kept_anyway = {"time", "wall", *readings}
        for key in [key for key, row in self._rows.items() if key not in kept_anyway and empty[row]]:
            del self._rows[key]
        ring = np.full((len(self._rows) + _SPARE_ROWS, 2 * self._size), math.nan)
        kept = [(place, row) for place, row in enumerate(self._rows.values()) if row < len(self._ring)]
        for place, row in kept:
            ring[place] = self._ring[row]
        self._ring, self._rows = ring, {key: place for place, key in enumerate(self._rows)}

    def _window(self, row: int) -> Array:
        start = self._next + self._size - self._count
        return self._ring[row, start : start + self._count].copy()


def card_key(uuid: str, quantity: str) -> str:
    """The key of a reading of a card."""
    return f"gpu:{uuid}:{quantity}"


def readings_of(snapshot: Snapshot) -> dict[str, float]:
    """Every number of a snapshot that has a history, by key."""
    host = snapshot.host
    result = {
        "cpu": host.cpu_percent,
        "memory": _share(host.memory_used_bytes, host.memory_total_bytes),
        "swap": _share(host.swap_used_bytes, host.swap_total_bytes),
        "disk_read": host.disk_read_bytes_s,
        "disk_written": host.disk_written_bytes_s,
        "received": host.network_received_bytes_s,
        "sent": host.network_sent_bytes_s,
    }
    result.update((f"core:{index}", percent) for index, percent in enumerate(host.core_percents))
    result.update(_limits_of(host))
    for gpu in snapshot.gpus:
        prefix = card_key(gpu.uuid, "")
        result[f"{prefix}utilisation"] = _number(gpu.utilisation_percent)
        result[f"{prefix}memory"] = _share(_number(gpu.memory_used_bytes), _number(gpu.memory_total_bytes))
        result[f"{prefix}temperature"] = _number(gpu.temperature_celsius)
        result[f"{prefix}power"] = _number(gpu.power_watts)
        result[f"{prefix}clock"] = _number(gpu.clock_mhz)
        result[f"{prefix}fan"] = _number(gpu.fan_percent)
        result[f"{prefix}memory_temperature"] = _number(gpu.memory_temperature_celsius)
        result[f"{prefix}throttle"] = _throttle(gpu)
        result[f"{prefix}busy_programs"] = _busy_programs(gpu)
    return result


def _limits_of(host: Host) -> dict[str, float]:
    container, pressure = host.container, host.pressure
    used, most = (container.memory_used_bytes, container.memory_limit_bytes) if container else (None, None)
    return {
        "swapped": host.swapped_bytes_s,
        "memory_pressure": pressure.memory_some if pressure else math.nan,
        "io_pressure": pressure.io_some if pressure else math.nan,
        "disk_busy": _number(host.disks[0].busy_percent) if host.disks else math.nan,
        "container_memory": _share(used, most) if used is not None and most is not None else math.nan,
    }


def _throttle(gpu: Gpu) -> float:
    told = gpu.throttle
    return float(sum(THROTTLE_BITS[reason] for reason in told)) if isinstance(told, frozenset) else math.nan


def _busy_programs(gpu: Gpu) -> float:
    loads = [process.utilisation_percent.number for process in gpu.processes]
    known = [load for load in loads if load is not None]
    return float(sum(load >= _BUSY_PERCENT for load in known)) if known or not gpu.processes else math.nan


def _number(value: Value) -> float:
    return math.nan if value.number is None else value.number


def _share(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else math.nan
