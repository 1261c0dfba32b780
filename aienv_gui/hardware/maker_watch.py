"""Keeps the monitor of one maker's cards going: notices when it falls silent or dies, and starts it again.

Each time a little later. What hangs or crashes there is told in this maker's answer only; the other makers have
watches of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import aienv_gui
from aienv_gui.core.processes import clean_environment
from aienv_gui.hardware.monitor_process import MonitorProcess
from aienv_gui.hardware.readings import Driver, DriverState, Maker

_LAST_BACKOFF_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds the monitor's process may be silent: before its first line (a driver may wake up), and later.

    After a failure the next start waits `backoff_s`, then twice as long, and so on up to a minute.
    """

    first_s: float = 20.0
    later_s: float = 6.0
    backoff_s: float = 1.0


class MakerWatch:
    """Used from one thread. `driver` is what the snapshot says of this maker now.

    `environment` is for the monitor's process; `clock` is a steady one, `wall` tells seconds since the epoch.
    """

    def __init__(
        self,
        maker: Maker,
        *,
        interval_s: float,
        environment: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.driver = Driver(DriverState.STARTING, maker=maker)
        self._maker = maker
        self._interval_s = interval_s
        self._environment = environment
        self._patience = patience or Patience()
        self._clock = clock
        self._wall = wall
        self._monitor: MonitorProcess | None = None
        self._dying: MonitorProcess | None = None  # killed, but perhaps stuck in the driver
        self._backoff_s = self._patience.backoff_s
        self._start_at = 0.0
        self._silent_since: float | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that this watch has started and that may still live."""
        return tuple(monitor.pid for monitor in (self._monitor, self._dying) if monitor is not None)

    def start(self) -> None:
        """Start the monitor's process; takes milliseconds. Its first answer comes later."""
        root = str(Path(aienv_gui.__file__).parents[1])
        environment = self._environment if self._environment is not None else clean_environment()
        try:
            self._monitor = MonitorProcess(
                self._maker, self._interval_s, {**environment, "PYTHONPATH": root}, self._clock
            )
        except OSError as error:
            self._fail(DriverState.FAILED, str(error))

    def look(self) -> Driver:
        """What the monitor said last, or what became of it. Never waits for the driver."""
        monitor = self._monitor
        if monitor is None:
            self._restart()
        elif monitor.ended():
            self._fail(DriverState.CRASHED, monitor.last_words())
        elif monitor.silent_s() > self._patience_s(monitor) + self._interval_s:
            monitor.kill()
            self._dying = monitor
            if self._silent_since is None:
                self._silent_since = self._wall() - monitor.silent_s()
            self._fail(DriverState.UNRESPONSIVE, "")
        elif monitor.latest is not None:
            self.driver = monitor.latest
            self._silent_since = None
            if self._clock() - monitor.started > _LAST_BACKOFF_S:
                self._backoff_s = self._patience.backoff_s  # it has been well for a while
        return self.driver

    def stop(self) -> None:
        """End the monitor's process. Blocks for at most about 2 seconds."""
        monitors = [monitor for monitor in (self._monitor, self._dying) if monitor is not None]
        for monitor in monitors:
            monitor.kill()
        for monitor in monitors:
            monitor.join(1.0)
        self._monitor = self._dying = None

    def _patience_s(self, monitor: MonitorProcess) -> float:
        return self._patience.first_s if monitor.latest is None else self._patience.later_s

    def _fail(self, state: DriverState, detail: str) -> None:
        self._monitor = None
        self.driver = replace(self.driver, state=state, gpus=(), detail=detail, silent_since=self._silent_since)
        self._start_at = self._clock() + self._backoff_s
        self._backoff_s = min(self._backoff_s * 2, _LAST_BACKOFF_S)

    def _restart(self) -> None:
        if self._dying is not None:
            if not self._dying.ended():
                return  # a second one would get stuck as well
            self._dying.join(1.0)
            self._dying = None
        if self._clock() >= self._start_at:
            self.start()
