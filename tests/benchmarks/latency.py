"""`latency`: how late a 16 ms timer of the window is while it trains, draws and samples the hardware.

Beside it the same training in a thread of the window's own process, which is what AIEnv does not do.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence

from tests.benchmarks import harness

STEPS = 50


def one_run() -> harness.Run:
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as home:
        ours = harness.child("training_in_window", home, "--steps", STEPS, "--lateness")["lateness_ms"]
        thread = harness.child("training_in_thread", home, "--steps", STEPS)["lateness_ms"]
    return {
        "p99_ms": harness.percentile(ours, 0.99),
        "worst_ms": max(ours),
        "thread_p99_ms": harness.percentile(thread, 0.99),
        "thread_worst_ms": max(thread),
        "ticks": len(ours),
        "thread_ticks": len(thread),
    }


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    return {
        key: round(statistics.median(run[key] for run in runs), 2)
        for key in ("p99_ms", "worst_ms", "thread_p99_ms", "thread_worst_ms")
    }


if __name__ == "__main__":
    harness.main("latency", one_run, figures_of)
