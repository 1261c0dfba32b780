"""Verdicts on minutes that were really measured, and on what the real reader gets from a driver library."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from aienv_gui.core.processes import clean_environment
from aienv_gui.hardware.history import History
from aienv_gui.hardware.limits import Verdict, Work, assess
from aienv_gui.hardware.readings import Driver, DriverState, Snapshot
from aienv_gui.hardware.sampler import Sampler
from tests.fakes import nvml
from tests.fakes.minutes import after, keys_of
from tests.fakes.recordings import replayed
from tests.fakes.snapshots import gpu, snapshot

RECORDED = Path(__file__).parent / "recorded"
PATIENCE_S = 30.0
LOOKS = 45


def told_over_time(beside: Driver | None = None) -> list[tuple[Verdict, ...]]:
    """Second by second, of the sample trained on two cores; perhaps with cards beside them."""
    history, said = History(), []
    for look, work in replayed(RECORDED / "training_on_cpu.csv"):
        seen = look if beside is None else replace(look, nvidia=beside)
        history.append(seen)
        said.append(assess(seen, history, [work] if work.phase else []))
    return said


def test_a_training_on_the_cpu() -> None:
    said = told_over_time()
    keys = [keys_of(verdicts) for verdicts in said]
    assert len(keys) > 60
    assert keys[:10] == [[]] * 10  # nothing trained at first, and loading is no training
    assert keys[-1] == ["cpu_well_used"]
    assert sum(one != other for one, other in pairwise(keys)) == 1
    (verdict,) = said[-1]
    assert (verdict.level, verdict.concerns) == ("good", ("digits-1",))
    assert str(verdict.evidence[0]) == "CPU 100 % on average over the last 30 seconds"


def test_the_same_training_beside_a_card_that_idles() -> None:
    idle = snapshot(gpu(utilisation_percent=replace(gpu().utilisation_percent, number=0.0))).nvidia
    (verdict,) = told_over_time(idle)[-1]
    assert verdict.key == "wrong_place"
    assert str(verdict.what) == "“digits” trains on the CPU, while a GPU has nothing to do."


def cards_of(driver: Path, folder: Path, **settings: object) -> list[Driver]:
    """So many looks of the real reader, in its own process, at a driver library."""
    environment = clean_environment(nvml.environment(driver, **settings))  # type: ignore[arg-type]
    sampler = Sampler(folder, interval_s=0.02, environment=environment)
    found: list[Driver] = []
    sampler.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while len(found) < LOOKS and time.monotonic() < deadline:
            nvidia = sampler.sample().nvidia
            if nvidia.state is DriverState.READY and (not found or nvidia is not found[-1]):
                found.append(nvidia)
            time.sleep(0.01)
    finally:
        sampler.stop()
    assert len(found) == LOOKS
    return found


def seconds_apart(found: list[Driver], work: list[Work] | None = None) -> tuple[Verdict, ...]:
    """What is said as if a second had passed between two of these looks."""

    def at(moment: float) -> Snapshot:
        return replace(snapshot(moment=moment), nvidia=found[int(moment)])

    return after(at, work or [], seconds=float(LOOKS - 1))


@pytest.mark.parametrize(("temperature", "hot"), [(60, False), (94, True)])
def test_heat_as_the_driver_tells_it(driver: Path, tmp_path: Path, temperature: int, hot: bool) -> None:
    found = cards_of(driver, tmp_path, temperature=temperature, still=1)
    assert ("gpu_hot" in keys_of(seconds_apart(found))) is hot


def test_a_training_that_waits_on_a_card_of_the_driver(driver: Path, tmp_path: Path) -> None:
    found = cards_of(driver, tmp_path, still=1)
    load = found[-1].gpus[0].utilisation_percent.number
    work = Work("cats", "cuda:0", phase="training", waiting_share=0.7)
    verdict = next(verdict for verdict in seconds_apart(found, [work]) if verdict.key == "waiting_data")
    assert f"GPU: load {load:.0f} % on average over the last 30 seconds" in map(str, verdict.evidence)


def test_a_card_that_was_lost_is_said_at_once(driver: Path, tmp_path: Path) -> None:
    found = cards_of(driver, tmp_path, cards=2, faults="1:lost@5", still=1)
    (lost,) = (verdict for verdict in seconds_apart(found) if verdict.key == "gpu_lost")
    assert str(lost.what) == "GPU 1 no longer answers."


def test_a_card_whose_readings_are_refused_is_not_judged(driver: Path, tmp_path: Path) -> None:
    found = cards_of(driver, tmp_path, faults="0:unsupported", temperature=94, still=1)
    assert seconds_apart(found, [Work("cats", "cuda:0", phase="training", waiting_share=0.7)]) == ()


@pytest.mark.parametrize(
    ("bits", "key", "level", "what"),
    [
        (0x40 | 0x08, "gpu_hot", "bad", "slowed down by heat."),
        (0x20, "gpu_hot", "warn", "slowed down by heat."),
        (0x80, "power_brake", "bad", "slowed down because the power supply asks for less."),
        (0x08, "power_brake", "bad", "slowed down to protect itself, though not from heat."),
        (0x02, "clock_fixed", "warn", "the clock was fixed below what the card can do."),
    ],
)
def test_reasons_as_the_driver_gives_them(
    driver: Path, tmp_path: Path, bits: int, key: str, level: str, what: str
) -> None:
    found = cards_of(driver, tmp_path, cards=12, throttle=bits, temperature=70, still=1)
    loads = [gpu.utilisation_percent.number for gpu in found[-1].gpus]
    assert [index for index, load in enumerate(loads) if load is not None and load >= 50] == [10, 11]
    verdict = next(verdict for verdict in seconds_apart(found) if verdict.key == key)
    assert verdict.level == level
    # Heat is told of any card, the other reasons of those that calculate.
    assert str(verdict.what) == f"{'All 12 GPUs' if key == 'gpu_hot' else 'GPU 10, 11'}: {what}"
    assert str(verdict.evidence[0]).startswith("GPU 0: temp" if key == "gpu_hot" else "GPU 10: clock")
    assert len(verdict.evidence) <= 8  # of sixteen cards nobody reads all numbers


def test_another_program_beside_our_training(driver: Path, tmp_path: Path) -> None:
    ours, other = os.getpid(), os.getppid()
    found = cards_of(driver, tmp_path, processes=f"0:{ours}:2048:30,0:{other}:5000:10", still=1)
    work = Work("cats", "cuda:0", phase="training", pid=ours)
    verdict = next(verdict for verdict in seconds_apart(found, [work]) if verdict.key == "other_program")
    assert f"process {other} holds 4.9 GB of the GPU's memory" in map(str, verdict.evidence)


def test_an_idle_card_of_the_driver_has_no_verdict(driver: Path, tmp_path: Path) -> None:
    assert seconds_apart(cards_of(driver, tmp_path, cards=2, idle=1, throttle=1, still=1)) == ()
