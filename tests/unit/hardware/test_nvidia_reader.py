"""The real nvidia-ml-py against a driver library compiled by the tests, in a process of its own."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pynvml
import pytest

from aienv_gui.hardware.cards.bus import bus_is_told
from aienv_gui.hardware.cards.nvidia import NvidiaReader
from aienv_gui.hardware.readings import (
    Absence,
    ComputeMode,
    DriverState,
    Ecc,
    NvLink,
    Thresholds,
    Throttle,
    Value,
)
from tests.fakes import nvml
from tests.fakes.nvidia_looks import looks

MIB = 1024**2
ROOT = Path(__file__).parents[3]


def plug_in(
    root: Path, *, vendor: str = "0x10de", kind: str = "0x030000", sleeps: str = "active", control: str = "auto"
) -> Path:
    """A card on the bus of the system at `root`, as Linux shows it."""
    device = root / "sys/bus/pci/devices/0000:01:00.0"
    (device / "power").mkdir(parents=True)
    for name, text in (
        ("vendor", vendor),
        ("class", kind),
        ("power/runtime_status", sleeps),
        ("power/control", control),
    ):
        (device / name).write_text(f"{text}\n")
    return device


def test_driver_without_cards(driver: Path) -> None:
    (nvidia,) = looks(driver, cards=0)
    assert nvidia.state is DriverState.NO_GPU
    assert nvidia.gpus == ()
    assert nvidia.driver_version == "580.65.06"


def test_one_card_with_every_value(driver: Path) -> None:
    (nvidia,) = looks(driver)
    (gpu,) = nvidia.gpus
    assert nvidia.state is DriverState.READY
    assert (nvidia.driver_version, nvidia.cuda_version) == ("580.65.06", "13.0")
    assert (gpu.index, gpu.uuid, gpu.name, gpu.lost) == (0, nvml.card_uuid(0), "NVIDIA GeForce RTX 4070", False)
    assert gpu.utilisation_percent == Value(40.0)
    assert gpu.memory_total_bytes == Value(12288.0 * MIB)
    assert gpu.temperature_celsius == Value(45.0)
    assert (gpu.power_watts, gpu.power_limit_watts) == (Value(60.0), Value(200.0))
    assert (gpu.clock_mhz, gpu.clock_max_mhz, gpu.memory_clock_mhz) == (Value(1900.0), Value(3105.0), Value(10501.0))
    assert gpu.fan_percent == Value(30.0)
    assert gpu.compute_capability == (8, 9)
    assert (gpu.processes, gpu.processes_absence) == ((), None)


def test_eight_cards_each_with_its_own_values(driver: Path) -> None:
    (nvidia,) = looks(driver, cards=8)
    assert [gpu.uuid for gpu in nvidia.gpus] == [nvml.card_uuid(index) for index in range(8)]
    assert [gpu.utilisation_percent.number for gpu in nvidia.gpus] == [40.0 + index for index in range(8)]


def test_memory_does_not_count_what_the_driver_keeps(driver: Path) -> None:
    assert looks(driver)[0].gpus[0].memory_used_bytes == Value(3000.0 * MIB)


def test_old_driver_answers_with_what_it_has(old_driver: Path) -> None:
    first, second = looks(old_driver, 2, processes=f"0:{os.getpid()}:64")
    assert first.gpus[0].memory_used_bytes == Value(3300.0 * MIB)
    assert second.gpus[0].memory_used_bytes == Value(3300.0 * MIB)
    assert [process.pid for process in second.gpus[0].processes] == [os.getpid()]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (9, DriverState.NO_DRIVER),
        (18, DriverState.MISMATCH),
        (4, DriverState.NO_PERMISSION),
        (15, DriverState.LOST),
        (999, DriverState.FAILED),
    ],
)
def test_what_the_driver_answers_at_the_start(driver: Path, code: int, state: DriverState) -> None:
    nvidia = looks(driver, 2, init=code)[-1]
    assert nvidia.state is state
    assert f"({code})" in nvidia.detail


def test_lost_card_stays_in_the_list_and_comes_back(driver: Path) -> None:
    before, lost, _, *later = looks(driver, 7, cards=2, faults="1:lost@2-4")
    assert not before.gpus[1].lost
    assert lost.gpus[1].lost
    assert lost.gpus[1].name == "NVIDIA GeForce RTX 4070"
    assert lost.gpus[1].temperature_celsius == Value(absence=Absence.LOST)
    assert lost.state is DriverState.READY
    assert lost.gpus[0].utilisation_percent.known
    assert later[-1].gpus[1].utilisation_percent.known


def test_all_cards_lost(driver: Path) -> None:
    assert [nvidia.state for nvidia in looks(driver, 2, cards=2, faults="0:lost@2,1:lost@2")] == [
        DriverState.READY,
        DriverState.LOST,
    ]


def test_card_lost_from_the_start_has_a_name_of_its_own(driver: Path) -> None:
    (nvidia,) = looks(driver, cards=2, faults="0:lost")
    assert nvidia.gpus[0].lost
    assert nvidia.gpus[0].uuid == "index-0"
    assert not nvidia.gpus[1].lost


@pytest.mark.parametrize(
    ("fault", "absence"),
    [
        ("unsupported", Absence.NOT_SUPPORTED),
        ("permission", Absence.NO_PERMISSION),
        ("failed", Absence.FAILED),
    ],
)
def test_reason_of_each_missing_value(driver: Path, fault: str, absence: Absence) -> None:
    (nvidia,) = looks(driver, cards=2, faults=f"1:{fault}")
    healthy, faulty = nvidia.gpus
    assert nvidia.state is DriverState.READY
    assert healthy.utilisation_percent.known
    assert not faulty.lost
    for value in (faulty.utilisation_percent, faulty.memory_used_bytes, faulty.power_watts, faulty.fan_percent):
        assert value == Value(absence=absence)
    assert faulty.processes_absence is absence


def test_no_permission_for_any_card(driver: Path) -> None:
    (nvidia,) = looks(driver, cards=2, faults="0:permission,1:permission")
    assert nvidia.state is DriverState.NO_PERMISSION
    assert not any(gpu.usable for gpu in nvidia.gpus)


def test_processes_are_named_and_ended_ones_left_out(driver: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (nvidia,) = looks(driver, cards=2, processes=f"0:{ended.pid}:100,0:{os.getpid()}:2048")
    (process,) = nvidia.gpus[0].processes
    assert (process.pid, process.memory_bytes, process.kind) == (os.getpid(), Value(2048.0 * MIB), "compute")
    assert "py" in process.name.lower()
    assert process.user.endswith(getpass.getuser())
    assert nvidia.gpus[1].processes == ()


def test_wrong_process_records_of_some_drivers_are_not_believed(driver: Path) -> None:
    (nvidia,) = looks(driver, driver="535.54.03", processes=f"0:{os.getpid()}:2048")
    assert nvidia.gpus[0].processes[0].memory_bytes == Value(2048.0 * MIB)


@pytest.mark.parametrize(
    ("vendor", "kind", "state"),
    [
        ("0x10de", "0x030000", DriverState.NO_DRIVER),
        ("0x10de", "0x040300", DriverState.NO_GPU),  # its sound device alone
        ("0x8086", "0x030000", DriverState.NO_GPU),
    ],
)
def test_no_library_with_and_without_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor: str, kind: str, state: DriverState
) -> None:
    def refuse() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", refuse)
    monkeypatch.setattr(sys, "platform", "linux")
    plug_in(tmp_path, vendor=vendor, kind=kind)
    assert NvidiaReader(root=tmp_path).read().state is state


def test_system_that_does_not_tell_about_its_cards(tmp_path: Path) -> None:
    assert not bus_is_told(tmp_path / "missing")


# What each kind of card tells, and why it does not tell the rest


def test_every_field_of_a_data_centre_card(driver: Path) -> None:
    gpu = looks(driver, 3, cards=2, kind="datacentre")[-1].gpus[1]
    known = {name: value for name in (f.name for f in fields(gpu)) if isinstance(value := getattr(gpu, name), Value)}
    assert {name for name, value in known.items() if not value.known} == {"fan_percent", "hotspot_celsius"}
    assert gpu.memory_controller_percent == Value(21.0)
    assert (gpu.encoder_percent, gpu.decoder_percent) == (Value(6.0), Value(11.0))
    assert gpu.memory_reserved_bytes == Value(300.0 * MIB)
    assert gpu.memory_free_bytes == Value((12288 - 3001 - 300.0) * MIB)
    assert gpu.memory_temperature_celsius == Value(63.0)
    assert gpu.thresholds == Thresholds(Value(94.0), Value(97.0), Value(88.0), Value(95.0))
    assert gpu.energy_joules == Value(7203.0)
    assert (gpu.link.generation, gpu.link.generation_max) == (Value(3.0), Value(4.0))
    assert (gpu.link.width, gpu.link.width_max) == (Value(8.0), Value(16.0))
    assert gpu.nvlinks == tuple(NvLink(number, active=number != 3, version=4) for number in range(4))
    assert gpu.ecc == Ecc(enabled=True, corrected=Value(3.0), uncorrected=Value(1.0), repair_pending=True)
    assert gpu.performance_state == Value(2.0)
    assert gpu.throttle == frozenset()
    assert gpu.compute_mode is ComputeMode.DEFAULT
    assert (gpu.persistence, gpu.mig_enabled, gpu.mig) == (True, False, ())
    assert gpu.bus == "0000:02:00.0"


def test_laptop_tells_half_and_the_rest_has_its_reason(driver: Path) -> None:
    (gpu,) = looks(driver, kind="laptop")[-1].gpus
    none = Value(absence=Absence.NOT_SUPPORTED)
    assert gpu.utilisation_percent.known
    assert gpu.temperature_celsius.known
    for value in (gpu.power_watts, gpu.power_limit_watts, gpu.fan_percent, gpu.energy_joules, gpu.clock_max_mhz):
        assert value == none
    assert gpu.ecc.enabled is Absence.NOT_SUPPORTED
    assert gpu.persistence is Absence.NOT_SUPPORTED
    assert gpu.nvlinks is Absence.NOT_SUPPORTED


def test_split_card_names_its_instances(driver: Path) -> None:
    (gpu,) = looks(driver, kind="mig", name="NVIDIA A30")[-1].gpus
    assert gpu.mig_enabled is True
    assert [(part.profile, part.memory_total_bytes) for part in gpu.mig] == [("3g.6gb", Value(6144.0 * MIB))] * 2
    assert len({part.uuid for part in gpu.mig}) == 2
    assert gpu.utilisation_percent == Value(absence=Absence.SPLIT_CARD)
    assert gpu.memory_used_bytes.known


def test_virtual_card_says_so(driver: Path) -> None:
    (gpu,) = looks(driver, kind="vgpu")[-1].gpus
    assert gpu.virtual
    assert gpu.utilisation_percent.known
    assert gpu.temperature_celsius == Value(absence=Absence.VIRTUAL_CARD)
    assert gpu.throttle is Absence.VIRTUAL_CARD


def test_in_wsl_windows_keeps_the_rest_for_itself(driver: Path) -> None:
    (gpu,) = looks(driver, kind="laptop", release="5.15.167.4-microsoft-standard-WSL2")[-1].gpus
    assert gpu.power_watts == Value(absence=Absence.IN_WSL)


def test_reasons_why_the_clock_is_held_back(driver: Path, old_driver: Path) -> None:
    for library in (driver, old_driver):  # the function was renamed
        (gpu,) = looks(library, throttle="0x44")[-1].gpus
        assert gpu.throttle == frozenset({Throttle.POWER_CAP, Throttle.HARDWARE_HEAT})


def test_what_an_old_driver_does_not_know_is_asked_once(old_driver: Path, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    (*_, last) = looks(old_driver, 12, log=log, kind="datacentre")
    (gpu,) = last.gpus
    assert gpu.mig_enabled is Absence.OLD_DRIVER
    assert gpu.memory_reserved_bytes == Value(absence=Absence.OLD_DRIVER)
    assert gpu.ecc.repair_pending is False  # the older question is answered
    assert not gpu.virtual


def test_nonsense_is_no_reading(driver: Path) -> None:
    answers = [nvidia.gpus[0] for nvidia in looks(driver, 24, wild=1)]
    for name in ("utilisation_percent", "temperature_celsius", "memory_used_bytes", "power_watts", "clock_mhz"):
        values = [getattr(gpu, name) for gpu in answers]
        assert Value(absence=Absence.FAILED) in values, name
        assert any(value.known for value in values), name
    assert max(gpu.utilisation_percent.number or 0.0 for gpu in answers) == 99.0
    assert max(gpu.temperature_celsius.number or 0.0 for gpu in answers) == 76.0
    assert min(gpu.temperature_celsius.number or 50.0 for gpu in answers) == 45.0  # zero degrees are none


def test_an_error_that_the_driver_reports_stays_with_its_card(driver: Path) -> None:
    before, *_, last = looks(driver, 5, cards=2, xid="1:79@2")
    assert before.gpus[1].xid is None
    assert last.gpus[1].xid is not None
    assert last.gpus[1].xid.code == 79
    assert last.gpus[0].xid is None


# How often it asks


def test_what_never_changes_is_asked_once_and_what_costs_much_in_turn(driver: Path, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    looks(driver, 20, cards=2, kind="datacentre", log=log)
    calls = Counter(log.read_text().splitlines())
    assert calls["nvmlInitWithFlags -1"] == 1
    for card in (0, 1):
        assert calls[f"nvmlDeviceGetMaxPcieLinkWidth {card}"] == 1
        assert calls[f"nvmlDeviceGetTemperatureThreshold {card}"] == 4
        assert calls[f"nvmlDeviceGetComputeMode {card}"] == 4 + card  # at the first look, then in turn
        assert calls[f"nvmlDeviceGetPcieThroughput {card}"] == 4  # two rates, each twice in twenty looks
        assert calls[f"nvmlDeviceGetPowerUsage {card}"] == 20


def test_rates_over_the_bus_come_within_the_first_looks(driver: Path) -> None:
    first, second, *_ = looks(driver, 3)
    assert first.gpus[0].link.received_bytes_s == Value(absence=Absence.NOT_YET)
    assert second.gpus[0].link.sent_bytes_s.known


# Cards that sleep


def test_sleeping_card_is_not_woken(driver: Path, tmp_path: Path) -> None:
    device = plug_in(tmp_path, sleeps="suspended")
    information = tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0/information"
    information.parent.mkdir(parents=True)
    information.write_text("Model: \t\t NVIDIA GeForce RTX 4060 Laptop GPU\nGPU UUID: \t GPU-????????-????\n")
    log = tmp_path / "calls"
    log.touch()
    *_, last = looks(driver, 3, root=tmp_path, log=log)
    assert log.read_text() == ""  # the driver was not even opened
    (gpu,) = last.gpus
    assert (gpu.asleep, gpu.name, gpu.bus) == (True, "NVIDIA GeForce RTX 4060 Laptop GPU", "0000:01:00.0")
    assert gpu.temperature_celsius == Value(absence=Absence.ASLEEP)
    assert gpu.usable
    (device / "power/runtime_status").write_text("active\n")
    assert looks(driver, root=tmp_path)[-1].gpus[0].utilisation_percent.known


def test_idle_laptop_card_is_let_go_so_that_it_can_sleep(driver: Path, tmp_path: Path) -> None:
    plug_in(tmp_path, sleeps="active")
    log = tmp_path / "calls"
    busy = looks(driver, 100, root=tmp_path, log=log)  # at one look a second
    assert all(nvidia.gpus[0].utilisation_percent.known for nvidia in busy)
    assert "nvmlShutdown -1" not in log.read_text()
    log.unlink()
    idle = looks(driver, 150, root=tmp_path, log=log, idle=1)
    calls = Counter(log.read_text().splitlines())
    assert calls["nvmlShutdown -1"] == 1  # let go after a minute...
    assert calls["nvmlInitWithFlags -1"] == 2  # ... and looked at again, since it stays awake for others
    assert 100 <= calls["nvmlDeviceGetPowerUsage 0"] <= 125
    assert {nvidia.state for nvidia in idle} == {DriverState.READY}


def test_desktop_card_is_never_let_go(driver: Path, tmp_path: Path) -> None:
    plug_in(tmp_path, sleeps="active", control="on")
    log = tmp_path / "calls"
    looks(driver, 150, root=tmp_path, log=log, idle=1)
    assert "nvmlShutdown -1" not in log.read_text()


# Processes


def test_all_that_is_known_of_a_process(driver: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "--of-a-training"])
    try:
        nvidia = looks(driver, 3, processes=f"0:{child.pid}:2048:35")[-1]
    finally:
        child.kill()
        child.wait()
    (process,) = nvidia.gpus[0].processes
    assert process.command[-1] == "--of-a-training"
    assert process.utilisation_percent == Value(35.0)
    assert process.cpu_percent.known
    assert (process.host_memory_bytes.number or 0) > MIB
    assert process.own
    assert process.started is not None
    assert abs(process.started - time.time()) < 3600


def test_process_on_two_cards_has_one_share_of_the_processor(driver: Path) -> None:
    """It is asked once a moment: a share over the time between two cards would mean nothing."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        first, *_, last = looks(driver, 2, cards=2, processes=f"0:{busy.pid}:64,1:{busy.pid}:64")
    finally:
        busy.kill()
        busy.wait()
    for look in (first, last):
        one, other = (gpu.processes[0] for gpu in look.gpus)
        assert one.cpu_percent == other.cpu_percent
    assert first.gpus[1].processes[0].cpu_percent == Value(absence=Absence.NOT_YET)
    assert last.gpus[1].processes[0].cpu_percent.known


