"""All rules together: the worst first, one sentence for one cause, in both languages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aienv_gui.core.storage import resource
from aienv_gui.core.wording import use_language
from aienv_gui.hardware.limits import Verdict, Work
from aienv_gui.hardware.readings import (
    Battery,
    Container,
    Disk,
    Ecc,
    GpuProcess,
    Link,
    Throttle,
    Value,
)
from tests.fakes.minutes import after, keys_of, still
from tests.fakes.snapshots import GIB, gpu

TRAINING = Work("cats", "cuda:0", phase="training", waiting_share=0.05, run="cats-1")
WAITING = replace(TRAINING, waiting_share=0.6)
FULL_DISK = (Disk("/", 1, 10**9, 10**12, busy_percent=Value(99.0)),)


def bad_day() -> tuple[Verdict, ...]:
    """Much at once."""
    strangers = (
        GpuProcess(42, "python", "ada", Value(3.0 * GIB), "compute"),
        GpuProcess(7, "", "", Value(8.9 * GIB), "compute"),
    )
    held = frozenset({Throttle.HEAT, Throttle.APPLICATION_CLOCKS})
    first = gpu(
        0,
        utilisation_percent=Value(60.0),
        memory_used_bytes=Value(11.9 * GIB),
        processes=strangers,
        temperature_celsius=Value(92.0),
        throttle=held,
        ecc=Ecc(True, Value(0.0), Value(1.0)),
        link=Link(width=Value(1.0), width_max=Value(16.0)),
    )
    second = gpu(1, utilisation_percent=Value(2.0))
    third = gpu(2, lost=True)
    at = still(
        first,
        second,
        third,
        memory_used_bytes=31 * GIB,
        swapped_bytes_s=9_000_000.0,
        disks=FULL_DISK,
        battery=Battery(50.0, plugged=False),
        container=Container("docker", 1.0, 8 * GIB, int(7.9 * GIB)),
        cpu_percent=60.0,
    )
    return after(at, [replace(WAITING, pid=42), Work("dogs", "cpu", run="dogs-1")])


def test_the_worst_comes_first() -> None:
    found = bad_day()
    assert [verdict.level for verdict in found] == sorted((v.level for v in found), key=("bad", "warn", "good").index)
    assert keys_of(found) == [
        "gpu_lost",
        "ecc",
        "memory",
        "container_memory",
        "disk",
        "gpu_hot",
        "battery",
        "wrong_place",
        "container_cores",
        "other_program",
        "pcie_narrow",
    ]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_verdict_is_said_in_both_languages(language: str) -> None:
    use_language(language, resource("locale"))
    for verdict in bad_day():
        for text in (verdict.what, verdict.cure, *verdict.evidence):
            assert str(text)
            assert "{" not in str(text)
            if language == "zh_CN":
                assert re.search("[\u4e00-\u9fff]", str(text)), text


def test_swapping_explains_a_busy_disk() -> None:
    at = still(
        gpu(utilisation_percent=Value(20.0)),
        memory_used_bytes=30 * GIB,
        swapped_bytes_s=40_000_000.0,
        disks=(Disk("/", 1, 10**12, 10**12, busy_percent=Value(98.0)),),
    )
    (verdict,) = after(at, [WAITING])
    assert verdict.key == "memory"
    assert [str(fact) for fact in verdict.evidence] == [
        "30/32 GB of the memory in use",
        "40.0 MB/s moved between memory and disk",
        "waiting for the next batch 60 % of the time",
        "disk busy 98 % of the time",
    ]


def test_a_containers_cores_explain_a_cpu_that_is_too_slow() -> None:
    at = still(
        gpu(utilisation_percent=Value(20.0)),
        cpu_percent=50.0,
        container=Container("docker", 1.0, None, None),
    )
    (verdict,) = after(at, [WAITING])
    assert verdict.key == "container_cores"
    assert "waiting for the next batch 60 % of the time" in map(str, verdict.evidence)


def test_what_belongs_to_different_trainings_is_not_joined() -> None:
    hungry = (
        GpuProcess(42, "python", "", Value(1.0 * GIB), "compute"),
        GpuProcess(7, "x", "", Value(4.0 * GIB), "compute"),
    )
    at = still(gpu(0, processes=hungry), gpu(1, memory_used_bytes=Value(11.9 * GIB)))
    work = [replace(TRAINING, pid=42), replace(TRAINING, device="cuda:1", run="dogs-1")]
    assert sorted(keys_of(after(at, work))) == ["gpu_memory", "other_program"]


def test_nobody_is_praised_for_a_training_that_is_held_back() -> None:
    hot = gpu(0, utilisation_percent=Value(97.0), temperature_celsius=Value(93.0))
    fine = gpu(1, utilisation_percent=Value(97.0))
    other = replace(TRAINING, device="cuda:1", run="dogs-1")
    assert keys_of(after(still(hot), [TRAINING])) == ["gpu_hot"]
    found = after(still(hot, replace(fine)), [other])
    assert keys_of(found) == ["gpu_hot", "gpu_well_used"]
    assert found[0].concerns == ()
