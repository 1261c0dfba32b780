"""Rings of Python objects are taken apart in the window's thread alone.

Python does that in whatever thread makes one object too many. A widget that goes with such a ring anywhere but in the
window's thread takes the whole process with it.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

_EVERY_MS: Final = 1000
_MOST: Final = (700, 10, 10)  # as Python's own: objects since the last time, and collections of the generation before


class GarbageCollector(QObject):
    """Python's own collector stands still from now on, as some threads may outlive the window by a moment."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(_EVERY_MS)

    def spare_what_is_there(self) -> None:
        """It stays as long as the program does: to look through it again and again would hold the window up."""
        gc.freeze()

    @Slot()
    def collect(self) -> None:
        """Look through the oldest generation that has had its time."""
        for generation, count in reversed(list(enumerate(gc.get_count()))):
            if count > _MOST[generation]:
                gc.collect(generation)
                return

    def end(self) -> None:
        """With the window: the timer goes, and nothing is spared any more."""
        self._timer.stop()
        gc.unfreeze()
