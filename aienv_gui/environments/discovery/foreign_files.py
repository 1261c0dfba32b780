"""Reads files that others made: never more than so much, never one that is no file, never waiting for one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_TAIL: Final = 16
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for who writes into it
_BINARY: Final = getattr(os, "O_BINARY", 0)


def is_file(path: str | Path) -> bool:
    """Whether it is an ordinary file; False also where the system does not let us see it. Path's own may raise."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Whether it is a folder; False also where the system does not let us see it."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | Path) -> bool:
    """Whether anything is there; False also where the system does not let us see it."""
    return os.path.exists(path)  # noqa: PTH110


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder by name, links left out; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if _is_own_folder(entry))
    except OSError:
        return []


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def read_bytes(path: str | Path, limit: int) -> bytes:
    """The first `limit` bytes of an ordinary file. Raises OSError for anything else: a pipe, a device, a folder."""
    with _opened(path) as descriptor:
        return _read(descriptor, limit)


def read_end(path: str | Path) -> bytes:
    """The last bytes of an ordinary file. Raises OSError for anything else."""
    with _opened(path) as descriptor:
        os.lseek(descriptor, max(0, os.fstat(descriptor).st_size - _TAIL), os.SEEK_SET)
        return _read(descriptor, _TAIL)


@contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | _NONBLOCK | _BINARY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"not an ordinary file: {path}")
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, limit: int) -> bytes:
    blocks: list[bytes] = []
    while limit > 0 and (block := os.read(descriptor, min(limit, 1 << 20))):
        blocks.append(block)
        limit -= len(block)
    return b"".join(blocks)


def read_text(path: str | Path, limit: int) -> str:
    """The same as text; what is no UTF-8 becomes a mark of replacement."""
    return read_bytes(path, limit).decode("utf-8-sig", "replace")


def one_line(text: str, limit: int = 300) -> str:
    """A text of others as it may stand in a line of ours: no line breaks, no control characters, not endless."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())[:limit]
