"""A time series: rows of a table in the order of time, one column forecast from its past and that of others.

Standard library only. The rows are taken for evenly spaced, as they nearly always are. A missing value is filled with
the one before, since what comes later is not known when it is forecast; what was filled is never a truth to learn.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from ..failures import Failure
from ..protocol import Code
from . import moments
from .seasons import season_of
from .table_files import Table, read_table
from .tables import CONSTANT, DATE, EMPTY, IDENTITY, NAMED_TARGET, NUMBER, Column, guess, values_of
from .task import SPLITS, Progress

_NAMED_TIME = ("time", "date", "datetime", "timestamp", "year", "month", "day", "hour", "week", "t", "step")
_NAMED_TIME_TOO = ("时间", "日期", "年", "年份", "月", "月份", "时刻")
_SHARE = 0.15  # of the rows, for validation and for the test
_FEWEST = 30  # rows that can be ordered and forecast from
_EXAMPLES = 20  # windows to learn from, at least
_LONGEST = 512  # a window that is chosen by itself
_SAME_TIME = 0.1  # share of rows at the same moment as another, beyond which these are several series
_FEW_KNOWN = frozenset({CONSTANT, EMPTY, IDENTITY})  # what a column of numbers may look like in a short table
_UNEVEN = 1.5  # times the usual step is a gap
_POINTS = 600  # of the series, to be drawn


@dataclass(frozen=True)
class Asked:
    """What a recipe's ``data`` asks for; what it leaves open is guessed."""

    target: str = ""
    time: str | None = None  # the empty string: the rows as they stand
    leave_out: frozenset[str] = frozenset()
    window: int = 0
    horizon: int = 0

    @staticmethod
    def of(data: dict[str, Any]) -> Asked:
        time = data.get("time")
        return Asked(
            target=str(data.get("target") or ""),
            time=None if time is None else str(time),
            leave_out=frozenset(map(str, data.get("leave_out") or ())),
            window=max(0, int(data.get("window") or 0)),
            horizon=max(0, int(data.get("horizon") or 0)),
        )


@dataclass(frozen=True)
class Series:
    """Rows in the order of time. `values[0]` is the column that is forecast; None where one is missing."""

    path: Path
    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    times: tuple[float, ...]  # days since 1970, numbers of the time column, or of the rows
    time: str  # the column's name; empty: the rows as they stand
    form: str  # of its dates; empty where it has none
    lines: tuple[int, ...]  # where each row stands in the file
    remarks: tuple[dict[str, Any], ...]

    @property
    def rows(self) -> int:
        return len(self.lines)

    @property
    def target(self) -> str:
        return self.names[0]

    def label(self, row: int) -> str:
        """What the user calls a moment: its time, or the number of its row."""
        return moments.label(self.times[row], self.form)

    def labels_after(self, count: int) -> list[str]:
        """What the moments after the end are called."""
        return [moments.label(time, self.form) for time in moments.after(self.times, count, dates=bool(self.form))]


@dataclass(frozen=True)
class Plan:
    """How a series is cut into examples. An example is known by the row that it forecasts first."""

    window: int
    horizon: int
    season: int  # rows after which it repeats itself; 0: none was found
    validation: int  # the row where it begins
    test: int
    rows: int

    def examples(self, split: str) -> range:
        """First rows forecast of a split. All that one forecasts lies within its split; it looks back without bounds.

        So no value that is judged by was ever looked at in the training, while what lies before it is known by then.
        """
        first, end = {
            "train": (self.window, self.validation),
            "validation": (self.validation, self.test),
            "test": (self.test, self.rows),
        }[split]
        return range(max(first, self.window), end - self.horizon + 1)


def read(table: Table, columns: Sequence[Column], asked: Asked, *, fewest: int = _FEWEST) -> Series:
    """The series of a table. Raises `Failure` where there is none in it, or one of fewer values than `fewest`."""
    path = str(table.path)
    time = _time_column(path, columns, asked)
    target = _target(path, columns, asked, time)
    others = [c for c in columns if c.kind == NUMBER and c not in (target, time) and c.name not in asked.leave_out]
    chosen = (target, *others)
    remarks: list[dict[str, Any]] = []
    ignored = [c for c in columns if c not in (*chosen, time) and c.name not in asked.leave_out]
    if ignored:
        kinds = {column.name: column.kind for column in ignored}
        remarks.append({"code": Code.COLUMNS_LEFT_OUT, "values": {"columns": kinds}})
    if table.headless:
        remarks.append({"code": Code.NO_HEADER, "values": {}})
    order = list(range(table.rows))
    times: list[float] = [float(row) for row in range(1, table.rows + 1)]
    if time is not None:
        order, times = _in_order(path, table, time, remarks)
    cells = [_values(table, column) for column in chosen]
    values = [[column[row] for row in order] for column in cells]
    first, last = _known(values[0])
    series = Series(
        path=table.path,
        names=tuple(column.name for column in chosen),
        values=tuple(tuple(column[first:last]) for column in values),
        times=tuple(times[first:last]),
        time=time.name if time is not None else "",
        form=time.form if time is not None else "",
        lines=tuple(table.lines[row] for row in order[first:last]),
        remarks=(),
    )
    gaps = {name: sum(value is None for value in v) for name, v in zip(series.names, series.values, strict=True)}
    gaps = {name: count for name, count in gaps.items() if count}
    if gaps:
        remarks.append({"code": Code.GAPS_FILLED, "values": {"columns": gaps}})
    if series.time:
        remarks += _uneven(series)
    known = sum(value is not None for value in series.values[0])
    if known < fewest:
        raise Failure(Code.FEW_ROWS, path=path, count=known, minimum=fewest)
    return replace(series, remarks=tuple(remarks))


