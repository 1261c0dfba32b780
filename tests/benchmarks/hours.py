"""`hours`: whether anything grows while the Hardware page of 16 cards is watched for hours, simulated.

Exit code 1 where the process or Python's own part grew by more than 2 % of the process's memory in an hour, or the
number of anything grew.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.benchmarks import harness

_ALLOWED = 0.02
_COUNTED = ("objects", "timers", "widgets", "handles", "threads")


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench hours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--hours", type=float, default=1.0, help="how many are simulated")
    options = parser.parse_args()
    seconds = round(3600 * options.hours)
    run = harness.child("hardware_hours", "--seconds", seconds, timeout_s=60 + seconds / 5)
    traced = harness.child("hardware_hours", "--seconds", min(seconds, 3600), "--trace", timeout_s=2000)
    before, after = run["before"], run["after"]
    grown = {
        "resident": after["resident_bytes"] / before["resident_bytes"] - 1,
        "python": (traced["after"]["python_bytes"] - traced["before"]["python_bytes"]) / before["resident_bytes"],
    }
    figures = {
        "hours": options.hours,
        "resident_mb": round(after["resident_bytes"] / 1e6, 1),
        **{f"{name}_grown_percent": round(100 * share, 2) for name, share in grown.items()},
        **{f"{name}_more": after[name] - before[name] for name in _COUNTED},
    }
    harness.report("hours", figures, [run, traced], options.json)
    sys.exit(
        1
        if max(grown.values()) > _ALLOWED * max(1.0, options.hours)
        or any(figures[f"{name}_more"] > 0 for name in _COUNTED)
        else 0
    )


if __name__ == "__main__":
    main()
