"""The real window with a machine of many busy cards that nobody has: made-up looks, a full history."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.hardware.history import SAMPLES
from aienv_gui.hardware.readings import Snapshot, Value
from tests.fakes.snapshots import GIB, gpu, snapshot

CARDS = 16


class Machine:
    """All numbers of all cards are new in every look, as noisy as they can be: the worst case of a drawing.

    Nothing is hot or full: a warning that comes or goes moves the whole page, which is another matter.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._second = 0

    def look(self) -> Snapshot:
        """The machine one second later."""
        self._second += 1
        between = self._random.uniform
        cards = [
            gpu(
                index,
                utilisation_percent=Value(between(0, 100)),
                memory_used_bytes=Value(between(1, 11) * GIB),
                temperature_celsius=Value(between(40, 80)),
                power_watts=Value(between(50, 200)),
                clock_mhz=Value(between(500, 3000)),
                fan_percent=Value(between(0, 100)),
            )
            for index in range(CARDS)
        ]
        return snapshot(
            *cards,
            moment=float(self._second),
            cpu_percent=between(0, 100),
            core_percents=tuple(between(0, 100) for _ in range(16)),
            memory_used_bytes=round(between(1, 28) * GIB),
            disk_read_bytes_s=between(0, 1e9),
            disk_written_bytes_s=between(0, 1e9),
            network_received_bytes_s=between(0, 1e8),
            network_sent_bytes_s=between(0, 1e8),
        )


@contextmanager
def watched_window(application: QApplication, home: Path, machine: Machine) -> Iterator[Session]:
    """A window high enough for every card, on its Hardware page, after ten minutes."""
    session = Session(application, Folders.under(home), look=False)
    try:
        session.window.resize(1600, 3000)
        session.window.show()
        application.processEvents()
        hardware = session.services.hardware
        for _ in range(SAMPLES - 1):
            hardware.history.append(machine.look())
        hardware._on_sampled(machine.look())
        session.services.navigator.open("hardware")
        assert hardware_page(session).gpu_card(f"GPU-{CARDS - 1}") is not None
        yield session
    finally:
        session.end()
        session.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def hardware_page(session: Session) -> HardwarePage:
    page = session.window.page
    assert isinstance(page, HardwarePage)
    return page
