"""Every code of the engine has words, with a cure; presets and curves are put into words too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import Code
from aienv_gui.training import (
    device_problems,
    picture_problems,
    presets,
    problems,
    result_words,
    series_problems,
    table_problems,
)
from aienv_gui.training.diagnosis import advice
from aienv_gui.training.inspection import inspection_of
from aienv_gui.training.records import WRITING, Curve, Evaluation, Recipe, Run, RunState, Start
from aienv_gui.training.story import evaluation_of

CODES = sorted(value for name, value in vars(Code).items() if name.isupper())
VALUES: dict[str, Any] = {
    "path": "/p", "name": "cat", "count": 2, "paths": ["a.png", "b.png"], "reason": "why", "epoch": 1, "step": 2,
    "device": "cuda:0", "file": "5.pt", "minimum": 3, "names": ["train", "test"], "smallest": "a", "largest": "b",
    "smallest_pictures": 3, "largest_pictures": 300,
}  # fmt: skip


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("values", [VALUES, {}], ids=["values", "bare"])
def test_every_code_has_words(code: str, values: dict[str, Any]) -> None:
    classes = {"classes": {"cat": 4}} if code == Code.THIN_CLASS else {}
    warning = str(problems.warning_of(code, {**values, **classes}))
    assert len(warning) > 20
    problem = problems.problem_of(code, values, "details")
    assert problem.code == code
    assert problem.cure is not None
    assert problem.details == "details"
    assert "{" not in str(problem) + warning


def test_codes_of_failures_have_words_of_their_own() -> None:
    warnings_only = {
        Code.UNBALANCED, Code.EMPTY_CLASSES, Code.LOOSE_PICTURES, Code.LOOKS_SPLIT,
        Code.CHECKPOINT_FAILED, Code.NOT_EVALUATED, Code.UNLIKE_TRAINING, Code.BROKEN_CHECKPOINT,
        Code.NO_LOCK, Code.ENOUGH_EPOCHS, Code.TIME_IS_UP, Code.NOT_AS_BEFORE,
        *device_problems.WARNINGS, *picture_problems.WARNINGS, *table_problems.WARNINGS,
        *series_problems.WARNINGS,
    }  # fmt: skip
    unexpected = str(problems.problem_of(Code.UNEXPECTED, VALUES).title)
    for code in set(CODES) - warnings_only - {Code.UNEXPECTED}:
        assert str(problems.problem_of(code, VALUES).title) != unexpected, code


KNOWN = "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed."


@pytest.mark.parametrize(
    ("problem", "unknown"),
    [
        (problems.interrupted, "Its process ended without a word"),
        (problems.engine_silent, "ended before the training began"),
        (lambda log: problems.problem_of(Code.UNEXPECTED, {"reason": "KeyError"}, log), "It said: KeyError"),
    ],
)
def test_an_engine_that_died_is_explained_where_its_words_are_known(
    problem: Callable[[str], Problem], unknown: str
) -> None:
    before = problem("Epoch 1\nthe moon is full")
    assert unknown in str(before.cause)
    assert before.details == "Epoch 1\nthe moon is full"
    known = problem("Epoch 1\n" + KNOWN)
    assert "the computer's memory was full" in str(known.cause)
    assert "Then continue" in str(known.cure)
    assert known.code == before.code
    assert KNOWN in known.details


def test_why_a_device_cannot_be_used_is_explained_where_it_is_known() -> None:
    values = {"device": "cuda:0", "reason": "CUDA error: no kernel image is available for execution on the device"}
    assert "cuda:0: This build of the library has no code" in str(problems.problem_of(Code.NO_DEVICE, values).cause)
    values["reason"] = "the moon is full"
    assert str(problems.problem_of(Code.NO_DEVICE, values).cause) == "cuda:0: the moon is full"


@pytest.mark.parametrize("reason", ["not_paused", "stale", "loading", "unknown", "ended"])
def test_a_command_that_was_refused_was_said_to_be_an_error_without_words(reason: str) -> None:
    problem = problems.problem_of(reason, {})
    assert str(problem.title) != str(problems.problem_of(Code.UNEXPECTED, VALUES).title)
    assert problem.cure is not None


def test_a_text_that_repeats_itself_is_not_said_to_be_short() -> None:
    problem = problems.problem_of("short_text", {"path": "a.txt", "count": 20_000, "different": 1000})
    assert "20,000" in str(problem.cause)
    assert "1,000" in str(problem.cause)


def test_broken_pictures_are_named_but_not_all() -> None:
    paths = [f"{index}.png" for index in range(40)]
    text = str(problems.problem_of(Code.BROKEN_PICTURES, {"count": 40, "paths": paths}))
    assert "4.png" in text
    assert "9.png" not in text
    assert "35 more" in text


def test_the_engines_reasons_for_a_broken_picture_are_not_shown_as_codes() -> None:
    documented = str(protocol.__doc__).split("Reasons of a broken picture:")[1].split(".")[0]
    for reason in documented.replace("\n", " ").split(","):
        code = reason.strip()
        words = str(picture_problems.picture_fault(code))
        assert words != code
        assert "_" not in words
        broken = str(problems.problem_of(Code.BROKEN_PICTURE, {"path": "/p/x.png", "reason": code}))
        assert words in broken
    too_large = str(problems.problem_of(Code.BROKEN_PICTURE, {"path": "/p/x.png", "reason": "too_large"}))
    assert "178 million" in too_large
    assert "400 MB" in too_large
    gone = problems.problem_of(Code.BROKEN_PICTURE, {"path": "/p/x.png", "reason": "missing"})
    assert "save it again" not in str(gone.cure)


def test_pictures_outside_of_classes_are_not_called_no_pictures() -> None:
    problem = problems.problem_of(Code.EMPTY_FOLDER, {"path": "/p", "loose": 20})
    assert "20 pictures lie directly in /p" in str(problem.cause)
    assert "no pictures" not in str(problem.title)
    assert "no pictures" in str(problems.problem_of(Code.EMPTY_FOLDER, {"path": "/p", "loose": 0}).title)


def test_presets_have_words_and_measurements() -> None:
    found = presets.presets()
    assert (found[0].id, found[0].task) == ("residual", "image_classification")
    assert [preset.id for preset in found] == [
        *("residual", "balanced", "book", "table_balanced", "table_book"),
        *("text_balanced", "text_recurrent", "text_attention", "text_pretrained", "gpt_small", "gpt_pieces"),
        *("forecast_attention", "forecast_recurrent"),
    ]
    for preset in found:
        assert str(preset.title) != preset.id
        assert str(preset.architecture_words) != preset.architecture
        assert preset.measured is not None
        if preset.task == WRITING:
            assert preset.measured.bits_per_character is not None
            assert 1 < preset.measured.bits_per_character < 3
            assert preset.measured.goodness == -preset.measured.bits_per_character
        else:
            assert 0.4 < preset.measured.test_accuracy < 1
            assert preset.measured.goodness == preset.measured.test_accuracy
    book = next(preset for preset in found if preset.id == "book")
    assert book.settings["learning_rate"] == 0.001
    assert (book.settings["batch_size"], book.settings["epochs"], book.settings["optimiser"]) == (64, 10, "sgd")


def test_how_many_values_lay_within_the_range_of_a_forecast_is_told() -> None:
    told = {"loss": 0.1, "accuracy": 0.9, "mean_error": 0.5, "horizon": 12, "examples": 60}
    older = str(result_words.meaning(evaluation_of(told), "level"))
    newer = str(result_words.meaning(evaluation_of({**told, "reach_share": 0.8, "within_reach": 0.764}), "level"))
    assert "range" not in older
    assert newer.startswith(f"{older}; 76 % of the values")
    assert newer.endswith("made for 80 %")


def test_what_a_model_writes_with_is_named_and_compared_by_bits() -> None:
    told = {"loss": 1.7, "accuracy": 0.5, "perplexity": 8.0, "examples": 1000}
    # An older engine, which knew characters only, told no bits.
    assert evaluation_of(told).bits_per_character == pytest.approx(3.0)
    assert evaluation_of({"loss": 1.7, "accuracy": 0.5}).bits_per_character is None
    characters = result_words.meaning(evaluation_of({**told, "bits_per_character": 2.344}), "")
    pieces = result_words.meaning(evaluation_of({**told, "bits_per_character": 2.344, "characters": 4000}), "")
    assert "1,000 characters" in str(characters)
    assert "1,000 word pieces" in str(pieces)
    for words in (characters, pieces):
        assert "8.0" in str(words)
        assert "2.34 bits per character" in str(words)
    compared = result_words.compared({"guessing": 0.1, "piece_pairs": 0.2})
    assert "what most often follows the last piece 20.0" in str(compared)


def test_an_inspection_is_read(tmp_path: Path) -> None:
    found = inspection_of(
        tmp_path,
        {
            "ok": True,
            "pictures": 7,
            "classes": [{"name": "a", "pictures": 3}, {"name": "b", "pictures": 4}],
            "broken": [{"path": "a/x.png", "reason": "cut short"}],
            "examples": [{"path": "a/sub/1.png", "class": "a"}],
            "split": {"train": {"a": 2, "b": 3}, "validation": {"a": 1}, "test": {"b": 1}},
            "warnings": [{"code": "loose_pictures", "values": {"count": 2}}],
        },
    )
    assert found.split == {"train": 5, "validation": 1, "test": 1}
    assert found.examples[0].path == tmp_path / "a" / "sub" / "1.png"
    assert "2 pictures" in str(found.warnings[0])
    assert not found.colour
    seen = inspection_of(tmp_path, {"ok": True, "pictures": 0, "classes": [], "input": {"channels": 3}})
    assert seen.colour


def test_what_is_wrong_with_the_rows_of_a_table_is_said_with_their_lines(tmp_path: Path) -> None:
    faults = [
        {"path": "labels.csv:4", "reason": "no_file_name", "detail": "", "line": 4},
        {"path": "labels.csv:7", "reason": "no_label", "detail": "a/7.png", "line": 7},
        {"path": "a/8.png", "reason": "two_labels", "detail": "", "line": 8, "labels": {"cat": 8, "dog": 12}},
        {"path": "a/9.png", "reason": "missing", "detail": "", "line": 9},
    ]
    answer = {"ok": True, "columns": ["file", "label"], "files": "file", "target": "label", "broken": faults}
    found = inspection_of(tmp_path / "labels.csv", {**answer, "examples": [{"path": "a/1.png", "class": "cat"}]})
    assert [str(broken.words) for broken in found.broken] == [
        "Line 4: it names no picture",
        "Line 7: a/7.png has no class (an empty cell, “-”, “NA” or “none”)",
        "a/8.png has several classes: “cat” (line 8); “dog” (line 12)",
        "Line 9: a/9.png: there is no such file",
    ]
    assert [broken.path for broken in found.broken] == ["labels.csv:4", "labels.csv:7", "a/8.png", "a/9.png"]
    assert found.examples[0].path == tmp_path / "a" / "1.png"
    values = {"count": 9, "paths": ["?"], "faults": faults}
    refused = str(problems.problem_of(Code.BROKEN_PICTURES, values))
    assert "9 pictures or rows cannot be used." in refused
    assert "Line 7" in refused
    assert "5 more" in refused


def test_columns_that_do_not_do_are_told_and_others_can_be_chosen(tmp_path: Path) -> None:
    values = {"path": "/p/labels.csv", "name": "file", "line": 2, "cell": "gone.png", "base": "/p"}
    answer = {"ok": False, "code": "no_named_pictures", "values": values, "columns": ["file", "label"]}
    found = inspection_of(tmp_path / "labels.csv", answer)
    assert found.columns == ("file", "label")
    assert found.problem is not None
    assert "line 2 says “gone.png”" in str(found.problem)
    assert found.problem.actions[0].argument == "/p"
    with pytest.raises(Problem):
        inspection_of(tmp_path, {"ok": False, "code": "one_class", "values": {}})


def test_why_weights_do_not_do_is_said() -> None:
    def said(reason: str, **values: Any) -> str:
        return str(problems.problem_of(Code.BAD_START, {"path": "/w/best.pth", "reason": reason, **values}))

    assert "best.pth: it holds no weights" in said("no_weights", detail="UnpicklingError")
    assert "(dense) than the one that was asked for (gpt)" in said("architecture", found="dense", wanted="gpt")
    assert "fc.weight, fc.bias and 5 more" not in said("does_not_fit", names=["fc.weight"], count=1)
    names = [f"layer{number}" for number in range(5)]
    assert "layer4 and 3 more" in said("does_not_fit", names=names, count=8)
    partly = str(problems.warning_of(Code.PARTLY_FITS, {"count": 3, "of": 6, "names": ["a", "b", "c"]}))
    assert partly.startswith("3 of 6 weights")


def _run(training: list[float], validation: list[float], accuracy: list[float], classes: int = 10) -> Run:
    def curve(loss: list[float], right: list[float], every: int) -> Curve:
        steps = np.arange(1, len(loss) + 1, dtype=float) * every
        return Curve(steps, steps, np.array(loss), np.array(right))

    every = max(1, len(training) // max(1, len(validation)))
    return Run(
        folder=Path(),
        recipe=Recipe(name="", folder=Path(), preset="", architecture="", settings={}),
        state=RunState.TRAINING,
        start=Start(1, 0, "cpu", "", 1, 10, 100, 1, tuple(map(str, range(classes))), {}, {}),
        training=curve(training, [0.5] * len(training), 1),
        validation=curve(validation, accuracy, every),
    )


def test_a_healthy_run_gets_no_advice() -> None:
    falling = list(np.linspace(2.3, 0.1, 100))
    assert advice(_run(falling, [1.5, 0.8, 0.4, 0.3, 0.2], [0.5, 0.7, 0.8, 0.9, 0.95])) is None
    assert advice(_run([2.3, 2.2], [], [])) is None


def test_a_run_that_does_not_learn_is_told() -> None:
    flat = list(2.3 + 0.01 * np.sin(np.arange(100)))
    assert "does not learn" in str(advice(_run(flat, [2.3] * 4, [0.1] * 4)))
    slow = list(np.linspace(2.3, 2.0, 100))
    assert advice(_run(slow, [2.3] * 4, [0.1] * 4)) is None


def test_learning_by_heart_is_told_with_the_epoch() -> None:
    training = list(np.linspace(2.3, 0.02, 100))
    text = str(advice(_run(training, [1.0, 0.5, 0.4, 0.5, 0.6, 0.7], [0.9] * 6)))
    assert "overfitting" in text
    assert "epoch 3" in text


def test_a_model_that_is_always_right_is_not_said_to_learn_by_heart() -> None:
    """Its validation loss rose from 0.002 to 0.005, and every picture was recognised."""
    training = list(2.3 * 0.9 ** np.arange(100))
    losses = [0.3, 0.002, 0.003, 0.004, 0.005, 0.005]
    assert advice(_run(training, losses, [0.9, 1.0, 1.0, 1.0, 1.0, 1.0])) is None
    assert "overfitting" in str(advice(_run(training, losses, [0.9, 1.0, 1.0, 0.98, 0.97, 0.96])))


def test_a_growing_loss_is_told() -> None:
    assert "learning rate" in str(advice(_run([2.3] * 40 + [9.0] * 40, [], [])))
    assert "learning rate" in str(advice(_run([2.3] * 40 + [float("nan")] * 40, [], [])))


def test_an_end_is_advised_only_where_nothing_better_is_to_come() -> None:
    falling = list(np.linspace(2.3, 0.5, 100))
    losses = [1.0, 0.6, *[0.61] * 5]

    def judged(count: int, schedule: str = "constant", state: RunState = RunState.TRAINING) -> str:
        run = _run(falling, losses[:count], [0.7, 0.8, *[0.8] * 5][:count])
        return str(advice(replace(run, state=state, recipe=replace(run.recipe, settings={"schedule": schedule}))))

    assert "For 5 epochs it has got no better; the best was epoch 2" in judged(7)
    losses[3] = 0.59  # better, three epochs ago
    assert judged(7) == "None"
    losses = [1.0, 0.6, 0.61, 0.55, *[0.61] * 8]
    fallen = _run(falling, losses, [0.7, 0.9, *[0.8] * 10])
    fallen = replace(fallen, recipe=replace(fallen.recipe, settings={"schedule": "constant"}))
    assert "For 8 epochs it has got no better; the best was epoch 2" in str(advice(fallen))
    unknown = _run(falling, losses, [float("nan"), 0.9, *[0.8] * 10])
    unknown = replace(unknown, recipe=fallen.recipe)
    assert "the best was epoch 2" in str(advice(unknown))
    losses = [1.0, 0.6, *[0.61] * 5]
    assert judged(6) == judged(7, "one_cycle") == judged(7, state=RunState.COMPLETED) == "None"


def _constant(losses: list[float], state: RunState = RunState.COMPLETED) -> str:
    run = _run(list(np.linspace(2.3, 0.5, 100)), losses, [0.8] * len(losses))
    return str(advice(replace(run, state=state, recipe=replace(run.recipe, settings={"schedule": "constant"}))))


def test_a_loss_that_swings_is_told_only_where_it_falls_no_more() -> None:
    assert "swings by 0.5 from one epoch to the next, around 1.2" in _constant([1.0, 1.5] * 5)
    assert "swings" not in _constant([1.0, 1.5] * 3)  # too few epochs
    assert "swings" not in _constant([1.0, 1.01] * 5)  # a tremble
    assert "swings" not in _constant([3.0, 3.5, 2.4, 2.8, 1.5, 2.0, 1.0, 1.4])  # and falls
    assert "swings" not in _constant([1.0, 1.5] * 4 + [float("nan")])


def test_an_end_that_came_too_early_is_told() -> None:
    falling = [2.0, 1.8, 1.6, 1.4, 1.2, 1.0]
    assert "in the last 2 epochs the validation loss fell from 1.4 to 1" in _constant(falling)
    assert "underfitting" not in _constant(falling, RunState.TRAINING)
    assert "underfitting" not in _constant([*falling, 1.01])  # the one before was better
    assert "underfitting" not in _constant([2.0, 1.0, 0.99, 0.98])  # hardly any more


def test_a_class_that_is_never_answered_is_named_where_enough_of_it_was_tested() -> None:
    def tested(*confusion: tuple[int, ...]) -> str:
        classes = tuple("abc"[: len(confusion)])
        run = replace(_run([2.3, 2.2], [], []), state=RunState.COMPLETED)
        return str(advice(replace(run, evaluation=Evaluation(0.5, 0.5, classes, confusion, ()))))

    one, two = tested((9, 0, 0), (3, 0, 0), (0, 0, 4)), tested((9, 0, 0), (3, 0, 0), (4, 0, 0))
    assert "one of the classes (in brackets: its test examples): b (3). Give that class" in one
    assert "2 of the classes (in brackets: their test examples): b (3), c (4). Give these classes" in two
    assert tested((9, 0), (2, 0)) == tested((9, 0), (2, 1)) == tested((8, 1), (3, 0)) == "None"


def test_a_full_disk_while_training_is_told() -> None:
    run = _run([2.3], [], [])
    paused = Run(
        folder=run.folder, recipe=run.recipe, state=RunState.PAUSED, pause_reason="disk_full", training=run.training
    )
    assert "disk is full" in str(advice(paused))
