"""Picture classification: pictures as tensors in memory, batches made from them, answers to new ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..failures import Failure
from ..models import convolutional
from ..protocol import Code
from ..recipe import Recipe, Settings
from . import picture_tables, pictures
from .classification import Classification, best_answers
from .picture_files import Array, Broken, array, digest, read_picture
from .picture_sets import Table
from .task import Batch, Progress

networks = convolutional


@dataclass(frozen=True)
class Data(Classification):
    """Every picture, decoded once: `images` (n, channels, height, width) of bytes, and which belong to which split."""

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    images: Tensor
    labels: Tensor
    splits: dict[str, Tensor]
    counts: dict[str, dict[str, int]]
    fingerprint: str
    remarks: list[dict[str, Any]]
    table: Table | None = None  # that names the pictures, where one does

    def described(self) -> dict[str, Any]:
        told = {"classes": list(self.classes), "counts": self.counts, "fingerprint": self.fingerprint}
        return told if self.table is None else {**told, "files": self.table.files, "target": self.table.target}

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        """With the mean and spread of the training pictures, unless the options say that it is not to normalise."""
        network = convolutional.build(architecture, options, len(self.classes))
        normalise = network.get_submodule("normalise")
        if options.get("normalise", True) and isinstance(normalise, convolutional.Normalise):
            normalise.set(*mean_and_std(self.images, self.splits["train"]))
        return network

    def batch(self, chosen: Tensor, settings: Settings, seed: int) -> Batch:
        images = self.inputs(chosen)
        if settings.shift:
            images = shifted(images, settings.shift, seed)
        return images, self.labels[chosen]

    def inputs(self, chosen: Tensor) -> Tensor:
        return self.images[chosen]

    def as_input(self, raw: Tensor) -> Tensor:
        return pixels(raw)

    def names(self, chosen: Tensor) -> tuple[str, ...]:
        return tuple(self.paths[index] for index in chosen.tolist())

    def card(self, network: nn.Module) -> dict[str, Any]:
        normalise = network.get_submodule("normalise")
        channels, height, width = self.images.shape[1:]
        light, spread = brightness(self.images, self.splits["train"])
        return {
            "classes": list(self.classes),
            "input": {
                "shape": [channels, height, width],
                "channels": channels,
                "height": height,
                "width": width,
                "mean": normalise.mean.flatten().tolist(),
                "std": normalise.std.flatten().tolist(),
                "range": [0, 1],
                "brightness": light,
                "brightness_spread": spread,
            },
        }


def load(recipe: Recipe, progress: Progress) -> tuple[Data, dict[str, Any]]:
    """Read the pictures of `recipe`; returns them and the network's options, with every "auto" decided.

    Raises `Failure` for data that cannot be trained on; a broken picture that was not agreed to be skipped is one.
    """
    found = pictures.find(recipe.folder, recipe.data)
    if found.table and not found.table.faults:
        found = picture_tables.without_rare(found)
    options = dict(recipe.options)
    if "auto" in (options.get("channels", "auto"), options.get("size", "auto")):
        sample = pictures.survey(found.only(pictures.sample(len(found.paths))))
        options["channels"], options["size"] = pictures.input_for(options, sample.looks)
    channels, side = int(options["channels"]), int(options["size"])

    def read(path: Path) -> tuple[Array, str, int]:
        content, image = read_picture(path)
        return array(image, channels, side, side), digest(content), len(content)

    images = np.empty((len(found.paths), channels, side, side), dtype=np.uint8)
    digests: list[str] = []
    sizes: list[int] = []
    broken: list[tuple[str, Broken]] = []
    for index, (path, result) in enumerate(pictures.read_all(found, read, progress)):
        if isinstance(result, Broken):
            broken.append((path, result))
        else:
            images[index], content, size = result
            digests.append(content)
            sizes.append(size)
    _refuse(pictures.faults(found, broken))
    pictures.check(found, digests)
    parts = pictures.split(found, digests, recipe.settings.seed)
    numbers = {name: number for number, name in enumerate(found.classes)}
    data = Data(
        classes=found.classes,
        paths=found.paths,
        images=torch.from_numpy(images),
        labels=torch.tensor([numbers[name] for name in found.truth]),
        splits={name: torch.tensor(indices) for name, indices in parts.items()},
        counts=pictures.split_counts(found, parts),
        fingerprint=pictures.fingerprint(found, sizes, digests),
        remarks=pictures.remarks(found, digests),
        table=found.table,
    )
    return data, options


def _refuse(faults: list[dict[str, Any]]) -> None:
    if faults:
        raise Failure(
            Code.BROKEN_PICTURES,
            count=len(faults),
            paths=[fault["path"] for fault in faults[:20]],
            reason=faults[0]["reason"],
            detail=faults[0]["detail"],
            faults=faults[:20],
        )


def mean_and_std(images: Tensor, indices: Tensor) -> tuple[list[float], list[float]]:
    """Of each channel over these pictures, as numbers from 0 to 1."""
    totals = torch.zeros(images.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(totals)
    for part in indices.split(1024):
        chunk = images[part].to(torch.float64) / 255
        totals += chunk.sum(dim=(0, 2, 3))
        squares += (chunk * chunk).sum(dim=(0, 2, 3))
    count = len(indices) * images.shape[2] * images.shape[3]
    mean = totals / count
    # Never 0: a folder of evenly grey pictures is dull but no reason to divide by nothing.
    std = (squares / count - mean * mean).clamp(min=1e-4).sqrt()
    return mean.tolist(), std.tolist()


def brightness(images: Tensor, indices: Tensor) -> tuple[float, float]:
    """Mean over these pictures of how bright each is (0 to 1), and how far they usually differ from it."""
    each = torch.cat([images[part].to(torch.float64).mean(dim=(1, 2, 3)) / 255 for part in indices.split(1024)])
    return float(each.mean()), float(each.std())


def pixels(batch: Tensor) -> Tensor:
    """Bytes as the networks take them: numbers from 0 to 1."""
    return batch.to(torch.float32).div_(255)


def shifted(batch: Tensor, most: int, seed: int) -> Tensor:
    """Every picture of the batch moved by up to `most` points each way; what comes into view repeats the edge."""
    generator = torch.Generator().manual_seed(seed)
    count, channels, height, width = batch.shape
    down, right = torch.randint(-most, most + 1, (2, count, 1), generator=generator)
    rows = (torch.arange(height) + down).clamp_(0, height - 1)
    columns = (torch.arange(width) + right).clamp_(0, width - 1)
    return batch[
        torch.arange(count)[:, None, None, None],
        torch.arange(channels)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


def predict(
    network: nn.Module, card: dict[str, Any], request: dict[str, Any], progress: Progress
) -> list[dict[str, Any]]:
    """The classes of ``request["pictures"]``, prepared exactly as those the network was trained on."""
    wanted = card["input"]
    results: list[dict[str, Any]] = []
    paths = [str(path) for path in request["pictures"]]
    for number, path in enumerate(paths):
        progress(number, len(paths))
        try:
            _, image = read_picture(Path(path))
            values = array(image, wanted["channels"], wanted["height"], wanted["width"])
        except Broken as error:
            broken = {"path": path, "reason": error.reason, "detail": error.detail}
            results.append({"path": path, "code": Code.BROKEN_PICTURE, "values": broken})
            continue
        batch = torch.from_numpy(values.copy())[None]
        if request.get("invert"):
            batch = 255 - batch
        with torch.no_grad():
            scores = network(pixels(batch))[0]
        results.append(
            {
                "path": path,
                "top": best_answers(scores, card["classes"], int(request.get("top", 5))),
                "warnings": _warnings(float(batch.double().mean()) / 255, wanted),
            }
        )
    progress(len(paths), len(paths))
    return results


def _warnings(brightness: float, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Whether the picture is far brighter or darker than those of the training, as ink on paper is to chalk."""
    usual, spread = wanted.get("brightness"), wanted.get("brightness_spread")
    if usual is None or spread is None:
        return []
    far = abs(brightness - usual) > max(4 * spread, 0.25)
    swapped_is_nearer = abs(1 - brightness - usual) < abs(brightness - usual)
    if not (far and swapped_is_nearer):
        return []
    values = {"brightness": round(brightness, 3), "training_brightness": round(usual, 3)}
    return [{"code": Code.UNLIKE_TRAINING, "values": values}]
