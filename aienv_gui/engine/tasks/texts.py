"""Texts with a class each: a folder of text files with one folder a class, or a table with a column of texts.

Standard library only.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..failures import Failure
from ..protocol import Code
from . import splits, tables
from .table_files import Table, decode, read_table
from .task import Progress

_ENDINGS = (".txt", ".text", ".md")
_NAMED_TEXT = ("text", "texts", "content", "review", "sentence", "comment", "message", "body", "definition")
_NAMED_TEXT_ZH = ("文本", "内容", "评论", "句子", "正文")
_FEWEST = 20
_FILE_BYTES = 5_000_000  # of one text
_EXAMPLES = 6
_SHOWN = 160  # characters of an example


@dataclass(frozen=True)
class Corpus:
    """Texts and what is right for each; `names` say where each stands. `columns`: those of a table, to choose from."""

    path: Path
    texts: tuple[str, ...]
    truth: tuple[str, ...]
    names: tuple[str, ...]
    remarks: tuple[dict[str, Any], ...]
    text_column: str = ""
    target: str = ""
    columns: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Texts of each class, by name."""
        return dict(sorted(Counter(self.truth).items()))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts)

    @property
    def keys(self) -> list[bytes]:
        """Of each text what it says: texts that differ in nothing but space have equal keys."""
        return [hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).digest() for text in self.texts]


def read(path: Path, data: dict[str, Any], progress: Progress) -> Corpus:
    """Read the texts; `data` is that of a recipe. Raises `Failure` for what cannot be learnt from."""
    if not path.exists():
        raise Failure(Code.NO_FILE if path.suffix else Code.NO_FOLDER, path=str(path))
    corpus = _folder(path, progress) if path.is_dir() else _table(read_table(path), data)
    return _checked(corpus)


def _folder(path: Path, progress: Progress) -> Corpus:
    texts, truth, names = [], [], []
    try:
        found = [
            (entry.name, file)
            for entry in sorted(os.scandir(path), key=lambda entry: entry.name)
            if entry.is_dir() and not entry.name.startswith(".")
            for file in sorted(Path(entry.path).rglob("*"))
            if file.suffix.lower() in _ENDINGS and not file.name.startswith(".") and file.is_file()
        ]
        for number, (name, file) in enumerate(found):
            progress(number, len(found))
            with open(file, "rb") as source:
                text = decode(file, source.read(_FILE_BYTES)).strip()
            if text:
                texts.append(text)
                truth.append(name)
                names.append(file.relative_to(path).as_posix())
    except OSError as error:
        reason = error.strerror or str(error)
        raise Failure(Code.UNREADABLE_FILE, path=str(error.filename or path), reason=reason) from error
    progress(len(found), len(found))
    if not texts:
        raise Failure(Code.NO_TEXTS, path=str(path))
    return Corpus(path, tuple(texts), tuple(truth), tuple(names), ())


def _table(table: Table, data: dict[str, Any]) -> Corpus:
    """The columns asked for; without such, those that look like texts and like their classes."""
    text = text_column(table, str(data.get("text") or ""))
    target = _target(table, text, str(data.get("target") or ""))
    pairs = [
        (cell, name, f"{table.path.name}:{line}")
        for cell, name, line in zip(_cells(table, text), _cells(table, target), table.lines, strict=True)
        if cell
    ]
    known = [pair for pair in pairs if pair[1]]
    remarks: list[dict[str, Any]] = []
    if len(known) < len(pairs):
        values = {"count": len(pairs) - len(known), "name": target}
        remarks.append({"code": Code.NO_TRUTH, "values": values})
    if table.headless:
        remarks.append({"code": Code.NO_HEADER, "values": {}})
    if not known:
        raise Failure(Code.NO_TEXTS, path=str(table.path))
    texts, truth, names = zip(*known, strict=True)
    return Corpus(table.path, texts, truth, names, tuple(remarks), text, target, table.names)


def _cells(table: Table, name: str) -> Sequence[str]:
    return table.columns[table.names.index(name)]


def text_column(table: Table, wanted: str) -> str:
    """The column asked for; without such, one that is called like texts; else the one with most in it."""
    if wanted:
        if wanted not in table.names:
            raise Failure(Code.BAD_TARGET, path=str(table.path), name=wanted, reason="missing")
        return wanted
    named = [name for name in table.names if name.lower() in (*_NAMED_TEXT, *_NAMED_TEXT_ZH)]
    if named:
        return named[0]
    return max(table.names, key=lambda name: sum(map(len, _cells(table, name))))


