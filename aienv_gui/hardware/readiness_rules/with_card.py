"""The driver shows a card, or says why it may not be used."""

from __future__ import annotations

from aienv_gui.core.wording import tr
from aienv_gui.hardware.driver_install import install_command
from aienv_gui.hardware.driver_words import describe, nvidia_words
from aienv_gui.hardware.readiness_rules.answer import Readiness, Situation
from aienv_gui.hardware.readiness_rules.surroundings import container_command
from aienv_gui.hardware.readings import DriverState
from aienv_gui.hardware.xid_words import xid_words


def lost(one: Situation) -> Readiness | None:
    xid = next((gpu.xid for gpu in one.nvidia.gpus if gpu.lost and gpu.xid is not None), None)
    if xid is None:
        return None
    cause, cure = xid_words(xid.code)
    return Readiness("lost", "warn", describe(one.snapshot), cause, cure)


def mismatch(one: Situation) -> Readiness | None:
    if one.nvidia.state is not DriverState.MISMATCH:
        return None
    if one.facts.container:
        return Readiness(
            "mismatch_container",
            "warn",
            tr("The container and the computer around it have different NVIDIA drivers"),
            tr(
                "The driver of the computer was updated while the container was running, or the container brings one "
                "of its own."
            ),
            tr("Start the container again; do not install an NVIDIA driver inside of it."),
        )
    evidence = tr("The part that runs is version {version}.", version=one.facts.loaded_version)
    cause, cure = nvidia_words(one.nvidia)
    return Readiness(
        "mismatch",
        "warn",
        describe(one.snapshot),
        cause,
        cure,
        evidence=evidence if one.facts.loaded_version else None,
    )


def no_permission(one: Situation) -> Readiness | None:
    refused = one.nvidia.state is DriverState.NO_PERMISSION or (
        one.nvidia.state is DriverState.READY and one.nvidia.gpus and all(gpu.refused for gpu in one.nvidia.gpus)
    )
    if not refused or one.facts.system != "linux":
        return None
    device = one.facts.device
    if one.facts.container:
        return Readiness(
            "permission_container",
            "warn",
            tr("The container may not use the NVIDIA GPU: training will run on the CPU"),
            tr("The card's files are in the container, and the system does not let it open them."),
            tr("Start the container with the card, and update NVIDIA's container toolkit on the computer around it."),
            container_command(one.facts.container),
        )
    if device is None or device.usable or not device.group:
        return None
    return Readiness(
        "permission_group",
        "warn",
        describe(one.snapshot),
        tr("Only members of the group “{group}” may use the card.", group=device.group),
        tr("Add yourself to the group (this needs the administrator's password), then sign out and in again."),
        f'sudo usermod -aG {device.group} "$USER"',
    )


def too_old(one: Situation) -> Readiness | None:
    version = one.nvidia.driver_version
    usable = any(gpu.usable for gpu in one.nvidia.gpus)
    if not usable or not version or not one.oldest_driver or _numbers(version) >= _numbers(one.oldest_driver):
        return None
    facts = one.facts
    if facts.wsl:
        cure = tr("Install the newest NVIDIA driver in Windows, then restart Windows.")
    elif facts.container:
        cure = tr("Install a newer NVIDIA driver on the computer around the container, then restart that computer.")
    else:
        cure = tr("Install a newer NVIDIA driver, then restart the computer.")
    return Readiness(
        "too_old",
        "warn",
        tr("The NVIDIA driver is too old for today's programs"),
        tr("It is version {version}; they need {oldest} or newer.", version=version, oldest=one.oldest_driver),
        cure,
        "" if facts.wsl or facts.container else install_command(facts.distributions),
    )


def asleep(one: Situation) -> Readiness | None:
    cards = one.nvidia.gpus
    if one.nvidia.state is not DriverState.READY or not cards or not all(gpu.asleep for gpu in cards):
        return None
    return Readiness(
        "asleep",
        "good",
        describe(one.snapshot),
        tr("The card sleeps to save power. It wakes up by itself when a training starts."),
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
