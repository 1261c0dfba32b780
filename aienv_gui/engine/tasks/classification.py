"""What all kinds of work have in common whose answer is one of several classes: loss, share right, judgement."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .examples import Examples
from .task import Baseline, Batch, Result

_WORST = 12


class Classification(Examples):
    """Examples with a class each. `labels` (n,) are numbers of `classes`."""

    classes: tuple[str, ...]
    labels: Tensor

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, float]:
        """Mean cross-entropy, and the share that is right."""
        raw, labels = batch
        scores = network(self.as_input(raw))
        right = (scores.detach().argmax(dim=1) == labels).count_nonzero()
        return functional.cross_entropy(scores, labels), right.item() / len(labels)

    def is_good(self, accuracy: float, loss: float) -> bool:
        """Whether it knows more than guessing does, or was at least not growing wild."""
        classes = len(self.classes)
        return accuracy > 1.5 / classes or loss < 2 * math.log(classes)

    def judge(
        self, network: nn.Module, split: str, device: torch.device, size: int, between: Callable[[], None]
    ) -> Result:
        """With the confusion matrix (`confusion[truth][answer]` counts examples) and the surest mistakes."""
        indices = self.splits[split]
        scores = self.outputs(network, split, device, size, between)
        certainty, answers = scores.softmax(dim=1).max(dim=1)
        truth = self.labels[indices]
        classes = len(self.classes)
        confusion = torch.bincount(truth * classes + answers, minlength=classes * classes).reshape(classes, classes)
        return Result(
            split=split,
            loss=float(functional.cross_entropy(scores, truth)),
            accuracy=float((answers == truth).double().mean()),
            more={
                "classes": list(self.classes),
                "confusion": confusion.tolist(),
                "worst": self._worst(indices, answers, certainty),
            },
        )

    def baselines(self, _between: Callable[[], None]) -> list[Baseline]:
        """What it is to answer always with the class that is most frequent in the training."""
        usual = self.labels[self.splits["train"]].mode().values
        right = (self.labels[self.splits["test"]] == usual).double().mean()
        return [{"name": "guessing", "accuracy": float(right)}]

    def _worst(self, indices: Tensor, answers: Tensor, certainty: Tensor) -> list[dict[str, Any]]:
        truth = self.labels[indices]
        wrong = (answers != truth).nonzero().flatten()
        wrong = wrong[certainty[wrong].argsort(descending=True, stable=True)][:_WORST]
        return [
            {
                "path": name,
                "truth": self.classes[int(truth[place])],
                "answer": self.classes[int(answers[place])],
                "probability": float(certainty[place]),
            }
            for place, name in zip(wrong.tolist(), self.names(indices[wrong]), strict=True)
        ]


def best_answers(scores: Tensor, classes: list[str], most: int) -> list[dict[str, Any]]:
    """The likeliest classes of one example, from its scores (classes,)."""
    best = scores.softmax(dim=0).topk(min(most, len(classes)))
    return [
        {"class": classes[place], "probability": chance}
        for chance, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
