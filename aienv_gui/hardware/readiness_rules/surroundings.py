"""What the system runs in, and other makers' cards, where no NVIDIA card is seen."""

from __future__ import annotations

from aienv_gui.core.wording import tr
from aienv_gui.hardware.card_names import MAKER_NAMES
from aienv_gui.hardware.readiness_rules.answer import Readiness, Situation
from aienv_gui.hardware.readings import Maker


def wsl(one: Situation) -> Readiness | None:
    facts = one.facts
    if not one.without_card or not facts.wsl:
        return None
    if not facts.wsl_device:
        return Readiness(
            "wsl_without_card",
            "warn",
            tr("Windows does not pass its graphics card on to Linux (WSL)"),
            tr("This Linux runs inside of Windows, in a version of WSL that knows no graphics cards."),
            tr("Run this in Windows' own terminal, then start Linux again. It must be WSL 2."),
            "wsl --update",
        )
    if facts.wsl_library:
        return Readiness(
            "wsl_silent",
            "warn",
            tr("The NVIDIA driver of Windows does not answer in Linux (WSL)"),
            tr("Windows passes its card and its driver on. This Linux sees no card all the same."),
            tr("Run this in Windows' own terminal, then start Linux again. If it stays so, run: wsl --update"),
            "wsl --shutdown",
        )
    return Readiness(
        "wsl_driver",
        "warn",
        tr("Windows has no NVIDIA driver for Linux (WSL)"),
        tr("This Linux runs inside of Windows and uses the driver of Windows. None for an NVIDIA card is there."),
        tr(
            "Install NVIDIA's driver in Windows and start Linux again. Do not install a driver in Linux. Without an "
            "NVIDIA card in the computer, trainings run on the CPU."
        ),
        "wsl --shutdown",
    )


def container(one: Situation) -> Readiness | None:
    facts = one.facts
    if not one.without_card or not facts.container or not (facts.card_on_bus or facts.loaded_version):
        return None
    return Readiness(
        "container",
        "warn",
        tr("The container was started without the graphics card"),
        tr("The computer has an NVIDIA card. This container was not given it."),
        tr("Start the container again with the card. The computer around it needs NVIDIA's container toolkit."),
        container_command(facts.container),
    )


def container_command(kind: str) -> str:
    return {
        "podman": "podman run --device nvidia.com/gpu=all IMAGE",
        "kubernetes": "resources: {limits: {nvidia.com/gpu: 1}}",
    }.get(kind, "docker run --gpus all IMAGE")


def other_maker(one: Situation) -> Readiness | None:
    driver = next((driver for driver in one.snapshot.others if any(gpu.usable for gpu in driver.gpus)), None)
    if not one.without_card or driver is None or one.facts.card_on_bus:
        return None
    name = next(gpu.name for gpu in driver.gpus if gpu.usable) or MAKER_NAMES[driver.maker]
    cures = {
        Maker.AMD: tr("When you make an environment, choose the build for AMD (ROCm), where AMD supports this card."),
        Maker.INTEL: tr("When you make an environment, choose the build for Intel (XPU)."),
        Maker.APPLE: tr("The ordinary build of PyTorch uses it."),
    }
    return Readiness(
        f"other_{driver.maker}",
        "good",
        tr("This computer has a GPU of another maker: {name}", name=name),
        tr("Most programs are made for NVIDIA first; PyTorch can train on this one too."),
        cures.get(driver.maker),
    )


def virtual(one: Situation) -> Readiness | None:
    facts = one.facts
    if not one.without_card or facts.card_on_bus is not False or not facts.virtual:
        return None
    return Readiness(
        "virtual",
        "neutral",
        tr("This is a virtual machine without a graphics card: training will run on the CPU"),
        tr("It is given no NVIDIA card by the computer or the cloud that it runs on ({name}).", name=facts.virtual),
        tr("For faster training pass a card on to it, or in a cloud choose a type of machine with a GPU."),
    )


def container_alone(one: Situation) -> Readiness | None:
    if not one.without_card or not one.facts.container:
        return None
    return Readiness(
        "container_alone",
        "neutral",
        tr("No NVIDIA GPU is in this container: training will run on the CPU"),
        tr("The container was given none, or the computer around it has none."),
        tr("If the computer has an NVIDIA card, start the container again with it."),
        container_command(one.facts.container),
    )
