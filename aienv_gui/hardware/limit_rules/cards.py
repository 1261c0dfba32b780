"""Rules on the cards alone: faults, memory, heat, power, clocks, how they are connected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from aienv_gui.core.wording import Text, duration, percent, tr, tr_count
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.limit_rules.recent import Card, Recent
from aienv_gui.hardware.limit_rules.verdict import Verdict, first_few, keys, of_card, which
from aienv_gui.hardware.readings import ComputeMode, DriverState, Gpu, GpuProcess, Maker

# Consumer cards slow themselves down at 83 to 90 degrees, data centre cards a little later.
HOT_CELSIUS: Final = 87.0
_COOLER: Final = 3.0  # degrees below which it counts as cool again
_FULL, _FULL_OFF = 95.0, 92.0  # percent
_SOON_S: Final = 180.0  # memory that will be full within this time is said now
_GROWN: Final = 60.0  # percent that must be in use for that
_HELD, _HELD_OFF = 0.5, 0.25  # share of the time for which a reason must hold the clock back
_LOADED, _LOADED_OFF = 50.0, 35.0  # percent of utilisation
_LOW_CLOCK: Final = 0.95  # of the highest; above it a card is not slowed down


def hot_celsius(gpu: Gpu) -> float:
    """From where on a card counts as hot: what its maker says, or what is usual."""
    slowdown = gpu.thresholds.slowdown.number
    return slowdown - _COOLER if slowdown else HOT_CELSIUS


def lost(recent: Recent) -> Verdict | None:
    snapshot = recent.snapshot
    # Where all of a maker's are lost, the state of its driver says it.
    drivers = [driver for driver in (snapshot.nvidia, *snapshot.others) if driver.state is not DriverState.LOST]
    gone = [gpu for driver in drivers for gpu in driver.gpus if gpu.lost]
    if not gone:
        return None
    return Verdict(
        "gpu_lost",
        "bad",
        tr("{gpu} no longer answers.", gpu=which(gone, recent.gpus)),
        tr("Restart the computer. If it happens again, check the card's power cables and its temperature."),
        cards=tuple(gpu.uuid for gpu in gone),
    )


def memory_errors(recent: Recent) -> Verdict | None:
    broken = [card for card in recent.cards if card.gpu.ecc.uncorrected.number]
    if not broken:
        return None
    return Verdict(
        "ecc",
        "bad",
        tr("{gpu}: the memory is faulty, so results may be wrong.", gpu=_named(broken, recent)),
        tr("Restart the computer. If new errors come, have the card replaced."),
        _facts(broken, recent, lambda card: [_errors(card.gpu)]),
        _concerned(broken),
        _uuids(broken),
    )


def _errors(gpu: Gpu) -> Text:
    return tr_count(
        "{count} memory error that could not be corrected",
        "{count} memory errors that could not be corrected",
        int(gpu.ecc.uncorrected.number or 0),
    )


def memory_repair(recent: Recent) -> Verdict | None:
    waiting = [card for card in recent.cards if card.gpu.ecc.repair_pending is True]
    if not waiting:
        return None
    return Verdict(
        "ecc_repair",
        "warn",
        tr("{gpu}: weak memory was found and will be repaired at the next restart.", gpu=_named(waiting, recent)),
        tr("Let the training end, then restart the computer."),
        cards=_uuids(waiting),
    )


def closed(recent: Recent) -> Verdict | None:
    found = [card for card in recent.cards if card.gpu.compute_mode is ComputeMode.PROHIBITED]
    if not found:
        return None
    return Verdict(
        "compute_prohibited",
        "bad",
        tr("{gpu}: closed to calculations (compute mode “prohibited”).", gpu=_named(found, recent)),
        tr("Ask whoever set it, or open it as an administrator with “nvidia-smi -c 0”."),
        cards=_uuids(found),
    )


def taken(recent: Recent) -> Verdict | None:
    """A card for one program alone, which another has: a training that is started there would fail."""
    ours = {one.pid for one in recent.work}
    holders: dict[str, GpuProcess] = {}
    for card in recent.cards:
        if card.gpu.compute_mode is ComputeMode.EXCLUSIVE:
            foreign = (one for one in card.gpu.processes if one.kind == "compute" and one.pid not in ours)
            holders.update((card.gpu.uuid, process) for process in foreign)
    found = [card for card in recent.cards if card.gpu.uuid in holders]
    if not found:
        return None
    return Verdict(
        "compute_exclusive",
        "warn",
        tr("{gpu}: only one program at a time may calculate there, and one does now.", gpu=_named(found, recent)),
        tr("Wait until it ends, or allow several as an administrator with “nvidia-smi -c 0”."),
        _facts(found, recent, lambda card: [_program(holders[card.gpu.uuid])]),
        cards=_uuids(found),
    )


def _program(process: GpuProcess) -> Text:
    return tr("{name} (process {pid})", name=process.name or tr("Unknown program"), pid=process.pid)


def memory(recent: Recent) -> Verdict | None:
    # Apple's cards share the main memory, which has a rule of its own.
    own = [card for card in recent.cards if card.gpu.maker is not Maker.APPLE]
    soon = [card for card in own if _full_in_s(card) <= _SOON_S]
    full = [card for card in own if card.readings.above("memory", _FULL, _FULL_OFF)]
    chosen = [card for card in own if card in soon or card in full]
    if not chosen:
        return None
    name = _named(chosen, recent)
    if soon:
        time = duration(max(1.0, min(map(_full_in_s, soon))))
        what = tr("{gpu}: the memory fills up and will be full in {time}.", gpu=name, time=time)
    else:
        share = percent(max(card.readings.now("memory") for card in full) / 100)
        what = tr("{gpu}: the memory is {percent} full.", gpu=name, percent=share)
    return Verdict(
        "gpu_memory",
        "bad" if soon else "warn",
        what,
        tr("Train with a smaller batch size, or close other programs that use the card."),
        _facts(chosen, recent, lambda card: [_memory_fact(card.gpu)]),
        _concerned(chosen),
        _uuids(chosen),
    )


def _full_in_s(card: Card) -> float:
    """How long its memory lasts if it goes on growing as in the last minute; infinite where it does not grow."""
    used, total = card.gpu.memory_used_bytes.number, card.gpu.memory_total_bytes.number
    growth = card.readings.memory_growth
    if used is None or not total or not growth > 0 or 100.0 * used / total < _GROWN:
        return math.inf
    return (100.0 - 100.0 * used / total) / growth


def _memory_fact(gpu: Gpu) -> Text:
    used, total = gpu.memory_used_bytes.number or 0.0, gpu.memory_total_bytes.number or 0.0
    return tr("{share} of its memory in use", share=memory_share(used, total))


def heat(recent: Recent) -> Verdict | None:
    slowed = [card for card in recent.cards if _slowed_by_heat(card)]
    hot = [card for card in recent.cards if _is_hot(card)]
    memory_hot = [card for card in recent.cards if _memory_is_hot(card)]
    chosen = slowed or [card for card in recent.cards if card in hot or card in memory_hot]
    if not chosen:
        return None
    name = _named(chosen, recent)
    level: Literal["warn", "bad"] = "warn"
    if slowed:
        what = tr("{gpu}: slowed down by heat.", gpu=name)
        level = "bad" if any(_held(card, "hardware_heat") for card in slowed) else "warn"
    elif hot:
        hottest = f"{max(card.readings.now('temperature') for card in hot):.0f}"
        what = tr("{gpu}: {degrees} °C. At about this temperature a card slows itself down.", gpu=name, degrees=hottest)
    else:
        what = tr("{gpu}: the memory is so hot that the card will slow itself down.", gpu=name)
    cure = tr("Clean the fans, give the computer more air, or lower the card's power limit.")
    facts = _facts(chosen, recent, _heat_facts)
    return Verdict("gpu_hot", level, what, cure, facts, _concerned(chosen), _uuids(chosen))


def _slowed_by_heat(card: Card) -> bool:
    """As the driver tells; where it does not, by a low clock under load at the temperature where cards slow down."""
    untold = math.isnan(card.readings.now("heat"))
    return _held(card, "heat") or (untold and _is_hot(card) and _has_low_clock(card) and is_loaded(card))


def _is_hot(card: Card) -> bool:
    limit = hot_celsius(card.gpu)
    return card.readings.above("temperature", limit, limit - _COOLER)


def _memory_is_hot(card: Card) -> bool:
    limit = card.gpu.thresholds.memory.number
    return bool(limit) and card.readings.above("memory_temperature", limit or 0.0, (limit or 0.0) - _COOLER)


def _heat_facts(card: Card) -> list[Text]:
    facts = []
    degrees = card.readings.now("temperature")
    if math.isfinite(degrees):
        facts.append(tr("temperature {degrees} °C", degrees=f"{degrees:.0f}"))
    if _memory_is_hot(card):
        of_memory = f"{card.readings.now('memory_temperature'):.0f}"
        facts.append(tr("temperature of its memory {degrees} °C", degrees=of_memory))
    return facts + _clock_facts(card)


def power_supply(recent: Recent) -> Verdict | None:
    """The card got less power than it needs, or protects itself from something that is no heat."""
    loaded = [card for card in recent.cards if is_loaded(card)]
    braked = [card for card in loaded if _held(card, "power_brake")]
    guarded = [card for card in loaded if _held(card, "hardware") and not _held(card, "heat")]
    chosen = [card for card in loaded if card in braked or card in guarded]
    if not chosen:
        return None
    name = _named(chosen, recent)
    return Verdict(
        "power_brake",
        "bad",
        tr("{gpu}: slowed down because the power supply asks for less.", gpu=name)
        if braked
        else tr("{gpu}: slowed down to protect itself, though not from heat.", gpu=name),
        tr("Check the card's power cables, and whether the power supply is strong enough. A laptop needs its charger."),
        _facts(chosen, recent, _clock_facts),
        _concerned(chosen),
        _uuids(chosen),
    )


def fixed_clock(recent: Recent) -> Verdict | None:
    # Where the card has a reason of its own as well, that is said instead.
    chosen = [
        card
        for card in recent.cards
        if is_loaded(card)
        and _has_low_clock(card)
        and _held(card, "fixed")
        and not any(_held(card, reason) for reason in ("heat", "power_brake", "hardware"))
    ]
    if not chosen:
        return None
    return Verdict(
        "clock_fixed",
        "warn",
        tr("{gpu}: the clock was fixed below what the card can do.", gpu=_named(chosen, recent)),
        tr("Ask whoever set it, or free it as an administrator with “nvidia-smi -rgc” and “nvidia-smi -rac”."),
        _facts(chosen, recent, _clock_facts),
        _concerned(chosen),
        _uuids(chosen),
    )


def power_limit(recent: Recent) -> Verdict | None:
    """Said of cards that train only: it is how a card is meant to run, and nothing to be mended."""
    chosen = [card for card in recent.cards if card.work and is_loaded(card) and _held(card, "power_cap")]
    if not chosen:
        return None
    return Verdict(
        "power_limit",
        "good",
        tr("{gpu}: at the power limit, which is normal under full load.", gpu=_named(chosen, recent)),
        tr("There is nothing to do."),
        _facts(chosen, recent, lambda card: _power_facts(card.gpu)),
        _concerned(chosen),
        _uuids(chosen),
    )


def _power_facts(gpu: Gpu) -> list[Text]:
    power, limit = gpu.power_watts.number, gpu.power_limit_watts.number
    if power is None or limit is None:
        return []
    return [tr("{power} W of {limit} W", power=f"{power:.0f}", limit=f"{limit:.0f}")]


def narrow_link(recent: Recent) -> Verdict | None:
    """A quarter of the lanes or less: a half costs a training next to nothing."""
    chosen = [card for card in recent.cards if card.work and is_loaded(card) and _is_narrow(card.gpu)]
    if not chosen:
        return None
    return Verdict(
        "pcie_narrow",
        "warn",
        tr("{gpu}: connected over fewer lanes than the card has, so data reaches it late.", gpu=_named(chosen, recent)),
        tr("Turn the computer off and put the card firmly into the slot nearest to the processor."),
        _facts(chosen, recent, lambda card: [_lanes(card.gpu)]),
        _concerned(chosen),
        _uuids(chosen),
    )


def _is_narrow(gpu: Gpu) -> bool:
    width, most = gpu.link.width.number, gpu.link.width_max.number
    return bool(width and most and 4 * width <= most)


def _lanes(gpu: Gpu) -> Text:
    width, most = gpu.link.width.number or 0.0, gpu.link.width_max.number or 0.0
    return tr("{width} of {most} PCIe lanes", width=f"{width:.0f}", most=f"{most:.0f}")


def is_loaded(card: Card) -> bool:
    """Whether it calculates: an idle one lowers its clocks for many reasons, none of which limits anything."""
    return card.readings.above("utilisation", _LOADED, _LOADED_OFF)


def _held(card: Card, reason: str) -> bool:
    return card.readings.above(reason, _HELD, _HELD_OFF)


def _has_low_clock(card: Card) -> bool:
    top = card.gpu.clock_max_mhz.number
    return top is not None and card.readings.now("clock") <= _LOW_CLOCK * top


def _clock_facts(card: Card) -> list[Text]:
    clock, top = card.readings.now("clock"), card.gpu.clock_max_mhz.number
    if not math.isfinite(clock) or not top:
        return []
    return [tr("clock {clock} MHz of {top} MHz", clock=f"{clock:.0f}", top=f"{top:.0f}")]


def _named(cards: Iterable[Card], recent: Recent) -> Text:
    return which([card.gpu for card in cards], recent.gpus)


def _facts(cards: Sequence[Card], recent: Recent, of: Callable[[Card], list[Text]]) -> tuple[Text, ...]:
    return tuple(of_card(fact, card.gpu, recent.gpus) for card in first_few(cards) for fact in of(card))


def _concerned(cards: Iterable[Card]) -> tuple[str, ...]:
    return keys(one for card in cards for one in card.work)


def _uuids(cards: Iterable[Card]) -> tuple[str, ...]:
    return tuple(card.gpu.uuid for card in cards)
