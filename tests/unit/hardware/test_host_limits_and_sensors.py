"""What the kernel tells in files, on systems made up file by file: containers, pressure, temperature."""

from __future__ import annotations

from pathlib import Path

import pytest

from aienv_gui.hardware.host.container import ContainerReader
from aienv_gui.hardware.host.pressure import read_pressure
from aienv_gui.hardware.host.temperature import CpuThermometer
from aienv_gui.hardware.readings import Absence, Container, Pressure, Value

GIB = 1024**3


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="ascii")
    return root


def limits(root: Path, **environment: str) -> Container | None:
    return ContainerReader(root, environment).read(64 * GIB, 16)


# Containers


def test_plain_machine_has_none(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/user.slice"
    files = {"proc/self/cgroup": "0::/user.slice", f"{group}/cpu.max": "max 100000", f"{group}/memory.max": "max"}
    assert limits(write(tmp_path, files)) is None
    assert limits(tmp_path / "nothing") is None


def test_version_2_in_docker(tmp_path: Path) -> None:
    files = {
        ".dockerenv": "",
        "proc/self/cgroup": "0::/",
        "sys/fs/cgroup/cpu.max": "250000 100000",
        "sys/fs/cgroup/memory.max": str(4 * GIB),
        "sys/fs/cgroup/memory.current": str(GIB),
    }
    assert limits(write(tmp_path, files)) == Container("docker", 2.5, 4 * GIB, GIB)


def test_the_tightest_group_above_counts(tmp_path: Path) -> None:
    top = "sys/fs/cgroup/machine.slice"
    files = {
        "proc/self/cgroup": "0::/machine.slice/a/b",
        f"{top}/memory.max": str(8 * GIB),
        f"{top}/memory.current": str(3 * GIB),
        f"{top}/a/memory.max": str(16 * GIB),
        f"{top}/a/cpu.max": "400000 100000",
        f"{top}/a/b/memory.max": "max",
        f"{top}/a/b/cpu.max": "800000 100000",
    }
    assert limits(write(tmp_path, files)) == Container("", 4.0, 8 * GIB, 3 * GIB)


def test_version_1_in_podman(tmp_path: Path) -> None:
    files = {
        "run/.containerenv": "",
        "proc/self/cgroup": "9:memory:/pod/x\n4:cpu,cpuacct:/pod/x\n1:name=systemd:/pod",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2 * GIB),  # the host's path is not mounted inside
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "12345",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    assert limits(write(tmp_path, files)) == Container("podman", 1.5, 2 * GIB, 12345)


def test_version_1_without_limits(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "9:memory:/\n4:cpu:/",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    assert limits(write(tmp_path, files)) is None


def test_more_than_the_machine_has_is_no_limit_but_the_container_is_named(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/",
        "sys/fs/cgroup/cpu.max": "6400000 100000",
        "sys/fs/cgroup/memory.max": str(999 * GIB),
    }
    root = write(tmp_path, files)
    assert limits(root, KUBERNETES_SERVICE_HOST="10.0.0.1") == Container("kubernetes", None, None, None)
    assert limits(root, container="lxc") == Container("lxc", None, None, None)
    assert limits(root) is None


# Pressure


def test_pressure(tmp_path: Path) -> None:
    line = "avg10={0} avg60=0.00 avg300=0.00 total=1"
    files = {
        "proc/pressure/cpu": "some " + line.format("12.50"),
        "proc/pressure/memory": f"some {line.format('1.00')}\nfull {line.format('0.50')}",
        "proc/pressure/io": f"some {line.format('80.00')}\nfull {line.format('70.25')}",
    }
    assert read_pressure(write(tmp_path, files)) == Pressure(12.5, 1.0, 0.5, 80.0, 70.25)


@pytest.mark.parametrize("text", ["", "some", "some avg10=often", "full avg10=1.0 total=1"])
def test_pressure_that_is_not_kept_or_not_understood_is_none(tmp_path: Path, text: str) -> None:
    files = {f"proc/pressure/{name}": text for name in ("cpu", "memory", "io")}
    assert read_pressure(write(tmp_path, files)) is None
    assert read_pressure(tmp_path / "nothing") is None


# Temperature


@pytest.mark.parametrize(
    ("files", "degrees"),
    [
        ({"hwmon0/name": "nvme", "hwmon0/temp1_input": "38000", "hwmon1/name": "coretemp"}, None),
        (
            {
                "hwmon0/name": "nvme",
                "hwmon0/temp1_input": "38000",
                "hwmon1/name": "coretemp",
                "hwmon1/temp1_label": "Core 0",
                "hwmon1/temp1_input": "51000",
                "hwmon1/temp2_label": "Package id 0",
                "hwmon1/temp2_input": "57000",
            },
            57.0,
        ),
        (
            {
                "hwmon0/name": "k10temp",
                "hwmon0/temp1_label": "Tctl",
                "hwmon0/temp1_input": "81000",
                "hwmon0/temp2_label": "Tdie",
                "hwmon0/temp2_input": "61125",
            },
            61.125,
        ),
        ({"hwmon3/name": "cpu_thermal", "hwmon3/temp1_input": "48312"}, 48.312),
    ],
)
def test_the_sensor_of_the_processor(tmp_path: Path, files: dict[str, str], degrees: float | None) -> None:
    root = write(tmp_path, {f"sys/class/hwmon/{name}": text for name, text in files.items()})
    expected = Value(degrees) if degrees is not None else Value(absence=Absence.NOT_SUPPORTED)
    assert CpuThermometer(root).read() == expected


def test_thermal_zone_where_there_is_no_such_sensor(tmp_path: Path) -> None:
    zones = {"thermal_zone0/type": "acpitz", "thermal_zone0/temp": "27800", "thermal_zone1/type": "x86_pkg_temp"}
    root = write(tmp_path, {f"sys/class/thermal/{name}": text for name, text in zones.items()})
    write(root, {"sys/class/thermal/thermal_zone1/temp": "65000"})
    assert CpuThermometer(root).read() == Value(65.0)


def test_sensor_that_answers_nonsense_or_goes_away(tmp_path: Path) -> None:
    root = write(tmp_path, {"sys/class/hwmon/hwmon0/name": "coretemp", "sys/class/hwmon/hwmon0/temp1_input": "50000"})
    thermometer = CpuThermometer(root)
    assert thermometer.read() == Value(50.0)
    for text in ("-128000", "255000", "hot"):
        (root / "sys/class/hwmon/hwmon0/temp1_input").write_text(text)
        assert thermometer.read() == Value(absence=Absence.FAILED)
    (root / "sys/class/hwmon/hwmon0/temp1_input").unlink()
    assert thermometer.read() == Value(absence=Absence.FAILED)
