"""What is said of the cards: each limit by its readings, nothing just below them or where they are missing."""

from __future__ import annotations

from typing import Any

import pytest

from aienv_gui.hardware.limits import Verdict, Work, hot_celsius
from aienv_gui.hardware.readings import (
    Absence,
    ComputeMode,
    DriverState,
    Ecc,
    GpuProcess,
    Link,
    Maker,
    Snapshot,
    Thresholds,
    Throttle,
    Value,
)
from tests.fakes.minutes import after, keys_of, still
from tests.fakes.snapshots import ABSENT, GIB, gpu, snapshot

TRAINING = Work("cats", "cuda:0", phase="training")
BUSY: dict[str, Any] = {"utilisation_percent": Value(75.0)}  # calculates, and too little to be praised for it


def reasons(*some: Throttle) -> frozenset[Throttle]:
    return frozenset(some)


def one(*verdicts: Verdict) -> Verdict:
    (verdict,) = verdicts
    return verdict


def told(verdict: Verdict) -> str:
    return "; ".join(map(str, verdict.evidence))


@pytest.mark.parametrize(
    ("changes", "key", "level", "what", "evidence"),
    [
        (
            {"memory_used_bytes": Value(11.5 * GIB)},
            "gpu_memory",
            "warn",
            "GPU: the memory is 96 % full.",
            "11.5/12 GB of its memory in use",
        ),
        (
            {"temperature_celsius": Value(91.0), "clock_mhz": Value(2950.0)},
            "gpu_hot",
            "warn",
            "GPU: 91 °C. At about this temperature a card slows itself down.",
            "temperature 91 °C; clock 2950 MHz of 3000 MHz",
        ),
        (
            {**BUSY, "temperature_celsius": Value(84.0), "throttle": reasons(Throttle.HEAT)},
            "gpu_hot",
            "warn",
            "GPU: slowed down by heat.",
            "temperature 84 °C; clock 2000 MHz of 3000 MHz",
        ),
        (
            {**BUSY, "throttle": reasons(Throttle.HARDWARE, Throttle.HARDWARE_HEAT), "clock_mhz": Value(900.0)},
            "gpu_hot",
            "bad",
            "GPU: slowed down by heat.",
            "clock 900 MHz of 3000 MHz",
        ),
        (  # the driver does not say why: heat, load and a low clock together do
            {**BUSY, "temperature_celsius": Value(90.0)},
            "gpu_hot",
            "warn",
            "GPU: slowed down by heat.",
            "temperature 90 °C",
        ),
        (
            {"memory_temperature_celsius": Value(104.0), "thresholds": Thresholds(memory=Value(100.0))},
            "gpu_hot",
            "warn",
            "GPU: the memory is so hot",
            "temperature of its memory 104 °C",
        ),
        (
            {**BUSY, "throttle": reasons(Throttle.POWER_BRAKE, Throttle.HARDWARE)},
            "power_brake",
            "bad",
            "GPU: slowed down because the power supply asks for less.",
            "clock 2000 MHz of 3000 MHz",
        ),
        (
            {**BUSY, "throttle": reasons(Throttle.HARDWARE)},
            "power_brake",
            "bad",
            "GPU: slowed down to protect itself, though not from heat.",
            "clock 2000 MHz of 3000 MHz",
        ),
        (
            {**BUSY, "throttle": reasons(Throttle.APPLICATION_CLOCKS), "clock_mhz": Value(1200.0)},
            "clock_fixed",
            "warn",
            "GPU: the clock was fixed below what the card can do.",
            "clock 1200 MHz of 3000 MHz",
        ),
        (
            {"ecc": Ecc(True, Value(3.0), Value(2.0))},
            "ecc",
            "bad",
            "GPU: the memory is faulty",
            "2 memory errors that could not be corrected",
        ),
        ({"ecc": Ecc(True, Value(3.0), Value(0.0), True)}, "ecc_repair", "warn", "GPU: weak memory was found", ""),
        ({"compute_mode": ComputeMode.PROHIBITED}, "compute_prohibited", "bad", "GPU: closed to calculations", ""),
        (
            {
                "compute_mode": ComputeMode.EXCLUSIVE,
                "processes": (GpuProcess(7, "solver", "", Value(1.0), "compute"),),
            },
            "compute_exclusive",
            "warn",
            "GPU: only one program at a time",
            "solver (process 7)",
        ),
    ],
)
def test_each_limit_of_a_card(changes: dict[str, Any], key: str, level: str, what: str, evidence: str) -> None:
    verdict = one(*after(still(gpu(**changes))))
    assert (verdict.key, verdict.level) == (key, level)
    assert str(verdict.what).startswith(what)
    assert evidence in told(verdict)
    assert str(verdict.cure)


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_used_bytes": Value(11.2 * GIB)},
        {"memory_used_bytes": ABSENT},
        {"memory_used_bytes": Value(12.0 * GIB), "maker": Maker.APPLE},  # shares the main memory
        {"temperature_celsius": Value(86.0)},
        {"temperature_celsius": ABSENT},
        {"temperature_celsius": Value(91.0), "thresholds": Thresholds(slowdown=Value(98.0))},
        {"memory_temperature_celsius": Value(104.0)},  # its bound is not known
        {"utilisation_percent": Value(3.0), "throttle": reasons(Throttle.HARDWARE, Throttle.POWER_BRAKE)},
        {**BUSY, "throttle": Absence.NOT_SUPPORTED},
        {**BUSY, "throttle": reasons()},
        {**BUSY, "throttle": reasons(Throttle.DISPLAY, Throttle.SYNC_BOOST, Throttle.IDLE)},
        {**BUSY, "throttle": reasons(Throttle.APPLICATION_CLOCKS), "clock_mhz": Value(2950.0)},
        {**BUSY, "throttle": reasons(Throttle.APPLICATION_CLOCKS), "clock_max_mhz": ABSENT},
        {**BUSY, "throttle": reasons(Throttle.POWER_CAP)},  # normal, and nobody trains
        {"ecc": Ecc(True, Value(9.0), Value(0.0), False)},
        {"compute_mode": ComputeMode.EXCLUSIVE},
        {"persistence": False},
        {"asleep": True, "temperature_celsius": Value(95.0)},
    ],
)
def test_nothing_is_said_just_below_or_where_nothing_is_known(changes: dict[str, Any]) -> None:
    assert after(still(gpu(**changes))) == ()


