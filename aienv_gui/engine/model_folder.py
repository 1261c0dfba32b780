"""The folder of a finished model: weights, card and the network's source; written whole or not at all, and read."""

from __future__ import annotations

import contextlib
import platform
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from . import protocol
from .failures import Failure
from .protocol import Code
from .recipe import Recipe
from .tasks.task import Learner, Result, Task, WithFiles, learner


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": numpy.__version__}
    for library in ("transformers", "tokenizers"):
        if library in sys.modules:
            found[library] = str(sys.modules[library].__version__)
    return found


@dataclass(frozen=True)
class Model:
    """A finished network and what is told about it."""

    network: nn.Module
    recipe: Recipe
    data: Task
    evaluation: Result | None
    step: int
    outcome: str


def save_model(run: Path, model: Model) -> dict[str, Any]:
    """Write the folder ``model``: weights, card and the network's source. Raises OSError; an earlier model stays then.

    Returns the fields of the MODEL event.
    """
    network, recipe, data = model.network, model.recipe, model.data
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    parameters = sum(parameter.numel() for parameter in network.parameters())
    described = {name: value for name, value in data.described().items() if name != "classes"}
    card = {
        **data.card(network),
        "version": protocol.VERSION,
        "task": recipe.task,
        "name": recipe.name,
        "created": time.time(),
        "parameters": parameters,
        "architecture": recipe.architecture,
        "options": recipe.options,
        "preset": recipe.preset,
        "settings": recipe.settings.as_dict(),
        "data": {"folder": str(recipe.folder), **described},
        "versions": versions(),
        "step": model.step,
        "outcome": model.outcome,
        "evaluation": model.evaluation.as_dict() if model.evaluation else None,
    }
    folder, fresh, old = run / protocol.MODEL, run / ".model.new", run / protocol.OLD_MODEL
    protocol.restore_model(run)
    for left in (fresh, old):
        if left.exists():
            shutil.rmtree(left)
    try:
        fresh.mkdir()
        content = save(weights, metadata={"format": "pt", "task": recipe.task})
        protocol.write_atomic(fresh / protocol.WEIGHTS, content)
        source = _source(learner(recipe.task, recipe.architecture))
        protocol.write_atomic(fresh / "network.py", source.read_bytes())
        for name, part in (data.files(network) if isinstance(data, WithFiles) else {}).items():
            protocol.write_atomic(fresh / name, part)
        protocol.write_json(fresh / protocol.CARD, card)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        protocol.sync_folder(run)
    except OSError:
        with contextlib.suppress(OSError):
            protocol.restore_model(run)
        with contextlib.suppress(OSError):
            shutil.rmtree(fresh)
        raise
    with contextlib.suppress(OSError):
        shutil.rmtree(old)
    return {"folder": protocol.MODEL, "bytes": len(content), "parameters": parameters}


def load_model(folder: Path) -> tuple[nn.Module, dict[str, Any], Learner]:
    """The network and card of a model folder (which it names), and what can ask it. Runs no code of that folder.

    Raises `Failure` (bad_model).
    """
    try:
        card = {**protocol.read_json(folder / protocol.CARD), "folder": str(folder)}
        asking = learner(card["task"], str(card.get("architecture")))
        network: nn.Module = asking.networks.of_card(card)
        network.load_state_dict(load_file(folder / protocol.WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise Failure(Code.BAD_MODEL, path=str(folder), reason=f"{type(error).__name__}: {error}") from error
    return network, card, asking


def _source(learner: Learner) -> Path:
    return Path(str(learner.networks.__file__))
