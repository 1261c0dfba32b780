"""Networks for texts: a bag of words, recurrent, with self-attention.

Plain PyTorch, imports nothing of ours: a copy lies beside every finished model.

`encode` turns texts into numbers of words as the networks take them, by the vocabulary of the model's card; a network
takes a batch of these, shaped (batch, length), where 0 is nothing, and gives one score (logit) a class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

NOTHING, UNKNOWN, FIRST = 0, 1, 2  # numbers of words; those of the vocabulary follow
# Of writing without spaces each character is a word.
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_SINGLE}]|(?:(?![{_SINGLE}])[^\W_])+|[^\w\s]")
_MASKED = -1e4


class BagNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Adds up what each word, and each pair of neighbours, speaks for. Quick, and hard to beat with few texts."""

    def __init__(self, words: int, classes: int, *, width: int, pairs: int, dropout: float) -> None:
        super().__init__()
        self.pairs = pairs
        self.word = nn.Embedding(words, width, padding_idx=NOTHING)
        self.pair = nn.Embedding(pairs + 1, width, padding_idx=NOTHING)  # several pairs share a place
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(width, classes)
        with torch.no_grad():
            for embedding in (self.word, self.pair):
                embedding.weight.mul_(0.1)

    def forward(self, texts: Tensor) -> Tensor:
        first, second = texts[:, :-1], texts[:, 1:]
        pair = ((first * 1_000_003 + second) % self.pairs + 1) * (second != NOTHING)
        count = (texts != NOTHING).sum(dim=1, keepdim=True)
        together = (self.word(texts).sum(dim=1) + self.pair(pair).sum(dim=1)) / count.sqrt()
        scores: Tensor = self.answer(self.dropout(together))
        return scores


class RecurrentNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Reads a text word by word from both ends (GRU or LSTM); the largest of what it made of each word decides."""

    def __init__(
        self, words: int, classes: int, *, cell: str, width: int, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        if cell not in ("gru", "lstm"):
            raise ValueError(f"cell must be gru or lstm, not {cell!r}")
        self.embedding = nn.Embedding(words, width, padding_idx=NOTHING)
        self.dropout = nn.Dropout(dropout)
        make = nn.GRU if cell == "gru" else nn.LSTM
        between = dropout if layers > 1 else 0.0
        self.reader = make(width, hidden, layers, batch_first=True, bidirectional=True, dropout=between)
        self.answer = nn.Linear(2 * hidden, classes)

    def forward(self, texts: Tensor) -> Tensor:
        lengths = (texts != NOTHING).sum(dim=1).cpu()
        words = self.dropout(self.embedding(texts))
        # Packed: from the other end it would begin to read in what comes after the text.
        packed = nn.utils.rnn.pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
        made, _ = nn.utils.rnn.pad_packed_sequence(
            self.reader(packed)[0], batch_first=True, total_length=texts.shape[1]
        )
        made = made.masked_fill((texts == NOTHING)[:, :, None], _MASKED)
        scores: Tensor = self.answer(self.dropout(made.amax(dim=1)))
        return scores


class AttentionNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """A Transformer encoder: every word looks at every other; the mean of what it made of all words decides."""

    def __init__(
        self, words: int, classes: int, *, length: int, width: int, heads: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads")
        self.embedding = nn.Embedding(words, width, padding_idx=NOTHING)
        self.position = nn.Parameter(0.02 * torch.randn(length, width))
        with torch.no_grad():
            self.embedding.weight.mul_(0.02)  # else what a word is would drown where it stands
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, classes)

    def forward(self, texts: Tensor) -> Tensor:
        nothing = texts == NOTHING
        made = self.dropout(self.embedding(texts) + self.position[: texts.shape[1]])
        made = self.norm(self.encoder(made, src_key_padding_mask=nothing))
        there = (~nothing)[:, :, None].to(made.dtype)
        mean = (made * there).sum(dim=1) / there.sum(dim=1)
        scores: Tensor = self.answer(self.dropout(mean))
        return scores


def build(architecture: str, options: dict[str, Any], words: int, length: int, classes: int) -> nn.Module:
    """The network of a card or recipe, with fresh weights. Raises ValueError for what it does not know."""
    width, layers = int(options.get("width", 96)), int(options.get("layers", 1))
    dropout = float(options.get("dropout", 0.2))
    if architecture == "bag":
        pairs = int(options.get("pairs", 20_000))
        return BagNet(words, classes, width=width, pairs=pairs, dropout=dropout)
    if architecture == "recurrent":
        cell, hidden = str(options.get("cell", "gru")), int(options.get("hidden", 96))
        return RecurrentNet(words, classes, cell=cell, width=width, hidden=hidden, layers=layers, dropout=dropout)
    if architecture == "attention":
        heads = int(options.get("heads", 4))
        return AttentionNet(words, classes, length=length, width=width, heads=heads, layers=layers, dropout=dropout)
    raise ValueError(f"no architecture is called {architecture!r}")


def of_card(card: dict[str, Any]) -> nn.Module:
    """The network that a model's card.json tells of, ready to be given its weights and then to predict."""
    wanted = card["input"]
    words = len(wanted["vocabulary"]) + FIRST
    return build(card["architecture"], card["options"], words, wanted["length"], len(card["classes"])).eval()


def words_of(text: str) -> list[str]:
    """The words and signs of a text, small letters only."""
    return _WORD.findall(text.lower())


def encode(wanted: Mapping[str, Any], texts: Sequence[str]) -> Tensor:
    """Texts as (texts, length) by a card's ``input``: longer ones are cut, shorter ones end in nothing."""
    numbers = {word: number for number, word in enumerate(wanted["vocabulary"], start=FIRST)}
    length = int(wanted["length"])
    result = torch.zeros(len(texts), length, dtype=torch.int32)
    for row, text in enumerate(texts):
        found = [numbers.get(word, UNKNOWN) for word in words_of(text)[:length]] or [UNKNOWN]
        result[row, : len(found)] = torch.tensor(found, dtype=torch.int32)
    return result
