"""What the benchmarks share: interleaved runs in one command, medians, and the form of the JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from aienv_gui.core.processes import clean_environment

ROOT = Path(__file__).resolve().parents[2]
LEAST_RUNS = 5

Run = dict[str, Any]
Figures = dict[str, Any]


def main(name: str, one_run: Callable[[], Run], figures_of: Callable[[Sequence[Run]], Figures]) -> None:
    """Measure `--runs` times (at least five), print the figures and write them to `--json`.

    `one_run` measures the baseline and ours one after the other, so that both meet the same machine.
    """
    parser = argparse.ArgumentParser(prog=f"dev.py bench {name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--runs", type=int, default=LEAST_RUNS, help=f"how often, at least {LEAST_RUNS}")
    options = parser.parse_args()
    runs: list[Run] = []
    for number in range(max(LEAST_RUNS, options.runs)):
        runs.append(one_run())
        print(f"{name} {number + 1}: {_short(runs[-1])}", flush=True)
    report(name, figures_of(runs), runs, options.json)


def report(name: str, figures: Figures, runs: Sequence[Run], target: Path | None) -> None:
    """Print the figures, and write them with every run to `target`."""
    result = {"bench": name, "figures": figures, "machine": machine(), "runs": runs}
    print(json.dumps(figures, indent=2))
    if target is not None:
        target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def child(
    script: str, *arguments: object, timeout_s: float = 180, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a script of ``children/`` to its end, offscreen; returns the JSON object it prints last."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", f"tests.benchmarks.children.{script}", *map(str, arguments)],
        cwd=ROOT,
        env={**clean_environment({"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT), **(environment or {})})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{script} ended with code {done.returncode}:\n{done.stderr[-4000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def median(runs: Sequence[Run], key: str) -> float:
    return statistics.median(float(run[key]) for run in runs)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by `share` of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> Mapping[str, Any]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "load_before": [round(value, 2) for value in psutil.getloadavg()],
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _short(run: Run) -> str:
    return ", ".join(f"{key} {value:.3g}" for key, value in run.items() if isinstance(value, float))
