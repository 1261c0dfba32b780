"""The ring of the last ten minutes, against a plain list."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from aienv_gui.hardware.history import SAMPLES, THROTTLE_BITS, History
from aienv_gui.hardware.readings import Container, Disk, GpuProcess, Pressure, Throttle, Value
from tests.fakes.snapshots import ABSENT, GIB, gpu, snapshot


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 25])
def test_the_newest_samples_in_order(count: int) -> None:
    history = History(8)
    values = [float(n) for n in range(count)]
    for value in values:
        history.append(snapshot(moment=value, cpu_percent=value * 2))
    assert history.times().tolist() == values[-8:]
    assert history.series("cpu").tolist() == [value * 2 for value in values[-8:]]
    assert len(history) == min(count, 8)


def test_ten_minutes_at_one_look_a_second() -> None:
    assert SAMPLES == 600


def test_ages_end_now() -> None:
    history = History(4)
    for moment in (10.0, 11.5, 12.0):
        history.append(snapshot(moment=moment))
    assert history.ages().tolist() == [-2.0, -0.5, 0.0]
    assert History(4).ages().tolist() == []


def test_missing_values_are_gaps() -> None:
    history = History(8)
    history.append(snapshot(gpu()))
    history.append(snapshot(gpu(temperature_celsius=ABSENT, memory_used_bytes=ABSENT)))
    history.append(snapshot())
    history.append(snapshot(gpu()))
    np.testing.assert_array_equal(history.series("gpu:GPU-0:temperature"), [60.0, math.nan, math.nan, 60.0])
    np.testing.assert_array_equal(history.series("gpu:GPU-0:memory"), [50.0, math.nan, math.nan, 50.0])


def test_a_card_that_comes_later_has_no_past() -> None:
    history = History(8)
    history.append(snapshot(gpu(0)))
    history.append(snapshot(*(gpu(index) for index in range(16))))  # more rows than the ring began with
    np.testing.assert_array_equal(history.series("gpu:GPU-15:utilisation"), [math.nan, 50.0])
    np.testing.assert_array_equal(history.series("gpu:GPU-0:utilisation"), [50.0, 50.0])
    assert history.series("cpu").tolist() == [25.0, 25.0]


def test_what_the_clock_on_the_wall_said() -> None:
    history = History(4)
    for moment in (1.0, 2.0, 0.5):
        history.append(replace(snapshot(moment=moment), monotonic=10.0))
    assert (history.wall_times() - 1_800_000_000.0).tolist() == [1.0, 2.0, 0.5]
    assert set(history.keys()).isdisjoint({"time", "wall"})


def test_cards_that_went_away_are_forgotten_with_their_last_value() -> None:
    history = History(8)
    for moment in range(400):  # a divided card is divided anew again and again
        history.append(snapshot(gpu(uuid=f"MIG-{moment}"), moment=float(moment)))
    assert len(history.keys()) < 200
    assert history.series("gpu:MIG-399:power").tolist()[-1] == 120.0
    assert history.series("gpu:MIG-392:power").tolist()[0] == 120.0
    assert history.series("cpu").tolist() == [25.0] * 8
    assert history.times().tolist() == [float(moment) for moment in range(392, 400)]


def test_unknown_key_has_no_values() -> None:
    history = History(8)
    history.append(snapshot())
    assert np.isnan(history.series("gpu:nobody:power")).all()
    assert len(history.series("gpu:nobody:power")) == 1


def test_what_was_handed_out_does_not_change() -> None:
    history = History(2)
    for moment in (1.0, 2.0):
        history.append(snapshot(moment=moment))
    before = history.times()
    history.append(snapshot(moment=3.0))
    assert before.tolist() == [1.0, 2.0]


def test_percent_of_memory_and_no_swap() -> None:
    history = History(2)
    history.append(snapshot(memory_used_bytes=8 * GIB, memory_total_bytes=32 * GIB, swap_total_bytes=0))
    assert history.series("memory").tolist() == [25.0]
    assert np.isnan(history.series("swap")).all()
    assert "core:1" in history.keys()  # noqa: SIM118  (a method, not a mapping)


def test_the_last_seconds_of_several_keys_at_once() -> None:
    history = History(8)
    for moment in range(20):
        history.append(snapshot(gpu(), moment=float(moment), cpu_percent=moment * 2.0))
    found = history.recent(("time", "cpu", "nothing", "gpu:GPU-0:utilisation"), 3.0)
    assert found[0].tolist() == [16.0, 17.0, 18.0, 19.0]
    assert found[1].tolist() == [32.0, 34.0, 36.0, 38.0]
    assert np.isnan(found[2]).all()
    assert found[3].tolist() == [50.0] * 4
    found[:] = 0.0
    assert history.series("cpu")[-1] == 38.0
    assert history.recent(("time",), 1000.0).shape == (1, 8)
    assert History(8).recent(("time", "cpu"), 9.0).shape == (2, 0)


def test_what_the_limits_are_judged_by() -> None:
    history = History(4)
    processes = tuple(
        GpuProcess(pid, "", "", ABSENT, "compute", utilisation_percent=load)
        for pid, load in ((1, Value(60.0)), (2, Value(20.0)), (3, Value(19.0)), (4, ABSENT))
    )
    history.append(
        snapshot(
            gpu(throttle=frozenset({Throttle.HEAT, Throttle.POWER_CAP}), processes=processes),
            gpu(1, processes=processes[3:]),
            gpu(2, throttle=frozenset()),
            swapped_bytes_s=7.0,
            pressure=Pressure(1.0, 2.0, 3.0, 4.0, 5.0),
            disks=(Disk("/", 1, 1, 2, busy_percent=Value(88.0)),),
            container=Container("docker", None, 4 * GIB, GIB),
        )
    )
    newest = {key: float(history.series(key)[-1]) for key in history.keys()}  # noqa: SIM118  (a method, not a mapping)
    assert newest["gpu:GPU-0:throttle"] == THROTTLE_BITS[Throttle.HEAT] + THROTTLE_BITS[Throttle.POWER_CAP]
    assert math.isnan(newest["gpu:GPU-1:throttle"])
    assert newest["gpu:GPU-2:throttle"] == 0.0
    assert newest["gpu:GPU-0:busy_programs"] == 2.0
    assert math.isnan(newest["gpu:GPU-1:busy_programs"])
    assert newest["gpu:GPU-2:busy_programs"] == 0.0
    assert [newest[key] for key in ("swapped", "memory_pressure", "io_pressure", "disk_busy")] == [7.0, 2.0, 4.0, 88.0]
    assert newest["container_memory"] == 25.0
