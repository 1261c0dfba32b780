"""What is in a table: the engine's ``inspect`` errand in words and frozen values."""

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
from aienv_gui.training.records import NUMBER, TABLE
from aienv_gui.training.table_problems import column_kind

_PREDICTABLE = frozenset({"number", "category", "constant", "text"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user chose about a table; empty is left to be guessed."""

    target: str = ""
    predicts: str = ""  # classes or number
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableColumn:
    name: str
    kind: str
    missing: int
    distinct: int
    used: bool  # the target, or learnt from

    @property
    def words(self) -> Text:
        return column_kind(self.kind)

    @property
    def predictable(self) -> bool:
        """Whether it may be worth to ask for it; the engine has the last word."""
        return self.kind in _PREDICTABLE

    @property
    def learnable(self) -> bool:
        return self.kind in ("number", "category", "date")


@dataclass(frozen=True, slots=True)
class TableInspection:
    """What training would find in a table. Where nothing can be predicted so, `problem` says why."""

    folder: Path  # the file
    rows: int
    columns: tuple[TableColumn, ...]
    preview: tuple[tuple[str, ...], ...]  # cells of the first rows
    target: str = ""
    predicts: str = ""
    classes: tuple[tuple[str, int], ...] = ()  # name, rows
    split: Mapping[str, int] | None = None  # train, validation, test -> rows
    warnings: tuple[Text, ...] = ()
    problem: Problem | None = None

    @property
    def numbers(self) -> bool:
        """Whether a number is predicted."""
        return self.predicts == NUMBER


def inspect(path: Path, asked: Asked, python: Path, seed: int, folders: Folders, reporter: Reporter) -> TableInspection:
    """Look at a table. Blocks; raises `Problem` where it cannot be read at all."""
    reporter.status(tr("Looking at the table"))
    request = {
        "task": TABLE,
        "folder": str(path),
        "seed": seed,
        "target": asked.target,
        "predicts": asked.predicts,
        "leave_out": list(asked.leave_out),
    }
    return inspection_of(path, supervisor.errand(python, "inspect", request, folders, reporter, partly=True))


def inspection_of(path: Path, answer: Mapping[str, Any]) -> TableInspection:
    """The engine's answer as values. Raises `Problem` where it tells of no columns."""
    problem = None
    if not answer.get("ok"):
        problem = problems.problem_of(str(answer.get("code")), answer.get("values", {}), answer.get("traceback", ""))
        if "columns" not in answer:
            raise problem
    learnt = {str(answer.get("target", "")), *map(str, answer.get("inputs", ()))}
    return TableInspection(
        folder=path,
        rows=int(answer["rows"]),
        columns=tuple(
            TableColumn(
                name=str(column["name"]),
                kind=str(column["kind"]),
                missing=int(column["missing"]),
                distinct=int(column["distinct"]),
                used=str(column["name"]) in learnt,
            )
            for column in answer["columns"]
        ),
        preview=tuple(tuple(map(str, row)) for row in answer.get("preview", ())),
        target=str(answer.get("target", "")),
        predicts=str(answer.get("predicts", "")),
        classes=tuple((str(item["name"]), int(item["rows"])) for item in answer.get("classes", ())),
        split={name: sum(counts.values()) for name, counts in answer.get("split", {}).items()},
        warnings=problems.warnings_of(answer),
        problem=problem,
    )
