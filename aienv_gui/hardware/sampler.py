"""One look at everything: the host from here, the cards from a small process that may hang or crash.

The sampler starts that process, notices when it falls silent or dies, says so in the snapshot, and starts it again,
each time a little later.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import aienv_gui
from aienv_gui.core.processes import Outcome, clean_environment, new_group, own_python
from aienv_gui.hardware.cards.wire import from_line
from aienv_gui.hardware.host.reader import HostReader
from aienv_gui.hardware.readings import Driver, DriverState, Snapshot

_LAST_BACKOFF_S: Final = 60.0
_ERROR_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds the monitor's process may be silent: before its first line (a driver may wake up), and later.

    After a failure the next start waits `backoff_s`, then twice as long, and so on up to a minute.
    """

    first_s: float = 20.0
    later_s: float = 6.0
    backoff_s: float = 1.0


class _Monitor:
    """One run of the monitor's process. A thread of ours reads its lines; `latest` is the newest."""

    def __init__(self, interval_s: float, environment: Mapping[str, str]) -> None:
        self.latest: Driver | None = None
        self.started = self.heard_at = time.monotonic()
        self.errors = ""
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [str(own_python()), "-P", "-m", "aienv_gui.hardware.cards.monitor", str(interval_s)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            **new_group(),  # type: ignore[call-overload]
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout,), name="hardware monitor", daemon=True),
            threading.Thread(
                target=self._read_errors, args=(self._process.stderr,), name="monitor errors", daemon=True
            ),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                try:
                    self.latest = from_line(line)
                except ValueError:
                    continue  # a line cut short by its end
                self.heard_at = time.monotonic()

    def _read_errors(self, stream: IO[bytes]) -> None:
        lines: list[str] = []
        with stream:
            for line in stream:
                lines = [*lines, line.decode("utf-8", errors="replace").rstrip()][-_ERROR_LINES:]
                self.errors = "\n".join(lines)

    def exit_code(self) -> int | None:
        return self._process.poll()

    def silent_s(self) -> float:
        return time.monotonic() - self.heard_at

    def kill(self) -> None:
        """End it at once and do not wait: a process stuck in the driver may not even die."""
        self._process.kill()

    def join(self, timeout_s: float) -> None:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return  # stuck in the driver; its threads are daemons and end with it
        for reader in self._readers:
            reader.join(timeout_s)


class Sampler:
    """Used from one thread, except `stop`, which any may call after the last `sample`.

    `environment` is for the monitor's process (tests put a driver library of their own there).
    """

    def __init__(
        self,
        data_folder: Path,
        *,
        interval_s: float = 1.0,
        environment: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._host = HostReader(data_folder)
        self._interval_s = interval_s
        self._environment = environment
        self._patience = patience or Patience()
        self._monitor: _Monitor | None = None
        self._dying: _Monitor | None = None
        self._nvidia = Driver(DriverState.STARTING)
        self._backoff_s = self._patience.backoff_s
        self._start_at = 0.0

    def start(self) -> None:
        """Start the monitor's process; takes milliseconds. Its first answer comes later."""
        root = str(Path(aienv_gui.__file__).parents[1])
        environment = self._environment if self._environment is not None else clean_environment()
        try:
            self._monitor = _Monitor(self._interval_s, {**environment, "PYTHONPATH": root})
        except OSError as error:
            self._fail(DriverState.FAILED, str(error))

    def sample(self) -> Snapshot:
        """Everything at this moment. Takes a few milliseconds (the first 0.1 s) and never waits for the driver."""
        host = self._host.read()
        self._watch()
        return Snapshot(time.time(), time.monotonic(), host, self._nvidia)

    def stop(self) -> None:
        """End the monitor's process. Blocks for at most about 2 seconds."""
        for monitor in (self._monitor, self._dying):
            if monitor is not None:
                monitor.kill()
                monitor.join(1.0)
        self._monitor = self._dying = None

    def _watch(self) -> None:
        monitor = self._monitor
        if monitor is None:
            self._restart()
            return
        if (code := monitor.exit_code()) is not None:
            monitor.join(1.0)
            outcome = Outcome(code, "", monitor.errors)
            how = outcome.signal_name or f"exit code {code}"
            self._fail(DriverState.CRASHED, f"{how}\n{monitor.errors}".strip())
            return
        patience_s = self._patience.first_s if monitor.latest is None else self._patience.later_s
        if monitor.silent_s() > patience_s + self._interval_s:
            monitor.kill()
            self._dying = monitor
            self._fail(DriverState.UNRESPONSIVE, "")
        elif monitor.latest is not None:
            self._nvidia = monitor.latest
            if time.monotonic() - monitor.started > _LAST_BACKOFF_S:
                self._backoff_s = self._patience.backoff_s  # it has been well for a while

    def _fail(self, state: DriverState, detail: str) -> None:
        self._monitor = None
        self._nvidia = replace(self._nvidia, state=state, gpus=(), detail=detail)
        self._start_at = time.monotonic() + self._backoff_s
        self._backoff_s = min(self._backoff_s * 2, _LAST_BACKOFF_S)

    def _restart(self) -> None:
        if self._dying is not None:
            if self._dying.exit_code() is None:
                return  # a second one would get stuck as well
            self._dying.join(1.0)
            self._dying = None
        if time.monotonic() >= self._start_at:
            self.start()
