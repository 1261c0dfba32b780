"""How late a window's event loop is."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Slot

TICK_MS = 16


class Lateness(QObject):
    """Notes how late each tick of a 16 ms timer comes, in milliseconds."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.values: list[float] = []
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def running(self) -> bool:
        return self._timer.isActive()

    def start(self) -> None:
        self._clock.start()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @Slot()
    def _tick(self) -> None:
        self.values.append(round(max(0.0, self._clock.nsecsElapsed() / 1e6 - TICK_MS), 3))
        self._clock.start()
