"""The examples of each step, in the order of their epoch, there when they are wanted.

Where it takes long until they are, those of the next step are fetched while this one is computed: always for a card,
whose copies go on beside its work. They follow from the step alone, so that they are the same whenever that happens.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from .recipe import Settings
from .seeds import derive
from .tasks.task import Batch, Task

_LONG = 0.05  # share of the time that is waited, from which on they are fetched ahead ...
_WORTH = 0.001  # ... where most take so many seconds at least: to hand them over takes a third of that ...
_SEEN = 20  # ... judged by so many steps


class Feed:
    """Of one training. All are known by the number of their step, from 0, and of its epoch."""

    def __init__(self, data: Task, settings: Settings, device: torch.device) -> None:
        self._data = data
        self._settings = settings
        self._device = device
        self._steps_per_epoch = -(-len(data.splits["train"]) // settings.batch_size)
        self._order: tuple[int, torch.Tensor] = (-1, torch.empty(0))
        self._helper: ThreadPoolExecutor | None = None
        self._coming: tuple[int, Future[Batch]] | None = None
        self.waited = 0.0  # seconds, until the last batch was there
        self._all_waited = 0.0
        self._slow = 0
        self._began = 0.0
        self._seen = 0
        if device.type != "cpu":
            self._fetch_ahead()

    @property
    def batches(self) -> int:
        """How many there may be on the device at once."""
        return 1 if self._helper is None else 2

    def chosen(self, step: int, epoch: int) -> torch.Tensor:
        """Which of the training's examples they are."""
        if self._order[0] != epoch:
            examples = self._data.splits["train"]
            generator = torch.Generator().manual_seed(derive(self._settings.seed, "order", epoch))
            self._order = epoch, examples[torch.randperm(len(examples), generator=generator)]
        size, place = self._settings.batch_size, step % self._steps_per_epoch
        return self._order[1][place * size : (place + 1) * size]

    def batch(self, step: int, epoch: int) -> Batch:
        """These examples and their truth, on the device, which has nothing to do until they are there."""
        began = time.perf_counter()
        coming, self._coming = self._coming, None
        if coming is not None and coming[0] == step:
            batch = coming[1].result()
        else:
            batch = self.fetch(self.chosen(step, epoch), step, epoch)
        self.waited = time.perf_counter() - began
        if self._helper is None:
            self._watch(began)
        elif (step + 1) % self._steps_per_epoch:
            following = self.chosen(step + 1, epoch)
            self._coming = step + 1, self._helper.submit(self.fetch, following, step + 1, epoch)
        return batch

    def fetch(self, chosen: torch.Tensor, step: int, epoch: int) -> Batch:
        """The examples `chosen` as a step varies them, and their truth, on the device."""
        inputs, truth = self._data.batch(chosen, self._settings, derive(self._settings.seed, "batch", epoch, step))
        alone = self._device.type == "cuda"
        if alone:  # from memory that stays where it is, a card copies by itself
            inputs, truth = inputs.pin_memory(), truth.pin_memory()
        return inputs.to(self._device, non_blocking=alone), truth.to(self._device, non_blocking=alone)

    def close(self) -> None:
        """Nothing more is fetched ahead."""
        if self._helper is not None:
            self._helper.shutdown()

    def _watch(self, began: float) -> None:
        """Fetch ahead from now on, if that was worth it in the last steps."""
        if self._seen == 0:
            self._began, self._all_waited, self._slow = began, 0.0, 0
        elif self._seen == _SEEN:
            if self._slow > _SEEN // 2 and self._all_waited > _LONG * (began - self._began):
                self._fetch_ahead()
            self._seen = 0
            return
        self._all_waited += self.waited
        self._slow += self.waited >= _WORTH
        self._seen += 1

    def _fetch_ahead(self) -> None:
        self._helper = ThreadPoolExecutor(1, "feed", self._begin)

    def _begin(self) -> None:
        """In the thread that helps: it works for this card, and takes no room on another."""
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)
