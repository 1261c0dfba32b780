"""The machine without its cards, through psutil: about a millisecond a look."""

from __future__ import annotations

import contextlib
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from aienv_gui.hardware.readings import Disk, Host

_FIRST_LOOK_S: Final = 0.1
_DISKS_EVERY_S: Final = 10.0
_FREQUENCY_EVERY_S: Final = 5.0
_SMALL_DISK_BYTES: Final = 2_000_000_000  # boot and firmware partitions say nothing to anybody
_NOT_DISKS: Final = ("squashfs", "iso9660", "udf", "erofs", "tmpfs", "devtmpfs", "overlay")


@dataclass(frozen=True, slots=True)
class _Counters:
    moment: float
    disk_read: int
    disk_written: int
    received: int
    sent: int


class HostReader:
    """Remembers the counters of the look before, for rates. Used from one thread.

    `data_folder` is where the application keeps its things: its disk is always the first of `Host.disks`.
    """

    def __init__(self, data_folder: Path) -> None:
        self._data_folder = data_folder
        self._cpu_name = ""
        self._before: _Counters | None = None
        self._disks: tuple[Disk, ...] = ()
        self._disks_at = -1e9
        self._frequency: float | None = None
        self._frequency_at = -1e9

    def read(self) -> Host:
        """Look once. The first look takes 0.1 s, since a load is a difference of two moments."""
        if self._before is None:
            self._cpu_name = cpu_name()
            self._before = _counters()
            cores = psutil.cpu_percent(interval=_FIRST_LOOK_S, percpu=True)
        else:
            cores = psutil.cpu_percent(percpu=True)
        before, after = self._before, _counters()
        self._before = after
        seconds = max(after.moment - before.moment, 1e-3)
        if after.moment - self._disks_at >= _DISKS_EVERY_S:
            self._disks_at = after.moment
            self._disks = disks(self._data_folder)
        if after.moment - self._frequency_at >= _FREQUENCY_EVERY_S:
            self._frequency_at = after.moment
            self._frequency = _frequency_mhz()
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return Host(
            cpu_name=self._cpu_name,
            cpu_percent=sum(cores) / len(cores) if cores else 0.0,
            core_percents=tuple(cores),
            frequency_mhz=self._frequency,
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            swap_used_bytes=swap.used,
            swap_total_bytes=swap.total,
            disks=self._disks,
            disk_read_bytes_s=_rate(before.disk_read, after.disk_read, seconds),
            disk_written_bytes_s=_rate(before.disk_written, after.disk_written, seconds),
            network_received_bytes_s=_rate(before.received, after.received, seconds),
            network_sent_bytes_s=_rate(before.sent, after.sent, seconds),
        )


def _rate(before: int, after: int, seconds: float) -> float:
    return max(0, after - before) / seconds  # a counter goes back when a device is unplugged


def _counters() -> _Counters:
    disk = psutil.disk_io_counters()
    cards = psutil.net_io_counters(pernic=True)
    real = [counters for name, counters in cards.items() if not _is_loopback(name)]
    return _Counters(
        time.monotonic(),
        disk.read_bytes if disk is not None else 0,
        disk.write_bytes if disk is not None else 0,
        sum(counters.bytes_recv for counters in real),
        sum(counters.bytes_sent for counters in real),
    )


def _is_loopback(name: str) -> bool:
    return name in ("lo", "lo0") or "loopback" in name.lower()


def _frequency_mhz() -> float | None:
    # Virtual machines and some ARM systems do not say.
    with contextlib.suppress(OSError, NotImplementedError, RuntimeError, AttributeError):
        frequency = psutil.cpu_freq()
        if frequency is not None and frequency.current > 0:
            return float(frequency.current)
    return None


def disks(data_folder: Path) -> tuple[Disk, ...]:
    """The disk of `data_folder` first, then the other local ones; network drives are left out, since they may hang."""
    folder = data_folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    mounts = [
        Path(partition.mountpoint)
        for partition in psutil.disk_partitions(all=False)
        if partition.fstype.lower() not in _NOT_DISKS and "cdrom" not in partition.opts
    ]
    home = max(
        (mount for mount in mounts if folder.is_relative_to(mount)),
        key=lambda mount: len(mount.parts),
        default=Path(folder.anchor),
    )
    found: dict[int, Disk] = {}
    for mount in [home, *mounts]:
        with contextlib.suppress(OSError):  # an empty card reader, a disk just pulled
            device = mount.stat().st_dev
            usage = psutil.disk_usage(str(mount))
            if mount.is_dir() and device not in found and (mount == home or usage.total >= _SMALL_DISK_BYTES):
                # Free is what the user can write, without the part reserved for the system.
                found[device] = Disk(str(mount), usage.used, usage.free, usage.total)
    return tuple(found.values())


def cpu_name() -> str:
    """The processor's name as its maker writes it, or what the system knows."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition(":")
                if key.strip() in ("model name", "Model", "cpu model") and value.strip():
                    return " ".join(value.split())
    elif sys.platform == "win32":
        import winreg

        with contextlib.suppress(OSError):
            place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return " ".join(str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).split())
    return platform.processor() or platform.machine()
