"""Snapshots made up for tests that need numbers, not a machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aienv_gui.hardware.readings import Absence, Disk, Driver, DriverState, Gpu, Host, Snapshot, Value

GIB = 1024**3
ABSENT = Value(absence=Absence.NOT_SUPPORTED)

HOST = Host(
    cpu_name="Test CPU",
    cpu_percent=25.0,
    core_percents=(20.0, 30.0),
    frequency_mhz=2500.0,
    memory_used_bytes=8 * GIB,
    memory_total_bytes=32 * GIB,
    swap_used_bytes=0,
    swap_total_bytes=0,
    disks=(Disk("/", 80 * 10**9, 120 * 10**9, 200 * 10**9),),
    disk_read_bytes_s=0.0,
    disk_written_bytes_s=0.0,
    network_received_bytes_s=0.0,
    network_sent_bytes_s=0.0,
)


def gpu(index: int = 0, **changes: Any) -> Gpu:
    """A card of 12 GB, half used, at 60 degrees."""
    card = Gpu(
        index=index,
        uuid=f"GPU-{index}",
        name="NVIDIA GeForce RTX 4070",
        lost=False,
        utilisation_percent=Value(50.0),
        memory_used_bytes=Value(6.0 * GIB),
        memory_total_bytes=Value(12.0 * GIB),
        temperature_celsius=Value(60.0),
        power_watts=Value(120.0),
        power_limit_watts=Value(200.0),
        clock_mhz=Value(2000.0),
        clock_max_mhz=Value(3000.0),
        memory_clock_mhz=Value(10501.0),
        fan_percent=ABSENT,
        processes=(),
    )
    return replace(card, **changes)


def snapshot(
    *gpus: Gpu, state: DriverState = DriverState.READY, moment: float = 0.0, detail: str = "", **host: Any
) -> Snapshot:
    """A snapshot with these cards; `host` are changes to `HOST`."""
    nvidia = Driver(state, gpus, "580.65.06", "13.0", detail)
    return Snapshot(1_800_000_000.0 + moment, moment, replace(HOST, **host), nvidia)
