"""`training`: the engine's steps a second with the window open and plotting, over a bare PyTorch script."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.training import samples
from tests.benchmarks import harness

STEPS = 50


def one_run() -> harness.Run:
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as home:
        pictures = samples.unpack(samples.DIGITS, Folders.under(Path(home)), Silent())
        bare = harness.child("bare_convnet", pictures, "--steps", STEPS)
        ours = harness.child("training_in_window", home, "--steps", STEPS)
    return {"bare_steps_s": bare["steps_per_second"], "aienv_steps_s": ours["steps_per_second"]}


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    bare, ours = harness.median(runs, "bare_steps_s"), harness.median(runs, "aienv_steps_s")
    return {"ratio": round(ours / bare, 3), "aienv_steps_s": round(ours, 2), "bare_steps_s": round(bare, 2)}


if __name__ == "__main__":
    harness.main("training", one_run, figures_of)
