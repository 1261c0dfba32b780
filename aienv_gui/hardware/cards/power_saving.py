"""Whether the system has put a card to sleep, told by the kernel's power management: looking does not wake it."""

from __future__ import annotations

from pathlib import Path

from aienv_gui.hardware.cards.sysfs import text


def may_sleep(devices: Path, address: str) -> bool:
    """Whether the system powers a card down when nobody uses it; as it does with the second card of laptops."""
    return bool(address) and text(devices / address / "power/control") == "auto"


def is_asleep(devices: Path, address: str) -> bool:
    """Whether a card is powered down now. One small read."""
    return bool(address) and text(devices / address / "power/runtime_status") == "suspended"


def model_of(proc: Path, address: str) -> tuple[str, str]:
    """The name and UUID of a card as NVIDIA's kernel module keeps them, without waking it; empty where unknown."""
    name = uuid = ""
    for line in text(proc / "driver/nvidia/gpus" / address / "information").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "Model":
            name = value.strip()
        elif key.strip() == "GPU UUID" and "?" not in value:
            uuid = value.strip()
    return name, uuid
