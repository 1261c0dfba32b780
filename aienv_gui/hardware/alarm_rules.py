"""The rules behind the alarms: what a look at the hardware shows of each, as numbers against limits, and its words.

A reading that is missing yields no finding: nothing is said where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aienv_gui.core.wording import Text, percent, size, tr, tr_count, verbatim
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.driver_words import nvidia_words
from aienv_gui.hardware.limits import Work
from aienv_gui.hardware.readings import Absence, Disk, DriverState, Gpu, Snapshot, Throttle

IDLE_PERCENT: Final = 5.0  # the mean of about a minute below which a card counts as idle
_BUSY_PERCENT: Final = 10.0
# How far on the good side of its limit a reading must be for the alarm to be over.
_COOLER_CELSIUS: Final = 4.0
_EMPTIER: Final = 0.03
_FREER: Final = 1.2
# A small partition (/boot) is never fuller or emptier than it was made to be.
_WORTH_WATCHING: Final = 2
_ON_CARD: Final = frozenset({"training", "validating", "testing"})  # phases in which the card calculates
_HEAT: Final = frozenset({Throttle.HEAT, Throttle.HARDWARE_HEAT})
_SLOWED: Final = _HEAT | {Throttle.HARDWARE, Throttle.POWER_BRAKE}
_SILENT: Final = (DriverState.LOST, DriverState.UNRESPONSIVE, DriverState.CRASHED)


class AlarmKind(StrEnum):
    """What can be told; each has a setting ``alarm_<kind>``."""

    GPU_TEMPERATURE = "gpu_temperature"
    THROTTLING = "throttling"
    GPU_MEMORY = "gpu_memory"
    MEMORY = "memory"
    GPU_IDLE = "gpu_idle"
    DISK = "disk"
    GPU_LOST = "gpu_lost"
    TRAINING_FINISHED = "training_finished"
    TRAINING_FAILED = "training_failed"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the user set for a kind. The limit is in degrees celsius, percent, minutes or gigabytes, by kind."""

    on: bool = True
    limit: float = 0.0


Rules = Mapping[AlarmKind, Rule]


def rules_from(get: Callable[[str], Any]) -> Rules:
    """The rules as the settings have them; `get` gives a setting's value by its name."""
    stored = {kind: get(f"alarm_{kind}") for kind in AlarmKind}
    return {kind: Rule(value["on"], value.get("limit", 0)) for kind, value in stored.items()}


@dataclass(frozen=True, slots=True)
class Words:
    title: Text
    what: Text
    cure: Text


@dataclass(frozen=True, slots=True)
class Finding:
    """Where one thing stands: beyond its limit (then with words), or not; `over` where it is clearly within it."""

    kind: AlarmKind
    subject: str  # a card's uuid, a disk's mount
    words: Words | None = None
    over: bool = False


def findings(snapshot: Snapshot, work: Sequence[Work], rules: Rules, loads: Mapping[str, float]) -> Iterator[Finding]:
    """Where everything stands. `loads` is the mean utilisation of the last minute by card, where it is known."""
    gpus = [gpu for gpu in snapshot.gpus if not gpu.asleep]
    several = len(snapshot.gpus) > 1
    for gpu in gpus:
        for find in (_lost, _temperature, _throttling, _gpu_memory):
            yield from find(gpu, rules, several)
    yield from _driver(snapshot)
    yield from _memory(snapshot, rules)
    for index, disk in enumerate(snapshot.host.disks):
        yield from _disk(disk, rules, data=index == 0)
    yield from _idle(gpus, work, rules, loads)


def _card(gpu: Gpu, several: bool) -> Text:
    """A card in a sentence; with its number where there are several."""
    return verbatim(f"GPU {gpu.index} ({gpu.name})" if several else gpu.name)


def _temperature(gpu: Gpu, rules: Rules, several: bool) -> Iterator[Finding]:
    degrees = gpu.temperature_celsius.number
    if degrees is None:
        return
    limit = rules[AlarmKind.GPU_TEMPERATURE].limit
    slowdown = gpu.thresholds.slowdown.number
    if slowdown is not None and slowdown > 0:
        limit = min(limit, slowdown)
    words = Words(
        tr("GPU too hot"),
        tr(
            "{gpu} is at {degrees} °C; the limit is {limit} °C.",
            gpu=_card(gpu, several),
            degrees=round(degrees),
            limit=round(limit),
        ),
        tr("Give the computer more air, clean its fans, or lower the card's power limit."),
    )
    beyond = degrees >= limit
    yield Finding(AlarmKind.GPU_TEMPERATURE, gpu.uuid, words if beyond else None, degrees < limit - _COOLER_CELSIUS)


def _throttling(gpu: Gpu, rules: Rules, several: bool) -> Iterator[Finding]:  # noqa: ARG001
    if isinstance(gpu.throttle, Absence):
        return
    load = gpu.utilisation_percent.number
    if load is not None and load < _BUSY_PERCENT:  # a card that has nothing to do is slow for no one
        yield Finding(AlarmKind.THROTTLING, gpu.uuid)
        return
    reasons = gpu.throttle & _SLOWED
    yield Finding(AlarmKind.THROTTLING, gpu.uuid, _slowed(gpu, reasons, several) if reasons else None, not reasons)


