"""`startup`: from the start of the process to the first painted window, over a bare PySide6 + pyqtgraph window."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence

from tests.benchmarks import harness


def one_run() -> harness.Run:
    with tempfile.TemporaryDirectory(prefix="aienv-bench-", ignore_cleanup_errors=True) as home:
        bare = harness.child("first_paint", "bare", time.time(), home)
        ours = harness.child("first_paint", "aienv", time.time(), home)
    return {"bare_s": bare["seconds"], "aienv_s": ours["seconds"], "torch_imported": ours["torch_imported"]}


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    bare, ours = harness.median(runs, "bare_s"), harness.median(runs, "aienv_s")
    return {
        "ratio": round(ours / bare, 3),
        "torch_imported": any(run["torch_imported"] for run in runs),
        "aienv_s": round(ours, 3),
        "bare_s": round(bare, 3),
    }


if __name__ == "__main__":
    harness.main("startup", one_run, figures_of)
