"""Starts the real engine, as the application does, on tiny data with a tiny network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aienv_gui.engine import protocol

if TYPE_CHECKING:
    import torch

ENGINE = Path(protocol.__file__).parent
# The interpreter that the engine runs in: another one, with another PyTorch, to see whether the engine suits it.
PYTHON = os.environ.get("AIENV_TEST_PYTHON", sys.executable)
TINY: dict[str, Any] = {
    "architecture": "compact_convnet",
    "options": {"channels": 1, "size": 16, "widths": [4, 8], "dropout": 0.2, "normalise": True},
}
PLAIN: dict[str, Any] = {  # no running means, no chance in the network
    "architecture": "book_convnet",
    "options": {"channels": 1, "size": 16, "widths": [4, 8], "hidden": 16, "dropout": 0.0, "normalise": True},
}
PATIENCE = 60.0  # seconds until a test gives up waiting; a shared machine may be slow

Event = dict[str, Any]


def make_run(run: Path, pictures: Path, **changes: Any) -> Path:
    """A run folder with a copy of the engine, on one thread; `changes` replace parts of the recipe."""
    run.mkdir(parents=True)
    shutil.copytree(ENGINE, run / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    settings = {"epochs": 3, "batch_size": 8, "learning_rate": 0.02, "shift": 1, "seed": 7}
    recipe: dict[str, Any] = {
        "version": protocol.VERSION,
        "task": "image_classification",
        "name": "tiny",
        "data": {"folder": str(pictures)},
        "model": TINY,
        "settings": {**settings, **changes.pop("settings", {})},
        "device": "cpu",
        "threads": 1,
        **changes,
    }
    protocol.write_json(run / protocol.RECIPE, recipe)
    return run


def start(run: Path, *, environment: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """The engine as a process of its own; its output goes to the run's log."""
    with open(run / protocol.LOG, "ab") as log:
        return subprocess.Popen(
            [PYTHON, "-I", str(run / "engine" / "__main__.py"), "train", str(run)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            **options,
        )


def train(run: Path, **options: Any) -> int:
    """Train to the end; returns the exit code."""
    process = start(run, **options)
    try:
        return process.wait(PATIENCE)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(PATIENCE)


def events(run: Path, kind: str | None = None) -> list[Event]:
    return [event for event in protocol.EventReader(run).read() if kind in (None, event["event"])]


def until(run: Path, met: Callable[[list[Event]], Any], process: subprocess.Popen[bytes]) -> list[Event]:
    """Wait until the events so far meet a condition; fails when the engine ends before."""
    deadline = time.monotonic() + PATIENCE
    while True:
        ended = process.poll() is not None
        found = events(run)
        if met(found):
            return found
        if ended or time.monotonic() > deadline:
            log = (run / protocol.LOG).read_text(encoding="utf-8")
            raise AssertionError(f"ended={ended}; last events: {found[-3:]}; log: {log}")
        time.sleep(0.005)


def reached(run: Path, step: int) -> Callable[[list[Event]], bool]:
    """Whether this step was done."""
    return lambda _found: max(curve(run), default=0) >= step


def kill_at(run: Path, *steps: int) -> None:
    """Start the engine and kill it once it has done each of these steps."""
    for step in steps:
        process = start(run)
        try:
            until(run, reached(run, step), process)
        finally:
            end(process)


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Of the finished model."""
    from safetensors.torch import load_file  # PyTorch, which tests of the window do without

    return dict(load_file(run / protocol.MODEL / protocol.WEIGHTS))


def same_weights(run: Path, reference: Path) -> bool:
    """Whether both have ended with the same, bit for bit."""
    one, other = weights(run), weights(reference)
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in other)


def answered(identity: str) -> Callable[[list[Event]], bool]:
    return lambda found: any(event.get("command") == identity for event in found)


def curve(run: Path) -> dict[int, tuple[float, float]]:
    """Loss and accuracy of every step, what an interrupted attempt had beyond its checkpoint superseded."""
    steps: dict[int, tuple[float, float]] = {}
    for event in events(run):
        if event["event"] == protocol.Event.STARTED:
            steps = {step: value for step, value in steps.items() if step <= event["step"]}
        elif event["event"] == protocol.Event.METRICS:
            columns = event["columns"]
            steps.update(zip(columns["step"], zip(columns["loss"], columns["accuracy"], strict=True), strict=True))
    return steps


def predict(model: Path, request: dict[str, Any]) -> list[dict[str, Any]]:
    """What a finished model answers, in this process."""
    from aienv_gui.engine.model_folder import load_model  # likewise

    network, card, learner = load_model(model)
    return learner.predict(network, card, request, _quiet)


def _quiet(_done: int, _total: int) -> None:
    pass


def errand(folder: Path, verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run an errand of the engine in place; returns its answer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    subprocess.run([PYTHON, "-I", str(ENGINE / "__main__.py"), verb, str(folder)], timeout=PATIENCE, check=False)
    return protocol.read_json(folder / "answer.json")


def kept_by_pytorch() -> int:
    """What the engine's Python keeps before it trains, in bytes."""
    source = (
        "import torch, numpy\nfor line in open('/proc/self/status'):\n  if 'VmData' in line: print(line.split()[1])"
    )
    told = subprocess.run([PYTHON, "-I", "-c", source], capture_output=True, text=True, check=True, timeout=PATIENCE)
    return 1024 * int(told.stdout)