def continued(table: Table, columns: Sequence[Column], names: Sequence[str], time: str) -> Series:
    """The columns `names` of another table, the first to be forecast. Raises `Failure` where they are not there.

    It may be too short to tell what its columns are: they are taken for what they were in the training.
    """
    missing = [name for name in names if name not in table.names]
    if missing:
        raise Failure(Code.BAD_TARGET, path=str(table.path), name=missing[0], reason="missing")
    taken = [
        replace(column, kind=NUMBER) if column.name in names and column.kind in _FEW_KNOWN else column
        for column in columns
    ]
    asked = Asked(names[0], time if time in table.names else "", frozenset(table.names) - frozenset(names))
    return read(table, taken, asked, fewest=1)


def _values(table: Table, column: Column) -> list[float | None]:
    cells = table.columns[table.names.index(column.name)]
    kind = DATE if column.kind == DATE else NUMBER
    values = values_of(Column(column.name, kind, 0, 0, form=column.form), cells, decimal_comma=table.decimal_comma)
    return [None if value is None else float(value) for value in values]


def _time_column(path: str, columns: Sequence[Column], asked: Asked) -> Column | None:
    """The column asked for; without such the first of dates, else one that is called so and always differs."""
    if asked.time == "":
        return None
    named = {column.name: column for column in columns}
    if asked.time is not None:
        if asked.time not in named:
            raise Failure(Code.BAD_TIME, path=path, name=asked.time, reason="missing")
        if named[asked.time].kind not in (DATE, NUMBER, IDENTITY):
            raise Failure(Code.BAD_TIME, path=path, name=asked.time, reason="no_time")
        return named[asked.time]
    free = [column for column in columns if column.name != asked.target]
    dates = [column for column in free if column.kind == DATE]
    called = [
        column
        for column in free
        if column.kind in (NUMBER, IDENTITY) and column.name.lower() in (*_NAMED_TIME, *_NAMED_TIME_TOO)
    ]
    # A year or a month alone does not tell the order where rows share it.
    rows = max((column.distinct + column.missing for column in columns), default=0)
    differing = [column for column in called if column.distinct >= (1 - _SAME_TIME) * rows]
    return next(iter([*dates, *differing]), None)


def _target(path: str, columns: Sequence[Column], asked: Asked, time: Column | None) -> Column:
    named = {column.name: column for column in columns}
    if asked.target:
        if asked.target not in named:
            raise Failure(Code.BAD_TARGET, path=path, name=asked.target, reason="missing")
        target = named[asked.target]
        if time is not None and target.name == time.name:
            raise Failure(Code.BAD_TIME, path=path, name=time.name, reason="target")
        if target.kind in (CONSTANT, EMPTY):
            raise Failure(Code.BAD_TARGET, path=path, name=target.name, reason=target.kind)
        if target.kind not in (NUMBER, IDENTITY):
            raise Failure(Code.BAD_TARGET, path=path, name=target.name, reason="not_numbers")
        return target
    usable = [c for c in columns if c.kind == NUMBER and c is not time and c.name not in asked.leave_out]
    if not usable:
        raise Failure(Code.NO_SERIES, path=path)
    return next((c for c in usable if c.name.lower() in NAMED_TARGET), usable[-1])


def _in_order(path: str, table: Table, time: Column, remarks: list[dict[str, Any]]) -> tuple[list[int], list[float]]:
    """Rows by their time, and their times; those without one, and later ones at the same moment, are left out."""
    found = _values(table, time)
    order = sorted((row for row in range(table.rows) if found[row] is not None), key=lambda row: found[row] or 0.0)
    if len(order) < table.rows:
        values = {"count": table.rows - len(order), "name": time.name}
        remarks.append({"code": Code.NO_TIME, "values": values})
    kept = [row for place, row in enumerate(order) if place == 0 or found[row] != found[order[place - 1]]]
    same = len(order) - len(kept)
    if same > _SAME_TIME * len(order):
        raise Failure(Code.BAD_TIME, path=path, name=time.name, reason="repeated", count=same)
    if same:
        remarks.append({"code": Code.SAME_TIME, "values": {"count": same, "name": time.name}})
    return kept, [found[row] or 0.0 for row in kept]


