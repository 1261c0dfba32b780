"""Hours of reading, by an injected clock and in a process of their own: nothing grows, and no handle is left open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aienv_gui.core.processes import clean_environment
from tests.fakes import nvml

_ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_three_hours_of_reading_leave_nothing_behind(driver: Path) -> None:
    environment = clean_environment(nvml.environment(driver, cards=8, processes=f"0:{os.getpid()}:1024:30"))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.benchmarks.children.reader_hours", "--hours", "3", "--step", "10"],
        cwd=_ROOT,
        env=environment | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["cards"] == 8
    first, *_, last = told["states"]
    assert last["handles"] <= first["handles"]
    assert last["threads"] <= first["threads"]
    assert last["objects"] - first["objects"] < 200
    assert last["resident_bytes"] < 1.02 * first["resident_bytes"]
