"""Readings as lines of JSON, to cross from a monitor's process to ours. The types of `readings` are the format."""

from __future__ import annotations

import msgspec

from aienv_gui.hardware.readings import Driver

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Driver)


def to_line(driver: Driver) -> bytes:
    """A look at the cards of one maker as one line, without its end."""
    return _ENCODER.encode(driver)


def from_line(line: str | bytes) -> Driver:
    """The inverse of `to_line`. Raises ValueError for anything else."""
    return _DECODER.decode(line)
