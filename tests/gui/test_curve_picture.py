"""Small curves computed column by column, against the plain way and against what Qt draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QApplication

from aienv_gui.gui.plots.curve_picture import column_extents, curve_picture
from aienv_gui.gui.plots.decimation import Array

_COLOUR = QColor(17, 119, 204)


def alphas(picture: QImage) -> Array:
    return np.array(
        [[picture.pixelColor(x, y).alpha() for x in range(picture.width())] for y in range(picture.height())]
    )


def plain_extents(x: Array, y: Array, left: float, right: float) -> tuple[float, float]:
    """Of the pieces of line between known neighbours that lie in left..right, cut where they leave it."""
    values = [value for at, value in zip(x, y, strict=True) if left <= at <= right and math.isfinite(value)]
    for (x0, y0), (x1, y1) in zip(zip(x, y, strict=True), zip(x[1:], y[1:], strict=True), strict=False):
        if math.isfinite(y0) and math.isfinite(y1):
            values += [y0 + (y1 - y0) * (at - x0) / (x1 - x0) for at in (left, right) if x0 <= at <= x1]
    return (min(values), max(values)) if values else (math.nan, math.nan)


@pytest.mark.parametrize("seed", range(30))
def test_columns_hold_what_the_line_covers_in_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, columns = int(random.choice([1, 2, 7, 60, 600])), int(random.choice([1, 13, 170]))
    x = np.cumsum(random.exponential(1.0, count) + 0.01) - random.uniform(0, count)
    y = random.normal(0, 1, count)
    y[random.random(count) < 0.1] = math.nan
    span = (float(x[0]) - random.uniform(-2, 3), float(x[-1]) + random.uniform(0, 3))
    if span[0] >= span[1]:
        span = (span[1] - 1.0, span[1])
    lowest, highest = column_extents(x, y, span, columns)
    edges = np.linspace(*span, columns + 1)
    for column in range(columns):
        wanted = plain_extents(x, y, edges[column], edges[column + 1])
        # A point that lies exactly on the edge of two columns may count for either.
        np.testing.assert_allclose((lowest[column], highest[column]), wanted, atol=1e-9)


def test_a_level_line_is_one_pixel_high_and_the_area_below_it_is_tinted(qapp: QApplication) -> None:
    ages = np.arange(-10.0, 1.0)
    shown = alphas(curve_picture(ages, np.full(11, 50.0), (-10.0, 0.0), (0.0, 100.0), (20, 41), _COLOUR, fill=True))
    assert (shown[:20] == 0).all()
    assert (shown[20] == 255).all()
    assert (shown[21:] == round(255 * 0.16)).all()


@pytest.mark.parametrize("level", [0.0, 100.0, -50.0, 500.0])
def test_a_line_at_or_beyond_its_limits_stays_whole(qapp: QApplication, level: float) -> None:
    ages = np.arange(-10.0, 1.0)
    shown = alphas(curve_picture(ages, np.full(11, level), (-10.0, 0.0), (0.0, 100.0), (20, 41), _COLOUR))
    row = 40 if level <= 0 else 0
    assert (shown[row] == 255).all()
    assert shown.sum() == 255 * 20


def test_gaps_stay_empty_and_a_lone_point_is_seen(qapp: QApplication) -> None:
    values = np.full(11, 50.0)
    values[[4, 5, 6, 8, 9, 10]] = math.nan  # known up to the third, and once at the seventh
    shown = alphas(
        curve_picture(np.arange(-10.0, 1.0), values, (-10.0, 0.0), (0.0, 100.0), (110, 41), _COLOUR, fill=True)
    )
    seen = shown.max(axis=0) > 0
    assert seen[:33].all()
    assert not seen[34:76].any()
    assert seen[76:78].any()  # on the edge of two columns
    assert not seen[78:].any()


def test_looks_like_the_line_that_qt_draws(qapp: QApplication) -> None:
    """Where the curve is smooth: the same grey values up to a sixth, column by column."""
    ages = np.linspace(-600.0, 0.0, 601)
    values = 50 + 30 * np.sin(ages / 60)
    width, height = 300, 61
    ours = alphas(curve_picture(ages, values, (-600.0, 0.0), (0.0, 100.0), (width, height), _COLOUR))
    theirs = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    theirs.fill(0)
    painter = QPainter(theirs)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(_COLOUR, 1))
    line = [
        QPointF((age + 600) / 600 * width, height - 0.5 - value / 100 * (height - 1))
        for age, value in zip(ages, values, strict=True)
    ]
    painter.drawPolyline(line)
    painter.end()
    rows = np.arange(height)[:, None]
    centre_ours = (ours * rows).sum(axis=0) / ours.sum(axis=0)
    expected = alphas(theirs)
    centre_theirs = (expected * rows).sum(axis=0) / expected.sum(axis=0)
    assert np.abs(centre_ours - centre_theirs)[2:-2].max() < 0.25


def test_nothing_known_draws_nothing(qapp: QApplication) -> None:
    empty = np.empty(0)
    for ages, values in ((empty, empty), (np.array([-1.0, 0.0]), np.full(2, math.nan))):
        assert alphas(curve_picture(ages, values, (-9.0, 0.0), (0.0, 1.0), (9, 9), _COLOUR, fill=True)).max() == 0
