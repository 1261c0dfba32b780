"""Forecasting: the next values of a series learnt from those before, and what comes after the end of a table.

An example is the window before a moment and what followed. Splits are those of time: the newest rows test, those
before them watch, and the training knows nothing later than itself, neither as a truth nor by a mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..failures import Failure
from ..models import series as networks
from ..protocol import Code
from ..recipe import Recipe, Settings
from . import baselines
from . import series as reading
from .examples import Examples
from .regression import judged
from .series import Plan, Series
from .tables import NUMBER
from .task import SPLITS, Baseline, Batch, Progress, Result

_SHARE = 0.8  # of the values that are to lie within the reach of a forecast
_FEWEST = 9  # known values at each step ahead: of fewer, how far off a forecast may be is not told
_SHOWN = 3  # windows before a forecast that are told beside it
_AT_ONCE = 256  # windows in a batch, where nobody says
_LINEAR = 1_000  # values that the linear model looks at, at most: its work grows with their cube
_FAR = 3.0  # spreads beyond what was trained on: a series may well grow, but not to this


@dataclass(frozen=True)
class Data(Examples):
    """`values` (rows, columns) in spreads from the training's mean, gaps filled; `truth` (rows,) has NaN for a gap.

    `firsts[example]` is the row that is forecast first.
    """

    series: Series
    plan: Plan
    columns: list[dict[str, Any]]
    values: Tensor
    truth: Tensor
    firsts: Tensor
    splits: dict[str, Tensor]
    fingerprint: str

    @property
    def remarks(self) -> list[dict[str, Any]]:
        return list(self.series.remarks)

    @property
    def mean(self) -> float:
        return float(self.columns[0]["mean"])

    @property
    def spread(self) -> float:
        return float(self.columns[0]["std"])

    def described(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "classes": [],
            "counts": reading.split_counts(self.series, plan),
            "fingerprint": self.fingerprint,
            "target": self.series.target,
            "predicts": NUMBER,
            "window": plan.window,
            "horizon": plan.horizon,
            "season": plan.season,
        }

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        return networks.build(architecture, options, self.columns, self.plan.window, self.plan.horizon)

    def inputs(self, chosen: Tensor) -> Tensor:
        before = torch.arange(-self.plan.window, 0)
        return self.values[self.firsts[chosen][:, None] + before]

    def followed(self, chosen: Tensor) -> Tensor:
        """What came, as the networks answer it (n, horizon); NaN where nobody knows."""
        return self.truth[self.firsts[chosen][:, None] + torch.arange(self.plan.horizon)]

    def batch(self, chosen: Tensor, _settings: Settings, _seed: int) -> Batch:
        return self.inputs(chosen), self.followed(chosen)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, float]:
        """Mean squared error of the known values in squared spreads, and the share of the variance explained.

        A mean of each example's mean: so it is the same whether a batch is computed in one or in parts.
        """
        windows, truth = batch
        known = ~truth.isnan()
        off = (network(windows) - truth.nan_to_num(0.0)) * known
        loss = (off.square().sum(dim=1) / known.sum(dim=1).clamp(min=1)).mean()
        return loss, max(0.0, 1 - loss.item())

    def judge(
        self, network: nn.Module, split: str, device: torch.device, size: int, between: Callable[[], None]
    ) -> Result:
        """As numbers are judged, by each known value of each forecast; of the test with a few forecasts in a row.

        And with the share of its values that lay within reach, which was learnt without them.
        """
        answers = self.outputs(network, split, device, size, between).to(torch.float64)
        result = self._judged(split, answers)
        if split == "test":
            result = result.beside(horizon=self.plan.horizon, course=self._course(answers))
            reach = self._reach(network, device, size, between)
            if reach is not None:
                off = (answers - self.followed(self.splits["test"])).abs()
                within = (off <= reach)[~off.isnan()]
                result = result.beside(reach_share=_SHARE, within_reach=float(within.double().mean()))
        return result

    def _reach(self, network: nn.Module, device: torch.device, size: int, between: Callable[[], None]) -> Tensor | None:
        """How far off, in spreads, `_SHARE` of the forecasts are at most at each step ahead (horizon,).

        By the validation, from which no weight was learnt (split conformal prediction: of n forecasts the distance
        that comes at place (n + 1) * share). None where it has too few values.
        """
        answers = self.outputs(network, "validation", device, size, between).to(torch.float64)
        off = (answers - self.followed(self.splits["validation"])).abs()
        known = (~off.isnan()).sum(dim=0)
        if int(known.min()) < _FEWEST:
            return None
        places = ((known + 1) * _SHARE).ceil().to(torch.int64).clamp(max=known) - 1
        # What nobody knows is sorted to the end, behind the places that count.
        return off.nan_to_num(torch.inf).sort(dim=0).values.gather(0, places[None])[0]

    def _judged(self, split: str, answers: Tensor) -> Result:
        truth = self.followed(self.splits[split]).to(torch.float64)
        known = ~truth.isnan()
        rows = (self.firsts[self.splits[split]][:, None] + torch.arange(self.plan.horizon))[known]
        found, right = (tensor[known] * self.spread + self.mean for tensor in (answers, truth))
        return judged(split, right, found, self.spread, lambda chosen: self._named(rows[chosen]))

    def _course(self, answers: Tensor) -> dict[str, Any]:
        """The test part as it was (null where unknown), and as it was forecast every `horizon` rows."""
        horizon = self.plan.horizon
        joined = answers[::horizon].flatten() * self.spread + self.mean
        begin = self.plan.test
        truth = self.series.values[0][begin : begin + len(joined)]
        return {
            "begin": self.series.label(begin),
            "end": self.series.label(begin + len(joined) - 1),
            "truth": list(truth),
            "answers": joined.tolist(),
        }

    def baselines(self, between: Callable[[], None]) -> list[Baseline]:
        """What it is to say the last value again, that of a season before, or what a linear model says."""
        test = self.splits["test"]
        first, steps = self.firsts[test][:, None], torch.arange(self.plan.horizon)
        target = self.values[:, 0].to(torch.float64)
        last = target[first - 1]

        def score(answers: Tensor) -> float:
            return self._judged("test", answers).accuracy

        result = [{"name": "last", "accuracy": score(last.expand(-1, self.plan.horizon))}]
        season = self.plan.season
        if season:
            before = first + steps - (steps // season + 1) * season
            result.append({"name": "season", "accuracy": score(target[before.clamp(min=0)])})
        return result + baselines.forecasters(self._distances, self.splits, lambda moved: score(last + moved), between)

    def _distances(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (n, window * columns) and what followed (n, horizon), both measured from the last value."""
        windows = self.inputs(chosen).to(torch.float64)
        last = windows[:, -1:]
        rows = self.firsts[chosen][:, None] + torch.arange(self.plan.horizon)
        followed = self.values[:, 0].to(torch.float64)[rows]
        # The last column of each is told as it is: measured from itself it would be nothing.
        moved = torch.cat([windows[:, :-1] - last, last], dim=1)
        # The columns that there is room for; of a very long window its end.
        columns = max(1, _LINEAR // self.plan.window)
        return moved[:, -_LINEAR:, :columns].flatten(1), followed - last[:, 0, :1]

    def names(self, chosen: Tensor) -> tuple[str, ...]:
        return self._named(self.firsts[chosen])

    def _named(self, rows: Tensor) -> tuple[str, ...]:
        """The file and line of each row."""
        return tuple(f"{self.series.path.name}:{self.series.lines[row]}" for row in rows.tolist())

    def is_good(self, _accuracy: float, loss: float) -> bool:
        """Whether it was at least not growing wild: always the mean would be a loss of about 1."""
        return loss < 4

    def card(self, network: nn.Module) -> dict[str, Any]:
        """With how far off its forecasts may be at each step ahead, in the units of the table."""
        device = next(network.parameters()).device
        reach = self._reach(network, device, _AT_ONCE, _go_on)
        told = {} if reach is None else {"share": _SHARE, "reach": (reach * self.spread).tolist()}
        plan, series = self.plan, self.series
        wanted = {
            "columns": self.columns,
            "window": plan.window,
            "horizon": plan.horizon,
            "season": plan.season,
            "time": series.time,
        }
        return {
            "classes": [],
            "input": wanted,
            "target": series.target,
            "output": {"mean": self.mean, "std": self.spread, **told},
        }


def _go_on() -> None:
    """Nobody waits while the card is written."""


def load(recipe: Recipe, progress: Progress) -> tuple[Data, dict[str, Any]]:
    """Read the series of `recipe`. Raises `Failure` where there is none, or too little of it."""
    asked = reading.Asked.of(recipe.data)
    table, found = reading.open_table(recipe.folder, progress)
    series = reading.read(table, found, asked)
    plan = reading.plan(series, asked)
    firsts = [row for name in SPLITS for row in plan.examples(name)]
    splits: dict[str, Tensor] = {}
    done = 0
    for name in SPLITS:
        count = len(plan.examples(name))
        splits[name] = torch.arange(done, done + count)
        done += count
    columns: list[dict[str, Any]] = []
    scaled: list[Tensor] = []
    for name, values in zip(series.names, series.values, strict=True):
        code = _encoding(name, values[: plan.validation], plan)
        if code["most"] > code["least"] or not columns:  # what never changes in the training tells nothing
            columns.append(code)
            scaled.append(_scaled(code, values))
    known = [float("nan") if value is None else value for value in series.values[0]]
    data = Data(
        series=series,
        plan=plan,
        columns=columns,
        values=torch.stack(scaled, dim=1).to(torch.float32),
        truth=networks.scaled(columns[0], known).to(torch.float32),
        firsts=torch.tensor(firsts),
        splits=splits,
        fingerprint=reading.fingerprint(series, plan),
    )
    return data, dict(recipe.options)


def _encoding(name: str, training: tuple[float | None, ...], plan: Plan) -> dict[str, Any]:
    """How a column becomes numbers, learnt from the training rows alone; a part of the model's card."""
    known = torch.tensor([value for value in training if value is not None], dtype=torch.float64)
    if not len(known):
        return {"name": name, "kind": "number", "mean": 0.0, "std": 1.0, "least": 0.0, "most": 0.0, "swing": 1.0}
    mean, spread = float(known.mean()), float(known.std(correction=0)) or 1.0
    there = torch.tensor(networks.filled(training), dtype=torch.float64)
    far = max(1, min((plan.horizon + 1) // 2, len(there) - 1))  # the middle of a forecast
    swing = float((there[far:] - there[:-far]).square().mean().sqrt()) / spread if len(there) > far else 0.0
    return {
        "name": name,
        "kind": "number",
        "mean": mean,
        "std": spread,
        "least": float(known.min()),
        "most": float(known.max()),
        "swing": swing or 1.0,
    }


def _scaled(code: dict[str, Any], values: tuple[float | None, ...]) -> Tensor:
    """A whole column in spreads from the mean of the training, its gaps filled with the value before."""
    return networks.scaled(code, networks.whole(code, values))


def predict(
    network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
) -> list[dict[str, Any]]:
    """What comes after the end of the table ``request["table"]``, whose columns are called as in the training."""
    wanted = card["input"]
    table, found = reading.open_table(Path(request["table"]), progress)
    series = reading.continued(table, found, [str(column["name"]) for column in wanted["columns"]], str(wanted["time"]))
    if series.rows < wanted["window"]:
        raise Failure(Code.SHORT_TABLE, path=str(table.path), count=series.rows, minimum=wanted["window"])
    answers = networks.forecast(network, card, dict(zip(series.names, series.values, strict=True)))
    shown = min(series.rows, _SHOWN * wanted["window"])
    output = card["output"]
    told = {name: output[name] for name in ("share", "reach") if name in output}
    result = {
        "forecast": {"labels": series.labels_after(len(answers)), "values": answers, **told},
        "before": {
            "labels": [series.label(row) for row in range(series.rows - shown, series.rows)],
            "values": list(series.values[0][-shown:]),
        },
        "warnings": [*series.remarks, *_strange(wanted["columns"], series)],
    }
    return [result]


def _strange(columns: list[dict[str, Any]], series: Series) -> list[dict[str, Any]]:
    """Columns whose last value is far from all that was trained on: the forecast may be worth little then."""
    result = []
    for column in columns:
        last = next((v for v in reversed(series.values[series.names.index(column["name"])]) if v is not None), None)
        room = _FAR * column["std"]
        if last is not None and not column["least"] - room <= last <= column["most"] + room:
            bounds = {"least": column["least"], "most": column["most"]}
            values = {"name": column["name"], "value": f"{last:.6g}", **bounds}
            result.append({"code": Code.OUT_OF_RANGE, "values": values})
    return result
