"""What all kinds of work have in common whose answer is a number: loss, share explained, judgement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .examples import Examples
from .task import Batch, Result

_WORST = 12
_SAME = 100  # forecasts of one moment, at most, among those looked at for the worst
_PAIRS = 500  # points of the plot of truth and answer


class Regression(Examples):
    """Examples with a number each: `truth` (n,). The networks answer in spreads from the mean of the training's."""

    truth: Tensor
    mean: float
    spread: float

    def scaled(self, chosen: Tensor) -> Tensor:
        """The truth as the networks answer it."""
        return ((self.truth[chosen] - self.mean) / self.spread).to(torch.float32)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, float]:
        """Mean squared error in squared spreads, and the share of the variance that is explained (0 to 1)."""
        raw, truth = batch
        loss = functional.mse_loss(network(self.as_input(raw)).squeeze(1), truth)
        return loss, max(0.0, 1 - loss.item())

    def is_good(self, _accuracy: float, loss: float) -> bool:
        """Whether it was at least not growing wild: always the mean would be a loss of 1."""
        return loss < 2

    def judge(
        self, network: nn.Module, split: str, device: torch.device, size: int, between: Callable[[], None]
    ) -> Result:
        """With the mean distance from the truth, pairs of truth and answer, and the answers farthest off."""
        indices = self.splits[split]
        scaled = self.outputs(network, split, device, size, between).squeeze(1).to(torch.float64)
        answers = scaled * self.spread + self.mean
        return judged(split, self.truth[indices], answers, self.spread, lambda chosen: self.names(indices[chosen]))


def judged(
    split: str, truth: Tensor, answers: Tensor, spread: float, names: Callable[[Tensor], tuple[str, ...]]
) -> Result:
    """Answers (n,) beside the truth; `names` of places are what the user calls them, each of which is told once."""
    off = (answers - truth).abs()
    variance = float((truth - truth.mean()).square().mean())
    explained = 1 - float(off.square().mean()) / variance if variance > 0 else 0.0
    return Result(
        split=split,
        loss=float((off / spread).square().mean()),
        accuracy=max(explained, 0.0),
        more={
            "mean_error": float(off.mean()),
            "examples": len(truth),
            "pairs": torch.stack([truth, answers], dim=1)[:: max(1, -(-len(truth) // _PAIRS))].tolist(),
            "worst": _worst(truth, answers, off, names),
        },
    )


def _worst(
    truth: Tensor, answers: Tensor, off: Tensor, names: Callable[[Tensor], tuple[str, ...]]
) -> list[dict[str, Any]]:
    farthest = off.argsort(descending=True, stable=True)[: _WORST * _SAME]
    told: dict[str, dict[str, Any]] = {}
    for place, name in zip(farthest.tolist(), names(farthest), strict=True):
        one = {"path": name, "truth": f"{float(truth[place]):.6g}", "answer": f"{float(answers[place]):.6g}"}
        told.setdefault(name, one)
    return list(told.values())[:_WORST]
