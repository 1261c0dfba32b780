"""What nvitop reads from each card, as JSON, in our units and with null for what it calls "N/A". Run as a program."""

from __future__ import annotations

import json
from typing import Any

from nvitop import NA, Device  # type: ignore[import-untyped, unused-ignore]


def _number(value: Any, factor: float = 1.0) -> float | None:
    return None if value is NA else float(value) * factor


def _flag(value: Any) -> bool | None:
    return None if value is NA else value == "Enabled"


def _readings(device: Any) -> dict[str, Any]:
    clocks, clocks_max = device.clock_infos(), device.max_clock_infos()
    return {
        "name": device.name(),
        "uuid": device.uuid(),
        "bus": device.bus_id().lower()[4:],
        "utilisation_percent": _number(device.gpu_utilization()),
        "memory_controller_percent": _number(device.memory_utilization()),
        "encoder_percent": _number(device.encoder_utilization()),
        "decoder_percent": _number(device.decoder_utilization()),
        "memory_used_bytes": _number(device.memory_used()),
        "memory_free_bytes": _number(device.memory_free()),
        "memory_total_bytes": _number(device.memory_total()),
        "temperature_celsius": _number(device.temperature()),
        "power_watts": _number(device.power_usage(), 0.001),
        "power_limit_watts": _number(device.power_limit(), 0.001),
        "fan_percent": _number(device.fan_speed()),
        "clock_mhz": _number(clocks.graphics),
        "clock_max_mhz": _number(clocks_max.graphics),
        "memory_clock_mhz": _number(clocks.memory),
        "memory_clock_max_mhz": _number(clocks_max.memory),
        "performance_state": None if device.performance_state() is NA else float(device.performance_state()[1:]),
        "sent_bytes_s": _number(device.pcie_tx_throughput(), 1024),
        "received_bytes_s": _number(device.pcie_rx_throughput(), 1024),
        "uncorrected": _number(device.total_volatile_uncorrected_ecc_errors()),
        "persistence": _flag(device.persistence_mode()),
        "mig_enabled": _flag(device.mig_mode()),
        "mig": [[part.uuid(), float(part.memory_total())] for part in device.mig_devices()],
        "processes": {
            str(pid): [float(process.gpu_memory()), _number(process.gpu_sm_utilization())]
            for pid, process in device.processes().items()
        },
    }


if __name__ == "__main__":
    print(json.dumps([_readings(device) for device in Device.all()]))
