"""Few points for the same picture, found without a look at all of them: against the plain way, on made-up series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aienv_gui.gui.plots import decimation
from aienv_gui.gui.plots.decimation import Array, Pyramid, decimate


def made_up(random: np.random.Generator, length: int) -> tuple[Array, Array]:
    """An ascending x with even, uneven or repeated steps, and a y with peaks and with gaps of all lengths."""
    steps = (np.ones(length), random.exponential(1.0, length), random.choice([0.0, 0.1, 400.0], length))
    x = np.cumsum(steps[random.integers(3)])
    y = random.normal(0.0, 1.0, length)
    y[random.integers(length, size=3)] = random.normal(0.0, 1e6, 3)
    for _ in range(random.integers(4)):
        start = int(random.integers(length))
        y[start : start + int(random.exponential(length / 20))] = math.nan
    return x, y


def plain_extremes(values: Array) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (math.nan, math.nan)


@pytest.mark.parametrize("seed", range(60))
def test_extremes_of_any_ranges_are_those_of_a_plain_look(seed: int) -> None:
    random = np.random.default_rng(seed)
    length = int(random.choice([3, 17, 300, 5000, 70_000]))
    _, y = made_up(random, length)
    pyramid = Pyramid()
    pyramid.follow(y)
    bounds = np.unique(random.integers(0, length + 1, size=int(random.integers(2, 40))))
    if len(bounds) < 2:
        bounds = np.array([0, length])
    starts, stops = bounds[:-1], bounds[1:]
    keep = random.random(len(starts)) < 0.8  # not every range lies beside another
    keep[0] = True
    starts, stops = starts[keep], stops[keep]
    lows, highs = pyramid.extremes(starts, stops)
    expected = [plain_extremes(y[start:stop]) for start, stop in zip(starts, stops, strict=True)]
    np.testing.assert_array_equal(np.stack((lows, highs), axis=1), expected)


@pytest.mark.parametrize("seed", range(60))
def test_each_column_shows_its_own_extremes(seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    x, y = made_up(random, int(random.choice([50, 900, 40_000, 120_000])))
    columns = int(random.integers(1, 700))
    low, high = np.sort(random.uniform(x[0] - 10, x[-1] + 10, 2))
    got_x, got_y = decimate(x, y, low, high, columns, Pyramid())
    inside = (x >= low) & (x <= high)
    shown = (got_x >= low) & (got_x <= high)
    assert (np.diff(got_x) >= 0).all()
    assert shown.sum() <= 2 * columns + 1
    assert len(got_x) - shown.sum() <= 4
    edges = np.linspace(low, high, columns + 1)[:-1]

    def by_column(at: Array) -> np.ndarray:
        return np.searchsorted(edges, at, side="right") - 1

    wanted, drawn = by_column(x[inside]), by_column(got_x[shown])
    for column in np.unique(wanted):
        values = plain_extremes(got_y[shown][drawn == column])
        np.testing.assert_equal(values, plain_extremes(y[inside][wanted == column]), f"column {column}")


@pytest.mark.parametrize("seed", range(20))
def test_a_series_that_grew_in_steps_is_found_as_one_read_at_once(seed: int) -> None:
    random = np.random.default_rng(2000 + seed)
    x, y = made_up(random, 30_000)
    followed = Pyramid()
    end = 0
    while end < len(y):
        end = min(len(y), end + int(random.choice([1, 15, 16, 17, 400, 9000])))
        # As a table hands them out: now the same memory, now a copy made when it was full.
        followed.follow(y[:end] if random.random() < 0.8 else y[:end].copy())
    for got, wanted in zip(
        decimate(x, y, x[100], x[-1], 200, followed), decimate(x, y, x[100], x[-1], 200), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)


def test_growth_reads_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    plain = decimation._halved

    def counted(smaller: np.ufunc, values: Array) -> Array:
        read.append(len(values))
        return plain(smaller, values)

    monkeypatch.setattr(decimation, "_halved", counted)
    y = np.random.default_rng(5).random(1_000_000)
    pyramid = Pyramid()
    pyramid.follow(y[:900_000])
    assert sum(read) > 1_800_000
    read.clear()
    pyramid.follow(y[:900_100])
    pyramid.follow(y[:900_200].copy())  # elsewhere in memory, but the same start
    assert sum(read) < 1000


def test_another_series_or_a_shorter_one_is_read_anew() -> None:
    x = np.arange(200_000.0)
    pyramid = Pyramid()
    for y in (np.sin(x), np.cos(x), np.cos(x)[:150_000], np.append(np.cos(x)[:149_999], 5.0)):
        got = decimate(x[: len(y)], y, 0.0, x[len(y) - 1], 300, pyramid)[1]
        assert (got.min(), got.max()) == (y.min(), y.max())


def test_memory_is_about_a_seventh() -> None:
    y = np.random.default_rng(6).random(1_000_000)
    pyramid = Pyramid()
    for end in range(10_000, len(y) + 1, 10_000):
        pyramid.follow(y[:end])
    assert sum(level.nbytes for level in pyramid._levels) < y.nbytes / 6.5


def test_columns_stand_still_while_the_view_does() -> None:
    """A curve that grows within a view must not flicker: old columns keep their points."""
    x = np.arange(100_000.0)
    y = np.random.default_rng(7).random(100_000)
    before = decimate(x[:80_000], y[:80_000], 0.0, 100_000.0, 500)
    after = decimate(x[:90_000], y[:90_000], 0.0, 100_000.0, 500)
    np.testing.assert_array_equal(before[1][:790], after[1][:790])
