"""Random numbers without a state to keep: every seed is derived from the run's seed and what it is for.

Order, augmentation and dropout of a step depend on (seed, epoch, step) alone, so that a training that was interrupted
anywhere goes on exactly as if it had not been.
"""

from __future__ import annotations

import hashlib


def derive(seed: int, *purpose: object) -> int:
    """A seed of 63 bits for `purpose`."""
    words = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(words.encode("utf-8")).digest()[:8], "big") >> 1
