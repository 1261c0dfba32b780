"""Locks between processes. The system frees them when their holder dies, however it dies."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import writing_failed
from aienv_gui.core.wording import tr

# What the systems say where another holds it; msvcrt says EDEADLOCK after its own tries.
_HELD: Final = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
_NO_LOCKS: Final = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


def acquire(path: Path) -> int | None:
    """Take the lock `path` (a file, made where it is not there) and return its handle; None where another holds it.

    Never blocks. Raises OSError where the file cannot be made or the disk knows no locks (`locking_failed`). A holder's
    children must not inherit the handle: Python sees to that.
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
    except OSError as error:
        os.close(handle)
        if error.errno not in _HELD:
            raise
        return None
    return handle


def locking_failed(error: OSError, path: Path) -> Problem:
    """Put what `acquire` raised into words."""
    if error.errno not in _NO_LOCKS:
        return writing_failed(error, path)
    return Problem(
        tr("This disk cannot be used to build environments."),
        cause=tr(
            "Files in {path} cannot be locked ({reason}), so two builds could spoil each other's work.",
            path=path.parent,
            reason=error.strerror or str(error),
        ),
        cure=tr("Put AIEnv's data on a disk of this computer; some network disks know no locks."),
        code="no_locks",
    )


def release(handle: int) -> None:
    """Give a lock back."""
    os.close(handle)


@contextmanager
def waited_for(path: Path, checkpoint: Callable[[], None]) -> Iterator[None]:
    """Hold the lock `path`, waiting for it as long as it takes; `checkpoint` is called meanwhile and may raise.

    Raises `Problem` where the disk lets nobody hold it.
    """
    try:
        handle = acquire(path)
        while handle is None:
            checkpoint()
            time.sleep(0.1)
            handle = acquire(path)
    except OSError as error:
        raise locking_failed(error, path) from error
    try:
        yield
    finally:
        release(handle)
