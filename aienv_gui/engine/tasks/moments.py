"""Moments of a time series: how they are written, and which come after the last. Standard library only."""

from __future__ import annotations

import calendar
import datetime
import itertools
from collections.abc import Sequence
from statistics import median

_DAY_0 = datetime.datetime(1970, 1, 1)
_MONTHS = ((28, 31, 1), (89, 92, 3), (181, 184, 6), (365, 366, 12))  # days from, to: months
_MINUTE = 1 / 1440


def label(time: float, form: str) -> str:
    """A moment as the table writes it: a date by its form, else a number."""
    if not form:
        return f"{time:.10g}"
    return (_DAY_0 + datetime.timedelta(days=time)).strftime(form)


def after(times: Sequence[float], count: int, *, dates: bool) -> list[float]:
    """The moments after the last, at the usual distance; months stay months, though these are not equally long."""
    steps = [later - before for before, later in itertools.pairwise(times)]
    if not steps:
        return [times[-1] + number for number in range(1, count + 1)]
    step = median(steps)
    if dates:
        for least, most, months in _MONTHS:
            inside = {round(one) for one in steps if least <= one <= most}
            at_ends = all(_ends_its_month(time) for time in times[-2:])
            if least <= step <= most and (len(inside) > 1 or at_ends or months == 12):
                return [_months_later(times[-1], months * number, at_ends) for number in range(1, count + 1)]
        if abs(step - round(step)) < _MINUTE:
            step = float(round(step))
    return [times[-1] + step * number for number in range(1, count + 1)]


def _ends_its_month(time: float) -> bool:
    return (_DAY_0 + datetime.timedelta(days=time + 1)).day == 1


def _months_later(time: float, months: int, at_end: bool) -> float:
    begin = _DAY_0 + datetime.timedelta(days=time)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    days = calendar.monthrange(year, month + 1)[1]
    later = begin.replace(year=year, month=month + 1, day=days if at_end else min(begin.day, days))
    return (later - _DAY_0).total_seconds() / 86400
