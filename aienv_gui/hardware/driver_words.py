"""What the drivers answer, in words: the workstation in a sentence, why a card or reading is missing, and the cure."""

from __future__ import annotations

from dataclasses import replace

from aienv_gui.core.wording import Text, tr, tr_count, verbatim
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.other_maker_words import other_maker_words, silence
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Gpu, Maker, Snapshot


def describe(snapshot: Snapshot) -> Text:
    """The workstation in one sentence."""
    nvidia = snapshot.nvidia
    if nvidia.state is not DriverState.READY:
        return _not_ready(nvidia)
    ready = [gpu for gpu in nvidia.gpus if gpu.usable]
    if not ready:
        return _not_ready(replace(nvidia, state=_without_usable(nvidia)))
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
    if not first.name:  # one that sleeps and whose name the kernel does not keep
        return tr_count("a GPU", "{count} GPUs", len(gpus))
    total = first.memory_total_bytes.number
    memory = memory_size(total) if total is not None else ""
    if len(gpus) == 1:
        return tr("{name}, {memory}", name=first.name, memory=memory) if memory else verbatim(first.name)
    if memory and all((gpu.name, gpu.memory_total_bytes) == (first.name, first.memory_total_bytes) for gpu in gpus):
        return tr("{number} x {name}, {memory} each", number=len(gpus), name=first.name, memory=memory)
    return tr("{number} GPUs ({names})", number=len(gpus), names=", ".join(sorted({gpu.name for gpu in gpus})))


def _without_usable(nvidia: Driver) -> DriverState:
    """What a driver that works without a usable card amounts to."""
    if not nvidia.gpus:
        return DriverState.NO_GPU
    return DriverState.LOST if all(gpu.lost for gpu in nvidia.gpus) else DriverState.NO_PERMISSION


def _not_ready(nvidia: Driver) -> Text:
    sentences = {
        DriverState.NO_GPU: tr("No NVIDIA GPU found: training will run on the CPU"),
        DriverState.NO_DRIVER: tr("No NVIDIA driver found: training will run on the CPU"),
        DriverState.NO_PERMISSION: tr("You have no permission to use the NVIDIA GPU: training will run on the CPU"),
        DriverState.MISMATCH: tr("The NVIDIA driver was updated; restart the computer"),
        DriverState.LOST: tr("The GPU stopped answering; restart the computer"),
        DriverState.UNRESPONSIVE: tr("The NVIDIA driver does not answer"),
        DriverState.CRASHED: tr("The NVIDIA driver does not work properly"),
        DriverState.FAILED: tr("The NVIDIA driver does not work properly"),
    }
    return sentences.get(nvidia.state, tr("Looking at the hardware"))


def card_words(driver: Driver) -> tuple[Text, Text | None]:
    """What a maker's driver answers means, and the cure where there is something to do."""
    return nvidia_words(driver) if driver.maker is Maker.NVIDIA else other_maker_words(driver)


def nvidia_words(nvidia: Driver) -> tuple[Text, Text | None]:
    """What the driver's answer means, and the cure where there is something to do."""
    state = nvidia.state
    if state is DriverState.READY:
        return tr_count("{count} NVIDIA GPU found.", "{count} NVIDIA GPUs found.", len(nvidia.gpus)), None
    words: dict[DriverState, tuple[Text, Text | None]] = {
        DriverState.STARTING: (tr("Looking for NVIDIA GPUs."), None),
        DriverState.NO_DRIVER: (
            tr("No NVIDIA driver is running."),
            tr("If this computer has an NVIDIA GPU, install NVIDIA's driver and restart the computer."),
        ),
        DriverState.NO_LIBRARY: (
            tr("The library that reads the GPU is not installed."),
            tr("Trainings can use the GPU all the same; only its load and temperature are not shown."),
        ),
        DriverState.NO_GPU: (
            tr("This computer has no NVIDIA GPU."),
            tr("If there is a card inside, check that it sits firmly and has power."),
        ),
        DriverState.NO_PERMISSION: (
            tr("The system does not let you use the NVIDIA GPU."),
            tr("Ask the administrator for access (on Linux: the groups video and render), then sign in again."),
        ),
        DriverState.MISMATCH: (
            tr("The NVIDIA driver was updated while the computer was running."),
            tr("Restart the computer, so that all parts of the driver have the same version."),
        ),
        DriverState.LOST: (
            tr("The GPU no longer answers: the computer has lost the connection to it."),
            tr("Restart the computer. If it happens again, check the card's power, temperature and seat."),
        ),
        DriverState.UNRESPONSIVE: (
            silence(nvidia),
            tr("AIEnv keeps trying. If this lasts for more than a minute, save your work and restart the computer."),
        ),
        DriverState.CRASHED: (
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
        Absence.IN_WSL: tr("Windows does not pass it on to Linux (WSL)."),
        Absence.VIRTUAL_CARD: tr("A virtual card does not report it."),
        Absence.SPLIT_CARD: tr("A card that is split (MIG) does not report it."),
        Absence.NO_LIBRARY: tr("The maker's library that reads it is not installed."),
        Absence.NOT_TOLD: tr("The system does not tell it for this maker's cards."),
        Absence.ASLEEP: tr("The card sleeps to save power."),
        Absence.NOT_YET: tr("It has not been read yet."),
    }[absence]
