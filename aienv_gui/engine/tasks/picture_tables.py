"""Pictures that a table names: a column of files, a column of classes, in place of one folder a class.

Names count from the table's folder, absolute ones and those with a backslash too. What is wrong with a row is told with
its line, and is agreed to be left out as a broken picture is.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..failures import Failure
from ..protocol import Code
from . import table_files, tables
from .picture_files import has_ending
from .picture_sets import PictureSet, Table, quiet
from .task import Progress

# What may be wrong with a row, beside the file that it names.
NO_FILE_NAME, NO_LABEL, TWO_LABELS = "no_file_name", "no_label", "two_labels"

_LOOKED_AT = 60  # rows that decide which column names files
_TOLD = 2000  # rows between two tellings of progress


def in_table(
    path: Path, *, files: str = "", target: str = "", skip: Iterable[str] = (), progress: Progress = quiet
) -> PictureSet:
    """The pictures that the table at `path` names, by the columns asked for or, without such, by those guessed.

    Raises `Failure` for a file that is no table, or whose columns do not do.
    """
    table = table_files.read_table(path)
    base = path.parent
    files = _files_column(table, base, files)
    target = _target(table, files, target)
    skipped = set(skip)
    labels: dict[str, dict[str, int]] = {}  # of each file its classes, and the line where each was said first
    faults: list[dict[str, Any]] = []
    again = 0
    rows = zip(table.lines, _cells(table, files), _cells(table, target), strict=True)
    for number, (line, cell, label) in enumerate(rows):
        if number % _TOLD == 0:
            progress(number, table.rows)
        row = f"{path.name}:{line}"
        name = _name(cell, base)
        if row in skipped or name in skipped:
            continue
        if not name:
            faults.append({"path": row, "reason": NO_FILE_NAME, "detail": "", "line": line})
        elif not label:
            faults.append({"path": row, "reason": NO_LABEL, "detail": name, "line": line})
        else:
            said = labels.setdefault(name, {})
            again += label in said
            said.setdefault(label, line)
    for name, said in labels.items():
        if len(said) > 1:
            values = {"line": min(said.values()), "labels": {label: said[label] for label in list(said)[:3]}}
            faults.append({"path": name, "reason": TWO_LABELS, "detail": "", **values})
    alone = ((name, said) for name, said in labels.items() if len(said) == 1)
    sound = sorted((label, name, line) for name, said in alone for label, line in said.items())
    remarks: list[dict[str, Any]] = [{"code": Code.NAMED_AGAIN, "values": {"count": again}}] if again else []
    if table.headless:
        remarks.append({"code": Code.NO_HEADER, "values": {}})
    lines = tuple(line for _, _, line in sound)
    return PictureSet(
        source=path,
        base=base,
        paths=tuple(name for _, name, _ in sound),
        truth=tuple(label for label, _, _ in sound),
        table=Table(table.names, files, target, lines, tuple(faults)),
        remarks=tuple(remarks),
    )


def columns_of(path: Path) -> tuple[str, ...]:
    """The names of a table's columns, to choose others from; nothing where it cannot be read."""
    try:
        return table_files.read_table(path).names
    except Failure:
        return ()


def without_rare(found: PictureSet) -> PictureSet:
    """Without the classes of so few rows that none could be trained, watched and tested with. Raises `Failure`."""
    assert found.table is not None
    counts = found.counts
    rare = {name: count for name, count in counts.items() if count < tables.MINIMUM}
    path, target = str(found.source), found.table.target
    if not counts:
        raise Failure(Code.BAD_TARGET, path=path, name=target, reason="empty")
    if len(counts) - len(rare) > tables.MOST_CLASSES or sum(rare.values()) > len(found.paths) / 2:
        values = {"name": target, "count": len(counts), "most": tables.MOST_CLASSES}
        raise Failure(Code.BAD_TARGET, path=path, reason="too_many", **values)
    if len(counts) - len(rare) < 2:
        only = next((name for name in counts if name not in rare), "?")
        raise Failure(Code.BAD_TARGET, path=path, name=target, reason="one_class", value=only)
    if not rare:
        return found
    kept = found.only(number for number, name in enumerate(found.truth) if name not in rare)
    remark = {"code": Code.RARE_CLASSES, "values": {"classes": rare, "minimum": tables.MINIMUM}}
    return replace(kept, remarks=(*kept.remarks, remark))


def _cells(table: table_files.Table, name: str) -> Sequence[str]:
    return table.columns[table.names.index(name)]


def _name(cell: str, base: Path) -> str:
    """One name for each file, however it is written: relative to the table's folder wherever it lies below that."""
    if not cell:
        return ""
    path = posixpath.normpath(cell.replace("\\", "/"))
    folder = base.as_posix().rstrip("/") + "/"
    return path.removeprefix(folder)


def _files_column(table: table_files.Table, base: Path, wanted: str) -> str:
    """The column asked for; without such, the one whose cells name the most files that are there."""
    if wanted and wanted not in table.names:
        raise Failure(Code.BAD_TARGET, path=str(table.path), name=wanted, reason="missing")
    scores = {name: _there(_cells(table, name), base) for name in ((wanted,) if wanted else table.names)}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] == (0, 0) or (scores[best][0] == 0 and not _any_there(_cells(table, best), base)):
        first = next((row for row, cell in enumerate(_cells(table, best)) if cell), 0)
        values = {"name": best, "line": table.lines[first], "cell": _cells(table, best)[first], "base": str(base)}
        raise Failure(Code.NO_NAMED_PICTURES, path=str(table.path), **values)
    return best


def _there(cells: Sequence[str], base: Path) -> tuple[int, int]:
    """How many of some cells, spread evenly, name a file that is there; and how many are called like a picture."""
    some = [cell for cell in cells[:: max(1, len(cells) // _LOOKED_AT)] if cell]
    return sum(_is_there(cell, base) for cell in some), sum(has_ending(PurePosixPath(cell).name) for cell in some)


def _any_there(cells: Sequence[str], base: Path) -> bool:
    return any(_is_there(cell, base) for cell in cells if cell)


def _is_there(cell: str, base: Path) -> bool:
    try:
        return os.path.isfile(base / _name(cell, base))  # noqa: PTH113  what no file can be called is no error
    except ValueError:
        return False


def _target(table: table_files.Table, files: str, wanted: str) -> str:
    """The column of classes: asked for, called like one, the last of words that repeat, or simply the other one."""
    if wanted and wanted in table.names:
        return wanted
    others = [tables.guess(name, _cells(table, name)) for name in table.names if name != files]
    if wanted or not others:
        raise Failure(Code.BAD_TARGET, path=str(table.path), name=wanted or files, reason="missing")
    named = [column for column in others if column.name.lower() in tables.NAMED_TARGET]
    words = [column for column in others if column.kind == tables.CATEGORY]
    numbers = [c for c in others if c.kind == tables.NUMBER and c.distinct <= tables.MOST_CLASSES]
    return (*named, *reversed(words), *reversed(numbers), *reversed(others))[0].name
