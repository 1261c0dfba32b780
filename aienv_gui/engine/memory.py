"""The processor's and the cards' memory: kept for the next step, and let go of when it does not suffice."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from pathlib import Path

import torch

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's mallopt


class MemoryIsFull(Exception):
    """A batch, or the part of it that is computed at once, does not fit."""


def keep_for_the_next_step() -> None:
    """Have what a step lets go of kept by the process, since the next one needs as much.

    The allocator of glibc gives large pieces back to the system, which clears each page anew when it is asked for
    again: thousands of times a step. Elsewhere nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, -1)


def available() -> int:
    """Bytes that this process can still have, about: of the computer, of its container, and by its own limit."""
    return max(0, min(_of_the_computer(), _of_the_container(), _of_the_limit()))


def _of_the_computer() -> int:
    if sys.platform == "win32":
        return _of_windows()
    try:
        return 1024 * _numbers(Path("/proc/meminfo"))["MemAvailable"]
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # macOS, where it is not easily told


def _of_windows() -> int:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *(
                (name, ctypes.c_uint64)
                for name in ("total", "free", "pages", "pages_free", "room", "room_free", "more")
            ),
        )

    status = Status()
    status.length = ctypes.sizeof(status)
    ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined, unused-ignore]
    return int(status.free)


def _of_the_container() -> int:
    """By the control group, the second version of it: what is only a copy of files goes when it is needed."""
    group = Path("/sys/fs/cgroup")
    try:
        most, taken = ((group / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        return int(most) - int(taken) + _numbers(group / "memory.stat")["inactive_file"]
    except (OSError, ValueError, KeyError):  # none, or "max"
        return sys.maxsize


def _of_the_limit() -> int:
    """As set by `ulimit -d`, which is what a job on a shared computer may take."""
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_DATA)
        if most == resource.RLIM_INFINITY:
            return sys.maxsize
        return most - 1024 * _numbers(Path("/proc/self/status"))["VmData"]
    except (ImportError, OSError, KeyError):
        return sys.maxsize


def _numbers(file: Path) -> dict[str, int]:
    """Of the lines with a name and a number."""
    words = (line.replace(":", " ").split() for line in file.read_text(encoding="utf-8").splitlines())
    return {line[0]: int(line[1]) for line in words if len(line) > 1 and line[1].isdecimal()}


def let_go(device: torch.device) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
