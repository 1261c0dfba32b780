"""How good it is: loss, accuracy, confusion matrix, worst answers on a split; and the finished model with its card."""

from __future__ import annotations

import contextlib
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from . import protocol
from .models import convolutional
from .recipe import Recipe
from .tasks.image_classification import Data, brightness, pixels

_WORST = 12


@dataclass(frozen=True)
class Result:
    """What a network makes of one split. `confusion[truth][answer]` counts pictures."""

    split: str
    loss: float
    accuracy: float
    confusion: list[list[int]]
    worst: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "split": self.split,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "confusion": self.confusion,
            "worst": self.worst,
        }


def evaluate(
    network: nn.Module, data: Data, split: str, device: torch.device, batch: int, between: Callable[[], None]
) -> Result:
    """Judge `network` by the pictures of `split`. `between` is called before every batch and may raise to give up."""
    indices = data.splits[split]
    losses: list[Tensor] = []
    chances: list[Tensor] = []
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            for part in indices.split(batch):
                between()
                labels = data.labels[part].to(device)
                scores = network(pixels(data.images[part].to(device)))
                losses.append(functional.cross_entropy(scores, labels, reduction="sum").cpu())
                chances.append(scores.softmax(dim=1).cpu())
    finally:
        network.train(was_training)
    probabilities = torch.cat(chances)
    truth = data.labels[indices]
    certainty, answers = probabilities.max(dim=1)
    size = len(data.classes)
    confusion = torch.bincount(truth * size + answers, minlength=size * size).reshape(size, size)
    wrong = (answers != truth).nonzero().flatten()
    wrong = wrong[certainty[wrong].argsort(descending=True, stable=True)][:_WORST]
    return Result(
        split=split,
        loss=float(torch.stack(losses).sum()) / len(indices),
        accuracy=float((answers == truth).double().mean()),
        confusion=confusion.tolist(),
        worst=[
            {
                "path": data.paths[int(indices[place])],
                "truth": data.classes[int(truth[place])],
                "answer": data.classes[int(answers[place])],
                "probability": float(certainty[place]),
            }
            for place in wrong.tolist()
        ],
    )


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": numpy.__version__}


@dataclass(frozen=True)
class Model:
    """A finished network and what is told about it."""

    network: nn.Module
    recipe: Recipe
    data: Data
    evaluation: Result | None
    step: int
    outcome: str


def save_model(run: Path, model: Model) -> dict[str, Any]:
    """Write the folder ``model``: weights, card and the network's source. Raises OSError; an earlier model stays then.

    Returns the fields of the MODEL event.
    """
    network, recipe, data = model.network, model.recipe, model.data
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    light, spread = brightness(data.images, data.splits["train"])
    parameters = sum(parameter.numel() for parameter in network.parameters())
    card = {
        "version": protocol.VERSION,
        "task": "image_classification",
        "name": recipe.name,
        "created": time.time(),
        "classes": list(data.classes),
        "parameters": parameters,
        "architecture": recipe.architecture,
        "options": recipe.options,
        "input": {
            "shape": list(data.images.shape[1:]),
            "channels": data.images.shape[1],
            "height": data.images.shape[2],
            "width": data.images.shape[3],
            "mean": weights["normalise.mean"].flatten().tolist(),
            "std": weights["normalise.std"].flatten().tolist(),
            "range": [0, 1],
            "brightness": light,
            "brightness_spread": spread,
        },
        "preset": recipe.preset,
        "settings": recipe.settings.as_dict(),
        "data": {"folder": str(recipe.folder), "fingerprint": data.fingerprint, "counts": data.counts},
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
        content = save(weights, metadata={"format": "pt", "task": "image_classification"})
        protocol.write_atomic(fresh / protocol.WEIGHTS, content)
        protocol.write_atomic(fresh / "network.py", Path(convolutional.__file__).read_bytes())
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
