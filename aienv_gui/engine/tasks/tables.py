"""A table: what each column is, what is to be predicted from what, and which rows belong to which split.

Standard library only. What a column is, is guessed from its cells; the user may choose what is predicted, whether that
is one of several classes or a number, and which columns are left out.
"""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..failures import Failure
from ..protocol import Code
from . import splits
from .table_files import Table, number_of, read_table
from .task import Progress

NUMBER, CATEGORY, DATE = "number", "category", "date"
TEXT, CONSTANT, IDENTITY, EMPTY = "text", "constant", "identity", "empty"  # nothing is learnt from these
_LEARNT_FROM = frozenset({NUMBER, CATEGORY, DATE})
CLASSES = "classes"  # what is predicted, beside NUMBER

MINIMUM = 3  # rows of a class: one for each split
_THIN = 20  # rows of a class below which it is judged by very few
_FEWEST = 20  # rows altogether
_BALANCE = 10
MOST_CLASSES = 200
_NUMBERS_AS_CLASSES = 10  # so many different whole numbers are taken for classes
_CATEGORIES = 50  # values of a column that are told apart; the rarer ones are one
NAMED_TARGET = ("target", "label", "labels", "class", "y", "species", "outcome", "目标", "标签", "类别", "分类")
_NAMED_IDENTITY = ("id", "index", "no", "no.", "nr", "number", "key", "uuid", "编号", "序号", "column 1", "unnamed: 0")
_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y")
_MORE_DATES = ("%d/%m/%Y", "%Y%m%d", "%Y年%m月%d日")
_DAY_0 = datetime.datetime(1970, 1, 1)
_PREVIEW = 5

Value = float | str | None


@dataclass(frozen=True)
class Column:
    """What a column holds. `values`: of a category, the most frequent first; `form`: of a date."""

    name: str
    kind: str
    missing: int
    distinct: int
    values: tuple[str, ...] = ()
    form: str = ""


