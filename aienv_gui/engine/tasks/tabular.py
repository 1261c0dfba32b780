"""Tables: rows as numbers in memory, a class or a number predicted from them, simple methods to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models import dense
from ..protocol import Code
from ..recipe import Recipe, Settings
from . import baselines, tables
from .classification import Classification, best_answers
from .regression import Regression
from .table_files import is_missing
from .tables import Column, Question
from .task import Baseline, Batch, Progress, Task

networks = dense


@dataclass(frozen=True)
class _Rows:
    """Every row of a table that takes part: `features` (n, width), its line in the file, and what belongs to them."""

    features: Tensor
    encoding: list[dict[str, Any]]
    lines: tuple[int, ...]
    splits: dict[str, Tensor]
    counts: dict[str, dict[str, int]]
    fingerprint: str
    remarks: list[dict[str, Any]]
    target: str
    file: str

    def inputs(self, chosen: Tensor) -> Tensor:
        return self.features[chosen]

    def names(self, chosen: Tensor) -> tuple[str, ...]:
        """The file and line of each."""
        return tuple(f"{self.file}:{self.lines[index]}" for index in chosen.tolist())

    def _described(self, predicts: str, classes: Sequence[str]) -> dict[str, Any]:
        return {
            "classes": list(classes),
            "counts": self.counts,
            "fingerprint": self.fingerprint,
            "target": self.target,
            "predicts": predicts,
        }

    def _network(self, architecture: str, options: dict[str, Any], outputs: int) -> nn.Module:
        return dense.build(architecture, options, self.features.shape[1], outputs)


@dataclass(frozen=True)
class Classes(_Rows, Classification):
    """Rows with one of several classes each."""

    classes: tuple[str, ...]
    labels: Tensor

    def described(self) -> dict[str, Any]:
        return self._described(tables.CLASSES, self.classes)

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        return self._network(architecture, options, len(self.classes))

    def batch(self, chosen: Tensor, _settings: Settings, _seed: int) -> Batch:
        return self.features[chosen], self.labels[chosen]

    @property
    def comparing(self) -> tuple[float, float]:
        return baselines.comparing_tables(self.features, self.splits["train"], len(self.classes))

    def baselines(self, between: Callable[[], None]) -> list[Baseline]:
        return super().baselines(between) + baselines.classifiers(self.features, self.labels, self.splits, between)

    def card(self, _network: nn.Module) -> dict[str, Any]:
        return {"classes": list(self.classes), "input": {"columns": self.encoding}, "target": self.target}


@dataclass(frozen=True)
class Numbers(_Rows, Regression):
    """Rows with a number each."""

    truth: Tensor
    mean: float
    spread: float

    def described(self) -> dict[str, Any]:
        return self._described(tables.NUMBER, ())

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        return self._network(architecture, options, 1)

    def batch(self, chosen: Tensor, _settings: Settings, _seed: int) -> Batch:
        return self.features[chosen], self.scaled(chosen)

    @property
    def comparing(self) -> tuple[float, float]:
        return baselines.comparing_tables(self.features, self.splits["train"], 1)

    def baselines(self, between: Callable[[], None]) -> list[Baseline]:
        return baselines.regressors(self.features, self.truth, self.splits, between)

    def card(self, _network: nn.Module) -> dict[str, Any]:
        output = {"mean": self.mean, "std": self.spread}
        return {"classes": [], "input": {"columns": self.encoding}, "target": self.target, "output": output}


def load(recipe: Recipe, progress: Progress) -> tuple[Task, dict[str, Any]]:
    """Read the table of `recipe`; the network's options are as they were asked for.

    Raises `Failure` for a file that is no table, or a table from which nothing can be predicted.
    """
    question = tables.ask(recipe.folder, recipe.data, progress)
    keys = tables.row_keys(question)
    parts = tables.split(question, keys, recipe.settings.seed)
    encoding = [_encoding(column, _values(question, column), parts["train"]) for column in question.inputs]
    columns = [
        dense.encode_column(code, _values(question, column))
        for code, column in zip(encoding, question.inputs, strict=True)
    ]
    shared: dict[str, Any] = {
        "features": torch.cat(columns, dim=1),
        "encoding": encoding,
        "lines": tuple(question.table.lines[row] for row in question.rows),
        "splits": {name: torch.tensor(places) for name, places in parts.items()},
        "counts": tables.split_counts(question, parts),
        "fingerprint": tables.fingerprint(question, keys),
        "remarks": tables.remarks(question, keys),
        "target": question.target,
        "file": question.table.path.name,
    }
    if question.predicts == tables.NUMBER:
        truth = torch.tensor([float(value or 0) for value in question.truth], dtype=torch.float64)
        mean, spread = _mean_and_spread(truth[shared["splits"]["train"]])
        return Numbers(**shared, truth=truth, mean=mean, spread=spread), dict(recipe.options)
    places = {name: place for place, name in enumerate(question.classes)}
    labels = torch.tensor([places[str(value)] for value in question.truth])
    return Classes(**shared, classes=question.classes, labels=labels), dict(recipe.options)


def _values(question: Question, column: Column) -> list[tables.Value]:
    table = question.table
    cells = table.columns[table.names.index(column.name)]
    return tables.values_of(column, [cells[row] for row in question.rows], decimal_comma=table.decimal_comma)


def _encoding(column: Column, values: list[tables.Value], training: Sequence[int]) -> dict[str, Any]:
    """How a column becomes numbers, learnt from the training rows alone; a part of the model's card."""
    if column.kind == tables.CATEGORY:
        seen = {values[place] for place in training}
        return {"name": column.name, "kind": column.kind, "values": [v for v in column.values if v in seen]}
    known = [float(value) for place in training if (value := values[place]) is not None]
    mean, spread = _mean_and_spread(torch.tensor(known, dtype=torch.float64))
    code = {"name": column.name, "kind": column.kind, "mean": mean, "std": spread}
    if column.kind == tables.DATE:
        code["form"] = column.form
    else:
        code.update(least=min(known, default=0.0), most=max(known, default=0.0))
    return code


