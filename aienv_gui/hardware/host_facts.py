"""What is known of the machine around its cards, in sentences: for the window and for the report."""

from __future__ import annotations

from typing import Final

from aienv_gui.core.wording import Text, duration, size, tr, tr_count
from aienv_gui.hardware.amounts import memory_share, memory_size
from aienv_gui.hardware.driver_words import absence_words
from aienv_gui.hardware.readings import Absence, Battery, Container, Disk, Host, Network, Pressure

_WORTH_SAYING: Final = 0.5  # percent of the time: less waiting is none


def processor_facts(host: Host) -> tuple[Text, ...]:
    """Which processor it is, its clock, heat and queue; what a container leaves of it; the battery; our own share."""
    facts = [_name(host), _heat_and_queue(host)]
    if host.pressure is not None:
        facts.append(_waiting(host.pressure))
    if host.container is not None:
        facts.append(_container(host.container))
    if host.battery is not None:
        facts.append(_battery(host.battery))
    if host.own is not None:
        facts.append(
            tr(
                "AIEnv itself: {share} % of one core, {memory} of memory",
                share=f"{host.own.cpu_percent:.1f}",
                memory=memory_size(host.own.memory_bytes),
            )
        )
    return tuple(facts)


def _name(host: Host) -> Text:
    count = len(host.core_percents)
    if host.frequency_mhz is None:
        return tr_count("{name}, {count} thread", "{name}, {count} threads", count, name=host.cpu_name)
    return tr_count(
        "{name}, {count} thread, {clock} MHz",
        "{name}, {count} threads, {clock} MHz",
        count,
        name=host.cpu_name,
        clock=f"{host.frequency_mhz:.0f}",
    )


def _heat_and_queue(host: Host) -> Text:
    degrees = host.cpu_celsius
    if degrees.number is not None:
        heat = tr("Temperature {degrees} °C", degrees=f"{degrees.number:.0f}")
    elif degrees.absence is Absence.NOT_SUPPORTED:
        heat = tr("Temperature: this computer does not report it")
    else:
        heat = tr("Temperature: {reason}", reason=absence_words(degrees.absence or Absence.FAILED))
    if host.load_average is None:
        return heat
    queue = ", ".join(f"{value:.1f}" for value in host.load_average)
    return tr("{heat}; programs that want to calculate, over 1, 5, 15 minutes: {queue}", heat=heat, queue=queue)


def _waiting(pressure: Pressure) -> Text:
    waits = [
        (tr("the processor"), pressure.cpu_some),
        (tr("memory"), pressure.memory_some),
        (tr("a disk"), pressure.io_some),
    ]
    parts = [
        tr("for {what} {share} %", what=what, share=f"{share:.0f}") for what, share in waits if share >= _WORTH_SAYING
    ]
    if not parts:
        return tr("In the last ten seconds no program had to wait")
    listed = parts[0]
    for part in parts[1:]:
        listed = tr("{first}, {second}", first=listed, second=part)
    return tr("In the last ten seconds programs waited {waits} of the time", waits=listed)


def _container(container: Container) -> Text:
    kind = container.kind
    name = tr("This container ({kind})", kind=kind) if kind else tr("The group of programs that AIEnv belongs to")
    cores, memory = container.cpu_cores, container.memory_limit_bytes
    if cores is None and memory is None:
        return tr("{container} sets no limits", container=name)
    if memory is None:
        return tr("{container} may use {cores} cores", container=name, cores=f"{cores:g}")
    used = container.memory_used_bytes
    amount = memory_share(used, memory) if used is not None else memory_size(memory)
    if cores is None:
        return tr("{container} may use {memory} of memory", container=name, memory=amount)
    return tr(
        "{container} may use {cores} cores and {memory} of memory", container=name, cores=f"{cores:g}", memory=amount
    )


def _battery(battery: Battery) -> Text:
    share = f"{battery.percent:.0f}"
    if battery.plugged:
        return tr("Battery {share} %, plugged in", share=share)
    if battery.seconds_left is None:
        return tr("Battery {share} %, not plugged in", share=share)
    return tr("Battery {share} %, {time} left", share=share, time=duration(battery.seconds_left))


def swap_fact(host: Host) -> Text:
    """The swap space and how busy it is; a machine that swaps is slow."""
    if not host.swap_total_bytes:
        return tr("No swap space (memory on disk): programs end when the memory is full.")
    share = memory_share(host.swap_used_bytes, host.swap_total_bytes)
    if host.swapped_bytes_s >= 1:
        return tr(
            "Swap space (memory on disk): {share} used, {rate}/s moved", share=share, rate=size(host.swapped_bytes_s)
        )
    return tr("Swap space (memory on disk): {share} used", share=share)


def disk_fact(disk: Disk) -> Text:
    """How full a disk is, and how busy."""
    room = tr("{free} free of {total}", free=size(disk.free_bytes), total=size(disk.total_bytes))
    if not disk.answers:
        return tr("does not answer; last seen: {room}", room=room)
    busy = disk.busy_percent.number
    if busy is None or busy < 1:
        return room
    return tr("{room}, {busy} % busy", room=room, busy=f"{busy:.0f}")


def network_fact(network: Network) -> Text:
    """What a connection carries."""
    return tr(
        "{name}: {received}/s received, {sent}/s sent",
        name=network.name,
        received=size(network.received_bytes_s),
        sent=size(network.sent_bytes_s),
    )
