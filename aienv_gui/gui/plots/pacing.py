"""Many small drawings spread over frames, so that none of them keeps the window from answering."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from PySide6.QtCore import QObject, Qt, QTimer, Slot

FRAME_S: Final = 0.016
_BUDGET_S: Final = 0.004  # of a frame: the rest is for the mouse, the keyboard and everyone else


class FramePacer(QObject):
    """Runs updates of widgets, as many as fit into 4 ms with their painting, then rests for a frame. GUI thread only.

    Each update gets a pass of the event loop of its own, so that what it changed is painted before the next one. All
    pacers take turns: what one has spent the others have not.
    """

    _began: ClassVar[float] = -math.inf  # what is done without a rest
    _step_began: ClassVar[float] = -math.inf
    _ended: ClassVar[float] = -math.inf  # the last step, with its painting where a rest followed
    _resting: ClassVar[bool] = False

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._updates: tuple[Callable[[], None], ...] = ()
        self._next = 0
        self._waiting = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_due)

    @property
    def waiting(self) -> int:
        """How many updates are still to come."""
        return self._waiting

    def show(self, updates: Iterable[Callable[[], None]]) -> None:
        """Run these in the coming frames, in place of all that still waits: the newest data wins.

        Where the former round was cut short, this one begins with what it did not reach, so that nothing starves.
        """
        self._updates = tuple(updates)
        self._waiting = len(self._updates)
        self._next = self._next % self._waiting if self._waiting else 0
        if not self._waiting:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start(0)

    def finish(self) -> None:
        """Run all that waits now: for a page that is just shown, and painted as a whole anyway."""
        self._timer.stop()
        while self._waiting:
            self._take()()

    def _take(self) -> Callable[[], None]:
        update = self._updates[self._next]
        self._next = (self._next + 1) % len(self._updates)
        self._waiting -= 1
        return update

    @Slot()
    def _on_due(self) -> None:
        pacing, now = FramePacer, time.perf_counter()
        if now - pacing._ended >= FRAME_S:
            pacing._began, pacing._resting = now, False
        elif pacing._resting or 2 * now - pacing._began - pacing._step_began > _BUDGET_S:
            if not pacing._resting:
                # A timer without delay comes after the painting of what the last update changed: that is in its cost.
                pacing._ended, pacing._resting = now, True
            self._timer.start(math.ceil(1000 * (pacing._ended + FRAME_S - now)))
            return
        pacing._step_began = now
        update = self._take()
        if self._waiting:
            self._timer.start(0)
        update()
        pacing._ended = time.perf_counter()
