"""The training of a run's recipe as a bare PyTorch loop in a process of its own. The baseline of `engine`.

Pictures, split, first weights, optimiser and the order of each epoch are made by the engine's own functions, so that
both do the same steps with the same losses; the loop is written by hand. Each epoch waits for its turn, and at the end
comes what was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from aienv_gui.engine.models.convolutional import Normalise, build
from aienv_gui.engine.recipe import Settings, read_recipe
from aienv_gui.engine.seeds import derive
from aienv_gui.engine.tasks.image_classification import Data, load, mean_and_std
from aienv_gui.engine.work import optimiser_for

READY: Final = "ready"  # printed before each epoch, which begins when a line comes in
MEASURED: Final = "measured "  # before what is printed at last: libraries may print as well


@dataclass
class Start:
    """All that a loop starts with."""

    settings: Settings
    data: Data
    network: nn.Module
    optimiser: torch.optim.Optimizer

    def order(self, epoch: int) -> torch.Tensor:
        """Which pictures come when, as the engine has it."""
        indices = self.data.splits["train"]
        generator = torch.Generator().manual_seed(derive(self.settings.seed, "order", epoch))
        return indices[torch.randperm(len(indices), generator=generator)]


@dataclass
class Measured:
    """What a loop tells: of each epoch the seconds that its steps took, of each step the loss."""

    version: str  # of the library that has the loop
    processor: list[float] = field(default_factory=list)  # seconds of all threads
    wall: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    _began: tuple[float, float] = (0.0, 0.0)

    def begin(self) -> None:
        """Wait for the epoch's turn; its first step is next."""
        print(READY, flush=True)
        sys.stdin.readline()
        self._began = (time.process_time(), time.perf_counter())

    def end(self) -> None:
        """The epoch's last step is done."""
        self.processor.append(time.process_time() - self._began[0])
        self.wall.append(time.perf_counter() - self._began[1])

    def tell(self) -> None:
        print(MEASURED + json.dumps(vars(self)), flush=True)


def prepare(run: Path) -> Start:
    recipe = read_recipe(run)
    assert recipe.threads
    torch.set_num_threads(recipe.threads)
    data, options = load(recipe, _quietly)
    settings = recipe.settings
    torch.manual_seed(derive(settings.seed, "weights"))
    network = build(recipe.architecture, options, len(data.classes))
    normalise = network.get_submodule("normalise")
    assert isinstance(normalise, Normalise)
    normalise.set(*mean_and_std(data.images, data.splits["train"]))
    network.to(memory_format=torch.channels_last)
    return Start(settings, data, network, optimiser_for(network, settings, torch.device("cpu")))


def _quietly(done: int, total: int) -> None:
    pass


def train(start: Start) -> Measured:
    """As short as such a loop can be that still knows its losses."""
    network, optimiser, size = start.network, start.optimiser, start.settings.batch_size
    images, labels = start.data.images, start.data.labels
    measured = Measured(str(torch.__version__))
    losses = measured.losses
    network.train()
    for epoch in range(start.settings.epochs):
        order = start.order(epoch)
        measured.begin()
        for place in range(0, len(order), size):
            chosen = order[place : place + size]
            loss = functional.cross_entropy(network(images[chosen].float().div_(255)), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        measured.end()
    return measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    train(prepare(parser.parse_args().run)).tell()


if __name__ == "__main__":
    main()
