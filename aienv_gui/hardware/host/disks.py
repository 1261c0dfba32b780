"""The local disks: how full they are, and what each reads and writes.

A disk may not answer (a dead network drive, a cable pulled out): it is asked in a thread of its own, and a second one
is not started while the first one waits.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psutil

from aienv_gui.hardware.readings import UNSUPPORTED, Absence, Disk, Value

_SMALL_DISK_BYTES: Final = 2_000_000_000  # boot and firmware partitions say nothing to anybody
_NOT_DISKS: Final = ("squashfs", "iso9660", "udf", "erofs", "tmpfs", "devtmpfs", "overlay")
_PATIENCE_S: Final = 4.0
_FIRST_WAIT_S: Final = 0.5
_LAYERS: Final = ("loop", "ram", "zram", "dm-", "md")  # they lie on disks that are counted already


@dataclass(frozen=True, slots=True)
class Counters:
    """What a disk has done since the system started. `busy_ms`: None where the system does not tell."""

    read: int
    written: int
    busy_ms: int | None


class DiskWatch:
    """Used from one thread. `data_folder` decides which disk comes first."""

    def __init__(self, data_folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._data_folder = data_folder
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._asked_at = 0.0
        self._asking = ""  # the mount whose answer is waited for
        self._disks: tuple[Disk, ...] = ()
        self._devices: dict[str, str] = {}  # mount -> the name of its device among the counters
        self._before: dict[str, Counters] = {}
        self._before_at = 0.0

    def refresh(self) -> None:
        """Ask all disks again, without waiting for them; the first time for half a second."""
        if self._thread is not None and self._thread.is_alive():
            return
        first = self._thread is None
        self._asked_at = self._clock()
        self._thread = threading.Thread(target=self._ask, name="disks", daemon=True)
        self._thread.start()
        if first:
            self._thread.join(_FIRST_WAIT_S)

    def read(self) -> tuple[tuple[Disk, ...], float, float]:
        """The disks with what they do since the call before, and the bytes a second that all read and write."""
        now = self._clock()
        counters = counters_by_device()
        before, seconds = self._before, max(now - self._before_at, 1e-3)
        waiting = self._thread is not None and self._thread.is_alive() and now - self._asked_at > _PATIENCE_S
        disks = tuple(
            replace(
                _with_rates(disk, before.get(name), counters.get(name), seconds),
                answers=not (waiting and disk.mount == self._asking),
            )
            for disk in self._disks
            for name in (self._devices.get(disk.mount, ""),)
        )
        whole = [(before[name], counters[name]) for name in counters if name in before and _is_whole(name)]
        read = sum(max(0, after.read - past.read) for past, after in whole) / seconds
        written = sum(max(0, after.written - past.written) for past, after in whole) / seconds
        self._before, self._before_at = counters, now
        return disks, read, written

    def _ask(self) -> None:
        mounts, devices = _mounts(self._data_folder)
        found: dict[int, Disk] = {}
        for mount in mounts:
            self._asking = str(mount)
            with contextlib.suppress(OSError):  # an empty card reader, a disk just pulled
                device = mount.stat().st_dev
                usage = psutil.disk_usage(str(mount))
                large = mount == mounts[0] or usage.total >= _SMALL_DISK_BYTES
                if mount.is_dir() and device not in found and large:
                    # Free is what the user can write, without the part reserved for the system.
                    found[device] = Disk(str(mount), usage.used, usage.free, usage.total)
        self._asking = ""
        self._devices = {str(mount): devices.get(mount, "") for mount in mounts}
        self._disks = tuple(found.values())


def _mounts(data_folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """Where local disks are mounted, the one of the data first, and the devices' names among the counters."""
    folder = data_folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    devices = {
        Path(partition.mountpoint): _device_name(partition.device)
        for partition in psutil.disk_partitions(all=False)
        if partition.fstype.lower() not in _NOT_DISKS and "cdrom" not in partition.opts
    }
    home = max(
        (mount for mount in devices if folder.is_relative_to(mount)),
        key=lambda mount: len(mount.parts),
        default=Path(folder.anchor),
    )
    return [home, *(mount for mount in devices if mount != home)], devices


def _device_name(device: str) -> str:
    """``/dev/mapper/vg-root`` is a link to ``../dm-0``, which is what the counters call it."""
    with contextlib.suppress(OSError):
        return Path(device).resolve().name
    return ""


def counters_by_device() -> dict[str, Counters]:
    """By the names of disks and their partitions; empty where the system keeps none."""
    found: dict[str, Any] = psutil.disk_io_counters(perdisk=True) or {}
    return {
        name: Counters(one.read_bytes, one.write_bytes, getattr(one, "busy_time", None)) for name, one in found.items()
    }


def _is_whole(name: str) -> bool:
    """Whether a device of the counters is a disk: not a part of one, and not a layer upon one."""
    if not sys.platform.startswith("linux"):
        return True  # only whole disks are counted there
    return not name.startswith(_LAYERS) and not _is_partition(name)


def _is_partition(name: str) -> bool:
    # sda1, nvme0n1p2, mmcblk0p1; the disks are sda, nvme0n1, mmcblk0.
    if name.startswith(("nvme", "mmcblk")):
        return "p" in name.removeprefix("nvme").removeprefix("mmcblk")
    return name[-1:].isdigit()


def _with_rates(disk: Disk, before: Counters | None, after: Counters | None, seconds: float) -> Disk:
    if before is None or after is None:
        return disk
    busy = UNSUPPORTED
    if before.busy_ms is not None and after.busy_ms is not None:
        share = (after.busy_ms - before.busy_ms) / (10 * seconds)
        busy = Value(min(share, 100.0)) if share >= 0 else Value(absence=Absence.FAILED)  # counted anew
    return replace(
        disk,
        read_bytes_s=Value(max(0, after.read - before.read) / seconds),
        written_bytes_s=Value(max(0, after.written - before.written) / seconds),
        busy_percent=busy,
    )
