"""The last ten minutes of every reading, in fixed arrays: nothing grows, nothing is copied around while time goes on.

Keys: ``cpu``, ``memory``, ``swap``, ``core:<n>`` (percent), ``disk_read``, ``disk_written``, ``received``, ``sent``
(bytes a second), ``gpu:<uuid>:utilisation``, ``gpu:<uuid>:memory`` (percent), ``gpu:<uuid>:temperature`` (celsius),
``gpu:<uuid>:power`` (watts), ``gpu:<uuid>:clock`` (MHz), ``gpu:<uuid>:fan`` (percent). NaN is "no value".
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aienv_gui.hardware.readings import Snapshot, Value

SAMPLES: Final = 600

Array = NDArray[np.float64]


class History:
    """A ring of the newest `SAMPLES` looks. Used from one thread; the arrays it hands out are copies."""

    def __init__(self, samples: int = SAMPLES) -> None:
        self._size = samples
        self._rows: dict[str, int] = {"time": 0}
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
            self._ring = np.vstack([self._ring, np.full((len(self._rows), 2 * self._size), math.nan)])
        column = np.full(len(self._ring), math.nan)
        column[0] = snapshot.monotonic
        for key, value in readings.items():
            column[self._rows[key]] = value
        self._ring[:, self._next] = self._ring[:, self._next + self._size] = column
        self._next = (self._next + 1) % self._size
        self._count = min(self._count + 1, self._size)

    def keys(self) -> tuple[str, ...]:
        return tuple(key for key in self._rows if key != "time")

    def times(self) -> Array:
        """When the looks were, on the sampler's steady clock (`Snapshot.monotonic`), oldest first."""
        return self._window(0)

    def ages(self) -> Array:
        """Seconds since each look, negative, as plots want them: the newest is 0."""
        times = self.times()
        return times - times[-1] if len(times) else times

    def series(self, key: str) -> Array:
        """The values of `key` at `times()`; all NaN for a key that never had one."""
        row = self._rows.get(key)
        return np.full(self._count, math.nan) if row is None else self._window(row)

    def _window(self, row: int) -> Array:
        start = self._next + self._size - self._count
        return self._ring[row, start : start + self._count].copy()


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
    for gpu in snapshot.nvidia.gpus:
        prefix = f"gpu:{gpu.uuid}:"
        result[f"{prefix}utilisation"] = _number(gpu.utilisation_percent)
        result[f"{prefix}memory"] = _share(_number(gpu.memory_used_bytes), _number(gpu.memory_total_bytes))
        result[f"{prefix}temperature"] = _number(gpu.temperature_celsius)
        result[f"{prefix}power"] = _number(gpu.power_watts)
        result[f"{prefix}clock"] = _number(gpu.clock_mhz)
        result[f"{prefix}fan"] = _number(gpu.fan_percent)
    return result


def _number(value: Value) -> float:
    return math.nan if value.number is None else value.number


def _share(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else math.nan
