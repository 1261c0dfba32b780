"""The models a training can choose from: data that the engine ships, put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.engine.protocol import read_json
from aienv_gui.training.run_store import engine_folder


@dataclass(frozen=True, slots=True)
class Measured:
    """What a preset reached on the sample digits when it was measured."""

    test_accuracy: float
    seconds: float
    machine: str
    date: str
    begun_with: str = ""  # the model of others that it began with, where it needs one
    bits_per_character: float | None = None  # of a language model, whose accuracies say little: tokens differ

    @property
    def goodness(self) -> float:
        """The more the better; to compare presets of one task."""
        return self.test_accuracy if self.bits_per_character is None else -self.bits_per_character


@dataclass(frozen=True, slots=True)
class Preset:
    """A model and the settings it is trained with."""

    id: str
    task: str
    title: Text
    description: Text
    architecture: str
    architecture_words: Text
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    measured: Measured | None
    needs: tuple[str, ...] = ()  # requirements (PEP 508), beside what every training needs


def presets() -> tuple[Preset, ...]:
    """All presets, of each task the default first. Reads a small file of the program itself."""
    return tuple(map(_preset, read_json(engine_folder() / "presets.json")["presets"]))


def needs_of_file(path: Path) -> tuple[str, ...]:
    """What an environment must have to read a file of data with this ending; requirements (PEP 508)."""
    return tuple(map(str, _endings().get(path.suffix.lower(), ())))


@cache
def _endings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = read_json(engine_folder() / "presets.json")["endings"]
    return found


def words_of(preset: str, architecture: str) -> tuple[Text, Text]:
    """The title of a preset and the words for an architecture, by their ids."""
    title, _ = _WORDS.get(preset, (verbatim(preset), verbatim("")))
    return title, _ARCHITECTURES.get(architecture, verbatim(architecture))


def _preset(item: Mapping[str, Any]) -> Preset:
    title, description = _WORDS.get(item["id"], (verbatim(item["id"]), verbatim("")))
    architecture = item["model"]["architecture"]
    measured = item.get("measured")
    return Preset(
        id=item["id"],
        task=item["task"],
        title=title,
        description=description,
        architecture=architecture,
        architecture_words=_ARCHITECTURES.get(architecture, verbatim(architecture)),
        options=item["model"].get("options", {}),
        settings=item["settings"],
        measured=None
        if not measured
        else Measured(
            float(measured["test_accuracy"]),
            float(measured["seconds"]),
            measured["machine"],
            measured["date"],
            measured.get("begun_with", ""),
            measured.get("bits_per_character"),
        ),
        needs=tuple(map(str, item.get("needs", ()))),
    )


_WORDS = {
    "residual": (
        tr("Balanced"),
        tr("Learns fast and well on small pictures. The right choice unless you want something else."),
    ),
    "balanced": (
        tr("Plain convolutions"),
        tr("Three convolutions, one after the other: about as small as a good network for pictures can be."),
    ),
    "book": (
        tr("The book's network"),
        tr("The convolutional network of the book with the settings of the book, to compare with its pages."),
    ),
    "gpt_small": (
        tr("Small GPT"),
        tr("The network of the large language models, small enough for this computer."),
    ),
    "gpt_pieces": (
        tr("Word pieces"),
        tr(
            "The same network over pieces of words learnt from your text, as the large language models read: it looks "
            "back further, writes faster, and misspells less."
        ),
    ),
    "forecast_attention": (
        tr("Self-attention"),
        tr("Looks at all of the window at once. The right choice unless you want something else."),
    ),
    "forecast_recurrent": (
        tr("Recurrent"),
        tr("Reads the window moment by moment, as networks for series have long done, to compare."),
    ),
    "text_balanced": (
        tr("Balanced"),
        tr("Learns in seconds which words speak for what. The right choice unless you want something else."),
    ),
    "text_recurrent": (
        tr("Recurrent"),
        tr("Reads word by word and minds their order; often better where “not good” matters, and slower."),
    ),
    "text_attention": (
        tr("Self-attention"),
        tr("Every word looks at every other, as in the large language models; wants many texts."),
    ),
    "text_pretrained": (
        tr("Fine-tune a model you have"),
        tr("Begins with a network that others trained on much text: usually the best answers, and by far the slowest."),
    ),
    "table_balanced": (
        tr("Balanced"),
        tr("Learns well from most tables. The right choice unless you want something else."),
    ),
    "table_book": (
        tr("The book's network"),
        tr("Two hidden layers with sigmoid and plain steps, as the book begins with, to compare."),
    ),
}
_ARCHITECTURES = {
    "gpt": tr("A small GPT (causal Transformer)"),
    "bag": tr("A bag of words and pairs of words"),
    "recurrent": tr("Recurrent network (GRU) that reads from both ends"),
    "attention": tr("Self-attention (Transformer encoder)"),
    "series_attention": tr("Self-attention over the window (Transformer encoder)"),
    "series_recurrent": tr("Recurrent network (GRU)"),
    "hugging_face": tr("A pretrained network (Transformer encoder), AdamW, one-cycle learning rate"),
    "dense": tr("Dense network for tables"),
    "compact_convnet": tr("Three convolutions with batch normalisation, AdamW, one-cycle learning rate"),
    "residual_net": tr("Residual network of three stages, AdamW, one-cycle learning rate"),
    "book_convnet": tr("Convolutions of 32, 64 and 128 channels, 1000 hidden units, SGD"),
}
