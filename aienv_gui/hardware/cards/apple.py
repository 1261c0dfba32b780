"""The graphics of a Mac through two programs of macOS; its memory is the computer's.

Written and tested after the documented output of `system_profiler` and `ioreg`; not yet run on a Mac by us.
"""

from __future__ import annotations

import json
import plistlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.parsers.expat import ExpatError

import psutil

from aienv_gui.hardware.cards.blank import blank
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Gpu, Maker, Value

_NAMES: Final = ("/usr/sbin/system_profiler", "SPDisplaysDataType", "-json")  # a second or more: asked once
_LOADS: Final = ("/usr/sbin/ioreg", "-r", "-d", "1", "-c", "IOAccelerator", "-a")  # 20 ms
_NAMES_S: Final = 30.0
_LOADS_S: Final = 5.0
_NONE: Final = Value(absence=Absence.NOT_TOLD)


@dataclass(frozen=True, slots=True)
class Chip:
    """A graphics chip as macOS names it. `memory_bytes` is None where it shares the computer's."""

    name: str
    cores: int | None
    memory_bytes: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """What its driver tells of it at a moment; None for what it does not."""

    busy_percent: float | None
    used_bytes: float | None


class AppleReader:
    """`read` takes some 20 ms (the first 1-2 s) and never raises."""

    def __init__(self) -> None:
        self._chips: tuple[Chip, ...] | None = None

    def read(self) -> Driver:
        """Look once."""
        try:
            if self._chips is None:
                self._chips = chips_of(_answer(_NAMES, _NAMES_S))
            loads = loads_of(_answer(_LOADS, _LOADS_S))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return Driver(DriverState.FAILED, detail=str(error), maker=Maker.APPLE)
        return driver_of(self._chips, loads, float(psutil.virtual_memory().total))


def driver_of(chips: Sequence[Chip], loads: Sequence[Load], computer_bytes: float) -> Driver:
    """The cards with their loads; both programs list them in the same order."""
    unknown = Load(None, None)
    gpus = tuple(
        _gpu(index, chip, loads[index] if index < len(loads) else unknown, computer_bytes)
        for index, chip in enumerate(chips)
    )
    return Driver(DriverState.READY if gpus else DriverState.NO_GPU, gpus, maker=Maker.APPLE)


def chips_of(answer: bytes) -> tuple[Chip, ...]:
    """Read what ``system_profiler SPDisplaysDataType -json`` says. Raises ValueError for anything else."""
    try:
        entries = json.loads(answer)["SPDisplaysDataType"]
        return tuple(
            _chip(entry) for entry in entries if entry.get("sppci_device_type", "spdisplays_gpu").endswith("gpu")
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"system_profiler answered something unknown: {error}") from error


def loads_of(answer: bytes) -> tuple[Load, ...]:
    """Read what ``ioreg -r -d 1 -c IOAccelerator -a`` says: a property list, or nothing at all without such a device.

    Raises ValueError for anything else.
    """
    if not answer.strip():
        return ()
    try:
        return tuple(_load(entry.get("PerformanceStatistics", {})) for entry in plistlib.loads(answer))
    except (ExpatError, plistlib.InvalidFileException, TypeError, AttributeError) as error:
        raise ValueError(f"ioreg answered something unknown: {error}") from error


def _chip(entry: dict[str, Any]) -> Chip:
    cores = str(entry.get("sppci_cores", ""))
    # "8 GB" of a card with memory of its own, in Macs with Intel's processors.
    amount, _, unit = str(entry.get("spdisplays_vram", "")).partition(" ")
    factor = {"MB": 1024.0**2, "GB": 1024.0**3}.get(unit)
    return Chip(
        name=str(entry.get("sppci_model") or entry.get("_name") or "Apple GPU"),
        cores=int(cores) if cores.isdigit() else None,
        memory_bytes=float(amount) * factor if factor is not None and amount.isdigit() else None,
    )


def _load(statistics: dict[str, Any]) -> Load:
    busy, used = statistics.get("Device Utilization %"), statistics.get("In use system memory")
    if used is None:
        used = statistics.get("vramUsedBytes")
    return Load(None if busy is None else float(busy), None if used is None else float(used))


def _gpu(index: int, chip: Chip, load: Load, computer_bytes: float) -> Gpu:
    name = chip.name if chip.cores is None else f"{chip.name} ({chip.cores} cores)"
    total = chip.memory_bytes or computer_bytes
    busy, used = _value(load.busy_percent, 100.0), _value(load.used_bytes, total)
    return replace(
        blank(Maker.APPLE, index=index, bus="", uuid=f"apple-{index}", name=name, absence=Absence.NOT_TOLD),
        utilisation_percent=busy,
        memory_used_bytes=used,
        memory_free_bytes=_NONE if used.number is None else Value(total - used.number),
        memory_total_bytes=Value(total),
    )


def _value(number: float | None, most: float) -> Value:
    if number is None:
        return _NONE
    return Value(number) if 0.0 <= number <= most else Value(absence=Absence.FAILED)


def _answer(command: Sequence[str], limit_s: float) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=limit_s, stdin=subprocess.DEVNULL).stdout
