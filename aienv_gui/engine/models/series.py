"""Networks for time series: recurrent, with self-attention. Plain PyTorch, imports nothing of ours: a copy lies beside
every finished model.

`encode` turns columns of values into a window as the networks take it, by the model's card; a network takes a batch of
these, shaped (batch, window, columns), the one that is forecast first, and gives its next values, shaped (batch,
horizon), in spreads from the mean. `forecast` does all of it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

FAR = 1e6  # spreads from the mean: what is farther is taken for this far, or a network would answer with no number


class SeriesNet(nn.Module, ABC):  # type: ignore[misc]  # where PyTorch is not looked into
    """What the networks have in common: they look at how far each moment was from the last one, and forecast how far
    the next ones will be from it. So a series that goes on growing is not strange to them, though it grows beyond all
    that was trained on. The last value itself is told beside, within what the training had.

    `columns` are those of a card: their `swing` is how far values usually move within a forecast, in spreads.
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.features = 2 * len(columns)
        self.register_buffer("swing", torch.tensor([float(c["swing"]) for c in columns]), persistent=False)
        for name in ("least", "most"):
            bounds = [(float(c[name]) - float(c["mean"])) / float(c["std"]) for c in columns]
            self.register_buffer(name, torch.tensor(bounds), persistent=False)

    @abstractmethod
    def read(self, moments: Tensor) -> Tensor:
        """The next values as swings from the last one, of (batch, window, features)."""

    def forward(self, windows: Tensor) -> Tensor:
        last = windows[:, -1:]
        moved = ((windows - last) / self.swing).clamp(-FAR, FAR)
        level = last.clamp(self.least, self.most).expand_as(windows)
        swings = self.read(torch.cat([moved, level], dim=2))
        answers: Tensor = last[:, 0, :1] + self.swing[0] * swings
        return answers


class RecurrentNet(SeriesNet):
    """Reads the window moment by moment (GRU or LSTM); the forecast is made of what it remembers at the end."""

    def __init__(
        self,
        columns: Sequence[Mapping[str, Any]],
        horizon: int,
        *,
        cell: str,
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__(columns)
        if cell not in ("gru", "lstm"):
            raise ValueError(f"cell must be gru or lstm, not {cell!r}")
        make = nn.GRU if cell == "gru" else nn.LSTM
        between = dropout if layers > 1 else 0.0
        self.reader = make(self.features, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(hidden, horizon)

    def read(self, moments: Tensor) -> Tensor:
        made, _ = self.reader(moments)
        swings: Tensor = self.answer(self.dropout(made[:, -1]))
        return swings


class AttentionNet(SeriesNet):
    """A Transformer encoder: every moment looks at every other; the forecast is made of what became of all of them."""

    def __init__(
        self,
        columns: Sequence[Mapping[str, Any]],
        window: int,
        horizon: int,
        *,
        width: int,
        heads: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__(columns)
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads")
        # Neighbouring moments are one: attention over a thousand moments would cost a thousand times a thousand.
        self.patch = max(1, -(-window // 32))
        self.missing = -window % self.patch
        count = (window + self.missing) // self.patch
        self.enter = nn.Linear(self.features * self.patch, width)
        self.position = nn.Parameter(0.02 * torch.randn(count, width))
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(count * width, horizon)

    def read(self, moments: Tensor) -> Tensor:
        padded = nn.functional.pad(moments, (0, 0, self.missing, 0))
        patches = padded.unflatten(1, (-1, self.patch)).flatten(2)
        made = self.norm(self.encoder(self.dropout(self.enter(patches) + self.position)))
        swings: Tensor = self.answer(self.dropout(made.flatten(1)))
        return swings


def build(
    architecture: str, options: dict[str, Any], columns: Sequence[Mapping[str, Any]], window: int, horizon: int
) -> nn.Module:
    """The network of a card or recipe, with fresh weights. Raises ValueError for what it does not know."""
    layers, dropout = int(options.get("layers", 1)), float(options.get("dropout", 0.1))
    if architecture == "series_recurrent":
        cell, hidden = str(options.get("cell", "gru")), int(options.get("hidden", 64))
        return RecurrentNet(columns, horizon, cell=cell, hidden=hidden, layers=layers, dropout=dropout)
    if architecture == "series_attention":
        width, heads = int(options.get("width", 64)), int(options.get("heads", 4))
        return AttentionNet(columns, window, horizon, width=width, heads=heads, layers=layers, dropout=dropout)
    raise ValueError(f"no architecture is called {architecture!r}")


def of_card(card: dict[str, Any]) -> nn.Module:
    """The network that a model's card.json tells of, ready to be given its weights and then to forecast."""
    wanted = card["input"]
    return build(card["architecture"], card["options"], wanted["columns"], wanted["window"], wanted["horizon"]).eval()


def encode(wanted: Mapping[str, Any], values: Mapping[str, Sequence[float | None]]) -> Tensor:
    """The last values of each column as (1, window, columns), by a card's ``input``; None where one is missing.

    Raises ValueError where there are fewer than the window is long.
    """
    columns = []
    for column in wanted["columns"]:
        found = whole(column, values[column["name"]])[-wanted["window"] :]
        if len(found) < wanted["window"]:
            raise ValueError(f"{wanted['window']} values of {column['name']!r} are needed, {len(found)} are there")
        columns.append(scaled(column, found))
    return torch.stack(columns, dim=1)[None].to(torch.float32)


def scaled(column: Mapping[str, Any], values: Sequence[float]) -> Tensor:
    """Values in spreads from the mean of the training; what is unknown (NaN) stays so."""
    return ((torch.tensor(values, dtype=torch.float64) - column["mean"]) / column["std"]).clamp(-FAR, FAR)


def whole(column: Mapping[str, Any], values: Sequence[float | None]) -> list[float]:
    """A column without gaps: `filled`, and before its first value what is usual in it."""
    found = filled(values)
    return [float(column["mean"])] * (len(values) - len(found)) + found


def filled(values: Sequence[float | None]) -> list[float]:
    """Without gaps: each holds the value before it, which is all that was known then; none before the first."""
    result: list[float] = []
    for value in values:
        if value is not None and math.isfinite(value):
            result.append(float(value))
        elif result:
            result.append(result[-1])
    return result


def forecast(network: nn.Module, card: Mapping[str, Any], values: Mapping[str, Sequence[float | None]]) -> list[float]:
    """What comes after the last values of the columns, in the units of the table."""
    with torch.no_grad():
        scaled = network(encode(card["input"], values))[0].to(torch.float64)
    return [float(value) for value in scaled * card["output"]["std"] + card["output"]["mean"]]