def test_process_that_does_not_calculate_has_no_load_and_one_that_draws_is_told(driver: Path) -> None:
    nvidia = looks(driver, processes=f"0:{os.getpid()}:64:-1", graphics=f"0:{os.getppid()}:32")[-1]
    calculating, drawing = nvidia.gpus[0].processes
    assert calculating.utilisation_percent == Value(0.0)
    assert (drawing.kind, drawing.memory_bytes) == ("graphics", Value(32.0 * MIB))


def test_load_that_a_card_does_not_tell_is_not_zero(driver: Path) -> None:
    nvidia = looks(driver, kind="laptop", processes=f"0:{os.getpid()}:64")[-1]
    assert nvidia.gpus[0].processes[0].utilisation_percent == Value(absence=Absence.NOT_SUPPORTED)


def test_in_a_container_a_number_of_the_host_is_not_taken_for_one_of_ours(driver: Path, tmp_path: Path) -> None:
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").touch()  # any number but the one of the system's own
    nvidia = looks(driver, root=tmp_path, processes=f"0:{os.getpid()}:64,0:4000001:32")[-1]
    ours, gone = nvidia.gpus[0].processes
    for process, pid in ((ours, os.getpid()), (gone, 4000001)):
        assert (process.pid, process.name, process.user, process.started, process.own) == (pid, "", "", None, False)