def _slowed(gpu: Gpu, reasons: frozenset[Throttle], several: bool) -> Words:
    title, card = tr("GPU slowed down"), _card(gpu, several)
    if reasons & _HEAT:
        degrees = gpu.temperature_celsius.number
        what = (
            tr("{gpu} is slower than it could be because of its heat.", gpu=card)
            if degrees is None
            else tr(
                "{gpu} is slower than it could be because of its heat ({degrees} °C).", gpu=card, degrees=round(degrees)
            )
        )
        return Words(title, what, tr("Give the computer more air, clean its fans, or lower the card's power limit."))
    if Throttle.POWER_BRAKE in reasons:
        what = tr("{gpu} is slower than it could be: the power supply asks it to take less.", gpu=card)
        return Words(title, what, tr("Check the card's power cables, and whether the power supply is strong enough."))
    what = tr("{gpu} protects itself from heat or a lack of power and is slower than it could be.", gpu=card)
    return Words(title, what, tr("Check the card's power cables and its fans."))


def _gpu_memory(gpu: Gpu, rules: Rules, several: bool) -> Iterator[Finding]:
    used, total = gpu.memory_used_bytes.number, gpu.memory_total_bytes.number
    if used is None or not total:
        return
    limit = rules[AlarmKind.GPU_MEMORY].limit / 100
    words = Words(
        tr("GPU memory nearly full"),
        tr(
            "{gpu}: {share} are in use ({percent}).",
            gpu=_card(gpu, several),
            share=memory_share(used, total),
            percent=percent(used / total),
        ),
        tr("Train with a smaller batch size, or close other programs that use the card."),
    )
    full = used / total >= limit
    yield Finding(AlarmKind.GPU_MEMORY, gpu.uuid, words if full else None, used / total < limit - _EMPTIER)


def _lost(gpu: Gpu, rules: Rules, several: bool) -> Iterator[Finding]:  # noqa: ARG001
    words = Words(
        tr("GPU lost"),
        tr("{gpu} no longer answers.", gpu=_card(gpu, several)),
        tr("Restart the computer. If it happens again, check the card's power cables and its temperature."),
    )
    yield Finding(AlarmKind.GPU_LOST, gpu.uuid, words if gpu.lost else None, not gpu.lost)


def _driver(snapshot: Snapshot) -> Iterator[Finding]:
    driver = snapshot.nvidia
    if driver.state not in _SILENT or driver.gpus:  # with cards, each tells for itself
        yield Finding(AlarmKind.GPU_LOST, driver.maker, None, True)
        return
    what, cure = nvidia_words(driver)
    assert cure is not None
    yield Finding(AlarmKind.GPU_LOST, driver.maker, Words(tr("GPU lost"), what, cure))


def _memory(snapshot: Snapshot, rules: Rules) -> Iterator[Finding]:
    used, total = snapshot.host.memory_used_bytes, snapshot.host.memory_total_bytes
    if not total:
        return
    limit = rules[AlarmKind.MEMORY].limit / 100
    words = Words(
        tr("Memory nearly full"),
        tr(
            "{share} of the computer's memory are in use ({percent}).",
            share=memory_share(used, total),
            percent=percent(used / total),
        ),
        tr("Close programs you do not need, or train with a smaller batch size; a full memory ends programs."),
    )
    full = used / total >= limit
    yield Finding(AlarmKind.MEMORY, "", words if full else None, used / total < limit - _EMPTIER)


def _disk(disk: Disk, rules: Rules, *, data: bool) -> Iterator[Finding]:
    limit = rules[AlarmKind.DISK].limit * 1e9
    if not disk.answers or disk.total_bytes < (limit if data else _WORTH_WATCHING * limit):
        return
    words = Words(
        tr("Disk nearly full"),
        tr("{free} are free on {disk}.", free=size(disk.free_bytes), disk=disk.mount),
        tr("Free some space: trainings cannot save their checkpoints on a full disk."),
    )
    low = disk.free_bytes < limit
    yield Finding(AlarmKind.DISK, disk.mount, words if low else None, disk.free_bytes >= _FREER * limit)


def _idle(gpus: Sequence[Gpu], work: Sequence[Work], rules: Rules, loads: Mapping[str, float]) -> Iterator[Finding]:
    minutes = round(rules[AlarmKind.GPU_IDLE].limit)
    for one in work:
        if one.paused or one.device in ("", "cpu") or one.phase not in _ON_CARD:
            continue
        # Which card it is: the one that holds the process. Where the driver does not say, all of them must be idle.
        holding = [gpu for gpu in gpus if any(process.pid == one.pid for process in gpu.processes)]
        known = [loads[gpu.uuid] for gpu in holding or gpus if gpu.uuid in loads]
        if not known:
            continue
        words = Words(
            tr("GPU idle during a training"),
            tr_count(
                "{name} runs, and its card has had next to nothing to do for {count} minute.",
                "{name} runs, and its card has had next to nothing to do for {count} minutes.",
                minutes,
                name=one.name,
            ),
            tr("The data may come too slowly: a larger batch size, or the data on a faster disk, often helps."),
        )
        load = max(known)
        subject = str(one.pid or one.name)
        yield Finding(AlarmKind.GPU_IDLE, subject, words if load < IDLE_PERCENT else None, load >= _BUSY_PERCENT)
