"""The processes that hold memory of an AMD card: what the library tells of them, and what the system does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aienv_gui.hardware.cards.amd_library import AmdCalls, as_value
from aienv_gui.hardware.cards.system_processes import SystemProcesses
from aienv_gui.hardware.readings import Absence, GpuProcess, Value

_PERCENT_OF_NANOSECONDS: Final = 100 / 1e9


class AmdProcesses:
    """Of one card. The library walks through the files of all processes for each list, so it is asked seldom."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._system = SystemProcesses(clock)
        self._busy: dict[int, tuple[float, float]] = {}  # by process: when, and its nanoseconds on the card until then

    def read(self, calls: AmdCalls) -> tuple[tuple[GpuProcess, ...], Absence | None]:
        """The processes on the card, the largest first, or why they are not known."""
        entries, absence = calls.ask("get_gpu_process_list")
        if absence is not None:
            return (), absence
        found = [process for process in map(self._process, entries) if process is not None]
        pids = {process.pid for process in found}
        self._system.keep_only(pids)
        self._busy = {pid: busy for pid, busy in self._busy.items() if pid in pids}
        return tuple(sorted(found, key=lambda process: -(process.memory_bytes.number or 0.0))), None

    def _process(self, entry: Mapping[str, Any]) -> GpuProcess | None:
        """The record of a process; None for one that has ended meanwhile."""
        pid = int(entry["pid"])
        known = self._system.look_up(pid)
        if known is None:
            return None
        # Its part of the card's own memory; `mem` counts what it takes of the computer's for the card as well.
        memory = entry.get("memory_usage", {}).get("vram_mem") or entry.get("mem")
        return GpuProcess(
            pid=pid,
            name=known.name or str(entry.get("name", "")),
            user=known.user,
            memory_bytes=as_value(memory),
            kind="compute",
            command=known.command,
            utilisation_percent=self._share(pid, entry.get("engine_usage", {}).get("gfx")),
            cpu_percent=known.cpu,
            host_memory_bytes=known.resident,
            started=known.started,
            own=known.own,
            prefix=known.prefix,
            parents=known.parents,
        )

    def _share(self, pid: int, nanoseconds: Any) -> Value:
        spent = as_value(nanoseconds)
        if spent.number is None:
            return spent
        now = self._clock()
        before = self._busy.get(pid)
        self._busy[pid] = (now, spent.number)
        if before is None or now <= before[0]:
            return Value(absence=Absence.NOT_YET)
        share = (spent.number - before[1]) * _PERCENT_OF_NANOSECONDS / (now - before[0])
        return Value(min(max(share, 0.0), 100.0))  # several engines count each for itself
