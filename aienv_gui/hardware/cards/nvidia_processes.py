"""The processes that hold memory of an NVIDIA card: what the driver tells of them, and what the system does."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pynvml

from aienv_gui.hardware.cards.nvml_calls import Calls
from aienv_gui.hardware.cards.system_processes import SystemProcesses
from aienv_gui.hardware.readings import Absence, GpuProcess, Value

_LOAD_OF_S: Final = 3.0  # the driver takes a sample each second or more often
_COMPUTE: Final = (
    pynvml.nvmlDeviceGetComputeRunningProcesses_v3,
    pynvml.nvmlDeviceGetComputeRunningProcesses_v2,  # of drivers before 510
)
_GRAPHICS: Final = (
    pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3,
    pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2,
)
_FIRST_NAMESPACE: Final = 0xEFFFFFFC  # Linux's constant for the process namespace of the system itself


@dataclass(slots=True)
class _PerCard:
    """What is remembered of one card between looks."""

    graphics: list[Any] = field(default_factory=list)
    load: dict[int, float] = field(default_factory=dict)


class ProcessReader:
    """For all cards of a session. `root` is the system's, or a test's; `clock` is a steady one in seconds."""

    def __init__(self, driver_version: str, root: Path, clock: Callable[[], float]) -> None:
        self._wrong_records = _has_wrong_records(driver_version)
        self._cards: dict[int, _PerCard] = {}
        self._system = SystemProcesses(clock)
        self._seen: set[int] = set()  # since the last `forget_ended`
        self._inside = _in_namespace(root)

    def read(self, calls: Calls, index: int, *, graphics: bool) -> tuple[tuple[GpuProcess, ...], Absence | None]:
        """The processes on a card, the largest first, or why they are not known. `graphics`: ask for these as well."""
        card = self._cards.setdefault(index, _PerCard())
        compute, absence = self._list(calls, *_COMPUTE)
        if graphics:
            card.graphics, _ = self._list(calls, *_GRAPHICS)
        load: Absence | None = None
        if compute or card.graphics:
            load = _read_load(calls, card)
        found: dict[int, GpuProcess] = {}
        for kind, entries in (("compute", compute), ("graphics", card.graphics)):
            for entry in entries:
                if entry.pid not in found:
                    process = self._process(entry, kind, card, load)
                    if process is not None:
                        found[entry.pid] = process
        return tuple(sorted(found.values(), key=lambda p: -(p.memory_bytes.number or 0.0))), absence

    def forget_ended(self) -> None:
        """After all cards were looked at: what is on none of them any more is not remembered."""
        self._system.keep_only(self._seen)
        self._seen.clear()

    def _list(
        self, calls: Calls, newer: Callable[..., Any], older: Callable[..., Any]
    ) -> tuple[list[Any], Absence | None]:
        answer: list[Any] | None = None
        absence: Absence | None = Absence.OLD_DRIVER
        if not self._wrong_records:
            answer, absence = calls.ask(newer)
        if absence is Absence.OLD_DRIVER:
            answer, absence = calls.ask(older)
        return answer or [], absence

    def _process(self, entry: Any, kind: str, card: _PerCard, load: Absence | None) -> GpuProcess | None:
        """The record of a process; None for one that has ended meanwhile (the driver keeps its number a while)."""
        # Zero, or none at all: drivers of Windows do not tell (WDDM), nor do vGPU guests.
        used = entry.usedGpuMemory
        memory = Value(float(used)) if used else Value(absence=Absence.NOT_SUPPORTED)
        share = Value(absence=load) if load is not None else Value(card.load.get(entry.pid, 0.0))
        hidden = self._inside and not _holds_card(entry.pid)
        known = None if hidden else self._system.look_up(entry.pid)
        if known is None:
            if not self._inside:
                return None
            # In a container the driver tells the numbers of the host: a process of ours that happens to have the same
            # number is another one.
            return GpuProcess(entry.pid, "", "", memory, kind, utilisation_percent=share)
        self._seen.add(entry.pid)
        return GpuProcess(
            pid=entry.pid,
            name=known.name,
            user=known.user,
            memory_bytes=memory,
            kind=kind,
            command=known.command,
            utilisation_percent=share,
            cpu_percent=known.cpu,
            host_memory_bytes=known.resident,
            started=known.started,
            own=known.own,
            prefix=known.prefix,
            parents=known.parents,
        )


def _read_load(calls: Calls, card: _PerCard) -> Absence | None:
    """Each process's share of the card in the last seconds, into `card.load`; or why it is not known."""
    try:
        samples = pynvml.nvmlDeviceGetProcessUtilization(calls.handle, round((time.time() - _LOAD_OF_S) * 1e6))
    except pynvml.NVMLError as error:
        # "Not found", or success without a sample: nothing has calculated since then.
        if error.value in (pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_NOT_FOUND):
            card.load = {}
            return None
        return calls.reason(error)
    newest: dict[int, Any] = {}
    for sample in samples:
        if sample.pid not in newest or sample.timeStamp > newest[sample.pid].timeStamp:
            newest[sample.pid] = sample
    card.load = {pid: float(sample.smUtil) for pid, sample in newest.items() if sample.smUtil <= 100}
    return None


def _in_namespace(root: Path) -> bool:
    """Whether we see only a part of the system's processes, under numbers of their own (a container)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return (root / "proc/self/ns/pid").stat().st_ino != _FIRST_NAMESPACE
    except OSError:
        return False


def _holds_card(pid: int) -> bool:
    """Whether a process of this namespace has a card open: only then the driver's number can be its own."""
    return any(path.startswith(("/dev/nvidia", "/dev/dxg")) for path in _open_files(pid))


def _open_files(pid: int) -> Iterable[str]:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):  # closed meanwhile
                    yield str(Path(entry.path).readlink())
    except OSError:
        return


def _has_wrong_records(driver_version: str) -> bool:
    """Drivers 535.43 to 535.86 answer the newer process list with records of another shape."""
    parts = driver_version.split(".")
    return parts[0] == "535" and len(parts) > 1 and parts[1].isdigit() and 43 <= int(parts[1]) <= 86
