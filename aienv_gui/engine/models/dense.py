"""Dense networks for tables. Plain PyTorch, imports nothing of ours: a copy lies beside every finished model.

`encode` turns rows of values into numbers as the networks take them, by the columns of the model's card; a network
takes a batch of these, shaped (batch, features), and gives one score (logit) a class, or one number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_WEEK, _YEAR = 7.0, 365.2425
_FAR = 1e6  # spreads from the mean: what is farther is taken for this far, or a network would answer with no number
_ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}


class DenseNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Hidden layers of `widths`, each with an activation; with `normalise` a layer normalisation before it."""

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        widths: Sequence[int],
        activation: str,
        dropout: float,
        normalise: bool,
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(_ACTIVATIONS)}, not {activation!r}")
        layers: list[nn.Module] = []
        for entering, leaving in zip((features, *widths), widths, strict=False):
            layers.append(nn.Linear(entering, leaving))
            if normalise:
                layers.append(nn.LayerNorm(leaving))  # and not of the batch: its last may be a single row
            layers.append(_ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(widths[-1] if widths else features, outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.layers(rows)
        return scores


def build(architecture: str, options: dict[str, Any], features: int, outputs: int) -> nn.Module:
    """The network of a card or recipe, with fresh weights. Raises ValueError for what it does not know."""
    if architecture != "dense":
        raise ValueError(f"no architecture is called {architecture!r}")
    return DenseNet(
        features,
        outputs,
        widths=[int(width) for width in options.get("widths", (128, 64))],
        activation=str(options.get("activation", "relu")),
        dropout=float(options.get("dropout", 0)),
        normalise=bool(options.get("normalise", False)),
    )


def of_card(card: dict[str, Any]) -> nn.Module:
    """The network that a model's card.json tells of, ready to be given its weights and then to predict."""
    outputs = len(card["classes"]) or 1
    features = sum(width(column) for column in card["input"]["columns"])
    return build(card["architecture"], card["options"], features, outputs).eval()


def width(column: Mapping[str, Any]) -> int:
    """Numbers that one column of a card becomes."""
    if column["kind"] == "category":
        return len(column["values"]) + 1  # one for all others, and for missing ones
    return 2 if column["kind"] == "number" else 6  # with one that tells whether it is missing


def encode(columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> Tensor:
    """Rows {column: value} as (rows, features). Values: numbers, words, days since 1970 for dates; None for missing."""
    parts = [encode_column(column, [row.get(column["name"]) for row in rows]) for column in columns]
    return torch.cat(parts, dim=1)


def encode_column(column: Mapping[str, Any], values: Sequence[Any]) -> Tensor:
    """One column as (rows, features): numbers by their mean and spread, categories one of many."""
    if column["kind"] == "category":
        places = {value: place for place, value in enumerate(column["values"])}
        chosen = torch.tensor([places.get(value, len(places)) for value in values], dtype=torch.long)
        return nn.functional.one_hot(chosen, len(places) + 1).to(torch.float32)
    known = torch.tensor([math.nan if value is None else float(value) for value in values], dtype=torch.float64)
    missing = known.isnan()
    scaled = ((known - column["mean"]) / column["std"]).nan_to_num(0.0).clamp(-_FAR, _FAR)
    features = [scaled, missing.to(torch.float64)]
    if column["kind"] == "date":
        features += _rhythm(known, _YEAR) + _rhythm(known, _WEEK)
    return torch.stack(features, dim=1).to(torch.float32)


def _rhythm(days: Tensor, period: float) -> list[Tensor]:
    angle = days * (2 * math.pi / period)
    return [angle.sin().nan_to_num(0.0), angle.cos().nan_to_num(0.0)]
