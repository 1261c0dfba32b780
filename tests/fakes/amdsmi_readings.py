"""What the package amdsmi itself answers for each card, as JSON: for comparison with ours. Run in a process of its own.

Nothing of the application is imported here; units are converted as AMD's own program (amd-smi) does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import amdsmi

_TEMPERATURES = amdsmi.AmdSmiTemperatureType
_METRICS = amdsmi.AmdSmiTemperatureMetric
_GENERATIONS = {2500: 1, 5000: 2, 8000: 3, 16000: 4, 32000: 5, 64000: 6}


def _answer(function: Callable[..., Any], *arguments: Any, key: str = "", times: float = 1.0) -> Any:
    try:
        answer = function(*arguments)
    except amdsmi.AmdSmiLibraryException:
        return None
    answer = answer[key] if key else answer
    return None if answer == "N/A" else answer * times if times != 1.0 else answer


def _card(handle: Any) -> dict[str, Any]:
    celsius = amdsmi.amdsmi_get_temp_metric
    edge = _answer(celsius, handle, _TEMPERATURES.EDGE, _METRICS.CURRENT)
    hotspot = _answer(celsius, handle, _TEMPERATURES.HOTSPOT, _METRICS.CURRENT)
    shown = _TEMPERATURES.HOTSPOT if edge is None else _TEMPERATURES.EDGE
    power = amdsmi.amdsmi_get_power_info
    energy = _answer(amdsmi.amdsmi_get_energy_count, handle)
    fan, fan_most = (
        _answer(amdsmi.amdsmi_get_gpu_fan_speed, handle, 0),
        _answer(amdsmi.amdsmi_get_gpu_fan_speed_max, handle, 0),
    )
    pcie = amdsmi.amdsmi_get_pcie_info(handle)
    gfx, memory = amdsmi.AmdSmiClkType.GFX, amdsmi.AmdSmiClkType.MEM
    media = _answer(amdsmi.amdsmi_get_gpu_activity, handle, key="mm_activity")
    now = _answer(power, handle, key="current_socket_power")
    level = _answer(amdsmi.amdsmi_get_gpu_perf_level, handle) or ""
    blocks = _answer(amdsmi.amdsmi_get_gpu_ecc_enabled, handle)
    return {
        "name": _answer(amdsmi.amdsmi_get_gpu_asic_info, handle, key="market_name"),
        "uuid": _answer(amdsmi.amdsmi_get_gpu_device_uuid, handle),
        "bus": _answer(amdsmi.amdsmi_get_gpu_device_bdf, handle),
        "utilisation_percent": _answer(amdsmi.amdsmi_get_gpu_activity, handle, key="gfx_activity"),
        "memory_controller_percent": _answer(amdsmi.amdsmi_get_gpu_activity, handle, key="umc_activity"),
        "encoder_percent": media,
        "decoder_percent": media,
        "memory_used_bytes": _answer(amdsmi.amdsmi_get_gpu_vram_usage, handle, key="vram_used", times=1024**2),
        "memory_total_bytes": _answer(amdsmi.amdsmi_get_gpu_vram_usage, handle, key="vram_total", times=1024**2),
        "temperature_celsius": hotspot if edge is None else edge,
        "hotspot_celsius": hotspot,
        "memory_temperature_celsius": _answer(celsius, handle, _TEMPERATURES.VRAM, _METRICS.CURRENT),
        "slowdown": _answer(celsius, handle, shown, _METRICS.CRITICAL),
        "shutdown": _answer(celsius, handle, shown, _METRICS.EMERGENCY),
        "memory_limit": _answer(celsius, handle, _TEMPERATURES.VRAM, _METRICS.CRITICAL),
        "power_watts": _answer(power, handle, key="average_socket_power") if now is None else now,
        "power_limit_watts": _answer(amdsmi.amdsmi_get_power_cap_info, handle, key="power_cap", times=1e-6),
        "energy_joules": energy and energy["energy_accumulator"] * energy["counter_resolution"] / 1e6,
        "clock_mhz": _answer(amdsmi.amdsmi_get_clock_info, handle, gfx, key="clk"),
        "clock_max_mhz": _answer(amdsmi.amdsmi_get_clock_info, handle, gfx, key="max_clk"),
        "memory_clock_mhz": _answer(amdsmi.amdsmi_get_clock_info, handle, memory, key="clk"),
        "memory_clock_max_mhz": _answer(amdsmi.amdsmi_get_clock_info, handle, memory, key="max_clk"),
        "fan_percent": None if fan is None or fan_most is None else fan / fan_most * 100,
        "generation": _GENERATIONS[pcie["pcie_metric"]["pcie_speed"]],
        "generation_max": pcie["pcie_static"]["pcie_interface_version"],
        "width": pcie["pcie_metric"]["pcie_width"],
        "width_max": pcie["pcie_static"]["max_pcie_width"],
        "sent": _answer(amdsmi.amdsmi_get_gpu_pci_throughput, handle, key="sent"),
        "received": _answer(amdsmi.amdsmi_get_gpu_pci_throughput, handle, key="received"),
        "ecc": None if blocks is None else bool(blocks & amdsmi.AmdSmiGpuBlock.UMC),
        "corrected": _answer(amdsmi.amdsmi_get_gpu_total_ecc_count, handle, key="correctable_count"),
        "uncorrected": _answer(amdsmi.amdsmi_get_gpu_total_ecc_count, handle, key="uncorrectable_count"),
        "performance_level": level.removeprefix("AMDSMI_DEV_PERF_LEVEL_").lower(),
        "partition": _answer(amdsmi.amdsmi_get_gpu_compute_partition, handle) or "",
        "processes": {
            str(process["pid"]): process["memory_usage"]["vram_mem"]
            for process in _answer(amdsmi.amdsmi_get_gpu_process_list, handle) or ()
        },
        # The package tells only whether there is a reason.
        "throttled": _answer(amdsmi.amdsmi_get_gpu_metrics_info, handle, key="indep_throttle_status"),
    }


def main() -> None:
    amdsmi.amdsmi_init()
    driver = amdsmi.amdsmi_get_processor_handles()
    version = amdsmi.amdsmi_get_gpu_driver_info(driver[0])["driver_version"] if driver else ""
    print(json.dumps({"version": version, "cards": [_card(handle) for handle in driver]}))


if __name__ == "__main__":
    main()
