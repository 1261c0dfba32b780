"""Snapshots made up for tests that need numbers, not a machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aienv_gui.hardware.readings import (
    Absence,
    ComputeMode,
    Disk,
    Driver,
    DriverState,
    Ecc,
    Gpu,
    Host,
    Link,
    NvLink,
    Snapshot,
    Thresholds,
    Throttle,
    Value,
)

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


def full_gpu(index: int = 0, **changes: Any) -> Gpu:
    """A card of a data centre that tells everything."""
    everything = {
        "uuid": f"GPU-00000000-0000-4000-8000-{index:012}",
        "name": "NVIDIA H100 80GB HBM3",
        "bus": f"0000:{index + 1:02x}:00.0",
        "memory_controller_percent": Value(34.0),
        "encoder_percent": Value(0.0),
        "decoder_percent": Value(3.0),
        "memory_free_bytes": Value(5.7 * GIB),
        "memory_reserved_bytes": Value(0.3 * GIB),
        "memory_temperature_celsius": Value(66.0),
        "thresholds": Thresholds(Value(92.0), Value(95.0), Value(85.0), Value(105.0)),
        "energy_joules": Value(9_000_000.0),
        "memory_clock_max_mhz": Value(10501.0),
        "link": Link(Value(4.0), Value(5.0), Value(16.0), Value(16.0), Value(2.5e9), Value(1.2e8)),
        "nvlinks": tuple(NvLink(number, active=number != 3, version=4) for number in range(18)),
        "ecc": Ecc(enabled=True, corrected=Value(2.0), uncorrected=Value(0.0), repair_pending=False),
        "performance_state": Value(0.0),
        "throttle": frozenset({Throttle.POWER_CAP}),
        "compute_mode": ComputeMode.DEFAULT,
        "persistence": True,
        "mig_enabled": False,
        "compute_capability": (9, 0),
    }
    return gpu(index, **{**everything, **changes})


def snapshot(
    *gpus: Gpu, state: DriverState = DriverState.READY, moment: float = 0.0, detail: str = "", **host: Any
) -> Snapshot:
    """A snapshot with these cards; `host` are changes to `HOST`."""
    nvidia = Driver(state, gpus, "580.65.06", "13.0", detail)
    return Snapshot(1_800_000_000.0 + moment, moment, replace(HOST, **host), nvidia)
