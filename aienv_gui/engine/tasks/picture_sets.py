"""Pictures with a class each, found in a folder that has one folder a class. Standard library, Pillow for odd names.

What names them otherwise, a table, is in `picture_tables`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..failures import Failure
from ..protocol import Code
from .picture_files import is_picture
from .task import Progress

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True)
class Table:
    """What the table says that names the pictures. `lines[i]` is where picture i stands in it."""

    columns: tuple[str, ...]
    files: str  # the column of their names
    target: str  # the column of their classes
    lines: tuple[int, ...]
    faults: tuple[dict[str, Any], ...]  # rows that cannot be used: as `broken` of an ``inspect`` errand has them


@dataclass(frozen=True)
class PictureSet:
    """Pictures and their classes; nothing has been opened yet.

    `paths` are relative to `base`, with "/", or absolute; by these names they are skipped. Sorted by class and name.
    """

    source: Path  # the folder, or the table's file
    base: Path
    paths: tuple[str, ...]
    truth: tuple[str, ...]
    empty: tuple[str, ...] = ()
    loose: int = 0
    table: Table | None = None
    remarks: tuple[dict[str, Any], ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Pictures of each class, by name."""
        return dict(sorted(Counter(self.truth).items()))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts)

    def place(self, path: str) -> Path:
        """Where a picture lies."""
        return self.base / path

    def only(self, kept: Iterable[int]) -> PictureSet:
        """Those with these numbers."""
        chosen = tuple(kept)
        table = self.table and replace(self.table, lines=tuple(self.table.lines[index] for index in chosen))
        paths, truth = (tuple(values[index] for index in chosen) for values in (self.paths, self.truth))
        return replace(self, paths=paths, truth=truth, table=table)


def quiet(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def in_folder(folder: Path, skip: Iterable[str] = (), progress: Progress = quiet) -> PictureSet:
    """Find the pictures of `folder`. Raises `Failure` where a folder is missing or cannot be read.

    Its progress has no total (0): how many there are is what it finds out.
    """
    skipped = set(skip)
    paths: list[str] = []
    empty: list[str] = []
    loose = 0
    try:
        with os.scandir(folder) as entries:
            top = sorted(entries, key=lambda entry: entry.name)
        for entry in top:
            if _ignored(entry.name):
                continue
            if entry.is_dir():
                found = []
                for path in _below(Path(entry.path), entry.name):
                    found.append(path)
                    progress(len(paths) + len(found), 0)
                paths += [path for path in found if path not in skipped]
                if not found:
                    empty.append(entry.name)
            elif is_picture(Path(entry.path)):
                loose += 1
    except OSError as error:
        raise Failure(
            Code.UNREADABLE_FOLDER, path=str(error.filename or folder), reason=error.strerror or str(error)
        ) from error
    paths.sort(key=lambda path: (_class_of(path), path))
    return PictureSet(folder, folder, tuple(paths), tuple(map(_class_of, paths)), tuple(empty), loose)


def _class_of(path: str) -> str:
    return path.split("/", 1)[0]


def _below(folder: Path, relative: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        if _ignored(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), f"{relative}/{entry.name}")
        elif entry.is_file() and is_picture(Path(entry.path)):
            yield f"{relative}/{entry.name}"


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FILES
