"""The time axis that plots share: which part of it is shown, where it is read, and when they are drawn together."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Final, Protocol

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from aienv_gui.gui.plots.pacing import FramePacer

_REDRAW_MS: Final = 50
_RESTING_MS: Final = 1000  # at most, between two drawings of data that go on
_SHARE: Final = 0.02  # of one core, for drawing what comes by itself: a training on this computer needs the rest


class Member(Protocol):
    """What is drawn over a time axis."""

    def data_span(self) -> tuple[float, float] | None: ...

    def draw(self) -> None: ...


class TimeRange(QObject):
    """Follows the data until the user moves it: all of them, or their last `width` seconds. GUI thread only.

    With a `width` the axis is the wall clock's (x in seconds since the epoch), else x is seconds since a start.
    """

    changed = Signal()  # what is shown was chosen, or follows again
    cursor_moved = Signal()

    def __init__(self, parent: QObject, *, width: float | None = None) -> None:
        super().__init__(parent)
        self._cost_s = 0.0  # of the last drawing of all members, with the painting after it
        self._drawn = -math.inf  # when that was
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)
        self._pacer = FramePacer(self)
        self.members: list[Member] = []
        self.width = width
        self.chosen: tuple[float, float] | None = None  # by the user
        self.cursor: float | None = None

    @property
    def wall(self) -> bool:
        """Whether the axis is the wall clock's."""
        return self.width is not None

    def value(self) -> tuple[float, float]:
        """The part of the axis that is shown."""
        if self.chosen is not None:
            return self.chosen
        low, high = self.whole()
        return (low, high) if self.width is None else (high - self.width, high)

    def whole(self) -> tuple[float, float]:
        """All that can be shown."""
        spans = [span for member in self.members if (span := member.data_span()) is not None]
        if not spans:
            now = time.time() if self.wall else 60.0
            return now - (self.width or now), now
        low, high = min(s[0] for s in spans), max(s[1] for s in spans)
        return (low, max(high, low + 10.0)) if self.width is None else (min(low, high - self.width), high)

    def follow(self, width: float) -> None:
        """Show the last so many seconds from now on."""
        self.width, self.chosen = width, None
        self.changed.emit()

    def choose(self, span: tuple[float, float] | None) -> None:
        """Show this part, or follow the data again."""
        if span != self.chosen:
            self.chosen = span
            self.changed.emit()

    def show(self, low: float, high: float) -> None:
        """Show low..high, kept within the data; without a width, everything when that is what it comes to."""
        first, last = self.whole()
        span = min(max(high - low, 1.0), last - first)
        low = min(max(low, first), last - span)
        self.choose(None if span >= last - first and not self.wall else (low, low + span))

    def zoom(self, factor: float, around: float) -> None:
        """Show `factor` times as much, with `around` where it is."""
        low, high = self.value()
        self.show(around - (around - low) * factor, around + (high - around) * factor)

    def point_at(self, cursor: float | None) -> None:
        if cursor != self.cursor:
            self.cursor = cursor
            self.cursor_moved.emit()

    @property
    def waiting(self) -> bool:
        """Whether a drawing is due, or not all are drawn yet."""
        return self._timer.isActive() or self._pacer.waiting > 0

    def draw_soon(self, *, asked: bool) -> None:
        """Draw what has changed: at once where the user `asked` for it, otherwise as often as `_SHARE` allows."""
        pause = -math.inf if asked else self._drawn + self._cost_s / _SHARE - time.perf_counter()
        delay = round(min(max(_REDRAW_MS, 1000 * pause), _RESTING_MS))
        if not self._timer.isActive() or self._timer.remainingTime() > delay:
            self._timer.start(delay)

    @Slot(float)
    def add_cost(self, seconds: float) -> None:
        self._cost_s += seconds

    @Slot()
    def _draw(self) -> None:
        self._drawn, self._cost_s = time.perf_counter(), 0.0
        self._pacer.show([partial(self._draw_one, member) for member in self.members])

    def _draw_one(self, member: Member) -> None:
        if member not in self.members:
            return  # it left meanwhile
        began = time.perf_counter()
        member.draw()
        self._cost_s += time.perf_counter() - began
