"""The processor's and the cards' memory: kept for the next step, and let go of when it does not suffice."""

from __future__ import annotations

import contextlib
import ctypes
import gc

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


def let_go(device: torch.device) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
