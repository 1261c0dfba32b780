"""Everything that is known of a card, in groups of facts: for the window and for the report.

A fact has a value or the reason why there is none; nothing is left out, and nothing missing is shown as zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aienv_gui.core.wording import Text, size, tr, verbatim
from aienv_gui.hardware.amounts import memory_share, memory_size
from aienv_gui.hardware.driver_words import absence_words
from aienv_gui.hardware.readings import (
    Absence,
    ComputeMode,
    Driver,
    Ecc,
    Gpu,
    Link,
    Maker,
    MigInstance,
    NvLink,
    Throttle,
    Value,
)
from aienv_gui.hardware.throttle_words import BY_WEIGHT, throttle_words

_WATT_HOUR_J = 3600.0


@dataclass(frozen=True, slots=True)
class Fact:
    """`value`, or `reason` why there is none. `hint` says what it means."""

    title: Text
    value: Text | None
    reason: Text | None = None
    hint: Text | None = None


@dataclass(frozen=True, slots=True)
class FactGroup:
    title: Text
    facts: tuple[Fact, ...]


def facts_of(gpu: Gpu, driver: Driver) -> tuple[FactGroup, ...]:
    """All groups, always the same ones in the same order; `driver` is the card's."""
    return (
        FactGroup(tr("Load"), _load(gpu)),
        FactGroup(tr("Memory"), _memory(gpu)),
        FactGroup(tr("Heat"), _heat(gpu)),
        FactGroup(tr("Power"), _power(gpu)),
        FactGroup(tr("Clocks"), _clocks(gpu)),
        FactGroup(tr("Connection"), _connection(gpu.link, gpu.nvlinks)),
        FactGroup(tr("Memory errors"), _memory_errors(gpu.ecc)),
        FactGroup(tr("Mode"), _mode(gpu)),
        FactGroup(tr("Identity"), _identity(gpu, driver)),
    )


def _load(gpu: Gpu) -> tuple[Fact, ...]:
    return (
        _fact(tr("Utilisation"), gpu.utilisation_percent, _percent, tr("The share of time in which it calculated.")),
        _fact(
            tr("Memory access"),
            gpu.memory_controller_percent,
            _percent,
            tr("The share of time in which its memory was read or written (memory controller)."),
        ),
        _fact(tr("Video encoder"), gpu.encoder_percent, _percent),
        _fact(tr("Video decoder"), gpu.decoder_percent, _percent),
    )


def _memory(gpu: Gpu) -> tuple[Fact, ...]:
    total = gpu.memory_total_bytes.number

    def used(count: float) -> str:
        return memory_share(count, total) if total is not None else memory_size(count)

    return (
        _fact(tr("In use"), gpu.memory_used_bytes, used),
        _fact(tr("Free"), gpu.memory_free_bytes, memory_size),
        _fact(tr("Reserved"), gpu.memory_reserved_bytes, memory_size, tr("The driver keeps it for itself.")),
    )


def _heat(gpu: Gpu) -> tuple[Fact, ...]:
    limits = gpu.thresholds
    return (
        _fact(tr("Temperature"), gpu.temperature_celsius, _celsius),
        _fact(tr("Memory temperature"), gpu.memory_temperature_celsius, _celsius),
        _fact(tr("Aims to stay below"), limits.target, _celsius),
        _fact(tr("Slows down at"), limits.slowdown, _celsius),
        _fact(tr("Switches off at"), limits.shutdown, _celsius),
        _fact(tr("Fan"), gpu.fan_percent, _percent),
    )


def _power(gpu: Gpu) -> tuple[Fact, ...]:
    return (
        _fact(tr("Power"), gpu.power_watts, _watts),
        _fact(tr("Power limit"), gpu.power_limit_watts, _watts),
        _fact(tr("Energy"), gpu.energy_joules, _energy, tr("Since its driver was loaded.")),
    )


def _clocks(gpu: Gpu) -> tuple[Fact, ...]:
    return (
        _of_most(tr("Clock"), gpu.clock_mhz, gpu.clock_max_mhz),
        _of_most(tr("Memory clock"), gpu.memory_clock_mhz, gpu.memory_clock_max_mhz),
        _fact(
            tr("Performance state"),
            gpu.performance_state,
            lambda state: f"P{state:.0f}",
            tr("P0 is the fastest, P15 the most economical."),
        ),
        _held_back(gpu.throttle),
    )


def _held_back(throttle: frozenset[Throttle] | Absence) -> Fact:
    title = tr("Held back")
    if isinstance(throttle, Absence):
        return Fact(title, None, absence_words(throttle))
    reasons = [reason for reason in BY_WEIGHT if reason in throttle]
    if not reasons:
        return Fact(title, tr("By nothing"))
    sentence = throttle_words(reasons[0])
    for reason in reasons[1:]:
        sentence = tr("{first} {second}", first=sentence, second=throttle_words(reason))
    return Fact(title, sentence)


def _connection(link: Link, nvlinks: tuple[NvLink, ...] | Absence) -> tuple[Fact, ...]:
    lowered = tr("A card lowers it while it rests.")
    return (
        _now_of_most(tr("PCIe generation"), link.generation, link.generation_max, lowered),
        _now_of_most(tr("PCIe lanes"), link.width, link.width_max, lowered),
        _fact(tr("Received"), link.received_bytes_s, _rate),
        _fact(tr("Sent"), link.sent_bytes_s, _rate),
        _nvlinks(nvlinks),
    )


