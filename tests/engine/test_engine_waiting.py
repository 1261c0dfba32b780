"""How much of a training's time goes by until its next batch is there, as its progress tells."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from aienv_gui.engine.protocol import Event
from tests.engine.engine_runs import end, make_run, start, until

# Appended to the run's own copy of the engine: pictures that take their time.
SLOW = """

_at_once = shifted


def shifted(*arguments):
    import time

    time.sleep(0.05)
    return _at_once(*arguments)
"""


def waiting_shares(run: Path, *, reports: int) -> list[float]:
    """Of the first reports of progress, but for the very first, in which all is slow."""
    process = start(run)
    try:
        found = until(run, lambda events: sum(e["event"] == Event.PROGRESS for e in events) > reports, process)
    finally:
        end(process)
    return [event["waiting_share"] for event in found if event["event"] == Event.PROGRESS][1:]


@pytest.mark.slow
def test_a_training_waits_for_slow_pictures_and_not_for_fast_ones(pictures: Path, tmp_path: Path) -> None:
    settings = {"epochs": 1000}
    fast = make_run(tmp_path / "fast", pictures, settings=settings)
    slow = make_run(tmp_path / "slow", pictures, settings=settings)
    with open(slow / "engine" / "tasks" / "image_classification.py", "a", encoding="utf-8") as module:
        module.write(SLOW)
    fast_share, slow_share = (median(waiting_shares(run, reports=3)) for run in (fast, slow))
    assert slow_share > 0.5
    assert 0 < fast_share < slow_share
