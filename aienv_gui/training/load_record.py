"""How busy the machine was during a run: a file of its own in the run's folder, so that reopening shows it.

It grows ever slower: each `_STRIDE_LINES` lines the interval doubles; a month of training stays below a megabyte.
"""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import fields
from pathlib import Path

from aienv_gui.training.records import Load

FILE = "hardware.jsonl"
_INTERVAL_S = 0.9
_STRIDE_LINES = 3600
_LONGEST_PAUSE = 5.0  # intervals; after more of them nobody looked, and no line is to be drawn across
_FIELDS = tuple(one.name for one in fields(Load))


class LoadRecord:
    """The record of one run; one writer at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lines = 0
        self._last = -math.inf
        self._torn = False  # the last line was cut short by a kill or a full disk
        self._loaded = False
        self._unread: list[Load] = []

    def read(self) -> list[Load]:
        """What was recorded since the last call; where nobody looked for a while, a moment without values between.

        A line cut short is left out.
        """
        if not self._loaded:
            self._load_file()
        result, self._unread = self._unread, []
        return result

    def append(self, load: Load) -> None:
        """Record one moment, unless it follows the last too closely. Raises OSError."""
        if not self._loaded:
            self._load_file()
        if load.time - self._last < self._interval():
            return
        line = json.dumps([_rounded(getattr(load, name)) for name in _FIELDS])
        start = "\n" if self._torn else ""
        self._torn = True  # until all of it is written
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"{start}{line}\n")
        self._torn = False
        self._take(load)

    def _interval(self) -> float:
        return _INTERVAL_S * float(2 ** (self._lines // _STRIDE_LINES))

    def _take(self, load: Load) -> None:
        if load.time - self._last > _LONGEST_PAUSE * self._interval() and self._lines:
            self._unread.append(Load(self._last + self._interval()))
        self._lines += 1
        self._last = load.time
        self._unread.append(load)

    def _load_file(self) -> None:
        self._loaded = True
        line = "\n"
        with contextlib.suppress(FileNotFoundError), self._path.open("r", encoding="ascii", errors="replace") as file:
            for line in file:
                with contextlib.suppress(ValueError, TypeError):
                    self._take(Load(*json.loads(line)[: len(_FIELDS)]))  # of an earlier version fewer, of a later more
        self._torn = not line.endswith("\n")


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)
