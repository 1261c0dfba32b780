"""What Linux tells of AMD's and Intel's cards without their makers' libraries."""

from __future__ import annotations

from pathlib import Path

import pytest

from aienv_gui.hardware.cards import amd
from aienv_gui.hardware.cards.amd import AmdReader
from aienv_gui.hardware.cards.amd_library import LibraryMissing
from aienv_gui.hardware.cards.intel import IntelReader
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Link, Maker, Thresholds, Throttle, Value
from tests.fakes.pci_bus import plug_in, pull_out

GIB = 1024**3
_ADDRESS = "0000:03:00.0"
_RADEON = {
    "product_name": "Radeon RX 7900 XTX",
    "unique_id": "8de3a5c4f2b1a0d7",
    "gpu_busy_percent": "37",
    "mem_busy_percent": "12",
    "mem_info_vram_total": str(24 * GIB),
    "mem_info_vram_used": str(6 * GIB),
    "pp_dpm_sclk": "0: 500Mhz\n1: 1900Mhz *\n2: 2482Mhz",
    "pp_dpm_mclk": "0: 96Mhz *\n1: 1249Mhz",
    "power_dpm_force_performance_level": "auto",
    "current_link_speed": "8.0 GT/s PCIe",
    "max_link_speed": "16.0 GT/s PCIe",
    "current_link_width": "8",
    "max_link_width": "16",
    "hwmon/hwmon4/temp1_label": "edge",
    "hwmon/hwmon4/temp1_input": "45000",
    "hwmon/hwmon4/temp1_crit": "100000",
    "hwmon/hwmon4/temp1_emergency": "105000",
    "hwmon/hwmon4/temp2_label": "junction",
    "hwmon/hwmon4/temp2_input": "61000",
    "hwmon/hwmon4/temp3_label": "mem",
    "hwmon/hwmon4/temp3_input": "58000",
    "hwmon/hwmon4/temp3_crit": "108000",
    "hwmon/hwmon4/power1_average": "120000000",
    "hwmon/hwmon4/power1_cap": "327000000",
    "hwmon/hwmon4/pwm1": "51",
    "hwmon/hwmon4/pwm1_max": "255",
}
_NO_LIBRARY = Value(absence=Absence.NO_LIBRARY)
_NOT_TOLD = Value(absence=Absence.NOT_TOLD)


