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
    watched: list[psutil.Process] = []
    first = 0.0  # processor seconds until the end of the warm-up
    begun = due = time.monotonic()
    longest = 0.0
    gpus, since = 0, begun
    while due < begun + warm_up + seconds + _INTERVAL_S / 2:
        time.sleep(max(0.0, due - time.monotonic()))
        before = time.monotonic()
        gpus = len(sampler.sample().gpus)
        if before >= begun + warm_up:
            longest = max(longest, time.monotonic() - before)
            if not watched:  # looked up once: to look for children costs more than all the rest
                watched, since = [psutil.Process(), *monitors()], before
                first = _spent(watched)
        due += _INTERVAL_S
    share = (_spent(watched) - first) / (time.monotonic() - since)
    sampler.stop()
    print(json.dumps({"core_share": share, "gpus": gpus, "longest_ms": longest * 1e3}))


def _spent(processes: list[psutil.Process]) -> float:
    return float(sum(times.user + times.system for times in [process.cpu_times() for process in processes]))


if __name__ == "__main__":
    main()