def _target(table: Table, text: str, wanted: str) -> str:
    """The column of classes: asked for, called like one, or the last in which words repeat."""
    if wanted:
        if wanted not in table.names:
            raise Failure(Code.BAD_TARGET, path=str(table.path), name=wanted, reason="missing")
        return wanted
    guessed = [tables.guess(name, _cells(table, name)) for name in table.names if name != text]
    usable = [c for c in guessed if c.kind in (tables.CATEGORY, tables.NUMBER)]
    if not usable:
        raise Failure(Code.NO_INPUTS, path=str(table.path), name=text)
    return next((c for c in usable if c.name.lower() in tables.NAMED_TARGET), usable[-1]).name


def _checked(corpus: Corpus) -> Corpus:
    """Without the classes that are too rare. Raises `Failure` where too little is left."""
    rare = {name: count for name, count in corpus.counts.items() if count < tables.MINIMUM}
    path, target = str(corpus.path), corpus.target or corpus.path.name
    if len(corpus.counts) - len(rare) > tables.MOST_CLASSES or sum(rare.values()) > len(corpus.texts) / 2:
        values = {"name": target, "count": len(corpus.counts), "most": tables.MOST_CLASSES}
        raise Failure(Code.BAD_TARGET, path=path, reason="too_many", **values)
    kept = [place for place, name in enumerate(corpus.truth) if name not in rare]
    remarks = corpus.remarks
    if rare:
        remarks += ({"code": Code.RARE_CLASSES, "values": {"classes": rare, "minimum": tables.MINIMUM}},)
    texts, truth, names = (
        tuple(values[place] for place in kept) for values in (corpus.texts, corpus.truth, corpus.names)
    )
    checked = Corpus(corpus.path, texts, truth, names, remarks, corpus.text_column, corpus.target, corpus.columns)
    if len(checked.classes) < 2:
        only = checked.classes[0] if checked.classes else "?"
        raise Failure(Code.BAD_TARGET, path=path, name=target, reason="one_class", value=only)
    if len(texts) < _FEWEST:
        raise Failure(Code.FEW_ROWS, path=path, count=len(texts), minimum=_FEWEST)
    return checked


def split(corpus: Corpus, seed: int) -> dict[str, list[int]]:
    """Places of texts for each split; equal texts together. Raises `Failure` where one would be empty."""
    parts = splits.by_content(corpus.keys, corpus.truth, seed)
    if not all(parts.values()):
        raise Failure(Code.FEW_ROWS, path=str(corpus.path), count=len(set(corpus.keys)), minimum=_FEWEST)
    return parts


def split_counts(corpus: Corpus, parts: dict[str, list[int]]) -> dict[str, dict[str, int]]:
    return {
        name: dict(sorted(Counter(corpus.truth[place] for place in places).items())) for name, places in parts.items()
    }


def fingerprint(corpus: Corpus) -> str:
    """Tells whether the texts and their classes are the same."""
    whole = hashlib.sha256()
    for key, name in zip(corpus.keys, corpus.truth, strict=True):
        whole.update(key + f"{name}\n".encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def remarks(corpus: Corpus) -> list[dict[str, Any]]:
    """What is odd about the texts without stopping a training: codes and values."""
    return [*corpus.remarks, *tables.remarks_on_classes(corpus.keys, corpus.counts)]


def inspect(request: dict[str, Any], _options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer to an ``inspect`` errand. Where a table's columns do not do, they are told all the same."""
    path = Path(request["folder"])
    try:
        corpus = read(path, request, progress)
        parts = split(corpus, int(request.get("seed", 0)))
    except Failure as failure:
        answer = {"ok": False, "code": failure.code, "values": failure.values, "traceback": ""}
        return {**answer, **_columns_of(path)}
    return {
        "ok": True,
        "texts": len(corpus.texts),
        "columns": list(corpus.columns),
        "text": corpus.text_column,
        "target": corpus.target,
        "classes": [{"name": name, "texts": count} for name, count in corpus.counts.items()],
        "examples": _examples(corpus),
        "split": split_counts(corpus, parts),
        "fingerprint": fingerprint(corpus),
        "warnings": remarks(corpus),
    }


def _columns_of(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return {"columns": list(read_table(path).names)}
    except Failure:
        return {}


def _examples(corpus: Corpus) -> list[dict[str, str]]:
    """The beginnings of a few texts, of every class in turn."""
    by_class: dict[str, list[int]] = {}
    for place, name in enumerate(corpus.truth):
        by_class.setdefault(name, []).append(place)
    order = [places[turn] for turn in range(_EXAMPLES) for places in by_class.values() if turn < len(places)]
    shown = [(" ".join(corpus.texts[place].split())[:_SHOWN], corpus.truth[place]) for place in order[:_EXAMPLES]]
    return [{"text": text, "class": name} for text, name in shown]
