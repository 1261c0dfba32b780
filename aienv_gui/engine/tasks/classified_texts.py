"""What all networks that classify texts have in common: the texts, their classes, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..recipe import Recipe
from . import baselines, texts
from .classification import Classification
from .task import Baseline
from .texts import Corpus


@dataclass(frozen=True)
class ClassifiedTexts(Classification):
    """Texts in memory, known by their numbers; how they become a network's input is for the kind of network to say."""

    classes: tuple[str, ...]
    labels: Tensor
    texts: tuple[str, ...]
    where: tuple[str, ...]
    splits: dict[str, Tensor]
    counts: dict[str, dict[str, int]]
    fingerprint: str
    remarks: list[dict[str, Any]]
    target: str

    def described(self) -> dict[str, Any]:
        return {
            "classes": list(self.classes),
            "counts": self.counts,
            "fingerprint": self.fingerprint,
            "target": self.target,
        }

    def names(self, chosen: Tensor) -> tuple[str, ...]:
        return tuple(self.where[index] for index in chosen.tolist())

    @property
    def comparing(self) -> tuple[float, float]:
        return baselines.comparing_texts()

    def baselines(self, between: Callable[[], None]) -> list[Baseline]:
        return super().baselines(between) + baselines.text_classifier(self.texts, self.labels, self.splits, between)


def of_corpus(corpus: Corpus, recipe: Recipe) -> dict[str, Any]:
    """The fields of `ClassifiedTexts`. Raises `Failure` where a split would be empty."""
    parts = texts.split(corpus, recipe.settings.seed)
    places = {name: place for place, name in enumerate(corpus.classes)}
    return {
        "classes": corpus.classes,
        "labels": torch.tensor([places[name] for name in corpus.truth]),
        "texts": corpus.texts,
        "where": corpus.names,
        "splits": {name: torch.tensor(chosen) for name, chosen in parts.items()},
        "counts": texts.split_counts(corpus, parts),
        "fingerprint": texts.fingerprint(corpus),
        "remarks": texts.remarks(corpus),
        "target": corpus.target,
    }
