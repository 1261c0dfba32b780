"""Who reads whose cards: one interface for all makers, so that what runs a reader need not know the maker."""

from __future__ import annotations

from typing import Protocol

from aienv_gui.hardware.readings import Driver, Maker


class Reader(Protocol):
    """Looks at the cards of one maker; for the monitor's small process only."""

    def read(self) -> Driver:
        """Look at every card once. Takes milliseconds, never raises, and may hang or crash inside the driver."""


def reader_of(maker: Maker) -> Reader:
    """A reader of its own for this process. Imports what that maker's cards need and nothing of the others."""
    if maker is Maker.AMD:
        from aienv_gui.hardware.cards.amd import AmdReader

        return AmdReader()
    if maker is Maker.INTEL:
        from aienv_gui.hardware.cards.intel import IntelReader

        return IntelReader()
    if maker is Maker.APPLE:
        from aienv_gui.hardware.cards.apple import AppleReader

        return AppleReader()
    from aienv_gui.hardware.cards.nvidia import NvidiaReader

    return NvidiaReader()
