"""Events, attempt after attempt, folded into one state and one pair of curves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aienv_gui.engine.protocol import EVENTS, LOG, PROCESS
from aienv_gui.training.records import FirstStep, FoundBatch, FoundRate, Load, Recipe, RunState
from aienv_gui.training.story import Story
from aienv_gui.training.trend import trend

RECIPE = Recipe(
    name="Cats", folder=Path("pictures"), preset="balanced", architecture="compact_convnet", settings={"epochs": 2}
)


class Folder:
    """A run's folder in which the test is the engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.story = Story(path, RECIPE)

    def say(self, event: str, time: float, **fields: Any) -> None:
        with (self.path / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, "time": time, **fields}) + "\n")

    def started(self, time: float, step: int = 0) -> None:
        self.say(
            "started", time, step=step, attempt=1, device="cpu", device_name="x", threads=1, epochs=2,
            total_steps=20, parameters=5, data={"classes": ["a", "b"], "counts": {}}, versions={},
        )  # fmt: skip

    def metrics(self, first: int, last: int, start: float) -> None:
        steps = list(range(first, last + 1))
        self.say(
            "metrics",
            start + last,
            columns={
                "step": steps,
                "time": [start + s for s in steps],
                "epoch": [1] * len(steps),
                "loss": [1 / s for s in steps],
                "accuracy": [0.5] * len(steps),
            },
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_run_that_was_never_started(folder: Folder) -> None:
    folder.story.update(alive=False)
    assert folder.story.run.state is RunState.CREATED


def test_a_whole_run(folder: Folder) -> None:
    (folder.path / PROCESS).write_text("{}")
    folder.say("launched", 100.0)
    folder.say("phase", 100.5, name="loading", done=3, total=9)
    assert folder.story.update(alive=True)
    assert folder.story.run.state is RunState.STARTING
    assert (folder.story.run.phase_done, folder.story.run.phase_total) == (3, 9)
    folder.started(102.0)
    folder.metrics(1, 10, 102.0)
    folder.story.update(alive=True)
    run = folder.story.run
    assert run.state is RunState.TRAINING
    assert run.step == 10
    assert run.training.seconds[0] == pytest.approx(3.0)  # counted from the launch
    assert run.training.loss[-1] == pytest.approx(0.1)
    folder.say("paused", 112.5, step=10, command="c1")
    folder.story.update(alive=True)
    assert str(folder.story.run.state) == "paused"
    folder.say("resumed", 120.0, step=10, command="c2")
    folder.say("validation", 121.0, step=20, epoch=1, loss=0.4, accuracy=0.75)
    folder.say("checkpoint", 121.0, step=20, epoch=1, file="checkpoints/20.pt", bytes=7, reason="best", command=None)
    folder.say(
        "evaluated", 122.0, split="test", loss=0.3, accuracy=0.8, classes=["a", "b"], confusion=[[4, 1], [1, 4]],
        worst=[{"path": "a/1.png", "truth": "a", "answer": "b", "probability": 0.9}],
    )  # fmt: skip
    folder.say("model", 122.5, folder="model", bytes=9, parameters=5)
    folder.say("finished", 123.0, outcome="completed", step=20)
    folder.story.update(alive=False)
    run = folder.story.run
    assert run.state is RunState.COMPLETED
    assert not run.can_continue
    assert run.best_accuracy == 0.75
    assert run.checkpoints[0].file == folder.path / "checkpoints" / "20.pt"
    assert run.evaluation is not None
    assert run.evaluation.confusion == ((4, 1), (1, 4))
    assert run.model == folder.path / "model"
    assert run.seconds == pytest.approx(23.0)
    assert not folder.story.update(alive=False)


def test_what_an_earlier_attempt_did_beyond_its_checkpoint_is_superseded(folder: Folder) -> None:
    (folder.path / PROCESS).write_text("{}")
    (folder.path / LOG).write_text("Killed")
    folder.say("launched", 100.0)
    folder.started(100.0)
    folder.metrics(1, 5, 100.0)
    folder.say("checkpoint", 105.0, step=5, epoch=1, file="checkpoints/5.pt", bytes=7, reason="time", command=None)
    folder.metrics(6, 9, 100.0)
    folder.say("validation", 109.0, step=9, epoch=1, loss=0.9, accuracy=0.9)
    folder.story.update(alive=False)
    before = folder.story.run
    assert before.state is RunState.INTERRUPTED
    assert before.failure is not None
    assert before.failure.code == "interrupted"
    assert before.failure.details == "Killed"
    assert before.can_continue
    folder.say("launched", 5000.0)
    folder.story.update(alive=True)
    assert folder.story.run.state is RunState.STARTING
    assert folder.story.run.failure is None
    folder.started(5001.0, step=5)
    folder.metrics(6, 7, 5000.0)
    folder.story.update(alive=True)
    run = folder.story.run
    assert list(run.training.step) == [1, 2, 3, 4, 5, 6, 7]
    assert len(run.validation) == 0
    assert run.training.seconds[5] == pytest.approx(9.0 + 6.0)  # the hour between the attempts is left out
    assert list(before.training.step) == list(range(1, 10))  # what was handed out stays as it was


def test_a_validation_that_was_done_again_was_shown_twice(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(101.0)
    folder.metrics(1, 10, 101.0)
    folder.say("validation", 112.0, step=5, epoch=1, loss=0.5, accuracy=0.8)
    folder.say("checkpoint", 113.0, step=10, epoch=2, file="c", bytes=1, sha256="", reason="time", command=None)
    folder.say("validation", 114.0, step=10, epoch=2, loss=0.4, accuracy=0.9)  # killed right after
    folder.story.update(alive=True)
    before = folder.story.run
    folder.say("launched", 200.0)
    folder.started(201.0, step=10)
    folder.say("validation", 202.0, step=10, epoch=2, loss=0.4, accuracy=0.9)
    folder.story.update(alive=True)
    assert list(folder.story.run.validation.step) == [5, 10]
    assert folder.story.run.validation.seconds[-1] == pytest.approx(16.0)
    assert list(before.validation.step) == [5, 10]
    assert before.validation.seconds[-1] == pytest.approx(14.0)  # what was handed out stays as it was


def test_an_engine_that_dies_before_it_starts(folder: Folder) -> None:
    (folder.path / PROCESS).write_text("{}")
    (folder.path / LOG).write_text("ImportError: no torch")
    folder.say("launched", 100.0)
    folder.story.update(alive=False)
    failure = folder.story.run.failure
    assert failure is not None
    assert failure.code == "engine_silent"
    assert "ImportError" in failure.details


def test_an_old_attempts_last_words_do_not_explain_a_new_end(folder: Folder) -> None:
    (folder.path / PROCESS).write_text("{}")
    old = "RuntimeError: CUDA error: unspecified launch failure\n"
    (folder.path / LOG).write_bytes(old.encode())
    folder.say("launched", 100.0, log=0)
    folder.started(101.0)
    folder.story.update(alive=False)
    assert "stopped in the middle of a calculation" in str(folder.story.run.failure)
    folder.say("launched", 200.0, log=len(old))
    folder.started(201.0)
    folder.story.update(alive=True)
    folder.story.update(alive=False)
    failure = folder.story.run.failure
    assert failure is not None
    assert failure.code == "interrupted"
    assert "ended without a word" in str(failure)
    assert failure.details == ""


def test_a_failure_is_put_into_words(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    folder.say("failed", 101.0, code="nan", values={"epoch": 2, "step": 77}, traceback="...")
    folder.story.update(alive=False)
    run = folder.story.run
    assert run.state is RunState.FAILED
    assert run.failure is not None
    assert "77" in str(run.failure)
    assert "learning rate" in str(run.failure.cure)


def test_a_second_failure_replaces_the_first(folder: Folder) -> None:
    for time, code in ((100.0, "nan"), (200.0, "disk_full")):
        folder.say("launched", time)
        folder.say("failed", time + 1, code=code, values={}, traceback="")
        folder.story.update(alive=False)
    assert folder.story.run.failure is not None
    assert folder.story.run.failure.code == "disk_full"


def test_unknown_events_and_a_line_cut_short_do_no_harm(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.say("sang_a_song", 100.1)
    folder.started(101.0)
    with (folder.path / EVENTS).open("a") as file:
        file.write('{"event": "val')
    folder.story.update(alive=True)
    assert folder.story.run.state is RunState.TRAINING


def test_the_load_of_the_machine_lies_on_the_same_axis_and_survives_reopening(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    folder.story.update(alive=True)
    folder.story.record(Load(time=101.0, cpu=50.0, memory=20.0))
    folder.story.record(Load(time=101.2, cpu=51.0, memory=20.0))  # too soon after the last
    folder.story.record(Load(time=102.0, cpu=60.0, memory=20.0, gpu=math.nan))
    assert folder.story.update(alive=True)
    again = Story(folder.path, RECIPE)
    again.update(alive=True)
    for story in (folder.story, again):
        load = story.run.load
        assert list(load.seconds) == [1.0, 2.0]
        assert list(load.cpu) == [50.0, 60.0]
        assert math.isnan(load.gpu[0])


def test_the_load_of_earlier_and_later_versions_and_a_line_cut_short(folder: Folder) -> None:
    file = folder.path / "hardware.jsonl"
    file.write_text('[101.0, 10, 20, 30, 40]\n[102.0, 11, 20, 30, 40, 55, 66, 7, "new"]\n[103.0, 12')
    folder.started(100.0)
    folder.story.update(alive=True)
    folder.story.record(Load(time=104.0, cpu=13.0, gpu_celsius=56.0))
    folder.story.update(alive=True)
    again = Story(folder.path, RECIPE)
    again.update(alive=True)
    for story in (folder.story, again):
        load = story.run.load
        assert list(load.cpu) == [10.0, 11.0, 13.0]  # the new line is none with what was cut short
        assert list(load.gpu_celsius[1:]) == [55.0, 56.0]
        assert math.isnan(load.gpu_celsius[0])


def test_no_line_across_the_time_when_nobody_looked(folder: Folder) -> None:
    folder.started(100.0)
    folder.story.update(alive=True)
    for moment in (101.0, 102.0, 500.0, 501.0):
        folder.story.record(Load(time=moment, cpu=50.0))
    folder.story.update(alive=True)
    again = Story(folder.path, RECIPE)
    again.update(alive=True)
    for story in (folder.story, again):
        load = story.run.load
        np.testing.assert_array_equal(load.cpu, [50.0, 50.0, math.nan, 50.0, 50.0])
        assert (np.diff(load.seconds) > 0).all()


def test_how_long_it_waits_for_its_data_is_recorded_with_the_load(folder: Folder) -> None:
    folder.started(100.0)
    for second in range(10):
        folder.say("progress", 101.0 + second, step=second, epoch=1, waiting_share=0.25)
    folder.story.update(alive=True)
    folder.story.record(Load(time=112.0, cpu=50.0))
    folder.story.update(alive=True)
    assert folder.story.run.load.waiting.tolist() == [25.0]


def test_the_answer_to_a_command_is_found(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    folder.say("checkpoint", 101.0, step=1, epoch=1, file="checkpoints/1.pt", bytes=7, reason="manual", command="one")
    folder.say("answer", 102.0, command="two", ok=False, reason="disk_full")
    folder.story.update(alive=True)
    run = folder.story.run
    saved, refused = run.checkpoint_of("one"), run.answer_to("two")
    assert saved is not None
    assert saved.bytes == 7
    assert refused is not None
    assert not refused.ok
    assert run.checkpoint_of("three") is None


def test_a_time_left_that_says_nothing_yet_is_not_shown(folder: Folder) -> None:
    """The first steps are slow, so that the engine's first estimates are far too long or too wide."""
    folder.say("started", 100.0, step=40, epochs=10, total_steps=2000)

    def left(step: int, low: float, high: float) -> tuple[float, float] | None:
        folder.say("progress", 101.0, step=step, epoch=1, seconds_left=low, seconds_left_high=high)
        folder.story.update(alive=True)
        return folder.story.run.seconds_left

    assert left(45, 540, 567) is None
    assert left(70, 100, 900) is None
    assert left(80, 200, 400) == (200, 400)
    assert left(1990, 2, 9) == (2, 9)


def test_a_load_seen_between_two_attempts_makes_no_point_of_the_second(folder: Folder) -> None:
    """Continuing recorded the last sample of before: it lay an hour to the right of all curves."""
    (folder.path / PROCESS).write_text("{}")
    folder.say("launched", 100.0)
    folder.started(100.0)
    folder.metrics(1, 5, 100.0)
    folder.story.update(alive=True)
    folder.story.record(Load(time=104.0, cpu=50.0))
    folder.story.record(Load(time=3000.0, cpu=1.0))  # written by an earlier version, or while the process was killed
    folder.story.update(alive=False)
    folder.say("launched", 5000.0)
    folder.started(5001.0, step=0)
    folder.metrics(1, 2, 5001.0)
    folder.story.update(alive=True)
    folder.story.record(Load(time=4990.0, cpu=2.0))
    folder.story.record(Load(time=5002.0, cpu=60.0))
    folder.story.update(alive=True)
    again = Story(folder.path, RECIPE)
    again.update(alive=True)
    load = again.run.load
    assert load.seconds[np.isfinite(load.cpu)].tolist() == [4.0, 5.0, 7.0]
    assert load.cpu[np.isfinite(load.cpu)].tolist() == [50.0, 1.0, 60.0]
    assert again.run.seconds == pytest.approx(8.0)


def test_a_run_whose_folder_is_moved_away_is_not_called_never_started(folder: Folder, tmp_path: Path) -> None:
    away = tmp_path / "run"
    away.mkdir()
    moving = Folder(away)
    (away / PROCESS).write_text("{}")
    moving.say("launched", 100.0)
    moving.started(100.0)
    moving.story.update(alive=True)
    away.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        moving.story.update(alive=False)
    assert str(moving.story.run.state) == "training"
    (tmp_path / "elsewhere").rename(away)
    (away / PROCESS).unlink()
    moving.story.update(alive=False)
    assert moving.story.run.state is RunState.INTERRUPTED


@pytest.mark.parametrize(
    ("code", "anew"),
    [("nan", True), ("no_checkpoint", True), ("data_changed", True), ("no_folder", True), ("disk_full", False)],
)
def test_what_continuing_cannot_help_needs_a_new_training(folder: Folder, code: str, anew: bool) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    folder.say("checkpoint", 101.0, step=1, epoch=1, file="checkpoints/1.pt", bytes=7, reason="time", command=None)
    folder.say("failed", 102.0, code=code, values={}, traceback="")
    folder.story.update(alive=False)
    assert folder.story.run.needs_anew is anew
    assert folder.story.run.saved_step == (None if code == "no_checkpoint" else 1)


def test_the_trend_is_the_same_however_the_steps_come(folder: Folder) -> None:
    whole = trend(np.empty(0), 1 / np.arange(1.0, 1001.0), 0)
    folder.say("launched", 100.0)
    folder.started(100.0)
    for first in range(1, 1001, 40):
        folder.metrics(first, first + 39, 100.0)
        folder.story.update(alive=True)
    curve = folder.story.run.training
    np.testing.assert_allclose(curve.loss_trend, whole)
    np.testing.assert_allclose(curve.loss_trend[-1], curve.loss[-10:].mean())
    np.testing.assert_allclose(curve.loss_trend[:6], [curve.loss[max(0, i - 4) : i + 1].mean() for i in range(6)])
    folder.say("launched", 3000.0)
    folder.started(3000.0, step=500)
    folder.metrics(501, 510, 3000.0)
    folder.story.update(alive=True)
    np.testing.assert_allclose(folder.story.run.training.loss_trend, whole[:510])


def test_a_rescue_takes_back_what_was_learnt_since_and_is_told(folder: Folder) -> None:
    folder.started(100.0)
    folder.metrics(1, 9, 100.0)
    for step in (4, 8):
        folder.say("validation", 100.0 + step, step=step, epoch=step // 4, loss=0.5, accuracy=0.5)
        file = f"checkpoints/{step}.pt"
        folder.say("checkpoint", 100.0, step=step, epoch=1, file=file, bytes=7, reason="best", command=None)
    folder.say(
        "rescued", 110.0, step=4, at=10, epoch=3, learning_rate=0.003, tries=1, most=3, files=["a/1.png", "b/2.png"]
    )
    folder.story.update(alive=True)
    run = folder.story.run
    assert run.training.step.tolist() == [1, 2, 3, 4]
    assert run.validation.step.tolist() == [4]
    assert [checkpoint.step for checkpoint in run.checkpoints] == [4]
    assert run.step == 4
    (words,) = map(str, run.warnings)
    assert "At step 10" in words
    assert "0.003" in words
    assert "a/1.png, b/2.png" in words
    folder.say("rescued", 120.0, step=0, at=12, epoch=3, learning_rate=0.0009, tries=2, most=3, files=[])
    folder.story.update(alive=True)
    assert len(folder.story.run.training) == 0
    assert len(folder.story.run.warnings) == 2


def test_when_it_was_worked_on(folder: Folder) -> None:
    assert not folder.story.run.attempts
    folder.say("launched", 100.0)
    folder.started(101.0)
    folder.metrics(1, 9, 101.0)
    folder.story.update(alive=True)
    assert folder.story.run.attempts == ((100.0, 110.0),)
    folder.story.update(alive=False)
    folder.say("launched", 5000.0)
    folder.started(5002.0, step=5)
    folder.story.update(alive=True)
    assert len(folder.story.run.attempts) == 2
    assert folder.story.run.attempts[1] == (5000.0, 5002.0)


def test_a_step_without_a_number_is_a_gap_in_the_trend() -> None:
    found = trend(np.array([1.0, 1.0]), np.array([math.nan, 4.0]), 2)
    assert math.isnan(found[0])
    assert found[1] == 2.0


def progress(folder: Folder, count: int, first: float, **fields: Any) -> None:
    for number in range(count):
        folder.say("progress", first + number, step=number + 1, epoch=1, **fields)


def test_the_share_of_waiting_is_a_mean_of_half_a_minute(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    progress(folder, 4, 101.0, waiting_share=0.9)
    folder.story.update(alive=True)
    assert folder.story.run.waiting_share is None  # too little to go by
    progress(folder, 26, 105.0, waiting_share=0.6)
    folder.story.update(alive=True)
    assert folder.story.run.waiting_share == pytest.approx((4 * 0.9 + 26 * 0.6) / 30)
    progress(folder, 30, 131.0, waiting_share=0.1)
    folder.story.update(alive=True)
    run = folder.story.run
    assert run.waiting_share == pytest.approx(0.1)
    assert run.waiting_before == pytest.approx((4 * 0.9 + 26 * 0.6) / 30)
    progress(folder, 30, 161.0, waiting_share=0.1)
    folder.story.update(alive=True)
    assert folder.story.run.waiting_before == pytest.approx(0.1)


def test_an_older_engine_does_not_tell_what_it_waits_for(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    progress(folder, 9, 101.0, examples_per_second=5.0)
    folder.story.update(alive=True)
    run = folder.story.run
    assert (run.waiting_share, run.waiting_before) == (None, None)
    assert run.start is not None
    assert run.start.pid is None


def test_the_next_attempt_begins_to_wait_anew(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    progress(folder, 9, 101.0, waiting_share=0.8)
    folder.say("launched", 200.0)
    folder.say("started", 201.0, step=0, epochs=2, total_steps=20, pid=4711)
    folder.story.update(alive=True)
    run = folder.story.run
    assert run.waiting_share is None
    assert run.start is not None
    assert run.start.pid == 4711


def test_what_was_found_by_trying(folder: Folder) -> None:
    folder.say(
        "batch_found",
        100.0,
        batch_size=32,
        learning_rate=0.007,
        tried=[[8, 500.0], [16, 900.5], [32, 1500.0], [64, 1600.0]],
        seconds=1.5,
    )
    folder.story.update(alive=True)
    assert folder.story.run.found_batch == FoundBatch(size=32, rate=0.007, speed=1500.0, tried=4, seconds=1.5)
    folder.say("batch_found", 100.0, batch_size=8, learning_rate=None, tried=[], seconds=0.1)
    folder.say("rate_found", 101.0, learning_rate=0.002, steps=60, seconds=2.5)
    folder.story.update(alive=True)
    assert folder.story.run.found_batch == FoundBatch(size=8, rate=None, speed=0.0, tried=0, seconds=0.1)
    assert folder.story.run.found_rate == FoundRate(rate=0.002, steps=60, seconds=2.5)


def started_anew(folder: Folder, time: float, **fields: Any) -> None:
    data = {"classes": ["a", "b"], "counts": {}}
    folder.say("started", time, attempt=1, device="cpu", step=40, total_steps=2000, epochs=2, data=data, **fields)


def test_an_engine_that_knows_how_sure_it_is_is_believed_from_its_first_report(folder: Folder) -> None:
    started_anew(folder, 100.0, took={"start": 2.0, "data": 0.5})
    folder.say("progress", 101.0, step=40, epoch=1, seconds_left=50.0, seconds_left_high=120.0)
    folder.story.update(alive=True)
    assert folder.story.run.seconds_left == (50.0, 120.0)
    assert folder.story.run.examples_per_second is None


def test_what_came_before_the_first_step_is_told_with_its_parts(folder: Folder) -> None:
    folder.say("launched", 100.0)
    started_anew(folder, 103.5, took={"start": 2.5, "data": 0.75})
    folder.say("rate_found", 109.0, learning_rate=0.1, steps=60, seconds=5.0)
    folder.story.update(alive=True)
    assert folder.story.run.first_step is None
    folder.metrics(41, 42, 69.5)
    folder.metrics(43, 44, 80.0)
    folder.story.update(alive=True)
    assert folder.story.run.first_step == FirstStep(10.5, start=2.5, data=0.75, rate=5.0)


def test_an_engine_that_nobody_announced_tells_when_it_began(folder: Folder) -> None:
    started_anew(folder, 103.5, took={"start": 2.5, "data": 0.75})
    folder.metrics(41, 42, 63.5)
    folder.story.update(alive=True)
    assert folder.story.run.first_step == FirstStep(4.25, start=2.5, data=0.75)


def test_how_long_a_user_paused_is_not_told_as_the_way_to_the_first_step(folder: Folder) -> None:
    folder.say("launched", 100.0)
    started_anew(folder, 103.5, took={"start": 2.5, "data": 0.75})
    folder.say("paused", 104.0, step=40, command="one", reason="asked")
    folder.say("resumed", 500.0, step=40, command="two")
    folder.metrics(41, 42, 460.0)
    folder.story.update(alive=True)
    assert folder.story.run.first_step is None


def test_older_engines_tell_nothing_of_the_way_to_the_first_step(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(101.0)
    folder.metrics(1, 2, 102.0)
    folder.story.update(alive=True)
    assert folder.story.run.first_step is None


def test_the_waiting_of_an_attempt_is_its_mean_over_all_of_it(folder: Folder) -> None:
    folder.say("launched", 100.0)
    folder.started(100.0)
    progress(folder, 100, 101.0, waiting_share=0.9)
    progress(folder, 100, 201.0, waiting_share=0.1)
    folder.story.update(alive=True)
    waited = folder.story.run.waited
    assert waited is not None
    assert waited.share == pytest.approx(0.5)
    assert waited.seconds == 200
    folder.say("launched", 400.0)
    folder.story.update(alive=True)
    assert folder.story.run.waited is None
    progress(folder, 10, 401.0, waiting_share=0.3)
    folder.story.update(alive=True)
    waited = folder.story.run.waited
    assert waited is not None
    assert waited.share == pytest.approx(0.3)
    assert waited.seconds == 10
