"""A small GPT. Plain PyTorch, imports nothing of ours: a copy lies beside every finished model.

It takes a batch of texts as numbers of characters, shaped (batch, length), and gives for each place one score (logit)
for each character that may come next, shaped (batch, length, characters). `generate` writes on from a beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

UNKNOWN, FIRST = 0, 1  # numbers of characters; those of the vocabulary follow


class CausalNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """A Transformer in which every character looks at those before it."""

    def __init__(self, characters: int, *, context: int, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads")
        self.context = context
        self.embedding = nn.Embedding(characters, width)
        self.position = nn.Parameter(0.02 * torch.randn(context, width))
        with torch.no_grad():
            self.embedding.weight.mul_(0.02)  # else what a character is would drown where it stands
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, characters)

    def forward(self, texts: Tensor) -> Tensor:
        length = texts.shape[1]
        later = torch.full((length, length), -torch.inf, device=texts.device).triu(1)
        made = self.dropout(self.embedding(texts) + self.position[:length])
        scores: Tensor = self.answer(self.norm(self.decoder(made, mask=later, is_causal=True)))
        return scores


def build(architecture: str, options: dict[str, Any], characters: int, context: int) -> nn.Module:
    """The network of a card or recipe, with fresh weights. Raises ValueError for what it does not know."""
    if architecture != "gpt":
        raise ValueError(f"no architecture is called {architecture!r}")
    return CausalNet(
        characters,
        context=context,
        width=int(options.get("width", 128)),
        heads=int(options.get("heads", 4)),
        layers=int(options.get("layers", 3)),
        dropout=float(options.get("dropout", 0.1)),
    )


def of_card(card: dict[str, Any]) -> nn.Module:
    """The network that a model's card.json tells of, ready to be given its weights and then to write."""
    wanted = card["input"]
    return build(card["architecture"], card["options"], len(wanted["vocabulary"]) + FIRST, wanted["context"]).eval()


def encode(vocabulary: Sequence[str], text: str) -> Tensor:
    """A text as numbers of its characters (length,)."""
    numbers = {character: number for number, character in enumerate(vocabulary, start=FIRST)}
    return torch.tensor([numbers.get(character, UNKNOWN) for character in text], dtype=torch.long)


def _quiet(_done: int, _total: int) -> None:
    pass


def generate(
    network: nn.Module,
    wanted: Mapping[str, Any],
    beginning: str,
    length: int,
    *,
    temperature: float = 0.8,
    seed: int = 0,
    progress: Callable[[int, int], None] = _quiet,
) -> str:
    """`length` characters that may follow a beginning, by a card's ``input``. The same again for the same `seed`.

    `temperature`: near 0 always the likeliest, 1 as the training's texts, above that wilder.
    """
    vocabulary = wanted["vocabulary"]
    generator = torch.Generator().manual_seed(seed)
    said = encode(vocabulary, beginning or "\n")[-wanted["context"] :][None]
    written = []
    with torch.no_grad():
        for number in range(length):
            progress(number, length)
            scores = network(said[:, -wanted["context"] :])[0, -1].to(torch.float64)
            scores[UNKNOWN] = -torch.inf
            chances = (scores / max(temperature, 0.01)).softmax(dim=0)
            chosen = torch.multinomial(chances, 1, generator=generator)
            written.append(vocabulary[int(chosen) - FIRST])
            said = torch.cat([said, chosen[None]], dim=1)
    return "".join(written)
