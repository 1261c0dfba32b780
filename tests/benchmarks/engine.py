"""`engine`: what the engine adds to a training step, over a bare PyTorch loop with the same steps.

`overhead_ms` is the engine's time of a step less the bare loop's, with a tiny network (two convolutions, 8 pictures of
16 x 16 a step); `convnet_ratio` the engine's over the bare loop's with the ConvNet of the book (64 pictures of 64 x
64). `accelerate_ms`, `lightning_ms` and `hf_trainer_ms` are what the loops of Accelerate, Lightning and the Trainer of
Transformers add to the same step of the tiny network; null where they are not installed.

The same on all sides: pictures in memory, split, first weights, batches and their order, optimiser, rate, loss and
number of threads, each side in a process of its own. It is checked that all losses are equal, bit for bit. No picture
is shifted.

Not the same: the engine also finds each step's accuracy, derives its seeds, looks for commands and writes its events,
which is what is measured here. It judges the epoch and saves a checkpoint after each, which is not in the figures, but
leaves cooler caches to the first step that follows; nobody else does. The other libraries get their batches whole
from a DataLoader and have all else turned off (see `peer_steps`); with their defaults they take longer.

A time of a step is the median over the epochs, without the first, of what all steps of the epoch took together, as the
engine's events or a clock around the loop tell. The sides go first in turns, and figures are medians over the runs.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Event
from tests.benchmarks import harness
from tests.engine import engine_runs
from tests.fakes.pictures import write_pictures

_PATIENCE_S: Final = 180
_PEERS: Final = {
    "accelerate": ("accelerate",),
    "lightning": ("lightning",),
    "hf_trainer": ("transformers", "accelerate"),
}
_TINY: Final[Mapping[str, Any]] = {
    "model": {**engine_runs.TINY, "options": {**engine_runs.TINY["options"], "dropout": 0.0}},
    "settings": {"optimiser": "adamw", "schedule": "constant", "shift": 0, "batch_size": 8, "epochs": 21},
}
_CONVNET: Final[Mapping[str, Any]] = {
    "preset": "book",
    "model": {"architecture": "book_convnet", "options": {}},
    "settings": {"learning_rate": 0.001, "shift": 0, "batch_size": 64, "epochs": 4},
}


class Work:
    """The two trainings that every side does."""

    def __init__(self, root: Path) -> None:
        self._root = root
        tens = [f"class{number}" for number in range(10)]
        self._few = write_pictures(root / "large", classes=tens, each=80, size=64)  # 10 steps an epoch
        self._many = write_pictures(root / "small", each=250)  # 100 steps an epoch
        self._peers = [name for name, modules in _PEERS.items() if all(map(importlib.util.find_spec, modules))]
        for name in _PEERS.keys() - self._peers:
            print(f"{name} is not measured: {' and '.join(_PEERS[name])} must be installed for it", flush=True)
        self._runs = 0

    def one_run(self) -> harness.Run:
        self._runs += 1
        tiny = self._sides("tiny", self._many, _TINY, self._peers)
        convnet = self._sides("convnet", self._few, _CONVNET, [])
        bare = tiny["bare"]
        peers = {f"{name}_ms": tiny[name] - bare if name in tiny else None for name in _PEERS}
        return {
            "overhead_ms": tiny["engine"] - bare,
            "convnet_ratio": convnet["engine"] / convnet["bare"],
            **peers,
            "bare_tiny_ms": bare,
            "bare_convnet_ms": convnet["bare"],
        }

    def _sides(self, name: str, pictures: Path, recipe: Mapping[str, Any], peers: Sequence[str]) -> dict[str, float]:
        """Milliseconds a step of every side; who was first is last the next time."""
        run = engine_runs.make_run(self._root / f"{name} {self._runs}", pictures, **recipe)
        sides = ["bare", "engine", *peers]
        measured = {side: _measure(side, run) for side in (sides if self._runs % 2 else sides[::-1])}
        for side in sides:
            if measured[side][1] != measured["bare"][1]:
                sys.exit(f"The losses of {side} are not those of the bare loop: it did something else.")
        return {side: milliseconds for side, (milliseconds, _) in measured.items()}


def _measure(side: str, run: Path) -> tuple[float, list[float]]:
    """Milliseconds a step, and the losses."""
    if side == "engine":
        return _engine(run)
    script = ("bare_steps",) if side == "bare" else ("peer_steps", side)
    told = harness.child(*script, run)
    return _step_ms(told["seconds"], len(told["losses"])), told["losses"]


def _engine(run: Path) -> tuple[float, list[float]]:
    process = engine_runs.start(run)
    try:
        code = process.wait(_PATIENCE_S)
    finally:
        engine_runs.end(process)
    if code:
        sys.exit(f"The engine ended with code {code}:\n{(run / protocol.LOG).read_text(encoding='utf-8')[-4000:]}")
    losses = [loss for loss, _ in engine_runs.curve(run).values()]
    return _step_ms(_epochs(run), len(losses)), losses


def _epochs(run: Path) -> list[float]:
    """The seconds of each epoch's steps: an epoch is told as a phase, and so is its validation."""
    seconds: list[float] = []
    began: float | None = None
    for event in engine_runs.events(run, Event.PHASE):
        if began is not None:
            seconds.append(event["time"] - began)
        began = event["time"] if event["name"] == "training" else None
    return seconds


def _step_ms(epochs: Sequence[float], steps: int) -> float:
    return statistics.median(epochs[1:]) * len(epochs) / steps * 1000


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    return {
        key: None if value is None else round(harness.median(runs, key), 4)  # None in one run: in all of them
        for key, value in runs[0].items()
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as folder:
        harness.main("engine", Work(Path(folder)).one_run, figures_of)


if __name__ == "__main__":
    main()
