"""Our readings beside those of nvitop and gpustat, from the same driver library, field by field."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.processes import clean_environment
from aienv_gui.hardware.cards.wire import from_line
from aienv_gui.hardware.readings import Absence, Gpu, Value
from tests.fakes import nvml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
_OURS = """
from aienv_gui.hardware.cards.nvidia import NvidiaReader
from aienv_gui.hardware.cards.wire import to_line
reader = NvidiaReader()
for _ in range(64):  # the rates over the bus come in turn
    driver = reader.read()
print(to_line(driver).decode())
"""
_KINDS = "desktop|laptop|datacentre|mig|vgpu|desktop"


def _answer(environment: Mapping[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def _machine(driver: Path, **settings: object) -> dict[str, str]:
    processes = f"0:{os.getpid()}:500:35,0:{os.getppid()}:100:-1"
    environment = nvml.environment(driver, still=1, processes=processes, **settings)  # type: ignore[arg-type]
    return clean_environment(environment) | {"PYTHONPATH": str(ROOT)}


def _ours(environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    return from_line(_answer(environment, "-c", _OURS)).gpus


def _number(value: Value | bool | Absence) -> float | bool | None:
    if isinstance(value, Value):
        return value.number
    return None if isinstance(value, Absence) else value


def _as_nvitop(gpu: Gpu) -> dict[str, Any]:
    plain = (
        *("utilisation_percent", "memory_controller_percent", "encoder_percent", "decoder_percent"),
        *("memory_used_bytes", "memory_free_bytes", "memory_total_bytes", "temperature_celsius"),
        *("power_watts", "power_limit_watts", "fan_percent", "clock_mhz", "clock_max_mhz", "memory_clock_mhz"),
        *("memory_clock_max_mhz", "performance_state", "persistence", "mig_enabled"),
    )
    return {
        "name": gpu.name,
        "uuid": gpu.uuid,
        "bus": gpu.bus,
        **{name: _number(getattr(gpu, name)) for name in plain},
        "sent_bytes_s": gpu.link.sent_bytes_s.number,
        "received_bytes_s": gpu.link.received_bytes_s.number,
        "uncorrected": gpu.ecc.uncorrected.number,
        "mig": [[part.uuid, part.memory_total_bytes.number] for part in gpu.mig],
        "processes": {
            str(process.pid): [process.memory_bytes.number, process.utilisation_percent.number]
            for process in gpu.processes
        },
    }


@pytest.mark.parametrize(("cards", "kind"), [(1, "desktop"), (8, _KINDS), (16, _KINDS)])
def test_agrees_with_nvitop(driver: Path, cards: int, kind: str) -> None:
    environment = _machine(driver, cards=cards, kind=kind)
    theirs = json.loads(_answer(environment, str(ROOT / "tests/fakes/nvitop_readings.py")))
    ours = [_as_nvitop(gpu) for gpu in _ours(environment)]
    assert len(ours) == cards
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == {
            name: pytest.approx(value) if isinstance(value, float) else value for name, value in other.items()
        }


@pytest.mark.parametrize("cards", [1, 8, 16])
def test_agrees_with_gpustat(driver: Path, cards: int) -> None:
    environment = _machine(driver, cards=cards, kind=_KINDS)
    theirs = json.loads(_answer(environment, "-m", "gpustat", "--json"))["gpus"]
    ours = _ours(environment)
    assert len(ours) == cards
    for gpu, other in zip(ours, theirs, strict=True):
        mib = 1024**2
        assert (gpu.index, gpu.uuid, gpu.name) == (other["index"], other["uuid"], other["name"])
        assert gpu.temperature_celsius.number == other["temperature.gpu"]
        assert gpu.fan_percent.number == other["fan.speed"]
        assert gpu.utilisation_percent.number == other["utilization.gpu"]
        assert gpu.encoder_percent.number == other["utilization.enc"]
        assert gpu.decoder_percent.number == other["utilization.dec"]
        assert gpu.power_watts.number == other["power.draw"]
        assert gpu.power_limit_watts.number == other["enforced.power.limit"]
        assert (gpu.memory_used_bytes.number or 0) // mib == other["memory.used"]
        assert (gpu.memory_total_bytes.number or 0) // mib == other["memory.total"]
        theirs_by_pid = {process["pid"]: process for process in other["processes"]}
        assert {process.pid for process in gpu.processes} == set(theirs_by_pid)
        for process in gpu.processes:
            twin = theirs_by_pid[process.pid]
            assert (process.memory_bytes.number or 0) // mib == twin["gpu_memory_usage"]
            assert process.user == twin["username"]
            assert list(process.command) == twin["full_command"]
