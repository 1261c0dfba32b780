"""What the application asks of a running engine: small files, each consumed once and answered by an event."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import TextIO

from . import protocol
from .events import Events
from .protocol import Command, Event

_LOOK_EVERY = 0.02  # seconds; a look costs some microseconds
_TRIES, _WAIT = 20, 0.05  # for the lock
_STALE = 2.0  # seconds before this process began: meant for an engine that is gone


class AlreadyRunningError(Exception):
    """Another engine works on this run."""


class Lock:
    """Held as long as the process lives; the system lets it go, however the process ends."""

    def __init__(self, run: Path) -> None:
        self.missing = ""  # why nothing is locked, where the disk cannot do that: better than not to train there
        self._file: TextIO = open(run / protocol.LOCK, "a+", encoding="ascii")  # noqa: SIM115  held for life
        try:
            held = not self._take()
        except protocol.NoLocksError as error:
            held, self.missing = False, error.strerror or str(error)
        except OSError:
            self._file.close()
            raise
        if held:
            self._file.close()
            raise AlreadyRunningError

    def _take(self) -> bool:
        """Who looks whether an engine is there holds the lock for a moment: only what lasts is another engine."""
        for _ in range(_TRIES):
            if protocol.lock(self._file):
                return True
            time.sleep(_WAIT)
        return False

    def release(self) -> None:
        self._file.close()


class Desk:
    """Where commands arrive. A SIGTERM counts as `Command.STOP` without an identity."""

    def __init__(self, run: Path, events: Events, born: float) -> None:
        self._folder = run / protocol.COMMANDS
        self._folder.mkdir(exist_ok=True)
        self._events = events
        self._born = born
        self._looked = 0.0
        self._terminated = False

    def listen_to_signals(self) -> None:
        """Only in the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._terminated = True

    def take(self) -> list[tuple[str | None, str]]:
        """New commands as (identity, command), oldest first; each is taken away. Looks at most 50 times a second."""
        if self._terminated:
            self._terminated = False
            return [(None, Command.STOP)]
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return []
        self._looked = now
        names = sorted(name for name in os.listdir(self._folder) if name.endswith(".json") and name[0] != ".")  # noqa: PTH208
        taken: list[tuple[str | None, str]] = []
        for name in names:
            path = self._folder / name
            identity = name.removesuffix(".json")
            try:
                command = str(protocol.read_json(path).get("command"))
            except (OSError, ValueError):
                command = ""
            with contextlib.suppress(OSError):
                path.unlink()
            if self._stale(identity):
                self.refuse(identity, "stale")
            elif command not in (Command.PAUSE, Command.RESUME, Command.STOP, Command.SAVE):
                self.refuse(identity, "unknown")
            else:
                taken.append((identity, command))
        return taken

    def stop_is_asked(self) -> bool:
        """Whether a stop waits here to be taken; it stays."""
        if self._terminated:
            return True
        for path in self._folder.glob("[!.]*.json"):
            with contextlib.suppress(OSError, ValueError):
                if protocol.read_json(path).get("command") == Command.STOP and not self._stale(path.stem):
                    return True
        return False

    def _stale(self, identity: str) -> bool:
        try:
            sent = int(identity.split("-")[0]) / 1e9
        except ValueError:
            return False
        return sent < self._born - _STALE

    def refuse(self, identity: str | None, reason: str) -> None:
        if identity is not None:
            self._events.emit(Event.ANSWER, command=identity, ok=False, reason=reason)

    def accept(self, identity: str | None) -> None:
        if identity is not None:
            self._events.emit(Event.ANSWER, command=identity, ok=True, reason="")

    def close(self) -> None:
        """Answer what came too late."""
        self._looked = 0.0
        for identity, _ in self.take():
            self.refuse(identity, "ended")


class Doorkeeper:
    """Attends to commands while PyTorch and the pictures are being loaded, where no step could be in between.

    Nothing has been trained in this attempt, so a stop ends the process at once, from this thread.
    """

    def __init__(self, desk: Desk, events: Events, step: int) -> None:
        self._desk = desk
        self._events = events
        self._step = step
        self._done = threading.Event()
        self._pause: tuple[str | None] | None = None
        self._thread = threading.Thread(target=self._watch, name="doorkeeper", daemon=True)
        self._thread.start()

    def leave(self) -> tuple[str | None] | None:
        """End the watch. Returns (identity,) of a pause that was asked for meanwhile, else None."""
        self._done.set()
        self._thread.join()
        return self._pause

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            for identity, command in self._desk.take():
                if command == Command.STOP:
                    self._events.emit(Event.FINISHED, outcome="stopped", step=self._step, saved=True, command=identity)
                    self._events.sync()
                    os._exit(0)
                elif command == Command.PAUSE:
                    self._pause = (identity,)
                elif command == Command.RESUME:
                    self._pause = None
                    self._desk.accept(identity)
                else:
                    self._desk.refuse(identity, "loading")