def test_a_card_says_itself_when_it_is_hot() -> None:
    assert hot_celsius(gpu()) == 87.0
    assert hot_celsius(gpu(thresholds=Thresholds(slowdown=Value(95.0)))) == 92.0
    hot = gpu(temperature_celsius=Value(93.0), thresholds=Thresholds(slowdown=Value(95.0)))
    assert keys_of(after(still(hot))) == ["gpu_hot"]


def test_heat_for_a_moment_is_not_said() -> None:
    def at(moment: float) -> Snapshot:
        held = reasons(Throttle.HEAT) if moment > 52 else reasons()
        return snapshot(gpu(**BUSY, throttle=held), moment=moment)

    assert after(at) == ()


def test_several_cards_are_one_verdict_with_their_numbers() -> None:
    hot = [gpu(index, temperature_celsius=Value(90.0 + index), clock_mhz=Value(3000.0)) for index in (0, 2)]
    verdict = one(*after(still(hot[0], gpu(1), hot[1])))
    assert str(verdict.what).startswith("GPU 0, 2: 92 °C")
    assert [str(fact) for fact in verdict.evidence] == [
        "GPU 0: temperature 90 °C",
        "GPU 0: clock 3000 MHz of 3000 MHz",
        "GPU 2: temperature 92 °C",
        "GPU 2: clock 3000 MHz of 3000 MHz",
    ]


def test_cards_of_two_makers_go_by_their_names() -> None:
    amd = gpu(0, uuid="0000:03:00.0", name="AMD Radeon Pro", maker=Maker.AMD, temperature_celsius=Value(95.0))
    assert str(one(*after(still(gpu(0), amd))).what).startswith("AMD Radeon Pro: slowed down by heat")


def test_heat_explains_a_low_clock() -> None:
    fixed = reasons(Throttle.HEAT, Throttle.APPLICATION_CLOCKS, Throttle.HARDWARE)
    assert keys_of(after(still(gpu(**BUSY, throttle=fixed, clock_mhz=Value(900.0))))) == ["gpu_hot"]


def test_memory_that_fills_up_is_said_before_it_is_full() -> None:
    def at(moment: float) -> Snapshot:
        return snapshot(gpu(memory_used_bytes=Value((8 + moment / 30) * GIB)), moment=moment)

    verdict = one(*after(at, [TRAINING]))
    assert (verdict.key, verdict.level) == ("gpu_memory", "bad")
    assert "will be full in" in str(verdict.what)
    assert "9" in told(verdict) or "10" in told(verdict)
    assert verdict.concerns == ("cats",)


def test_the_power_limit_of_a_card_that_trains_is_normal() -> None:
    card = gpu(**BUSY, throttle=reasons(Throttle.POWER_CAP), power_watts=Value(199.0))
    verdict = one(*after(still(card), [TRAINING]))
    assert (verdict.key, verdict.level, told(verdict)) == ("power_limit", "good", "199 W of 200 W")
    well_used = one(*after(still(gpu(utilisation_percent=Value(95.0), throttle=card.throttle)), [TRAINING]))
    assert well_used.key == "gpu_well_used"
    assert "120 W of 200 W" in told(well_used)


@pytest.mark.parametrize(("width", "said"), [(Value(4.0), True), (Value(8.0), False), (ABSENT, False)])
def test_a_card_on_few_lanes(width: Value, said: bool) -> None:
    card = gpu(**BUSY, link=Link(width=width, width_max=Value(16.0)))
    found = after(still(card), [TRAINING])
    assert keys_of(found) == (["pcie_narrow"] if said else [])
    if said:
        assert told(found[0]) == "4 of 16 PCIe lanes"
    assert after(still(card)) == ()  # nobody trains


def test_lost_cards_are_said_beside_others_only() -> None:
    verdict = one(*after(still(gpu(0), gpu(1, lost=True)), seconds=0))
    assert (verdict.key, str(verdict.what)) == ("gpu_lost", "GPU 1 no longer answers.")
    assert after(still(gpu(0, lost=True), state=DriverState.LOST)) == ()


def test_our_own_training_may_have_an_exclusive_card() -> None:
    ours = GpuProcess(42, "python", "me", Value(2.0 * GIB), "compute")
    card = gpu(**BUSY, compute_mode=ComputeMode.EXCLUSIVE, processes=(ours,))
    assert after(still(card), [Work("cats", "cuda:0", pid=42)]) == ()
