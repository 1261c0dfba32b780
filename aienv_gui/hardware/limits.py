"""What the readings mean, in words: is the machine ready, why not, and what limits it right now.

Silent where it does not know: every sentence here rests on a number of the snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from aienv_gui.core.wording import Text, percent, size, tr, tr_count, verbatim
from aienv_gui.hardware.amounts import memory_share, memory_size
from aienv_gui.hardware.readings import Absence, Gpu, Nvidia, NvidiaState, Snapshot

# Consumer cards slow themselves down at 83 to 90 degrees, data centre cards a little later.
HOT_CELSIUS: Final = 87.0
GPU_MEMORY_FULL: Final = 0.95
MEMORY_FULL: Final = 0.93
DISK_LOW_BYTES: Final = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that limits the machine now, and what to do about it. `key` is a stable name for it."""

    key: str
    level: Literal["warn", "bad"]
    what: Text
    cure: Text


def describe(snapshot: Snapshot) -> Text:
    """The workstation in one sentence."""
    nvidia = snapshot.nvidia
    if nvidia.state is not NvidiaState.READY:
        return _not_ready(nvidia)
    ready = [gpu for gpu in nvidia.gpus if gpu.usable]
    missing = sum(gpu.lost for gpu in nvidia.gpus)
    if missing:
        return tr_count(
            "Ready to train on {gpus}; {count} GPU does not answer",
            "Ready to train on {gpus}; {count} GPUs do not answer",
            missing,
            gpus=_names(ready),
        )
    return tr("Ready to train on {gpus}", gpus=_names(ready))


def _names(gpus: list[Gpu]) -> Text:
    first = gpus[0]
    total = first.memory_total_bytes.number
    memory = memory_size(total) if total is not None else ""
    if len(gpus) == 1:
        return tr("{name}, {memory}", name=first.name, memory=memory) if memory else verbatim(first.name)
    if memory and all((gpu.name, gpu.memory_total_bytes) == (first.name, first.memory_total_bytes) for gpu in gpus):
        return tr("{number} x {name}, {memory} each", number=len(gpus), name=first.name, memory=memory)
    return tr("{number} GPUs ({names})", number=len(gpus), names=", ".join(sorted({gpu.name for gpu in gpus})))


def _not_ready(nvidia: Nvidia) -> Text:
    sentences = {
        NvidiaState.NO_GPU: tr("No NVIDIA GPU found: training will run on the CPU"),
        NvidiaState.NO_DRIVER: tr("No NVIDIA driver found: training will run on the CPU"),
        NvidiaState.NO_PERMISSION: tr("You have no permission to use the NVIDIA GPU: training will run on the CPU"),
        NvidiaState.MISMATCH: tr("The NVIDIA driver was updated; restart the computer"),
        NvidiaState.LOST: tr("The GPU stopped answering; restart the computer"),
        NvidiaState.UNRESPONSIVE: tr("The NVIDIA driver does not answer"),
        NvidiaState.CRASHED: tr("The NVIDIA driver does not work properly"),
        NvidiaState.FAILED: tr("The NVIDIA driver does not work properly"),
    }
    return sentences.get(nvidia.state, tr("Looking at the hardware"))


def nvidia_words(nvidia: Nvidia) -> tuple[Text, Text | None]:
    """What the driver's answer means, and the cure where there is something to do."""
    state = nvidia.state
    if state is NvidiaState.READY:
        return tr_count("{count} NVIDIA GPU found.", "{count} NVIDIA GPUs found.", len(nvidia.gpus)), None
    words: dict[NvidiaState, tuple[Text, Text | None]] = {
        NvidiaState.STARTING: (tr("Looking for NVIDIA GPUs."), None),
        NvidiaState.NO_DRIVER: (
            tr("No NVIDIA driver is running."),
            tr("If this computer has an NVIDIA GPU, install NVIDIA's driver and restart the computer."),
        ),
        NvidiaState.NO_GPU: (
            tr("This computer has no NVIDIA GPU."),
            tr("If there is a card inside, check that it sits firmly and has power."),
        ),
        NvidiaState.NO_PERMISSION: (
            tr("The system does not let you use the NVIDIA GPU."),
            tr("Ask the administrator for access (on Linux: the groups video and render), then sign in again."),
        ),
        NvidiaState.MISMATCH: (
            tr("The NVIDIA driver was updated while the computer was running."),
            tr("Restart the computer, so that all parts of the driver have the same version."),
        ),
        NvidiaState.LOST: (
            tr("The GPU no longer answers: the computer has lost the connection to it."),
            tr("Restart the computer. If it happens again, check the card's power, temperature and seat."),
        ),
        NvidiaState.UNRESPONSIVE: (
            tr("The NVIDIA driver does not answer."),
            tr("AIEnv keeps trying. If this lasts for more than a minute, save your work and restart the computer."),
        ),
        NvidiaState.CRASHED: (
            tr("The NVIDIA driver's library crashed."),
            tr("AIEnv keeps trying. If this goes on, restart the computer, then install the driver again."),
        ),
    }
    if state in words:
        return words[state]
    return (
        tr("The NVIDIA driver reports an error: {detail}", detail=nvidia.detail),
        tr("Restart the computer (in a container: the container). If that does not help, install the driver again."),
    )


