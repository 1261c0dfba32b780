"""Room for decoded examples: in memory, or where they would take too much of that, in a file that the system pages in.

The file has no name that anyone could meet and goes with the process, however that ends.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import memory

_SHARE = 0.5  # of the memory that can be had


def room(shape: tuple[int, ...], folder: Path, processes: int = 1) -> npt.NDArray[np.uint8]:
    """Bytes of this shape, which each of the processes has that train together.

    Raises OSError where neither memory nor the disk of `folder` has room for them.
    """
    size = math.prod(shape)
    if size <= _SHARE * memory.available() / processes:
        return np.empty(shape, dtype=np.uint8)
    with tempfile.TemporaryFile(dir=folder, prefix=".examples-") as file:
        # All of it now: a disk that is full later would end the process without a word.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        elif shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)
