"""The time that is left, on a clock that the tests turn, and once as a real training tells it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.events import Events
from aienv_gui.engine.pace import Ahead, Pace
from aienv_gui.engine.protocol import Event
from tests.engine.engine_runs import end, events, make_run, start, train, until


class Clock:
    """A pace and the clock that it reads."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, ahead: Ahead, before: tuple[int, float]) -> None:
        self.now = 100.0
        monkeypatch.setattr("aienv_gui.engine.pace.time.monotonic", lambda: self.now)
        self.pace = Pace(Events(folder), ahead.steps, ahead.per_epoch)
        self.pace.expect(ahead, *before)
        self.pace.resume()
        self.step, self._folder, self._per_epoch = before[0], folder, ahead.per_epoch

    def steps(self, count: int, seconds: float = 0.25, waited: float = 0.0) -> None:
        for _ in range(count):
            self.step += 1
            self.now += seconds
            self.pace.step(self.step, -(-self.step // self._per_epoch), 8, waited)

    def stand(self, seconds: float) -> None:
        """Something else than a step."""
        self.now += seconds
        self.pace.resume()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [dict(event) for event in protocol.EventReader(self._folder).read()]

    @property
    def left(self) -> tuple[float, float]:
        return self.told[-1]["seconds_left"], self.told[-1]["seconds_left_high"]


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(ahead: Ahead, before: tuple[int, float] = (0, 0.0)) -> Clock:
        return Clock(tmp_path, monkeypatch, ahead, before)

    return made


def test_only_the_time_spent_in_steps_counts(clock: Any) -> None:
    made = clock(Ahead(100, 50))
    made.steps(4, waited=0.25)
    made.steps(6, waited=0.05)
    made.stand(1000)
    made.steps(10, waited=0.05)
    assert [event["step"] for event in made.told] == [1, 3, 7, 11, 15, 19]  # soon at first, then each second
    assert {event["examples_per_second"] for event in made.told} == {32.0}
    assert [event["waiting_share"] for event in made.told] == [1.0, 1.0, 0.4, 0.2, 0.2, 0.2]
    low, high = made.left
    assert low < 81 * 0.25 < high < 1.7 * low


def test_the_range_grows_narrower_with_what_was_seen(clock: Any) -> None:
    made = clock(Ahead(100_000, 1000))
    wide = []
    for count in (1, 10, 100, 1000):
        made.steps(count - made.step)
        low, high = made.left
        assert low < (100_000 - made.told[-1]["step"]) * 0.25 < high
        wide.append(high / low)
    assert wide == sorted(wide, reverse=True)
    assert wide[0] > 1.5
    assert wide[-1] < 1.25


def test_an_uneven_pace_makes_the_range_wider(clock: Any) -> None:
    made = clock(Ahead(10_000, 1000))
    for _ in range(20):
        made.steps(4, 0.25)
    even = made.left[1] / made.left[0]
    for _ in range(20):
        made.steps(4, 0.25)
        made.steps(4, 0.75)
    assert made.left[1] / made.left[0] > 1.2 * even


def test_what_is_rare_and_slow_is_counted_in_the_mean(clock: Any) -> None:
    """One step in twenty waits two seconds for a checkpoint: the usual step says nothing of it."""
    made = clock(Ahead(2000, 1000))
    for _ in range(20):
        made.steps(19, 0.1)
        made.steps(1, 2.1)
    low, high = made.left
    assert low < (2000 - made.told[-1]["step"]) * 0.2 < high


def test_validations_are_expected_before_the_first_and_then_as_they_were(clock: Any) -> None:
    made = clock(Ahead(1000, 100, validation=0.2, test=0.4))
    made.steps(99)
    steps = (1000 - made.told[-1]["step"]) * 0.25
    low, high = made.left
    # Ten of them, and the test as two more: each at least 0.15 and at most all of what learning from them would take.
    assert high > steps + 12 * 0.2 * 25
    assert low > 0.9 * 0.85 * steps + 12 * 0.15 * 0.2 * 25
    made.steps(1)
    made.pace.validated(40.0)
    made.stand(40.0)
    made.steps(100)
    low, high = made.left
    steps = (1000 - made.told[-1]["step"]) * 0.25
    assert made.told[-1]["step"] < 200
    assert low < steps + 11 * 40 < high
    assert low > 11 * 40


def test_the_end_counts_what_is_compared_there(clock: Any) -> None:
    made = clock(Ahead(12, 12, comparing=(5.0, 9.0)))
    made.steps(12)
    assert made.told[-1]["step"] == 11
    low, high = made.left
    assert 5 < low < 6
    assert 9 < high < 10.5


def test_an_attempt_that_goes_on_says_at_once_how_long_it_took_before(clock: Any) -> None:
    made = clock(Ahead(1000, 100), (500, 100.0))
    (told,) = made.told
    assert (told["step"], told["epoch"], told["total_steps"]) == (500, 6, 1000)
    low, high = made.left
    assert low < 100 < high < 3 * low
    made.steps(40, 1.0)  # this time it is slower: only this attempt counts
    low, high = made.left
    assert low < 460 < high


def test_a_time_limit_bounds_what_is_left(clock: Any) -> None:
    made = clock(Ahead(10_000, 100, most=60.0), (50, 12.0))
    made.steps(40)
    low, high = made.left
    worked = 12.0 + (made.told[-1]["step"] - 50) * 0.25
    assert low <= 60 - worked <= high < 60 - worked + 1.0


def test_steps_that_hold_most_fast_do_not_promise_that_the_others_take_no_longer(clock: Any) -> None:
    made = clock(Ahead(400, 100, frozen=100))
    made.steps(99, 0.1)
    low, high = made.left
    assert low < 30
    assert high > 300 * 0.3
    made.steps(101, 0.3)
    low, high = made.left
    assert low < (400 - made.told[-1]["step"]) * 0.3 < high < 1.5 * low  # the fast ones are forgotten


def test_processes_that_share_the_steps_do_not_share_the_judging(clock: Any, tmp_path: Path) -> None:
    alone, shared = clock(Ahead(100, 50, validation=0.5)), None
    alone.steps(20)
    _, high = alone.left
    (tmp_path / protocol.EVENTS).unlink()
    shared = clock(Ahead(100, 50, validation=0.5, processes=4))
    shared.steps(20)
    assert shared.left[1] == pytest.approx(high + 3 * 2 * 0.5 * 50 * 0.25, rel=0.01)


def test_a_real_training_tells_its_time_left_at_once_when_it_goes_on(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 2000}, checkpoint_seconds=1)
    process = start(run)
    try:
        until(run, lambda found: sum(one["event"] == Event.CHECKPOINT for one in found) > 1, process)
    finally:
        end(process)
    known = len(events(run))
    process = start(run)
    try:
        found = until(run, lambda found: Event.METRICS in [one["event"] for one in found[known:]], process)
    finally:
        end(process)
    told = [one["event"] for one in found[known:]]
    first = found[known:][told.index(Event.PROGRESS)]
    assert told.index(Event.PROGRESS) < told.index(Event.METRICS)
    assert 0 < first["seconds_left"] < first["seconds_left_high"]
    started = found[known:][told.index(Event.STARTED)]
    assert first["step"] == started["step"] > 0
    times = [time for one in found[:known] if one["event"] == Event.METRICS for time in one["columns"]["time"]]
    usual = median(later - earlier for earlier, later in pairwise(times))
    assert first["seconds_left_high"] > (started["total_steps"] - started["step"]) * usual


def test_a_real_training_says_what_its_time_went_by_with_before(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path / "run", pictures, settings={"epochs": 1})
    assert train(run) == 0
    (started,) = events(run, Event.STARTED)
    assert started["took"].keys() == {"start", "data"}
    loading = events(run, Event.PHASE)[0]["time"]
    assert 0 < started["took"]["data"] < started["time"] - loading
    assert started["took"]["start"] > 0
