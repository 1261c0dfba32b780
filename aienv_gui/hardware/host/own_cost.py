"""What the application itself takes: this process and the monitors it has started."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import psutil

from aienv_gui.hardware.readings import OwnCost


class OwnCostReader:
    """Remembers the processor time of the look before. Used from one thread."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}
        self._before: dict[int, float] = {}
        self._before_at: float | None = None
        self._own = psutil.Process()

    def read(self, children: Sequence[int], now: float) -> OwnCost | None:
        """The cost since the call before; `now` is the moment on a steady clock. None at the first one."""
        spent: dict[int, float] = {}
        memory = 0
        for pid in (self._own.pid, *children):
            with suppress(psutil.Error):
                process = self._processes.get(pid) or (self._own if pid == self._own.pid else psutil.Process(pid))
                with process.oneshot():
                    times = process.cpu_times()
                    spent[pid] = times.user + times.system
                    memory += process.memory_info().rss
                self._processes[pid] = process
        before, before_at = self._before, self._before_at
        self._processes = {pid: process for pid, process in self._processes.items() if pid in spent}
        self._before, self._before_at = spent, now
        if before_at is None or now <= before_at:
            return None
        seconds = sum(max(0.0, after - before[pid]) for pid, after in spent.items() if pid in before)
        return OwnCost(100 * seconds / (now - before_at), memory)
