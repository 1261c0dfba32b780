"""Alarms: what the user should hear of without looking. Each is raised once, when it has lasted; told again only later.

A reading that trembles at its limit raises nothing new: an alarm is over only when the reading is clearly within its
limit again, and the same alarm is not told more often than every quarter of an hour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from aienv_gui.core.wording import Text, duration, tr
from aienv_gui.hardware.alarm_rules import AlarmKind, Finding, Rules, Words, findings
from aienv_gui.hardware.limits import Work
from aienv_gui.hardware.readings import Snapshot

REPEAT_S: Final = 15 * 60.0  # the same alarm is not told more often
_HOLD_S: Final = {  # how long it must last
    AlarmKind.GPU_TEMPERATURE: 10.0,
    AlarmKind.THROTTLING: 10.0,
    AlarmKind.GPU_MEMORY: 20.0,
    AlarmKind.MEMORY: 10.0,
    AlarmKind.DISK: 10.0,
    AlarmKind.GPU_LOST: 5.0,
}
_LEVELS: Final[dict[AlarmKind, Literal["good", "warn", "bad"]]] = {
    AlarmKind.MEMORY: "bad",
    AlarmKind.DISK: "bad",
    AlarmKind.GPU_LOST: "bad",
    AlarmKind.TRAINING_FAILED: "bad",
    AlarmKind.TRAINING_FINISHED: "good",
}
_GAP_S: Final = 30.0  # without a look (the computer slept): what was before does not count as having lasted
_MEAN_S: Final = 60.0  # utilisation comes in bursts


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something to tell. `subject` is what it is about: a card's uuid, a disk's mount, a run's folder."""

    kind: AlarmKind
    subject: str
    level: Literal["good", "warn", "bad"]
    title: Text
    what: Text
    cure: Text
    time: float  # seconds since the epoch, when it was noticed

    @property
    def key(self) -> str:
        """The same for the same thing, whenever it happens."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A training that was running and is not any more; `reason` where it went wrong."""

    folder: str
    name: str
    seconds: float
    reason: Text | None = None
    cure: Text | None = None


@dataclass(slots=True)
class _Watch:
    """What is remembered of one thing that may raise an alarm, on the steady clock."""

    seen: float = 0.0
    since: float | None = None  # it has been beyond its limit
    alarm: Alarm | None = None  # while it lasts
    told: bool = False  # the present one
    told_at: float = -math.inf


class Alarms:
    """What is remembered between two looks: bounded, and pure: the clock is the snapshots'."""

    def __init__(self) -> None:
        self._watches: dict[tuple[AlarmKind, str], _Watch] = {}
        self._loads: dict[str, float] = {}
        self._looked: float | None = None

    @property
    def active(self) -> tuple[Alarm, ...]:
        """What lasts now, whether it was told anew or not, in the numbers of the last look."""
        return tuple(watch.alarm for watch in self._watches.values() if watch.alarm is not None)

    def look(self, snapshot: Snapshot, work: Sequence[Work], rules: Rules) -> tuple[Alarm, ...]:
        """The alarms to tell now. To be called with every snapshot, in order."""
        now = snapshot.monotonic
        passed = 0.0 if self._looked is None else now - self._looked
        self._looked = now
        if passed > _GAP_S:
            for watch in self._watches.values():
                watch.since = None
        self._average(snapshot, passed)
        told = [
            alarm
            for finding in findings(snapshot, work, rules, self._loads)
            if rules[finding.kind].on and (alarm := self._judge(finding, rules, snapshot)) is not None
        ]
        self._forget(now, rules)
        return tuple(told)

    def _average(self, snapshot: Snapshot, passed: float) -> None:
        share = 1.0 - math.exp(-passed / _MEAN_S)
        loads = {}
        for gpu in snapshot.gpus:
            load = gpu.utilisation_percent.number
            if load is not None:
                before = self._loads.get(gpu.uuid, load)
                loads[gpu.uuid] = before + share * (load - before)
        self._loads = loads

    def _judge(self, finding: Finding, rules: Rules, snapshot: Snapshot) -> Alarm | None:
        now = snapshot.monotonic
        watch = self._watches.setdefault((finding.kind, finding.subject), _Watch())
        watch.seen = now
        if finding.words is None:
            if finding.over:
                watch.alarm, watch.told = None, False
            if watch.alarm is None:
                watch.since = None
            return None
        if watch.since is None:
            watch.since = now
        hold = 60 * rules[finding.kind].limit if finding.kind is AlarmKind.GPU_IDLE else _HOLD_S[finding.kind]
        if watch.alarm is None and now - watch.since < hold:
            return None
        watch.alarm = _alarm(finding, finding.words, watch.alarm.time if watch.alarm else snapshot.time)
        if watch.told or now - watch.told_at < REPEAT_S:
            return None
        watch.told, watch.told_at = True, now
        return watch.alarm

    def _forget(self, now: float, rules: Rules) -> None:
        """Let go of what is switched off, and of cards and disks that are gone."""
        for key, watch in list(self._watches.items()):
            if not rules[key[0]].on:
                del self._watches[key]
            elif now - watch.seen > _GAP_S:
                watch.since, watch.alarm, watch.told = None, None, False
                if now - watch.told_at > REPEAT_S:
                    del self._watches[key]


def _alarm(finding: Finding, words: Words, time: float) -> Alarm:
    level = _LEVELS.get(finding.kind, "warn")
    return Alarm(finding.kind, finding.subject, level, words.title, words.what, words.cure, time)


def alarm_of_run(end: RunEnd, rules: Rules, time: float) -> Alarm | None:
    """What is told of a training's end; None where the user does not want to hear of it."""
    kind = AlarmKind.TRAINING_FINISHED if end.reason is None else AlarmKind.TRAINING_FAILED
    if not rules[kind].on:
        return None
    if end.reason is None:
        words = Words(
            tr("Training finished"),
            tr("{name} was trained in {time}.", name=end.name, time=duration(end.seconds)),
            tr("Open it to see the result and to try the model."),
        )
    else:
        words = Words(
            tr("Training did not finish"),
            tr("{name}: {reason}", name=end.name, reason=end.reason),
            end.cure or tr("Open it to see why, and to continue it."),
        )
    return _alarm(Finding(kind, end.folder), words, time)
