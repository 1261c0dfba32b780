"""Text to go on writing: a file, a folder of files, or a table with a column of texts. Standard library only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..failures import Failure
from ..protocol import Code
from . import splits
from .table_files import decode, read_table
from .task import SPLITS, Progress
from .texts import text_column

_TEXT_ENDINGS = (".txt", ".text", ".md")
_BLOCK = 1000  # characters that stay together when the text is split
FEWEST = 10_000  # characters
_SHARE = 0.1  # for validation, and as much for the test
_SHOWN = 300


@dataclass(frozen=True)
class Running:
    """The whole text, with its line ends."""

    path: Path
    text: str
    files: int
    column: str = ""
    columns: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Tells whether the text is the same."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


def read(path: Path, data: dict[str, Any], progress: Progress) -> Running:
    """Read the text; `data` is that of a recipe. Raises `Failure` where there is too little of it."""
    if not path.exists():
        raise Failure(Code.NO_FILE if path.suffix else Code.NO_FOLDER, path=str(path))
    running = _read(path, data, progress)
    if len(running.text) < FEWEST:
        raise Failure(Code.SHORT_TEXT, path=str(path), count=len(running.text), minimum=FEWEST)
    return running


def _read(path: Path, data: dict[str, Any], progress: Progress) -> Running:
    try:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if _is_text(file))
            if not files:
                raise Failure(Code.NO_TEXTS, path=str(path))
            parts = []
            for number, file in enumerate(files):
                progress(number, len(files))
                parts.append(_clean(decode(file, file.read_bytes())))
            progress(len(files), len(files))
            return Running(path, "\n".join(parts), len(files))
        if path.suffix.lower() in _TEXT_ENDINGS:
            return Running(path, _clean(decode(path, path.read_bytes())), 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Failure(Code.UNREADABLE_FILE, path=str(error.filename or path), reason=reason) from error
    table = read_table(path)
    column = text_column(table, str(data.get("text") or ""))
    cells = table.columns[table.names.index(column)]
    return Running(path, "\n".join(cell for cell in cells if cell) + "\n", 1, column, table.names)


def _is_text(file: Path) -> bool:
    return file.suffix.lower() in _TEXT_ENDINGS and not file.name.startswith(".") and file.is_file()


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split(running: Running, seed: int) -> dict[str, list[tuple[int, int]]]:
    """From where to where the text is trained with, watched with, tested with: blocks of characters, in order.

    Equal blocks stay together. Raises `Failure` where a text repeats itself so much that nothing is left to test with.
    """
    text = running.text
    # What is left at the end goes with the block before: alone it could be a whole split of a few characters.
    starts = list(range(0, max(len(text) - _BLOCK, 0) + 1, _BLOCK))
    blocks = list(zip(starts, [*starts[1:], len(text)], strict=True))
    keys = [hashlib.sha256(text[start:stop].encode("utf-8", "surrogatepass")).digest() for start, stop in blocks]
    parts = splits.by_content(keys, [None] * len(keys), seed, share=_SHARE)
    if not all(parts.values()):
        different = len(set(keys)) * _BLOCK
        values = {"count": len(text), "different": different, "minimum": FEWEST}
        raise Failure(Code.SHORT_TEXT, path=str(running.path), **values)
    return {name: _joined([blocks[place] for place in parts[name]]) for name in SPLITS}


def _joined(blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring blocks as one."""
    result: list[tuple[int, int]] = []
    for start, stop in blocks:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], stop)
        else:
            result.append((start, stop))
    return result


def inspect(request: dict[str, Any], _options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer to an ``inspect`` errand."""
    running = read(Path(request["folder"]), request, progress)
    parts = split(running, int(request.get("seed", 0)))
    return {
        "ok": True,
        "characters": len(running.text),
        "different": len(set(running.text)),
        "files": running.files,
        "columns": list(running.columns),
        "text": running.column,
        "beginning": running.text[:_SHOWN],
        "split": {name: {"text": sum(stop - start for start, stop in part)} for name, part in parts.items()},
        "fingerprint": running.fingerprint,
        "warnings": [],
    }
