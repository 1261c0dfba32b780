"""What is said of trainings that really were off, read as the window reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.wording import percent
from aienv_gui.engine import protocol
from aienv_gui.training.diagnosis import advice
from aienv_gui.training.records import Recipe, Run, RunState
from aienv_gui.training.story import Story
from tests.engine.engine_runs import PLAIN, make_run, train
from tests.fakes.pictures import write_pictures

pytestmark = pytest.mark.slow
RECORDED = Path(__file__).parents[1] / "fakes" / "recorded_runs"


def told(run: Path) -> Run:
    settings = protocol.read_json(run / protocol.RECIPE)["settings"]
    story = Story(run, Recipe("tiny", Path(), "", "", settings))
    story.update(alive=False)
    return story.run


def test_a_class_that_the_trained_model_never_answers_is_named(tmp_path: Path) -> None:
    """It looks as another one does, which has ten times as many pictures."""
    classes = ("across", "down", "framed", "frame")
    pictures = write_pictures(tmp_path / "pictures", classes=classes, each=(60, 60, 30, 300))
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 6})
    assert train(run) == 0
    done = told(run)
    assert "never answers with one of the classes (in brackets: its test examples): framed (3)" in str(advice(done))
    assert advice(replace(done, evaluation=None)) is None


def test_pictures_that_give_their_class_away_are_suspected(tmp_path: Path) -> None:
    """Each class is a line through the same place: nearly copies, far too easy for what they are to stand for."""
    pictures = write_pictures(tmp_path / "pictures", classes=("across", "down"), each=300)
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 2})
    assert train(run) == 0
    done = told(run)
    assert done.start is not None
    assert f"right about {percent(1.0, digits=1)} of 60 pictures" in str(advice(done))
    fewer = replace(done.start, counts={"validation": {"across": 5, "down": 5}})
    assert advice(replace(done, start=fewer)) is None


def test_a_training_that_gets_no_better_is_said_to_be_ready_to_end(tmp_path: Path) -> None:
    """Recorded, since such a course ends elsewhere on another processor: `make_run` on the tests' `pictures`.

    60 epochs of SGD at a constant 0.05, momentum 0.9, and a weight decay of 0.02 that keeps it from settling.
    """
    recorded = (RECORDED / "still" / protocol.EVENTS).read_bytes()
    settings = {"schedule": "constant"}
    assert advice(replayed(tmp_path / "ended", recorded, settings)) is None
    under_way = recorded[: recorded.index(b'{"event":"phase","time":', recorded.rindex(b'"event":"validation"'))]
    text = str(advice(replayed(tmp_path / "live", under_way, settings)))
    assert "For 26 epochs it has got no better; the best was epoch 34" in text
    assert advice(replayed(tmp_path / "cycle", under_way, {"schedule": "one_cycle"})) is None


def replayed(folder: Path, recorded: bytes, settings: dict[str, Any]) -> Run:
    """The run that these events tell of, its process still there."""
    folder.mkdir()
    (folder / protocol.EVENTS).write_bytes(recorded)
    story = Story(folder, Recipe("still", Path(), "", "", settings))
    story.update(alive=True)
    return story.run


def test_a_loss_that_swings_is_said_to_come_from_too_high_a_rate(tmp_path: Path) -> None:
    """Recorded as above, with 60 pictures a class: 16 epochs of SGD at a constant 0.6, momentum 0.9."""
    recorded = (RECORDED / "swinging" / protocol.EVENTS).read_bytes()
    text = str(advice(replayed(tmp_path / "ended", recorded, {"schedule": "constant"})))
    assert "swings by 0.27 from one epoch to the next, around 1, and falls no more" in text
    assert "swings" not in str(advice(replayed(tmp_path / "cycle", recorded, {"schedule": "one_cycle"})))


def test_a_training_that_ends_too_early_is_said_to_be_unfinished(tmp_path: Path, pictures: Path) -> None:
    settings = {"epochs": 12, "optimiser": "sgd", "learning_rate": 0.005, "momentum": 0.9, "schedule": "constant"}
    run = make_run(tmp_path / "run", pictures, settings=settings)
    assert train(run) == 0
    done = told(run)
    losses = done.validation.loss
    text = f"in the last 3 epochs the validation loss fell from {losses[-4]:.2g} to {losses[-1]:.2g}"
    assert text in str(advice(done))
    assert advice(replace(done, state=RunState.STOPPED)) is None


def test_a_training_that_creeps_is_said_to_need_a_larger_rate(tmp_path: Path, pictures: Path) -> None:
    """Without chance in the network, so that its course is the same elsewhere."""
    settings = {"epochs": 9, "optimiser": "sgd", "learning_rate": 0.01, "schedule": "constant", "shift": 0}
    run = make_run(tmp_path / "run", pictures, model=PLAIN, settings=settings)
    assert train(run) == 0
    done = told(run)
    losses = done.training.loss.reshape(9, -1).mean(axis=1)
    text = f"in 9 epochs from {losses[0]:.3g} to {losses[-1]:.3g}. The learning rate is probably too low"
    assert text in str(advice(done))
    curve = replace(done.validation, loss=done.validation.loss[:5], step=done.validation.step[:5])
    assert "too low" not in str(advice(replace(done, validation=curve)))
