"""What is said of trainings: what they wait for, whether they run in the right place, or that all is well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aienv_gui.hardware.limits import Verdict, Work
from aienv_gui.hardware.readings import (
    ComputeMode,
    Container,
    Disk,
    Gpu,
    GpuProcess,
    Link,
    Maker,
    Pressure,
    Snapshot,
    Throttle,
    Value,
)
from tests.fakes.minutes import after, keys_of, still
from tests.fakes.snapshots import ABSENT, GIB, gpu, snapshot

TRAINING = Work("cats", "cuda:0", phase="training", waiting_share=0.05, run="cats-1")
WAITING = replace(TRAINING, waiting_share=0.61)
ON_CPU = Work("dogs", "cpu", phase="training", waiting_share=0.1, run="dogs-1")
SLOW_DISK = (Disk("/data", 1, 10**12, 10**12, busy_percent=Value(99.0)),)
WAITING_FOR_DISK = Pressure(cpu_some=0.0, memory_some=0.0, memory_full=0.0, io_some=55.0, io_full=40.0)


def busy(load: float, **changes: Any) -> Gpu:
    return gpu(utilisation_percent=Value(load), **changes)


def told(verdict: Verdict) -> str:
    return "; ".join(map(str, verdict.evidence))


@pytest.mark.parametrize(
    ("work", "card", "host", "key", "level", "evidence"),
    [
        (
            WAITING,
            busy(23.0),
            {},
            "waiting_data",
            "warn",
            "waiting for the next batch 61 % of the time; GPU: load 23 % on average over the last 30 seconds",
        ),
        (
            WAITING,
            busy(23.0),
            {"cpu_percent": 97.0},
            "waiting_cpu",
            "warn",
            "waiting for the next batch 61 % of the time; GPU: load 23 % on average over the last 30 seconds; CPU 97 %",
        ),
        (
            WAITING,
            busy(23.0),
            {"disks": SLOW_DISK},
            "waiting_disk",
            "warn",
            "waiting for the next batch 61 % of the time; disk busy 99 % of the time",
        ),
        (
            WAITING,
            busy(23.0),
            {"cpu_percent": 97.0, "pressure": WAITING_FOR_DISK},
            "waiting_disk",
            "warn",
            "programs waited for the disk 55 % of the time",
        ),
        (
            replace(TRAINING, phase="loading", waiting_share=None, device="auto"),
            busy(0.0),
            {"disks": SLOW_DISK},
            "waiting_disk",
            "warn",
            "disk busy 99 % of the time",
        ),
        (
            replace(ON_CPU, waiting_share=0.7, device_chosen=True),
            None,
            {"disks": SLOW_DISK, "cpu_percent": 20.0},
            "waiting_disk",
            "warn",
            "waiting for the next batch 70 % of the time",
        ),
        (
            ON_CPU,
            busy(1.0),
            {"cpu_percent": 90.0},
            "wrong_place",
            "warn",
            "the training runs on the CPU; GPU: load 1 % on average over the last 30 seconds",
        ),
        (TRAINING, busy(93.0), {}, "gpu_well_used", "good", "GPU: load 93 % on average over the last 30 seconds"),
        (
            TRAINING,
            busy(20.0),
            {},
            "gpu_hardly_used",
            "good",
            "waiting for the next batch 5 % of the time; GPU: load 20 % on average",
        ),
        (ON_CPU, None, {"cpu_percent": 93.0}, "cpu_well_used", "good", "CPU 93 % on average over the last 30 seconds"),
        (
            ON_CPU,
            None,
            {"cpu_percent": 50.0, "container": Container("docker", 1.0, None, None)},
            "container_cores",
            "warn",
            "1.0 CPU cores busy",
        ),
    ],
)
def test_each_case(work: Work, card: Gpu | None, host: dict[str, Any], key: str, level: str, evidence: str) -> None:
    (verdict,) = after(still(*([card] if card else []), **host), [work])
    assert (verdict.key, verdict.level) == (key, level)
    assert evidence in told(verdict)
    assert str(verdict.what)
    assert str(verdict.cure)
    assert verdict.concerns == (work.run,)


@pytest.mark.parametrize(
    ("work", "card", "host"),
    [
        (replace(WAITING, paused=True), busy(23.0), {}),
        (replace(WAITING, waiting_share=0.28), busy(60.0), {}),
        (replace(WAITING, waiting_share=None), busy(23.0), {}),  # an older engine
        (WAITING, busy(78.0), {}),
        (WAITING, gpu(utilisation_percent=ABSENT), {"disks": SLOW_DISK}),
        (replace(WAITING, device="cuda:5"), busy(23.0), {}),  # a card that is not seen
        (replace(WAITING, device=""), busy(23.0), {}),
        (replace(ON_CPU, waiting_share=0.7), None, {"disks": SLOW_DISK, "cpu_percent": 65.0}),
        (replace(TRAINING, phase="loading", device="auto"), busy(0.0), {}),
        (replace(ON_CPU, device_chosen=True), busy(1.0), {"cpu_percent": 60.0}),
        (ON_CPU, busy(30.0), {}),
        (ON_CPU, gpu(utilisation_percent=ABSENT), {}),
        (ON_CPU, busy(1.0, compute_capability=(3, 5)), {}),  # too old for any PyTorch of today
        (ON_CPU, busy(1.0, maker=Maker.INTEL), {}),
        (ON_CPU, busy(1.0, asleep=True), {}),
        (ON_CPU, None, {"cpu_percent": 60.0}),
        (TRAINING, busy(75.0), {}),
        (TRAINING, gpu(utilisation_percent=ABSENT), {}),
        (replace(TRAINING, phase="validating"), busy(20.0), {}),
        (replace(TRAINING, waiting_share=None), busy(20.0), {}),
        (ON_CPU, None, {"cpu_percent": 40.0, "container": Container("docker", 1.0, None, None)}),
        (ON_CPU, None, {"cpu_percent": 60.0, "container": Container("docker", 2.0, None, None)}),  # all there are
    ],
)
def test_silent_just_below_or_where_nothing_is_known(work: Work, card: Gpu | None, host: dict[str, Any]) -> None:
    assert after(still(*([card] if card else []), **host), [work]) == ()


def test_a_training_that_was_sent_to_the_cpu_is_told_of_the_card() -> None:
    at = still(busy(1.0), cpu_percent=95.0)
    (verdict,) = after(at, [replace(ON_CPU, device_chosen=True)])
    assert str(verdict.cure) == "A GPU trains faster: choose it as the device of a new training."
    (alone,) = after(still(cpu_percent=95.0), [ON_CPU])
    assert str(alone.cure) == "A computer with a GPU would train faster."


def test_an_idle_machine_has_no_verdict() -> None:
    assert after(still(busy(0.0, clock_mhz=Value(210.0), throttle=frozenset({Throttle.IDLE})), cpu_percent=1.0)) == ()
    assert after(still(busy(100.0), cpu_percent=100.0, disks=SLOW_DISK)) == ()  # other programs' business


def test_a_load_in_waves_counts_by_its_mean() -> None:
    def at(moment: float) -> Snapshot:
        return snapshot(busy(95.0 if moment % 4 == 0 else 5.0), moment=moment)

    (verdict,) = after(at, [WAITING])
    assert verdict.key == "waiting_data"
    assert "load 28 % on average" in told(verdict)


def test_waiting_near_its_bound_does_not_come_and_go() -> None:
    at = still(busy(30.0))
    assert keys_of(after(at, [replace(WAITING, waiting_share=0.25, waiting_before=0.33)])) == ["waiting_data"]
    assert keys_of(after(at, [replace(WAITING, waiting_share=0.25, waiting_before=0.29)])) == ["gpu_hardly_used"]
    assert keys_of(after(at, [replace(WAITING, waiting_share=0.15, waiting_before=0.6)])) == ["gpu_hardly_used"]


def test_a_closed_card_is_no_place_for_a_training() -> None:
    closed = busy(1.0, compute_mode=ComputeMode.PROHIBITED)
    assert keys_of(after(still(closed), [ON_CPU])) == ["compute_prohibited"]


def program(pid: int, gib: float = 1.0, load: float | None = None, **changes: Any) -> GpuProcess:
    used = ABSENT if load is None else Value(load)
    return GpuProcess(pid, f"program {pid}", "ada", Value(gib * GIB), "compute", utilisation_percent=used, **changes)


OURS = replace(TRAINING, pid=42)


def test_another_program_that_holds_much_memory() -> None:
    card = busy(95.0, processes=(program(42), program(7, 4.0, own=True)))
    (verdict,) = after(still(card), [OURS])
    assert (verdict.key, verdict.level) == ("other_program", "warn")
    assert str(verdict.what) == "GPU: program 7 uses it too, beside the training."
    assert told(verdict) == "process 7 holds 4 GB of the GPU's memory"
    assert "End it on the Hardware page" in str(verdict.cure)
    foreign = busy(95.0, processes=(program(42), program(7, 4.0)))
    assert "not yours" in str(after(still(foreign), [OURS])[0].cure)


def test_another_program_that_takes_time_on_the_card() -> None:
    card = busy(95.0, processes=(program(42, 4.0, 55.0), program(7, 0.5, 40.0)))
    (verdict,) = after(still(card), [OURS])
    assert verdict.key == "other_program"
    assert "process 7 loads the GPU by 40 %" in told(verdict)


@pytest.mark.parametrize(
    "processes",
    [
        (program(42, 4.0, 90.0), program(7, 0.5, 3.0)),
        (program(42, 4.0), program(7, 2.0)),
        (program(8, 4.0), program(7, 4.0)),  # ours is not among them: the numbers are another system's
        (program(42, 4.0), replace(program(7, 4.0), kind="graphics")),
        (program(42, 8.0, 90.0),),
        (),
    ],
)
def test_programs_that_are_in_nobodys_way(processes: tuple[GpuProcess, ...]) -> None:
    assert keys_of(after(still(busy(95.0, processes=processes)), [OURS])) == ["gpu_well_used"]


def test_two_trainings_of_ours_on_one_card_are_no_strangers() -> None:
    card = busy(95.0, processes=(program(42, 5.0, 50.0), program(43, 5.0, 45.0)))
    assert keys_of(after(still(card), [OURS, replace(OURS, pid=43, run="dogs-2")])) == ["gpu_well_used"]


def test_several_cards_have_numbers() -> None:
    (verdict,) = after(still(busy(3.0), busy(90.0, index=1, uuid="GPU-1")), [replace(TRAINING, device="cuda:1")])
    assert str(verdict.what) == "GPU 1: well used by the training."
    assert told(verdict) == "GPU 1: load 90 % on average over the last 30 seconds"


def test_a_device_by_its_uuid() -> None:
    cards = (busy(3.0), busy(90.0, index=1, uuid="GPU-1"))
    assert keys_of(after(still(*cards), [replace(TRAINING, device="cuda:GPU-1")])) == ["gpu_well_used"]


def test_a_card_of_amd() -> None:
    card = busy(92.0, uuid="0000:03:00.0", maker=Maker.AMD, link=Link())
    assert keys_of(after(still(card), [TRAINING])) == ["gpu_well_used"]
