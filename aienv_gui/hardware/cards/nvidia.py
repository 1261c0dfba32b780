"""NVIDIA cards through NVML (nvidia-ml-py): every field a value or the reason why there is none.

For the monitor's small process only: a driver may hang or crash whoever calls it. The library is initialised once
(that takes up to 1.5 s without persistence mode); cards are known by UUID, a lost one stays in the list and is looked
up again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
import pynvml

from aienv_gui.hardware.readings import Absence, Driver, DriverState, Gpu, GpuProcess, Value

_RETRY_S: Final = 10.0  # how often a driver that does not answer, or a lost card, is tried again
_GRAPHICS_EVERY: Final = 5  # the list of graphics processes costs the driver milliseconds a card

_STATES: Final = {
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: DriverState.NO_DRIVER,
    pynvml.NVML_ERROR_NO_PERMISSION: DriverState.NO_PERMISSION,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: DriverState.MISMATCH,
    pynvml.NVML_ERROR_GPU_IS_LOST: DriverState.LOST,
}
# What one card answers that concerns all of them: the session with the driver is over.
_SESSION_ENDED: Final = (
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
)
_ABSENCES: Final = {
    pynvml.NVML_ERROR_NOT_SUPPORTED: Absence.NOT_SUPPORTED,
    pynvml.NVML_ERROR_NO_PERMISSION: Absence.NO_PERMISSION,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND: Absence.OLD_DRIVER,
    pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH: Absence.OLD_DRIVER,
    pynvml.NVML_ERROR_GPU_IS_LOST: Absence.LOST,
    pynvml.NVML_ERROR_RESET_REQUIRED: Absence.LOST,
}
_UNKNOWN: Final = Value(absence=Absence.FAILED)


@dataclass(slots=True)
class _Card:
    """What is known of a card between two looks. `handle` is None while it is lost or refused."""

    index: int
    uuid: str = ""
    name: str = ""
    handle: Any = None
    absence: Absence | None = None  # why there is no handle
    retry_at: float = 0.0
    clock_max: Value = _UNKNOWN
    compute_capability: tuple[int, int] | None = None
    looks: int = 0
    graphics: list[Any] = field(default_factory=list)


class NvidiaReader:
    """One session with the driver. `read` takes milliseconds, may hang or crash inside the driver, and never raises."""

    def __init__(self, *, pci_devices: Path = Path("/sys/bus/pci/devices"), retry_s: float = _RETRY_S) -> None:
        self._pci_devices = pci_devices
        self._retry_s = retry_s
        self._cards: list[_Card] | None = None  # None: no session
        self._failure = Driver(DriverState.STARTING)
        self._retry_at = 0.0
        self._driver_version = ""
        self._cuda_version = ""
        self._missing: set[tuple[object, ...]] = set()  # calls this driver does not know

    def read(self) -> Driver:
        """Look at every card once."""
        if self._cards is None and time.monotonic() >= self._retry_at:
            self._open()
        if self._cards is None:
            return self._failure
        try:
            gpus = tuple(self._look(card) for card in self._cards)
        except pynvml.NVMLError as error:  # the session as a whole has ended
            self._fail(error)
            return self._failure
        return Driver(_state(gpus), gpus, self._driver_version, self._cuda_version)

    def _open(self) -> None:
        try:
            pynvml.nvmlInit()
            self._driver_version = pynvml.nvmlSystemGetDriverVersion()
            self._cuda_version = self._cuda()
            self._cards = [self._find(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            self._fail(error)

    def _fail(self, error: pynvml.NVMLError) -> None:
        state = _STATES.get(error.value, DriverState.FAILED)
        if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            state = DriverState.NO_GPU if card_on_bus(self._pci_devices) is False else DriverState.NO_DRIVER
        self._failure = Driver(state, driver_version=self._driver_version, detail=f"{error} ({error.value})")
        self._cards = None
        self._retry_at = time.monotonic() + self._retry_s

    def _cuda(self) -> str:
        try:
            version = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        except pynvml.NVMLError:  # only a nicety
            return ""
        return f"{version // 1000}.{version % 1000 // 10}"

    def _find(self, index: int) -> _Card:
        card = _Card(index)
        try:
            card.handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            card.uuid = pynvml.nvmlDeviceGetUUID(card.handle)
            card.name = pynvml.nvmlDeviceGetName(card.handle)
        except pynvml.NVMLError as error:
            self._lose(card, error)
            card.uuid = card.uuid or f"index-{index}"
        return card

    def _lose(self, card: _Card, error: pynvml.NVMLError) -> None:
        if error.value in _SESSION_ENDED:
            raise error
        card.handle = None
        card.absence = _ABSENCES.get(error.value, Absence.FAILED)
        card.retry_at = time.monotonic() + self._retry_s

    def _find_again(self, card: _Card) -> None:
        """A card that came back has a new handle; the old one must not be used any more."""
        try:
            if card.uuid.startswith("index-"):
                found = self._find(card.index)
                card.handle, card.uuid, card.name, card.absence = found.handle, found.uuid, found.name, found.absence
            else:
                card.handle = pynvml.nvmlDeviceGetHandleByUUID(card.uuid)
        except pynvml.NVMLError as error:
            self._lose(card, error)

    def _look(self, card: _Card) -> Gpu:
        if card.handle is None and time.monotonic() >= card.retry_at:
            self._find_again(card)
        if card.handle is None:
            return _absent(card, card.absence or Absence.FAILED)
        handle = card.handle
        utilisation = self._value(pynvml.nvmlDeviceGetUtilizationRates, handle, pick=lambda rates: rates.gpu)
        if utilisation.absence is Absence.LOST:
            self._lose(card, pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST))
            return _absent(card, Absence.LOST)
        if card.looks == 0:
            card.clock_max = self._value(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_GRAPHICS)
            card.compute_capability = self._capability(handle)
        used, total = self._memory(handle)
        processes, processes_absence = self._processes(card)
        card.looks += 1
        return Gpu(
            index=card.index,
            uuid=card.uuid,
            name=card.name,
            lost=False,
            utilisation_percent=utilisation,
            memory_used_bytes=used,
            memory_total_bytes=total,
            temperature_celsius=self._value(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
            power_watts=self._value(pynvml.nvmlDeviceGetPowerUsage, handle, pick=_milli),
            power_limit_watts=self._value(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle, pick=_milli),
            clock_mhz=self._value(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_GRAPHICS),
            clock_max_mhz=card.clock_max,
            memory_clock_mhz=self._value(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
            fan_percent=self._value(pynvml.nvmlDeviceGetFanSpeed, handle),
            processes=processes,
            processes_absence=processes_absence,
            compute_capability=card.compute_capability,
        )

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Absence | None]:
        """The answer, or why there is none. Raises NVMLError only where the whole session has ended."""
        call = (function.__name__, *arguments[1:])  # without the handle: what one card's driver lacks, all lack
        if call in self._missing:
            return None, Absence.OLD_DRIVER
        try:
            return function(*arguments), None
        except pynvml.NVMLError as error:
            if error.value in _SESSION_ENDED:
                raise
            if error.value == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
                self._missing.add(call)
            return None, _ABSENCES.get(error.value, Absence.FAILED)

    def _value(self, function: Callable[..., Any], *arguments: Any, pick: Callable[[Any], float] = float) -> Value:
        answer, absence = self._ask(function, *arguments)
        return Value(absence=absence) if absence is not None else Value(float(pick(answer)))

    def _memory(self, handle: Any) -> tuple[Value, Value]:
        # Version 2 first: version 1 counts what the driver keeps for itself as used.
        answer, absence = self._ask(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
        if absence is Absence.OLD_DRIVER:
            answer, absence = self._ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
        if absence is not None:
            return Value(absence=absence), Value(absence=absence)
        return Value(float(answer.used)), Value(float(answer.total))

    def _capability(self, handle: Any) -> tuple[int, int] | None:
        answer, absence = self._ask(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
        return None if absence is not None else (int(answer[0]), int(answer[1]))

    def _processes(self, card: _Card) -> tuple[tuple[GpuProcess, ...], Absence | None]:
        handle = card.handle
        compute, absence = self._process_list(
            pynvml.nvmlDeviceGetComputeRunningProcesses_v3, pynvml.nvmlDeviceGetComputeRunningProcesses_v2, handle
        )
        if card.looks % _GRAPHICS_EVERY == 0:
            graphics, _ = self._process_list(
                pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3, pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2, handle
            )
            card.graphics = graphics
        found: dict[int, GpuProcess] = {}
        for kind, entries in (("compute", compute), ("graphics", card.graphics)):
            for entry in entries:
                process = _process(entry, kind)
                if process is not None and process.pid not in found:
                    found[process.pid] = process
        return tuple(sorted(found.values(), key=lambda p: -(p.memory_bytes.number or 0.0))), absence

    def _process_list(
        self, newer: Callable[[Any], list[Any]], older: Callable[[Any], list[Any]], handle: Any
    ) -> tuple[list[Any], Absence | None]:
        absence: Absence | None = Absence.OLD_DRIVER
        answer: list[Any] | None = None
        if not _has_wrong_records(self._driver_version):
            answer, absence = self._ask(newer, handle)
        if absence is Absence.OLD_DRIVER:
            answer, absence = self._ask(older, handle)
        return answer or [], absence


def card_on_bus(devices: Path) -> bool | None:
    """Whether an NVIDIA graphics card is plugged in, driver or not; None where the system does not say (not Linux)."""
    if not sys.platform.startswith("linux") or not devices.is_dir():
        return None
    for device in devices.iterdir():
        try:
            vendor = (device / "vendor").read_text(encoding="ascii").strip()
            kind = (device / "class").read_text(encoding="ascii").strip()
        except OSError:
            continue
        if vendor == "0x10de" and kind.startswith("0x03"):
            return True
    return False


def _state(gpus: tuple[Gpu, ...]) -> DriverState:
    if not gpus:
        return DriverState.NO_GPU
    if all(gpu.lost for gpu in gpus):
        return DriverState.LOST
    if not any(gpu.usable for gpu in gpus):
        return DriverState.NO_PERMISSION
    return DriverState.READY


def _absent(card: _Card, absence: Absence) -> Gpu:
    none = Value(absence=absence)
    return Gpu(
        index=card.index,
        uuid=card.uuid,
        name=card.name,
        lost=absence is Absence.LOST,
        utilisation_percent=none,
        memory_used_bytes=none,
        memory_total_bytes=none,
        temperature_celsius=none,
        power_watts=none,
        power_limit_watts=none,
        clock_mhz=none,
        clock_max_mhz=none,
        memory_clock_mhz=none,
        fan_percent=none,
        processes=(),
        processes_absence=absence,
        compute_capability=card.compute_capability,
    )


def _process(entry: Any, kind: str) -> GpuProcess | None:
    """The record of a process, or None for one that has ended meanwhile (the driver keeps its number a while)."""
    memory = Value(float(entry.usedGpuMemory)) if entry.usedGpuMemory else Value(absence=Absence.NOT_SUPPORTED)
    name = user = ""
    try:
        process = psutil.Process(entry.pid)
        with process.oneshot():
            name = process.name()
            user = process.username()
    except psutil.NoSuchProcess:
        return None
    except (psutil.AccessDenied, KeyError):  # KeyError: a user without a name, in a container
        pass
    return GpuProcess(entry.pid, name, user, memory, kind)


def _has_wrong_records(driver_version: str) -> bool:
    """Drivers 535.43 to 535.86 answer the newer process list with records of another shape."""
    parts = driver_version.split(".")
    return parts[0] == "535" and len(parts) > 1 and parts[1].isdigit() and 43 <= int(parts[1]) <= 86


def _milli(value: float) -> float:
    return value / 1000
