"""Cards on the PCI bus of a made-up system, as Linux shows them in its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def plug_in(
    root: Path,
    address: str,
    *,
    vendor: str = "0x1002",
    model: str = "0x744c",
    kind: str = "0x030000",
    driver: str = "amdgpu",
    files: Mapping[str, str] | None = None,
) -> Path:
    """Add a card and return its folder. `files` are more of its files by name; without a `driver` it has no screen.

    ``files={"hwmon/hwmon3/temp1_input": "45000"}`` makes a sensor, ``{"drm/card1/gt_act_freq_mhz": "1500"}`` a clock.
    """
    device = root / "sys/devices/pci0000:00" / address
    texts = {"vendor": vendor, "device": model, "class": kind, **(files or {})}
    for name, text in texts.items():
        (device / name).parent.mkdir(parents=True, exist_ok=True)
        (device / name).write_text(f"{text}\n")
    if driver:
        module = root / "sys/bus/pci/drivers" / driver
        module.mkdir(parents=True, exist_ok=True)
        (device / "driver").symlink_to(module)
        (device / "drm/renderD128").mkdir(parents=True)
        if not list((device / "drm").glob("card*")):
            (device / "drm/card0/card0-HDMI-A-1").mkdir(parents=True)
    devices = root / "sys/bus/pci/devices"
    devices.mkdir(parents=True, exist_ok=True)
    (devices / address).symlink_to(device)
    return device


def pull_out(root: Path, address: str) -> None:
    """Take a card away."""
    (root / "sys/bus/pci/devices" / address).unlink()
