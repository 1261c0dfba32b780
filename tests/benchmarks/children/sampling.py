"""Samples the hardware once a second as the window's feed does, without the window; prints what that cost.

Usage: sampling WARM_UP SECONDS. The driver library is found by LD_LIBRARY_PATH.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import psutil

from aienv_gui.hardware.sampler import Sampler
from tests.fakes.nvml import monitors

_INTERVAL_S = 1.0


def main() -> None:
    warm_up, seconds = float(sys.argv[1]), float(sys.argv[2])
    sampler = Sampler(Path.home(), interval_s=_INTERVAL_S, environment=dict(os.environ))
    sampler.start()
    costs: list[tuple[float, float]] = []  # when, processor seconds until then
    begun = due = time.monotonic()
    longest = 0.0
    gpus = 0
    while due < begun + warm_up + seconds + _INTERVAL_S / 2:
        time.sleep(max(0.0, due - time.monotonic()))
        before = time.monotonic()
        gpus = len(sampler.sample().gpus)
        if before >= begun + warm_up:
            longest = max(longest, time.monotonic() - before)
            costs.append((time.monotonic(), _spent()))
        due += _INTERVAL_S
    share = (costs[-1][1] - costs[0][1]) / (costs[-1][0] - costs[0][0])
    sampler.stop()
    print(json.dumps({"core_share": share, "gpus": gpus, "longest_ms": longest * 1e3}))


def _spent() -> float:
    own = psutil.Process().cpu_times()
    children = [process.cpu_times() for process in monitors()]
    return sum(times.user + times.system for times in [own, *children])


if __name__ == "__main__":
    main()
