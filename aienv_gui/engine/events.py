"""Writing the run's events: whole lines, appended; kept back while the disk is full, never lost or cut in two."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from . import protocol
from .protocol import Event

_METRICS_EVERY = 0.05  # seconds: at most 20 lines a second
_PROGRESS_EVERY = 1.0


class Events:
    """The run's ``events.jsonl``. `emit` may be called from any thread; what cannot be written yet waits in memory."""

    def __init__(self, run: Path) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.open(run / protocol.EVENTS, flags, 0o644)
        self._lock = threading.Lock()
        self._waiting = b""
        size = os.fstat(self._file).st_size
        if size:
            os.lseek(self._file, size - 1, os.SEEK_SET)
            if os.read(self._file, 1) != b"\n":  # a line cut short when the attempt before was killed
                self._waiting = b"\n"

    def emit(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, "time": time.time(), **fields}, separators=(",", ":")) + "\n"
        with self._lock:
            self._waiting += line.encode("ascii")
        self.flush()

    def flush(self) -> OSError | None:
        """Write what waits. Returns why that failed, if it did; it is then tried again with the next event."""
        with self._lock:
            try:
                while self._waiting:
                    self._waiting = self._waiting[os.write(self._file, self._waiting) :]
            except OSError as error:
                return error
        return None

    def sync(self) -> None:
        """Make what was written durable, before a checkpoint that follows from it is."""
        if self.flush() is None:
            os.fsync(self._file)


class Metrics:
    """Batches the numbers of single steps into at most 20 events a second."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._columns: dict[str, list[float]] = {}
        self._written = 0.0
        self._clear()

    def _clear(self) -> None:
        self._columns = {"step": [], "time": [], "epoch": [], "loss": [], "accuracy": []}

    def add(self, step: int, epoch: int, loss: float, accuracy: float) -> None:
        columns = self._columns
        columns["step"].append(step)
        columns["time"].append(round(time.time(), 3))
        columns["epoch"].append(epoch)
        columns["loss"].append(loss)
        columns["accuracy"].append(accuracy)
        if time.monotonic() - self._written >= _METRICS_EVERY:
            self.flush()

    def flush(self) -> None:
        if self._columns["step"]:
            self._events.emit(Event.METRICS, columns=self._columns)
            self._clear()
        self._written = time.monotonic()


class Pace:
    """How fast it goes and how long it will take, judged by the last minute; the heartbeat of the run.

    The range of the time left spans the usual and the slow moments seen so far.
    """

    def __init__(self, events: Events, total_steps: int, steps_per_epoch: int) -> None:
        self._events = events
        self._total = total_steps
        self._per_epoch = steps_per_epoch
        self._windows: list[float] = []  # seconds a step, one for each second that was spent in steps
        self._validation = 0.0
        self._mark = time.monotonic()
        self._spent = 0.0
        self._waited = 0.0
        self._steps = 0
        self._examples = 0

    def resume(self) -> None:
        """What happened since the last step was no training: the next one begins now."""
        self._mark = time.monotonic()

    def step(self, step: int, epoch: int, examples: int, waited: float) -> float:
        """A step was done, of which `waited` seconds went by until its batch was there; returns its seconds."""
        now = time.monotonic()
        seconds = now - self._mark
        self._spent += seconds
        self._waited += waited
        self._mark = now
        self._steps += 1
        self._examples += examples
        if self._spent < _PROGRESS_EVERY:
            return seconds
        self._windows = [*self._windows[-59:], self._spent / self._steps]
        low, high = self._left(step)
        self._events.emit(
            Event.PROGRESS,
            step=step,
            epoch=epoch,
            total_steps=self._total,
            examples_per_second=round(self._examples / self._spent, 1),
            seconds_left=round(low, 1),
            seconds_left_high=round(high, 1),
            waiting_share=round(min(1.0, self._waited / self._spent), 3),
        )
        self._spent, self._waited, self._steps, self._examples = 0.0, 0.0, 0, 0
        return seconds

    def validated(self, seconds: float) -> None:
        """A validation (with its checkpoint) took this long."""
        self._validation = seconds

    def _left(self, step: int) -> tuple[float, float]:
        ordered = sorted(self._windows)
        usual = ordered[len(ordered) // 2]
        slow = max(usual * 1.05, ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)])
        pauses = (self._total // self._per_epoch - step // self._per_epoch) * self._validation
        return (self._total - step) * usual + pauses, (self._total - step) * slow + pauses * 1.2
