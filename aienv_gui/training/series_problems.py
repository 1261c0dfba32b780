"""The engine's codes about time series put into words: what happened, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, shortened, tr, tr_count
from aienv_gui.engine.protocol import Code


def _no_series(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There is nothing here that can be forecast."),
        cause=tr("{path} has no column of numbers beside the one of the time.", path=v["path"]),
        cure=tr("Choose a table with a row for each moment and at least one column of numbers."),
    )


def _bad_time(v: Mapping[str, Any]) -> Problem:
    make = _TIMES.get(str(v["reason"]), _no_time_at_all)
    return Problem(
        tr("The rows cannot be ordered by this column."),
        cause=make(v),
        cure=tr("Choose another column for the time, or none: then the rows are taken as they stand."),
    )


def _missing(v: Mapping[str, Any]) -> Text:
    return tr("The table has no column “{name}”.", name=_name(v))


def _no_time_at_all(v: Mapping[str, Any]) -> Text:
    return tr("“{name}” holds neither dates nor numbers.", name=_name(v))


def _is_target(v: Mapping[str, Any]) -> Text:
    return tr("“{name}” is what is to be forecast.", name=_name(v))


def _repeated(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "In “{name}” one row has the same moment as another: perhaps these are several series, one below the other. "
        "Each wants a table of its own.",
        "In “{name}” {count:,} rows have the same moment as another: perhaps these are several series, one below the "
        "other. Each wants a table of its own.",
        int(v.get("count", 0)),
        name=_name(v),
    )


def _short_series(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There are too few rows for this."),
        cause=tr_count(
            "There is one row; to look back at {window} and to forecast {horizon}, at least {minimum} are needed.",
            "There are {count:,} rows; to look back at {window} and to forecast {horizon}, at least {minimum} are "
            "needed.",
            int(v.get("count", 0)),
            window=v.get("window", "?"),
            horizon=v.get("horizon", "?"),
            minimum=v.get("minimum", "?"),
        ),
        cure=tr("Look back at fewer rows, forecast fewer, or take a longer table."),
    )


def _short_table(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("This table is too short to go on from."),
        cause=tr_count(
            "It has one row with a value; the model looks back at {minimum}.",
            "It has {count:,} rows with values; the model looks back at {minimum}.",
            int(v.get("count", 0)),
            minimum=v.get("minimum", "?"),
        ),
        cure=tr("Choose a table with more of what came before."),
    )


def _gaps_filled(v: Mapping[str, Any]) -> Text:
    columns = v.get("columns", {})
    names = ", ".join(f"{shortened(name)} ({count:,})" for name, count in columns.items())
    return tr_count(
        "One value is missing, and taken for the one before it: {names}. It is looked back at, but neither learnt as "
        "right nor judged by.",
        "{count:,} values are missing, and taken for the ones before them: {names}. They are looked back at, but "
        "neither learnt as right nor judged by.",
        sum(columns.values()),
        names=names or "?",
    )


def _no_time(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One row has no moment in “{name}” and is left out.",
        "{count:,} rows have no moment in “{name}” and are left out.",
        int(v.get("count", 0)),
        name=_name(v),
    )


def _same_time(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One row has the same moment in “{name}” as another and is left out.",
        "{count:,} rows have the same moment in “{name}” as another and are left out.",
        int(v.get("count", 0)),
        name=_name(v),
    )


def _uneven_times(v: Mapping[str, Any]) -> Text:
    days = v.get("unit") == "days"
    usual, longest = (_length(float(v.get(key, 0)), days=days) for key in ("usual", "longest"))
    return tr_count(
        "Between two rows more time goes by than usual (up to {longest} in place of {usual}): all steps are taken for "
        "equally long.",
        "At {count:,} places more time goes by between two rows than usual (up to {longest} in place of {usual}): all "
        "steps are taken for equally long.",
        int(v.get("count", 0)),
        usual=usual,
        longest=longest,
    )


def _length(step: float, *, days: bool) -> Text | str:
    if not days:
        return f"{step:.4g}"
    if step < 1:
        return tr("{count} hours", count=f"{24 * step:.3g}")
    return tr_count("one day", "{count} days", round(step))


def _name(values: Mapping[str, Any]) -> str:
    return shortened(str(values.get("name", "?")))


_TIMES = {"missing": _missing, "target": _is_target, "repeated": _repeated}
PROBLEMS = {
    Code.NO_SERIES: _no_series,
    Code.BAD_TIME: _bad_time,
    Code.SHORT_SERIES: _short_series,
    Code.SHORT_TABLE: _short_table,
}
WARNINGS = {
    Code.GAPS_FILLED: _gaps_filled,
    Code.NO_TIME: _no_time,
    Code.SAME_TIME: _same_time,
    Code.UNEVEN_TIMES: _uneven_times,
}
