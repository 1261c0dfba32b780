"""`monitor`: what watching eight GPUs and the host once a second costs, beside nvitop at the same rate.

Both read the same driver library, at the same time, with programs on the cards. nvitop runs in a terminal of its own,
as for a user who leaves it open.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from aienv_gui.core.processes import clean_environment
from tests.benchmarks import harness
from tests.fakes import nvml

_CARDS: Final = 8
_PROGRAMS: Final = 4
_WARM_UP_S: Final = 4
_SECONDS: Final = 20


def one_run() -> harness.Run:
    with tempfile.TemporaryDirectory(prefix="aienv-bench-") as folder, _programs() as pids:
        library = nvml.build(Path(folder))
        processes = ",".join(f"{card}:{pid}:1024:30" for card, pid in enumerate(pids))
        environment = clean_environment(nvml.environment(library, cards=_CARDS, processes=processes))
        environment |= {"PYTHONPATH": str(harness.ROOT), "TERM": "xterm-256color"}
        with _nvitop(environment) as peer:
            result = subprocess.run(
                [sys.executable, "-P", "-m", "tests.benchmarks.children.sampling", str(_WARM_UP_S), str(_SECONDS)],
                cwd=harness.ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            nvitop = peer()
    ours: harness.Run = json.loads(result.stdout)
    assert ours["gpus"] == _CARDS, "the cards were not read"
    return {**ours, "nvitop_share": nvitop, "ratio_to_nvitop": ours["core_share"] / nvitop}


@contextmanager
def _programs() -> Iterator[list[int]]:
    """Programs that hold memory of the cards, as far as the driver tells."""
    started = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]) for _ in range(_PROGRAMS)]
    try:
        yield [program.pid for program in started]
    finally:
        for program in started:
            program.kill()
            program.wait()


@contextmanager
def _nvitop(environment: dict[str, str]) -> Iterator[Callable[[], float]]:
    """nvitop in a terminal; calling what it gives tells its share of a core since the warm-up."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nvitop", "--monitor", "full", "--interval", "1"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    reader = threading.Thread(target=_drain, args=(ours,), daemon=True)
    reader.start()
    watched = psutil.Process(process.pid)
    begun: list[tuple[float, float]] = []

    def note() -> None:
        begun.append((time.monotonic(), _spent(watched)))

    timer = threading.Timer(_WARM_UP_S, note)
    timer.start()

    def share() -> float:
        timer.join()
        ((then, before),) = begun
        return (_spent(watched) - before) / (time.monotonic() - then)

    try:
        yield share
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        os.close(ours)


def _drain(terminal: int) -> None:
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def figures_of(runs: Sequence[harness.Run]) -> harness.Figures:
    figures = {key: round(harness.median(runs, key), 4) for key in ("core_share", "ratio_to_nvitop", "nvitop_share")}
    return {**figures, "longest_ms": round(max(run["longest_ms"] for run in runs), 2)}


if __name__ == "__main__":
    harness.main("monitor", one_run, figures_of)
