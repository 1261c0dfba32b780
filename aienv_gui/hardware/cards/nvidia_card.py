"""One NVIDIA card: what never changes is asked once, what changes slowly every few looks, the rest at each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import pynvml

from aienv_gui.hardware.cards.nvidia_processes import ProcessReader
from aienv_gui.hardware.cards.nvml_calls import Calls, plausible
from aienv_gui.hardware.readings import (
    Absence,
    ComputeMode,
    Ecc,
    Gpu,
    Link,
    MigInstance,
    NvLink,
    Thresholds,
    Throttle,
    Value,
    Xid,
)

SLOW_EVERY: Final = 5  # looks
_HOTTEST: Final = 150.0  # celsius; a card that answers more, or nothing above zero, does not know
_MOST_WATTS: Final = 5_000.0
_MOST_MHZ: Final = 20_000.0
_MOST_PERCENT: Final = 100.0
_MOST_FAN: Final = 250.0  # a fan may run beyond what it is rated for
_THROTTLES: Final = {
    pynvml.nvmlClocksEventReasonGpuIdle: Throttle.IDLE,
    pynvml.nvmlClocksEventReasonApplicationsClocksSetting: Throttle.APPLICATION_CLOCKS,
    pynvml.nvmlClocksEventReasonSwPowerCap: Throttle.POWER_CAP,
    pynvml.nvmlClocksEventReasonHwSlowdown: Throttle.HARDWARE,
    pynvml.nvmlClocksEventReasonSyncBoost: Throttle.SYNC_BOOST,
    pynvml.nvmlClocksEventReasonSwThermalSlowdown: Throttle.HEAT,
    pynvml.nvmlClocksEventReasonHwThermalSlowdown: Throttle.HARDWARE_HEAT,
    pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown: Throttle.POWER_BRAKE,
    pynvml.nvmlClocksEventReasonDisplayClockSetting: Throttle.DISPLAY,
}


@dataclass(frozen=True, slots=True)
class _Static:
    """What stays as long as the card's handle does."""

    capability: tuple[int, int] | None
    virtual: bool
    clock_max: Value
    memory_clock_max: Value
    thresholds: Thresholds
    link_max: Link
    nvlinks: int  # how many it has; 0 where it has none or does not say


@dataclass(frozen=True, slots=True)
class _Slow:
    """What changes when somebody changes a setting, or over minutes."""

    power_limit: Value
    link: Link
    nvlinks: tuple[NvLink, ...] | Absence
    ecc: Ecc
    compute_mode: ComputeMode | Absence
    persistence: bool | Absence
    mig_enabled: bool | Absence
    mig: tuple[MigInstance, ...]


