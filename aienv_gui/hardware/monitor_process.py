"""One run of a monitor: the small process that looks at the cards of one maker, and what it has said so far."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, Final

from aienv_gui.core.processes import Outcome, new_group, own_python
from aienv_gui.hardware.cards.wire import from_line
from aienv_gui.hardware.readings import Driver, Maker

_ERROR_LINES: Final = 20


class MonitorProcess:
    """A thread of ours reads its lines, one wake-up a line; `latest` is the newest. `clock` is a steady one."""

    def __init__(
        self, maker: Maker, interval_s: float, environment: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self.latest: Driver | None = None
        self.started = self.heard_at = clock()
        self._clock = clock
        self._errors = ""
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [str(own_python()), "-P", "-m", "aienv_gui.hardware.cards.monitor", maker, str(interval_s)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            **new_group(),  # type: ignore[call-overload]
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout,), name=f"{maker} monitor", daemon=True),
            threading.Thread(
                target=self._read_errors, args=(self._process.stderr,), name=f"{maker} monitor errors", daemon=True
            ),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> bool:
        return self._process.poll() is not None

    def silent_s(self) -> float:
        return self._clock() - self.heard_at

    def last_words(self) -> str:
        """How it ended, by signal or exit code, and its complaints. For one that has ended."""
        self.join(1.0)
        outcome = Outcome(self._process.returncode, "", self._errors)
        return f"{outcome.signal_name or f'exit code {outcome.code}'}\n{self._errors}".strip()

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

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                try:
                    self.latest = from_line(line)
                except ValueError:
                    continue  # a line cut short by its end
                self.heard_at = self._clock()

    def _read_errors(self, stream: IO[bytes]) -> None:
        lines: list[str] = []
        with stream:
            for line in stream:
                lines = [*lines, line.decode("utf-8", errors="replace").rstrip()][-_ERROR_LINES:]
                self._errors = "\n".join(lines)
