"""What is done about a loss that is no number: back to the last good state, and on with a lower learning rate."""

from __future__ import annotations

TRIES = 3
NAMED = 5  # files of the batch that are told
_SLOWER = 0.3  # of the learning rate, at each try


class NotANumber(Exception):
    """The loss of a batch is infinite or no number; nothing was learnt from it. `files` are those of the batch."""

    files: tuple[str, ...] = ()


def slower(rate: float, rescues: int) -> float:
    """The learning rate after so many rescues."""
    return rate * _SLOWER**rescues
