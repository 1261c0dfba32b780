"""An NVIDIA card is in the computer and its driver does not run: what of it is missing on Linux."""

from __future__ import annotations

from aienv_gui.core.wording import tr
from aienv_gui.hardware.driver_install import install_command, rebuild_command, refresh_start_command
from aienv_gui.hardware.readiness_rules.answer import Readiness, Situation
from aienv_gui.hardware.readings import DriverState


def no_library(one: Situation) -> Readiness | None:
    if not one.without_card or "nvidia" not in one.facts.loaded or one.facts.container:
        return None
    return Readiness(
        "library_missing",
        "warn",
        tr("Half of the NVIDIA driver is missing"),
        tr("Its part in the system's kernel runs; the libraries that programs need are not installed."),
        tr("Install the driver again, as a whole, then restart the computer."),
        install_command(one.facts.distributions),
    )


def nouveau(one: Situation) -> Readiness | None:
    facts = one.facts
    if not one.without_card or "nouveau" not in facts.loaded or not facts.card_on_bus:
        return None
    if not facts.installed:
        return Readiness(
            "nouveau",
            "warn",
            tr("The NVIDIA GPU runs with a driver that cannot calculate"),
            tr("The driver nouveau, which comes with Linux, shows pictures on the screen and can do no more."),
            tr("Install NVIDIA's own driver, then restart the computer."),
            install_command(facts.distributions),
            tr("The kernel's module nouveau is loaded; NVIDIA's is not installed."),
        )
    refresh = refresh_start_command(facts.distributions)
    block = "echo blacklist nouveau | sudo tee /etc/modprobe.d/blacklist-nouveau.conf"
    if facts.nouveau_blocked:
        cure = tr(
            "It is switched off for the next start: restart the computer. If that does not help, run this before."
        )
        command = refresh
    else:
        cure = tr("Switch it off, then restart the computer.")
        command = f"{block} && {refresh}" if refresh else block
    return Readiness(
        "nouveau_first",
        "warn",
        tr("NVIDIA's driver is installed, and another one was faster"),
        tr("The driver nouveau, which comes with Linux, holds the card, so that NVIDIA's cannot start."),
        cure,
        command,
        tr("The kernel's module nouveau is loaded; NVIDIA's is installed and is not."),
    )


def secure_boot(one: Situation) -> Readiness | None:
    facts = one.facts
    if not _installed_and_idle(one) or facts.secure_boot is not True:
        return None
    return Readiness(
        "secure_boot",
        "warn",
        tr("Secure Boot keeps the NVIDIA driver from starting"),
        tr("The computer only loads drivers whose signature it knows; that of NVIDIA's driver it does not know."),
        tr(
            "Run this and choose a password. At the next start the computer asks for it: choose “Enroll MOK”. Or "
            "switch Secure Boot off in the computer's firmware settings."
        )
        if facts.key
        else tr(
            "Switch Secure Boot off in the computer's firmware settings, or install the driver from your system's own "
            "packages: those are signed."
        ),
        f"sudo mokutil --import {facts.key}" if facts.key else "",
        tr(
            "Secure Boot is on; NVIDIA's module for the kernel {kernel} is installed and not loaded.",
            kernel=facts.kernel,
        ),
    )


def not_loaded(one: Situation) -> Readiness | None:
    facts = one.facts
    if not _installed_and_idle(one):
        return None
    return Readiness(
        "not_loaded",
        "warn",
        tr("The NVIDIA driver is installed and does not run"),
        tr("The system did not start it, or it ended with an error."),
        tr("Start it with this command, or restart the computer. If it fails, install the driver again."),
        "sudo modprobe nvidia",
        tr("NVIDIA's module for the kernel {kernel} is installed and not loaded.", kernel=facts.kernel),
    )


def _installed_and_idle(one: Situation) -> bool:
    """Whether the driver is there for the kernel that runs and does not, though there may be a card for it."""
    facts = one.facts
    return one.without_card and facts.installed and "nvidia" not in facts.loaded and facts.card_on_bus is not False


def other_kernel(one: Situation) -> Readiness | None:
    facts = one.facts
    if not one.without_card or facts.installed or not facts.installed_for or facts.card_on_bus is False:
        return None
    if "nvidia" in facts.loaded:
        return None
    return Readiness(
        "other_kernel",
        "warn",
        tr("The NVIDIA driver does not fit the system since its last update"),
        tr("It was built for another version of Linux than the one that runs."),
        tr("Build it for this version, then restart the computer."),
        rebuild_command(facts.distributions),
        tr(
            "The kernel that runs is {kernel}; the driver is there for {kernels}.",
            kernel=facts.kernel,
            kernels=", ".join(facts.installed_for[:3]),
        ),
    )


def not_installed(one: Situation) -> Readiness | None:
    facts = one.facts
    if one.nvidia.state is DriverState.NO_GPU or not one.without_card or not facts.card_on_bus or facts.container:
        return None
    return Readiness(
        "not_installed",
        "warn",
        tr("The NVIDIA GPU has no driver: training will run on the CPU"),
        tr("There is an NVIDIA card in this computer, and NVIDIA's driver is not installed."),
        tr("Install the driver, then restart the computer."),
        install_command(facts.distributions),
    )
