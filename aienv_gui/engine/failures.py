"""The failure that the application puts into words: a code of `protocol.Code` and its values."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

from .protocol import Code


class Failure(Exception):
    """Ends the work with a code and values; raised before anything has changed."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(f"{code} {values}")
        self.code = code
        self.values = values


def of_writing(error: OSError, path: Path) -> Failure:
    """What a failed write means: full disk, read-only, anything else."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Failure(Code.DISK_FULL, path=str(path), free=free_bytes(path), detail=str(error))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Failure(Code.READ_ONLY, path=str(path), detail=str(error))
    return Failure(Code.WRITE_FAILED, path=str(path), reason=str(error))


def is_memory_full(error: BaseException) -> bool:
    """Whether an error of PyTorch or Python says so; PyTorch has a type of its own for it on graphics cards alone."""
    words = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in words  # of the processor
        or "out of memory" in words
    )


def is_not_deterministic(error: BaseException) -> bool:
    """Whether PyTorch says that it cannot do something in the same way each time."""
    return "does not have a deterministic implementation" in str(error)


def free_bytes(path: Path) -> int:
    """Bytes free on the disk of `path`, or of the nearest folder above it that exists."""
    for folder in (path, *path.parents):
        if folder.exists():
            return shutil.disk_usage(folder).free
    return 0
