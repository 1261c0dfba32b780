"""What the GUI thread does in each frame of 16 ms in which a window was painted."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget

FRAME_S = 0.016
_NAP_S = 0.0005


class FrameCosts(QObject):
    """Drives the event loop frame by frame. All that happens in a frame counts: new data, layout, painting, timers."""

    def __init__(self, application: QApplication, window: QWidget) -> None:
        super().__init__(application)
        self.cpu_ms: list[float] = []
        self.wall_ms: list[float] = []
        self._application = application
        self._painted = False
        window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self._painted = self._painted or event.type() == QEvent.Type.UpdateRequest
        return False

    def forget(self) -> None:
        """Leave out what was measured so far: the first frames import modules and fill caches."""
        self.cpu_ms.clear()
        self.wall_ms.clear()

    def frame(self, work: Callable[[], object] | None = None) -> None:
        """One frame, with `work` at its beginning. It counts where a window was painted in it."""
        self._painted = False
        cpu = wall = 0.0
        end = time.perf_counter() + FRAME_S
        while (began := time.perf_counter()) < end:
            began_cpu = time.thread_time()
            if work is not None:
                work()
                work = None
            self._application.processEvents()
            cpu += time.thread_time() - began_cpu
            wall += time.perf_counter() - began
            time.sleep(_NAP_S)
        if self._painted:
            self.cpu_ms.append(round(1000 * cpu, 3))
            self.wall_ms.append(round(1000 * wall, 3))

    def result(self) -> dict[str, list[float]]:
        return {"cpu_ms": list(self.cpu_ms), "wall_ms": list(self.wall_ms)}
