"""What is said of the machine beside its cards: each limit by its readings, nothing just below them or unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aienv_gui.hardware.limits import Verdict, Work
from aienv_gui.hardware.readings import Battery, Container, Disk, Pressure, Snapshot
from tests.fakes.minutes import after, still
from tests.fakes.snapshots import GIB, snapshot

TRAINING = Work("cats", "cpu", phase="training", run="cats-1")
CALM = Pressure(cpu_some=0.0, memory_some=0.0, memory_full=0.0, io_some=0.0, io_full=0.0)


def told(verdict: Verdict) -> str:
    return "; ".join(map(str, verdict.evidence))


@pytest.mark.parametrize(
    ("host", "key", "level", "what", "evidence"),
    [
        (
            {"memory_used_bytes": 30.5 * GIB},
            "memory",
            "bad",
            "The memory is nearly full (30.5/32 GB).",
            "30.5/32 GB of the memory in use",
        ),
        (
            {"memory_used_bytes": 29 * GIB, "swapped_bytes_s": 12_000_000.0},
            "memory",
            "bad",
            "The memory is not enough: the computer moves parts of it to the disk",
            "29/32 GB of the memory in use; 12.0 MB/s moved between memory and disk",
        ),
        (
            {"memory_used_bytes": 29 * GIB, "pressure": replace(CALM, memory_some=37.0)},
            "memory",
            "bad",
            "The memory is not enough",
            "programs waited for memory 37 % of the time",
        ),
        (
            {"container": Container("docker", None, 4 * GIB, int(3.9 * GIB))},
            "container_memory",
            "bad",
            "The memory that this container may use is nearly full",
            "3.9/4 GB of its memory in use; the computer has 32 GB",
        ),
        (
            {"disks": (Disk("/home", 1, 2 * 10**9, 10**12),)},
            "disk",
            "bad",
            "The disk is nearly full: 2.0 GB are free on /home.",
            "2.0 GB of 1.0 TB free",
        ),
        (
            {"battery": Battery(63.0, plugged=False, seconds_left=5400.0)},
            "battery",
            "warn",
            "The training runs on battery",
            "battery at 63 %; about 2 hours left",
        ),
        ({"battery": Battery(9.0, plugged=False)}, "battery", "bad", "The training runs on battery", "battery at 9 %"),
    ],
)
def test_each_limit_of_the_machine(host: dict[str, Any], key: str, level: str, what: str, evidence: str) -> None:
    (verdict,) = after(still(**host), [TRAINING])
    assert (verdict.key, verdict.level) == (key, level)
    assert str(verdict.what).startswith(what)
    assert evidence in told(verdict)
    assert str(verdict.cure)
    assert verdict.concerns == ("cats-1",)


@pytest.mark.parametrize(
    "host",
    [
        {"memory_used_bytes": 29.5 * GIB},
        {"memory_used_bytes": 0, "memory_total_bytes": 0},
        {"memory_used_bytes": 10 * GIB, "swapped_bytes_s": 50_000_000.0},  # read back after a program has ended
        {"memory_used_bytes": 29 * GIB, "swapped_bytes_s": 2_000_000.0},
        {"memory_used_bytes": 29 * GIB, "swap_used_bytes": 8 * GIB, "swap_total_bytes": 8 * GIB},  # and lies still
        {"memory_used_bytes": 29 * GIB, "pressure": replace(CALM, memory_some=8.0)},
        {"container": Container("docker", None, 4 * GIB, int(3.6 * GIB))},
        {"container": Container("docker", None, 64 * GIB, 63 * GIB)},  # more than there is: no limit
        {"container": Container("docker", None, None, 3 * GIB)},
        {"container": Container("docker", None, 4 * GIB, None)},
        {"disks": (Disk("/home", 1, 6 * 10**9, 10**12),)},
        {"disks": ()},
        {"battery": Battery(9.0, plugged=True)},
    ],
)
def test_nothing_is_said_just_below_or_where_nothing_is_known(host: dict[str, Any]) -> None:
    assert after(still(**host), [TRAINING]) == ()


def test_a_battery_is_not_spoken_of_while_nothing_trains() -> None:
    at = still(battery=Battery(9.0, plugged=False))
    assert after(at) == ()
    assert after(at, [replace(TRAINING, paused=True)]) == ()


def test_memory_that_fills_up_is_said_before_it_is_full() -> None:
    def at(moment: float) -> Snapshot:
        return snapshot(moment=moment, memory_used_bytes=int((20 + moment / 10) * GIB))

    (verdict,) = after(at)
    assert verdict.key == "memory"
    assert str(verdict.what) == "The memory fills up and will be full in 59 seconds."


def test_a_peak_of_swapping_is_not_said() -> None:
    def at(moment: float) -> Snapshot:
        return snapshot(
            moment=moment, memory_used_bytes=29 * GIB, swapped_bytes_s=30_000_000.0 if moment == 58 else 0.0
        )

    assert after(at) == ()
