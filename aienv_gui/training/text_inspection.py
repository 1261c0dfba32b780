"""What is in a collection of texts: the engine's ``inspect`` errand in words and frozen values."""

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
from aienv_gui.training.records import TEXTS, WRITING


@dataclass(frozen=True, slots=True)
class AskedTexts:
    """Which columns of a table the user chose; empty is left to be guessed."""

    text: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class TextInspection:
    """What training would find. Where the chosen columns do not do, `problem` says why."""

    folder: Path  # or the file of the table
    texts: int = 0
    columns: tuple[str, ...] = ()  # of a table
    text: str = ""
    target: str = ""
    classes: tuple[tuple[str, int], ...] = ()  # name, texts
    examples: tuple[tuple[str, str], ...] = ()  # the beginning of a text, its class
    split: Mapping[str, int] | None = None
    warnings: tuple[Text, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class WritingInspection:
    """What training would find in a text to go on writing."""

    folder: Path  # or the file
    characters: int
    different: int
    files: int
    beginning: str
    split: Mapping[str, int]  # train, validation, test -> characters


def inspect(
    path: Path, asked: AskedTexts, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> TextInspection:
    """Look at texts. Blocks; raises `Problem` where there are none at all."""
    reporter.status(tr("Looking at the texts"))
    request = {"task": TEXTS, "folder": str(path), "seed": seed, "text": asked.text, "target": asked.target}
    return inspection_of(path, supervisor.errand(python, "inspect", request, folders, reporter, partly=True))


def inspection_of(path: Path, answer: Mapping[str, Any]) -> TextInspection:
    """The engine's answer as values. Raises `Problem` where it tells of no columns to choose from."""
    columns = tuple(map(str, answer.get("columns", ())))
    if not answer.get("ok"):
        problem = problems.problem_of(str(answer.get("code")), answer.get("values", {}), answer.get("traceback", ""))
        if not columns:
            raise problem
        return TextInspection(path, columns=columns, problem=problem)
    return TextInspection(
        folder=path,
        texts=int(answer["texts"]),
        columns=columns,
        text=str(answer["text"]),
        target=str(answer["target"]),
        classes=tuple((str(item["name"]), int(item["texts"])) for item in answer["classes"]),
        examples=tuple((str(item["text"]), str(item["class"])) for item in answer["examples"]),
        split={name: sum(counts.values()) for name, counts in answer["split"].items()},
        warnings=problems.warnings_of(answer),
    )


def inspect_writing(path: Path, python: Path, seed: int, folders: Folders, reporter: Reporter) -> WritingInspection:
    """Look at a text to go on writing. Blocks; raises `Problem` where it cannot be learnt from."""
    reporter.status(tr("Looking at the text"))
    request = {"task": WRITING, "folder": str(path), "seed": seed}
    answer = supervisor.errand(python, "inspect", request, folders, reporter)
    return WritingInspection(
        folder=path,
        characters=int(answer["characters"]),
        different=int(answer["different"]),
        files=int(answer["files"]),
        beginning=str(answer["beginning"]),
        split={name: sum(counts.values()) for name, counts in answer["split"].items()},
    )
