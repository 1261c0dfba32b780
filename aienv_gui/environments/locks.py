"""Locks between processes. The system frees them when their holder dies, however it dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def acquire(path: Path) -> int | None:
    """Take the lock `path` (a file, made where it is not there) and return its handle; None where another holds it.

    Never blocks. Raises OSError where the file cannot be made. A holder's children must not inherit the handle: Python
    sees to that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt  # exists on Windows only

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # does not exist on Windows

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def release(handle: int) -> None:
    """Give a lock back."""
    os.close(handle)


@contextmanager
def waited_for(path: Path, checkpoint: Callable[[], None]) -> Iterator[None]:
    """Hold the lock `path`, waiting for it as long as it takes; `checkpoint` is called meanwhile and may raise."""
    handle = acquire(path)
    while handle is None:
        checkpoint()
        time.sleep(0.1)
        handle = acquire(path)
    try:
        yield
    finally:
        release(handle)
