"""Whether the system has put a card to sleep, told by the kernel's power management: looking does not wake it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NVIDIA: Final = "0x10de"
_DISPLAY: Final = "0x03"  # the class of graphics cards, with or without a screen


@dataclass(frozen=True, slots=True)
class BusCard:
    """An NVIDIA card on the PCI bus. `may_sleep`: the system powers it down when nobody uses it."""

    address: str
    asleep: bool
    may_sleep: bool


def cards_on_bus(devices: Path) -> tuple[BusCard, ...] | None:
    """NVIDIA's graphics cards, driver or not; None where the system does not say (not Linux)."""
    if not sys.platform.startswith("linux") or not devices.is_dir():
        return None
    found: list[BusCard] = []
    for device in sorted(devices.iterdir()):
        if _read(device / "vendor") == _NVIDIA and _read(device / "class").startswith(_DISPLAY):
            found.append(
                BusCard(device.name, is_asleep(devices, device.name), _read(device / "power/control") == "auto")
            )
    return tuple(found)


def is_asleep(devices: Path, address: str) -> bool:
    """Whether a card is powered down now. One small read."""
    return bool(address) and _read(devices / address / "power/runtime_status") == "suspended"


def model_of(proc: Path, address: str) -> tuple[str, str]:
    """The name and UUID of a card as NVIDIA's kernel module keeps them, without waking it; empty where unknown."""
    name = uuid = ""
    for line in _read(proc / "driver/nvidia/gpus" / address / "information").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "Model":
            name = value.strip()
        elif key.strip() == "GPU UUID" and "?" not in value:
            uuid = value.strip()
    return name, uuid


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
