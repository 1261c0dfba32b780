"""What has changed about the computer since an environment was validated."""

from __future__ import annotations

from collections.abc import Sequence

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.health.frameworks import accelerator_of
from aienv_gui.environments.records import Environment, Machine


def outdated(environments: Sequence[Environment], now: Machine | None) -> tuple[Environment, ...]:
    """The environments whose verdicts were given on another driver or other cards; `now` is None while not known."""
    return tuple(one for one in environments if change_since(one, now) is not None)


def change_since(environment: Environment, now: Machine | None) -> Text | None:
    """What is different now, in a sentence; None where nothing is that matters to the environment."""
    before = environment.machine
    if now is None or before is None or not environment.health or accelerator_of(environment) is None:
        return None
    name = environment.name
    known, seen = {card.uuid for card in before.cards}, {card.uuid for card in now.cards}
    if seen - known:
        return tr("Another graphics card is in this computer than when “{name}” was validated.", name=name)
    if known - seen:
        return tr("A graphics card that was there when “{name}” was validated is not seen any more.", name=name)
    if before.driver_version != now.driver_version:
        if not before.driver_version:
            return tr("An NVIDIA driver was installed since “{name}” was validated.", name=name)
        if not now.driver_version:
            return tr("The NVIDIA driver that was there when “{name}” was validated is gone.", name=name)
        return tr(
            "The NVIDIA driver was updated since “{name}” was validated: {before} became {now}.",
            name=name,
            before=before.driver_version,
            now=now.driver_version,
        )
    return None
