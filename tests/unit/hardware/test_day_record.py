"""The day on disk: what was written is read back, and nothing that happens to the file does more harm than it must."""

from __future__ import annotations

import errno
import math
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aienv_gui.core import storage
from aienv_gui.hardware import day_record
from aienv_gui.hardware.day_record import DAY_S, PERIOD_S, Day, DayRecord, read
from aienv_gui.hardware.readings import Snapshot
from tests.fakes.snapshots import ABSENT, gpu, snapshot

_START = 1_800_000_000.0  # of `snapshot`


def _write(record: DayRecord, seconds: range, cards: int = 1) -> None:
    for second in seconds:
        record.add(
            snapshot(*(gpu(index) for index in range(cards)), moment=float(second), cpu_percent=float(second % 100))
        )
    record.flush()


def _cpu(day: Day) -> list[float]:
    values: list[float] = day.series("cpu").tolist()
    return values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hardware" / "day.readings"


def test_ten_seconds_become_their_mean(path: Path) -> None:
    _write(DayRecord(path), range(30))
    day = read(path, _START + 30)
    assert day.times.tolist() == [_START + 5, _START + 15, _START + 25]
    assert _cpu(day) == [4.5, 14.5, 24.5]
    assert day.series("gpu:GPU-0:temperature").tolist() == [60.0, 60.0, 60.0]
    assert np.isnan(day.series("gpu:nobody:power")).all()


def test_what_is_missing_is_no_number(path: Path) -> None:
    record = DayRecord(path)
    record.add(snapshot(gpu(temperature_celsius=ABSENT), moment=0.0))
    record.add(snapshot(gpu(temperature_celsius=ABSENT), moment=10.0))
    record.add(snapshot(gpu(), moment=20.0))
    record.flush()
    np.testing.assert_array_equal(
        read(path, _START + 20).series("gpu:GPU-0:temperature"), np.array([math.nan, math.nan, 60.0])
    )


def test_the_file_keeps_its_size_and_the_last_day(path: Path) -> None:
    record = DayRecord(path)
    for second in range(0, DAY_S + 7200, PERIOD_S):
        record.add(snapshot(gpu(), moment=float(second), cpu_percent=second / 1000))
        if second == PERIOD_S:
            size = path.stat().st_size
    record.flush()
    assert path.stat().st_size == size < 700_000
    day = read(path, _START + DAY_S + 7200)
    assert len(day.times) == DAY_S // PERIOD_S
    assert day.times[0] >= _START + 7200
    assert day.times[-1] == _START + DAY_S + 7200 - PERIOD_S / 2
    assert (np.diff(day.times) == PERIOD_S).all()


def test_goes_on_where_another_program_ended(path: Path) -> None:
    _write(DayRecord(path), range(20))
    _write(DayRecord(path), range(60, 80))
    assert [time - _START for time in read(path, _START + 80).times] == [5, 15, 65, 75]


def test_a_card_that_comes_gets_columns_and_the_past_stays(path: Path) -> None:
    record = DayRecord(path)
    _write(record, range(20), cards=1)
    _write(record, range(20, 40), cards=3)
    _write(record, range(40, 60), cards=1)
    day = read(path, _START + 60)
    assert day.series("gpu:GPU-0:utilisation").tolist() == [50.0] * 6
    np.testing.assert_array_equal(
        day.series("gpu:GPU-2:utilisation"), np.array([math.nan, math.nan, 50.0, 50.0, math.nan, math.nan])
    )


def test_cards_without_number_keep_the_file_small(path: Path) -> None:
    record = DayRecord(path)
    for minute in range(30):  # a divided card is divided anew again and again
        _write(record, range(60 * minute, 60 * minute + 10))
        record.add(snapshot(*(gpu(uuid=f"MIG-{minute}-{n}") for n in range(7)), moment=60.0 * minute + 10))
        record.flush()
    assert len(read(path, _START + 3600).keys) <= 7 + 64 * 6
    record.add(snapshot(*(gpu(n) for n in range(80)), moment=3600.0))
    record.flush()
    written = path.stat().st_mtime_ns, path.stat().st_ino
    record.add(snapshot(*(gpu(n) for n in range(80)), moment=3620.0))
    record.flush()
    assert path.stat().st_ino == written[1]  # not made anew each time


