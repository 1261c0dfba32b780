"""Rules on the trainings that run: what they wait for, whether they run in the right place, or that all is well."""

from __future__ import annotations

import math
from typing import Final

from aienv_gui.core.wording import Text, percent, shortened, tr, tr_count
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.limit_rules.recent import Card, Recent
from aienv_gui.hardware.limit_rules.verdict import Verdict, Work, first_few, keys, of_card, which
from aienv_gui.hardware.readings import ComputeMode, GpuProcess, Maker

_WAITS, _WAITS_OFF = 0.3, 0.2  # share of a training's time
_STARVED, _STARVED_OFF = 70.0, 80.0  # percent of GPU load at most, for a training that waits
_BUSY: Final = (80.0, 70.0)  # percent of load: well used; and no longer so
_CPU_FULL, _CPU_FULL_OFF = 85.0, 75.0
_CPU_FREE, _CPU_FREE_OFF = 50.0, 60.0
_DISK_BUSY, _DISK_BUSY_OFF = 85.0, 70.0
_IO_PRESSURE, _IO_PRESSURE_OFF = 30.0, 20.0
_IDLE: Final = (10.0, 15.0)
_LIGHT: Final = (40.0, 50.0)
_OTHERS, _OTHERS_OFF = 0.7, 0.4  # programs more than ours that load the card, on average
_MUCH_MEMORY: Final = 0.25  # of the card
_CORES_USED: Final = 0.85  # of those a container may use
# PyTorch has builds for these that the engine can train with; NVIDIA's from this capability on.
_TRAINS_ON: Final = (Maker.NVIDIA, Maker.AMD, Maker.APPLE)
_OLDEST_CAPABILITY: Final = (5, 0)


def waiting(recent: Recent) -> Verdict | None:
    """The next batch comes late: because of the disk, of the CPU, or of how it is prepared."""
    starved = [
        card
        for card in recent.cards
        if any(map(_waits, card.work)) and card.readings.below("utilisation", _STARVED, _STARVED_OFF)
    ]
    late = [one for card in starved for one in card.work if _waits(one)]
    # On the CPU, preparing a batch is work of the same processor: it waits only where that has time to spare.
    if recent.host.below("cpu", _CPU_FREE, _CPU_FREE_OFF):
        late += filter(_waits, recent.on_cpu)
    loading = [one for one in recent.work if one.phase == "loading"]
    if (late or loading) and (disk := _slow_disk(recent)):
        return Verdict(
            "waiting_disk",
            "warn",
            tr("The training waits for the disk, which cannot read any faster."),
            tr("Copy the training data to a faster disk (an SSD inside this computer)."),
            (*_waiting_facts(late), *disk),
            keys(late + loading),
        )
    if not late:
        return None
    facts = (*_waiting_facts(late), *(_load_fact(recent, card) for card in first_few(starved)))
    if starved and recent.host.above("cpu", _CPU_FULL, _CPU_FULL_OFF):
        return Verdict(
            "waiting_cpu",
            "warn",
            tr("The CPU cannot prepare the data fast enough: the GPU waits for it."),
            tr("Close other programs that use the CPU, and run one training at a time."),
            (*facts, tr("CPU {percent}", percent=percent(recent.host.now("cpu") / 100))),
            keys(late),
        )
    return Verdict(
        "waiting_data",
        "warn",
        tr("The training spends much of its time waiting for data."),
        tr("A larger batch size often helps (New training, Advanced): fewer batches have to be prepared."),
        facts,
        keys(late),
    )


def _waits(work: Work) -> bool:
    share = work.waiting_share
    return share is not None and share >= _WAITS_OFF and max(share, work.waiting_before or 0.0) >= _WAITS


def _waiting_facts(late: list[Work]) -> list[Text]:
    shares = [one.waiting_share for one in late if one.waiting_share is not None]
    if not shares:
        return []
    return [tr("waiting for the next batch {percent} of the time", percent=percent(max(shares)))]


def _load_fact(recent: Recent, card: Card) -> Text:
    fact = tr(
        "load {percent} on average over the last {seconds} seconds",
        percent=percent(card.readings.now("utilisation") / 100),
        seconds=round(recent.seconds),
    )
    return tr("{gpu}: {fact}", gpu=which([card.gpu], recent.gpus), fact=fact)


def _slow_disk(recent: Recent) -> list[Text]:
    """What shows that the disk is at its limit; nothing where it is not, or nobody knows."""
    facts, host = [], recent.host
    if host.above("disk_busy", _DISK_BUSY, _DISK_BUSY_OFF):
        facts.append(tr("disk busy {percent} of the time", percent=percent(host.now("disk_busy") / 100)))
    if host.above("io_pressure", _IO_PRESSURE, _IO_PRESSURE_OFF):
        share = percent(host.now("io_pressure") / 100)
        facts.append(tr("programs waited for the disk {percent} of the time", percent=share))
    return facts


def wrong_place(recent: Recent) -> Verdict | None:
    """A training on the CPU, not by choice, beside a card that does nothing."""
    misplaced = [one for one in recent.on_cpu if not one.device_chosen]
    free = [card for card in recent.cards if _could_train(card) and card.readings.below("utilisation", *_IDLE)]
    if not misplaced or not free:
        return None
    return Verdict(
        "wrong_place",
        "warn",
        tr(
            "“{name}” trains on the CPU, while a GPU has nothing to do.",
            name=shortened(misplaced[0].name),
        ),
        tr(
            "Its environment has no PyTorch that can use this card. Make one that has (Environments, New environment:"
            " choose the build for your card), then start the training there."
        ),
        (tr("the training runs on the CPU"), *(_load_fact(recent, card) for card in first_few(free))),
        keys(misplaced),
    )


