"""The day on disk and the minutes in memory as one line, broken where nothing was read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from aienv_gui.hardware.day_record import Day, DayRecord, read
from aienv_gui.hardware.history import History
from aienv_gui.hardware.look_back import fill_gaps, look_back
from tests.fakes.snapshots import gpu, snapshot

_START = 1_800_000_000.0


def _told(history: History, day: Day, key: str = "cpu", **more: float) -> list[tuple[float, float]]:
    line = look_back(day, history, [key], **more)
    assert (np.diff(line.times) > 0).all()
    return [(round(t - _START, 3), v) for t, v in zip(line.times.tolist(), line.values[key].tolist(), strict=True)]


def _same(found: list[tuple[float, float]], wanted: list[tuple[float, float]]) -> None:
    np.testing.assert_allclose(np.array(found), np.array(wanted), rtol=0, atol=1e-6)


def test_nothing_is_known_at_first() -> None:
    assert _told(History(), Day()) == []


def test_seconds_where_they_are_in_memory_and_means_before(tmp_path: Path) -> None:
    record, history = DayRecord(tmp_path / "day"), History(5)
    for second in range(31):
        look = snapshot(gpu(), moment=float(second), cpu_percent=float(second))
        record.add(look)
        history.append(look)
    record.flush()
    day = read(tmp_path / "day", _START + 31)
    _same(_told(history, day), [(5, 4.5), (15, 14.5), (25, 24.5), (26, 26), (27, 27), (28, 28), (29, 29), (30, 30)])
    _same(_told(history, day, since=_START + 20), [(25, 24.5), (26, 26), (27, 27), (28, 28), (29, 29), (30, 30)])
    _same(_told(history, day, since=_START + 29), [(29, 29), (30, 30)])
    assert [v for _, v in _told(history, day, key="gpu:GPU-0:power")] == [120.0] * 8
    assert np.isnan([v for _, v in _told(history, day, key="gpu:nobody:power")]).all()


def test_no_line_across_a_sleep() -> None:
    history = History()
    for second in (0, 1, 2, 600, 601):
        history.append(snapshot(moment=float(second), cpu_percent=float(second)))
    gap = [(2.001 + 10 * n, math.nan) for n in range(60)]  # as many as there would have been, for any zoom
    _same(_told(history, Day()), [(0, 0), (1, 1), (2, 2), *gap, (600, 600), (601, 601)])


def test_no_line_across_the_hours_when_it_was_closed() -> None:
    times = np.array([10.0, 20.0, 30.0, 3600.0, 3610.0]) + _START
    day = fill_gaps(Day(times, ("cpu",), np.arange(5.0)[None]))
    history = History()
    history.append(snapshot(moment=7200.0, cpu_percent=9.0))
    _same(
        _told(history, day),
        [
            *[(10, 0), (20, 1), (30, 2)],
            *[(30.001 + 10 * n, math.nan) for n in range(357)],
            *[(3600, 3), (3610, 4)],
            *[(3610.001 + 10 * n, math.nan) for n in range(359)],
            (7200, 9),
        ],
    )


def test_a_clock_that_was_set_back_is_believed_from_then_on() -> None:
    history = History()
    for second in (100, 101, 102, 40, 41):
        history.append(snapshot(moment=float(second), cpu_percent=float(second)))
    day = Day(np.array([5.0, 15.0, 95.0]) + _START, ("cpu",), np.array([[1.0, 2.0, 3.0]]))
    _same(_told(history, day), [(5, 1), (15, 2), (40, 40), (41, 41)])
