"""Readings as lines of JSON, to cross from the monitor's process to ours."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from aienv_gui.hardware.readings import Absence, Gpu, GpuProcess, Nvidia, NvidiaState, Value

_VALUES = (
    "utilisation_percent",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_celsius",
    "power_watts",
    "power_limit_watts",
    "clock_mhz",
    "clock_max_mhz",
    "memory_clock_mhz",
    "fan_percent",
)


def to_line(nvidia: Nvidia) -> str:
    """A look at the cards as one line."""
    return json.dumps(asdict(nvidia))


def from_line(line: str | bytes) -> Nvidia:
    """The inverse of `to_line`. Raises ValueError, KeyError or TypeError for anything else."""
    data = json.loads(line)
    return Nvidia(
        state=NvidiaState(data["state"]),
        gpus=tuple(_gpu(gpu) for gpu in data["gpus"]),
        driver_version=data["driver_version"],
        cuda_version=data["cuda_version"],
        detail=data["detail"],
    )


def _value(data: dict[str, Any]) -> Value:
    return Value(data["number"], Absence(data["absence"]) if data["absence"] else None)


def _gpu(data: dict[str, Any]) -> Gpu:
    absence, capability = data["processes_absence"], data["compute_capability"]
    return Gpu(
        index=data["index"],
        uuid=data["uuid"],
        name=data["name"],
        lost=data["lost"],
        processes=tuple(
            GpuProcess(p["pid"], p["name"], p["user"], _value(p["memory_bytes"]), p["kind"]) for p in data["processes"]
        ),
        processes_absence=Absence(absence) if absence else None,
        compute_capability=(capability[0], capability[1]) if capability else None,
        **{name: _value(data[name]) for name in _VALUES},
    )
