"""A window that watches the hardware for half a simulated hour holds no more at its end than after ten minutes."""

from __future__ import annotations

import gc
import math
import tracemalloc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.hardware.history import SAMPLES
from aienv_gui.hardware.readings import Snapshot, Value
from tests.fakes.session import open_session
from tests.fakes.snapshots import GIB, gpu, snapshot

_SECONDS = 1200  # of simulated time; `bench hours` watches a day
# 27 a look, and the history's newest table, which may be there once or twice; whoever keeps a look keeps hundreds of
# bytes a look, and whoever keeps an array thousands.
_ALLOWED_BYTES = 96 * 1024


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        yield made


def look(second: int) -> Snapshot:
    """Two cards whose numbers never stand still; now and then one of them is hot, and a warning comes and goes."""
    wave = (math.sin(second / 7) + 1) / 2
    heat = 95.0 if second % 600 < 30 else 40 + 40 * wave
    cards = [
        gpu(
            index,
            utilisation_percent=Value(100 * wave),
            memory_used_bytes=Value((1 + 9 * wave) * GIB),
            temperature_celsius=Value(heat),
            power_watts=Value(50 + 140 * wave),
            clock_mhz=Value(500 + 2000 * wave),
        )
        for index in range(2)
    ]
    return snapshot(*cards, moment=float(second), cpu_percent=100 * wave, disk_read_bytes_s=1e9 * wave)


class Watch:
    """The page, and a plot that compares its cards."""

    def __init__(self, qapp: QApplication, session: Session, plot: TimePlot) -> None:
        self._application = qapp
        self._session = session
        self._plot = plot
        self._second = 0

    def pass_by(self, seconds: int) -> None:
        hardware, page = self._session.services.hardware, self._session.window.page
        assert isinstance(page, HardwarePage)
        for _ in range(seconds):
            self._second += 1
            hardware._on_sampled(look(self._second))
            page._pacer.finish()
            for index in range(2):
                values = hardware.history.series(f"gpu:GPU-{index}:utilisation")
                self._plot.set_series(f"gpu{index}", hardware.history.ages(), values)
            if self._second % 20 == 0:  # painting takes most of the time
                self._plot._range._draw()
                self._application.processEvents()

    def holds(self) -> tuple[int, int, int]:
        """Objects, timers, and bytes of Python's memory."""
        self._application.processEvents()
        gc.collect()
        window = self._session.window
        return (
            len(window.findChildren(QObject)),
            len(window.findChildren(QTimer)),
            tracemalloc.get_traced_memory()[0],
        )


@pytest.mark.slow
def test_watching_leaves_nothing_behind(qtbot: QtBot, qapp: QApplication, session: Session) -> None:
    tracemalloc.start()
    try:
        # Alarms fill a list of a fixed length, hour after hour: that is kept, and no leak.
        session.services.settings.set("alarm_gpu_temperature", {"on": False, "limit": 87})
        session.services.navigator.open("hardware")
        names = [(f"gpu{index}", tr("GPU {index}", index=index), "series_gpu") for index in range(2)]
        last = TimeRange(qapp, width=600.0)
        plot = TimePlot(session.services.theme, tr("Utilisation"), names, unit="percent", time_range=last)
        qtbot.addWidget(plot)
        plot.show()
        qtbot.waitExposed(plot)
        watch = Watch(qapp, session, plot)
        watch.pass_by(SAMPLES + 60)
        objects, timers, held = watch.holds()
        watch.pass_by(_SECONDS)
        later_objects, later_timers, later_held = watch.holds()
    finally:
        tracemalloc.stop()
    plot.hide()
    qtbot.waitUntil(lambda: not last.waiting)
    assert (later_objects, later_timers) == (objects, timers)
    assert later_held - held < _ALLOWED_BYTES