def _nvlinks(links: tuple[NvLink, ...] | Absence) -> Fact:
    if isinstance(links, Absence):
        return Fact(tr("NVLink"), None, absence_words(links))
    active = sum(link.active for link in links)
    return Fact(tr("NVLink"), tr("{active} of {all} active", active=active, all=len(links)))


def _memory_errors(ecc: Ecc) -> tuple[Fact, ...]:
    enabled = _switch(tr("Error correction (ECC)"), ecc.enabled, tr("On"), tr("Off"))
    since = tr("Since its driver was loaded.")
    return (
        enabled,
        _fact(tr("Corrected"), ecc.corrected, _count, since),
        _fact(tr("Not corrected"), ecc.uncorrected, _count, since),
        _switch(tr("Repair"), ecc.repair_pending, tr("Waits for a restart"), tr("Not needed")),
    )


def _mode(gpu: Gpu) -> tuple[Fact, ...]:
    return (
        _compute_mode(gpu.compute_mode),
        _switch(
            tr("Driver stays loaded"),
            gpu.persistence,
            tr("Yes"),
            tr("No"),
            tr("Persistence mode: without it the first program waits for a second or more."),
        ),
        _switch(tr("Split into parts (MIG)"), gpu.mig_enabled, tr("Yes"), tr("No")),
        *(_instance(number, part) for number, part in enumerate(gpu.mig, start=1)),
    )


def _compute_mode(mode: ComputeMode | Absence) -> Fact:
    title = tr("Programs may calculate")
    if isinstance(mode, Absence):
        return Fact(title, None, absence_words(mode))
    words = {
        ComputeMode.DEFAULT: tr("Several at once"),
        ComputeMode.EXCLUSIVE: tr("One at a time"),
        ComputeMode.PROHIBITED: tr("None"),
    }
    return Fact(title, words[mode])


def _instance(number: int, part: MigInstance) -> Fact:
    title = tr("Part {number} ({profile})", number=number, profile=part.profile or "?")
    total = part.memory_total_bytes.number
    hint = verbatim(part.uuid)
    return _fact(
        title, part.memory_used_bytes, lambda used: memory_share(used, total) if total else memory_size(used), hint
    )


def _identity(gpu: Gpu, driver: Driver) -> tuple[Fact, ...]:
    unknown = absence_words(Absence.FAILED)
    facts = [
        _text(tr("Identifier (UUID)"), gpu.uuid),
        _text(tr("Bus address"), gpu.bus),
        _text(tr("Driver"), driver.driver_version),
    ]
    if gpu.maker is Maker.NVIDIA:
        capability = gpu.compute_capability
        facts += [
            _text(tr("CUDA up to"), driver.cuda_version),
            Fact(
                tr("Compute capability"),
                verbatim(".".join(map(str, capability))) if capability is not None else None,
                None if capability is not None else unknown,
            ),
        ]
    elif gpu.maker is Maker.AMD:
        facts.append(_text(tr("ROCm"), driver.cuda_version))
    if gpu.xid is not None:
        facts.append(Fact(tr("Last error"), verbatim(f"Xid {gpu.xid.code}")))
    return tuple(facts)


# One fact


def _fact(title: Text, value: Value, words: Callable[[float], str], hint: Text | None = None) -> Fact:
    if value.number is None:
        return Fact(title, None, absence_words(value.absence or Absence.FAILED), hint)
    return Fact(title, verbatim(words(value.number)), None, hint)


def _of_most(title: Text, value: Value, most: Value) -> Fact:
    if value.number is None or most.number is None:
        return _fact(title, value, _mhz)
    return Fact(title, tr("{clock} of {top} MHz", clock=f"{value.number:.0f}", top=f"{most.number:.0f}"))


def _now_of_most(title: Text, value: Value, most: Value, hint: Text) -> Fact:
    if value.number is None or most.number is None:
        return _fact(title, value, _count, hint)
    return Fact(title, tr("{number} of {most}", number=f"{value.number:.0f}", most=f"{most.number:.0f}"), None, hint)


def _switch(title: Text, state: bool | Absence, yes: Text, no: Text, hint: Text | None = None) -> Fact:
    if isinstance(state, Absence):
        return Fact(title, None, absence_words(state), hint)
    return Fact(title, yes if state else no, None, hint)


def _text(title: Text, value: str) -> Fact:
    return Fact(title, verbatim(value) if value else None, None if value else absence_words(Absence.FAILED))


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _celsius(value: float) -> str:
    return f"{value:.0f} °C"


def _watts(value: float) -> str:
    return f"{value:.0f} W"


def _mhz(value: float) -> str:
    return f"{value:.0f} MHz"


def _count(value: float) -> str:
    return f"{value:.0f}"


def _rate(value: float) -> str:
    return f"{size(value)}/s"


def _energy(joules: float) -> str:
    hours = joules / _WATT_HOUR_J
    return f"{hours / 1000:.2f} kWh" if hours >= 1000 else f"{hours:.1f} Wh"