def _known(values: Sequence[float | None]) -> tuple[int, int]:
    """From the first value that is there to after the last: before and after there is nothing to learn."""
    there = [row for row, value in enumerate(values) if value is not None]
    return (there[0], there[-1] + 1) if there else (0, 0)


def _uneven(series: Series) -> list[dict[str, Any]]:
    steps = [after - before for before, after in itertools.pairwise(series.times)]
    usual = median(steps) if steps else 0.0
    gaps = [step for step in steps if step > _UNEVEN * usual]
    if not gaps:
        return []
    unit = "days" if series.form else ""
    values = {"count": len(gaps), "usual": usual, "longest": max(gaps), "unit": unit}
    return [{"code": Code.UNEVEN_TIMES, "values": values}]


def plan(series: Series, asked: Asked) -> Plan:
    """How the series is cut, with what was not asked for chosen. Raises `Failure` where it is too short for that."""
    rows = series.rows
    apart = max(1, round(rows * _SHARE))
    training = rows - 2 * apart
    season = season_of(series.values[0][:training])
    horizon = asked.horizon or max(1, min(season or 12, apart // 2))
    window = asked.window or max(4, min(2 * season or 3 * horizon, _LONGEST, (training - horizon) // 2))
    # A long horizon wants a longer validation and test, so that there is more than one forecast in each.
    least = horizon + max(2, horizon // 2)
    apart = max(apart, least)
    made = Plan(window, horizon, season, rows - 2 * apart, rows - apart, rows)
    if len(made.examples("train")) < _EXAMPLES:
        training = window + horizon + _EXAMPLES - 1
        minimum = max(training + 2 * least, math.ceil(training / (1 - 2 * _SHARE)) + 1)
        values = {"count": rows, "minimum": minimum, "window": window, "horizon": horizon}
        raise Failure(Code.SHORT_SERIES, path=str(series.path), **values)
    return made


def fingerprint(series: Series, made: Plan) -> str:
    """Tells whether the series, and how it is cut, are the same."""
    asked = [*series.names, series.time, str(made.window), str(made.horizon)]
    whole = hashlib.sha256("\x1e".join(asked).encode("utf-8", "surrogatepass"))
    for column in (*series.values, series.times):
        whole.update(repr(column).encode("ascii"))
    return whole.hexdigest()


def split_counts(series: Series, made: Plan) -> dict[str, dict[str, int]]:
    """Examples in each split, under the target's name."""
    return {name: {series.target: len(made.examples(name))} for name in SPLITS}


def open_table(path: Path, progress: Progress) -> tuple[Table, list[Column]]:
    """Read a table and guess what its columns hold."""
    table = read_table(path)
    columns = []
    for number, (name, cells) in enumerate(zip(table.names, table.columns, strict=True), start=1):
        columns.append(guess(name, cells, decimal_comma=table.decimal_comma))
        progress(number, len(table.names))
    return table, columns


def inspect(request: dict[str, Any], _options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer to an ``inspect`` errand. Where nothing can be forecast so, the columns are told all the same."""
    table, columns = open_table(Path(request["folder"]), progress)
    asked = Asked.of(request)
    answer: dict[str, Any] = {
        "ok": True,
        "rows": table.rows,
        "columns": [{"name": c.name, "kind": c.kind, "missing": c.missing, "distinct": c.distinct} for c in columns],
    }
    try:
        series = read(table, columns, asked)
        answer |= {"target": series.target, "time": series.time, "inputs": list(series.names[1:])}
        made = plan(series, asked)
    except Failure as failure:
        return {**answer, "ok": False, "code": failure.code, "values": failure.values, "traceback": ""}
    places, values = course(series.values[0])
    return {
        **answer,
        "window": made.window,
        "horizon": made.horizon,
        "season": made.season,
        "split": split_counts(series, made),
        "begins": {"validation": made.validation, "test": made.test},
        "length": series.rows,
        "labels": [series.label(row) for row in (0, made.validation, made.test, series.rows - 1)],
        "course": {"places": places, "values": values},
        "fingerprint": fingerprint(series, made),
        "warnings": list(series.remarks),
    }


def course(values: Sequence[float | None]) -> tuple[list[int], list[float]]:
    """A series as few enough points to be drawn: of each stretch of rows the smallest and the largest value."""
    stretch = max(1, -(-2 * len(values) // _POINTS))
    chosen: list[int] = []
    for start in range(0, len(values), stretch):
        there = [row for row in range(start, min(start + stretch, len(values))) if values[row] is not None]
        if there:
            ends = {min(there, key=lambda row: values[row] or 0.0), max(there, key=lambda row: values[row] or 0.0)}
            chosen += sorted(ends)
    return chosen, [values[row] or 0.0 for row in chosen]
