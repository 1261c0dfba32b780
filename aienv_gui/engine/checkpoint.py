"""Checkpoints: written aside, made durable, renamed, and only then entered in the index with size and hash.

The last good one is never touched before the next is whole. What is damaged is recognised by its hash and passed over.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from . import protocol

_MANUAL = "manual"  # in a state: it was saved by hand
_TRIAL, _TRIAL_BYTES = "trial", 2**23  # a file that is written to learn how fast that goes, and its size at most
KEPT = 3  # the latest ones; beside them the best one and those saved by hand


@dataclass(frozen=True)
class Entry:
    """One line of the index."""

    file: str
    step: int
    epoch: int
    bytes: int
    sha256: str
    time: float
    manual: bool
    best: bool


def copied(state: Any) -> Any:
    """A copy of `state` as it is now, in the computer's memory; what shares its memory does so in the copy."""
    return _copied(state, {})


def _copied(value: Any, seen: dict[tuple[Any, ...], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        place = (value.device, value.data_ptr(), value.shape, value.stride(), value.dtype)
        if place not in seen or not value.numel():
            seen[place] = value.detach().to("cpu", copy=True)
        return seen[place]
    if isinstance(value, dict):
        twin = copy.copy(value)  # a network's has attributes, which tell of its version
        twin.update((name, _copied(one, seen)) for name, one in value.items())
        return twin
    if isinstance(value, list | tuple):
        return type(value)(_copied(one, seen) for one in value)
    return value


def pack(state: dict[str, Any], *, manual: bool) -> memoryview:
    """`state` as it will lie on the disk."""
    buffer = io.BytesIO()
    torch.save({**state, _MANUAL: manual}, buffer)
    return buffer.getbuffer()


class Store:
    """The folder ``checkpoints`` of a run."""

    def __init__(self, run: Path) -> None:
        self.folder = run / protocol.CHECKPOINTS
        self.folder.mkdir(exist_ok=True)
        self._index = self.folder / protocol.INDEX
        self.entries: tuple[Entry, ...] = entries_of(run)
        self.lost = False  # a damaged one was met
        self._sweep()

    def _sweep(self) -> None:
        """Take away what a kill left half written, or between a rename and the index."""
        known = {entry.file for entry in self.entries} | {protocol.INDEX}
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in known:
                path.unlink()

    def write(self, data: memoryview, *, step: int, epoch: int, manual: bool, best: bool) -> Entry:
        """Save a packed state. Raises OSError (a full disk: older ones are given up first, never the last good one)."""
        file = f"{step:08d}.pt"
        number = 2
        while any(entry.file == file for entry in self.entries):
            file = f"{step:08d}-{number}.pt"
            number += 1
        entry = Entry(file, step, epoch, len(data), hashlib.sha256(data).hexdigest(), time.time(), manual, best)
        self._write_file(self.folder / file, data)
        earlier = [replace(one, best=False) if best else one for one in self.entries]
        entries = (*earlier, entry)
        kept = _kept(entries)
        try:
            self._write_index(kept)
        except OSError:
            (self.folder / file).unlink(missing_ok=True)
            raise
        self.entries = kept
        self._remove([one for one in entries if one not in kept])
        return entry

    def seconds_to_write(self, size: int) -> float | None:
        """About how long one of `size` bytes takes here until it is durable; None where none can be written."""
        path, tried = self.folder / _TRIAL, min(size, _TRIAL_BYTES)
        data = memoryview(os.urandom(tried))  # which no disk makes smaller
        try:
            began = time.monotonic()
            protocol.write_json(path, {})  # as the index
            between = time.monotonic()
            hashlib.sha256(data).hexdigest()
            protocol.write_atomic(path, data)
            ended = time.monotonic()
        except OSError:
            return None  # which is said when it comes to a real one
        else:
            return between - began + (ended - between) * max(1.0, size / max(1, tried))
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _write_file(self, path: Path, data: memoryview) -> None:
        while True:
            try:
                protocol.write_atomic(path, data)
                return
            except OSError:
                spare = [one for one in self.entries[:-1] if not one.manual and not one.best]
                if not spare:
                    raise
                # Room for the new one; the last good one stays.
                kept = tuple(one for one in self.entries if one is not spare[0])
                self._remove([spare[0]])
                self._write_index(kept)
                self.entries = kept

    def _write_index(self, entries: tuple[Entry, ...]) -> None:
        protocol.write_json(
            self._index, {"version": protocol.VERSION, "checkpoints": [asdict(entry) for entry in entries]}
        )

    def _remove(self, entries: list[Entry]) -> None:
        for entry in entries:
            with contextlib.suppress(OSError):
                (self.folder / entry.file).unlink()

    def read(self, entry: Entry) -> dict[str, Any]:
        """The state of one checkpoint. Raises ValueError where the file is missing, cut short or altered."""
        try:
            data = (self.folder / entry.file).read_bytes()
        except OSError as error:
            raise ValueError(error.strerror or str(error)) from error
        if len(data) != entry.bytes:
            raise ValueError(f"{len(data)} bytes instead of {entry.bytes}")
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise ValueError("its content is not what was written")
        return unpack(data)

    def forget(self, entry: Entry) -> None:
        """Leave a damaged checkpoint out of the index that is written next."""
        self.entries = tuple(one for one in self.entries if one is not entry)
        self.lost = True

    def best(self) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.best), None)


def unpack(data: bytes) -> dict[str, Any]:
    """The state that was packed. Raises ValueError; runs no code that is in it."""
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # what is no checkpoint makes the reader stumble in many ways
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return state


def entries_of(run: Path) -> tuple[Entry, ...]:
    """The index of a run, oldest first. Where it is missing or damaged, what the files themselves tell."""
    folder = run / protocol.CHECKPOINTS
    try:
        data = protocol.read_json(folder / protocol.INDEX)
        return tuple(Entry(**item) for item in data["checkpoints"])
    except (OSError, ValueError, KeyError, TypeError):
        return _entries_of_files(folder)


def _entries_of_files(folder: Path) -> tuple[Entry, ...]:
    """A file has its name only once it is whole; whether it still is shows when it is read.

    The newest whole one knows which step was the best so far.
    """
    entries: list[Entry] = []
    best_step = 0
    for path in sorted(folder.glob("[0-9]*.pt"), key=_age):
        data, manual, when = b"", True, 0.0  # what cannot be read is nothing to be given up for room
        with contextlib.suppress(OSError, ValueError):
            when = path.stat().st_mtime
            data = path.read_bytes()
            state = unpack(data)
            manual = bool(state.get(_MANUAL, True))
            best_step = int(state.get("position", {}).get("best_step", 0))
        digest = hashlib.sha256(data).hexdigest()
        entries.append(Entry(path.name, _age(path)[0], 0, len(data), digest, when, manual, best=False))
    best = next((entry for entry in reversed(entries) if best_step and entry.step == best_step), None)
    return tuple(replace(entry, best=entry is best) for entry in entries)


def _age(path: Path) -> tuple[int, int]:
    """Step and number among those of this step: ``00000012-2.pt`` came after ``00000012.pt``."""
    step, _, number = path.stem.partition("-")
    return int(step), int(number or 1)


def _kept(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    latest = entries[-KEPT:]
    return tuple(entry for entry in entries if entry.manual or entry.best or entry in latest)
