"""One measurement, in a process of its own: hours of reading in minutes, by a clock that is told what time it is.

The real bindings on the fake driver, the host, the history, the verdicts, the alarms and the day on disk: all that the
window has in the background. Prints a JSON object with memory and handles after each hour.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import threading
from pathlib import Path

import psutil

from aienv_gui.hardware.alarm_rules import rules_from
from aienv_gui.hardware.alarms import Alarms
from aienv_gui.hardware.cards.nvidia import NvidiaReader
from aienv_gui.hardware.cards.wire import from_line, to_line
from aienv_gui.hardware.day_record import DayRecord
from aienv_gui.hardware.history import History
from aienv_gui.hardware.host.reader import HostReader
from aienv_gui.hardware.limits import assess
from aienv_gui.hardware.readings import Snapshot

_BEGAN = 1_800_000_000.0  # seconds since the epoch


class Readers:
    """Everything that reads or keeps readings; `second` is what its clocks say."""

    def __init__(self, folder: Path) -> None:
        self.second = 0.0
        self._nvidia = NvidiaReader(clock=self._clock, wall=self._wall)
        self._host = HostReader(folder, clock=self._clock)
        self._history = History()
        self._alarms = Alarms()
        self._day = DayRecord(folder / "day")

    def _clock(self) -> float:
        return self.second

    def _wall(self) -> float:
        return _BEGAN + self.second

    def look(self) -> int:
        """Once, and how many cards were seen."""
        driver = from_line(to_line(self._nvidia.read()))  # as it comes from the monitor's process
        snapshot = Snapshot(self._wall(), self._clock(), self._host.read(), driver)
        self._history.append(snapshot)
        assess(snapshot, self._history)
        self._alarms.look(snapshot, (), rules_from(lambda _name: {"on": True, "limit": 50}))
        self._day.add(snapshot)
        return len(snapshot.gpus)


def state() -> dict[str, int]:
    gc.collect()
    process = psutil.Process()
    return {
        "resident_bytes": process.memory_info().rss,
        "objects": len(gc.get_objects()),
        "handles": getattr(process, "num_handles" if sys.platform == "win32" else "num_fds")(),
        "threads": threading.active_count(),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=int, default=2)
    parser.add_argument("--step", type=float, default=1.0, help="seconds between two looks")
    options = parser.parse_args()
    states, cards = [], 0
    with tempfile.TemporaryDirectory(prefix="aienv-bench-") as folder:
        readers = Readers(Path(folder))
        for hour in range(options.hours):
            while readers.second < 3600 * (hour + 1):
                cards = readers.look()
                readers.second += options.step
            states.append(state())
    print(json.dumps({"cards": cards, "states": states}))


if __name__ == "__main__":
    main()
