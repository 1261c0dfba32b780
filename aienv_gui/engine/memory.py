"""Memory that does not suffice: how it is recognised, and let go of."""

from __future__ import annotations

import gc

import torch


class MemoryIsFull(Exception):
    """A batch, or the part of it that is computed at once, does not fit."""


def is_full(error: BaseException) -> bool:
    """Whether an error of PyTorch, or of Python, says so; PyTorch has a type of its own for graphics cards alone."""
    words = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in words  # of the processor
        or "out of memory" in words
    )


def let_go(device: torch.device) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