def _mean_and_spread(values: Tensor) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    spread = float(values.std(correction=0))
    return float(values.mean()), spread if spread > 0 else 1.0


def predict(
    network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
) -> list[dict[str, Any]]:
    """The answers for ``request["rows"]``, each {column: text}; a column that is not given counts as missing."""
    results: list[dict[str, Any]] = []
    rows = request["rows"]
    columns = card["input"]["columns"]
    for number, row in enumerate(rows):
        progress(number, len(rows))
        values = {code["name"]: _value(code, str(row.get(code["name"], ""))) for code in columns}
        with torch.no_grad():
            scores = network(dense.encode(columns, [values]))[0]
        result: dict[str, Any] = {"warnings": _warnings(columns, row, values)}
        if card["classes"]:
            result["top"] = best_answers(scores, card["classes"], int(request.get("top", 5)))
        else:
            result["value"] = float(scores[0]) * card["output"]["std"] + card["output"]["mean"]
        results.append(result)
    progress(len(rows), len(rows))
    return results


def _value(code: dict[str, Any], cell: str) -> tables.Value:
    column = Column(code["name"], code["kind"], 0, 0, form=code.get("form", ""))
    clean = "" if is_missing(cell) else cell.strip()
    value = tables.values_of(column, [clean])[0]
    if value is None and code["kind"] == tables.NUMBER:
        value = tables.values_of(column, [clean], decimal_comma=True)[0]
    return value


def _warnings(
    columns: list[dict[str, Any]], row: dict[str, Any], values: dict[str, tables.Value]
) -> list[dict[str, Any]]:
    """What about a row is unlike all that was trained on: the answer may be worth little then."""
    result = []
    for code in columns:
        value, given = values[code["name"]], str(row.get(code["name"], "")).strip()
        told = {"name": code["name"], "value": given}
        if code["kind"] == tables.CATEGORY:
            if value is not None and value not in code["values"]:
                result.append({"code": Code.UNKNOWN_VALUE, "values": told})
        elif value is None and given and not is_missing(given):
            result.append({"code": Code.NO_NUMBER, "values": told})
        elif code["kind"] == tables.NUMBER and isinstance(value, float) and not code["least"] <= value <= code["most"]:
            values_told = {**told, "least": code["least"], "most": code["most"]}
            result.append({"code": Code.OUT_OF_RANGE, "values": values_told})
    return result
