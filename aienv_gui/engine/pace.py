"""How fast it goes and how long it will take: the heartbeat of a run.

The time left is a range, by the steps of this attempt: wide after the first of them, narrower with every second seen.
Validations, checkpoints and the end (the test judged, simple methods compared, the model saved) are in it. What has not
happened yet in this attempt is estimated from what has: to judge an example takes a share of what it takes to learn
from it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from .events import Events
from .protocol import Event

_FIRST, _EVERY = 0.25, 1.0  # seconds in steps from one report to the next: soon at first, then calmer
_RECENT = 60  # reports that decide how fast it goes, as much as all of the attempt do
_SURE, _UNSURE, _WIDEST = 0.06, 0.35, 0.45  # half the range, as a share: after long, after a second, and at most
_AS_BEFORE = 0.4  # ... where only earlier attempts are known
_JUDGING = (0.15, 1.0)  # to judge an example, over learning from it: before any validation was seen
_VALIDATIONS = 5  # of which the least and the most are taken
_FROZEN = 3.5  # steps in which all is learnt take at most so many times those in which most was held fast
_SAVING = 0.5  # seconds that the end may take beside the judging, for the model's folder


@dataclass(frozen=True)
class Ahead:
    """What is to be done, as far as it decides how long that takes."""

    steps: int
    per_epoch: int
    validation: float = 0.0  # its examples over those of the training
    test: float = 0.0
    frozen: int = 0  # steps in which only a part of the network learns
    most: float = math.inf  # seconds in steps, in all attempts, after which it ends
    processes: int = 1  # share the steps, but judge alone
    comparing: tuple[float, float] = (0.0, 0.0)  # seconds that simple methods take at the end, at least and at most


class Pace:
    """Told of each step; reports how it goes. `expect` says what is ahead, where that is more than so many steps."""

    def __init__(self, events: Events, total_steps: int, steps_per_epoch: int) -> None:
        self._events = events
        self._ahead = Ahead(total_steps, steps_per_epoch)
        self._windows: list[tuple[float, int]] = []  # seconds and steps, of one report each, the newest
        self._all = (0.0, 0)  # ... and of the whole attempt
        self._validations: list[float] = []
        self._before: tuple[int, float] | None = None  # steps and their seconds, in earlier attempts
        self._worked = 0.0  # seconds in steps, in all attempts
        self._mark = time.monotonic()
        self._every = _FIRST
        self._spent = 0.0
        self._waited = 0.0
        self._steps = 0
        self._examples = 0

    def expect(self, ahead: Ahead, step: int, seconds: float) -> None:
        """What is ahead, and what earlier attempts did: so many steps in so many seconds."""
        self._ahead, self._worked = ahead, seconds
        if step > ahead.frozen and seconds > 0:
            self._before = step, seconds

    def resume(self) -> None:
        """What happened since the last step was no training: the next one begins now.

        Before the first step of an attempt that goes on, a range is told as if it went as fast as before.
        """
        self._mark = time.monotonic()
        if self._before is None:
            return
        (step, seconds), self._before = self._before, None
        low, high = self._left(step, seconds / step, _AS_BEFORE)
        left = {"seconds_left": round(low, 1), "seconds_left_high": round(high, 1)}
        epoch = step // self._ahead.per_epoch + 1
        self._events.emit(Event.PROGRESS, step=step, epoch=epoch, total_steps=self._ahead.steps, **left)

    def step(self, step: int, epoch: int, examples: int, waited: float) -> float:
        """A step was done, of which `waited` seconds went by until its batch was there; returns its seconds."""
        now = time.monotonic()
        seconds = now - self._mark
        self._worked += seconds
        self._spent += seconds
        self._waited += waited
        self._mark = now
        self._steps += 1
        self._examples += examples
        if step == self._ahead.frozen + 1:
            self._windows, self._all = [], (0.0, 0)  # from now on all of the network learns
        if self._spent < self._every:
            return seconds
        self._every = min(_EVERY, 2 * self._every)
        self._windows = [*self._windows[1 - _RECENT :], (self._spent, self._steps)]
        self._all = self._all[0] + self._spent, self._all[1] + self._steps
        low, high = self._left(step, *self._speed())
        self._events.emit(
            Event.PROGRESS,
            step=step,
            epoch=epoch,
            total_steps=self._ahead.steps,
            examples_per_second=round(self._examples / self._spent, 1),
            seconds_left=round(low, 1),
            seconds_left_high=round(high, 1),
            waiting_share=round(min(1.0, self._waited / self._spent), 3),
        )
        self._spent, self._waited, self._steps, self._examples = 0.0, 0.0, 0, 0
        return seconds

    def validated(self, seconds: float) -> None:
        """A validation (with its checkpoint) took this long."""
        self._validations = [*self._validations[1 - _VALIDATIONS :], seconds]

    def _speed(self) -> tuple[float, float]:
        """Seconds a step, and how far from that it may turn out to be, as a share.

        Means, since what is rare (a checkpoint, another program) takes its time as well; half of the last minute, half
        of all: what slows it down now may last or be over soon.
        """
        now = sum(seconds for seconds, _ in self._windows) / sum(steps for _, steps in self._windows)
        mean = (now + self._all[0] / self._all[1]) / 2
        apart = [(seconds / steps - now) ** 2 for seconds, steps in self._windows]
        swing = math.sqrt(sum(apart) / len(apart)) / mean
        return mean, min(_WIDEST, _SURE + _UNSURE / math.sqrt(1 + self._all[0]) + swing / 2)

    def _left(self, step: int, speed: float, doubt: float) -> tuple[float, float]:
        ahead, fast, slow = self._ahead, speed * (1 - doubt), speed * (1 + doubt)
        if self._validations:
            low, high = min(self._validations), max(self._validations)
        else:
            # Of those in the training an epoch learns from each once.
            epoch = ahead.per_epoch * speed * ahead.validation
            low, high = (share * epoch for share in _JUDGING)
            high *= ahead.processes
        tested = ahead.test / ahead.validation if ahead.validation else 0.0
        least = self._until_the_end(step, fast, fast, low) + tested * low + ahead.comparing[0]
        most = self._until_the_end(step, slow, slow * _FROZEN, high) + tested * high + ahead.comparing[1] + _SAVING
        return least, most

    def _until_the_end(self, step: int, now: float, later: float, judging: float) -> float:
        """Seconds of all steps and validations, at so many seconds a step while a part is frozen, and `later`."""
        ahead = self._ahead
        steps: float = ahead.steps - step
        frozen = min(steps, max(0, ahead.frozen - step))
        seconds = frozen * now + (steps - frozen) * (later if frozen else now)
        room = max(0.0, ahead.most - self._worked)
        if seconds > room:
            steps, seconds = steps * room / seconds, room
        judged = int(step + steps) // ahead.per_epoch - max(0, step - 1) // ahead.per_epoch
        return seconds + judged * judging
