"""The machine without its cards, at one moment: about a millisecond a look.

What changes slowly is asked every few looks, and never all of it in the same one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from aienv_gui.hardware.host.container import ContainerReader
from aienv_gui.hardware.host.disks import DiskWatch
from aienv_gui.hardware.host.networks import NetworkWatch
from aienv_gui.hardware.host.own_cost import OwnCostReader
from aienv_gui.hardware.host.pressure import read_pressure
from aienv_gui.hardware.host.processor import cpu_name, frequency_mhz
from aienv_gui.hardware.host.temperature import CpuThermometer
from aienv_gui.hardware.readings import Battery, Container, Host, OwnCost

_FIRST_LOOK_S: Final = 0.1
_ROUND: Final = 10  # looks, between two of the same slow question


class HostReader:
    """Remembers the counters of the look before, for rates. Used from one thread.

    `data_folder` is where the application keeps its things: its disk is always the first of `Host.disks`. `root` and
    `environment` are the system's, or a test's; `clock` is a steady one in seconds.
    """

    def __init__(
        self,
        data_folder: Path,
        *,
        root: Path = Path("/"),
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._environment = environment
        self._clock = clock
        self._looks = 0
        self._before_at = 0.0
        self._disks = DiskWatch(data_folder, clock)
        self._networks = NetworkWatch()
        self._own = OwnCostReader()
        self._swapped = 0
        self._cpu_name = ""
        self._thermometer: CpuThermometer | None = None
        self._container_reader: ContainerReader | None = None
        self._frequency: float | None = None
        self._battery: Battery | None = None
        self._container: Container | None = None
        self._cost: OwnCost | None = None

    def read(self, children: Sequence[int] = ()) -> Host:
        """Look once; `children` are the processes of ours that count as our own cost.

        The first look takes 0.1 s, since a load is a difference of two moments.
        """
        first = self._looks == 0
        if first:
            self._cpu_name = cpu_name()
            self._thermometer = CpuThermometer(self._root)
            self._container_reader = ContainerReader(self._root, self._environment)
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        self._read_slow(children, memory.total)
        if first:  # the counters that rates are differences to
            self._before_at, self._swapped = self._clock(), swap.sin + swap.sout
            self._disks.read()
            self._networks.read(1.0)
        cores = psutil.cpu_percent(interval=_FIRST_LOOK_S if first else None, percpu=True)
        now = self._clock()
        seconds = max(now - self._before_at, 1e-3)
        disks, disk_read, disk_written = self._disks.read()
        networks = self._networks.read(seconds)
        swapped = max(0, swap.sin + swap.sout - self._swapped) / seconds
        self._before_at, self._swapped = now, swap.sin + swap.sout
        self._looks += 1
        assert self._thermometer is not None
        return Host(
            cpu_name=self._cpu_name,
            cpu_percent=sum(cores) / len(cores) if cores else 0.0,
            core_percents=tuple(cores),
            frequency_mhz=self._frequency,
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            swap_used_bytes=swap.used,
            swap_total_bytes=swap.total,
            disks=disks,
            disk_read_bytes_s=disk_read,
            disk_written_bytes_s=disk_written,
            network_received_bytes_s=sum(one.received_bytes_s for one in networks),
            network_sent_bytes_s=sum(one.sent_bytes_s for one in networks),
            cpu_celsius=self._thermometer.read(),
            load_average=_load_average(),
            swapped_bytes_s=swapped,
            pressure=read_pressure(self._root),
            networks=networks,
            battery=self._battery,
            container=self._container,
            own=self._cost,
        )

    def _read_slow(self, children: Sequence[int], memory_total: int) -> None:
        turn, first = self._looks % _ROUND, self._looks == 0
        if first or turn == 1:
            self._disks.refresh()
        if first or turn == 2:
            self._networks.refresh()
        if first or turn in (3, 8):
            self._frequency = frequency_mhz()
        if first or turn == 4:
            self._battery = _battery()
        if first or turn in (5, 9):
            assert self._container_reader is not None
            self._container = self._container_reader.read(memory_total, psutil.cpu_count() or 1)
        if turn % 3 == 0:
            self._cost = self._own.read(children, self._clock()) or self._cost


def _load_average() -> tuple[float, float, float] | None:
    return os.getloadavg() if hasattr(os, "getloadavg") else None


def _battery() -> Battery | None:
    with contextlib.suppress(AttributeError, OSError, RuntimeError):  # not on every system
        found = psutil.sensors_battery()
        if found is not None:
            left = found.secsleft if found.secsleft and found.secsleft > 0 else None
            return Battery(found.percent, bool(found.power_plugged), None if found.power_plugged else left)
    return None
