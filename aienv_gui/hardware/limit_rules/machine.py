"""Rules on the machine without its cards: memory, swapping, a container's limits, disks, the battery."""

from __future__ import annotations

from typing import Final

from aienv_gui.core.wording import Text, duration, percent, size, tr
from aienv_gui.hardware.amounts import memory_share, memory_size
from aienv_gui.hardware.limit_rules.recent import Recent
from aienv_gui.hardware.limit_rules.verdict import Verdict, keys

DISK_LOW_BYTES: Final = 5_000_000_000
_FULL, _FULL_OFF = 93.0, 90.0  # percent
_SOON_S: Final = 180.0
_MUCH: Final = 75.0  # below this the memory is enough, whatever else is read
_SWAPPED, _SWAPPED_OFF = 4_000_000.0, 1_000_000.0  # bytes a second
_PRESSURE, _PRESSURE_OFF = 10.0, 5.0  # percent of the time in which some program waited for memory
_EMPTY_BATTERY: Final = 15.0


def memory(recent: Recent) -> Verdict | None:
    """Nearly full, filling up, or swapped to disk already: one verdict, since each follows from the one before."""
    host, readings = recent.snapshot.host, recent.host
    level = readings.now("memory")
    full = readings.above("memory", _FULL, _FULL_OFF)
    # What a program that has ended leaves behind is read back for a while, with memory to spare.
    much = level >= _MUCH
    swaps = much and readings.above("swapped", _SWAPPED, _SWAPPED_OFF)
    waits = much and readings.above("memory_pressure", _PRESSURE, _PRESSURE_OFF)
    left = 100.0 - 100.0 * host.memory_used_bytes / max(1, host.memory_total_bytes)
    left_s = left / readings.memory_growth  # NaN where it does not grow
    soon = much and left_s <= _SOON_S
    if not (full or swaps or waits or soon):
        return None
    share = memory_share(host.memory_used_bytes, host.memory_total_bytes)
    facts = [tr("{share} of the memory in use", share=share)]
    if swaps:
        facts.append(tr("{rate}/s moved between memory and disk", rate=size(readings.now("swapped"))))
    if waits:
        facts.append(
            tr(
                "programs waited for memory {percent} of the time",
                percent=percent(readings.now("memory_pressure") / 100),
            )
        )
    if swaps or waits:
        what = tr("The memory is not enough: the computer moves parts of it to the disk, which slows everything down.")
    elif full:
        what = tr("The memory is nearly full ({share}).", share=share)
    else:
        what = tr("The memory fills up and will be full in {time}.", time=duration(max(1.0, left_s)))
    return Verdict(
        "memory",
        "bad",
        what,
        tr("Close programs you do not need, or train with a smaller batch size."),
        tuple(facts),
        keys(recent.work),
    )


def container_memory(recent: Recent) -> Verdict | None:
    container, total = recent.snapshot.host.container, recent.snapshot.host.memory_total_bytes
    if container is None or not recent.host.above("container_memory", _FULL, _FULL_OFF):
        return None
    used, limit = container.memory_used_bytes or 0, container.memory_limit_bytes or 0
    if not used or not limit or limit >= total:
        return None
    return Verdict(
        "container_memory",
        "bad",
        tr("The memory that this container may use is nearly full: beyond it, programs are ended."),
        tr("Give the container more memory when you start it, or train with a smaller batch size."),
        (
            tr(
                "{share} of its memory in use; the computer has {total}",
                share=memory_share(used, limit),
                total=memory_size(total),
            ),
        ),
        keys(recent.work),
    )


def disk(recent: Recent) -> Verdict | None:
    disks = recent.snapshot.host.disks
    if not disks or disks[0].free_bytes >= DISK_LOW_BYTES:
        return None
    first = disks[0]
    return Verdict(
        "disk",
        "bad",
        tr("The disk is nearly full: {free} are free on {disk}.", free=size(first.free_bytes), disk=first.mount),
        tr("Free some space; new environments and checkpoints need it. Deleting an unused environment helps."),
        (tr("{free} of {total} free", free=size(first.free_bytes), total=size(first.total_bytes)),),
        keys(recent.work),
    )


def battery(recent: Recent) -> Verdict | None:
    battery = recent.snapshot.host.battery
    if battery is None or battery.plugged or not recent.work:
        return None
    facts: list[Text] = [tr("battery at {percent}", percent=percent(battery.percent / 100))]
    if battery.seconds_left is not None:
        facts.append(tr("{time} left", time=duration(battery.seconds_left)))
    return Verdict(
        "battery",
        "bad" if battery.percent < _EMPTY_BATTERY else "warn",
        tr("The training runs on battery: the computer is slower then, and turns off when it is empty."),
        tr("Plug in the charger."),
        tuple(facts),
        keys(recent.work),
    )
