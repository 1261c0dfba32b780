"""What the drivers of AMD, Intel and Apple answer, in words, with the cure that suits the maker."""

from __future__ import annotations

import time

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.hardware.card_names import MAKER_NAMES
from aienv_gui.hardware.readings import Driver, DriverState, Maker


def other_maker_words(driver: Driver) -> tuple[Text, Text | None]:
    """What the answer means, and the cure where there is something to do."""
    maker = MAKER_NAMES[driver.maker]
    if driver.state is DriverState.READY:
        found = tr_count("{count} {maker} GPU found.", "{count} {maker} GPUs found.", len(driver.gpus), maker=maker)
        return found, None
    words: dict[DriverState, tuple[Text, Text | None]] = {
        DriverState.STARTING: (tr("Looking for {maker} GPUs.", maker=maker), None),
        DriverState.NO_DRIVER: (
            tr("No driver runs the {maker} GPU.", maker=maker),
            tr(
                "Update the system and restart the computer: the driver is a part of Linux ({module}).",
                module=_module(driver),
            ),
        ),
        DriverState.NO_LIBRARY: (
            tr("The library that reads {maker} GPUs is not installed, or its version does not fit.", maker=maker),
            tr(
                "Trainings can use the GPU all the same. To see all its readings, install AMD SMI (the package "
                "amd-smi-lib) from the ROCm release that you use."
            ),
        ),
        DriverState.NO_GPU: (
            tr("The {maker} GPU is no longer in this computer.", maker=maker),
            tr("If it is an external one, check its cable and its power."),
        ),
        DriverState.NO_PERMISSION: (
            tr("The system does not let you use the {maker} GPU.", maker=maker),
            tr("Ask the administrator for access (on Linux: the groups video and render), then sign in again."),
        ),
        DriverState.LOST: (
            tr("The {maker} GPU no longer answers: the computer has lost the connection to it.", maker=maker),
            tr("Restart the computer. If it happens again, check the card's power, temperature and seat."),
        ),
        DriverState.UNRESPONSIVE: (
            silence(driver),
            tr("AIEnv keeps trying. If this lasts for more than a minute, save your work and restart the computer."),
        ),
        DriverState.CRASHED: (
            tr("The library that reads {maker} GPUs crashed.", maker=maker),
            tr("AIEnv keeps trying. If this goes on, restart the computer, then install the driver again."),
        ),
    }
    if driver.state in words:
        return words[driver.state]
    return (
        tr("The {maker} driver reports an error: {detail}", maker=maker, detail=driver.detail),
        tr("Restart the computer (in a container: the container). If that does not help, install the driver again."),
    )


def silence(driver: Driver) -> Text:
    """That a driver does not answer, and since when where that is known."""
    maker = MAKER_NAMES[driver.maker]
    if driver.silent_since is None:
        return tr("The {maker} driver does not answer.", maker=maker)
    since = time.strftime("%H:%M", time.localtime(driver.silent_since))
    return tr("The {maker} driver has not answered since {time}.", maker=maker, time=since)


def _module(driver: Driver) -> str:
    return "amdgpu" if driver.maker is Maker.AMD else "xe, i915"
