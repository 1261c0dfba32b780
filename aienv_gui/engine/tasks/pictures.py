"""Pictures with a class each: read, judged and split, whether folders or a table name them. No PyTorch.

What finds them is in `picture_sets` and `picture_tables`, what reads one of them in `picture_files`.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..failures import Failure
from ..protocol import Code
from . import picture_tables, splits
from .picture_files import Broken, Look, look
from .picture_sets import PictureSet, in_folder, quiet
from .task import SPLITS, Progress

_SHARE = 0.1  # of each class for validation, and as much for the test
MINIMUM = len(SPLITS)  # pictures a class must have: one for each split
THIN = 10  # pictures below which a class is judged by a single one
_BALANCE = 10  # times as many pictures in the largest class as in the smallest: said
_SPLIT_NAMES = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})
_SAMPLE = 200  # pictures that decide the network's input
_SMALL = 40  # points: up to this the pictures are trained on at 28, else at 64
_READERS = 4
_AT_ONCE = 16  # pictures that a thread reads one after another: handing over each by itself takes as long as to read it
_TABLES = frozenset({".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".parquet", ".pq"})

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Survey:
    """What reading every picture has shown: those that are whole, with a look at each; broken ones are apart."""

    found: PictureSet
    looks: tuple[Look, ...]
    broken: tuple[tuple[str, Broken], ...]

    @property
    def digests(self) -> list[str]:
        return [one.digest for one in self.looks]

    def only(self, found: PictureSet) -> Survey:
        """Those of `found`, which are some of these."""
        looks = dict(zip(self.found.paths, self.looks, strict=True))
        return Survey(found, tuple(looks[path] for path in found.paths), self.broken)


def find(path: Path, data: Mapping[str, Any], progress: Progress = quiet) -> PictureSet:
    """The pictures of a folder, or those that the table at `path` names; `data` is that of a recipe.

    Raises `Failure` for what is missing or cannot be read.
    """
    if not path.exists():
        table = data.get("files") or path.suffix.lower() in _TABLES
        raise Failure(Code.NO_FILE if table else Code.NO_FOLDER, path=str(path))
    skip = data.get("skip") or ()
    if path.is_dir():
        return in_folder(path, skip, progress)
    files, target = str(data.get("files") or ""), str(data.get("target") or "")
    return picture_tables.in_table(path, files=files, target=target, skip=skip, progress=progress)


def survey(found: PictureSet, progress: Progress = quiet) -> Survey:
    """Read every picture. Takes about a tenth of a millisecond each for small ones, some for photographs."""
    kept: list[int] = []
    looks: list[Look] = []
    broken: list[tuple[str, Broken]] = []
    for index, (path, result) in enumerate(read_all(found, look, progress)):
        if isinstance(result, Broken):
            broken.append((path, result))
        else:
            kept.append(index)
            looks.append(result)
    return Survey(found.only(kept), tuple(looks), tuple(broken))


def read_all(
    found: PictureSet, read: Callable[[Path], _Result], progress: Progress
) -> Generator[tuple[str, _Result | Broken], None, None]:
    """`read` every picture on a few threads (Pillow lets them run side by side); results in order.

    Few wait to be taken: where whoever takes them is slower, all of them would fill the memory.
    """

    def one(path: str) -> _Result | Broken:
        try:
            return read(found.place(path))
        except Broken as error:
            return error

    def some(first: int) -> list[_Result | Broken]:
        return [one(path) for path in found.paths[first : first + _AT_ONCE]]

    def in_order(pool: ThreadPoolExecutor, ahead: int) -> Generator[_Result | Broken, None, None]:
        # As the executor's own `map` does with `buffersize`, which it has from Python 3.14 on.
        firsts = iter(range(0, len(found.paths), _AT_ONCE))
        coming = deque(pool.submit(some, first) for first in itertools.islice(firsts, ahead))
        try:
            while coming:
                results = coming.popleft().result()
                coming.extend(pool.submit(some, first) for first in itertools.islice(firsts, 1))
                yield from results
        finally:
            for future in coming:
                future.cancel()

    progress(0, len(found.paths))
    readers = min(_READERS, os.cpu_count() or 1)
    with (
        ThreadPoolExecutor(readers, thread_name_prefix="pictures") as pool,
        closing(in_order(pool, readers + 1)) as results,
    ):
        for done, (path, result) in enumerate(zip(found.paths, results, strict=True), start=1):
            yield path, result
            progress(done, len(found.paths))


def check(found: PictureSet, digests: Sequence[str]) -> None:
    """Raise `Failure` where these pictures cannot be trained on."""
    path, counts = str(found.source), found.counts
    if not counts:
        raise Failure(Code.EMPTY_FOLDER, path=path, loose=found.loose)
    if len(counts) == 1:
        raise Failure(Code.ONE_CLASS, path=path, name=next(iter(counts)))
    contents: dict[str, set[str]] = {}
    for name, digest in zip(found.truth, digests, strict=True):
        contents.setdefault(name, set()).add(digest)
    # Copies are never torn apart: only different pictures can be in different splits.
    small = {name: len(different) for name, different in sorted(contents.items()) if len(different) < MINIMUM}
    if small:
        name = min(small, key=lambda key: small[key])
        raise Failure(
            Code.FEW_PICTURES,
            path=path,
            name=name,
            count=small[name],
            copies=counts[name] - small[name],
            minimum=MINIMUM,
            classes=small,
            paths=[path for path, truth in zip(found.paths, found.truth, strict=True) if truth in small],
        )


def split(found: PictureSet, digests: Sequence[str], seed: int) -> dict[str, list[int]]:
    """Numbers of pictures for training, validation and test, class by class, decided by the seed and their content.

    Copies of a picture stay together; one that is added or taken away moves few others.
    """
    keys = [bytes.fromhex(digest) for digest in digests]
    return splits.by_content(keys, found.truth, seed, share=_SHARE)


def split_counts(found: PictureSet, parts: dict[str, list[int]]) -> dict[str, dict[str, int]]:
    return {name: found.only(indices).counts for name, indices in parts.items()}


def fingerprint(found: PictureSet, sizes: Sequence[int], digests: Sequence[str]) -> str:
    """Tells whether the pictures and their classes are the same: over their names, sizes and contents."""
    whole = hashlib.sha256()
    for path, truth, size, digest in zip(found.paths, found.truth, sizes, digests, strict=True):
        named = f"{path}\0{truth}" if found.table else path  # in a folder the path begins with the class
        whole.update(f"{named}\0{size}\0{digest}\n".encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def sample(count: int) -> range:
    """Numbers of enough of so many pictures, spread evenly, to see what kind they are."""
    return range(0, count, max(1, count // _SAMPLE))


def input_for(options: dict[str, Any], looks: Sequence[Look]) -> tuple[int, int]:
    """Channels and size of the network's input: what `options` ask for, "auto" decided by the pictures."""
    channels = options.get("channels", "auto")
    size = options.get("size", "auto")
    if channels == "auto":
        channels = 3 if sum(one.colour for one in looks) > len(looks) * 0.05 else 1
    if size == "auto":
        sides = sorted(max(one.width, one.height) for one in looks)
        size = 28 if sides and sides[len(sides) // 2] <= _SMALL else 64
    return int(channels), int(size)


def remarks(found: PictureSet, digests: Sequence[str]) -> list[dict[str, Any]]:
    """What is odd about the pictures without stopping a training: codes and values."""
    result: list[dict[str, Any]] = list(found.remarks)
    counts = found.counts

    def remark(code: str, **values: Any) -> None:
        result.append({"code": code, "values": values})

    thin = {name: count for name, count in counts.items() if MINIMUM <= count < THIN}
    if thin:
        remark(Code.THIN_CLASS, classes=thin, minimum=THIN)
    if len(counts) > 1:
        smallest = min(counts, key=lambda name: counts[name])
        largest = max(counts, key=lambda name: counts[name])
        if counts[largest] >= _BALANCE * counts[smallest]:
            remark(
                Code.UNBALANCED,
                smallest=smallest,
                smallest_pictures=counts[smallest],
                largest=largest,
                largest_pictures=counts[largest],
            )
    if found.empty:
        remark(Code.EMPTY_CLASSES, names=list(found.empty))
    if found.loose:
        remark(Code.LOOSE_PICTURES, count=found.loose)
    named_like_splits = [name for name in counts if name.lower() in _SPLIT_NAMES and not found.table]
    if len(named_like_splits) > 1:
        remark(Code.LOOKS_SPLIT, names=named_like_splits)
    same = len(digests) - len(set(digests))
    if same:
        remark(Code.SAME_PICTURE, count=same)
    contrary = _contrary(found, digests)
    if contrary:
        remark(Code.SAME_IN_CLASSES, count=len(contrary), first=contrary[0][0], second=contrary[0][1])
    return result


def _contrary(found: PictureSet, digests: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of equal pictures in different classes."""
    seen: dict[str, int] = {}
    result = []
    for index, digest in enumerate(digests):
        first = seen.setdefault(digest, index)
        if found.truth[first] != found.truth[index]:
            result.append((found.paths[first], found.paths[index]))
    return result


def faults(found: PictureSet, broken: Sequence[tuple[str, Broken]]) -> list[dict[str, Any]]:
    """All that cannot be trained on: broken pictures, and of a table rows, each with the line where it stands."""
    told = [{"path": path, "reason": error.reason, "detail": error.detail} for path, error in broken]
    if found.table is None:
        return told
    lines = dict(zip(found.paths, found.table.lines, strict=True))
    everything = [*found.table.faults, *({**fault, "line": lines[fault["path"]]} for fault in told)]
    return sorted(everything, key=lambda fault: int(fault["line"]))


def inspect(request: dict[str, Any], options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer to an ``inspect`` errand; `options` are those of the model asked about.

    Where a table's columns do not do, they are told all the same.
    """
    path = Path(request["folder"])
    try:
        found = find(path, request, progress)
    except Failure as failure:
        columns = picture_tables.columns_of(path) if path.is_file() else ()
        if not columns:
            raise
        answer = {"ok": False, "code": failure.code, "values": failure.values, "traceback": ""}
        return {**answer, "columns": list(columns)}
    return _described(found, survey(found, progress), request, options)


def _described(found: PictureSet, seen: Survey, request: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    failed: Failure | None = None
    broken = faults(found, seen.broken)
    try:
        if found.table:
            seen = seen.only(picture_tables.without_rare(seen.found))
        check(seen.found, seen.digests)
    except Failure as failure:
        failed = failure
    pictures, looks = seen.found, seen.looks
    channels, side = input_for(options, [looks[index] for index in sample(len(looks))])
    parts = split(pictures, seen.digests, int(request.get("seed", 0)))
    answer: dict[str, Any] = {
        "ok": True,
        "pictures": len(pictures.paths),
        "classes": [{"name": name, "pictures": count} for name, count in pictures.counts.items()],
        "broken": broken,
        "examples": _examples(pictures, int(request.get("examples", 6))),
        "split": split_counts(pictures, parts),
        "fingerprint": fingerprint(pictures, [one.size for one in looks], seen.digests),
        "warnings": remarks(pictures, seen.digests),
        "colour": any(one.colour for one in looks),
        "width": _spread([one.width for one in looks]),
        "height": _spread([one.height for one in looks]),
        "input": {"channels": channels, "height": side, "width": side},
        "bytes_in_memory": len(pictures.paths) * channels * side * side,
    }
    if found.table:
        answer.update(columns=list(found.table.columns), files=found.table.files, target=found.table.target)
    if failed:
        answer.update(ok=False, code=failed.code, values=failed.values, traceback="")
    return answer


def _examples(found: PictureSet, most: int) -> list[dict[str, str]]:
    """Up to `most` of each class, spread over its files."""
    classes: dict[str, list[str]] = {}
    for path, name in zip(found.paths, found.truth, strict=True):
        classes.setdefault(name, []).append(path)
    result = []
    for name, members in classes.items():
        taken = min(most, len(members))
        result += [{"path": members[index * len(members) // taken], "class": name} for index in range(taken)]
    return result


def _spread(values: list[int]) -> list[int]:
    ordered = sorted(values)
    return [ordered[0], ordered[len(ordered) // 2], ordered[-1]] if ordered else []
