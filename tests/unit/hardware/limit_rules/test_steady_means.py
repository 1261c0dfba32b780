"""Means over half a minute: known only where enough was read, and above or below without flicker."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from aienv_gui.hardware.history import History
from aienv_gui.hardware.limit_rules.recent import Recent
from aienv_gui.hardware.limit_rules.verdict import Work
from aienv_gui.hardware.limits import assess
from aienv_gui.hardware.readings import Gpu, GpuProcess, Maker, Snapshot, Value
from tests.fakes.minutes import At, after, keys_of, still
from tests.fakes.snapshots import ABSENT, GIB, gpu, snapshot


def recent(at: At, seconds: int = 60, work: tuple[Work, ...] = ()) -> Recent:
    history = History()
    for moment in range(seconds + 1):
        look = at(float(moment))
        history.append(look)
    return Recent(look, history, work)


def test_a_mean_is_of_the_last_half_minute() -> None:
    found = recent(lambda moment: snapshot(moment=moment, cpu_percent=moment), 100)
    assert found.host.now("cpu") == pytest.approx(np.mean(np.arange(70, 101)))
    assert found.seconds == 30


def test_too_little_time_is_no_mean() -> None:
    at = still(cpu_percent=90.0)
    assert math.isnan(recent(at, 9).host.now("cpu"))
    assert recent(at, 10).host.now("cpu") == 90.0
    nothing = Recent(snapshot(gpu()), History(), ())
    assert math.isnan(nothing.host.now("cpu"))
    assert math.isnan(nothing.cards[0].readings.now("utilisation"))


def test_looks_before_a_sleep_of_the_computer_do_not_count() -> None:
    found = recent(lambda moment: snapshot(moment=moment if moment < 55 else 9000 + moment, cpu_percent=50.0))
    assert math.isnan(found.host.now("cpu"))


@pytest.mark.parametrize(("told_every", "known"), [(1, True), (2, True), (3, False)])
def test_a_value_that_is_mostly_missing_is_not_known(told_every: int, known: bool) -> None:
    def at(moment: float) -> Snapshot:
        return snapshot(gpu(utilisation_percent=Value(80.0) if moment % told_every == 0 else ABSENT), moment=moment)

    assert math.isnan(recent(at).cards[0].readings.now("utilisation")) is not known


def test_looks_at_odd_times_count_by_time() -> None:
    def at(moment: float) -> Snapshot:
        return snapshot(moment=30 + moment / 60 if moment < 30 else moment, cpu_percent=100.0 if moment < 30 else 0.0)

    assert recent(at).host.now("cpu") == pytest.approx(100 * 30 / 61)


def test_a_reading_at_its_bound_makes_no_verdict_come_and_go() -> None:
    """Ten minutes of noise around the bound itself."""
    noise = random.Random(7)
    history, said, over = History(), [], []
    for moment in range(600):
        celsius = 87.0 + noise.uniform(-3, 3)
        look = snapshot(gpu(temperature_celsius=Value(celsius)), moment=float(moment))
        history.append(look)
        said.append("gpu_hot" in keys_of(assess(look, history)))
        over.append(celsius >= 87.0)
    assert any(said)
    assert _changes(over) > 200
    assert _changes(said) <= 5


def _changes(states: list[bool]) -> int:
    return sum(one != other for one, other in pairwise(states))


def test_memory_that_grows_all_the_time_is_told_from_what_was_taken_at_once() -> None:
    def growing(moment: float) -> Snapshot:
        return snapshot(gpu(memory_used_bytes=Value((6 + moment / 30) * GIB)), moment=moment)

    def at_once(moment: float) -> Snapshot:
        return snapshot(gpu(memory_used_bytes=Value((3.0 if moment < 57 else 10.0) * GIB)), moment=moment)

    def growth(at: At, seconds: int = 60) -> float:
        return recent(at, seconds).cards[0].readings.memory_growth

    assert growth(growing) == pytest.approx(100 / 12 / 30, rel=0.05)
    assert math.isnan(growth(at_once))
    assert math.isnan(growth(still(gpu())))
    assert math.isnan(growth(growing, 20))


def _card_of(device: str, *gpus: Gpu, pid: int | None = None) -> Gpu | None:
    work = Work("cats", device, pid=pid)
    found = recent(still(*gpus), 1, (work,))
    return next((card.gpu for card in found.cards if card.work), None)


def test_a_training_is_found_on_its_card() -> None:
    holder = GpuProcess(4711, "python", "me", Value(1.0 * GIB), "compute")
    first, second = gpu(0), gpu(1, processes=(holder,))
    assert _card_of("cuda:0", first, second) == first
    assert _card_of("cuda:0", first, second, pid=4711) == second  # its own number, where the others are hidden from it
    assert _card_of("cuda:GPU-1", first, second) == second
    assert _card_of("cuda:7", first, second) is None
    assert _card_of("auto", first, second) is None
    assert _card_of("cpu", first, second, pid=4711) is None
    assert _card_of("mps", gpu(0, maker=Maker.APPLE)) is not None
    assert _card_of("mps", first) is None
    # PyTorch numbers what it can use; which of two makers' cards is its first is not known here.
    assert _card_of("cuda:0", first, gpu(0, uuid="0000:03:00.0", maker=Maker.AMD)) is None
    assert _card_of("cuda:0", gpu(0, lost=True), second) is None


def test_nothing_is_said_of_the_first_seconds() -> None:
    hot = gpu(temperature_celsius=Value(95.0), memory_used_bytes=Value(12.0 * GIB))
    assert after(still(hot, memory_used_bytes=32 * GIB), seconds=9) == ()
    assert keys_of(after(still(hot, memory_used_bytes=32 * GIB), seconds=10)) == ["memory", "gpu_memory", "gpu_hot"]
