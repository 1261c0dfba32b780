"""What all kinds of work have in common: examples in memory, known by their numbers, and what a network answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn


class Examples(ABC):
    """`splits` are numbers of examples."""

    splits: dict[str, Tensor]

    @abstractmethod
    def inputs(self, chosen: Tensor) -> Tensor:
        """The examples `chosen` as they lie in memory."""

    @abstractmethod
    def names(self, chosen: Tensor) -> tuple[str, ...]:
        """What the user calls these examples."""

    def as_input(self, raw: Tensor) -> Tensor:
        """What lay in memory, on the device now, as the networks take it."""
        return raw

    def outputs(
        self, network: nn.Module, split: str, device: torch.device, size: int, between: Callable[[], None]
    ) -> Tensor:
        """What the network gives for each example of a split, in batches of `size`; it trains on as before.

        `between` is called before each batch and may raise to give up.
        """
        parts: list[Tensor] = []
        was_training = network.training
        network.eval()
        try:
            with torch.no_grad():
                for part in self.splits[split].split(size):
                    between()
                    parts.append(network(self.as_input(self.inputs(part).to(device))).cpu())
        finally:
            network.train(was_training)
        return torch.cat(parts)