@dataclass(frozen=True)
class Question:
    """What is predicted from what: `rows` are those of the table that take part, `truth` what is right for each."""

    table: Table
    columns: tuple[Column, ...]
    inputs: tuple[Column, ...]
    target: str
    predicts: str
    rows: tuple[int, ...]
    truth: tuple[Value, ...]
    remarks: tuple[dict[str, Any], ...]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each class, by name; nothing where a number is predicted."""
        if self.predicts == NUMBER:
            return {}
        return dict(sorted(Counter(map(str, self.truth)).items(), key=lambda item: _in_order(item[0])))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts)


def ask(path: Path, data: dict[str, Any], progress: Progress) -> Question:
    """Read the table, and decide what is predicted. `data` is that of a recipe. Raises `Failure`."""
    table = read_table(path)
    return decide(table, _guess_all(table, progress), data)


def guess(name: str, cells: Sequence[str], *, decimal_comma: bool = False) -> Column:
    """What a column is, by its cells."""
    known = [cell for cell in cells if cell]
    counts = Counter(known)
    missing, distinct = len(cells) - len(known), len(counts)
    if distinct < 2:
        return Column(name, CONSTANT if distinct else EMPTY, missing, distinct)
    numbers = [number_of(cell, decimal_comma=decimal_comma) for cell in counts]
    form = "" if None not in numbers and name.lower() not in ("date", "日期") else _date_form(counts)
    if form:
        return Column(name, DATE, missing, distinct, form=form)
    all_differ = distinct == len(cells)
    if None not in numbers:
        whole = all(number is not None and number.is_integer() for number in numbers)
        named = name.lower() in _NAMED_IDENTITY
        return Column(name, IDENTITY if named and all_differ and whole else NUMBER, missing, distinct)
    if distinct > _CATEGORIES and distinct > len(known) / 2:
        return Column(name, IDENTITY if all_differ and name.lower() in _NAMED_IDENTITY else TEXT, missing, distinct)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    return Column(name, CATEGORY, missing, distinct, tuple(ordered[:_CATEGORIES]))


def _date_form(cells: Counter[str]) -> str:
    def fits(form: str) -> bool:
        try:
            for cell in cells:
                datetime.datetime.strptime(cell, form)
        except ValueError:
            return False
        return True

    return next((form for form in (*_DATES, *_MORE_DATES) if fits(form)), "")


def values_of(column: Column, cells: Sequence[str], *, decimal_comma: bool = False) -> list[Value]:
    """Cells as values: numbers, days since 1970, or the words of a category; None where one is missing or none."""
    if column.kind == NUMBER:
        return [number_of(cell, decimal_comma=decimal_comma) if cell else None for cell in cells]
    if column.kind == DATE:
        return [_days(cell, column.form) for cell in cells]
    return [cell or None for cell in cells]


def _days(cell: str, form: str) -> float | None:
    try:
        return (datetime.datetime.strptime(cell, form) - _DAY_0).total_seconds() / 86400
    except ValueError:
        return None


def decide(table: Table, columns: tuple[Column, ...], data: dict[str, Any]) -> Question:
    """What is predicted from what. Raises `Failure` where nothing can be."""
    remarks: list[dict[str, Any]] = []
    left_out = set(data.get("leave_out") or ())
    target = _target(table, columns, str(data.get("target") or ""), left_out)
    if target.kind in (CONSTANT, EMPTY):
        raise Failure(Code.BAD_TARGET, path=str(table.path), name=target.name, reason=target.kind)
    predicts = _predicts(table, target, str(data.get("predicts") or ""))
    cells = table.columns[table.names.index(target.name)]
    rows = [row for row, cell in enumerate(cells) if cell]
    if predicts == NUMBER:
        truth = values_of(Column(target.name, NUMBER, 0, 0), cells, decimal_comma=table.decimal_comma)
    else:
        truth = list(cells)
        counts = Counter(cells[row] for row in rows)
        rare = {name: count for name, count in counts.items() if count < MINIMUM}
        if len(counts) - len(rare) > MOST_CLASSES or sum(rare.values()) > len(rows) / 2:
            values = {"name": target.name, "count": len(counts), "most": MOST_CLASSES}
            raise Failure(Code.BAD_TARGET, path=str(table.path), reason="too_many", **values)
        rows = [row for row in rows if cells[row] not in rare]
        if rare:
            remarks.append({"code": Code.RARE_CLASSES, "values": {"classes": rare, "minimum": MINIMUM}})
    if target.missing:
        remarks.append({"code": Code.NO_TRUTH, "values": {"count": target.missing, "name": target.name}})
    inputs = tuple(
        column
        for column in columns
        if column.kind in _LEARNT_FROM and column.name != target.name and column.name not in left_out
    )
    ignored = [c for c in columns if c.kind not in _LEARNT_FROM and c.name != target.name and c.name not in left_out]
    if ignored:
        names = {column.name: column.kind for column in ignored}
        remarks.append({"code": Code.COLUMNS_LEFT_OUT, "values": {"columns": names}})
    if table.headless:
        remarks.append({"code": Code.NO_HEADER, "values": {}})
    question = Question(
        table, columns, inputs, target.name, predicts, tuple(rows), tuple(truth[row] for row in rows), tuple(remarks)
    )
    _check(question)
    return question


def _target(table: Table, columns: tuple[Column, ...], name: str, left_out: set[str]) -> Column:
    """The column asked for; without such, one that is called like one; else the last that can be."""
    named = {column.name: column for column in columns}
    if name:
        if name not in named:
            raise Failure(Code.BAD_TARGET, path=str(table.path), name=name, reason="missing")
        return named[name]
    usable = [c for c in columns if c.kind in (NUMBER, CATEGORY) and c.name not in left_out] or list(columns)
    return next((c for c in usable if c.name.lower() in NAMED_TARGET), usable[-1])


def _predicts(table: Table, target: Column, wanted: str) -> str:
    cells = table.columns[table.names.index(target.name)]
    numbers = [number_of(cell, decimal_comma=table.decimal_comma) for cell in set(cells) if cell]
    are_numbers = None not in numbers
    if wanted == NUMBER and not are_numbers:
        raise Failure(Code.BAD_TARGET, path=str(table.path), name=target.name, reason="no_numbers")
    if wanted:
        return NUMBER if wanted == NUMBER else CLASSES
    whole = are_numbers and all(number is not None and number.is_integer() for number in numbers)
    return CLASSES if not are_numbers or (whole and target.distinct <= _NUMBERS_AS_CLASSES) else NUMBER


def _check(question: Question) -> None:
    path = str(question.table.path)
    if not question.inputs:
        raise Failure(Code.NO_INPUTS, path=path, name=question.target)
    if len(question.rows) < _FEWEST:
        raise Failure(Code.FEW_ROWS, path=path, count=len(question.rows), minimum=_FEWEST)
    if question.predicts == NUMBER:
        return
    classes = question.classes
    if len(classes) < 2:
        name = classes[0] if classes else "?"
        raise Failure(Code.BAD_TARGET, path=path, name=question.target, reason="one_class", value=name)


def row_keys(question: Question) -> list[bytes]:
    """Of each row that takes part what its cells are: equal rows have equal keys."""
    columns = question.table.columns
    return [
        hashlib.sha256("\x1f".join(column[row] for column in columns).encode("utf-8", "surrogatepass")).digest()
        for row in question.rows
    ]


def split(question: Question, keys: Sequence[bytes], seed: int) -> dict[str, list[int]]:
    """Places in `question.rows` for each split. Raises `Failure` where one would be empty."""
    parts = splits.by_content(keys, question.truth if question.predicts == CLASSES else [None] * len(keys), seed)
    if not all(parts.values()):
        raise Failure(Code.FEW_ROWS, path=str(question.table.path), count=len(set(keys)), minimum=_FEWEST)
    return parts


def split_counts(question: Question, parts: dict[str, list[int]]) -> dict[str, dict[str, int]]:
    """Rows of each class in each split; of numbers all together, under the target's name."""
    named = [str(truth) if question.predicts == CLASSES else question.target for truth in question.truth]
    return {name: dict(sorted(Counter(named[place] for place in places).items())) for name, places in parts.items()}


