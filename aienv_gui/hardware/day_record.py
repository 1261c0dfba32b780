"""A day of readings on disk: a file of a fixed size with a place for each ten seconds, overwritten a day later.

A head (what the columns are) is written whole or not at all; then one row after the other goes to the place that its
time has in the day. A row carries its own time and checksum: one that was cut short, or is of another day, is no row.
So a killed program loses ten seconds, and a damaged file costs what is damaged.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import struct
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import write_atomic, writing_failed
from aienv_gui.hardware.history import card_key, readings_of
from aienv_gui.hardware.readings import Snapshot

PERIOD_S: Final = 10
DAY_S: Final = 86_400
HOST_KEYS: Final = ("cpu", "memory", "swap", "disk_read", "disk_written", "received", "sent")
CARD_KEYS: Final = ("utilisation", "memory", "temperature", "power", "clock", "fan")

_PLACES: Final = DAY_S // PERIOD_S
_HEAD: Final = struct.Struct("<8sII")  # what it is, the length of the columns' names as JSON, their checksum
_MAGIC: Final = b"AIEnvDy1"
_LONGEST_NAMES: Final = 1_000_000
_MOST_WAITING: Final = 60  # looks
_PATIENCE_S: Final = 2.0
_MOST_CARDS: Final = 64  # parts of a divided card have a name of their own each time they are made anew

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of the last 24 hours: a row of `values` for each of `keys` (of `history`), a column a time.

    Times (seconds since the epoch, ascending) are the middle of ten seconds; values are their mean, NaN where there was
    none.
    """

    times: Array = field(default_factory=lambda: np.empty(0))
    keys: tuple[str, ...] = ()
    values: Array = field(default_factory=lambda: np.empty((0, 0)))

    def series(self, key: str) -> Array:
        """The values of a key at `times`; all NaN where it has no row."""
        if key not in self.keys:
            return np.full(len(self.times), math.nan)
        series: Array = self.values[self.keys.index(key)]
        return series


