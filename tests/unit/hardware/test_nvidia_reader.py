"""The real nvidia-ml-py against a driver library compiled by the tests, in a process of its own."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from aienv_gui.core.processes import clean_environment
from aienv_gui.hardware.cards.nvidia import NvidiaReader, card_on_bus
from aienv_gui.hardware.cards.wire import from_line
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Value
from tests.fakes import nvml

MIB = 1024**2
ROOT = Path(__file__).parents[3]

_LOOKS = """
import sys
from aienv_gui.hardware.cards.nvidia import NvidiaReader
from aienv_gui.hardware.cards.wire import to_line
reader = NvidiaReader(retry_s=0.0)
for _ in range(int(sys.argv[1])):
    print(to_line(reader.read()).decode())
"""


def looks(driver: Path, count: int = 1, /, *, cards: int = 1, **settings: object) -> list[Driver]:
    """So many looks of one reader, in a process that finds the fake driver. Lost cards are tried again each time."""
    environment = clean_environment(nvml.environment(driver, cards=cards, still=1, **settings))
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", _LOOKS, str(count)], env=environment, capture_output=True, text=True, check=True
    )
    return [from_line(line) for line in done.stdout.splitlines()]


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
    device = tmp_path / "0000:01:00.0"
    device.mkdir()
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")
    assert NvidiaReader(pci_devices=tmp_path).read().state is state


def test_system_that_does_not_tell_about_its_cards(tmp_path: Path) -> None:
    assert card_on_bus(tmp_path / "missing") is None