class CardReader:
    """Reads one card through its handle, as long as that is good."""

    def __init__(self, calls: Calls, processes: ProcessReader, *, unsupported: Absence) -> None:
        self._calls = calls
        self._processes = processes
        calls.unsupported = unsupported
        self._static: _Static | None = None
        self._slow: _Slow | None = None
        self._looks = 0
        self._received = self._sent = Value(absence=Absence.NOT_YET)

    def look(self, *, index: int, uuid: str, name: str, bus: str, xid: Xid | None) -> Gpu | None:
        """All readings; None where the card is lost. Raises NVMLError where the session has ended."""
        calls = self._calls
        rates, absence = calls.ask(pynvml.nvmlDeviceGetUtilizationRates)
        if absence is Absence.LOST:
            return None
        static = self._static = self._static or self._read_static()
        if self._slow is None or self._looks % SLOW_EVERY == 0:
            self._slow = self._read_slow(static)
            if self._slow.mig_enabled is True:
                calls.unsupported = Absence.SPLIT_CARD
        if absence is Absence.NOT_SUPPORTED:
            absence = calls.unsupported  # what that means for this card is known by now
        slow = self._slow
        graphics = self._looks % SLOW_EVERY == 0  # that list costs the driver milliseconds a card
        processes, processes_absence = self._processes.read(calls, index, graphics=graphics)
        self._looks += 1
        used, free, reserved, total = self._memory()
        return Gpu(
            index=index,
            uuid=uuid,
            name=name,
            lost=False,
            utilisation_percent=_rate(rates, absence, "gpu"),
            memory_controller_percent=_rate(rates, absence, "memory"),
            encoder_percent=calls.value(pynvml.nvmlDeviceGetEncoderUtilization, pick=_first, most=_MOST_PERCENT),
            decoder_percent=calls.value(pynvml.nvmlDeviceGetDecoderUtilization, pick=_first, most=_MOST_PERCENT),
            memory_used_bytes=used,
            memory_free_bytes=free,
            memory_reserved_bytes=reserved,
            memory_total_bytes=total,
            temperature_celsius=self._celsius(pynvml.nvmlDeviceGetTemperature, pynvml.NVML_TEMPERATURE_GPU),
            memory_temperature_celsius=self._memory_temperature(),
            thresholds=static.thresholds,
            power_watts=calls.value(pynvml.nvmlDeviceGetPowerUsage, pick=_milli, most=_MOST_WATTS),
            power_limit_watts=slow.power_limit,
            energy_joules=calls.value(pynvml.nvmlDeviceGetTotalEnergyConsumption, pick=_milli),
            clock_mhz=self._mhz(pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_GRAPHICS),
            clock_max_mhz=static.clock_max,
            memory_clock_mhz=self._mhz(pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_MEM),
            memory_clock_max_mhz=static.memory_clock_max,
            fan_percent=calls.value(pynvml.nvmlDeviceGetFanSpeed, most=_MOST_FAN),
            link=replace(slow.link, received_bytes_s=self._received, sent_bytes_s=self._sent),
            nvlinks=slow.nvlinks,
            ecc=slow.ecc,
            performance_state=calls.value(pynvml.nvmlDeviceGetPerformanceState, most=15),
            throttle=self._throttle(),
            compute_mode=slow.compute_mode,
            persistence=slow.persistence,
            mig_enabled=slow.mig_enabled,
            mig=slow.mig,
            processes=processes,
            processes_absence=processes_absence,
            compute_capability=static.capability,
            bus=bus,
            virtual=static.virtual,
            xid=xid,
        )

    def read_traffic(self, *, received: bool) -> None:
        """Ask for one of the two rates over the bus: the driver counts for 20 ms while whoever asks waits."""
        counter = pynvml.NVML_PCIE_UTIL_RX_BYTES if received else pynvml.NVML_PCIE_UTIL_TX_BYTES
        value = self._calls.value(pynvml.nvmlDeviceGetPcieThroughput, counter, pick=_kilo, most=1e12)
        if received:
            self._received = value
        else:
            self._sent = value

    def _read_static(self) -> _Static:
        calls = self._calls
        capability, absence = calls.ask(pynvml.nvmlDeviceGetCudaComputeCapability)
        mode, no_mode = calls.ask(pynvml.nvmlDeviceGetVirtualizationMode)
        virtual = no_mode is None and mode == pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU
        if virtual:
            calls.unsupported = Absence.VIRTUAL_CARD
        threshold = pynvml.nvmlDeviceGetTemperatureThreshold
        links = 0
        while links < pynvml.NVML_NVLINK_MAX_LINKS:
            _, no_link = calls.ask(pynvml.nvmlDeviceGetNvLinkState, links)
            if no_link is not None:
                break
            links += 1
        return _Static(
            capability=None if absence is not None else (int(capability[0]), int(capability[1])),
            virtual=virtual,
            clock_max=self._mhz(pynvml.nvmlDeviceGetMaxClockInfo, pynvml.NVML_CLOCK_GRAPHICS),
            memory_clock_max=self._mhz(pynvml.nvmlDeviceGetMaxClockInfo, pynvml.NVML_CLOCK_MEM),
            thresholds=Thresholds(
                slowdown=self._celsius(threshold, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN),
                shutdown=self._celsius(threshold, pynvml.NVML_TEMPERATURE_THRESHOLD_SHUTDOWN),
                target=self._celsius(threshold, pynvml.NVML_TEMPERATURE_THRESHOLD_GPU_MAX),
                memory=self._celsius(threshold, pynvml.NVML_TEMPERATURE_THRESHOLD_MEM_MAX),
            ),
            link_max=Link(
                generation_max=calls.value(pynvml.nvmlDeviceGetMaxPcieLinkGeneration, most=32),
                width_max=calls.value(pynvml.nvmlDeviceGetMaxPcieLinkWidth, most=64),
            ),
            nvlinks=links,
        )

    def _read_slow(self, static: _Static) -> _Slow:
        calls = self._calls
        mode, no_mode = calls.ask(pynvml.nvmlDeviceGetComputeMode)
        mig = self._switch(pynvml.nvmlDeviceGetMigMode, pick=_first)
        return _Slow(
            power_limit=calls.value(pynvml.nvmlDeviceGetEnforcedPowerLimit, pick=_milli, most=_MOST_WATTS),
            link=replace(
                static.link_max,
                generation=calls.value(pynvml.nvmlDeviceGetCurrPcieLinkGeneration, most=32),
                width=calls.value(pynvml.nvmlDeviceGetCurrPcieLinkWidth, most=64),
            ),
            nvlinks=tuple(self._nvlink(n) for n in range(static.nvlinks)) if static.nvlinks else calls.unsupported,
            ecc=self._ecc(),
            compute_mode=no_mode if no_mode is not None else _compute_mode(mode),
            persistence=self._switch(pynvml.nvmlDeviceGetPersistenceMode),
            mig_enabled=mig,
            mig=self._mig_instances() if mig is True else (),
        )

    def _switch(self, function: Callable[..., Any], pick: Callable[[Any], float] = float) -> bool | Absence:
        answer, absence = self._calls.ask(function)
        return absence if absence is not None else pick(answer) == pynvml.NVML_FEATURE_ENABLED

    def _celsius(self, function: Callable[..., Any], which: int) -> Value:
        return self._calls.value(function, which, most=_HOTTEST, least=1.0)

    def _mhz(self, function: Callable[..., Any], which: int) -> Value:
        return self._calls.value(function, which, most=_MOST_MHZ)

    def _memory(self) -> tuple[Value, Value, Value, Value]:
        """Used, free, reserved and total bytes."""
        # Version 2 first: version 1 counts what the driver keeps for itself as used.
        answer, absence = self._calls.ask(pynvml.nvmlDeviceGetMemoryInfo, pynvml.nvmlMemory_v2)
        reserved: Value | None = None
        if absence is Absence.OLD_DRIVER:
            answer, absence = self._calls.ask(pynvml.nvmlDeviceGetMemoryInfo)
            reserved = Value(absence=Absence.OLD_DRIVER)
        if absence is not None:
            none = Value(absence=absence)
            return none, none, none, none
        total = float(answer.total)
        if reserved is None:
            reserved = plausible(float(answer.reserved), total)
        return plausible(float(answer.used), total), plausible(float(answer.free), total), reserved, Value(total)

    def _memory_temperature(self) -> Value:
        fields, absence = self._calls.ask(pynvml.nvmlDeviceGetFieldValues, [pynvml.NVML_FI_DEV_MEMORY_TEMP])
        if absence is not None:
            return Value(absence=absence)
        if fields[0].nvmlReturn != pynvml.NVML_SUCCESS:
            return Value(absence=self._calls.unsupported)
        # Cards without such a sensor answer zero.
        degrees = float(fields[0].value.uiVal)
        return plausible(degrees, _HOTTEST, 1.0) if degrees else Value(absence=self._calls.unsupported)

    def _throttle(self) -> frozenset[Throttle] | Absence:
        answer, absence = self._calls.ask(pynvml.nvmlDeviceGetCurrentClocksEventReasons)
        if absence is Absence.OLD_DRIVER:  # before driver 535
            answer, absence = self._calls.ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons)
        if absence is not None:
            return absence
        return frozenset(reason for bit, reason in _THROTTLES.items() if answer & bit)

    def _nvlink(self, number: int) -> NvLink:
        active, no_state = self._calls.ask(pynvml.nvmlDeviceGetNvLinkState, number)
        version, no_version = self._calls.ask(pynvml.nvmlDeviceGetNvLinkVersion, number)
        return NvLink(number, no_state is None and bool(active), None if no_version is not None else int(version))

    def _ecc(self) -> Ecc:
        enabled = self._switch(pynvml.nvmlDeviceGetEccMode, pick=_first)
        if enabled is not True:
            reason = enabled if isinstance(enabled, Absence) else Absence.NOT_SUPPORTED
            return Ecc(enabled, Value(absence=reason), Value(absence=reason), reason)
        volatile = pynvml.NVML_VOLATILE_ECC
        errors = pynvml.nvmlDeviceGetTotalEccErrors
        rows, absence = self._calls.ask(pynvml.nvmlDeviceGetRemappedRows)  # since Ampere
        before = pynvml.nvmlDeviceGetRetiredPagesPendingStatus
        pending = bool(rows[2]) if absence is None else self._switch(before)
        return Ecc(
            True,
            self._calls.value(errors, pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, volatile),
            self._calls.value(errors, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, volatile),
            pending,
        )

    def _mig_instances(self) -> tuple[MigInstance, ...]:
        count, absence = self._calls.ask(pynvml.nvmlDeviceGetMaxMigDeviceCount)
        found: list[MigInstance] = []
        for number in range(0 if absence is not None else int(count)):
            handle, absence = self._calls.ask(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, number)
            if absence is None:
                found.append(_mig_instance(self._calls.part(handle)))
        return tuple(found)


