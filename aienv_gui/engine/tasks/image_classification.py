"""Picture classification: pictures as tensors in memory, batches made from them, answers to new ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import start_weights
from ..failures import Failure
from ..models import convolutional
from ..protocol import Code
from ..recipe import Recipe, Settings
from ..start_weights import Fit, Start
from . import picture_tables, pictures
from .classification import Classification, best_answers
from .picture_files import Array, Broken, array, digest, read_picture
from .picture_sets import Table
from .room import room
from .task import Batch, Progress

networks = convolutional

_POINTS_AT_ONCE = 2**20  # of pictures that are counted together


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
    start: Start | None = None  # what the network begins with
    fits: list[Fit] = field(default_factory=list)  # how that fitted the network that was made last

    def described(self) -> dict[str, Any]:
        told = {"classes": list(self.classes), "counts": self.counts, "fingerprint": self.fingerprint}
        return told if self.table is None else {**told, "files": self.table.files, "target": self.table.target}

    def network(self, architecture: str, options: dict[str, Any]) -> nn.Module:
        """With the mean and spread of the training pictures, unless the options say that it is not to normalise.

        Where it begins with weights learnt before, these bring their own.
        """
        network = convolutional.build(architecture, options, len(self.classes))
        normalise = network.get_submodule("normalise")
        ours = not convolutional.library_of(architecture)
        if ours and options.get("normalise", True) and isinstance(normalise, convolutional.Normalise):
            normalise.set(*mean_and_std(self.images, self.splits["train"]))
        if self.start is not None:
            self.fits[:] = [start_weights.give(network, self.start, self.classes, inside="" if ours else "network.")]
        return network

    def begin_epoch(self, network: nn.Module, epoch: int, settings: Settings) -> None:
        """In the first `freeze` epochs only what is new to the network learns."""
        if self.fits:
            start_weights.only_fresh(network, self.fits[0], alone=epoch < settings.freeze)

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
            **self._origin(network),
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

    def _origin(self, network: nn.Module) -> dict[str, Any]:
        """What the network began with, and which packages make it."""
        told: dict[str, Any] = {}
        if isinstance(network, convolutional.OfLibrary):
            told["needs"] = [network.library]
        if self.start is not None and self.fits:
            fit, card = self.fits[0], self.start.card or {}
            told["started_from"] = {
                "name": str(card.get("name") or self.start.path.name),
                "architecture": str(card.get("architecture", "")),
                "taken": len(fit.taken),
                "fresh": len(fit.fresh),
            }
        return told


def load(recipe: Recipe, progress: Progress) -> tuple[Data, dict[str, Any]]:
    """Read the pictures of `recipe`; returns them and the network's options, with every "auto" decided.

    Raises `Failure` for data that cannot be trained on; a broken picture that was not agreed to be skipped is one. And
    for weights to begin with that do not fit, before the pictures are read: that may take long.
    """
    start = start_weights.read(recipe.start_from) if recipe.start_from else None
    found = pictures.find(recipe.folder, recipe.data)
    if found.table and not found.table.faults:
        found = picture_tables.without_rare(found)
    options = _of_start(recipe, start)
    remarks = _fitting(recipe.architecture, options, found.classes, start)
    if "auto" in (options.get("channels", "auto"), options.get("size", "auto")):
        sample = pictures.survey(found.only(pictures.sample(len(found.paths))))
        options["channels"], options["size"] = pictures.input_for(options, sample.looks)
    channels, side = int(options["channels"]), int(options["size"])

    def read(path: Path) -> tuple[Array, str, int]:
        content, image = read_picture(path)
        return array(image, channels, side, side), digest(content), len(content)

    shape = (len(found.paths), channels, side, side)
    images = room(shape, recipe.run, recipe.settings.processes)
    if isinstance(images, np.memmap):
        remarks.append({"code": Code.ON_DISK, "values": {"bytes": math.prod(shape)}})
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
        remarks=[*remarks, *pictures.remarks(found, digests)],
        table=found.table,
        start=start,
    )
    return data, options


def _of_start(recipe: Recipe, start: Start | None) -> dict[str, Any]:
    """The options of the recipe, "auto" decided by what the network begins with, or is made for, where that does."""
    options = dict(recipe.options)
    library = convolutional.library_of(recipe.architecture)
    known: dict[str, Any] = {}
    if start is not None and start.card is not None:
        found = start.card.get("architecture")
        if found != recipe.architecture:
            values = {"wanted": recipe.architecture, "found": found}
            raise Failure(Code.BAD_START, path=str(start.path), reason="architecture", **values)
        known = start.card.get("options") or {}
    elif library and options.get("size", "auto") == "auto":
        known = {"size": convolutional.usual_size(recipe.architecture)}
    if library:
        options["channels"] = 3
    for name in ("channels", "size"):
        if options.get(name, "auto") == "auto" and known.get(name, "auto") != "auto":
            options[name] = int(known[name])
    return options


def _fitting(
    architecture: str, options: dict[str, Any], classes: tuple[str, ...], start: Start | None
) -> list[dict[str, Any]]:
    """Try whether a package can make the network, and whether the weights fit; tells where some of them do not."""
    if start is None and not convolutional.library_of(architecture):
        return []
    sized = {"channels": 3, "size": 64, **{name: value for name, value in options.items() if value != "auto"}}
    inside = "network." if convolutional.library_of(architecture) else ""
    try:
        network = convolutional.build(architecture, sized, len(classes))
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Failure(Code.BAD_RECIPE, reason=str(error)) from error
    if start is None:
        return []
    fit = start_weights.give(network, start, classes, inside=inside)
    last = start_weights.last_layer(network) + "."
    layers = [name for name, _ in network.named_parameters() if not name.startswith(last)]
    fresh = [name for name in layers if name in fit.fresh]
    if not fresh:
        return []
    return [{"code": Code.PARTLY_FITS, "values": {"count": len(fresh), "of": len(layers), "names": fresh[:5]}}]


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
    for part in _few_at_once(images, indices):
        chunk = images[part].to(torch.float64) / 255
        totals += chunk.sum(dim=(0, 2, 3))
        squares += (chunk * chunk).sum(dim=(0, 2, 3))
    count = len(indices) * images.shape[2] * images.shape[3]
    mean = totals / count
    # Never 0: a folder of evenly grey pictures is dull but no reason to divide by nothing.
    std = (squares / count - mean * mean).clamp(min=1e-4).sqrt()
    return mean.tolist(), std.tolist()


def _few_at_once(images: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
    """As long numbers they take eight times the memory."""
    parts: tuple[Tensor, ...] = indices.split(max(1, min(1024, _POINTS_AT_ONCE // math.prod(images.shape[1:]))))
    return parts


def brightness(images: Tensor, indices: Tensor) -> tuple[float, float]:
    """Mean over these pictures of how bright each is (0 to 1), and how far they usually differ from it."""
    # NumPy adds bytes up without a long copy of them: at the end of a training, memory may be as good as used up.
    points = images.flatten(1).numpy()
    each = np.concatenate([points[part.numpy()].mean(axis=1) / 255 for part in _few_at_once(images, indices)])
    return float(each.mean()), float(each.std(ddof=1))


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
