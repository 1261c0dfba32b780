"""Convolutional networks for pictures. Plain PyTorch, imports nothing of ours: a copy lies beside every finished model.

Those called "torchvision:NAME" and "timm:NAME" are made by that package, which has to be there; nothing is downloaded.

Every network takes a batch of pictures as numbers from 0 to 1, shaped (batch, channels, height, width), and gives one
score (logit) a class. The normalisation belongs to the network, so that whoever loads the weights need not repeat it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and spread of the channels
_LEAST = 64  # points a side: networks for photographs halve them five times, and more than one point has to be left


class Normalise(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """(pixels - mean) / std for each channel; the two numbers are saved with the weights."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))

    def set(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean.copy_(torch.tensor(mean).reshape(-1, 1, 1))
        self.std.copy_(torch.tensor(std).reshape(-1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std


class BookConvNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """The network of the textbooks: three 3x3 convolutions with ReLU and 2x2 max pooling each, and a hidden layer."""

    def __init__(
        self, classes: int, *, channels: int, size: int, widths: Sequence[int], hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.normalise = Normalise(channels)
        layers: list[nn.Module] = []
        side = size // 2 ** len(widths)
        if side < 1:
            raise ValueError(f"pictures of {size} x {size} are too small for {len(widths)} poolings")
        for entering, leaving in zip((channels, *widths), widths, strict=False):
            layers += [nn.Conv2d(entering, leaving, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(widths[-1] * side * side, hidden), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(hidden, classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        scores: Tensor = self.layers(self.normalise(pixels))
        return scores


class CompactConvNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Small and quick to train: 3x3 convolutions with batch normalisation and pooling, averaged over the picture."""

    def __init__(self, classes: int, *, channels: int, size: int, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        if size < 2 ** len(widths):
            raise ValueError(f"pictures of {size} x {size} are too small for {len(widths)} poolings")
        self.normalise = Normalise(channels)
        layers: list[nn.Module] = []
        for entering, leaving in zip((channels, *widths), widths, strict=False):
            layers += [
                nn.Conv2d(entering, leaving, 3, padding=1, bias=False),
                nn.BatchNorm2d(leaving),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(widths[-1], classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        scores: Tensor = self.layers(self.normalise(pixels))
        return scores


class ResidualBlock(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """Two 3x3 convolutions that learn what to add to their input; `halve` makes the map half as wide and high."""

    def __init__(self, entering: int, leaving: int, *, halve: bool) -> None:
        super().__init__()
        last = nn.BatchNorm2d(leaving)
        nn.init.zeros_(last.weight)  # at first every block passes its input on, which makes a high rate bearable
        self.branch = nn.Sequential(
            nn.Conv2d(entering, leaving, 3, stride=2 if halve else 1, padding=1, bias=False),
            nn.BatchNorm2d(leaving),
            nn.ReLU(),
            nn.Conv2d(leaving, leaving, 3, padding=1, bias=False),
            last,
        )
        way: list[nn.Module] = [nn.AvgPool2d(2, ceil_mode=True)] if halve else []
        if entering != leaving:
            way += [nn.Conv2d(entering, leaving, 1, bias=False), nn.BatchNorm2d(leaving)]
        self.shortcut = nn.Sequential(*way)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.shortcut(maps) + self.branch(maps))


class ResidualNet(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """A small residual network: a convolution that halves the picture, then a stage of `depth` blocks for each width.

    Every stage but the first halves it again, and the last is averaged over the picture.
    """

    def __init__(
        self, classes: int, *, channels: int, size: int, widths: Sequence[int], depth: int, dropout: float
    ) -> None:
        super().__init__()
        if not widths or depth < 1:
            raise ValueError(f"a residual network needs a width and a depth of at least 1, not {widths!r} and {depth}")
        # Of a batch of a single picture, batch normalisation needs more than one point in every map.
        if size <= 2 ** len(widths):
            raise ValueError(f"pictures of {size} x {size} are too small to be halved {len(widths)} times")
        self.normalise = Normalise(channels)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        stages = [(width, place) for width in widths for place in range(depth)]
        blocks: list[nn.Module] = []
        entering = widths[0]
        for number, (width, place) in enumerate(stages):
            blocks.append(ResidualBlock(entering, width, halve=number > 0 and place == 0))
            entering = width
        self.blocks = nn.Sequential(*blocks)
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        self.head = nn.Sequential(*layers, nn.Linear(widths[-1], classes))

    def forward(self, pixels: Tensor) -> Tensor:
        maps: Tensor = self.stem(self.normalise(pixels))
        if maps.device.type == "cpu":  # where it is the quicker order in memory
            maps = maps.contiguous(memory_format=torch.channels_last)
        scores: Tensor = self.head(self.blocks(maps))
        return scores


class OfLibrary(nn.Module):  # type: ignore[misc]  # where PyTorch is not looked into
    """A network that torchvision or timm makes, with the normalisation that its published weights were learnt with."""

    def __init__(self, library: str, name: str, classes: int, *, size: int) -> None:
        super().__init__()
        self.library = library
        mean, std = _IMAGENET
        if size < _LEAST:
            raise ValueError(f"pictures of {size} x {size} are too small for {name}")
        try:
            if library == "torchvision":
                more = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
                self.network = _library("torchvision.models").get_model(name, weights=None, num_classes=classes, **more)
            else:
                self.network = _library("timm").create_model(name, pretrained=False, num_classes=classes)
                mean, std = (
                    self.network.default_cfg.get(key) or usual
                    for key, usual in zip(("mean", "std"), _IMAGENET, strict=True)
                )
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        self.normalise = Normalise(3)
        self.normalise.set(mean, std)

    def forward(self, pixels: Tensor) -> Tensor:
        scores: Tensor = self.network(self.normalise(pixels))
        return scores


def library_of(architecture: str) -> str:
    """The package that makes a network; "" for those of this module."""
    library = architecture.partition(":")[0]
    return library if library in ("torchvision", "timm") and ":" in architecture else ""


def usual_size(architecture: str) -> int:
    """Of the pictures that a package's network was made for."""
    name = architecture.partition(":")[2]
    if library_of(architecture) == "timm":
        known = _library("timm.models").get_pretrained_cfg(name, allow_unregistered=True)
        return int(known.input_size[-1]) if known is not None else 224
    return 299 if name == "inception_v3" else 224


def _library(name: str) -> Any:
    """Raises ModuleNotFoundError with the package's name where it is not there, or does not go with this PyTorch."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        missing = (isinstance(error, ModuleNotFoundError) and error.name) or name
        package = str(missing).partition(".")[0]
        raise ModuleNotFoundError(f"{package} does not load: {error}", name=package) from error


def build(architecture: str, options: dict[str, Any], classes: int) -> nn.Module:
    """The network of a card or recipe, with fresh weights. Raises ValueError for what it does not know."""
    channels, size = int(options["channels"]), int(options["size"])
    library = library_of(architecture)
    if library:
        return OfLibrary(library, architecture.partition(":")[2], classes, size=size)
    widths = [int(width) for width in options.get("widths", (32, 64, 128))]
    dropout = float(options.get("dropout", 0))
    if architecture == "book_convnet":
        hidden = int(options.get("hidden", 1000))
        return BookConvNet(classes, channels=channels, size=size, widths=widths, hidden=hidden, dropout=dropout)
    if architecture == "compact_convnet":
        return CompactConvNet(classes, channels=channels, size=size, widths=widths, dropout=dropout)
    if architecture == "residual_net":
        depth = int(options.get("depth", 1))
        return ResidualNet(classes, channels=channels, size=size, widths=widths, depth=depth, dropout=dropout)
    raise ValueError(f"no architecture is called {architecture!r}")


def of_card(card: dict[str, Any]) -> nn.Module:
    """The network that a model's card.json tells of, ready to be given its weights and then to predict."""
    return build(card["architecture"], card["options"], len(card["classes"])).eval()
