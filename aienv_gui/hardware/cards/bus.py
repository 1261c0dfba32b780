"""Graphics cards, seen without their makers' libraries: the kernel names each card's maker."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aienv_gui.hardware.cards.sysfs import text
from aienv_gui.hardware.readings import Maker

_MAKERS: Final = {"0x10de": Maker.NVIDIA, "0x1002": Maker.AMD, "0x8086": Maker.INTEL}
_GRAPHICS: Final = ("0x03", "0x12")  # PCI's classes: with or without a screen, and for calculating only
# The graphics in Intel's processors. With the kernel's older driver (i915) PyTorch cannot use them.
_IN_PROCESSOR: Final = "0000:00:02.0"


@dataclass(frozen=True, slots=True)
class BusCard:
    """A card in the machine, whether a driver runs it or not.

    `device` is its folder among the PCI devices, `screen` the one that its driver made among the graphics devices.
    """

    maker: Maker
    address: str  # 0000:03:00.0
    ids: str  # "1002:744c", the numbers of its maker and model
    driver: str  # the kernel's: amdgpu, i915, xe; "" without one
    device: Path
    screen: Path | None

    @property
    def calculates(self) -> bool:
        """Whether it is of any use for training, once its driver runs."""
        return self.maker is not Maker.INTEL or self.driver == "xe" or self.address != _IN_PROCESSOR


@dataclass(frozen=True, slots=True)
class OtherCard:
    """A card: its maker (``amd``, ``intel``) and whether the kernel lets programs calculate on it."""

    maker: str
    ready: bool


def cards_on_bus(root: Path = Path("/"), maker: Maker | None = None) -> tuple[BusCard, ...]:
    """The cards of all makers, or of one of them, in the bus's order; nothing on other systems than Linux.

    Reads two small files a device: about a millisecond. `root` is the system's, or a test's.
    """
    devices = root / "sys/bus/pci/devices"
    found: list[BusCard] = []
    for device in sorted(devices.iterdir()) if devices.is_dir() else ():
        vendor = text(device / "vendor")
        made_by = _MAKERS.get(vendor)
        if made_by is None or (maker is not None and made_by is not maker):
            continue
        if text(device / "class").startswith(_GRAPHICS):
            found.append(_card(made_by, vendor, device))
    return tuple(found)


def bus_is_told(root: Path = Path("/")) -> bool:
    """Whether the system says what is plugged in: where not, no card on the bus does not mean that there is none."""
    return sys.platform.startswith("linux") and (root / "sys/bus/pci/devices").is_dir()


def makers_present(root: Path = Path("/")) -> frozenset[Maker]:
    """Whose cards, besides NVIDIA's, are in the machine and of use for training."""
    if sys.platform == "darwin":
        return frozenset({Maker.APPLE})
    return frozenset(card.maker for card in cards_on_bus(root) if card.calculates) - {Maker.NVIDIA}


def other_cards(root: Path = Path("/")) -> tuple[OtherCard, ...]:
    """The cards of AMD and Intel that Linux runs; nothing on other systems. Reads a few small files.

    `root` is the system's, or a test's.
    """
    found: list[OtherCard] = []
    for card in cards_on_bus(root):
        if card.maker is Maker.NVIDIA or card.screen is None or not card.calculates:
            continue
        # A card that the driver amdgpu can calculate on brings a device for that.
        ready = (root / "dev/kfd").exists() if card.maker is Maker.AMD else card.driver in ("xe", "i915")
        found.append(OtherCard(str(card.maker), ready))
    return tuple(found)


def _card(maker: Maker, vendor: str, device: Path) -> BusCard:
    driver = device / "driver"
    # card0 beside renderD128, and card0-HDMI-A-1 inside of it, which is a socket.
    screens = sorted((device / "drm").glob("card*"))
    return BusCard(
        maker=maker,
        address=device.name,
        ids=f"{vendor.removeprefix('0x')}:{text(device / 'device').removeprefix('0x')}",
        driver=driver.resolve().name if driver.exists() else "",
        device=device,
        screen=screens[0] if screens else None,
    )
