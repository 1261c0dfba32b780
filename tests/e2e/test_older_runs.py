"""Runs that older versions of AIEnv and its engine made, opened, continued and used by today's.

`tests/fakes/older_runs/README.md` says how they were made: real ones, of each kind of work one finished and one killed.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.gui import run_work
from aienv_gui.training import model_store, run_store, supervisor
from aienv_gui.training.records import PICTURES, SERIES, TABLE, TEXTS, Load, Run, RunState
from tests.fakes.older_runs.make import KINDS
from tests.fakes.older_runs.unpacked import ARCHIVES, unpack

PYTHON = Path(sys.executable)


def no_load() -> Load | None:
    return None


@pytest.fixture(params=ARCHIVES)
def runs(request: pytest.FixtureRequest, folders: Folders) -> Iterator[dict[str, Path]]:
    """The runs of one older version in the application's folders, by name."""
    found = unpack(request.param, folders.runs.parent)
    assert {run.parent for run in found.values()} == {folders.runs}
    yield found
    for run in found.values():
        supervisor.kill(run)


def kinds(runs: dict[str, Path]) -> list[str]:
    return sorted({name.split(",")[0] for name in runs})


def test_they_are_listed_and_told_of(folders: Folders, runs: dict[str, Path]) -> None:
    listed = {summary.name: summary for summary in run_store.summaries(folders, Silent())}
    assert listed.keys() == runs.keys()
    for kind in kinds(runs):
        finished, killed = listed[f"{kind}, finished"], listed[f"{kind}, killed"]
        assert (finished.state, killed.state) == (RunState.COMPLETED, RunState.INTERRUPTED)
        assert finished.damaged is None
        assert killed.damaged is None
        assert finished.task == KINDS[kind].get("task", PICTURES)
        assert finished.step == finished.total_steps > killed.step > 0
        assert finished.model == finished.folder / "model"
        assert finished.test_accuracy is not None
        whole = run_store.read(finished.folder)
        assert whole.state is RunState.COMPLETED
        assert list(whole.training.step) == list(range(1, finished.step + 1))
        assert np.isfinite(whole.training.loss).all()
        assert len(whole.validation.step) == len(set(whole.validation.step)) > 0
        assert whole.evaluation is not None
        assert whole.start is not None
        assert (whole.start.threads, whole.start.device) == (1, "cpu")
        assert whole.evaluation.accuracy == finished.test_accuracy
        part = run_store.read(killed.folder)
        assert part.can_continue
        assert part.failure is not None
        assert [one.reason for one in part.checkpoints][-1:] != []
        same = part.training.loss == whole.training.loss[: len(part.training.loss)]
        assert same.all(), "killed at a known moment, the same until there"


@pytest.mark.slow
def test_they_are_continued_by_their_own_engine_to_the_same_end(runs: dict[str, Path]) -> None:
    for kind in kinds(runs):
        killed, finished = runs[f"{kind}, killed"], run_store.read(runs[f"{kind}, finished"])
        before = run_store.read(killed)
        own = (killed / "engine" / "loop.py").read_bytes()
        supervisor.continue_run(killed)
        after = supervisor.follow(killed, no_load, Silent())
        assert after.state is RunState.COMPLETED, kind
        assert (killed / "engine" / "loop.py").read_bytes() == own
        assert after.start is not None
        assert after.start.attempt == 2
        assert 0 < after.start.step <= before.step
        assert list(after.training.step) == list(finished.training.step)
        # Made on another machine with another PyTorch, whose last digits differ, more and more with every step.
        begin = after.start.step
        assert after.training.loss[:begin] == pytest.approx(finished.training.loss[:begin], rel=0, abs=0)
        for steps, apart in ((5, 1e-3), (20, 0.1)):
            near = slice(begin, begin + steps)
            assert after.training.loss[near] == pytest.approx(finished.training.loss[near], rel=apart, abs=1e-4)
        assert after.evaluation is not None
        assert finished.evaluation is not None
        assert after.evaluation.accuracy == pytest.approx(finished.evaluation.accuracy, abs=0.15)


def question(kind: str, home: Path) -> tuple[dict[str, Any], Any]:
    """What is asked of a model in *Try it*, and the right answer where there is one."""
    task = KINDS[kind].get("task", PICTURES)
    data = home / KINDS[kind]["folder"]
    if task == PICTURES:
        return {"pictures": [str(data / "dot" / "003.png"), str(data / "frame" / "005.png")]}, ["dot", "frame"]
    if task == TABLE:
        with data.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))[:20]
        return {"rows": rows}, [row["kind"] for row in rows]
    if task == TEXTS:
        texts = sorted(data.glob("*/*.txt"))[::8]
        return {"texts": [path.read_text(encoding="utf-8") for path in texts]}, [path.parent.name for path in texts]
    if task == SERIES:
        return {"table": str(data)}, None
    return {"beginning": "The ", "length": 20, "temperature": 0.5, "seed": 1}, None


def right(answers: list[dict[str, Any]], truth: Any) -> float:
    """The share that is right; of what has no right answer, whether there is an answer at all."""
    if truth is not None:
        told = [answer["top"][0]["class"] for answer in answers]
        return float(np.mean([one == other for one, other in zip(told, truth, strict=True)]))
    (answer,) = answers
    values = answer["forecast"]["values"] if "forecast" in answer else [len(answer["text"])]
    return float(len(values) > 0 and all(math.isfinite(value) for value in values))


def test_their_models_answer_in_todays_engine(folders: Folders, runs: dict[str, Path]) -> None:
    found = {model.name: model for model in model_store.models(folders, Silent())}
    assert found.keys() == {name for name in runs if name.endswith("finished")}
    for kind in kinds(runs):
        model = found[f"{kind}, finished"]
        assert model.broken is None
        assert model.python == PYTHON
        assert model.accuracy is not None
        model_store.usual_values(model)
        assert str(model.folder) in model_store.sample_call(model)
        asked, truth = question(kind, folders.runs.parent)
        request = {"model": str(model.folder), **asked}
        answer = supervisor.errand(PYTHON, "predict", request, folders, Silent())
        assert right(answer["results"], truth) >= 0.75, kind


@pytest.mark.slow
def test_a_recipe_of_an_older_version_can_be_trained_anew(folders: Folders) -> None:
    """What *New training with these settings* does: the same wishes in a new run, by the engine of today."""
    runs = unpack(ARCHIVES[0], folders.runs.parent)
    old = run_store.read(runs["pictures, finished"])
    new = run_work.begin(run_store.read_recipe(old.folder), folders, Silent())
    try:
        again: Run = supervisor.follow(new, no_load, Silent())
    finally:
        supervisor.kill(new)
    assert again.state is RunState.COMPLETED
    assert again.evaluation is not None
    assert old.evaluation is not None
    assert again.evaluation.accuracy == pytest.approx(old.evaluation.accuracy, abs=0.2)
