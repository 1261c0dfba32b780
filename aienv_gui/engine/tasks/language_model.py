"""Language models: the next character learnt from all before it, and text written on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..failures import Failure
from ..models import causal
from ..protocol import Code
from ..recipe import Recipe, Settings
from . import running_text
from .task import Baseline, Batch, Progress, Result

networks = causal

_MOST_CHARACTERS = 5000
_CONTEXT = 128  # characters that are looked back at, where the options do not say


@dataclass(frozen=True)
class Data:
    """The text as numbers of its characters (n,); an example is a stretch of `context` characters.

    `starts[example]` is where it begins and `room[example]` by how far it may begin later, so that each epoch sees
    other stretches.
    """

    characters: Tensor
    starts: Tensor
    room: Tensor
    context: int
    vocabulary: tuple[str, ...]
    splits: dict[str, Tensor]
    counts: dict[str, dict[str, int]]
    fingerprint: str
    remarks: list[dict[str, Any]]
    file: str

    def described(self) -> dict[str, Any]:
        return {"classes": [], "counts": self.counts, "fingerprint": self.fingerprint, "predicts": "text"}

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        return causal.build(architecture, options, len(self.vocabulary) + causal.FIRST, self.context)

    def batch(self, chosen: Tensor, _settings: Settings, seed: int) -> Batch:
        generator = torch.Generator().manual_seed(seed)
        later = (torch.rand(len(chosen), generator=generator) * (self.room[chosen] + 1)).to(torch.int64)
        return self._stretches(self.starts[chosen] + later)

    def _stretches(self, starts: Tensor) -> Batch:
        """Characters from each start on, and those that follow each of them."""
        places = starts[:, None] + torch.arange(self.context + 1)
        found = self.characters[places]
        return found[:, :-1], found[:, 1:]

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of the next characters in nats, and the share of them that is right."""
        texts, following = batch
        scores = network(texts)
        right = (scores.detach().argmax(dim=2) == following).sum()
        return functional.cross_entropy(scores.flatten(0, 1), following.flatten()), right / following.numel()

    def judge(
        self, network: nn.Module, split: str, device: torch.device, size: int, between: Callable[[], None]
    ) -> Result:
        """With the number of characters judged, and the perplexity: among how many it is still undecided."""
        losses: list[Tensor] = []
        right: list[Tensor] = []
        was_training = network.training
        network.eval()
        try:
            with torch.no_grad():
                for part in self.splits[split].split(size):
                    between()
                    texts, following = (tensor.to(device) for tensor in self._stretches(self.starts[part]))
                    scores = network(texts)
                    total = functional.cross_entropy(scores.flatten(0, 1), following.flatten(), reduction="sum")
                    losses.append(total.cpu())
                    right.append((scores.argmax(dim=2) == following).sum().cpu())
        finally:
            network.train(was_training)
        count = len(self.splits[split]) * self.context
        loss = float(torch.stack(losses).sum()) / count
        accuracy = int(torch.stack(right).sum()) / count
        return Result(split, loss, accuracy, {"examples": count, "perplexity": math.exp(min(loss, 50.0))})

    def baselines(self, _between: Callable[[], None]) -> list[Baseline]:
        """What it is to answer with what is most frequent, and with what most often follows the last character."""
        size = len(self.vocabulary) + causal.FIRST
        before, after = (tensor.flatten() for tensor in self._stretches(self.starts[self.splits["train"]]))
        tested, truth = (tensor.flatten() for tensor in self._stretches(self.starts[self.splits["test"]]))
        usual = after.bincount(minlength=size).argmax()
        follows = torch.full((size,), int(usual))
        pairs, counts = torch.unique(before * size + after, return_counts=True)
        order = counts.argsort(stable=True)  # the most frequent is written last
        follows[(pairs // size)[order]] = (pairs % size)[order]
        return [
            {"name": "guessing", "accuracy": float((truth == usual).double().mean())},
            {"name": "pairs", "accuracy": float((truth == follows[tested]).double().mean())},
        ]

    def names(self, chosen: Tensor) -> tuple[str, ...]:
        return tuple(f"{self.file}, {int(self.starts[index])}" for index in chosen.tolist())

    def is_good(self, _accuracy: float, loss: float) -> bool:
        """Whether it was at least not growing wild."""
        return loss < 2 * math.log(len(self.vocabulary) + causal.FIRST)

    def card(self, _network: nn.Module) -> dict[str, Any]:
        return {"classes": [], "input": {"vocabulary": list(self.vocabulary), "context": self.context}}


def load(recipe: Recipe, progress: Progress) -> tuple[Data, dict[str, Any]]:
    """Read the text of `recipe`. Raises `Failure` where there is too little of it."""
    running = running_text.read(recipe.folder, recipe.data, progress)
    parts = running_text.split(running, recipe.settings.seed)
    context = int(recipe.options.get("context", _CONTEXT))
    counts = Counter(character for start, stop in parts["train"] for character in running.text[start:stop])
    known = sorted(counts, key=lambda character: (-counts[character], character))[:_MOST_CHARACTERS]
    vocabulary = tuple(known)
    starts: list[int] = []
    room: list[int] = []
    splits: dict[str, Tensor] = {}
    for name, part in parts.items():
        first = len(starts)
        for start, stop in part:
            # An example needs the character after its last one.
            begins = range(start, stop - context, context)
            starts += begins
            room += [min(context - 1, stop - context - 1 - begin) for begin in begins]
        if first == len(starts):
            raise Failure(Code.BAD_RECIPE, reason=f"a context of {context} is too long for the parts of this text")
        splits[name] = torch.arange(first, len(starts))
    data = Data(
        characters=causal.encode(vocabulary, running.text),
        starts=torch.tensor(starts),
        room=torch.tensor(room),
        context=context,
        vocabulary=vocabulary,
        splits=splits,
        counts={name: {"text": len(chosen) * context} for name, chosen in splits.items()},
        fingerprint=running.fingerprint,
        remarks=[],
        file=running.path.name,
    )
    return data, dict(recipe.options)


def predict(
    network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
) -> list[dict[str, Any]]:
    """What follows ``request["beginning"]``: `length` characters, drawn with `temperature` and `seed`."""
    text = causal.generate(
        network,
        card["input"],
        str(request["beginning"]),
        min(int(request.get("length", 300)), 10_000),
        temperature=float(request.get("temperature", 0.8)),
        seed=int(request.get("seed", 0)),
        progress=progress,
    )
    return [{"text": text, "warnings": []}]
