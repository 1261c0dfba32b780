"""What is wrong with the folder of a model that others have trained, in words: what happened, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, shortened, tr
from aienv_gui.engine.protocol import Code

_MOST = 300  # characters of what a library said


def _bad_pretrained(v: Mapping[str, Any]) -> Problem:
    path = str(v["path"])
    what, cure = _REASONS.get(str(v["reason"]), _REASONS["unusable"])
    cause = tr("{folder}: {what}", folder=shortened(Path(path).name or path), what=what)
    if v.get("detail"):
        cause = tr("{what} It said: {reason}", what=cause, reason=shortened(str(v["detail"]), _MOST))
    folder = () if v["reason"] == "no_folder" else (Action("open_folder", tr("Open folder"), path),)
    return Problem(
        tr("The model to begin with cannot be used."),
        cause=cause,
        cure=cure,
        actions=folder,
    )


_GET = tr(
    "Get the whole folder of the model once more (on huggingface.co: “Files and versions”), or choose another one."
)
_REASONS: dict[str, tuple[Text, Text]] = {
    "no_folder": (
        tr("the folder is not there: it was moved, renamed, or its disk is not connected."),
        tr("Put the folder back, or choose another one."),
    ),
    "no_config": (tr("the file config.json is missing, by which the network is known."), _GET),
    "no_weights": (tr("its weights are missing (model.safetensors or pytorch_model.bin)."), _GET),
    "no_tokenizer": (tr("the file tokenizer.json is missing, which cuts texts into words."), _GET),
    "bad_config": (tr("the file config.json is damaged, or tells of no kind of network."), _GET),
    "unreadable": (
        tr("it cannot be read."),
        tr("Give yourself permission to read it, or copy it to a folder of your own."),
    ),
    "unusable": (
        tr("it has all files, and Hugging Face's library cannot load them."),
        tr("Choose a model for language such as BERT or RoBERTa; or update transformers in the environment."),
    ),
    "libraries": (
        tr("Hugging Face's library does not work with the PyTorch of this environment."),
        tr("Update PyTorch in the environment; or take an older version of transformers there."),
    ),
    "other_weights": (
        tr("most of its weights are not those of the network that its config.json names."),
        _GET,
    ),
    "changed": (
        tr("it is not as it was when this training began; going on would mix two models."),
        tr("Put the folder back as it was, or start a new training with it as it is now."),
    ),
}
PROBLEMS = {Code.BAD_PRETRAINED: _bad_pretrained}
