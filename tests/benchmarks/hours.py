"""`hours`: whether anything grows in hours of watching, simulated: the readers by a told clock, the window by looks.

Exit code 1 where memory at the end is more than 2 % above that after the first hour, or the number of anything grew.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import harness
from tests.fakes import nvml

_ALLOWED = 0.02
_CARDS = 8
_COUNTED = {"window": ("objects", "timers", "widgets", "handles", "threads"), "readers": ("handles", "threads")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench hours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--hours", type=int, default=3, help="how many are simulated, at least 2")
    options = parser.parse_args()
    runs = {"readers": _readers(options.hours), "window": _window(options.hours)}
    figures: harness.Figures = {"hours": options.hours}
    wrong = False
    for part, run in runs.items():
        first, last = run["states"][0], run["states"][-1]
        grown = last["resident_bytes"] / first["resident_bytes"] - 1
        more = {name: last[name] - first[name] for name in _COUNTED[part]}
        figures[f"{part}_mb"] = round(last["resident_bytes"] / 1e6, 1)
        figures[f"{part}_grown_percent"] = round(100 * grown, 2)
        figures |= {f"{part}_more_{name}": number for name, number in more.items()}
        wrong = wrong or grown > _ALLOWED or any(number > 0 for number in more.values())
    harness.report("hours", figures, list(runs.values()), options.json)
    sys.exit(1 if wrong else 0)


def _readers(hours: int) -> harness.Run:
    with tempfile.TemporaryDirectory(prefix="aienv-bench-") as folder:
        library = nvml.build(Path(folder))
        faked = nvml.environment(library, cards=_CARDS, processes=f"0:{os.getpid()}:1024:30")
        return harness.child("reader_hours", "--hours", hours, timeout_s=120 + 120 * hours, environment=faked)


def _window(hours: int) -> harness.Run:
    return harness.child("hardware_hours", "--hours", hours, timeout_s=120 + 600 * hours)


if __name__ == "__main__":
    main()
