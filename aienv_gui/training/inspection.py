"""What pictures there are, in a folder or named by a table: the engine's ``inspect`` errand in frozen values."""

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
from aienv_gui.training.picture_problems import fault_of
from aienv_gui.training.records import PICTURES, pictures_base


@dataclass(frozen=True, slots=True)
class AskedPictures:
    """Which columns of a table the user chose; empty is left to be guessed."""

    files: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that cannot be read as a picture, or a row of a table that names none."""

    path: str  # by which it is skipped: relative to the folder, with /; of a row "file:line"
    words: Text  # what is wrong, and where


@dataclass(frozen=True, slots=True)
class Example:
    path: Path
    name: str  # of its class


@dataclass(frozen=True, slots=True)
class Inspection:
    """What training would find. Where the chosen columns of a table do not do, `problem` says why."""

    folder: Path  # or the file of the table
    pictures: int
    classes: tuple[tuple[str, int], ...]  # name, pictures
    broken: tuple[Broken, ...]
    examples: tuple[Example, ...]
    split: Mapping[str, int]  # train, validation, test -> pictures
    warnings: tuple[Text, ...]
    colour: bool = False  # enough of them for a network to look at the colours
    columns: tuple[str, ...] = ()  # of a table
    files: str = ""  # the column that names the pictures
    target: str = ""
    problem: Problem | None = None


def inspect(
    path: Path, asked: AskedPictures, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> Inspection:
    """Look at every picture of a folder or table. Blocks; raises `Problem` where they cannot be trained on."""
    reporter.status(tr("Looking at the pictures"))
    request = {"task": PICTURES, "folder": str(path), "seed": seed, "files": asked.files, "target": asked.target}
    return inspection_of(path, supervisor.errand(python, "inspect", request, folders, reporter, partly=True))


def inspection_of(path: Path, answer: Mapping[str, Any]) -> Inspection:
    """The engine's answer as values. Raises `Problem` where it tells of no columns to choose from."""
    columns = tuple(map(str, answer.get("columns", ())))
    problem = None
    if not answer.get("ok"):
        problem = problems.problem_of(str(answer.get("code")), answer.get("values", {}), answer.get("traceback", ""))
        if not columns:
            raise problem
    base = pictures_base(path, table=bool(columns))
    return Inspection(
        folder=path,
        pictures=int(answer.get("pictures", 0)),
        classes=tuple((str(item["name"]), int(item["pictures"])) for item in answer.get("classes", ())),
        broken=tuple(Broken(str(item["path"]), fault_of(item)) for item in answer.get("broken", ())),
        examples=tuple(Example(base / str(item["path"]), str(item["class"])) for item in answer.get("examples", ())),
        split={name: sum(counts.values()) for name, counts in answer.get("split", {}).items()},
        warnings=problems.warnings_of(answer),
        colour=answer.get("input", {}).get("channels") == 3,
        columns=columns,
        files=str(answer.get("files", "")),
        target=str(answer.get("target", "")),
        problem=problem,
    )
