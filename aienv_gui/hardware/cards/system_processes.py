"""What the system tells of a process that holds a card: whose it is, what it was started with, what else it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

from aienv_gui.hardware.readings import Absence, Value

_LONGEST_COMMAND: Final = 64  # words; what is longer is cut
_MOST_PARENTS: Final = 4
_LOAD_EVERY_S: Final = 3.0
_FIRST_LOAD_S: Final = 0.5  # after which a share of the processor means something
_NOT_YET: Final = Value(absence=Absence.NOT_YET)


@dataclass(slots=True)
class SystemProcess:
    """Asked once; only its load is asked again."""

    process: psutil.Process
    started: float  # seconds since the epoch
    name: str = ""
    user: str = ""
    command: tuple[str, ...] = ()
    own: bool = False
    prefix: str = ""  # of the environment that was activated where it was started
    parents: tuple[int, ...] = ()  # the nearest first
    cpu: Value = _NOT_YET
    resident: Value = _NOT_YET
    looked_at: float | None = None

    def look(self, now: float) -> bool:
        """Ask for its load, once in a while; False where it has ended and its number may be another's.

        It may be asked several times at one moment: a process can hold several cards.
        """
        first = self.looked_at is None
        wait = _LOAD_EVERY_S if self.cpu.known else _FIRST_LOAD_S
        if self.looked_at is not None and now - self.looked_at < wait:
            return True
        self.looked_at = now
        try:
            if not self.process.is_running():
                return False
            with self.process.oneshot():
                share = self.process.cpu_percent()
                self.resident = Value(float(self.process.memory_info().rss))
            if not first:  # the first answer is always zero: a load is a difference of two moments
                self.cpu = Value(share)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            self.cpu = self.resident = Value(absence=Absence.NO_PERMISSION)
        return True


class SystemProcesses:
    """The processes that were looked up, as long as somebody asks for them. `clock` is a steady one in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[int, SystemProcess] = {}
        self._own_user = user_of(psutil.Process())

    def look_up(self, pid: int) -> SystemProcess | None:
        """A process and its present load; None where there is none of that number."""
        known = self._known.get(pid)
        if known is None or not known.look(self._clock()):
            known = self._find(pid)
        if known is not None:
            self._known[pid] = known
        return known

    def keep_only(self, pids: set[int]) -> None:
        """Forget all others."""
        self._known = {pid: known for pid, known in self._known.items() if pid in pids}

    def _find(self, pid: int) -> SystemProcess | None:
        try:
            process = psutil.Process(pid)
            known = SystemProcess(process, process.create_time(), user=user_of(process))
            known.own = bool(known.user) and known.user == self._own_user
            with suppress(psutil.AccessDenied):
                known.name = process.name()
                known.command = tuple(process.cmdline()[:_LONGEST_COMMAND])
            known.parents = _parents(process)
            with suppress(psutil.AccessDenied, OSError):
                variables = process.environ()
                known.prefix = variables.get("VIRTUAL_ENV") or variables.get("CONDA_PREFIX") or ""
        except psutil.NoSuchProcess:
            return None
        return known if known.look(self._clock()) else None


def _parents(process: psutil.Process) -> tuple[int, ...]:
    found: list[int] = []
    with suppress(psutil.Error):
        while len(found) < _MOST_PARENTS and (above := process.parent()) is not None:
            found.append(above.pid)
            process = above
    return tuple(found)


def user_of(process: psutil.Process) -> str:
    """A process's user, by number where it has no name (in a container); empty where the system does not say."""
    try:
        return process.username()
    except (psutil.Error, KeyError):
        with suppress(psutil.Error, AttributeError):
            return str(process.uids().real)
    return ""