def _could_train(card: Card) -> bool:
    gpu = card.gpu
    if gpu.maker not in _TRAINS_ON or gpu.compute_mode is ComputeMode.PROHIBITED:
        return False
    return gpu.compute_capability is None or gpu.compute_capability >= _OLDEST_CAPABILITY


def other_programs(recent: Recent) -> Verdict | None:
    """Another program on a card that trains: it holds much of the memory, or takes a share of the time."""
    shared = [(card, process) for card in recent.cards if (process := _intruder(card)) is not None]
    if not shared:
        return None
    card, process = shared[0]
    return Verdict(
        "other_program",
        "warn",
        tr(
            "{gpu}: {program} uses it too, beside the training.",
            program=shortened(process.name) if process.name else tr("Another program"),
            gpu=which([card.gpu], recent.gpus),
        ),
        tr("End it on the Hardware page if you do not need it, or train on another card.")
        if process.own
        else tr("It is not yours to end: wait until it is through, or train on another card."),
        tuple(of_card(fact, card.gpu, recent.gpus) for card, process in shared for fact in _process_facts(process)),
        keys(one for card, _ in shared for one in card.work),
    )


def _intruder(card: Card) -> GpuProcess | None:
    ours = {one.pid for one in card.work}
    processes = card.gpu.processes
    # In a container the numbers are the host's: then ours cannot be told from others.
    if not ours or not ours <= {process.pid for process in processes}:
        return None
    others = [process for process in processes if process.kind == "compute" and process.pid not in ours]
    if not others:
        return None
    largest = max(others, key=lambda process: process.memory_bytes.number or 0.0)
    if (largest.memory_bytes.number or 0.0) >= _MUCH_MEMORY * (card.gpu.memory_total_bytes.number or math.inf):
        return largest
    if card.readings.above("busy_programs", len(ours) + _OTHERS, len(ours) + _OTHERS_OFF):
        return max(others, key=lambda process: process.utilisation_percent.number or 0.0)
    return None


def _process_facts(process: GpuProcess) -> list[Text]:
    facts = []
    held, load = process.memory_bytes.number, process.utilisation_percent.number
    if held is not None:
        memory = memory_size(held)
        facts.append(tr("process {pid} holds {memory} of the GPU's memory", pid=process.pid, memory=memory))
    if load is not None:
        facts.append(tr("process {pid} loads the GPU by {percent}", pid=process.pid, percent=percent(load / 100)))
    return facts


def container_cores(recent: Recent) -> Verdict | None:
    """A container that may use some of the cores only, where these are all busy with a training."""
    host, container = recent.snapshot.host, recent.snapshot.host.container
    cores = len(host.core_percents)
    if container is None or not container.cpu_cores or container.cpu_cores >= cores:
        return None
    held = [one for one in recent.work if one.device == "cpu" or _waits(one)]
    full = 100.0 * _CORES_USED * container.cpu_cores / cores
    if not held or not recent.host.above("cpu", full, 0.9 * full):
        return None
    return Verdict(
        "container_cores",
        "warn",
        tr(
            "This container may use {allowed} of the {count} CPU cores, and the training needs more.",
            allowed=f"{container.cpu_cores:g}",
            count=cores,
        ),
        tr("Allow it more cores when you start it (with Docker: --cpus)."),
        (tr("{used} CPU cores busy", used=f"{recent.host.now('cpu') / 100 * cores:.1f}"),),
        keys(held),
    )


def gpu_well_used(recent: Recent) -> Verdict | None:
    chosen = [card for card in recent.cards if card.work and card.readings.above("utilisation", *_BUSY)]
    if not chosen:
        return None
    return Verdict(
        "gpu_well_used",
        "good",
        tr("{gpu}: well used by the training.", gpu=which([card.gpu for card in chosen], recent.gpus)),
        tr("There is nothing to do."),
        tuple(_load_fact(recent, card) for card in first_few(chosen)),
        keys(one for card in chosen for one in card.work),
    )


def gpu_hardly_used(recent: Recent) -> Verdict | None:
    """A training that does not wait and yet leaves the card idle: its steps are too small to fill it."""
    chosen = [
        card
        for card in recent.cards
        if any(map(_steps_along, card.work)) and card.readings.below("utilisation", *_LIGHT)
    ]
    if not chosen:
        return None
    steps = [one for card in chosen for one in card.work if _steps_along(one)]
    gpus = which([card.gpu for card in chosen], recent.gpus)
    return Verdict(
        "gpu_hardly_used",
        "good",
        tr("{gpu}: the steps of the training are too small to keep it busy.", gpu=gpus),
        tr("If it takes long, start it with a larger batch size (New training, Advanced)."),
        (*_waiting_facts(steps), *(_load_fact(recent, card) for card in first_few(chosen))),
        keys(steps),
    )


def _steps_along(work: Work) -> bool:
    return work.phase == "training" and work.waiting_share is not None and not _waits(work)


def cpu_well_used(recent: Recent) -> Verdict | None:
    if not recent.on_cpu or not recent.host.above("cpu", *_BUSY):
        return None
    load = tr(
        "CPU {percent} on average over the last {seconds} seconds",
        percent=percent(recent.host.now("cpu") / 100),
        seconds=round(recent.seconds),
    )
    return Verdict(
        "cpu_well_used",
        "good",
        tr("The training uses the CPU fully: its speed is the limit."),
        tr("A GPU trains faster: choose it as the device of a new training.")
        if any(map(_could_train, recent.cards))
        else tr("A computer with a GPU would train faster."),
        (load, tr_count("{count} core", "{count} cores", len(recent.snapshot.host.core_percents))),
        keys(recent.on_cpu),
    )
