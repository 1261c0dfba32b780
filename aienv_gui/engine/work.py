"""What is trained and with what: network, optimiser, averaged weights, data; fresh, or as a checkpoint holds them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import protocol
from .devices import device_name
from .failures import Failure
from .feed import Feed
from .model_folder import versions
from .protocol import Code
from .recipe import Recipe, Settings
from .seeds import derive
from .session import Position
from .tasks.task import Result, Task
from .team import Member


@dataclass
class Work:
    """A training without its position. `bfloat16`: what can be is computed in short numbers; weights never are."""

    recipe: Recipe
    data: Task
    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: AveragedModel | None
    device: torch.device
    threads: int
    bfloat16: bool = False
    team: Member | None = None  # other processes that do their share of each batch

    def __post_init__(self) -> None:
        self.feed = Feed(self.data, self.recipe.settings, self.device)
        # Listed once: to walk through a network takes its time, of which a small step has little.
        self._parameters = list(self.network.parameters())
        self._means = list(self.network.buffers())  # running means and the like
        self._kept = [mean.clone() for mean in self._means]

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.data.splits["train"]) / self.recipe.settings.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.recipe.settings.epochs

    @property
    def judged(self) -> nn.Module:
        """The network that counts: with averaged weights, where they are."""
        if self.average is None:
            return self.network
        module: nn.Module = self.average.module
        return module

    def numbers(self) -> AbstractContextManager[Any]:
        """In which the loss of a batch is computed."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()

    def forget_gradients(self) -> None:
        """Before a step's own: as the optimiser's `zero_grad`, without the tenfold time that it takes to be watched."""
        for parameter in self._parameters:
            parameter.grad = None

    def keep_means(self) -> None:
        """Remember the network's running means, which a computation changes that may fail afterwards."""
        if self._means:
            torch._foreach_copy_(self._kept, self._means)

    def put_back_means(self) -> None:
        """As they were when they were kept."""
        if self._means:
            torch._foreach_copy_(self._means, self._kept)

    def state(self, position: Position) -> dict[str, Any]:
        """All that is needed to go on exactly."""
        return {
            "version": protocol.VERSION,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "position": asdict(position),
            "options": self.recipe.options,
            "batch_size": self.recipe.settings.batch_size,
            "learning_rate": None if self.recipe.settings.find_rate else self.recipe.settings.learning_rate,
            "threads": self.threads,
            "fingerprint": self.data.fingerprint,
            "versions": versions(),
            "device": device_name(self.device),
        }

    def restore(self, state: dict[str, Any]) -> Position:
        """Be as it was when `state` was saved; returns where that was."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        return Position(**state["position"])

    def judged_at(self, state: dict[str, Any]) -> nn.Module:
        """The network that counted when `state` was saved, beside this one."""
        if self.average is None:
            network = copy.deepcopy(self.network)
            network.load_state_dict(state["network"])
            return network
        average = copy.deepcopy(self.average)
        average.load_state_dict(state["average"])
        module: nn.Module = average.module
        return module

    def begin_again(self) -> None:
        """Be as it was before the first step."""
        fresh = prepare(self.recipe, self.data, self.device, self.threads)
        self.network.load_state_dict(fresh.network.state_dict())
        self.optimiser.load_state_dict(fresh.optimiser.state_dict())
        if self.average is not None and fresh.average is not None:
            self.average.load_state_dict(fresh.average.state_dict())

    def described(self) -> dict[str, Any]:
        """What the start of a run tells of it."""
        recipe = self.recipe
        return {
            "device": str(self.device),
            "device_name": device_name(self.device),
            "threads": self.threads,
            "versions": versions(),
            "epochs": recipe.settings.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            "total_steps": self.total_steps,
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "checkpoint_bytes": self.checkpoint_bytes,
            "architecture": recipe.architecture,
            "options": recipe.options,
            "settings": recipe.settings.as_dict(),
            "data": self.data.described(),
        }

    @property
    def checkpoint_bytes(self) -> int:
        """About what a checkpoint takes, also before the optimiser has begun to keep anything."""
        settings = self.recipe.settings
        trained = sum(parameter.nbytes for parameter in self.network.parameters() if parameter.requires_grad)
        kept = 2 if settings.optimiser != "sgd" else int(settings.momentum > 0)
        copies = 1 if self.average is None else 2
        weights = sum(value.nbytes for value in self.network.state_dict().values())
        return int(copies * weights + kept * trained)


def prepare(recipe: Recipe, data: Task, device: torch.device, threads: int, *, bfloat16: bool = False) -> Work:
    """A fresh network and optimiser; the weights depend on the seed alone. Raises `Failure` (bad_recipe)."""
    settings = recipe.settings
    torch.manual_seed(derive(settings.seed, "weights"))
    try:
        network = data.network(recipe.architecture, recipe.options)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(Code.BAD_RECIPE, reason=str(error)) from error
    network.to(device)
    if device.type == "cpu":  # convolutions are 5 to 30 % quicker in this order of the memory; cards were not measured
        network.to(memory_format=torch.channels_last)
    average = None
    if settings.average > 1:
        # Their mean over about so many steps, as one that fades: nothing has to be kept of these steps.
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / settings.average), use_buffers=True)
    return Work(recipe, data, network, optimiser_for(network, settings, device), average, device, threads, bfloat16)


def optimiser_for(network: nn.Module, settings: Settings, device: torch.device) -> torch.optim.Optimizer:
    """The one that the settings ask for; where PyTorch has it in one piece, which is several times as fast."""
    fused = device.type in ("cpu", "cuda")
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        momentum = settings.momentum
        return torch.optim.SGD(network.parameters(), rate, momentum=momentum, weight_decay=decay, fused=fused)
    if settings.optimiser == "adam":
        return torch.optim.Adam(network.parameters(), rate, weight_decay=decay, fused=fused)
    return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay, fused=fused)


def judge(work: Work, network: nn.Module, split: str, parts: int, between: Callable[[], None]) -> Result:
    """By batches as in training: none takes longer than a step, so that a stop is heard as soon."""
    size = -(-work.recipe.settings.batch_size // parts)
    return work.data.judge(network, split, work.device, size, between)