def test_another_day_is_no_today(path: Path) -> None:
    _write(DayRecord(path), range(20))
    assert len(read(path, _START + DAY_S + 60).times) == 0
    assert len(read(path, _START - 3600).times) == 0  # the clock was set back since


def test_every_cut_and_every_flipped_byte_costs_what_it_damages(path: Path) -> None:
    _write(DayRecord(path), range(60))
    whole = path.read_bytes()
    true = dict(zip(read(path, _START + 60).times.tolist(), _cpu(read(path, _START + 60)), strict=True))
    dice = random.Random(5)
    written = [at for at, byte in enumerate(whole) if byte]
    for _ in range(150):
        at = dice.choice(written)
        damaged = bytearray(whole)
        damaged[at] ^= dice.randrange(1, 256)
        path.write_bytes(damaged)
        day = read(path, _START + 60)
        assert set(zip(day.times.tolist(), _cpu(day), strict=True)) <= set(true.items())
        assert len(day.times) in (0, 5, 6)  # the head, a row, or a place without one
    for length in [*range(0, 200, 9), *dice.sample(range(len(whole)), 10)]:
        path.write_bytes(whole[:length])
        day = read(path, _START + 60)
        assert set(zip(day.times.tolist(), _cpu(day), strict=True)) <= set(true.items())
        record = DayRecord(path)
        _write(record, range(60, 70))
        assert read(path, _START + 70).times[-1] == _START + 65
        assert record.problem is None


def test_garbage_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    for garbage in (b"", b"AIEnvDy1", b"\xff" * 5000, b"AIEnvDy1" + b"\xff" * 8, b"{}"):
        path.write_bytes(garbage)
        assert len(read(path, _START).times) == 0
        record = DayRecord(path)
        _write(record, range(10))
        assert record.problem is None
        assert len(read(path, _START + 10).times) == 1


def test_a_full_disk_is_told_and_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise storage.writing_failed(OSError(errno.ENOSPC, "full"), path)

    record = DayRecord(path)
    with monkeypatch.context() as patch:
        patch.setattr(day_record, "write_atomic", full)
        _write(record, range(20))
        assert record.problem is not None
        assert record.problem.code == "disk_full"
    _write(record, range(20, 40))
    assert record.problem is None
    assert len(read(path, _START + 40).times) == 2


def test_a_folder_in_its_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    record = DayRecord(path)
    _write(record, range(20))
    assert record.problem is not None


def test_deleted_under_way_a_new_one_is_made(path: Path) -> None:
    record = DayRecord(path)
    _write(record, range(20))
    path.unlink()
    _write(record, range(20, 50))
    assert record.problem is None
    assert read(path, _START + 50).times[-1] == _START + 45


_WRITER = """
import sys
from pathlib import Path
from aienv_gui.hardware.day_record import DayRecord
from tests.fakes.snapshots import gpu, snapshot
record, second = DayRecord(Path(sys.argv[1])), 0
while True:
    # Cards come all the time, so that the whole file is made anew in between.
    record.add(snapshot(*(gpu(n) for n in range(1 + second // 400)), moment=float(second), cpu_percent=50.0))
    second += 10
    if second == 500:
        print("under way", flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_nothing_written_is_lost(path: Path) -> None:
    dice = random.Random(3)
    for _ in range(8):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "under way\n"
        for _ in range(dice.randrange(2000)):
            path.stat()  # a while that is measured in work, not in time
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        day = read(path, _START + DAY_S / 2)
        assert len(day.times) >= 49
        assert (np.diff(day.times) == PERIOD_S).all()  # none is missing between the first and the last
        assert set(_cpu(day)) == {50.0}


def test_snapshots_are_taken_without_a_file_yet(tmp_path: Path) -> None:
    look: Snapshot = snapshot(gpu())
    record = DayRecord(tmp_path / "day")
    record.add(look)
    assert not (tmp_path / "day").exists()
    record.flush()
    assert len(read(tmp_path / "day", look.time + 10).times) == 1
