"""What is in a folder of pictures: the engine's ``inspect`` errand in words and frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.training import problems, supervisor


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that cannot be read as a picture."""

    path: str  # relative to the folder, with /
    reason: Text


@dataclass(frozen=True, slots=True)
class Example:
    path: Path
    name: str  # of its class


@dataclass(frozen=True, slots=True)
class Inspection:
    """What training would find in a folder."""

    folder: Path
    pictures: int
    classes: tuple[tuple[str, int], ...]  # name, pictures
    broken: tuple[Broken, ...]
    examples: tuple[Example, ...]
    split: Mapping[str, int]  # train, validation, test -> pictures
    warnings: tuple[Text, ...]
    colour: bool = False  # enough of them for a network to look at the colours


def inspect(folder: Path, python: Path, seed: int, folders: Folders, reporter: Reporter) -> Inspection:
    """Look at every picture of a folder. Blocks; raises `Problem` where it cannot be trained on."""
    reporter.status(tr("Looking at the pictures"))
    answer = supervisor.errand(python, "inspect", {"folder": str(folder), "seed": seed}, folders, reporter)
    return inspection_of(folder, answer)


def inspection_of(folder: Path, answer: Mapping[str, Any]) -> Inspection:
    """The engine's answer as values."""
    return Inspection(
        folder=folder,
        pictures=int(answer["pictures"]),
        classes=tuple((str(item["name"]), int(item["pictures"])) for item in answer["classes"]),
        broken=tuple(
            Broken(str(item["path"]), problems.picture_fault(str(item.get("reason", ""))))
            for item in answer.get("broken", ())
        ),
        examples=tuple(
            Example(folder.joinpath(*str(item["path"]).split("/")), str(item["class"]))
            for item in answer.get("examples", ())
        ),
        split={name: sum(counts.values()) for name, counts in answer.get("split", {}).items()},
        warnings=problems.warnings_of(answer),
        colour=answer.get("input", {}).get("channels") == 3,
    )
