"""`waiting-threads`: what a training step takes while another program is busy, with threads that soon sleep.

Two threads of PyTorch share each step of a small dense network, while a second such process works beside them. The
baseline is PyTorch as it is, whose threads wait for each other by spinning; ours spin briefly and then sleep, as the
engine's do (GOMP_SPINCOUNT). `slower` is how many times longer the baseline's step takes; `slower_alone` the same with
nothing else at work.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence

from aienv_gui.core.processes import clean_environment
from tests.benchmarks import harness

_SPINNING: dict[str, str] = {}
_BRIEFLY = {"GOMP_SPINCOUNT": "3000"}


def _alone(policy: dict[str, str]) -> float:
    return float(harness.child("threaded_steps", environment=policy)["step_ms"])


def _beside(policy: dict[str, str]) -> float:
    command = [sys.executable, "-P", "-m", "tests.benchmarks.children.threaded_steps", "--seconds", "600"]
    environment = {**clean_environment({"PYTHONPATH": str(harness.ROOT)}), **policy}
    with subprocess.Popen(command, cwd=harness.ROOT, env=environment, stdout=subprocess.DEVNULL) as other:
        try:
            return _alone(policy)
        finally:
            other.kill()


def _one_run() -> harness.Run:
    return {
        "spinning_ms": _beside(_SPINNING),
        "briefly_ms": _beside(_BRIEFLY),
        "spinning_alone_ms": _alone(_SPINNING),
        "briefly_alone_ms": _alone(_BRIEFLY),
    }


def _figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    return {
        "slower": round(statistics.median(run["spinning_ms"] / run["briefly_ms"] for run in runs), 2),
        "slower_alone": round(statistics.median(run["spinning_alone_ms"] / run["briefly_alone_ms"] for run in runs), 2),
    }


if __name__ == "__main__":
    harness.main("waiting-threads", _one_run, _figures_of)
