"""What is said of trainings that really were off, read as the window reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aienv_gui.core.wording import percent
from aienv_gui.engine import protocol
from aienv_gui.training.diagnosis import RULES, advice
from aienv_gui.training.records import Recipe, Run, RunState
from aienv_gui.training.story import Story
from tests.engine.engine_runs import PLAIN, make_run, train
from tests.engine.recorded_trainings import HEALTHY, RECORDED, SICK, replayed
from tests.fakes.pictures import write_pictures

pytestmark = pytest.mark.slow


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


def fired(run: Run) -> set[str]:
    """The rules that have something to say, by their names."""
    return {rule.__name__.strip("_") for rule in RULES if rule(run) is not None}


def cuts(name: str) -> list[bytes]:
    """What a recorded training had told when each of its epochs had been judged."""
    recorded = (RECORDED / name / protocol.EVENTS).read_bytes()
    ends = [match.end() for match in re.finditer(rb'\n\{"event":"validation".*\n', recorded)]
    return [recorded[:end] for end in ends]


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_said_of_a_training_that_is_well_at_any_of_its_epochs(name: str, tmp_path: Path) -> None:
    """Each kind of work, with its default preset."""
    ways = cuts(name)
    assert len(ways) == protocol.read_json(RECORDED / name / protocol.RECIPE)["settings"]["epochs"]
    for number, way in enumerate(ways):
        run = replayed(name, tmp_path / str(number), recorded=way, alive=True)
        assert run.state.live
        assert len(run.validation) == number + 1
        assert fired(run) == set()
    done = replayed(name, tmp_path / "done")
    assert done.state is RunState.COMPLETED
    assert done.evaluation is not None
    assert fired(done) == set()


SAID = {
    "exploding": ("exploding", "it was 4.45 before the first step and is 41.7 now. The learning rate is probably too"),
    "not_learning": ("not_learning", "right about 25.0 % in the validation, and always the most frequent class"),
    "not_learning_numbers": ("not_learning", "explains 0.0 % of the differences in the validation, no more than an"),
    "not_learning_writing": ("not_learning", "has 0.8 % of the next characters right, and always the most frequent"),
    "overfitting": ("overfitting", "(overfitting): the validation loss rose from"),
    "leaking": ("leaking", "right about 100.0 % of 449 rows that it had never seen"),
    "swinging": ("swinging", "swings by 1.7 from one epoch to the next, around 2, and falls no more"),
    "creeping": ("creeping", "in 9 epochs from 1.38 to 1.27. The learning rate is probably too low"),
    "unfinished": ("unfinished", "in the last 3 epochs the validation loss fell from 0.94 to 0.84"),
    "too_plain": ("too_plain", "The model is too plain for these data (underfitting): it reaches"),
    "ignored": (
        "classes_ignored",
        "never answers with one of the classes (in brackets: its test examples): framed (3)",
    ),
    "waiting": ("waiting", "In 81 % of its time in steps (41 seconds) it waited until the next batch"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_training_that_is_off_is_told_by_its_rule_and_by_no_other(name: str, tmp_path: Path) -> None:
    rule, words = SAID[name]
    done = replayed(name, tmp_path)
    assert done.state is RunState.COMPLETED
    # What learns nothing, or swings, ends as a model that leaves out classes: it is the cause that is told.
    assert fired(done) - {"classes_ignored"} == {rule} - {"classes_ignored"}
    assert words in str(advice(done))


def test_every_rule_was_seen_to_speak_of_a_real_training() -> None:
    assert {rule.__name__.strip("_") for rule in RULES} == {rule for rule, _ in SAID.values()} | {"better_stop"}
    assert SICK.keys() == SAID.keys() | {"still"}


def test_a_training_that_gets_no_better_is_said_to_be_ready_to_end(tmp_path: Path) -> None:
    assert fired(replayed("still", tmp_path / "ended")) == set()
    under_way = replayed("still", tmp_path / "live", recorded=cuts("still")[-1], alive=True)
    assert fired(under_way) == {"better_stop"}
    assert "For 26 epochs it has got no better; the best was epoch 34" in str(advice(under_way))
    one_cycle = replace(under_way, recipe=replace(under_way.recipe, settings={"schedule": "one_cycle"}))
    assert fired(one_cycle) == set()


@pytest.mark.parametrize("name", ["swinging", "creeping", "unfinished"])
def test_what_is_off_at_a_constant_rate_is_made_to_be_so_in_one_cycle(name: str, tmp_path: Path) -> None:
    done = replayed(name, tmp_path)
    assert fired(replace(done, recipe=replace(done.recipe, settings={"schedule": "one_cycle"}))) <= {"classes_ignored"}


def test_a_model_is_called_too_plain_only_where_that_is_clear(tmp_path: Path) -> None:
    done = replayed("too_plain", tmp_path)
    result = done.evaluation
    assert result is not None
    for above, examples in ((0.03, 0), (0.015, 1_000_000)):  # may be chance; and hardly worth a word
        near = replace(result, baselines={"boosted": result.accuracy + above}, examples=examples)
        assert fired(replace(done, evaluation=near)) == set()
    falling = replace(done.training, loss=np.linspace(0.8, 0.4, len(done.training)))
    assert fired(replace(done, training=falling)) == set()
    assert fired(replace(done, state=RunState.STOPPED)) == set()


def test_a_little_above_guessing_counts_as_learning_where_many_were_judged(tmp_path: Path) -> None:
    done = replayed("not_learning", tmp_path)
    lucky = replace(done.validation, accuracy=done.validation.accuracy + 0.1)
    done = replace(done, validation=lucky, evaluation=None)
    assert fired(done) == {"not_learning"}
    assert done.start is not None
    many = dict.fromkeys(done.start.classes, 1000)
    assert fired(replace(done, start=replace(done.start, counts={"validation": many}))) == set()


def test_a_wait_that_the_machine_tells_of_is_not_told_twice(tmp_path: Path) -> None:
    done = replayed("waiting", tmp_path)
    assert advice(done, waiting_told=True) is None
    assert done.waited is not None
    assert advice(replace(done, waited=replace(done.waited, seconds=10.0))) is None
    assert advice(replace(done, waited=replace(done.waited, share=0.2))) is None


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
