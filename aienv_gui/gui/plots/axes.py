"""Axes that speak the user's units: seconds as 1:30 or as the clock's 14:05, bytes as 1.2 GB, fractions as percent."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, Final

import pyqtgraph as pg
from PySide6.QtCore import QRectF

from aienv_gui.core.wording import size, tr

LEFT_WIDTH: Final = 64  # pixels of the value axis
RIGHT_MARGIN: Final = 8  # pixels, right of the plot: half of the last label
UNITS: Final = ("number", "percent", "fraction", "bytes", "bytes_s", "celsius", "watts", "mhz")

_TIME_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def value_text(value: float, unit: str) -> str:
    """A value in its unit as it is read aloud: ``83 %``, ``9.1 GB``, ``0.0412``."""
    if not math.isfinite(value):
        return "–"
    if unit == "percent":
        return f"{value:.0f} %"
    if unit == "fraction":
        return f"{value * 100:.1f} %"
    if unit == "bytes":
        return size(value)
    if unit == "bytes_s":
        return f"{size(value)}/s"
    if unit == "celsius":
        return f"{value:.0f} °C"
    if unit == "watts":
        return f"{value:.0f} W"
    if unit == "mhz":
        return f"{value:.0f} MHz"
    return f"{value:.4g}"


def clock(seconds: float) -> str:
    """A moment of a run: ``1:30`` or ``2:05:00``; the same in every language."""
    whole = round(abs(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"-{text}" if seconds <= -0.5 else text


def ago(seconds: float) -> str:
    """A moment of the past in words: so many (negative) seconds before now."""
    if seconds > -0.5:
        return str(tr("now"))
    return str(tr("{time} ago", time=clock(-seconds)))


def wall_clock(seconds: float) -> str:
    """A moment as the clock on the wall shows it, from seconds since the epoch; with the date where it is not today."""
    then, today = time.localtime(seconds), time.localtime()
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", then)


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20... (and 0.5, 0.2...) that is at least so much."""
    least = max(least, 1e-12)
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


class TimeAxis(pg.AxisItem):  # type: ignore[misc]
    """The lower axis; its unit is a second: since a start, or since the epoch where it is the `wall` clock's."""

    def __init__(self, *, wall: bool) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)  # it lays out an empty label at each change of range
        self._wall = wall

    def tickSpacing(self, low: float, high: float, length: float) -> list[tuple[float, float]]:
        wanted = (high - low) / max(2.0, length / 90)
        step = next((s for s in _TIME_STEPS if s >= wanted), None)
        if step is None:
            step = 86400 * math.ceil(wanted / 86400)
        # Full hours, and midnight, are those of the user's time zone.
        return [(float(step), -float(time.localtime(high).tm_gmtoff) if self._wall else 0.0)]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        if not self._wall:
            return [clock(value) for value in values]
        return [_wall_tick(time.localtime(value), spacing) for value in values]


def _wall_tick(then: time.struct_time, spacing: float) -> str:
    if spacing < 60:
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%m-%d" if then.tm_hour == then.tm_min == 0 else "%H:%M", then)


class ValueAxis(pg.AxisItem):  # type: ignore[misc]
    """The left axis, of a fixed width: plots below each other share their time axis to the pixel."""

    def __init__(self, unit: str) -> None:
        super().__init__("left")
        self.enableAutoSIPrefix(False)
        self._unit = unit
        self.setWidth(LEFT_WIDTH)

    def boundingRect(self) -> QRectF:
        # pyqtgraph drops labels that reach beyond the view, as those of 0 % and 100 % do by half.
        rect: QRectF = super().boundingRect()
        return rect.adjusted(0, -12, 0, 12)

    def tickSpacing(self, low: float, high: float, length: float) -> list[tuple[float, float]]:
        return [(round_step((high - low) / max(2.0, length / 40)), 0.0)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        if self._unit == "number":
            strings: list[str] = super().tickStrings(values, scale, spacing)
            return strings
        if self._unit == "fraction":
            digits = 0 if spacing >= 0.01 else 1 if spacing >= 0.001 else 2
            return [f"{value * 100:.{digits}f} %" for value in values]
        return [value_text(value, self._unit) for value in values]


def redraw(axis: Any) -> None:
    """Draw an axis again whose words have changed: pyqtgraph keeps its last picture."""
    axis.picture = None
    axis.update()
