"""The trend of a noisy curve: a running mean that ends at each point, found as the points come."""

from __future__ import annotations

import numpy as np

from aienv_gui.training.records import Array

_SHARE = 100  # the mean at a point is over a hundredth of the points before it...
_LEAST, _MOST = 5, 200  # ... but never over fewer or more than this


def trend(before: Array, new: Array, count: int) -> Array:
    """The means at `new` values that follow `count` others, of which `before` are the last. NaN stays where it is.

    Each mean rests on its point's past alone, so that what was found once stays: a step costs the same at any length.
    """
    part = np.concatenate([before[-_MOST:], new])
    known = np.isfinite(part)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, part, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    ends = np.arange(len(part) - len(new), len(part)) + 1
    windows = np.clip((count + np.arange(len(new)) + 1) // _SHARE, _LEAST, _MOST)
    first = np.maximum(0, ends - windows)
    means: Array = (sums[ends] - sums[first]) / np.maximum(counts[ends] - counts[first], 1)
    means[~known[ends - 1]] = np.nan
    return means
