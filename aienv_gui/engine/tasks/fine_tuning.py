"""Fine-tuning: a network that others trained on much text learns to tell the classes of texts.

It starts from the folder that the option `folder` names (see `pretrained_folder`), and what it makes stands on its own:
the finished model is such a folder too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models import pretrained
from ..protocol import Code
from ..recipe import Recipe, Settings
from . import classified_texts, pretrained_folder, texts
from .classification import best_answers
from .classified_texts import ClassifiedTexts
from .pretrained_folder import Pretrained
from .task import Batch, Progress

networks = pretrained

_LONGEST = 256  # pieces of a text that are read, where the options do not say
_TOLD = 1_000_000  # what a tokenizer says above that means that it does not know how long a text may be
_AT_ONCE = 500  # texts, until progress is told
_LEAST_FOUND = 0.5  # share of a network's numbers that its folder must have


@dataclass(frozen=True)
class Data(ClassifiedTexts):
    """Every text as numbers of word pieces: those of text i are `pieces[begins[i] : begins[i + 1]]`."""

    pieces: Tensor
    begins: Tensor
    source: Pretrained
    padding: int
    length: int

    def network(self, _architecture: str, _options: dict[str, Any]) -> nn.Module:
        """Raises `Failure` where the weights of the folder are no good."""
        folder = self.source.folder
        try:
            network, found = pretrained.from_folder(folder, self.classes, self.padding)
        except (MemoryError, ModuleNotFoundError):
            raise
        except Exception as error:  # whatever the library and the formats of files have in store
            raise pretrained_folder.unusable(folder, error) from error
        if found < _LEAST_FOUND:
            raise pretrained_folder.foreign(folder, self.source.kind)
        return network

    def batch(self, chosen: Tensor, _settings: Settings, _seed: int) -> Batch:
        return self.inputs(chosen), self.labels[chosen]

    def inputs(self, chosen: Tensor) -> Tensor:
        """As wide as the longest of them."""
        begins, ends = self.begins[chosen], self.begins[chosen + 1]
        places = begins[:, None] + torch.arange(int((ends - begins).max()))
        found = self.pieces[places.clamp(max=len(self.pieces) - 1)]
        return found.masked_fill(places >= ends[:, None], pretrained.NOTHING)

    def as_input(self, raw: Tensor) -> Tensor:
        return raw.to(torch.int64)

    def card(self, network: nn.Module) -> dict[str, Any]:
        config = pretrained.described(network)
        wanted = {"config": config, "padding": self.padding, "length": self.length}
        return {"classes": list(self.classes), "input": wanted, "target": self.target}

    def files(self, network: nn.Module) -> dict[str, bytes]:
        """What makes the finished model's folder one that `transformers` loads."""
        config = json.dumps(pretrained.described(network), indent=2, ensure_ascii=False) + "\n"
        copied = {file.name: file.read_bytes() for file in self.source.tokenizer}
        return {"config.json": config.encode("utf-8"), **copied}


def load(recipe: Recipe, progress: Progress) -> tuple[Data, dict[str, Any]]:
    """Read the texts of `recipe` and cut them into the pieces that the network of its folder knows.

    Raises `Failure` for texts that cannot be learnt from, and for a folder that is no good or not the one before.
    """
    source = pretrained_folder.look(Path(str(recipe.options.get("folder") or "")))
    fingerprint = source.fingerprint
    if recipe.options.get("fingerprint", fingerprint) != fingerprint:
        raise pretrained_folder.changed(source.folder)
    corpus = texts.read(recipe.folder, recipe.data, progress)
    fields = classified_texts.of_corpus(corpus, recipe)
    try:
        tokenizer = pretrained.tokenizer_of(source.folder)
        length = min(int(recipe.options.get("length", _LONGEST)), _longest(tokenizer, source.config))
        cut: list[list[int]] = []
        for start in range(0, len(corpus.texts), _AT_ONCE):
            progress(start, len(corpus.texts))
            cut += pretrained.encode(tokenizer, corpus.texts[start : start + _AT_ONCE], length)
    except (MemoryError, ModuleNotFoundError):
        raise
    except Exception as error:  # whatever the library and the formats of files have in store
        raise pretrained_folder.unusable(source.folder, error) from error
    progress(len(corpus.texts), len(corpus.texts))
    full = [text for text, pieces in zip(corpus.texts, cut, strict=True) if len(pieces) == length]
    long = sum(len(pieces) > length for pieces in pretrained.encode(tokenizer, full, length + 1)) if full else 0
    if long:
        fields["remarks"].append({"code": Code.LONG_TEXTS, "values": {"count": long, "words": length}})
    data = Data(
        **fields,
        pieces=torch.tensor(list(chain.from_iterable(cut)), dtype=torch.int32),
        begins=torch.tensor([0, *map(len, cut)]).cumsum(0),
        source=source,
        padding=_padding(tokenizer, source.config),
        length=length,
    )
    return data, {**recipe.options, "fingerprint": fingerprint}


def _longest(tokenizer: Any, config: dict[str, Any]) -> int:
    """How many pieces the network can look at."""
    told = int(tokenizer.model_max_length)
    places = int(config.get("max_position_embeddings") or config.get("n_positions") or _TOLD)
    # Those of the family of RoBERTa count from two on.
    return max(8, min(told, places) if told < _TOLD else places - 2)


def _padding(tokenizer: Any, config: dict[str, Any]) -> int:
    found = (tokenizer.pad_token_id, config.get("pad_token_id"), tokenizer.eos_token_id, 0)
    return int(next(number for number in found if number is not None))


def predict(
    network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
) -> list[dict[str, Any]]:
    """The classes of ``request["texts"]``."""
    tokenizer = pretrained.tokenizer_of(card["folder"])
    results: list[dict[str, Any]] = []
    asked = [str(one) for one in request["texts"]]
    for number, one in enumerate(asked):
        progress(number, len(asked))
        (pieces,) = pretrained.encode(tokenizer, [one], int(card["input"]["length"]))
        with torch.no_grad():
            scores = network(pretrained.padded([pieces]))[0]
        said = [piece for piece in pieces if piece not in tokenizer.all_special_ids or piece == tokenizer.unk_token_id]
        strange = said.count(tokenizer.unk_token_id)
        warnings = []
        if strange * 2 > len(said) or not said:
            warnings.append({"code": Code.UNKNOWN_WORDS, "values": {"count": strange, "of": len(said)}})
        top = best_answers(scores, card["classes"], int(request.get("top", 5)))
        results.append({"top": top, "warnings": warnings})
    progress(len(asked), len(asked))
    return results
