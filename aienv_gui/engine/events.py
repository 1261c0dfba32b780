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
