"""What a training for pictures begins with: nothing, a model of the user's own, or weights of a library's network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aienv_gui.training.model_store import Model
from aienv_gui.training.records import PICTURES

LIBRARIES = ("torchvision", "timm")
# Offered where a file of weights is chosen; any other name that the library knows may be written in their place.
NETWORKS = (
    *("torchvision:resnet18", "torchvision:resnet50", "torchvision:mobilenet_v3_small", "torchvision:efficientnet_b0"),
    *("torchvision:convnext_tiny", "torchvision:vit_b_16", "timm:resnet18", "timm:mobilenetv3_small_100"),
    *("timm:efficientnet_lite0", "timm:vit_tiny_patch16_224"),
)
_ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
PATTERNS = " ".join(f"*{ending}" for ending in _ENDINGS)
RATE = 0.001  # for weights of a library: larger steps would undo what they know


@dataclass(frozen=True, slots=True)
class Beginning:
    """Weights to begin with, and the network they belong to, which then is that of the training."""

    path: Path
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def elsewhere(self) -> bool:
        """Whether it is a file, and no model of the user's own."""
        return self.path.suffix.lower() in _ENDINGS

    @property
    def library(self) -> str:
        """The package that makes the network; "" for AIEnv's own."""
        return library_of(self.architecture)


def library_of(architecture: str) -> str:
    library, colon, name = architecture.partition(":")
    return library if library in LIBRARIES and colon and name else ""


def usable(models: Iterable[Model]) -> tuple[Model, ...]:
    """The models that a training for pictures can begin with; of a kept one and the run's it is a copy of, one."""
    found: list[Model] = []
    for model in models:
        if model.task == PICTURES and model.broken is None and all(model.card != other.card for other in found):
            found.append(model)
    return tuple(found)


def of_model(model: Model) -> Beginning:
    return Beginning(model.folder, str(model.card["architecture"]), dict(model.card.get("options") or {}))
