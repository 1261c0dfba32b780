"""Text classification: texts as numbers of words in memory, and the classes of new ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models import text
from ..protocol import Code
from ..recipe import Recipe, Settings
from . import classified_texts, texts
from .classification import best_answers
from .classified_texts import ClassifiedTexts
from .task import Batch, Progress, Task

networks = text

_MOST_WORDS = 20_000  # of the vocabulary
_LONGEST = 256  # words of a text that are read, where the options do not say


@dataclass(frozen=True)
class Data(ClassifiedTexts):
    """Every text as numbers of words: `words` (n, length), 0 where a text has ended."""

    words: Tensor
    vocabulary: tuple[str, ...]

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        words = len(self.vocabulary) + text.FIRST
        return text.build(architecture, options, words, self.words.shape[1], len(self.classes))

    def batch(self, chosen: Tensor, settings: Settings, seed: int) -> Batch:
        words = self.inputs(chosen)
        if settings.hide:
            generator = torch.Generator().manual_seed(seed)
            hidden = torch.rand(words.shape, generator=generator) < settings.hide
            words = words.masked_fill(hidden & (words != text.NOTHING), text.UNKNOWN)
        return words, self.labels[chosen]

    def inputs(self, chosen: Tensor) -> Tensor:
        """As wide as the longest of them."""
        words = self.words[chosen]
        return words[:, : int((words != text.NOTHING).sum(dim=1).max())]

    def as_input(self, raw: Tensor) -> Tensor:
        return raw.to(torch.int64)

    def card(self, _network: nn.Module) -> dict[str, Any]:
        wanted = {"vocabulary": list(self.vocabulary), "length": self.words.shape[1]}
        return {"classes": list(self.classes), "input": wanted, "target": self.target}


def load(recipe: Recipe, progress: Progress) -> tuple[Task, dict[str, Any]]:
    """Read the texts of `recipe`; their words are those that the training texts have more than once.

    Raises `Failure` for texts that cannot be learnt from.
    """
    corpus = texts.read(recipe.folder, recipe.data, progress)
    fields = classified_texts.of_corpus(corpus, recipe)
    said = [text.words_of(one) for one in corpus.texts]
    vocabulary = _vocabulary([said[place] for place in fields["splits"]["train"].tolist()])
    most = int(recipe.options.get("length", _LONGEST))
    length = max(1, min(most, max(map(len, said))))
    long = sum(len(words) > length for words in said)
    if long:
        fields["remarks"].append({"code": Code.LONG_TEXTS, "values": {"count": long, "words": length}})
    words = text.encode({"vocabulary": vocabulary, "length": length}, corpus.texts)
    return Data(**fields, words=words, vocabulary=vocabulary), dict(recipe.options)


def _vocabulary(said: list[list[str]]) -> tuple[str, ...]:
    """The words that are said more than once, the most frequent first."""
    counts = Counter(word for words in said for word in words)
    known = [word for word, count in counts.items() if count > 1]
    return tuple(sorted(known, key=lambda word: (-counts[word], word))[:_MOST_WORDS])


def predict(
    network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
) -> list[dict[str, Any]]:
    """The classes of ``request["texts"]``."""
    results: list[dict[str, Any]] = []
    wanted = card["input"]
    known = set(wanted["vocabulary"])
    asked = [str(one) for one in request["texts"]]
    for number, one in enumerate(asked):
        progress(number, len(asked))
        with torch.no_grad():
            scores = network(text.encode(wanted, [one]).to(torch.int64))[0]
        words = text.words_of(one)
        strange = [word for word in words if word not in known]
        warnings = []
        if len(strange) * 2 > len(words) or not words:
            warnings.append({"code": Code.UNKNOWN_WORDS, "values": {"count": len(strange), "of": len(words)}})
        top = best_answers(scores, card["classes"], int(request.get("top", 5)))
        results.append({"top": top, "warnings": warnings})
    progress(len(asked), len(asked))
    return results
