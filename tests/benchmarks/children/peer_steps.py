"""The same steps as `bare_steps`, by the loop of another library, in a process of its own; prints the same.

What a library does beside the steps and lets one turn off (progress, logs, its own checkpoints, clipping) is off, and
batches come whole, so that no time goes into putting single pictures together.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from tests.benchmarks.children.bare_steps import Measured, Start, prepare


class Batches(IterableDataset):  # type: ignore[misc]  # where PyTorch is not looked into
    """The batches of an epoch as the engine has them, with each look those of the next epoch."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._epoch = 0

    def __len__(self) -> int:
        return -(-len(self._start.data.splits["train"]) // self._start.settings.batch_size)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        data, order = self._start.data, self._start.order(self._epoch)
        self._epoch += 1
        for chosen in order.split(self._start.settings.batch_size):
            yield {"images": data.images[chosen].float().div_(255), "labels": data.labels[chosen]}


def loader(start: Start) -> DataLoader:
    return DataLoader(Batches(start), batch_size=None)


def with_accelerate(start: Start) -> Measured:
    accelerate: Any = importlib.import_module("accelerate")
    # Each process would read its batches itself: to send them around takes longer, with one process as well.
    reading = accelerate.DataLoaderConfiguration(dispatch_batches=False)
    accelerator = accelerate.Accelerator(cpu=True, dataloader_config=reading)
    network, optimiser, batches = accelerator.prepare(start.network, start.optimiser, loader(start))
    measured = Measured(accelerate.__version__)
    network.train()
    for _ in range(start.settings.epochs):
        measured.begin()
        for batch in batches:
            loss = functional.cross_entropy(network(batch["images"]), batch["labels"])
            optimiser.zero_grad()
            accelerator.backward(loss)
            optimiser.step()
            measured.losses.append(loss.item())
        measured.end()
    return measured


def with_lightning(start: Start) -> Measured:
    lightning: Any = importlib.import_module("lightning.pytorch")
    measured = Measured(lightning.__version__)

    class Module(lightning.LightningModule):  # type: ignore[misc]  # need not be installed
        def __init__(self) -> None:
            super().__init__()
            self.network = start.network

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return start.optimiser

        def on_train_epoch_start(self) -> None:
            measured.begin()

        def training_step(self, batch: Mapping[str, torch.Tensor], index: int) -> torch.Tensor:
            loss = functional.cross_entropy(self.network(batch["images"]), batch["labels"])
            measured.losses.append(loss.item())
            return loss

        def on_train_epoch_end(self) -> None:
            measured.end()

    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=start.settings.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), loader(start))
    return measured


def with_hf_trainer(start: Start) -> Measured:
    transformers: Any = importlib.import_module("transformers")
    measured = Measured(transformers.__version__)

    class Trainer(transformers.Trainer):  # type: ignore[misc]  # need not be installed
        def get_train_dataloader(self) -> Any:
            return self.accelerator.prepare(loader(start))

        def compute_loss(self, model: Any, inputs: Mapping[str, torch.Tensor], *others: Any, **named: Any) -> Any:
            loss = functional.cross_entropy(model(inputs["images"]), inputs["labels"])
            measured.losses.append(loss.item())
            return loss

    class Clock(transformers.TrainerCallback):  # type: ignore[misc]  # need not be installed
        def on_epoch_begin(self, *others: Any, **named: Any) -> None:
            measured.begin()

        def on_epoch_end(self, *others: Any, **named: Any) -> None:
            measured.end()

    with tempfile.TemporaryDirectory(prefix="aienv-bench-") as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            num_train_epochs=start.settings.epochs,
            per_device_train_batch_size=start.settings.batch_size,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            max_grad_norm=0.0,
            remove_unused_columns=False,
            accelerator_config={"dispatch_batches": False},  # as in `with_accelerate`
            dataloader_pin_memory=False,
        )
        constant = torch.optim.lr_scheduler.ConstantLR(start.optimiser, factor=1.0)
        Trainer(
            model=start.network,
            args=arguments,
            train_dataset=Batches(start),
            optimizers=(start.optimiser, constant),
            callbacks=[Clock()],
        ).train()
    return measured


LOOPS: Final[Mapping[str, Callable[[Start], Measured]]] = {
    "accelerate": with_accelerate,
    "lightning": with_lightning,
    "hf_trainer": with_hf_trainer,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=LOOPS)
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    LOOPS[options.library](prepare(options.run)).tell()


if __name__ == "__main__":
    main()
