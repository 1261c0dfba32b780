"""One measurement, in a process of its own: hours of a watched machine in minutes, and what grows meanwhile.

Every second goes through the feed, its history, the verdicts and every card of the page; one of `--paint-every` is also
painted. Prints a JSON object: memory and the number of things after each hour.
Not on Windows, which counts handles by another name.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import threading
import tracemalloc
from pathlib import Path

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication

from aienv_gui.__main__ import Session
from aienv_gui.core.wording import tr
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.plots.time_range import TimeRange
from tests.benchmarks.children.watched_window import CARDS, Machine, hardware_page, watched_window


class Hours:
    """Lets time pass in a window, with a plot that compares the cards beside it."""

    def __init__(self, application: QApplication, session: Session, machine: Machine) -> None:
        self._application = application
        self._session = session
        self._machine = machine
        names = [(f"GPU-{index}", tr("GPU {index}", index=index), "series_gpu") for index in range(CARDS)]
        last = TimeRange(session, width=600.0)
        self.plot = TimePlot(session.services.theme, tr("Utilisation"), names, unit="percent", time_range=last)
        self.plot.resize(1200, 260)
        self.plot.show()

    def pass_by(self, seconds: int, paint_every: int) -> None:
        hardware, page = self._session.services.hardware, hardware_page(self._session)
        for second in range(seconds):
            hardware._on_sampled(self._machine.look())
            page._pacer.finish()
            times = hardware.history.wall_times()
            for index in range(CARDS):
                series = hardware.history.series(f"gpu:GPU-{index}:utilisation")
                self.plot.set_series(f"GPU-{index}", times, series)
            if second % paint_every == 0:
                self.plot._range._draw()
                while self.plot._range.waiting:
                    self._application.processEvents()

    def state(self) -> dict[str, int]:
        """Memory in bytes and numbers of things, with all that is only waiting to be thrown away gone."""
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        self._application.processEvents()
        gc.collect()
        process = psutil.Process()
        roots = [self._session, *self._application.topLevelWidgets()]
        return {
            "resident_bytes": process.memory_info().rss,
            "python_bytes": tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0,
            "objects": sum(len(root.findChildren(QObject)) for root in roots),
            "timers": sum(len(root.findChildren(QTimer)) for root in roots),
            "widgets": len(self._application.allWidgets()),
            "handles": process.num_fds(),
            "threads": threading.active_count(),
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=int, default=2)
    parser.add_argument("--paint-every", type=int, default=10)
    parser.add_argument("--trace", action="store_true", help="count Python's own memory too (half as fast)")
    options = parser.parse_args()
    application = QApplication([])
    if options.trace:
        tracemalloc.start()
    machine = Machine()
    with (
        tempfile.TemporaryDirectory(prefix="aienv-bench-") as home,
        watched_window(application, Path(home), machine) as session,
    ):
        hours = Hours(application, session, machine)
        states = []
        for _ in range(options.hours):
            hours.pass_by(3600, options.paint_every)
            states.append(hours.state())
        hours.plot.close()
        hours.plot.deleteLater()
    print(json.dumps({"states": states}))


if __name__ == "__main__":
    main()
