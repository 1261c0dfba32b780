"""What is wrong with a model to begin with, and what a look at one tells, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from aienv_gui.engine.protocol import Code
from aienv_gui.training import pretrained_problems, problems
from aienv_gui.training.pretrained_inspection import Pretrained
from aienv_gui.training.records import PICTURES, TEXTS, Recipe, Run, RunState
from aienv_gui.training.supervisor import status_of


@pytest.mark.parametrize("reason", [*pretrained_problems._REASONS, "new"])
def test_every_reason_says_what_is_wrong_and_what_to_do(reason: str) -> None:
    values = {"path": "/models/my bert", "reason": reason, "name": "", "detail": ""}
    problem = problems.problem_of(Code.BAD_PRETRAINED, values)
    assert str(problem.cause).startswith("my bert: ")
    assert problem.cure is not None
    assert [action.name for action in problem.actions] == ([] if reason == "no_folder" else ["open_folder"])
    said = problems.problem_of(Code.BAD_PRETRAINED, {**values, "detail": "KeyError: 'x'"})
    assert str(said.cause).endswith("It said: KeyError: 'x'")


def test_a_model_to_begin_with_is_told_as_far_as_it_tells() -> None:
    known = Pretrained(Path("/m"), "bert", 90_900_000, 6, 384)
    assert str(known.words) == "A network of the kind bert: 6 layers of 384 values, 90.9 MB"
    assert str(Pretrained(Path("/m"), "odd", 1000).words) == "A network of the kind odd, 1.0 kB"


@pytest.mark.parametrize(("task", "said"), [(PICTURES, "Reading picture 3 of 9"), (TEXTS, "Reading the data, 3 of 9")])
def test_what_is_read_is_called_what_it_is(task: str, said: str) -> None:
    recipe = Recipe(name="x", folder=Path("/f"), preset="p", architecture="a", settings={}, task=task)
    run = Run(Path("/r"), recipe, RunState.STARTING, phase="loading", phase_done=3, phase_total=9)
    assert str(status_of(run)) == said
