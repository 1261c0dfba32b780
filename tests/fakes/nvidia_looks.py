"""Looks of the real NVIDIA reader in a process of its own that finds the fake driver library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from aienv_gui.core.processes import clean_environment
from aienv_gui.hardware.cards.wire import from_line
from aienv_gui.hardware.readings import Driver
from tests.fakes import nvml

_ROOT = Path(__file__).parents[2]

_LOOKS = """
import platform, sys
from pathlib import Path
count, root, release = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
if release:
    platform.release = lambda: release
from aienv_gui.hardware.cards.nvidia import NvidiaReader
from aienv_gui.hardware.cards.wire import to_line
now = 0.0
reader = NvidiaReader(retry_s=0.0, root=root, clock=lambda: now)
for _ in range(count):
    print(to_line(reader.read()).decode())
    now += 1.0
"""


def looks(
    driver: Path, count: int = 1, /, *, cards: int = 1, root: Path = Path("/"), release: str = "", **settings: object
) -> list[Driver]:
    """So many looks of one reader, a second apart, in a process that finds the fake driver.

    Lost cards are tried again each time. `root` and `release` are what the system is to look like.
    """
    settings = {"still": 1, **settings} if "wild" not in settings else settings
    environment = clean_environment(nvml.environment(driver, cards=cards, **settings))
    environment["PYTHONPATH"] = str(_ROOT)
    done = subprocess.run(
        [sys.executable, "-c", _LOOKS, str(count), str(root), release],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [from_line(line) for line in done.stdout.splitlines()]
