"""Graphics cards of AMD and Intel, seen without their makers' libraries: the kernel names each card's maker."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAKERS: Final = {"0x1002": "amd", "0x8086": "intel"}
# The graphics in Intel's processors. With the kernel's older driver (i915) PyTorch cannot use them.
_IN_PROCESSOR: Final = "0000:00:02.0"


@dataclass(frozen=True, slots=True)
class OtherCard:
    """A card: its maker (``amd``, ``intel``) and whether the kernel lets programs calculate on it."""

    maker: str
    ready: bool


def other_cards(root: Path = Path("/")) -> tuple[OtherCard, ...]:
    """The cards of AMD and Intel that Linux knows; nothing on other systems. Reads a few small files.

    `root` is the system's, or a test's.
    """
    found: list[OtherCard] = []
    for card in sorted((root / "sys/class/drm").glob("card*")):
        if not card.name.removeprefix("card").isdigit():  # card0-HDMI-A-1 is a socket
            continue
        with suppress(OSError):
            maker = _MAKERS.get((card / "device/vendor").read_text().strip())
            if maker == "amd":  # a card that the driver amdgpu can calculate on brings this device
                found.append(OtherCard(maker, (root / "dev/kfd").exists()))
            elif maker == "intel":
                driver = (card / "device/driver").resolve().name
                if driver == "xe" or (card / "device").resolve().name != _IN_PROCESSOR:
                    found.append(OtherCard(maker, driver in ("xe", "i915")))
    return tuple(found)
