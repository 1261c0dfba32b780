"""The machine without its cards: real readings where they can be checked, made-up counters for the rates."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from aienv_gui.hardware.host.reader import HostReader, disks

_Partition = namedtuple("_Partition", "device mountpoint fstype opts")
_Io = namedtuple("_Io", "read_bytes write_bytes")
_Net = namedtuple("_Net", "bytes_recv bytes_sent")


def test_real_machine(tmp_path: Path) -> None:
    reader = HostReader(tmp_path)
    look = reader.read()
    assert look.cpu_name
    assert len(look.core_percents) == psutil.cpu_count()
    assert all(0 <= percent <= 100 for percent in look.core_percents)
    assert min(look.core_percents) <= look.cpu_percent <= max(look.core_percents)
    assert 0 < look.memory_used_bytes < look.memory_total_bytes == psutil.virtual_memory().total
    assert look.disks[0].total_bytes >= look.disks[0].free_bytes > 0
    assert look.frequency_mhz is None or look.frequency_mhz > 100


def test_busy_processor_is_seen_at_the_first_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a first interval psutil answers 0.0, which is no reading."""
    asked: list[float | None] = []

    def percents(interval: float | None = None, percpu: bool = False) -> list[float]:
        asked.append(interval)
        return [40.0, 60.0]

    monkeypatch.setattr(psutil, "cpu_percent", percents)
    reader = HostReader(tmp_path)
    assert reader.read().cpu_percent == 50.0
    reader.read()
    assert asked == [0.1, None]


def test_rates_are_per_second_and_never_negative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    disk = [_Io(0, 0)]
    net = [{"lo": _Net(0, 0), "eth0": _Net(0, 0)}]
    monkeypatch.setattr(psutil, "cpu_percent", lambda **_: [0.0])
    monkeypatch.setattr(psutil, "disk_io_counters", lambda: disk[0])
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: net[0])
    monkeypatch.setattr("aienv_gui.hardware.host.reader.time.monotonic", lambda: now[0])
    reader = HostReader(tmp_path)
    reader.read()
    now[0], disk[0], net[0] = 102.0, _Io(4000, 2000), {"lo": _Net(10**9, 10**9), "eth0": _Net(600, 200)}
    look = reader.read()
    assert (look.disk_read_bytes_s, look.disk_written_bytes_s) == (2000.0, 1000.0)
    assert (look.network_received_bytes_s, look.network_sent_bytes_s) == (300.0, 100.0)
    now[0], disk[0], net[0] = 103.0, _Io(0, 0), {}  # a device was unplugged
    look = reader.read()
    assert (look.disk_read_bytes_s, look.network_received_bytes_s) == (0.0, 0.0)


def test_machine_without_disk_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "disk_io_counters", lambda: None)
    assert HostReader(tmp_path).read().disk_read_bytes_s == 0.0


def test_the_disk_of_the_data_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "not" / "made" / "yet"
    (tmp_path / "not").mkdir()
    other = Path(tmp_path.anchor)
    monkeypatch.setattr(
        psutil,
        "disk_partitions",
        lambda **_: [
            _Partition("a", str(other), "ext4", "rw"),
            _Partition("b", str(tmp_path / "not"), "ext4", "rw"),
            _Partition("c", "/snap/core", "squashfs", "ro"),
            _Partition("d", str(tmp_path / "pulled"), "vfat", "rw"),
        ],
    )
    assert disks(data)[0].mount == str(tmp_path / "not")
    assert all(disk.mount not in ("/snap/core", str(tmp_path / "pulled")) for disk in disks(data))


def test_one_device_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()
    monkeypatch.setattr(
        psutil, "disk_partitions", lambda **_: [_Partition("x", str(place), "ext4", "rw") for place in places]
    )
    assert [disk.mount for disk in disks(places[1])] == [str(places[1])]


def test_processor_that_does_not_tell_its_frequency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NotImplementedError

    monkeypatch.setattr(psutil, "cpu_freq", refuse)
    assert HostReader(tmp_path).read().frequency_mhz is None
