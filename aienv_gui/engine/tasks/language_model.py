"""Language models: the next token, a character or a word piece, learnt from all before it, and text written on."""

from __future__ import annotations

import math
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
from . import tokens as tokens_of
from .task import Baseline, Batch, Progress, Result
from .tokens import Tokens

networks = causal

_CONTEXT = 128  # tokens that are looked back at, where the options do not say


@dataclass(frozen=True)
class Data:
    """The text as numbers of its tokens (n,); an example is a stretch of `context` tokens.

    `starts[example]` is where it begins, `room[example]` by how far it may begin later, so that each epoch sees other
    stretches, and `places[example]` before which character of the text it begins.
    """

    text: Tensor
    starts: Tensor
    room: Tensor
    places: Tensor
    context: int
    tokens: Tokens
    splits: dict[str, Tensor]
    counts: dict[str, dict[str, int]]
    fingerprint: str
    remarks: list[dict[str, Any]]
    file: str

    def described(self) -> dict[str, Any]:
        return {"classes": [], "counts": self.counts, "fingerprint": self.fingerprint, "predicts": "text"}

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        return causal.build(architecture, options, self.tokens.size, self.context)

    def batch(self, chosen: Tensor, _settings: Settings, seed: int) -> Batch:
        generator = torch.Generator().manual_seed(seed)
        later = (torch.rand(len(chosen), generator=generator) * (self.room[chosen] + 1)).to(torch.int64)
        return self._stretches(self.starts[chosen] + later)

    def _stretches(self, starts: Tensor) -> Batch:
        """Tokens from each start on, and those that follow each of them."""
        places = starts[:, None] + torch.arange(self.context + 1)
        found = self.text[places]
        return found[:, :-1], found[:, 1:]

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, float]:
        """Mean cross-entropy of the next tokens in nats, and the share of them that is right."""
        texts, following = batch
        scores = network(texts)
        right = (scores.detach().argmax(dim=2) == following).count_nonzero()
        return functional.cross_entropy(scores.flatten(0, 1), following.flatten()), right.item() / following.numel()

    def judge(
        self, network: nn.Module, split: str, device: torch.device, size: int, between: Callable[[], None]
    ) -> Result:
        """With the number of tokens judged, and the perplexity: among how many it is still undecided.

        What is told of bits is of each character, whatever the tokens are, so that both kinds can be compared.
        """
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
        characters = int(self.tokens.lengths[self._stretches(self.starts[self.splits[split]])[1]].sum())
        told = {
            "examples": count,
            "perplexity": math.exp(min(loss, 50.0)),
            "bits_per_character": loss * count / max(1, characters) / math.log(2),
        }
        if self.tokens.pieces:
            told["characters"] = characters
        return Result(split, loss, accuracy, told)

    def baselines(self, _between: Callable[[], None]) -> list[Baseline]:
        """What it is to answer with what is most frequent, and with what most often follows the last token."""
        size = self.tokens.size
        before, after = (tensor.flatten() for tensor in self._stretches(self.starts[self.splits["train"]]))
        tested, truth = (tensor.flatten() for tensor in self._stretches(self.starts[self.splits["test"]]))
        usual = after.bincount(minlength=size).argmax()
        follows = torch.full((size,), int(usual))
        pairs, counts = torch.unique(before * size + after, return_counts=True)
        order = counts.argsort(stable=True)  # the most frequent is written last
        follows[(pairs // size)[order]] = (pairs % size)[order]
        return [
            {"name": "guessing", "accuracy": float((truth == usual).double().mean())},
            {
                "name": "piece_pairs" if self.tokens.pieces else "pairs",
                "accuracy": float((truth == follows[tested]).double().mean()),
            },
        ]

    def names(self, chosen: Tensor) -> tuple[str, ...]:
        return tuple(f"{self.file}, {int(self.places[index])}" for index in chosen.tolist())

    def is_good(self, _accuracy: float, loss: float) -> bool:
        """Whether it was at least not growing wild."""
        return loss < 2 * math.log(self.tokens.size)

    def card(self, _network: nn.Module) -> dict[str, Any]:
        told: dict[str, Any] = {"classes": [], "input": {**self.tokens.wanted, "context": self.context}}
        if self.tokens.needs:
            told["needs"] = list(self.tokens.needs)
        return told

    def files(self, _network: nn.Module) -> dict[str, bytes]:
        return self.tokens.files


def load(recipe: Recipe, progress: Progress) -> tuple[Data, dict[str, Any]]:
    """Read the text of `recipe`. Raises `Failure` where there is too little of it."""
    running = running_text.read(recipe.folder, recipe.data, progress)
    parts = running_text.split(running, recipe.settings.seed)
    said = {name: [running.text[start:stop] for start, stop in part] for name, part in parts.items()}
    tokens = tokens_of.of(recipe, said["train"])
    cut = {name: tokens_of.cut(tokens, texts, progress) for name, texts in said.items()}
    # An example needs the token after its last one; and every split at least one example.
    most = min(max(map(len, stretches), default=0) for stretches in cut.values()) - 1
    if most < 1:
        count, minimum = len(running.text), running_text.FEWEST
        raise Failure(Code.SHORT_TEXT, path=str(recipe.folder), count=count, minimum=minimum)
    context = min(int(recipe.options.get("context", _CONTEXT)), most)
    text = torch.cat([stretch for stretches in cut.values() for stretch in stretches])
    starts: list[int] = []
    room: list[int] = []
    places: list[int] = []
    splits: dict[str, Tensor] = {}
    end = 0
    for name, part in parts.items():
        first = len(starts)
        for stretch, (place, _) in zip(cut[name], part, strict=True):
            start, end = end, end + len(stretch)
            begins = range(start, end - context, context)
            starts += begins
            room += [min(context - 1, end - context - 1 - begin) for begin in begins]
            before = place + tokens.lengths[stretch].cumsum(0) - tokens.lengths[stretch]
            places += before[: max(0, len(stretch) - context) : context].tolist()
        splits[name] = torch.arange(first, len(starts))
    data = Data(
        text=text,
        starts=torch.tensor(starts),
        room=torch.tensor(room),
        places=torch.tensor(places),
        context=context,
        tokens=tokens,
        splits=splits,
        counts={name: {"text": len(chosen) * context} for name, chosen in splits.items()},
        fingerprint=tokens.fingerprint(running.fingerprint),
        remarks=[],
        file=running.path.name,
    )
    return data, dict(recipe.options)


def predict(
    network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
) -> list[dict[str, Any]]:
    """What follows ``request["beginning"]``: `length` characters, drawn with `temperature` and `seed`."""
    pieces = None
    if card["input"].get("tokens") == causal.PIECES:
        try:
            pieces = causal.pieces_of(card["folder"])
        except (MemoryError, ModuleNotFoundError):
            raise
        except Exception as error:  # whatever the library has in store for a damaged file
            raise Failure(Code.BAD_MODEL, path=card["folder"], reason=f"{type(error).__name__}: {error}") from error
    text = causal.generate(
        network,
        card["input"],
        str(request["beginning"]),
        min(int(request.get("length", 300)), 10_000),
        pieces=pieces,
        temperature=float(request.get("temperature", 0.8)),
        seed=int(request.get("seed", 0)),
        progress=progress,
    )
    return [{"text": text, "warnings": []}]
