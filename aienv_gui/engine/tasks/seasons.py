"""Whether a series repeats itself, and after how many rows: a peak of its autocorrelation. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

_MOST_ROWS = 4000  # the last ones are enough
_MOST_LAG = 400  # rows of a season, at most: more would take minutes to look for
_SEASONS = 3  # that are to be there, to believe in one
_CLEAR = 0.3  # correlation with itself a season before
_ABOVE = 0.2  # ... and so much more than with what lies between


def season_of(values: Sequence[float | None]) -> int:
    """The rows after which the values repeat themselves; 0 where they do not clearly do so."""
    known: list[float] = []
    for value in values[-_MOST_ROWS:]:
        if value is not None or known:
            known.append(value if value is not None else known[-1])
    most = min(_MOST_LAG, len(known) // _SEASONS)
    if most < 2:
        return 0
    rest = _without_trend(known)
    whole = sum(value * value for value in rest)
    if whole <= 1e-12 * sum(value * value for value in known):
        return 0
    likeness = [1.0] + [
        sum(a * b for a, b in zip(rest, rest[lag:], strict=False)) / whole for lag in range(1, most + 1)
    ]
    best, lowest = 0, 1.0
    for lag in range(1, most):
        lowest = min(lowest, likeness[lag])
        peak = likeness[lag - 1] < likeness[lag] >= likeness[lag + 1]
        if lag > 1 and peak and likeness[lag] > max(_CLEAR, lowest + _ABOVE, likeness[best] if best else 0.0):
            best = lag
    return best


def _without_trend(values: Sequence[float]) -> list[float]:
    """Without the parabola that fits best: a series that grows is like itself at every distance."""
    count = len(values)
    places = [2 * row / max(1, count - 1) - 1 for row in range(count)]
    # Polynomials that are orthogonal over these places: each share is found for itself.
    flat = [1.0] * count
    square = [place * place for place in places]
    middle = fmean(square)
    curve = [value - middle for value in square]
    rest = list(values)
    for form in (flat, places, curve):
        norm = sum(value * value for value in form)
        if norm > 0:
            share = sum(a * b for a, b in zip(rest, form, strict=True)) / norm
            rest = [value - share * shape for value, shape in zip(rest, form, strict=True)]
    return rest
