"""Reads files that others made: never more than so much, never one that is no file, never waiting for one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for who writes into it
_BINARY: Final = getattr(os, "O_BINARY", 0)


def read_bytes(path: str | Path, limit: int) -> bytes:
    """The first `limit` bytes of an ordinary file. Raises OSError for anything else: a pipe, a device, a folder."""
    descriptor = os.open(path, os.O_RDONLY | _NONBLOCK | _BINARY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"not an ordinary file: {path}")
        blocks: list[bytes] = []
        while limit > 0 and (block := os.read(descriptor, min(limit, 1 << 20))):
            blocks.append(block)
            limit -= len(block)
        return b"".join(blocks)
    finally:
        os.close(descriptor)


def read_text(path: str | Path, limit: int) -> str:
    """The same as text; what is no UTF-8 becomes a mark of replacement."""
    return read_bytes(path, limit).decode("utf-8-sig", "replace")


def one_line(text: str, limit: int = 300) -> str:
    """A text of others as it may stand in a line of ours: no line breaks, no control characters, not endless."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())[:limit]
