"""A small curve as a picture, computed column by column: smooth, and a hundredth of the price of a polygon.

Qt needs 5 to 15 ms for the filled area of ten noisy minutes, since each of its edges is traced; here the share of each
pixel that the line covers follows from where the curve is lowest and highest in the pixel's column.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from aienv_gui.gui.plots.decimation import Array

_FILL = 0.16
_LEVELS = 255


def curve_picture(
    ages: Array,
    values: Array,
    span: tuple[float, float],
    limits: tuple[float, float],
    size: tuple[int, int],
    colour: QColor,
    *,
    thickness: float = 1.0,
    fill: bool = False,
) -> QImage:
    """Draw `values` at ascending `ages` into a transparent picture of `size` pixels; NaN is a gap.

    `span` are the ages at its left and right side, `limits` the values at its lower and upper side, beyond which the
    curve is cut off. `thickness` of the line is in pixels; with `fill` the area below it is tinted.
    """
    width, height = size
    lowest, highest = column_extents(ages, values, span, width)
    bottom, top = limits
    # Half of the line's thickness stays within the picture also where the curve is at its limits.
    scale = (height - thickness) / (top - bottom)
    upper = height - thickness - (np.clip(highest, bottom, top) - bottom) * scale
    lower = height - (np.clip(lowest, bottom, top) - bottom) * scale
    gap = np.isnan(upper)
    upper[gap] = lower[gap] = height
    rows = np.arange(height, dtype=np.float32)[:, None]
    upper, lower = upper.astype(np.float32), lower.astype(np.float32)
    covered = np.clip(np.minimum(rows + 1, lower) - np.maximum(rows, upper), 0, 1)
    if fill:
        covered += (1 - covered) * np.float32(_FILL) * np.clip(rows + 1 - upper, 0, 1)
    pixels = _shades(colour.rgb())[np.rint(covered * _LEVELS).astype(np.uint8)]
    picture = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
    return picture.copy()  # of its own: numpy's memory goes with this function


def column_extents(x: Array, y: Array, span: tuple[float, float], columns: int) -> tuple[Array, Array]:
    """The smallest and the largest value of the line through the points in each column; NaN where there is no line."""
    if not len(x):
        nothing = np.full(columns, np.nan)
        return nothing, nothing.copy()
    edges = np.linspace(*span, columns + 1)
    at_edges = np.interp(edges, x, y, left=np.nan, right=np.nan)
    lowest = np.fmin(at_edges[:-1], at_edges[1:])
    highest = np.fmax(at_edges[:-1], at_edges[1:])
    first, end = np.searchsorted(x, span[0], side="left"), np.searchsorted(x, span[1], side="right")
    if first < end:
        starts = np.append(np.searchsorted(x[first:end], edges[:-1]) + first, end)
        filled = np.flatnonzero(np.diff(starts))
        lowest[filled] = np.fmin(lowest[filled], np.fmin.reduceat(y[:end], starts[filled]))
        highest[filled] = np.fmax(highest[filled], np.fmax.reduceat(y[:end], starts[filled]))
    return lowest, highest


@lru_cache(maxsize=64)
def _shades(rgb: int) -> NDArray[np.uint32]:
    """A colour in all shades from transparent to full, premultiplied as Qt stores them."""
    alpha = np.arange(_LEVELS + 1, dtype=np.uint32)
    channels = [np.rint(alpha * (rgb >> shift & 0xFF) / _LEVELS).astype(np.uint32) << shift for shift in (0, 8, 16)]
    return np.asarray(alpha << 24 | channels[0] | channels[1] | channels[2], dtype=np.uint32)
