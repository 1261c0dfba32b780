"""The run while it is worked on: answers commands between steps, saves checkpoints, waits while paused.

A checkpoint is copied between two steps and written beside those that follow; what the user waits for is waited for.
The best epoch's is always on the disk before any of a later step is: from there the way to a later best is the same.
`attend` is the one place where the loop can be paused or ended from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from . import failures, protocol
from .checkpoint import Entry, Store, copied, pack
from .commands import Desk
from .events import Events, Metrics
from .failures import Failure
from .pace import Pace
from .protocol import Code, Command, Event

_WRITING, _COPYING = 1 / 20, 1 / 200  # shares of the time that checkpoints which are not needed may take
_WAIT = 0.05  # seconds between looks while paused


class Stopped(Exception):
    """The user asked for an end; what was trained is saved unless `saved` is False."""

    def __init__(self, command: str | None, saved: bool) -> None:
        super().__init__("stopped")
        self.command = command
        self.saved = saved


@dataclass
class Position:
    """Where the training is: steps done, epochs judged, and the best of these so far."""

    step: int = 0
    validated: int = 0
    best_step: int = 0
    best_accuracy: float = -1.0
    best_loss: float = float("inf")
    seconds: float = 0.0  # of work in steps, in all attempts
    parts: int = 1  # in which each batch is computed, one after the other, as memory allows
    rescues: int = 0  # times that it went back because the loss was no number, each with a smaller learning rate

    def put(self, other: Position) -> None:
        """Be where `other` is."""
        for field in fields(self):
            setattr(self, field.name, getattr(other, field.name))

    def better(self, accuracy: float, loss: float) -> bool:
        return (accuracy, -loss) > (self.best_accuracy, -self.best_loss)


@dataclass(frozen=True)
class _Unwritten:
    """A checkpoint that is being written, or could not be; `write` does it once more."""

    done: Future[None]
    write: Callable[[], None]
    command: str | None


@dataclass
class _Kept:
    """The best epoch's checkpoint, copied, which was not worth to be written at once."""

    write: Callable[[], None] | None
    position: tuple[int, int]

    def settle(self) -> None:
        """Write it, if it is not. Raises OSError."""
        if self.write is not None:
            self.write()
            self.write = None


