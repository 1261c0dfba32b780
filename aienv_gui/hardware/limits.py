"""What limits the machine right now, and what to try, in words.

Silent where it does not know: every verdict is a rule (`limit_rules`) over the readings of the last minute and the
trainings that run, and shows the readings as its evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from aienv_gui.hardware.history import History
from aienv_gui.hardware.limit_rules import cards, machine, trainings
from aienv_gui.hardware.limit_rules.cards import HOT_CELSIUS, hot_celsius
from aienv_gui.hardware.limit_rules.recent import Recent
from aienv_gui.hardware.limit_rules.verdict import Verdict, Work, card_of
from aienv_gui.hardware.readings import Snapshot

__all__ = ["HOT_CELSIUS", "Verdict", "Work", "assess", "card_of", "hot_celsius"]

# Within one level, in the order in which they are said.
_RULES: Final[tuple[Callable[[Recent], Verdict | None], ...]] = (
    cards.lost,
    cards.memory_errors,
    cards.closed,
    machine.memory,
    machine.container_memory,
    machine.disk,
    cards.memory,
    cards.heat,
    cards.power_supply,
    cards.memory_repair,
    cards.taken,
    machine.battery,
    trainings.wrong_place,
    trainings.waiting,
    trainings.container_cores,
    trainings.other_programs,
    cards.fixed_clock,
    cards.narrow_link,
    trainings.gpu_well_used,
    trainings.cpu_well_used,
    trainings.gpu_hardly_used,
    cards.power_limit,
)
_LEVELS: Final = ("bad", "warn", "good")
# One cause, one sentence: the first explains the second, where both are about the same training.
_EXPLAINS: Final = (
    ("memory", "waiting_disk"),  # swapping keeps the disk busy
    ("container_cores", "waiting_cpu"),
    ("container_cores", "waiting_data"),
    ("other_program", "gpu_memory"),
    ("gpu_well_used", "power_limit"),
)


def assess(snapshot: Snapshot, history: History, work: Sequence[Work] = ()) -> tuple[Verdict, ...]:
    """What limits the machine right now, the worst first; empty where nothing does or nothing is known.

    That all is well is said of a training ("good") where nothing else is. `history` ends with `snapshot`. Takes less
    than a millisecond.
    """
    recent = Recent(snapshot, history, work)
    found = [verdict for rule in _RULES if (verdict := rule(recent)) is not None]
    merged = _merge(found)
    return tuple(sorted(merged, key=lambda verdict: _LEVELS.index(verdict.level)))


def _merge(found: list[Verdict]) -> list[Verdict]:
    """Join what has one cause, and leave out praise for a training that is held back or praised already."""
    by_key = {verdict.key: verdict for verdict in found}
    for cause, effect in _EXPLAINS:
        if cause in by_key and effect in by_key and _share_a_training(by_key[cause], by_key[effect]):
            by_key[cause] = _joined(by_key[cause], by_key.pop(effect))
    spoken_of = {one for verdict in by_key.values() if verdict.level != "good" for one in verdict.concerns}
    result = []
    for verdict in by_key.values():
        if verdict.level == "good":
            if spoken_of.intersection(verdict.concerns):
                continue
            spoken_of.update(verdict.concerns)
        result.append(verdict)
    return result


def _share_a_training(one: Verdict, other: Verdict) -> bool:
    return not set(one.concerns).isdisjoint(other.concerns)


def _joined(cause: Verdict, effect: Verdict) -> Verdict:
    told = {str(fact) for fact in cause.evidence}
    more = tuple(fact for fact in effect.evidence if str(fact) not in told)
    return replace(
        cause,
        level=min(cause.level, effect.level, key=_LEVELS.index),
        evidence=cause.evidence + more,
        concerns=tuple(dict.fromkeys(cause.concerns + effect.concerns)),
        cards=tuple(dict.fromkeys(cause.cards + effect.cards)),
    )
