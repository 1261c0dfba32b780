"""A small GPT. Plain PyTorch, imports nothing of ours: a copy lies beside every finished model.

It takes a batch of texts as numbers of their tokens, which are characters or word pieces, shaped (batch, length), and
gives for each place one score (logit) for each token that may come next, shaped (batch, length, tokens). `generate`
writes on from a beginning. Word pieces are read from the tokenizer.json beside it by the library `tokenizers`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

UNKNOWN, FIRST = 0, 1  # numbers of characters; those of the vocabulary follow
CHARACTERS, PIECES = "characters", "bpe"  # what the tokens are
TOKENIZER = "tokenizer.json"


class CausalNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """A Transformer in which every token looks at those before it."""

    def __init__(self, tokens: int, *, context: int, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads")
        self.context = context
        self.embedding = nn.Embedding(tokens, width)
        self.position = nn.Parameter(0.02 * torch.randn(context, width))
        with torch.no_grad():
            self.embedding.weight.mul_(0.02)  # else what a token is would drown where it stands
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, tokens)

    def forward(self, texts: Tensor) -> Tensor:
        length = texts.shape[1]
        later = torch.full((length, length), -torch.inf, device=texts.device).triu(1)
        made = self.dropout(self.embedding(texts) + self.position[:length])
        scores: Tensor = self.answer(self.norm(self.decoder(made, mask=later, is_causal=True)))
        return scores


def build(architecture: str, options: dict[str, Any], tokens: int, context: int) -> nn.Module:
    """The network of a card or recipe, with fresh weights. Raises ValueError for what it does not know."""
    if architecture != "gpt":
        raise ValueError(f"no architecture is called {architecture!r}")
    return CausalNet(
        tokens,
        context=context,
        width=int(options.get("width", 128)),
        heads=int(options.get("heads", 4)),
        layers=int(options.get("layers", 3)),
        dropout=float(options.get("dropout", 0.1)),
    )


def of_card(card: dict[str, Any]) -> nn.Module:
    """The network that a model's card.json tells of, ready to be given its weights and then to write."""
    wanted = card["input"]
    tokens = wanted["pieces"] if wanted.get("tokens") == PIECES else len(wanted["vocabulary"]) + FIRST
    return build(card["architecture"], card["options"], tokens, wanted["context"]).eval()


def encode(vocabulary: Sequence[str], text: str) -> Tensor:
    """A text as numbers of its characters (length,)."""
    numbers = {character: number for number, character in enumerate(vocabulary, start=FIRST)}
    return torch.tensor([numbers.get(character, UNKNOWN) for character in text], dtype=torch.long)


class Pieces:
    """Word pieces, as a tokenizer.json describes them: any text can be written in them, since every byte is one.

    `spelt[number]` are the bytes of a piece: often those of a word, sometimes but a part of one character's.
    """

    def __init__(self, described: str) -> None:
        import tokenizers  # only where wanted: characters do without

        self._tokenizer = tokenizers.Tokenizer.from_str(described)
        byte_of = _byte_of()
        names = [str(self._tokenizer.id_to_token(number)) for number in range(self._tokenizer.get_vocab_size())]
        self.spelt = [bytes(byte_of[letter] for letter in name) for name in names]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text as numbers of its pieces. Halves of a character, which UTF-8 does not know, become "?"."""
        whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return [list(found.ids) for found in self._tokenizer.encode_batch(whole, add_special_tokens=False)]


def _byte_of() -> dict[str, int]:
    """Which byte each letter in the names of pieces stands for: its own where it can be shown, as GPT-2 began it."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(0x100 + place): byte for place, byte in enumerate(hidden)}


def pieces_of(folder: str | Path) -> Pieces:
    """The word pieces of a model's folder. Raises whatever `tokenizers` does where its file is no good."""
    return Pieces((Path(folder) / TOKENIZER).read_text(encoding="utf-8"))


def _quiet(_done: int, _total: int) -> None:
    pass


def generate(
    network: nn.Module,
    wanted: Mapping[str, Any],
    beginning: str,
    length: int,
    *,
    pieces: Pieces | None = None,
    temperature: float = 0.8,
    seed: int = 0,
    progress: Callable[[int, int], None] = _quiet,
) -> str:
    """`length` characters that may follow a beginning, by a card's ``input``. The same again for the same `seed`.

    `pieces`: those of its folder, where it writes in word pieces. `temperature`: near 0 always the likeliest, 1 as the
    training's texts, above that wilder.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(said: Tensor, barred: Tensor) -> int:
        """The number of the next token, none of the `barred` ones."""
        scores = network(said[None, -wanted["context"] :])[0, -1].to(torch.float64).masked_fill(barred, -torch.inf)
        chances = (scores / max(temperature, 0.01)).softmax(dim=0)
        return int(torch.multinomial(chances, 1, generator=generator))

    with torch.no_grad():
        if wanted.get("tokens") == PIECES:
            if pieces is None:
                raise ValueError("this model writes in word pieces: give it pieces_of(its folder)")
            return _write_pieces(pieces, beginning, length, draw, progress)
        return _write_characters(wanted["vocabulary"], beginning, length, draw, progress)


Draw = Callable[[Tensor, Tensor], int]


def _write_characters(
    vocabulary: Sequence[str], beginning: str, length: int, draw: Draw, progress: Callable[[int, int], None]
) -> str:
    said = encode(vocabulary, beginning or "\n")
    barred = torch.arange(len(vocabulary) + FIRST) == UNKNOWN
    written = []
    for number in range(length):
        progress(number, length)
        chosen = draw(said, barred)
        written.append(vocabulary[chosen - FIRST])
        said = torch.cat([said, torch.tensor([chosen])])
    return "".join(written)


def _write_pieces(pieces: Pieces, beginning: str, length: int, draw: Draw, progress: Callable[[int, int], None]) -> str:
    """As many pieces as give `length` whole characters; what is left of the last piece is cut off."""
    (said,) = pieces.encode([beginning or "\n"])
    # A beginning seldom ends where a piece would ("the " and then "day", but " day" is one): what of its end may be the
    # first part of a longer piece is drawn anew, among the pieces that agree with it.
    owed = b""
    while len(said) > 1 and any(piece.startswith(pieces.spelt[said[-1]] + owed) for piece in pieces.spelt):
        owed = pieces.spelt[said.pop()] + owed
    free = torch.zeros(len(pieces.spelt), dtype=torch.bool)
    reader = codecs.getincrementaldecoder("utf-8")("replace")  # keeps a character back until it is whole
    written = ""
    while len(written) < length:
        progress(len(written), length)
        barred = free
        if owed:
            barred = torch.tensor([not (piece.startswith(owed) or owed.startswith(piece)) for piece in pieces.spelt])
        chosen = draw(torch.tensor(said), barred)
        said.append(chosen)
        spelt = pieces.spelt[chosen]
        written += reader.decode(spelt[len(owed) :])
        owed = owed[len(spelt) :]
    return written[:length]
