"""The book's network as a bare PyTorch script: no events, no checkpoints, no window. The baseline of `training`.

Prints a JSON object with the steps a second between two steps of the first epoch.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

BATCH, SIZE, CLASSES, RATE = 64, 64, 10, 0.001
FIRST_STEP = 8


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128 * (SIZE // 8) ** 2, 1000),
        nn.ReLU(),
        nn.Linear(1000, CLASSES),
    )


def pictures(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """All pictures as uint8, N x 1 x 64 x 64, and their classes."""
    images, labels = [], []
    for label, kind in enumerate(sorted(entry for entry in folder.iterdir() if entry.is_dir())):
        for file in sorted(kind.iterdir())[:400]:
            with Image.open(file) as image:
                images.append(np.asarray(image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)))
            labels.append(label)
    return torch.from_numpy(np.stack(images))[:, None], torch.tensor(labels)


def train(folder: Path, steps: int, told: Callable[[int, float], None] = lambda step, loss: None) -> float:
    """Train and return the steps a second from `FIRST_STEP` on; `told` gets each step's number and loss."""
    images, labels = pictures(folder)
    torch.manual_seed(0)
    model = network()
    optimiser = torch.optim.SGD(model.parameters(), RATE)
    order = torch.randperm(len(images))
    began, step = 0.0, 0
    while step < FIRST_STEP + steps:
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            scores = model((images[chosen].float() / 255 - 0.13) / 0.31)
            loss = functional.cross_entropy(scores, labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            step += 1
            told(step, float(loss.detach()))
            if step == FIRST_STEP:
                began = time.perf_counter()
            if step == FIRST_STEP + steps:
                break
    return steps / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    print(json.dumps({"steps_per_second": train(options.pictures, options.steps)}))


if __name__ == "__main__":
    main()