class Session:
    """Everything that the loop needs beside the network and the data. `state` gives what a checkpoint holds."""

    def __init__(
        self,
        run: Path,
        events: Events,
        desk: Desk,
        store: Store,
        position: Position,
        state: Callable[[], dict[str, Any]],
        *,
        steps_per_epoch: int,
        total_steps: int,
        checkpoint_seconds: float,
    ) -> None:
        self._run = run
        self._desk = desk
        self._state = state
        self._every = checkpoint_seconds
        self._per_epoch = steps_per_epoch
        self.events = events
        self.store = store
        self.position = position
        self.metrics = Metrics(events)
        self.pace = Pace(events, total_steps, steps_per_epoch)
        self._saved_at = time.monotonic()
        self._copying = self._writing = 0.0  # seconds that the last one took to be copied, and to be on the disk
        self.held_up = 0.0  # seconds that the loop stood still for checkpoints that were written beside it
        self._writer = ThreadPoolExecutor(1, "checkpoint")
        self._unwritten: _Unwritten | None = None
        self._kept: _Kept | None = None
        self.paused = 0.0  # seconds, in all
        self._paused_since: float | None = None
        self._last: Entry | None = None
        self._last_position: tuple[int, int] = (-1, -1)

    @property
    def epoch(self) -> int:
        """The epoch that the last step belonged to, from 1."""
        return max(1, -(-self.position.step // self._per_epoch))

    @property
    def _moved(self) -> bool:
        """Whether there is anything that the last checkpoint has not."""
        return self.position.step > 0 and self._here != self._last_position

    @property
    def _here(self) -> tuple[int, int]:
        return self.position.step, self.position.validated

    def attend(self) -> None:
        """Between steps: consume commands, save when it is time. Raises `Stopped`; returns after a pause has ended."""
        for identity, command in self._desk.take():
            if command == Command.STOP:
                self._stop(identity)
            elif command == Command.PAUSE:
                self.pause(identity)
            elif command == Command.SAVE:
                self.save_beside("manual", command=identity)
            else:
                self._desk.refuse(identity, "not_paused")
        if self._unwritten and self._unwritten.done.done():
            self.finish_writing()
        if time.monotonic() - self._saved_at >= self._every and self._moved and not self._unwritten:
            self.save_beside("time")
        if (error := self.events.flush()) is not None:
            self._hold(failures.of_writing(error, self._run / protocol.EVENTS), lambda: None)

    def save(self, reason: str, *, command: str | None = None, best: bool = False) -> None:
        """Save a checkpoint and say so. Where it cannot be written, wait for the user; nothing is lost meanwhile."""
        self.insist(lambda: self._write(reason, command, best), self.store.folder, command)

    def save_beside(self, reason: str, *, command: str | None = None, best: bool = False) -> None:
        """As `save`, but it is written while the training goes on; whether it could be shows in a later `attend`."""
        began = time.monotonic()
        if self._unwritten:
            wait([self._unwritten.done])
        self.held_up += time.monotonic() - began
        self.finish_writing()
        began = self._saved_at = time.monotonic()
        write = self._copy_to_write(reason, command, best)
        self._unwritten = _Unwritten(self._writer.submit(write), write, command)
        self.held_up += time.monotonic() - began

    def keep_best(self) -> None:
        """Copy a checkpoint of the best epoch; it is written with the next, unless a better one comes before."""
        began = time.monotonic()
        self._kept = _Kept(self._copy_to_write("best", None, best=True), self._here)
        self.held_up += time.monotonic() - began

    def best(self) -> Entry | None:
        """The best epoch's checkpoint, on the disk; what is being written is waited for."""
        self.finish_writing()
        if (kept := self._kept) is not None:
            self.insist(kept.settle, self.store.folder)
        return self.store.best()

    def finish_writing(self) -> None:
        """Wait until the checkpoint that is being written is on the disk; hold where it cannot be written."""
        if self._unwritten:
            self.insist(self._settle, self.store.folder, self._unwritten.command)

    def close(self) -> None:
        """Let what is being written come to its end, whatever that is."""
        self._writer.shutdown()

    def _settle(self) -> None:
        """Wait for what is being written; where that failed, try once more. Raises OSError."""
        if self._unwritten:
            if self._unwritten.done.exception() is not None:
                self._unwritten.write()
            self._unwritten = None

    def may_save(self) -> bool:
        """Whether a checkpoint that is not needed would cost little: epochs may be short and disks slow."""
        least = max(self._writing / _WRITING, self._copying / _COPYING)
        return not self._unwritten and time.monotonic() - self._saved_at >= least

    def _write(self, reason: str, command: str | None, best: bool) -> None:
        self._settle()
        self._saved_at = time.monotonic()
        self._copy_to_write(reason, command, best)()

    def _copy_to_write(self, reason: str, command: str | None, best: bool) -> Callable[[], None]:
        """A copy of the state as it is now; the answer writes it, in whatever thread, and says so. Raises OSError."""
        began = time.monotonic()
        self.metrics.flush()
        step, epoch, position = self.position.step, self.epoch, self._here
        manual = reason == "manual"
        if best:
            self._kept = None
        kept = self._kept  # as it is now: a better one of a later epoch may follow before this is written
        there = self._last if self._last_position == position else None
        coming = kept is not None and kept.write is not None and kept.position == position
        state = None
        if best or manual or not (there or coming):
            state = copied(self._state())
            self._copying = time.monotonic() - began

        def write() -> None:
            began = time.monotonic()
            if kept is not None:
                kept.settle()
            self.events.sync()
            entry = there or self._last  # which is `kept` where that is what is asked for
            if state is not None:
                entry = self.store.write(pack(state, manual=manual), step=step, epoch=epoch, manual=manual, best=best)
                self._writing = time.monotonic() - began
            assert entry is not None
            self._last, self._last_position = entry, position
            self.events.emit(
                Event.CHECKPOINT,
                step=entry.step,
                epoch=entry.epoch,
                file=f"{protocol.CHECKPOINTS}/{entry.file}",
                bytes=entry.bytes,
                sha256=entry.sha256,
                reason=reason,
                command=command,
            )

        return write

    def insist(self, write: Callable[[], None], path: Path, command: str | None = None) -> None:
        """Do `write`; while it fails (full disk ...), warn and wait until the user says to go on. Raises `Stopped`."""
        try:
            write()
        except OSError as error:
            failure = failures.of_writing(error, path)
            self._desk.refuse(command, failure.code)
            self._hold(failure, write)

    def pause(self, identity: str | None) -> None:
        """Save, then wait for RESUME or STOP."""
        self.save("pause")
        self._stand_still(identity, "asked")
        while True:
            time.sleep(_WAIT)
            for resumed, command in self._desk.take():
                if command == Command.STOP:
                    self._stop(resumed)
                    return
                if command == Command.RESUME:
                    self._go_on(resumed)
                    return
                if command == Command.SAVE:
                    self.save("manual", command=resumed)
                    if self._paused_since is None:  # that could not be written at first, and then the user went on
                        return
                else:
                    self._desk.accept(resumed)  # paused already

    def _stand_still(self, identity: str | None, reason: str) -> None:
        if self._paused_since is None:
            self._paused_since = time.monotonic()
        self.events.emit(Event.PAUSED, step=self.position.step, command=identity, reason=reason)

    def _go_on(self, identity: str | None) -> None:
        self._saved_at = time.monotonic()
        if self._paused_since is not None:
            self.paused += self._saved_at - self._paused_since
            self._paused_since = None
        self.pace.resume()
        self.events.emit(Event.RESUMED, step=self.position.step, command=identity)

    def _hold(self, failure: Failure, write: Callable[[], None], *, refused_stop: bool = False) -> None:
        """Wait, because something cannot be written, until it can and the user says to go on.

        A stop is refused once, since work would be lost; the second is obeyed.
        """
        self.warn(failure)
        self._stand_still(None, failure.code)
        while True:
            time.sleep(_WAIT)
            self.events.flush()
            for identity, command in self._desk.take():
                if command == Command.PAUSE:
                    self._desk.accept(identity)
                    continue
                try:
                    write()
                except OSError as error:
                    failure = failures.of_writing(error, Path(failure.values["path"]))
                    if command == Command.STOP and refused_stop:
                        raise Stopped(identity, saved=False) from error
                    refused_stop = refused_stop or command == Command.STOP
                    self._desk.refuse(identity, failure.code)
                    self.warn(failure)
                    continue
                if command == Command.STOP:
                    self._stop(identity)
                    return
                if command == Command.SAVE:
                    self.save("manual", command=identity)
                self._go_on(identity)
                return

    def warn(self, failure: Failure) -> None:
        """Say that something could not be written."""
        values = {**failure.values, "reason": failure.code, "detail": failure.values.get("detail", "")}
        self.events.emit(Event.WARNING, code=Code.CHECKPOINT_FAILED, values=values)

    def _stop(self, identity: str | None) -> None:
        """Save and raise `Stopped`. Returns only where that could not be saved and the user chose to go on instead."""
        if self.position.step:
            try:
                self._write("stop", identity, best=False)
            except OSError as error:
                failure = failures.of_writing(error, self.store.folder)
                self._desk.refuse(identity, failure.code)
                self._hold(failure, lambda: self._write("pause", None, best=False), refused_stop=True)
                return
        raise Stopped(identity, saved=True)
