"""The tour's runner: what a step waits for, and what a failed one does to the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import verbatim
from aienv_gui.gui.jobs import Jobs
from aienv_gui.gui.tour.runner import Steps, TourError, TourRunner, Wait


def good() -> Steps:
    yield Wait("nothing", lambda: True)
    return "done"


def late() -> Steps:
    yield Wait("what never comes", lambda: False, 0.05)
    return "never"


def troubled() -> Steps:
    yield Wait("a plan", lambda: False, 30, lambda: Problem(verbatim("no network"), details="the last line"))
    return "never"


def refused() -> Steps:
    yield Wait("nothing", lambda: True)
    raise TourError("the button is grey")


def buggy() -> Steps:
    yield Wait("nothing", lambda: True)
    raise KeyError("gone")


def run(qtbot: QtBot, folder: Path, *steps: Callable[[], Steps]) -> tuple[bool, dict[str, Any]]:
    jobs = Jobs()
    report = folder / "report.json"
    runner = TourRunner(jobs, report, [(step.__name__, step) for step in steps], lambda: {"display": "test"})
    with qtbot.waitSignal(runner.finished, timeout=10_000) as finished:
        runner.start()
    jobs.shut_down()
    return bool(finished.args and finished.args[0]), json.loads(report.read_text(encoding="utf-8"))


def test_all_steps_well(qtbot: QtBot, tmp_path: Path) -> None:
    ok, report = run(qtbot, tmp_path, good)
    assert ok
    assert report["ok"] is True
    assert report["display"] == "test"
    (step,) = report["steps"]
    assert (step["name"], step["ok"], step["detail"]) == ("good", True, "done")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (late, "what never comes: not within"),
        (troubled, "a plan: no network\nthe last line"),
        (refused, "the button is grey"),
        (buggy, "KeyError"),
    ],
)
def test_a_step_that_fails_ends_the_tour(qtbot: QtBot, tmp_path: Path, step: Callable[[], Steps], words: str) -> None:
    ok, report = run(qtbot, tmp_path, step, good)
    assert not ok
    assert report["ok"] is False
    assert [entry["ok"] for entry in report["steps"]] == [False, False]
    assert words in report["steps"][0]["detail"]
    assert report["steps"][1]["detail"] == "not reached"
