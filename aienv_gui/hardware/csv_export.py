"""Readings as a table for spreadsheet programs: CSV in UTF-8 with its mark, a row a time, units in the headings."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from aienv_gui.core.storage import write_atomic
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.hardware.card_names import short_name
from aienv_gui.hardware.day_record import CARD_KEYS, HOST_KEYS
from aienv_gui.hardware.history import card_key
from aienv_gui.hardware.look_back import TimeLine
from aienv_gui.hardware.readings import Snapshot

_HOST_HEADINGS: Final[Mapping[str, Text]] = {
    "cpu": tr("CPU (%)"),
    "memory": tr("RAM (%)"),
    "swap": tr("Swap (%)"),
    "disk_read": tr("Disk read (bytes/s)"),
    "disk_written": tr("Disk written (bytes/s)"),
    "received": tr("Network received (bytes/s)"),
    "sent": tr("Network sent (bytes/s)"),
}
_CARD_HEADINGS: Final[Mapping[str, Text]] = {
    "utilisation": tr("utilisation (%)"),
    "memory": tr("memory (%)"),
    "temperature": tr("temperature (°C)"),
    "power": tr("power (W)"),
    "clock": tr("clock (MHz)"),
    "fan": tr("fan (%)"),
}
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def headings(snapshot: Snapshot) -> dict[str, str]:
    """The columns of a table with all readings: keys of `history` and what they are called."""
    found = {key: str(_HOST_HEADINGS[key]) for key in HOST_KEYS}
    for gpu in snapshot.gpus:
        name = f"{short_name(gpu, snapshot.gpus)} {gpu.name}"
        for quantity in CARD_KEYS:
            found[card_key(gpu.uuid, quantity)] = f"{name} {_CARD_HEADINGS[quantity]}"
    return found


def write_table(path: Path, line: TimeLine, columns: Mapping[str, str], reporter: Reporter) -> Path:
    """Write the columns (key and heading) of `line`, whole or not at all; returns `path`.

    Times are ISO 8601 in the user's time zone. An empty cell is a value that was not there. Raises `Problem`.
    """
    text = io.StringIO()
    csv.writer(text).writerow(_harmless(heading) for heading in (str(tr("Time")), *columns.values()))
    values = np.array([line.values[key] for key in columns])
    known = np.isfinite(values).any(axis=0)  # else it is a gap
    cells = ",%.1f" * len(columns) + "\r\n"  # a row at once: a day of many cards has a million cells
    for time, row in zip(line.times[known].tolist(), values.T[known].tolist(), strict=True):
        reporter.checkpoint()
        text.write(datetime.fromtimestamp(time, UTC).astimezone().isoformat(timespec="seconds"))
        text.write((cells % tuple(row)).replace("nan", ""))
    write_atomic(path, b"\xef\xbb\xbf" + text.getvalue().encode(), chosen=True)
    return path


def _harmless(text: str) -> str:
    """A cell that no spreadsheet program takes for a formula: a card's name is told by its driver."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
