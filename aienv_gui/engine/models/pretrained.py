"""Networks that others have trained on much text, to be trained on for classes, with Hugging Face's `transformers`.

Imports nothing of ours: a copy lies beside every finished model. `encode` turns texts into numbers of word pieces by
the tokenizer of a model's folder; a network takes a batch of these, shaped (batch, length), where -1 is nothing, and
gives one score (logit) a class.

Nothing is fetched and no code of a folder is run: `transformers` is told to stay offline and not to trust any, and
weights are read as numbers only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

NOTHING = -1  # where a text has ended
_LOCAL = {"local_files_only": True, "trust_remote_code": False}


def library() -> Any:
    """`transformers`, told to stay on this computer and to keep silent. Raises ModuleNotFoundError."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ[name] = "1"  # read when it is imported
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


class PretrainedNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Any of their encoders with an answer for each class. Its weights have the names that `transformers` knows."""

    def __init__(self, model: nn.Module, padding: int) -> None:
        super().__init__()
        self.model = model.float()  # some are kept in half of that, which trains badly
        self.padding = padding

    def forward(self, texts: Tensor) -> Tensor:
        there = texts != NOTHING
        pieces = texts.masked_fill(~there, self.padding)
        scores: Tensor = self.model(input_ids=pieces, attention_mask=there.to(torch.int64)).logits
        return scores

    def state_dict(self, *args: Any, **options: Any) -> dict[str, Any]:
        weights: dict[str, Any] = self.model.state_dict(*args, **options)
        return weights

    def _load_from_state_dict(self, weights: dict[str, Any], prefix: str, *args: Any) -> None:
        inner = f"{prefix}model."
        for name in [name for name in weights if name.startswith(prefix) and not name.startswith(inner)]:
            weights[inner + name.removeprefix(prefix)] = weights.pop(name)
        super()._load_from_state_dict(weights, prefix, *args)


def from_folder(folder: Path, classes: Sequence[str], padding: int) -> tuple[PretrainedNet, float]:
    """The network of a folder, its answer fresh for these classes; and the share of its numbers that were found there.

    Raises whatever `transformers` does where the folder is no good.
    """
    model, told = library().AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=len(classes),
        id2label=dict(enumerate(classes)),
        label2id={name: number for number, name in enumerate(classes)},
        pad_token_id=padding,
        ignore_mismatched_sizes=True,  # its answer may have been trained for other classes
        output_loading_info=True,
        weights_only=True,
        **_LOCAL,
    )
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    missing = sum(sizes.get(name, 0) for name in told["missing_keys"])
    return PretrainedNet(model, padding), 1 - missing / sum(sizes.values())


def described(network: PretrainedNet) -> dict[str, Any]:
    """The network's ``config.json``, without what is of this computer only."""
    config: dict[str, Any] = network.model.config.to_diff_dict()
    for name in ("_name_or_path", "auto_map", "transformers_version"):
        config.pop(name, None)
    # JSON has texts as names only, and `transformers` takes them back.
    labels = {str(number): name for number, name in network.model.config.id2label.items()}
    kept = {"model_type": network.model.config.model_type, "id2label": labels}
    return {**config, **kept, "architectures": [type(network.model).__name__], "dtype": "float32"}


def of_card(card: Mapping[str, Any]) -> PretrainedNet:
    """The network that a model's card.json tells of, ready to be given its weights and then to predict."""
    transformers = library()
    wanted = dict(card["input"]["config"])
    config = transformers.AutoConfig.for_model(wanted.pop("model_type"), **wanted)
    model = transformers.AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    network = PretrainedNet(model, int(card["input"]["padding"]))
    network.eval()
    return network


def tokenizer_of(folder: Path | str) -> Any:
    """What cuts texts into the pieces that the model of a folder knows."""
    return library().AutoTokenizer.from_pretrained(folder, **_LOCAL)


def encode(tokenizer: Any, texts: Sequence[str], length: int) -> list[list[int]]:
    """The numbers of the pieces of each text, at least one; longer texts are cut, the marks at their ends kept."""
    cut = {"truncation": True, "max_length": length}
    told = tokenizer(
        list(texts), padding=False, return_attention_mask=False, return_token_type_ids=False, verbose=False, **cut
    )
    return [pieces or [tokenizer.unk_token_id or 0] for pieces in told["input_ids"]]


def padded(texts: Sequence[Sequence[int]]) -> Tensor:
    """As (texts, length of the longest)."""
    result = torch.full((len(texts), max(map(len, texts))), NOTHING)
    for row, pieces in enumerate(texts):
        result[row, : len(pieces)] = torch.tensor(pieces)
    return result