def fingerprint(question: Question, keys: Sequence[bytes]) -> str:
    """Tells whether the table, and what is predicted from what, are the same."""
    asked = [question.target, question.predicts, *(f"{column.name}\x1f{column.kind}" for column in question.inputs)]
    whole = hashlib.sha256("\x1e".join(asked).encode("utf-8", "surrogatepass"))
    for key in keys:
        whole.update(key)
    return whole.hexdigest()


def remarks(question: Question, keys: Sequence[bytes]) -> list[dict[str, Any]]:
    """What is odd about the table without stopping a training: codes and values."""
    return [*question.remarks, *remarks_on_classes(keys, question.counts)]


def remarks_on_classes(keys: Sequence[bytes], counts: dict[str, int]) -> list[dict[str, Any]]:
    """What is odd about how often examples and classes are there."""
    result: list[dict[str, Any]] = []
    same = len(keys) - len(set(keys))
    if same:
        result.append({"code": Code.SAME_ROW, "values": {"count": same}})
    thin = {name: count for name, count in counts.items() if count < _THIN}
    if thin:
        result.append({"code": Code.THIN_ROWS, "values": {"classes": thin, "minimum": _THIN}})
    if counts and max(counts.values()) >= _BALANCE * min(counts.values()):
        smallest, largest = (pick(counts, key=lambda name: counts[name]) for pick in (min, max))
        values = {"smallest": smallest, "few": counts[smallest], "largest": largest, "many": counts[largest]}
        result.append({"code": Code.UNBALANCED_ROWS, "values": values})
    return result


def inspect(request: dict[str, Any], _options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The answer to an ``inspect`` errand. Where nothing can be predicted so, the columns are told all the same."""
    table = read_table(Path(request["folder"]))
    columns = _guess_all(table, progress)
    answer: dict[str, Any] = {
        "ok": True,
        "rows": table.rows,
        "columns": [_told(column) for column in columns],
        "preview": [[column[row] for column in table.columns] for row in range(min(_PREVIEW, table.rows))],
    }
    try:
        question = decide(table, columns, request)
        keys = row_keys(question)
        parts = split(question, keys, int(request.get("seed", 0)))
    except Failure as failure:
        return {**answer, "ok": False, "code": failure.code, "values": failure.values, "traceback": ""}
    return {
        **answer,
        "target": question.target,
        "predicts": question.predicts,
        "inputs": [column.name for column in question.inputs],
        "classes": [{"name": name, "rows": count} for name, count in question.counts.items()],
        "split": split_counts(question, parts),
        "fingerprint": fingerprint(question, keys),
        "warnings": remarks(question, keys),
    }


def _guess_all(table: Table, progress: Progress) -> tuple[Column, ...]:
    result = []
    for number, (name, cells) in enumerate(zip(table.names, table.columns, strict=True), start=1):
        result.append(guess(name, cells, decimal_comma=table.decimal_comma))
        progress(number, len(table.names))
    return tuple(result)


def _told(column: Column) -> dict[str, Any]:
    return {"name": column.name, "kind": column.kind, "missing": column.missing, "distinct": column.distinct}


def _in_order(name: str) -> tuple[float, str]:
    """Classes that are numbers in the order of numbers."""
    number = number_of(name)
    return (number, name) if number is not None else (float("inf"), name)
