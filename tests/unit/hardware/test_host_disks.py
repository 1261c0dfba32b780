"""The disks: which ones, in which order, what they do, and one that does not answer."""

from __future__ import annotations

import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aienv_gui.hardware.host import disks
from aienv_gui.hardware.host.disks import DiskWatch
from aienv_gui.hardware.readings import Disk, Value

_Partition = namedtuple("_Partition", "device mountpoint fstype opts")
_Io = namedtuple("_Io", "read_bytes write_bytes busy_time")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def seen(folder: Path, clock: Clock | None = None) -> tuple[Disk, ...]:
    watch = DiskWatch(folder, clock or Clock())
    watch.refresh()
    return watch.read()[0]


def test_the_disk_of_the_data_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "not" / "made" / "yet"
    (tmp_path / "not").mkdir()
    partitions = [
        _Partition("a", tmp_path.anchor, "ext4", "rw"),
        _Partition("b", str(tmp_path / "not"), "ext4", "rw"),
        _Partition("c", "/snap/core", "squashfs", "ro"),
        _Partition("d", str(tmp_path / "pulled"), "vfat", "rw"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: partitions)
    found = [disk.mount for disk in seen(data)]
    assert found[0] == str(tmp_path / "not")
    assert not {"/snap/core", str(tmp_path / "pulled")} & set(found)


def test_one_device_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()
    partitions = [_Partition("x", str(place), "ext4", "rw") for place in places]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: partitions)
    assert [disk.mount for disk in seen(places[1])] == [str(places[1])]


def test_each_disk_has_the_figures_of_its_own_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also behind a link, as the names of logical volumes are."""
    device = tmp_path / "dm-3"
    device.touch()
    link = tmp_path / "vg-root"
    link.symlink_to(device)
    counters: list[dict[str, Any]] = [{"dm-3": _Io(0, 0, 0), "nvme0n1": _Io(0, 0, 0), "nvme0n1p2": _Io(0, 0, 0)}]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [_Partition(str(link), str(tmp_path), "ext4", "rw")])
    monkeypatch.setattr(psutil, "disk_io_counters", lambda **_: counters[0])
    monkeypatch.setattr("sys.platform", "linux")
    clock = Clock()
    watch = DiskWatch(tmp_path, clock)
    watch.refresh()
    watch.read()
    clock.now += 2.0
    counters[0] = {"dm-3": _Io(1000, 400, 1500), "nvme0n1": _Io(3000, 800, 0), "nvme0n1p2": _Io(3000, 800, 0)}
    (disk,), read, written = watch.read()
    assert (disk.read_bytes_s, disk.written_bytes_s, disk.busy_percent) == (Value(500.0), Value(200.0), Value(75.0))
    assert (read, written) == (1500.0, 400.0)  # the volume lies on the disk, which is counted once


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        *((name, True) for name in ("sda", "vda", "nvme0n1", "mmcblk0")),
        *((name, False) for name in ("sda1", "vda3", "nvme0n1p1", "mmcblk0p2", "dm-0", "loop4", "md127", "zram0")),
    ],
)
def test_which_counters_are_whole_disks(name: str, whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert disks._is_whole(name) is whole


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk at tmp_path/dead that answers when the event is set, and not before."""
    dead = tmp_path / "dead"
    dead.mkdir()
    go_on = threading.Event()
    real = psutil.disk_usage

    def usage(path: str) -> Any:
        if path == str(dead) and not go_on.wait(60):
            raise TimeoutError
        return real(path)

    partitions = [_Partition("a", tmp_path.anchor, "ext4", "rw"), _Partition("b", str(dead), "nfs4", "rw")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: partitions)
    monkeypatch.setattr(psutil, "disk_usage", usage)
    go_on.set()
    yield go_on
    go_on.set()


def test_disk_that_does_not_answer_is_told_and_nobody_waits_for_it(tmp_path: Path, stuck: threading.Event) -> None:
    clock = Clock()
    watch = DiskWatch(tmp_path / "dead", clock)
    watch.refresh()
    before = watch.read()[0]
    assert before[0].answers
    stuck.clear()
    watch.refresh()
    assert watch.read()[0][0].answers  # it may still come
    clock.now += 10.0
    deadline = time.monotonic() + 60
    while (lost := watch.read()[0][0]).answers and time.monotonic() < deadline:
        time.sleep(0.01)  # until the thread has come to it
    assert not lost.answers
    assert lost.total_bytes == before[0].total_bytes  # as last known
    asking = [thread for thread in threading.enumerate() if thread.name == "disks"]
    for _ in range(5):
        watch.refresh()
    assert [thread for thread in threading.enumerate() if thread.name == "disks"] == asking
    assert len(asking) == 1
    stuck.set()
    asking[0].join(60)
    assert watch.read()[0][0].answers
