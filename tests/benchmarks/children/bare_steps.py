"""The training of a run's recipe as a bare PyTorch loop in a process of its own. The baseline of `engine`.

Pictures, split, first weights and the order of each epoch are made by the engine's own functions, so that both do the
same steps with the same losses; the loop is written by hand. Prints a JSON object with the seconds of each epoch's
steps and the losses.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from aienv_gui.engine.models.convolutional import Normalise, build
from aienv_gui.engine.recipe import Settings, read_recipe
from aienv_gui.engine.seeds import derive
from aienv_gui.engine.tasks.image_classification import Data, load, mean_and_std


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
    """What a loop tells: of each epoch the seconds of its steps, of each step the loss."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    version: str = ""  # of the library that has the loop

    def print(self) -> None:
        print(json.dumps(vars(self)))


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
    return Start(settings, data, network, _optimiser(network, settings))


def _optimiser(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), rate, momentum=settings.momentum, weight_decay=decay)
    return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)


def _quietly(done: int, total: int) -> None:
    pass


def train(start: Start) -> Measured:
    """As short as such a loop can be that still knows its losses."""
    network, optimiser, size = start.network, start.optimiser, start.settings.batch_size
    images, labels = start.data.images, start.data.labels
    measured = Measured(version=str(torch.__version__))
    losses = measured.losses
    network.train()
    for epoch in range(start.settings.epochs):
        order = start.order(epoch)
        began = time.perf_counter()
        for place in range(0, len(order), size):
            chosen = order[place : place + size]
            loss = functional.cross_entropy(network(images[chosen].float().div_(255)), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        measured.seconds.append(time.perf_counter() - began)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    train(prepare(parser.parse_args().run)).print()


if __name__ == "__main__":
    main()
