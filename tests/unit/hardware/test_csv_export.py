"""The table of readings, read back by the reader of Python and held against what was written."""

from __future__ import annotations

import csv
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import resource
from aienv_gui.core.wording import use_language
from aienv_gui.hardware.csv_export import headings, write_table
from aienv_gui.hardware.look_back import TimeLine, between
from tests.fakes.reporters import Keeping
from tests.fakes.snapshots import gpu, snapshot

_START = 1_800_000_000.0


def _line(columns: dict[str, str]) -> TimeLine:
    times = _START + np.array([0.0, 1.0, 1.001, 60.0])
    values = {key: np.array([place + 0.25, math.nan, math.nan, 1e9]) for place, key in enumerate(columns)}
    values["cpu"] = np.array([12.34, 50.0, math.nan, math.nan])
    return TimeLine(times, values)


def _read(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # by which spreadsheet programs know that it is UTF-8
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_a_row_a_time_with_units_in_the_headings(tmp_path: Path) -> None:
    columns = headings(snapshot(gpu()))
    assert write_table(tmp_path / "a.csv", _line(columns), columns, Keeping()) == tmp_path / "a.csv"
    head, *rows = _read(tmp_path / "a.csv")
    assert head[:2] == ["Time", "CPU (%)"]
    assert "GPU NVIDIA GeForce RTX 4070 temperature (°C)" in head
    assert [datetime.fromisoformat(row[0]).timestamp() - _START for row in rows] == [0, 1, 60]  # the gap is no row
    assert all(datetime.fromisoformat(row[0]).tzinfo is not None for row in rows)
    assert [row[1] for row in rows] == ["12.3", "50.0", ""]
    assert rows[2][2] == "1000000000.0"
    assert all(len(row) == len(head) for row in rows)


def test_headings_are_of_the_users_language(tmp_path: Path) -> None:
    use_language("zh_CN", resource("locale"))
    columns = headings(snapshot(gpu()))
    write_table(tmp_path / "a.csv", _line(columns), columns, Keeping())
    assert "温度（°C）" in " ".join(_read(tmp_path / "a.csv")[0])


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", 'with "quotes", and commas\n'])
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / "a.csv", TimeLine(np.array([_START]), {"cpu": np.array([-1.0])}), {"cpu": name}, Keeping())
    heading = _read(tmp_path / "a.csv")[0][1]
    assert not heading.startswith(("=", "+", "-", "@", "\t"))
    assert heading.removeprefix("'") == name


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    columns = headings(snapshot())
    with pytest.raises(Problem):
        write_table(tmp_path / "file" / "a.csv", _line(columns), columns, Keeping())


def test_the_part_that_is_shown() -> None:
    line = TimeLine(np.arange(10.0), {"cpu": np.arange(10.0) * 2})
    part = between(line, 2.5, 6.0)
    assert part.times.tolist() == [3, 4, 5, 6]
    assert part.values["cpu"].tolist() == [6, 8, 10, 12]
