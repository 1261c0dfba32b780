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

_FILL = np.float32(0.16)
_LEVELS = np.float32(255)
_HALF = np.float32(0.5)


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
    upper = height - thickness - (np.minimum(np.maximum(highest, bottom), top) - bottom) * scale
    lower = height - (np.minimum(np.maximum(lowest, bottom), top) - bottom) * scale
    gap = np.isnan(upper)
    upper[gap] = lower[gap] = height
    upper, lower = upper.astype(np.float32), lower.astype(np.float32)
    above, below = _rows(height)
    alpha = np.maximum(np.minimum(below, lower) - np.maximum(above, upper), 0)  # the share of each pixel in the line
    if fill:
        area = np.minimum(np.maximum(below - upper, 0), 1)  # ... and in the area, of which the line is a part
        alpha += _FILL * (area - alpha)
    pixels = _shades(colour.rgb()).take((alpha * _LEVELS + _HALF).astype(np.uint8))
    picture = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
    return picture.copy()  # of its own: numpy's memory goes with this function


def column_extents(x: Array, y: Array, span: tuple[float, float], columns: int) -> tuple[Array, Array]:
    """The smallest and the largest value of the line through the points in each column; NaN where there is no line."""
    if not len(x):
        nothing = np.full(columns, np.nan)
        return nothing, nothing.copy()
    edges = _edges(*span, columns)
    at_edges = np.interp(edges, x, y, left=np.nan, right=np.nan)
    lowest = np.fmin(at_edges[:-1], at_edges[1:])
    highest = np.fmax(at_edges[:-1], at_edges[1:])
    starts = x.searchsorted(edges)
    starts[-1] = x.searchsorted(span[1], side="right")
    filled = (starts[1:] > starts[:-1]).nonzero()[0]
    if len(filled):
        known, starts = y[: starts[-1]], starts[filled]
        lowest[filled] = np.fmin(lowest[filled], np.fmin.reduceat(known, starts))
        highest[filled] = np.fmax(highest[filled], np.fmax.reduceat(known, starts))
    return lowest, highest


@lru_cache(maxsize=64)
def _edges(left: float, right: float, columns: int) -> Array:
    return np.linspace(left, right, columns + 1)


@lru_cache(maxsize=64)
def _rows(height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The upper and the lower edge of each row of pixels."""
    above = np.arange(height, dtype=np.float32)[:, None]
    return above, above + np.float32(1)


@lru_cache(maxsize=64)
def _shades(rgb: int) -> NDArray[np.uint32]:
    """A colour in all shades from transparent to full, premultiplied as Qt stores them."""
    alpha = np.arange(256, dtype=np.uint32)
    channels = [np.rint(alpha * (rgb >> shift & 0xFF) / 255).astype(np.uint32) << shift for shift in (0, 8, 16)]
    return np.asarray(alpha << 24 | channels[0] | channels[1] | channels[2], dtype=np.uint32)
