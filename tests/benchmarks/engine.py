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
from a DataLoader; what they do by default beside the steps is off (see `peer_steps`).

The sides take turns, an epoch each, while the others stand still, so that all meet the same machine. What the steps
of an epoch take is counted in time of the processor, by one clock in all processes: how long a step waits for a core
that other programs have is no matter of these loops, and on a shared machine more than what is looked for. On an idle
one it is the time that goes by (`*_wall_ms` has that as well). Figures are medians over the epochs, without the first,
of what two sides took for the same epoch, and medians over the runs, each with processes of its own.
"""

from __future__ import annotations

import importlib.util
import json
import operator
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.processes import clean_environment
from tests.benchmarks import harness
from tests.benchmarks.children.bare_steps import MEASURED, READY
from tests.engine import engine_runs
from tests.fakes.pictures import write_pictures

_BARE, _ENGINE = "bare_steps", "engine_steps"
_PEERS: Final = {
    "accelerate": ("accelerate",),
    "lightning": ("lightning",),
    "hf_trainer": ("transformers", "accelerate"),
}
_TINY: Final[Mapping[str, Any]] = {
    "model": {**engine_runs.TINY, "options": {**engine_runs.TINY["options"], "dropout": 0.0}},
    "settings": {"optimiser": "adamw", "schedule": "constant", "shift": 0, "batch_size": 8, "epochs": 31},
}
_CONVNET: Final[Mapping[str, Any]] = {
    "preset": "book",
    "model": {"architecture": "book_convnet", "options": {}},
    "settings": {"learning_rate": 0.001, "shift": 0, "batch_size": 64, "epochs": 6},
}


class Loop:
    """A script of ``children/`` that trains a run an epoch a turn and stands still between its turns."""

    def __init__(self, script: str, run: Path) -> None:
        module, *arguments = ["peer_steps", script] if script in _PEERS else [script]
        self._log = open(run / f"{script}.txt", "w+", encoding="utf-8")  # noqa: SIM115  closed in `close`
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"tests.benchmarks.children.{module}", *arguments, str(run)],
            cwd=harness.ROOT,
            env=clean_environment({"PYTHONPATH": str(harness.ROOT)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
        )
        self.told: dict[str, Any] = {}  # see `Measured`; after the last turn

    def get_ready(self) -> None:
        """Wait until its next epoch, or what it has measured, is all that is left of it."""
        for line in self._process.stdout:
            if line.startswith(MEASURED):
                self.told = json.loads(line.removeprefix(MEASURED))
                return
            if line.strip() == READY:
                return
        self._log.seek(0)
        sys.exit(f"{self._log.name} ended before its time:\n{self._log.read()[-4000:]}")

    def turn(self) -> None:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.get_ready()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()


class Steps:
    """Milliseconds that a step took by one loop: in each epoch but the first."""

    def __init__(self, told: Mapping[str, Any], epochs: int) -> None:
        share = 1000 * epochs / len(told["losses"])
        self.processor = [seconds * share for seconds in told["processor"][1:]]
        self.wall = [seconds * share for seconds in told["wall"][1:]]

    def added_to(self, bare: Steps) -> float:
        return float(statistics.median(map(operator.sub, self.processor, bare.processor)))

    def over(self, bare: Steps) -> float:
        return float(statistics.median(map(operator.truediv, self.processor, bare.processor)))


class Work:
    """The two trainings, made once, that every loop does in every run."""

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
        tiny = self._steps("tiny", self._many, _TINY, [_BARE, _ENGINE, *self._peers])
        convnet = self._steps("convnet", self._few, _CONVNET, [_BARE, _ENGINE])
        bare = tiny[_BARE]
        return {
            "overhead_ms": tiny[_ENGINE].added_to(bare),
            "convnet_ratio": convnet[_ENGINE].over(convnet[_BARE]),
            **{f"{name}_ms": tiny[name].added_to(bare) if name in tiny else None for name in _PEERS},
            "bare_tiny_ms": statistics.median(bare.processor),
            "bare_tiny_wall_ms": statistics.median(bare.wall),
            "engine_tiny_wall_ms": statistics.median(tiny[_ENGINE].wall),
            "bare_convnet_wall_ms": statistics.median(convnet[_BARE].wall),
            "engine_convnet_wall_ms": statistics.median(convnet[_ENGINE].wall),
        }

    def _steps(self, name: str, pictures: Path, recipe: Mapping[str, Any], scripts: Sequence[str]) -> dict[str, Steps]:
        """What a step takes by each of the loops, an epoch each in turns; who was first is last the next time."""
        run = engine_runs.make_run(self._root / f"{name} {self._runs}", pictures, **recipe)
        epochs: int = recipe["settings"]["epochs"]
        with ExitStack() as stack:
            loops = {}
            for script in scripts:
                loops[script] = Loop(script, run)
                stack.callback(loops[script].close)
            for loop in loops.values():
                loop.get_ready()
            for epoch in range(epochs):
                for script in (scripts, scripts[::-1])[epoch % 2]:
                    loops[script].turn()
        for script, loop in loops.items():
            if loop.told["losses"] != loops[_BARE].told["losses"]:
                sys.exit(f"The losses of {script} are not those of the bare loop: it did something else.")
        return {script: Steps(loop.told, epochs) for script, loop in loops.items()}


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
