"""How busy the machine was during a run: a file of its own in the run's folder, so that reopening shows it.

It grows ever slower: each `_STRIDE_LINES` lines the interval doubles; a month of training stays below a megabyte.
"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

from aienv_gui.training.records import Load

FILE = "hardware.jsonl"
_INTERVAL_S = 0.9
_STRIDE_LINES = 3600
_FIELDS = ("time", "cpu", "memory", "gpu", "gpu_memory")


class LoadRecord:
    """The record of one run; one writer at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lines = 0
        self._last = -math.inf
        self._unread: list[Load] | None = None

    def read(self) -> list[Load]:
        """What was recorded since the last call. A line cut short is left out."""
        if self._unread is None:
            loads = self._load_file()
            self._lines = len(loads)
            self._last = loads[-1].time if loads else -math.inf
            self._unread = loads
        result, self._unread = self._unread, []
        return result

    def append(self, load: Load) -> None:
        """Record one moment, unless it follows the last too closely. Raises OSError."""
        if load.time - self._last < _INTERVAL_S * 2 ** (self._lines // _STRIDE_LINES):
            return
        if self._unread is None:
            self._unread = self.read()
        line = json.dumps([_rounded(getattr(load, name)) for name in _FIELDS])
        with self._path.open("a", encoding="ascii") as file:
            file.write(line + "\n")
        self._lines += 1
        self._last = load.time
        self._unread.append(load)

    def _load_file(self) -> list[Load]:
        loads: list[Load] = []
        with contextlib.suppress(FileNotFoundError), self._path.open("r", encoding="ascii", errors="replace") as file:
            for line in file:
                with contextlib.suppress(ValueError, TypeError):
                    loads.append(Load(*json.loads(line)))
        return loads


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)
