"""What is in a time series: the engine's ``inspect`` errand in words and frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.training import problems, supervisor
from aienv_gui.training.records import NUMBER, SERIES

_ORDERS = frozenset({"date", "number", "identity"})


@dataclass(frozen=True, slots=True)
class AskedSeries:
    """What the user chose about a series; what is empty is left to be chosen by the engine."""

    target: str = ""
    time: str | None = None  # the empty string: the rows as they stand
    leave_out: tuple[str, ...] = ()
    window: int = 0
    horizon: int = 0


@dataclass(frozen=True, slots=True)
class SeriesColumn:
    name: str
    kind: str

    @property
    def numeric(self) -> bool:
        return self.kind == NUMBER

    @property
    def orders(self) -> bool:
        """Whether it may tell the order of the rows."""
        return self.kind in _ORDERS


@dataclass(frozen=True, slots=True)
class SeriesInspection:
    """What training would find in a table. Where nothing can be forecast so, `problem` says why."""

    folder: Path  # the file
    rows: int
    columns: tuple[SeriesColumn, ...]
    target: str = ""
    time: str = ""
    inputs: tuple[str, ...] = ()  # other columns that are looked at
    window: int = 0
    horizon: int = 0
    season: int = 0
    length: int = 0  # rows that take part
    validation: int = 0  # the row where it begins
    test: int = 0
    labels: tuple[str, ...] = ()  # of the first row, those two and the last
    places: tuple[int, ...] = ()  # rows of the points that draw it
    values: tuple[float, ...] = ()
    split: Mapping[str, int] | None = None  # train, validation, test -> forecasts
    warnings: tuple[Text, ...] = ()
    problem: Problem | None = None


def inspect(
    path: Path, asked: AskedSeries, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> SeriesInspection:
    """Look at a series. Blocks; raises `Problem` where its table cannot be read at all."""
    reporter.status(tr("Looking at the series"))
    request = {
        "task": SERIES,
        "folder": str(path),
        "seed": seed,
        "target": asked.target,
        "leave_out": list(asked.leave_out),
        "window": asked.window,
        "horizon": asked.horizon,
        **({} if asked.time is None else {"time": asked.time}),
    }
    return inspection_of(path, supervisor.errand(python, "inspect", request, folders, reporter, partly=True))


def inspection_of(path: Path, answer: Mapping[str, Any]) -> SeriesInspection:
    """The engine's answer as values. Raises `Problem` where it tells of no columns."""
    problem = None
    if not answer.get("ok"):
        problem = problems.problem_of(str(answer.get("code")), answer.get("values", {}), answer.get("traceback", ""))
        if "columns" not in answer:
            raise problem
    course, begins = answer.get("course", {}), answer.get("begins", {})
    return SeriesInspection(
        folder=path,
        rows=int(answer["rows"]),
        columns=tuple(SeriesColumn(str(column["name"]), str(column["kind"])) for column in answer["columns"]),
        target=str(answer.get("target", "")),
        time=str(answer.get("time", "")),
        inputs=tuple(map(str, answer.get("inputs", ()))),
        window=int(answer.get("window", 0)),
        horizon=int(answer.get("horizon", 0)),
        season=int(answer.get("season", 0)),
        length=int(answer.get("length", 0)),
        validation=int(begins.get("validation", 0)),
        test=int(begins.get("test", 0)),
        labels=tuple(map(str, answer.get("labels", ()))),
        places=tuple(map(int, course.get("places", ()))),
        values=tuple(map(float, course.get("values", ()))),
        split={name: sum(counts.values()) for name, counts in answer.get("split", {}).items()},
        warnings=problems.warnings_of(answer),
        problem=problem,
    )