def _mig_instance(calls: Calls) -> MigInstance:
    uuid, _ = calls.ask(pynvml.nvmlDeviceGetUUID)
    name, _ = calls.ask(pynvml.nvmlDeviceGetName)
    memory, absence = calls.ask(pynvml.nvmlDeviceGetMemoryInfo)
    none = Value(absence=absence)
    return MigInstance(
        uuid=uuid or "",
        profile=(name or "").rpartition(" MIG ")[2],  # "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
        memory_used_bytes=none if absence is not None else Value(float(memory.used)),
        memory_total_bytes=none if absence is not None else Value(float(memory.total)),
    )


def _rate(rates: Any, absence: Absence | None, which: str) -> Value:
    return Value(absence=absence) if absence is not None else plausible(float(getattr(rates, which)), _MOST_PERCENT)


def _compute_mode(mode: int) -> ComputeMode | Absence:
    try:
        return ComputeMode(mode)
    except ValueError:  # exclusive for one thread, in drivers of long ago
        return ComputeMode.EXCLUSIVE if mode == pynvml.NVML_COMPUTEMODE_EXCLUSIVE_THREAD else Absence.FAILED


def _first(answer: Any) -> float:
    return float(answer[0])


def _milli(value: float) -> float:
    return value / 1000


def _kilo(value: float) -> float:
    return value * 1024
