"""What the rules on whether the machine is ready are given, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aienv_gui.core.wording import Text
from aienv_gui.hardware.readings import Driver, DriverState, Snapshot
from aienv_gui.hardware.system_facts import SystemFacts

_WITHOUT_CARD: Final = (DriverState.NO_DRIVER, DriverState.NO_GPU, DriverState.NO_LIBRARY)


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer. `command` is what the user may copy and run, where a command is (part of) the cure.

    Levels: good (ready), neutral (nothing is wrong, and nothing more is possible), warn (there is something to do).
    """

    key: str
    level: str
    title: Text
    cause: Text | None = None
    cure: Text | None = None
    command: str = ""
    evidence: Text | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules are given. `oldest_driver` is what the oldest build of today needs; "" where that is unknown."""

    snapshot: Snapshot
    facts: SystemFacts
    oldest_driver: str

    @property
    def nvidia(self) -> Driver:
        return self.snapshot.nvidia

    @property
    def without_card(self) -> bool:
        """Whether the driver's library shows no card."""
        return self.nvidia.state in _WITHOUT_CARD
