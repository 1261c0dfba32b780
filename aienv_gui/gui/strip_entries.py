"""What the line at the bottom of the window says of the cards of all makers: two entries at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aienv_gui.core.wording import Text, tr, tr_count, verbatim
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.card_names import MAKER_NAMES, short_name, silence
from aienv_gui.hardware.driver_words import card_words
from aienv_gui.hardware.readings import Driver, DriverState, Gpu, Snapshot

MOST: Final = 2  # entries: more cards are summed up, so that the line fits at 1024 pixels
# What is said only where there is no card of another maker to speak of.
_QUIET: Final = (
    DriverState.READY,
    DriverState.STARTING,
    DriverState.NO_GPU,
    DriverState.NO_DRIVER,
    DriverState.NO_LIBRARY,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A name and its numbers; `details` say more, a line each. `cards` are the UUIDs of those that it is about."""

    name: Text
    numbers: Text | str
    details: tuple[str, ...]
    cards: tuple[str, ...] = ()


def entries_of(snapshot: Snapshot) -> tuple[Entry, ...]:
    """One or two. A driver that fails comes before the cards of the others."""
    gpus = snapshot.gpus
    silent = [driver for driver in (snapshot.nvidia, *snapshot.others) if not driver.gpus]
    failing = [driver for driver in silent if driver.state not in _QUIET]
    if not gpus and not failing:
        failing = [_quiet_one(snapshot)]
    alone = len(failing) == 1 and not gpus
    faults = [_of_driver(driver, alone=alone) for driver in failing]
    if len(faults) + len(gpus) <= MOST:
        return (*faults, *(_of_card(gpu, gpus) for gpu in gpus))
    return (*faults[: MOST - 1], _of_all(gpus)) if gpus else tuple(faults[:MOST])


def _quiet_one(snapshot: Snapshot) -> Driver:
    """Whose answer says most where there is neither a card nor a fault: a maker whose card is in the machine."""
    there = [driver for driver in snapshot.others if driver.state is not DriverState.NO_GPU]
    return there[0] if there and snapshot.nvidia.state is not DriverState.STARTING else snapshot.nvidia


def _of_driver(driver: Driver, *, alone: bool) -> Entry:
    what, cure = card_words(driver)
    maker = MAKER_NAMES[driver.maker]
    words = {
        DriverState.STARTING: tr("looking"),
        DriverState.NO_GPU: tr("no {maker} GPU", maker=maker),
        DriverState.NO_DRIVER: tr("no {maker} driver", maker=maker),
        DriverState.NO_LIBRARY: tr("no readings"),
        DriverState.NO_PERMISSION: tr("no permission"),
        DriverState.MISMATCH: tr("restart the computer"),
        DriverState.LOST: tr("lost"),
        DriverState.UNRESPONSIVE: tr("driver does not answer"),
        DriverState.CRASHED: tr("driver crashed"),
    }
    details = f"{what} {cure}" if cure is not None else str(what)
    name = tr("GPU") if alone else verbatim(maker)
    return Entry(name, words.get(driver.state, tr("driver error")), (details,))


def _of_card(gpu: Gpu, gpus: Sequence[Gpu]) -> Entry:
    name = short_name(gpu, gpus)
    return Entry(name, _numbers(gpu), (f"{name}: {gpu.name or tr('Unknown card')}",), (gpu.uuid,))


def _of_all(gpus: Sequence[Gpu]) -> Entry:
    """Mean load, memory together, the hottest, and how many tell nothing. What is missing is left out."""
    parts = []
    telling = [gpu for gpu in gpus if silence(gpu) is None]
    loads = [gpu.utilisation_percent.number for gpu in telling if gpu.utilisation_percent.number is not None]
    if loads:
        parts.append(f"{sum(loads) / len(loads):.0f} %")
    memories = [
        (gpu.memory_used_bytes.number, gpu.memory_total_bytes.number)
        for gpu in telling
        if gpu.memory_used_bytes.number is not None and gpu.memory_total_bytes.number is not None
    ]
    if memories:
        parts.append(memory_share(sum(used for used, _ in memories), sum(total for _, total in memories)))
    degrees = [gpu.temperature_celsius.number for gpu in telling if gpu.temperature_celsius.number is not None]
    if degrees:
        parts.append(str(tr("up to {degrees} °C", degrees=f"{max(degrees):.0f}")))
    silent = Counter(str(why) for gpu in gpus if (why := silence(gpu)) is not None)
    parts += [str(tr("{count} {state}", count=count, state=state)) for state, count in silent.items()]
    numbers = "  ".join(parts) or tr("no readings")
    name = tr_count("{count} GPU", "{count} GPUs", len(gpus))
    details = tuple(f"{short_name(gpu, gpus)}: {_numbers(gpu)}" for gpu in gpus)
    return Entry(name, numbers, details, tuple(gpu.uuid for gpu in gpus))


def _numbers(gpu: Gpu) -> Text | str:
    why = silence(gpu)
    if why is not None:
        return why
    parts = []
    if gpu.utilisation_percent.number is not None:
        parts.append(f"{gpu.utilisation_percent.number:.0f} %")
    used, total = gpu.memory_used_bytes.number, gpu.memory_total_bytes.number
    if used is not None and total is not None:
        parts.append(memory_share(used, total))
    if gpu.temperature_celsius.number is not None:
        parts.append(f"{gpu.temperature_celsius.number:.0f} °C")
    return "  ".join(parts) or tr("no readings")
