"""What is done about a loss that is no number: back to the last good state, and on with a lower learning rate."""

from __future__ import annotations

import math

TRIES = 3
NAMED = 5  # files of the batch that are told
_SLOWER = 0.3  # of the learning rate, at each try


class NotANumber(Exception):
    """The loss of a batch is infinite or no number; nothing was learnt from it. `files` are those of the batch."""

    files: tuple[str, ...] = ()


def is_good(accuracy: float, loss: float, classes: int) -> bool:
    """Whether a state is worth to go back to: it knows more than guessing does, or was at least not growing wild."""
    return accuracy > 1.5 / classes or loss < 2 * math.log(classes)


def slower(rate: float, rescues: int) -> float:
    """The learning rate after so many rescues."""
    return rate * _SLOWER**rescues