class Clock:
    """A steady clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(root: Path) -> None:
        raise LibraryMissing("libamd_smi.so: cannot open shared object file")

    monkeypatch.setattr(amd, "load", missing)


def look(root: Path) -> Driver:
    return AmdReader(root=root).read()


@pytest.mark.usefixtures("no_library")
def test_radeon_without_the_library_tells_most_of_it(tmp_path: Path) -> None:
    plug_in(tmp_path, _ADDRESS, files=_RADEON)
    driver = look(tmp_path)
    (gpu,) = driver.gpus
    assert (driver.state, driver.maker) == (DriverState.NO_LIBRARY, Maker.AMD)
    assert "libamd_smi.so" in driver.detail
    assert (gpu.name, gpu.uuid, gpu.bus, gpu.maker) == ("Radeon RX 7900 XTX", "8de3a5c4f2b1a0d7", _ADDRESS, Maker.AMD)
    assert (gpu.utilisation_percent, gpu.memory_controller_percent) == (Value(37.0), Value(12.0))
    assert gpu.memory_total_bytes == Value(24.0 * GIB)
    assert (gpu.memory_used_bytes, gpu.memory_free_bytes) == (Value(6.0 * GIB), Value(18.0 * GIB))
    assert (gpu.temperature_celsius, gpu.hotspot_celsius) == (Value(45.0), Value(61.0))
    assert gpu.memory_temperature_celsius == Value(58.0)
    assert gpu.thresholds == Thresholds(Value(100.0), Value(105.0), Value(absence=Absence.NOT_SUPPORTED), Value(108.0))
    assert (gpu.power_watts, gpu.power_limit_watts) == (Value(120.0), Value(327.0))
    assert (gpu.clock_mhz, gpu.clock_max_mhz) == (Value(1900.0), Value(2482.0))
    assert (gpu.memory_clock_mhz, gpu.memory_clock_max_mhz) == (Value(96.0), Value(1249.0))
    assert gpu.fan_percent == Value(20.0)
    assert gpu.link == Link(Value(3.0), Value(4.0), Value(8.0), Value(16.0), _NO_LIBRARY, _NO_LIBRARY)
    assert gpu.performance_level == "auto"
    assert gpu.energy_joules == gpu.encoder_percent == _NO_LIBRARY
    assert (gpu.processes, gpu.processes_absence) == ((), Absence.NO_LIBRARY)
    assert gpu.usable


@pytest.mark.usefixtures("no_library")
def test_what_a_file_does_not_say(tmp_path: Path) -> None:
    device = plug_in(
        tmp_path,
        _ADDRESS,
        files={**_RADEON, "gpu_busy_percent": "", "mem_busy_percent": "4294967295", "hwmon/hwmon4/temp2_label": "x"},
    )
    (device / "mem_info_vram_used").unlink()
    (device / "hwmon/hwmon4/power1_average").rename(device / "hwmon/hwmon4/power1_input")
    (gpu,) = look(tmp_path).gpus
    assert gpu.utilisation_percent == Value(absence=Absence.NOT_SUPPORTED)
    assert gpu.memory_controller_percent == Value(absence=Absence.FAILED)
    assert gpu.memory_used_bytes == gpu.memory_free_bytes == _NO_LIBRARY
    assert gpu.hotspot_celsius == _NO_LIBRARY
    assert gpu.power_watts == Value(120.0)


@pytest.mark.usefixtures("no_library")
def test_sleeping_card_is_not_read(tmp_path: Path) -> None:
    plug_in(tmp_path, _ADDRESS, files={**_RADEON, "power/runtime_status": "suspended"})
    driver = look(tmp_path)
    (gpu,) = driver.gpus
    assert (driver.state, gpu.asleep, gpu.name) == (DriverState.READY, True, "Radeon RX 7900 XTX")
    assert gpu.temperature_celsius == Value(absence=Absence.ASLEEP)


@pytest.mark.usefixtures("no_library")
def test_card_without_its_driver_is_named_all_the_same(tmp_path: Path) -> None:
    plug_in(tmp_path, _ADDRESS, driver="")
    driver = look(tmp_path)
    assert driver.state is DriverState.NO_DRIVER
    assert driver.gpus[0].name == "AMD card 1002:744c"


@pytest.mark.usefixtures("no_library")
def test_card_that_is_pulled_out_and_one_that_comes(tmp_path: Path) -> None:
    plug_in(tmp_path, _ADDRESS, files=_RADEON)
    clock = Clock()
    reader = AmdReader(root=tmp_path, clock=clock)
    assert len(reader.read().gpus) == 1
    plug_in(tmp_path, "0000:43:00.0")
    clock.now += 60
    assert [gpu.bus for gpu in reader.read().gpus] == [_ADDRESS, "0000:43:00.0"]
    pull_out(tmp_path, _ADDRESS)
    pull_out(tmp_path, "0000:43:00.0")
    clock.now += 60
    assert reader.read().state is DriverState.NO_GPU


# Intel

_SENSORS = {
    "hwmon/hwmon5/power1_max": "190000000",
    "hwmon/hwmon5/temp2_label": "pkg",
    "hwmon/hwmon5/temp2_input": "52000",
    "hwmon/hwmon5/temp3_label": "vram",
    "hwmon/hwmon5/temp3_input": "60000",
}
_XE = {
    **_SENSORS,
    "tile0/gt0/freq0/act_freq": "1850",
    "tile0/gt0/freq0/max_freq": "2400",
    "tile0/gt0/freq0/rp0_freq": "2850",
    "tile0/gt0/freq0/throttle/status": "1",
    "tile0/gt0/freq0/throttle/reason_pl1": "1",
    "tile0/gt0/freq0/throttle/reason_thermal": "0",
    "current_link_speed": "16.0 GT/s PCIe",
    "current_link_width": "8",
}
_COUNTERS = {"tile0/gt0/gtidle/idle_residency_ms": "5000", "hwmon/hwmon5/energy1_input": "1000000000"}
_I915 = {
    "drm/card1/gt/gt0/rps_act_freq_mhz": "1500",
    "drm/card1/gt/gt0/rps_RP0_freq_mhz": "2400",
    "drm/card1/gt/gt0/throttle_reason_status": "1",
    "drm/card1/gt/gt0/throttle_reason_thermal": "1",
    "drm/card1/gt/gt0/rc6_residency_ms": "100",
}


def test_intel_with_the_new_driver(tmp_path: Path) -> None:
    device = plug_in(tmp_path, _ADDRESS, vendor="0x8086", model="0xe20b", driver="xe", files={**_XE, **_COUNTERS})
    clock = Clock()
    reader = IntelReader(root=tmp_path, clock=clock)
    (first,) = reader.read().gpus
    assert first.utilisation_percent == first.power_watts == Value(absence=Absence.NOT_YET)
    clock.now += 2.0
    (device / "tile0/gt0/gtidle/idle_residency_ms").write_text("5500\n")  # asleep for 0.5 s of 2
    (device / "hwmon/hwmon5/energy1_input").write_text("1100000000\n")  # 100 J in 2 s
    driver = reader.read()
    (gpu,) = driver.gpus
    assert (driver.state, driver.maker, gpu.name) == (DriverState.READY, Maker.INTEL, "Intel card 8086:e20b")
    assert gpu.utilisation_percent == Value(75.0)
    assert (gpu.power_watts, gpu.power_limit_watts) == (Value(50.0), Value(190.0))
    assert gpu.energy_joules == Value(1100.0)
    assert (gpu.clock_mhz, gpu.clock_max_mhz) == (Value(1850.0), Value(2850.0))
    assert (gpu.temperature_celsius, gpu.memory_temperature_celsius) == (Value(52.0), Value(60.0))
    assert gpu.throttle == frozenset({Throttle.POWER_CAP})
    assert (gpu.link.generation, gpu.link.width) == (Value(4.0), Value(8.0))
    assert gpu.memory_used_bytes == gpu.fan_percent == _NOT_TOLD
    assert gpu.uuid == gpu.bus == _ADDRESS


def test_intel_with_the_older_driver(tmp_path: Path) -> None:
    plug_in(tmp_path, _ADDRESS, vendor="0x8086", driver="i915", files=_I915)
    (gpu,) = IntelReader(root=tmp_path).read().gpus
    assert (gpu.clock_mhz, gpu.clock_max_mhz) == (Value(1500.0), Value(2400.0))
    assert gpu.throttle == frozenset({Throttle.HEAT})
    assert gpu.temperature_celsius == gpu.power_watts == _NOT_TOLD


def test_intel_in_a_kernel_of_before(tmp_path: Path) -> None:
    files = {"drm/card1/gt_act_freq_mhz": "1200", "drm/card1/gt_max_freq_mhz": "2000"}
    plug_in(tmp_path, _ADDRESS, vendor="0x8086", driver="i915", files=files)
    (gpu,) = IntelReader(root=tmp_path).read().gpus
    assert (gpu.clock_mhz, gpu.clock_max_mhz) == (Value(1200.0), Value(2000.0))
    assert gpu.throttle is Absence.NOT_TOLD


def test_engine_that_never_rests_has_no_load_by_its_rest(tmp_path: Path) -> None:
    files = {**_XE, "tile0/gt0/gtidle/idle_residency_ms": "0"}
    plug_in(tmp_path, _ADDRESS, vendor="0x8086", driver="xe", files=files)
    clock = Clock()
    reader = IntelReader(root=tmp_path, clock=clock)
    reader.read()
    clock.now += 1.0
    assert reader.read().gpus[0].utilisation_percent == Value(absence=Absence.NOT_SUPPORTED)


def test_states_of_intels_cards(tmp_path: Path) -> None:
    clock = Clock()
    reader = IntelReader(root=tmp_path, clock=clock)
    assert reader.read().state is DriverState.NO_GPU
    plug_in(tmp_path, _ADDRESS, vendor="0x8086", driver="")
    clock.now += 60
    assert reader.read().state is DriverState.NO_DRIVER
    pull_out(tmp_path, _ADDRESS)
    lost = reader.read()
    assert (lost.state, lost.gpus[0].lost) == (DriverState.LOST, True)
    clock.now += 60
    assert reader.read().state is DriverState.NO_GPU
