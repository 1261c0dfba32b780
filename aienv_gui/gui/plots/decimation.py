"""Fewer points for the same picture: at most two a pixel column, the smallest and the largest value in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def decimate(x: Array, y: Array, low: float, high: float, columns: int) -> tuple[Array, Array]:
    """What of an ascending `x` and its `y` is needed to draw the range low..high in so many pixel columns.

    Peaks survive, in the column where they are; NaN is a gap only where a whole column has no value. One point beyond
    each side is kept, so that the line runs out of the picture.
    """
    first = max(0, int(np.searchsorted(x, low, side="left")) - 1)
    last = min(len(x), int(np.searchsorted(x, high, side="right")) + 1)
    x, y = x[first:last], y[first:last]
    if len(x) <= 2 * columns or columns < 1:
        return x, y
    edges = np.linspace(x[0], x[-1], columns + 1)[:-1]
    starts = np.unique(np.searchsorted(x, edges, side="left"))
    points_x = np.repeat(x[starts], 2)
    points_y = np.empty(2 * len(starts))
    points_y[0::2] = np.fmin.reduceat(y, starts)
    points_y[1::2] = np.fmax.reduceat(y, starts)
    # The newest value is what people look at: the line ends with it.
    return np.append(points_x, x[-1]), np.append(points_y, y[-1])
