"""The real package amdsmi against a library compiled by the tests, in a process of its own."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.processes import clean_environment
from aienv_gui.hardware.cards.wire import from_line
from aienv_gui.hardware.readings import (
    Absence,
    Driver,
    DriverState,
    Ecc,
    Gpu,
    Link,
    Maker,
    Thresholds,
    Throttle,
    Value,
)
from tests.fakes import amdsmi
from tests.fakes.pci_bus import plug_in, pull_out

MIB = 1024**2
ROOT = Path(__file__).parents[3]
_LOOKS = """
import sys
from pathlib import Path
count, root = int(sys.argv[1]), Path(sys.argv[2])
from aienv_gui.hardware.cards.amd import AmdReader
from aienv_gui.hardware.cards.wire import to_line
now = 0.0
reader = AmdReader(retry_s=0.0, root=root, clock=lambda: now)
for number in range(count):
    for change in sys.argv[3:]:
        at, _, code = change.partition(":")
        if int(at) == number:
            exec(code, {"root": root})
    print(to_line(reader.read()).decode())
    now += 1.0
"""
_KINDS = "desktop|instinct|old"


def looks(
    library: Path, count: int = 1, /, *changes: str, cards: int = 1, root: Path = Path("/nowhere"), **settings: object
) -> list[Driver]:
    """So many looks of one reader, a second apart, in a process that finds the fake library.

    `root` is what the system is to look like; each of `changes` is code to run before a look: ``"3:print()"``.
    """
    environment = clean_environment(amdsmi.environment(library, cards=cards, **settings))
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", _LOOKS, str(count), str(root), *changes],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [from_line(line) for line in done.stdout.splitlines()]


def test_library_without_cards(amd_library: Path) -> None:
    (amd,) = looks(amd_library, cards=0)
    assert (amd.state, amd.gpus, amd.maker) == (DriverState.NO_GPU, (), Maker.AMD)


def test_desktop_card(amd_library: Path) -> None:
    amd = looks(amd_library, 3, cards=2)[-1]
    gpu = amd.gpus[1]
    assert (amd.state, amd.driver_version) == (DriverState.READY, "6.12.12")
    assert (gpu.index, gpu.uuid, gpu.name, gpu.bus) == (
        1,
        amdsmi.card_uuid(1),
        "AMD Radeon RX 7900 XTX",
        "0000:04:00.0",
    )
    assert (gpu.utilisation_percent, gpu.memory_controller_percent) == (Value(41.0), Value(21.0))
    assert (gpu.encoder_percent, gpu.decoder_percent) == (Value(5.0), Value(5.0))
    assert (gpu.memory_used_bytes, gpu.memory_total_bytes) == (Value(3001.0 * MIB), Value(24560.0 * MIB))
    assert gpu.memory_free_bytes == Value((24560.0 - 3001.0) * MIB)
    assert (gpu.temperature_celsius, gpu.hotspot_celsius) == (Value(46.0), Value(61.0))
    assert gpu.memory_temperature_celsius == Value(59.0)
    assert gpu.thresholds == Thresholds(Value(100.0), Value(105.0), Value(absence=Absence.NOT_SUPPORTED), Value(100.0))
    assert (gpu.power_watts, gpu.power_limit_watts) == (Value(121.0), Value(327.0))
    assert gpu.energy_joules.number == pytest.approx(15.3, rel=1e-3)
    assert (gpu.clock_mhz, gpu.clock_max_mhz) == (Value(1901.0), Value(2482.0))
    assert (gpu.memory_clock_mhz, gpu.memory_clock_max_mhz) == (Value(1249.0), Value(1249.0))
    assert gpu.fan_percent.number == pytest.approx(52 / 255 * 100)
    assert gpu.performance_level == "auto"
    assert (gpu.processes, gpu.processes_absence) == ((), None)
    assert gpu.usable


def test_data_centre_card(amd_library: Path) -> None:
    first, second, *_ = looks(amd_library, 2, kind="instinct", name="AMD Instinct MI300X")
    (gpu,) = second.gpus
    assert gpu.name == "AMD Instinct MI300X"
    assert gpu.temperature_celsius == gpu.hotspot_celsius == Value(60.0)
    assert (gpu.thresholds.slowdown, gpu.thresholds.shutdown) == (Value(110.0), Value(115.0))  # of that sensor
    assert gpu.power_watts == Value(120.0)
    assert gpu.fan_percent == Value(absence=Absence.NOT_SUPPORTED)
    assert gpu.ecc == Ecc(True, Value(3.0), Value(0.0))
    assert gpu.partition == "SPX"
    assert first.gpus[0].throttle is Absence.NOT_YET  # it is a difference of two looks
    assert gpu.throttle == frozenset({Throttle.POWER_CAP})


def test_old_card_tells_half_and_the_rest_has_its_reason(amd_library: Path) -> None:
    (gpu,) = looks(amd_library, 2, kind="old")[-1].gpus
    none = Value(absence=Absence.NOT_SUPPORTED)
    assert gpu.utilisation_percent.known
    assert gpu.temperature_celsius == Value(45.0)
    for value in (gpu.hotspot_celsius, gpu.encoder_percent, gpu.power_limit_watts, gpu.energy_joules):
        assert value == none
    assert gpu.throttle is Absence.NOT_SUPPORTED
    assert gpu.performance_level == "manual"
    assert gpu.link.received_bytes_s == Value(1_000_000.0)
    assert gpu.link.sent_bytes_s == Value(2_000_000.0)


def test_eight_cards_each_with_its_own_values(amd_library: Path) -> None:
    (amd,) = looks(amd_library, cards=8)
    assert [gpu.uuid for gpu in amd.gpus] == [amdsmi.card_uuid(index) for index in range(8)]
    assert [gpu.utilisation_percent.number for gpu in amd.gpus] == [40.0 + index for index in range(8)]


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [
        ("0", []),
        ("0x1", [Throttle.POWER_CAP]),
        (hex(1 << 36 | 1 << 17), [Throttle.HEAT, Throttle.POWER_CAP]),
        (hex(1 << 44), [Throttle.HARDWARE_HEAT]),
        (hex(1 << 47), [Throttle.HARDWARE]),
    ],
)
def test_reasons_why_the_clock_is_held_back(amd_library: Path, bits: str, reasons: list[Throttle]) -> None:
    assert looks(amd_library, throttle=bits)[-1].gpus[0].throttle == frozenset(reasons)


@pytest.mark.parametrize(
    ("code", "state"),
    [(34, DriverState.NO_DRIVER), (10, DriverState.NO_PERMISSION), (18, DriverState.FAILED)],
)
def test_what_the_library_answers_at_the_start(amd_library: Path, code: int, state: DriverState) -> None:
    amd = looks(amd_library, 2, init=code)[-1]
    assert amd.state is state
    assert f"({code})" in amd.detail


def test_lost_card_stays_in_the_list_and_comes_back(amd_library: Path) -> None:
    before, lost, _, *later = looks(amd_library, 7, cards=2, faults="1:lost@2-4")
    assert not before.gpus[1].lost
    assert lost.gpus[1].lost
    assert lost.gpus[1].name == "AMD Radeon RX 7900 XTX"
    assert lost.gpus[1].temperature_celsius == Value(absence=Absence.LOST)
    assert lost.state is DriverState.READY
    assert lost.gpus[0].utilisation_percent.known
    assert later[-1].gpus[1].utilisation_percent.known


def test_all_cards_lost(amd_library: Path) -> None:
    answers = looks(amd_library, 2, cards=2, faults="0:lost@2,1:lost@2")
    assert [amd.state for amd in answers] == [DriverState.READY, DriverState.LOST]


def test_card_that_leaves_the_bus_is_lost_whatever_the_library_says(amd_library: Path, tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0")
    pull = "(root / 'sys/bus/pci/devices/0000:03:00.0').unlink()"
    before, after = looks(amd_library, 2, f"1:{pull}", root=tmp_path)
    assert not before.gpus[0].lost
    assert after.gpus[0].lost


def test_second_card_is_found_when_it_comes(amd_library: Path, tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0")
    plug_in(tmp_path, "0000:04:00.0")
    pull_out(tmp_path, "0000:04:00.0")
    device = tmp_path / "sys/devices/pci0000:00/0000:04:00.0"
    plug = f"(root / 'sys/bus/pci/devices/0000:04:00.0').symlink_to({str(device)!r})"
    more = "import os; os.environ['FAKE_AMDSMI_CARDS'] = '2'"
    answers = looks(amd_library, 40, f"5:{plug}", f"5:{more}", root=tmp_path)
    assert [len(amd.gpus) for amd in (answers[0], answers[-1])] == [1, 2]


@pytest.mark.parametrize(
    ("fault", "absence"),
    [
        ("unsupported", Absence.NOT_SUPPORTED),
        ("permission", Absence.NO_PERMISSION),
        ("failed", Absence.FAILED),
    ],
)
def test_reason_of_each_missing_value(amd_library: Path, fault: str, absence: Absence) -> None:
    (amd,) = looks(amd_library, cards=2, faults=f"1:{fault}")
    healthy, faulty = amd.gpus
    assert amd.state is DriverState.READY
    assert healthy.utilisation_percent.known
    assert not faulty.lost
    for value in (faulty.utilisation_percent, faulty.memory_used_bytes, faulty.power_watts, faulty.fan_percent):
        assert value == Value(absence=absence)
    assert faulty.throttle is absence
    assert faulty.processes_absence is absence


def test_no_permission_for_any_card(amd_library: Path) -> None:
    (amd,) = looks(amd_library, cards=2, faults="0:permission,1:permission")
    assert amd.state is DriverState.NO_PERMISSION


def test_processes_are_named_and_ended_ones_left_out(amd_library: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    processes = f"0:{ended.pid}:100,0:{os.getppid()}:100,0:{os.getpid()}:2048:35"
    first, *_, last = looks(amd_library, 6, cards=2, processes=processes)
    largest, smaller = last.gpus[0].processes
    assert (largest.pid, largest.memory_bytes, smaller.pid) == (os.getpid(), Value(2048.0 * MIB), os.getppid())
    assert "py" in largest.name.lower()
    assert largest.user.endswith(getpass.getuser())
    assert largest.own
    assert largest.utilisation_percent.number == pytest.approx(35.0)  # of the time between two lists
    assert first.gpus[0].processes[0].utilisation_percent == Value(absence=Absence.NOT_YET)
    assert last.gpus[1].processes == ()


def test_sleeping_card_is_not_asked(amd_library: Path, tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0", files={"power/runtime_status": "suspended"})
    plug_in(tmp_path, "0000:04:00.0", files={"power/runtime_status": "active"})
    (amd,) = looks(amd_library, cards=2, root=tmp_path)
    assert [gpu.asleep for gpu in amd.gpus] == [True, False]
    assert amd.gpus[0].utilisation_percent == Value(absence=Absence.ASLEEP)


# Which package reads which library


def test_without_the_library_the_kernel_is_asked(tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0", files={"gpu_busy_percent": "37"})
    (amd,) = looks(tmp_path / "no_library", root=tmp_path)
    assert amd.state is DriverState.NO_LIBRARY
    assert "libamd_smi.so" in amd.detail
    assert amd.gpus[0].utilisation_percent == Value(37.0)


def test_library_of_another_version_is_not_used(amd_library: Path, tmp_path: Path) -> None:
    plug_in(tmp_path, "0000:03:00.0", files={"gpu_busy_percent": "37"})
    (amd,) = looks(amd_library, root=tmp_path, library=27)
    assert amd.state is DriverState.NO_LIBRARY
    assert "27" in amd.detail
    assert amd.gpus[0].utilisation_percent == Value(37.0)


def test_library_that_lacks_functions_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "empty.c").write_text("int nothing;\n")
    library = tmp_path / "libamd_smi.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "empty.c")], check=True)
    (amd,) = looks(tmp_path)
    assert amd.state is DriverState.NO_GPU
    assert "amdsmi_" in amd.detail


def test_package_that_came_with_the_library_is_preferred(amd_library: Path, tmp_path: Path) -> None:
    own = tmp_path / "opt/rocm/share/amd_smi/amdsmi/__init__.py"
    own.parent.mkdir(parents=True)
    own.write_text("raise ImportError('the package of the installed ROCm')\n")
    plug_in(tmp_path, "0000:03:00.0")
    (amd,) = looks(amd_library, root=tmp_path, library=27)
    assert "the package of the installed ROCm" in amd.detail
    (fallback,) = looks(amd_library, root=tmp_path)
    assert fallback.state is DriverState.READY


# Agreement with the package's own answers


def _as_package(gpu: Gpu) -> dict[str, Any]:
    values = {name: getattr(gpu, name) for name in (field.name for field in fields(gpu))}
    plain = {name: value.number for name, value in values.items() if isinstance(value, Value)}
    link = {field.name: getattr(gpu.link, field.name).number for field in fields(Link)}
    return {
        **plain,
        **link,
        "name": gpu.name,
        "uuid": gpu.uuid,
        "bus": gpu.bus,
        "slowdown": gpu.thresholds.slowdown.number,
        "shutdown": gpu.thresholds.shutdown.number,
        "memory_limit": gpu.thresholds.memory.number,
        "sent": gpu.link.sent_bytes_s.number,
        "received": gpu.link.received_bytes_s.number,
        "ecc": None if isinstance(gpu.ecc.enabled, Absence) else gpu.ecc.enabled,
        "corrected": gpu.ecc.corrected.number,
        "uncorrected": gpu.ecc.uncorrected.number,
        "performance_level": gpu.performance_level,
        "partition": gpu.partition,
        "processes": {str(process.pid): process.memory_bytes.number for process in gpu.processes},
    }


@pytest.mark.slow
@pytest.mark.parametrize(("cards", "kind", "throttle"), [(1, "desktop", "0"), (8, f"{_KINDS}|desktop", hex(1 << 36))])
def test_agrees_with_the_package_field_by_field(amd_library: Path, cards: int, kind: str, throttle: str) -> None:
    settings = {"cards": cards, "kind": kind, "throttle": throttle, "processes": f"0:{os.getpid()}:500:35"}
    ours = looks(amd_library, 33, **settings)[-1]  # type: ignore[arg-type]
    done = subprocess.run(
        [sys.executable, "-P", str(ROOT / "tests/fakes/amdsmi_readings.py")],  # -P: beside it lies our own amdsmi.py
        env=clean_environment(amdsmi.environment(amd_library, **settings)),  # type: ignore[arg-type]
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)
    assert (ours.driver_version, len(ours.gpus)) == (theirs["version"], cards)
    for gpu, other in zip(ours.gpus, theirs["cards"], strict=True):
        throttled = other.pop("throttled")
        mine = _as_package(gpu)
        assert {name: mine[name] for name in other} == {
            name: pytest.approx(value) if isinstance(value, float) else value for name, value in other.items()
        }
        if throttled is not None:
            assert bool(gpu.throttle) == throttled
