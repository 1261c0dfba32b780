"""How a card is connected, by the kernel's PCI files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aienv_gui.hardware.cards.sysfs import number, text
from aienv_gui.hardware.readings import Absence, Link, Value

_GENERATIONS: Final = {"2.5": 1, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}  # GT/s of a lane
_MOST_LANES: Final = 32


def read_link(device: Path, *, silent: Absence) -> Link:
    """Generation and lanes, now and at most; `silent` is the reason for what is not told."""
    none = Value(absence=silent)
    return Link(
        generation=_generation(device / "current_link_speed", none),
        generation_max=_generation(device / "max_link_speed", none),
        width=number(device / "current_link_width", silent=silent, most=_MOST_LANES),
        width_max=number(device / "max_link_width", silent=silent, most=_MOST_LANES),
        received_bytes_s=none,
        sent_bytes_s=none,
    )


def _generation(file: Path, none: Value) -> Value:
    """Of a speed as the kernel writes it: ``16.0 GT/s PCIe``; none for a graphics chip in the processor."""
    generation = _GENERATIONS.get(text(file).partition(" ")[0])
    return none if generation is None else Value(float(generation))
