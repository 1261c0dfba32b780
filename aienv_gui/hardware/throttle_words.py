"""Why a card's clock is held back, in words."""

from __future__ import annotations

from typing import Final

from aienv_gui.core.wording import Text, tr
from aienv_gui.hardware.readings import Throttle

# The worst first; of these the first one that holds is the one to name.
BY_WEIGHT: Final = (
    Throttle.POWER_BRAKE,
    Throttle.HARDWARE_HEAT,
    Throttle.HARDWARE,
    Throttle.HEAT,
    Throttle.APPLICATION_CLOCKS,
    Throttle.SYNC_BOOST,
    Throttle.DISPLAY,
    Throttle.POWER_CAP,
    Throttle.IDLE,
)
# What keeps a card below what it could do, and is neither its rest nor its ordinary limit.
HOLDS_BACK: Final = frozenset({Throttle.POWER_BRAKE, Throttle.HARDWARE_HEAT, Throttle.HARDWARE, Throttle.HEAT})


def throttle_words(reason: Throttle) -> Text:
    """One reason in a sentence."""
    return {
        Throttle.IDLE: tr("It rests: there is nothing to calculate."),
        Throttle.APPLICATION_CLOCKS: tr("Somebody set a fixed clock for it."),
        Throttle.POWER_CAP: tr("It is at its power limit, which is normal under full load."),
        Throttle.HARDWARE: tr("It protects itself: too hot, too much power, or a signal from the power supply."),
        Throttle.SYNC_BOOST: tr("It keeps the same clock as the other cards of its group."),
        Throttle.HEAT: tr("It is warm: the driver lowers the clock to keep the temperature."),
        Throttle.HARDWARE_HEAT: tr("It is too hot: the card itself lowers the clock, by half or more."),
        Throttle.POWER_BRAKE: tr("The power supply asks it to take less."),
        Throttle.DISPLAY: tr("The clock of the screen decides."),
    }[reason]
