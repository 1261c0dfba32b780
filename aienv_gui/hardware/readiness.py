"""Is the machine ready? Rules that tell apart why an NVIDIA card cannot be used, each with its cure.

The first rule that knows answers; where none does, the words are those for the driver's state alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aienv_gui.hardware.driver_words import describe, nvidia_words
from aienv_gui.hardware.readiness_rules import linux_driver, surroundings, with_card
from aienv_gui.hardware.readiness_rules.answer import Readiness, Situation
from aienv_gui.hardware.readings import DriverState, Snapshot
from aienv_gui.hardware.system_facts import SystemFacts

# States of which the title says it all.
_SAID: Final = frozenset(
    {
        DriverState.STARTING,
        DriverState.NO_GPU,
        DriverState.NO_DRIVER,
        DriverState.NO_PERMISSION,
        DriverState.MISMATCH,
        DriverState.UNRESPONSIVE,
    }
)

__all__ = ["Readiness", "judge"]

_RULES: Final[tuple[Callable[[Situation], Readiness | None], ...]] = (
    with_card.lost,
    with_card.mismatch,
    with_card.no_permission,
    with_card.too_old,
    with_card.asleep,
    surroundings.wsl,
    surroundings.container,
    linux_driver.no_library,
    linux_driver.nouveau,
    linux_driver.secure_boot,
    linux_driver.not_loaded,
    linux_driver.other_kernel,
    linux_driver.not_installed,
    surroundings.other_maker,
    surroundings.virtual,
    surroundings.container_alone,
)


def judge(snapshot: Snapshot, facts: SystemFacts | None, oldest_driver: str = "") -> Readiness:
    """The answer for a snapshot; `facts` are None until the system was looked at."""
    if facts is not None and snapshot.nvidia.state is not DriverState.STARTING:
        situation = Situation(snapshot, facts, oldest_driver)
        for rule in _RULES:
            found = rule(situation)
            if found is not None:
                return found
    return _by_state(snapshot)


def _by_state(snapshot: Snapshot) -> Readiness:
    state = snapshot.nvidia.state
    cause, cure = nvidia_words(snapshot.nvidia)
    level = {DriverState.READY: "good", DriverState.STARTING: "neutral", DriverState.NO_GPU: "neutral"}
    if state is DriverState.READY:
        return Readiness("ready", "good", describe(snapshot))
    title = describe(snapshot)
    return Readiness(str(state), level.get(state, "warn"), title, None if state in _SAID else cause, cure)
