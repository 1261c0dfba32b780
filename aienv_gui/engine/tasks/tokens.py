"""What a language model reads and writes: the characters of a text, or word pieces learnt from it (BPE)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..failures import Failure
from ..models import causal
from ..protocol import Code
from ..recipe import Recipe
from .task import Progress

_MOST_CHARACTERS = 5000
_PIECES = 2000  # different ones, where the options do not say
_LONGEST = 24  # bytes of a piece: a text that repeats itself would else become a few pieces that are all of it
_AT_ONCE = 64  # stretches of text that are cut, until progress is told


@dataclass(frozen=True)
class Tokens:
    """How a text becomes numbers from 0 to `size` - 1, and what the finished model needs to do the same."""

    size: int
    lengths: Tensor  # how many characters each number stands for (size,)
    cut: Callable[[Sequence[str]], list[list[int]]]
    wanted: dict[str, Any]  # of the card's ``input``
    files: dict[str, bytes] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    learnt: str = ""  # the pieces, in a form to compare them by; characters are told by the text itself

    @property
    def pieces(self) -> bool:
        return bool(self.learnt)

    def fingerprint(self, text: str) -> str:
        """Tells whether a text, by its own fingerprint, becomes the same numbers."""
        return hashlib.sha256((text + self.learnt).encode()).hexdigest() if self.learnt else text


def of(recipe: Recipe, texts: Sequence[str]) -> Tokens:
    """The tokens that the option ``tokens`` asks for, learnt from the texts that are trained with.

    Raises `Failure` for an option that is not known, and ModuleNotFoundError where `tokenizers` is missing.
    """
    asked = recipe.options.get("tokens", causal.CHARACTERS)
    if asked == causal.CHARACTERS:
        return _characters(texts)
    if asked == causal.PIECES:
        before = _before(recipe.start_from)
        return _word_pieces(before or _learn(texts, int(recipe.options.get("vocabulary", _PIECES))))
    raise Failure(Code.BAD_RECIPE, reason=f"tokens must be {causal.CHARACTERS} or {causal.PIECES}, not {asked!r}")


def cut(tokens: Tokens, texts: Sequence[str], progress: Progress) -> list[Tensor]:
    """Each text as numbers of its tokens."""
    found: list[Tensor] = []
    for start in range(0, len(texts), _AT_ONCE):
        progress(start, len(texts))
        found += [torch.tensor(one, dtype=torch.long) for one in tokens.cut(texts[start : start + _AT_ONCE])]
    progress(len(texts), len(texts))
    return found


def _characters(texts: Sequence[str]) -> Tokens:
    counts = Counter(character for text in texts for character in text)
    known = sorted(counts, key=lambda character: (-counts[character], character))[:_MOST_CHARACTERS]
    numbers = {character: number for number, character in enumerate(known, start=causal.FIRST)}
    size = len(known) + causal.FIRST

    def cut(texts: Sequence[str]) -> list[list[int]]:
        return [[numbers.get(character, causal.UNKNOWN) for character in text] for text in texts]

    return Tokens(size, torch.ones(size, dtype=torch.long), cut, {"vocabulary": known})


def _word_pieces(described: str) -> Tokens:
    pieces = causal.Pieces(described)
    # A character begins where a byte is not one of those that go on in UTF-8.
    lengths = [sum(byte & 0xC0 != 0x80 for byte in spelt) for spelt in pieces.spelt]
    return Tokens(
        len(lengths),
        torch.tensor(lengths),
        pieces.encode,
        {"tokens": causal.PIECES, "pieces": len(lengths)},
        {causal.TOKENIZER: described.encode("utf-8")},
        ("tokenizers",),
        " ".join(spelt.hex() for spelt in pieces.spelt),
    )


def _before(start: Path | None) -> str:
    """The pieces of the model that it begins with: its weights mean these and no others. Empty: it has none."""
    file = start / causal.TOKENIZER if start is not None else None
    try:
        return file.read_text(encoding="utf-8") if file is not None and file.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(Code.BAD_START, path=str(start), reason="unreadable", detail=str(error)) from error


def _learn(texts: Sequence[str], vocabulary: int) -> str:
    """A tokenizer.json: single bytes, and the pairs that are most often beside each other, joined again and again.

    The same for the same texts: pieces that are equally frequent come in the order of their names.
    """
    import tokenizers  # only where wanted: characters do without
    from tokenizers import decoders, models, pre_tokenizers, trainers

    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=_LONGEST,
    )
    whole = (text.encode("utf-8", "replace").decode("utf-8") for text in texts)
    tokenizer.train_from_iterator(whole, trainer)
    return str(tokenizer.to_str())
