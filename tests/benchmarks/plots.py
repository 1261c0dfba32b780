"""`plots`: what a frame costs the GUI thread, in milliseconds of its processor time and of the clock.

`monitor`: the Hardware page with 16 cards, all in sight, fed a look at a time; beside it the same page drawn in one
frame. `loss`: a loss curve of a million steps with its trend and validation that grows, is zoomed and dragged; beside
it the same curves as pyqtgraph draws them. `comparison`: 16 cards in one plot. A frame is all that is done in 16 ms.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.benchmarks import harness


def one_run() -> harness.Run:
    monitor = harness.child("hardware_frames")
    loss = harness.child("loss_frames")
    return {
        **_costs("monitor", monitor["paced"]),
        "at_once_median_ms": statistics.median(monitor["at_once"]["cpu_ms"]),
        **_costs("loss", loss["ours"]),
        **_costs("comparison", loss["comparison"]),
        "naive_loss_median_ms": statistics.median(loss["naive"]["cpu_ms"]),
    }


def _costs(name: str, frames: dict[str, list[float]]) -> harness.Run:
    cpu, wall = frames["cpu_ms"], frames["wall_ms"]
    return {
        f"{name}_median_ms": statistics.median(cpu),
        f"{name}_worst_ms": max(cpu),
        f"{name}_wall_median_ms": statistics.median(wall),
        f"{name}_wall_worst_ms": max(wall),
        f"{name}_frames": len(cpu),
    }


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    figures = {key: round(harness.median(runs, key), 2) for key in runs[0]}
    figures["monitor_ratio"] = round(figures["monitor_median_ms"] / figures["at_once_median_ms"], 3)
    figures["loss_ratio"] = round(figures["loss_median_ms"] / figures["naive_loss_median_ms"], 3)
    return figures


if __name__ == "__main__":
    harness.main("plots", one_run, figures_of)