def read(path: Path, now: float) -> Day:
    """The day before `now`; empty where there is no such file. What is damaged in it is left out.

    Reads a few megabytes at most. Raises OSError where the system does not let us.
    """
    try:
        with path.open("rb") as file:
            columns = _read_head(file)
            if not columns:
                return Day()
            content = file.read(_PLACES * _row_of(len(columns)).itemsize)
    except FileNotFoundError:
        return Day()
    row = _row_of(len(columns))
    found = np.frombuffer(content, row, count=len(content) // row.itemsize)
    ours = (found["time"] > now - DAY_S) & (found["time"] <= now + PERIOD_S)
    ours[ours] = [zlib.crc32(one.tobytes()[:-4]) == one["checksum"] for one in found[ours]]
    kept = found[ours]
    kept = kept[np.argsort(kept["time"], kind="stable")]
    return Day(kept["time"].astype(np.float64), columns, np.ascontiguousarray(kept["values"].T, np.float64))


class DayRecord:
    """Writes the file. Used from one thread; a full disk is told, and tried again with each row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: tuple[str, ...] | None = None  # of the file, once it is known to be good
        self._place: int | None = None  # of the ten seconds that are summed up now, since the epoch
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self.problem: Problem | None = None  # why the last row could not be written

    def add(self, snapshot: Snapshot) -> None:
        """Take a look; each ten seconds a row is written. Never raises; takes a millisecond, once a few dozen."""
        place = math.floor(snapshot.time / PERIOD_S)
        if place != self._place:
            self.flush()
            self._place = place
        for key, value in _kept(snapshot).items():
            if math.isfinite(value):
                self._sums[key] = self._sums.get(key, 0.0) + value
                self._counts[key] = self._counts.get(key, 0) + 1

    def flush(self) -> None:
        """Write what was summed up so far, at the end of the sampling too."""
        if self._place is None or not self._counts:
            return
        means = {key: total / self._counts[key] for key, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        try:
            self._write((self._place + 0.5) * PERIOD_S, means)
        except OSError as error:
            self._columns, self.problem = None, writing_failed(error, self._path)
        except Problem as problem:
            self._columns, self.problem = None, problem
        else:
            self.problem = None

    def _write(self, time: float, means: Mapping[str, float]) -> None:
        if self._columns is None or not self._columns_fit(means):
            self._columns = self._make_fit(time, means)
        row = _row_of(len(self._columns))
        content = _row_bytes(row, time, [means.get(key, math.nan) for key in self._columns])
        try:
            with self._path.open("r+b", buffering=0) as file:
                file.seek(len(_head_bytes(self._columns)) + _place_in_day(time) * row.itemsize)
                file.write(content)
        except FileNotFoundError:  # deleted meanwhile: this row is lost, the next one makes a new file
            self._columns = None

    def _columns_fit(self, means: Mapping[str, float]) -> bool:
        return self._columns is not None and means.keys() <= set(self._columns)

    def _make_fit(self, time: float, means: Mapping[str, float]) -> tuple[str, ...]:
        """Have a file with columns for all of `means`; what was written before moves along."""
        before = read(self._path, time)
        if means.keys() <= set(before.keys) and self._path.stat().st_size == _size_of(before.keys):
            return before.keys
        wanted = _columns_for(before, means)
        row = _row_of(len(wanted))
        rows = np.zeros(_PLACES, row)
        for then, values in zip(before.times.tolist(), before.values.T.tolist(), strict=True):
            old = dict(zip(before.keys, values, strict=True))
            content = _row_bytes(row, then, [old.get(key, math.nan) for key in wanted])
            rows[_place_in_day(then)] = np.frombuffer(content, row)[0]
        write_atomic(self._path, _head_bytes(wanted) + rows.tobytes())
        return wanted


class DayWriter:
    """Keeps the record in a thread of its own: a disk that is slow or does not answer must not hold up the readings.

    Started, fed and stopped from one thread. What such a disk does not take in a minute is left out.
    """

    def __init__(self, path: Path) -> None:
        self._record = DayRecord(path)
        self._waiting: queue.Queue[Snapshot | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="day record", daemon=True)

    @property
    def problem(self) -> Problem | None:
        """Why the last row could not be written."""
        return self._record.problem

    def start(self) -> None:
        self._thread.start()

    def add(self, snapshot: Snapshot) -> None:
        """Take a look. Never waits."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(snapshot)

    def stop(self) -> None:
        """Write what there is, and end; waits for a disk for two seconds at most."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(_PATIENCE_S)

    def _work(self) -> None:
        while (snapshot := self._waiting.get()) is not None:
            self._record.add(snapshot)
        self._record.flush()


def _kept(snapshot: Snapshot) -> dict[str, float]:
    cards = snapshot.gpus[:_MOST_CARDS]
    keys = {*HOST_KEYS, *(card_key(gpu.uuid, quantity) for gpu in cards for quantity in CARD_KEYS)}
    return {key: value for key, value in readings_of(snapshot).items() if key in keys}


def _columns_for(before: Day, means: Mapping[str, float]) -> tuple[str, ...]:
    """All that was read now, and of what was read before what has a value in the day: of so many cards at most."""
    known = np.isfinite(before.values)
    old = [key for row, key in enumerate(before.keys) if key not in HOST_KEYS and known[row].any()]
    cards: dict[str, None] = {}
    for key in (*(key for key in means if key not in HOST_KEYS), *old):
        cards.setdefault(key.rpartition(":")[0])
    shown = list(cards)[:_MOST_CARDS]
    return (*HOST_KEYS, *(f"{card}:{quantity}" for card in shown for quantity in CARD_KEYS))


def _row_of(columns: int) -> np.dtype[np.void]:
    return np.dtype([("time", "<f8"), ("values", "<f4", (columns,)), ("checksum", "<u4")])


def _row_bytes(row: np.dtype[np.void], time: float, values: list[float]) -> bytes:
    one = np.zeros(1, row)
    one["time"], one["values"] = time, values
    one["checksum"] = zlib.crc32(one.tobytes()[:-4])
    return one.tobytes()


def _place_in_day(time: float) -> int:
    return math.floor(time / PERIOD_S) % _PLACES


def _size_of(columns: tuple[str, ...]) -> int:
    return len(_head_bytes(columns)) + _PLACES * _row_of(len(columns)).itemsize


def _read_head(file: BinaryIO) -> tuple[str, ...]:
    """The columns of a file, none where its head is damaged or of another program."""
    start = file.read(_HEAD.size)
    if len(start) < _HEAD.size:
        return ()
    magic, length, checksum = _HEAD.unpack(start)
    if magic != _MAGIC or length > _LONGEST_NAMES:
        return ()
    names = file.read(length)
    return tuple(json.loads(names)) if zlib.crc32(names) == checksum else ()


def _head_bytes(columns: tuple[str, ...]) -> bytes:
    names = json.dumps(columns).encode()
    return _HEAD.pack(_MAGIC, len(names), zlib.crc32(names)) + names
