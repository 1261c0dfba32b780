"""What a card is called by the list of PCI devices that most distributions install."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from aienv_gui.hardware.cards.bus import BusCard
from aienv_gui.hardware.readings import Maker

_LISTS: Final = ("usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids")
_MOST_BYTES: Final = 8_000_000  # today's list has 1.5 MB
_SHORT: Final = {Maker.AMD: "AMD", Maker.INTEL: "Intel"}


def name_of(card: BusCard, root: Path = Path("/")) -> str:
    """``AMD Radeon RX 7900 XT/7900 XTX``, or its numbers where nobody here knows its name: ``AMD card 1002:744c``."""
    maker = _SHORT.get(card.maker, "")
    listed = _listed(root, card.ids)
    if not listed:
        return f"{maker} card {card.ids}"
    # "Navi 31 [Radeon RX 7900 XT/7900 XTX]": the chip's name, then the one it is sold under.
    sold = listed.partition("[")[2].rpartition("]")[0] or listed
    return sold if sold.startswith(maker) else f"{maker} {sold}"


@lru_cache(maxsize=32)
def _listed(root: Path, ids: str) -> str:
    vendor, _, device = ids.partition(":")
    for place in _LISTS:
        try:
            with (root / place).open("rb") as stream:
                lines = stream.read(_MOST_BYTES).decode("utf-8", errors="replace").splitlines()
        except OSError:
            continue
        inside = False
        for line in lines:
            if line[:1] not in ("\t", "#", ""):
                inside = line.startswith(f"{vendor}  ")
            elif inside and line.startswith(f"\t{device}  "):
                return line.partition("  ")[2].strip()
    return ""
