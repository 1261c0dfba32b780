"""An AMD card as Linux shows it, without AMD's library: less than that tells, but a load, memory, heat and power."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from aienv_gui.hardware.cards.blank import blank
from aienv_gui.hardware.cards.bus import BusCard
from aienv_gui.hardware.cards.kernel_link import read_link
from aienv_gui.hardware.cards.pci_names import name_of
from aienv_gui.hardware.cards.power_saving import is_asleep
from aienv_gui.hardware.cards.sysfs import first_number, labelled, number, sensors, text
from aienv_gui.hardware.readings import Absence, Gpu, Maker, Thresholds, Value

_PERCENT: Final = 100.0
_HOTTEST: Final = 150.0
_MOST_WATTS: Final = 5_000.0
_MOST_PWM: Final = 255.0


def read_by_kernel(card: BusCard, index: int, *, root: Path, silent: Absence) -> Gpu:
    """All that the kernel tells of a card; `silent` is the reason for the rest. A dozen small reads, 0.3 ms.

    Reads nothing of a card that sleeps: that would wake it.
    """
    device = card.device
    name = text(device / "product_name") or name_of(card, root)
    uuid = text(device / "unique_id")
    if is_asleep(device.parent, device.name):
        return blank(Maker.AMD, index=index, uuid=uuid, name=name, bus=card.address, absence=Absence.ASLEEP)
    gpu = blank(Maker.AMD, index=index, uuid=uuid, name=name, bus=card.address, absence=silent)
    if not card.driver:
        return gpu
    total = number(device / "mem_info_vram_total", silent=silent)
    used = number(device / "mem_info_vram_used", silent=silent, most=total.number or 0.0)
    free = used if total.number is None or used.number is None else Value(total.number - used.number)
    clock, clock_max = _clocks(device / "pp_dpm_sclk", silent)
    memory_clock, memory_clock_max = _clocks(device / "pp_dpm_mclk", silent)
    gpu = replace(
        gpu,
        utilisation_percent=number(device / "gpu_busy_percent", silent=silent, most=_PERCENT),
        memory_controller_percent=number(device / "mem_busy_percent", silent=silent, most=_PERCENT),
        memory_used_bytes=used,
        memory_free_bytes=free,
        memory_total_bytes=total,
        clock_mhz=clock,
        clock_max_mhz=clock_max,
        memory_clock_mhz=memory_clock,
        memory_clock_max_mhz=memory_clock_max,
        link=read_link(device, silent=silent),
        performance_level=text(device / "power_dpm_force_performance_level"),
        partition=text(device / "current_compute_partition"),
    )
    return _with_sensors(gpu, sensors(device), silent)


def _with_sensors(gpu: Gpu, folder: Path, silent: Absence) -> Gpu:
    edge = labelled(folder, "temp", "edge") or folder / "temp1"
    hotspot, memory = labelled(folder, "temp", "junction"), labelled(folder, "temp", "mem")
    degrees = _celsius(edge, "input", silent)
    hottest = _celsius(hotspot, "input", silent)
    fan, fan_most = number(folder / "pwm1", silent=silent), number(folder / "pwm1_max", silent=silent)
    power = first_number(
        folder / "power1_average", folder / "power1_input", silent=silent, factor=1e-6, most=_MOST_WATTS
    )
    return replace(
        gpu,
        temperature_celsius=degrees if degrees.known else hottest,
        hotspot_celsius=hottest,
        memory_temperature_celsius=_celsius(memory, "input", silent),
        thresholds=Thresholds(
            slowdown=_celsius(edge, "crit", silent),
            shutdown=_celsius(edge, "emergency", silent),
            target=Value(absence=Absence.NOT_SUPPORTED),
            memory=_celsius(memory, "crit", silent),
        ),
        power_watts=power,
        power_limit_watts=number(folder / "power1_cap", silent=silent, factor=1e-6, most=_MOST_WATTS),
        fan_percent=fan if fan.number is None else Value(fan.number / (fan_most.number or _MOST_PWM) * _PERCENT),
    )


def _celsius(sensor: Path | None, what: str, silent: Absence) -> Value:
    if sensor is None:
        return Value(absence=silent)
    return number(sensor.with_name(f"{sensor.name}_{what}"), silent=silent, factor=1e-3, most=_HOTTEST)


def _clocks(table: Path, silent: Absence) -> tuple[Value, Value]:
    """The present and the highest frequency of a table such as ``0: 500Mhz``, ``1: 2410Mhz *``."""
    now: float | None = None
    rates: list[float] = []
    for line in text(table).splitlines():
        rate = line.partition(":")[2].strip().lower()
        figure = rate.removesuffix("*").strip().removesuffix("mhz")
        if figure.isdigit():
            rates.append(float(figure))
            now = rates[-1] if rate.endswith("*") else now
    none = Value(absence=silent)
    return Value(now) if now is not None else none, Value(max(rates)) if rates else none
