"""One AMD card by AMD's library: what stays is asked once, what changes slowly every few looks, the rest at each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from aienv_gui.hardware.cards.amd_library import AmdCalls, as_value
from aienv_gui.hardware.cards.amd_processes import AmdProcesses
from aienv_gui.hardware.cards.amd_throttle import ThrottleReader
from aienv_gui.hardware.cards.blank import blank
from aienv_gui.hardware.readings import Absence, Ecc, Gpu, GpuProcess, Link, Maker, Thresholds, Value

_SLOW_EVERY: Final = 5  # looks
_TRAFFIC_EVERY: Final = 30  # looks; see `CardReader`
_HOTTEST: Final = 150.0  # celsius
_MOST_WATTS: Final = 5_000.0
_MOST_MHZ: Final = 20_000.0
_PERCENT: Final = 100.0
_MIB: Final = 1024.0**2
_GENERATIONS: Final = {2500: 1, 5000: 2, 8000: 3, 16000: 4, 32000: 5, 64000: 6}  # MT/s of a PCIe lane
_MEMORY_BLOCK: Final = 1  # UMC, among the blocks that correct errors
_GUEST: Final = 3  # of the virtualisation modes
_NOT_YET: Final = Value(absence=Absence.NOT_YET)


@dataclass(frozen=True, slots=True)
class _Static:
    virtual: bool
    fan_most: Value
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class _Slow:
    power_limit: Value
    link: Link
    ecc: Ecc
    level: str
    partition: str
    processes: tuple[GpuProcess, ...]
    processes_absence: Absence | None


class CardReader:
    """Reads one card through its handle.

    The rates over the bus are told by a few older cards only (Vega). Their driver counts for a whole second while
    whoever asks waits, hence seldom.
    """

    def __init__(self, package: Any, handle: Any, clock: Callable[[], float]) -> None:
        self._calls = AmdCalls(package, handle)
        self._package = package
        self._processes = AmdProcesses(clock)
        self._throttle = ThrottleReader()
        self._static: _Static | None = None
        self._slow: _Slow | None = None
        self._looks = 0
        self._received = self._sent = _NOT_YET

    def look(self, *, index: int, uuid: str, name: str, bus: str) -> Gpu | None:
        """All readings; None where the card is gone. Raises SessionEnded."""
        calls = self._calls
        calls.gone = False
        load, absence = calls.ask("get_gpu_activity")
        if calls.gone:
            return None
        static = self._static = self._static or self._read_static()
        if self._slow is None or (self._looks + index) % _SLOW_EVERY == 0:  # the cards take turns
            self._slow = self._read_slow()
        if self._looks and (self._looks + index) % _TRAFFIC_EVERY == 1:
            self._read_traffic()
        self._looks += 1
        slow = self._slow
        table, no_table = calls.metrics()
        edge, hotspot = self._celsius("EDGE"), self._celsius("HOTSPOT")
        (clock, clock_max), (memory_clock, memory_clock_max) = self._clocks("GFX"), self._clocks("MEM")
        used, free, total = self._memory()
        media = _of(load, absence, "mm_activity")
        return replace(
            blank(Maker.AMD, index=index, uuid=uuid, name=name, bus=bus, absence=Absence.NOT_SUPPORTED),
            utilisation_percent=_of(load, absence, "gfx_activity"),
            memory_controller_percent=_of(load, absence, "umc_activity"),
            encoder_percent=media,  # AMD counts both together
            decoder_percent=media,
            memory_used_bytes=used,
            memory_free_bytes=free,
            memory_total_bytes=total,
            temperature_celsius=edge if edge.known else hotspot,  # data centre cards have the latter only
            hotspot_celsius=hotspot,
            memory_temperature_celsius=self._celsius("VRAM"),
            thresholds=static.thresholds,
            power_watts=self._power(),
            power_limit_watts=slow.power_limit,
            energy_joules=self._energy(),
            clock_mhz=clock,
            clock_max_mhz=clock_max,
            memory_clock_mhz=memory_clock,
            memory_clock_max_mhz=memory_clock_max,
            fan_percent=self._fan(static.fan_most),
            link=replace(slow.link, received_bytes_s=self._received, sent_bytes_s=self._sent),
            ecc=slow.ecc,
            performance_level=slow.level,
            throttle=no_table if no_table is not None else self._throttle.read(table),
            partition=slow.partition,
            processes=slow.processes,
            processes_absence=slow.processes_absence,
            virtual=static.virtual,
        )

    def _read_static(self) -> _Static:
        calls = self._calls
        mode, no_mode = calls.ask("get_gpu_virtualization_mode")
        slowdown, shutdown = self._limits("EDGE")
        if not slowdown.known:  # the limits belong to the temperature that is told
            slowdown, shutdown = self._limits("HOTSPOT")
        return _Static(
            virtual=no_mode is None and int(mode.get("mode", 0)) == _GUEST,
            fan_most=calls.value("get_gpu_fan_speed_max", 0, least=1.0),
            thresholds=Thresholds(
                slowdown=slowdown,
                shutdown=shutdown,
                target=Value(absence=Absence.NOT_SUPPORTED),
                memory=self._celsius("VRAM", "CRITICAL"),
            ),
        )

    def _read_slow(self) -> _Slow:
        calls = self._calls
        level, _ = calls.ask("get_gpu_perf_level")
        partition, _ = calls.ask("get_gpu_compute_partition")
        processes, processes_absence = self._processes.read(calls)
        return _Slow(
            power_limit=self._power_limit(),
            link=self._link(),
            ecc=self._ecc(),
            level=str(level or "").removeprefix("AMDSMI_DEV_PERF_LEVEL_").lower(),
            partition="" if partition in (None, "N/A") else str(partition),
            processes=processes,
            processes_absence=processes_absence,
        )

    def _read_traffic(self) -> None:
        rates, absence = self._calls.ask("get_gpu_pci_throughput")
        none = Value(absence=absence)
        self._received = none if absence is not None else as_value(rates.get("received"), most=1e12)
        self._sent = none if absence is not None else as_value(rates.get("sent"), most=1e12)

    def _celsius(self, sensor: str, metric: str = "CURRENT") -> Value:
        package = self._package
        which = package.AmdSmiTemperatureType[sensor], package.AmdSmiTemperatureMetric[metric]
        value = self._calls.value("get_temp_metric", *which, most=_HOTTEST)
        return value if value.number != 0.0 else Value(absence=Absence.NOT_SUPPORTED)  # a sensor that is not there

    def _limits(self, sensor: str) -> tuple[Value, Value]:
        """At which the card slows down, and at which it gives up."""
        return self._celsius(sensor, "CRITICAL"), self._celsius(sensor, "EMERGENCY")

    def _memory(self) -> tuple[Value, Value, Value]:
        """Used, free and all bytes; the library counts in MiB."""
        answer, absence = self._calls.ask("get_gpu_vram_usage")
        if absence is not None:
            none = Value(absence=absence)
            return none, none, none
        total = as_value(answer.get("vram_total"), factor=_MIB)
        used = as_value(answer.get("vram_used"), factor=_MIB, most=total.number or 0.0)
        if total.number is None or used.number is None:
            return used, used, total
        return used, Value(total.number - used.number), total

    def _power(self) -> Value:
        """Newer cards tell the present power, others the average of the last moment."""
        answer, absence = self._calls.ask("get_power_info")
        if absence is not None:
            return Value(absence=absence)
        now = as_value(answer.get("current_socket_power"), most=_MOST_WATTS)
        return now if now.number else as_value(answer.get("average_socket_power"), most=_MOST_WATTS)

    def _energy(self) -> Value:
        answer, absence = self._calls.ask("get_energy_count")
        if absence is not None:
            return Value(absence=absence)
        count = answer.get("energy_accumulator", answer.get("power"))  # so called before ROCm 6.4
        return as_value(count, factor=float(answer.get("counter_resolution", 0.0)) / 1e6)

    def _clocks(self, which: str) -> tuple[Value, Value]:
        """Now and at most."""
        answer, absence = self._calls.ask("get_clock_info", self._package.AmdSmiClkType[which])
        if absence is not None:
            return Value(absence=absence), Value(absence=absence)
        now = answer.get("clk", answer.get("cur_clk"))  # so called before ROCm 6.2
        return as_value(now, most=_MOST_MHZ), as_value(answer.get("max_clk"), most=_MOST_MHZ)

    def _power_limit(self) -> Value:
        limit = self._calls.value("get_power_cap_info", pick="power_cap", least=1.0)
        if limit.number is None:
            return limit
        # Microwatts; before ROCm 6.2 watts.
        return as_value(limit.number, factor=1e-6 if limit.number > _MOST_WATTS else 1.0, most=_MOST_WATTS)

    def _fan(self, most: Value) -> Value:
        speed = self._calls.value("get_gpu_fan_speed", 0)
        if speed.number is None or most.number is None:
            return speed if speed.absence is not None else most
        return as_value(speed.number / most.number * _PERCENT, most=250.0)

    def _link(self) -> Link:
        answer, absence = self._calls.ask("get_pcie_info")
        if absence is not None:
            none = Value(absence=absence)
            return Link(none, none, none, none)
        fixed, now = answer.get("pcie_static", {}), answer.get("pcie_metric", {})
        return Link(
            generation=_generation(now.get("pcie_speed")),
            generation_max=_generation(fixed.get("max_pcie_speed")),
            width=as_value(now.get("pcie_width"), most=64, least=1),
            width_max=as_value(fixed.get("max_pcie_width"), most=64, least=1),
        )

    def _ecc(self) -> Ecc:
        blocks, absence = self._calls.ask("get_gpu_ecc_enabled")
        if absence is not None:
            none = Value(absence=absence)
            return Ecc(absence, none, none, absence)
        counts, no_counts = self._calls.ask("get_gpu_total_ecc_count")
        none = Value(absence=no_counts)
        return Ecc(
            enabled=bool(int(blocks) & _MEMORY_BLOCK),
            corrected=none if no_counts is not None else as_value(counts.get("correctable_count")),
            uncorrected=none if no_counts is not None else as_value(counts.get("uncorrectable_count")),
        )


def _of(load: Any, absence: Absence | None, which: str) -> Value:
    return Value(absence=absence) if absence is not None else as_value(load.get(which), most=_PERCENT)


def _generation(speed: Any) -> Value:
    if isinstance(speed, str) or not speed:
        return Value(absence=Absence.NOT_SUPPORTED)
    generation = _GENERATIONS.get(int(speed))
    return Value(absence=Absence.FAILED) if generation is None else Value(float(generation))
