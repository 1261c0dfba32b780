"""Picture classification: pictures as tensors in memory, batches made from them, networks to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..failures import Failure
from ..protocol import Code
from ..recipe import Recipe
from . import pictures

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Data:
    """Every picture, decoded once: `images` (n, channels, height, width) of bytes, and which belong to which split."""

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    images: Tensor
    labels: Tensor
    splits: dict[str, Tensor]
    counts: dict[str, dict[str, int]]
    fingerprint: str
    remarks: list[dict[str, Any]]


def load(recipe: Recipe, progress: Progress) -> tuple[Data, dict[str, Any]]:
    """Read the pictures of `recipe`; returns them and the network's options, with every "auto" decided.

    Raises `Failure` for data that cannot be trained on; a broken picture that was not agreed to be skipped is one.
    """
    found = pictures.scan(recipe.folder, recipe.skip)
    options = dict(recipe.options)
    if "auto" in (options.get("channels", "auto"), options.get("size", "auto")):
        sample = pictures.survey(replace(found, paths=pictures.sample(found.paths)))
        options["channels"], options["size"] = pictures.input_for(options, sample.looks)
    channels, side = int(options["channels"]), int(options["size"])

    def read(path: Path) -> tuple[pictures.Array, str, int]:
        content, image = pictures.read_picture(path)
        return pictures.array(image, channels, side, side), pictures.digest(content), len(content)

    images = np.empty((len(found.paths), channels, side, side), dtype=np.uint8)
    digests: list[str] = []
    sizes: list[int] = []
    broken: list[tuple[str, pictures.Broken]] = []
    for index, (path, result) in enumerate(pictures.read_all(found, read, progress)):
        if isinstance(result, pictures.Broken):
            broken.append((path, result))
        else:
            images[index], digest, size = result
            digests.append(digest)
            sizes.append(size)
    _refuse_broken(broken)
    classes = found.classes
    counts = dict.fromkeys(classes, 0)
    for path in found.paths:
        counts[pictures.class_of(path)] += 1
    pictures.check(found, counts, found.paths)
    parts = pictures.split(found.paths, recipe.settings.seed)
    numbers = {name: number for number, name in enumerate(classes)}
    data = Data(
        classes=classes,
        paths=found.paths,
        images=torch.from_numpy(images),
        labels=torch.tensor([numbers[pictures.class_of(path)] for path in found.paths]),
        splits={name: torch.tensor(indices) for name, indices in parts.items()},
        counts=pictures.split_counts(found.paths, parts),
        fingerprint=pictures.fingerprint(found.paths, sizes, digests),
        remarks=pictures.remarks(found, counts, digests),
    )
    return data, options


def _refuse_broken(broken: list[tuple[str, pictures.Broken]]) -> None:
    if broken:
        raise Failure(
            Code.BROKEN_PICTURES,
            count=len(broken),
            paths=[path for path, _ in broken[:20]],
            reason=broken[0][1].reason,
            detail=broken[0][1].detail,
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