def absence_words(absence: Absence) -> Text:
    """Why a value is missing."""
    return {
        Absence.NOT_SUPPORTED: tr("This card does not report it."),
        Absence.NO_PERMISSION: tr("You have no permission to see it."),
        Absence.OLD_DRIVER: tr("The driver is too old to report it."),
        Absence.LOST: tr("The card does not answer."),
        Absence.FAILED: tr("The driver could not tell."),
    }[absence]


def notices(snapshot: Snapshot) -> tuple[Notice, ...]:
    """What limits the machine right now, the worst first; empty where nothing does."""
    found = _gpu_notices(snapshot.nvidia.gpus)
    host = snapshot.host
    if host.memory_total_bytes and host.memory_used_bytes / host.memory_total_bytes >= MEMORY_FULL:
        found.append(
            Notice(
                "memory",
                "bad",
                tr(
                    "The memory is nearly full ({share}).",
                    share=memory_share(host.memory_used_bytes, host.memory_total_bytes),
                ),
                tr("Close programs you do not need, or train with a smaller batch size."),
            )
        )
    if host.disks and host.disks[0].free_bytes < DISK_LOW_BYTES:
        disk = host.disks[0]
        found.append(
            Notice(
                "disk",
                "bad",
                tr("The disk is nearly full: {free} are free on {disk}.", free=size(disk.free_bytes), disk=disk.mount),
                tr("Free some space; new environments and checkpoints need it. Deleting an unused environment helps."),
            )
        )
    return tuple(sorted(found, key=lambda notice: notice.level != "bad"))


def _gpu_notices(gpus: tuple[Gpu, ...]) -> list[Notice]:
    found: list[Notice] = []
    lost = [gpu for gpu in gpus if gpu.lost]
    if lost and len(lost) < len(gpus):  # where all are lost, the state of the driver says it
        found.append(
            Notice(
                "gpu_lost",
                "bad",
                tr("{gpu} no longer answers.", gpu=_which(lost, gpus)),
                tr("Restart the computer. If it happens again, check the card's power cables and its temperature."),
            )
        )
    hot = [gpu for gpu in gpus if (gpu.temperature_celsius.number or 0.0) >= HOT_CELSIUS]
    if hot:
        hottest = max(gpu.temperature_celsius.number or 0.0 for gpu in hot)
        found.append(
            Notice(
                "gpu_hot",
                "warn",
                tr(
                    "{gpu}: {degrees} °C. At about this temperature a card slows itself down.",
                    gpu=_which(hot, gpus),
                    degrees=f"{hottest:.0f}",
                ),
                tr("Clean the fans, give the computer more air, or lower the card's power limit."),
            )
        )
    full = [gpu for gpu in gpus if _memory_share(gpu) >= GPU_MEMORY_FULL]
    if full:
        share = percent(max(_memory_share(gpu) for gpu in full))
        found.append(
            Notice(
                "gpu_memory",
                "warn",
                tr("{gpu}: the memory is {percent} full.", gpu=_which(full, gpus), percent=share),
                tr("Train with a smaller batch size, or close other programs that use the card."),
            )
        )
    return found


def _which(some: list[Gpu], gpus: tuple[Gpu, ...]) -> Text:
    """The cards by their numbers; without a number where there is only one."""
    if len(gpus) == 1:
        return tr("GPU")
    return tr("GPU {index}", index=", ".join(str(gpu.index) for gpu in some))


def _memory_share(gpu: Gpu) -> float:
    used, total = gpu.memory_used_bytes.number, gpu.memory_total_bytes.number
    return used / total if used is not None and total else 0.0
