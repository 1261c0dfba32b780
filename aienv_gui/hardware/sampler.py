"""One look at everything: the host from here, the cards of each maker from a small process that may hang or crash.

NVIDIA's process always runs, since its library alone knows what is there; those of the other makers run where the bus
shows such a card.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from aienv_gui.hardware.cards.bus import makers_present
from aienv_gui.hardware.host.reader import HostReader
from aienv_gui.hardware.maker_watch import MakerWatch, Patience
from aienv_gui.hardware.readings import Maker, Snapshot

_BUS_EVERY_S: Final = 60.0  # an external card may come at any time


class Sampler:
    """Used from one thread, except `stop`, which any may call after the last `sample`.

    `environment` is for the monitors' processes (tests put driver libraries of their own there). `root` is the
    system's, or a test's; `clock` is a steady one in seconds, `wall` tells seconds since the epoch.
    """

    def __init__(
        self,
        data_folder: Path,
        *,
        interval_s: float = 1.0,
        environment: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._host = HostReader(data_folder, root=root, clock=clock)
        self._interval_s = interval_s
        self._environment = environment
        self._patience = patience
        self._root = root
        self._clock = clock
        self._wall = wall
        self._nvidia = self._watch(Maker.NVIDIA)
        self._others: dict[Maker, MakerWatch] = {}
        self._bus_at = 0.0

    def start(self) -> None:
        """Start the monitors' processes; takes milliseconds. Their first answers come later."""
        self._nvidia.start()
        self._look_at_bus()

    def sample(self) -> Snapshot:
        """Everything at this moment. Takes a few milliseconds (the first 0.1 s) and never waits for a driver."""
        if self._clock() - self._bus_at >= _BUS_EVERY_S:
            self._look_at_bus()
        watches = (self._nvidia, *self._others.values())
        host = self._host.read([pid for watch in watches for pid in watch.pids])
        nvidia, *others = [watch.look() for watch in watches]
        return Snapshot(self._wall(), self._clock(), host, nvidia, tuple(others))

    def stop(self) -> None:
        """End the monitors' processes. Blocks for milliseconds, at most about 2 seconds a maker whose driver hangs."""
        for watch in (self._nvidia, *self._others.values()):
            watch.stop()

    def _watch(self, maker: Maker) -> MakerWatch:
        return MakerWatch(
            maker,
            interval_s=self._interval_s,
            environment=self._environment,
            patience=self._patience,
            clock=self._clock,
            wall=self._wall,
        )

    def _look_at_bus(self) -> None:
        """Watch the cards of each maker that is there; once watched, they are to the end, also when they are gone."""
        self._bus_at = self._clock()
        for maker in sorted(makers_present(self._root) - self._others.keys()):
            self._others[maker] = self._watch(maker)
            self._others[maker].start()
