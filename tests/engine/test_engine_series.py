"""Time series read: the order of time, gaps, seasons, how they are cut, and what cannot be forecast."""

from __future__ import annotations

import datetime
import math
import random
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.engine.failures import Failure
from aienv_gui.engine.tasks import moments, series
from aienv_gui.engine.tasks.seasons import season_of
from tests.fakes.series import SEASON, tides
from tests.fakes.tables import write_table


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def inspect(path: Path, **asked: Any) -> dict[str, Any]:
    return series.inspect({"folder": str(path), **asked}, {}, nothing)


def read(path: Path, **asked: Any) -> series.Series:
    table, columns = series.open_table(path, nothing)
    return series.read(table, columns, series.Asked.of(asked))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "tides.csv", tides(200))


def test_what_is_forecast_from_what_is_guessed(table: Path) -> None:
    found = inspect(table)
    assert (found["ok"], found["target"], found["time"], found["inputs"]) == (True, "level", "date", ["wind"])
    assert (found["season"], found["horizon"], found["window"]) == (SEASON, SEASON, 2 * SEASON)
    assert found["labels"] == ["2024-01-01", "2024-05-20", "2024-06-19", "2024-07-18"]
    assert found["begins"] == {"validation": 140, "test": 170}
    assert found["warnings"] == []


def test_what_is_asked_for_is_kept(table: Path) -> None:
    found = inspect(table, target="wind", leave_out=["level"], window=7, horizon=3, time="")
    assert (found["target"], found["time"], found["inputs"]) == ("wind", "", [])
    assert (found["window"], found["horizon"]) == (7, 3)
    assert found["labels"][0] == "1"
    other = inspect(table, target="wind", leave_out=["level"], window=8, horizon=3, time="")
    assert other["fingerprint"] != found["fingerprint"]


@pytest.mark.parametrize(("rows", "window", "horizon"), [(60, 0, 0), (200, 5, 1), (200, 40, 25), (333, 0, 30)])
def test_no_split_knows_what_another_is_judged_by(tmp_path: Path, rows: int, window: int, horizon: int) -> None:
    asked = {"window": window, "horizon": horizon}
    found = read(write_table(tmp_path / "tides.csv", tides(rows)), **asked)
    plan = series.plan(found, series.Asked.of(asked))
    forecast = {}
    for name in ("train", "validation", "test"):
        firsts = plan.examples(name)
        assert firsts[0] >= plan.window
        forecast[name] = {row + step for row in firsts for step in range(plan.horizon)}
    assert max(forecast["train"]) < min(forecast["validation"])
    assert max(forecast["validation"]) < min(forecast["test"])
    assert max(forecast["test"]) == found.rows - 1
    assert min(len(plan.examples(name)) for name in forecast) >= 3


def test_rows_are_put_into_the_order_of_time(tmp_path: Path) -> None:
    rows = tides(100)
    straight = read(write_table(tmp_path / "straight.csv", rows))
    random.Random(3).shuffle(rows)
    mixed = read(write_table(tmp_path / "mixed.csv", rows))
    assert (mixed.values, mixed.times) == (straight.values, straight.times)
    first = straight.label(0)
    assert rows[mixed.lines[0] - 2]["date"] == first == "2024-01-01"


def test_a_year_is_a_time_and_a_month_beside_it_is_none(tmp_path: Path) -> None:
    rows = [{"year": str(1900 + n), "spots": str(n * 7 % 30)} for n in range(60)]
    assert inspect(write_table(tmp_path / "years.csv", rows))["time"] == "year"
    rows = [{"year": str(1900 + n // 12), "month": str(n % 12 + 1), "spots": str(n * 7 % 30)} for n in range(120)]
    found = inspect(write_table(tmp_path / "months.csv", rows))
    assert (found["time"], found["inputs"]) == ("", ["year", "month"])


def test_gaps_are_filled_from_before_and_said(tmp_path: Path) -> None:
    rows = tides(100)
    for number in (0, 1, 30, 31, 99):
        rows[number]["level"] = ""
    rows[5]["wind"] = "?"
    found = read(write_table(tmp_path / "tides.csv", rows))
    assert found.rows == 97  # nothing is known before the first and after the last
    assert found.values[0][28:30] == (None, None)
    (remark,) = found.remarks
    assert (remark["code"], remark["values"]["columns"]) == ("gaps_filled", {"level": 2, "wind": 1})


def test_moments_that_are_odd_are_said(tmp_path: Path) -> None:
    rows = tides(100)
    rows[10]["date"] = rows[9]["date"]
    rows[20]["date"] = ""
    found = read(write_table(tmp_path / "tides.csv", rows))
    assert found.rows == 98
    codes = {remark["code"]: remark["values"] for remark in found.remarks}
    assert codes["no_time"] == {"count": 1, "name": "date"}
    assert codes["same_time"] == {"count": 1, "name": "date"}
    assert codes["uneven_times"] == {"count": 2, "usual": 1.0, "longest": 2.0, "unit": "days"}


def _several(rows: list[dict[str, str]]) -> None:
    for number, row in enumerate(rows):
        row["date"] = rows[number // 2 * 2]["date"]


def _words(rows: list[dict[str, str]]) -> None:
    for number, row in enumerate(rows):
        row["level"] = f"high{number % 3}"


@pytest.mark.parametrize(
    ("asked", "change", "code", "values"),
    [
        ({"target": "depth"}, None, "bad_target", {"name": "depth", "reason": "missing"}),
        ({"target": "level"}, _words, "bad_target", {"name": "level", "reason": "not_numbers"}),
        ({"time": "when"}, None, "bad_time", {"name": "when", "reason": "missing"}),
        ({"time": "level", "target": "level"}, None, "bad_time", {"name": "level", "reason": "target"}),
        ({"time": "level", "target": "wind"}, _words, "bad_time", {"name": "level", "reason": "no_time"}),
        ({}, _several, "bad_time", {"name": "date", "reason": "repeated"}),
        ({"leave_out": ["wind", "level"]}, None, "no_series", {}),
        ({"window": 90}, None, "short_series", {"count": 100, "window": 90}),
        ({"horizon": 40}, None, "short_series", {"horizon": 40}),
    ],
)
def test_what_cannot_be_forecast_is_named_beside_the_columns(
    tmp_path: Path, asked: dict[str, Any], change: Any, code: str, values: dict[str, Any]
) -> None:
    rows = tides(100)
    if change is not None:
        change(rows)
    found = inspect(write_table(tmp_path / "tides.csv", rows), **asked)
    assert (found["ok"], found["code"]) == (False, code)
    assert found["values"].items() >= values.items()
    assert [column["name"] for column in found["columns"]] == ["date", "wind", "level"]


@pytest.mark.parametrize(("window", "horizon"), [(90, 0), (24, 40), (60, 5), (4, 30)])
def test_as_many_rows_as_are_said_to_be_needed_are_enough(tmp_path: Path, window: int, horizon: int) -> None:
    asked = {"window": window, "horizon": horizon}
    told = inspect(write_table(tmp_path / "short.csv", tides(60)), **asked)["values"]
    fixed = {"window": told["window"], "horizon": told["horizon"]}
    enough = [
        inspect(write_table(tmp_path / "longer.csv", tides(rows)), **fixed)["ok"]
        for rows in (told["minimum"] - 8, told["minimum"])
    ]
    assert enough == [False, True]


def test_columns_that_are_not_looked_at_are_said(tmp_path: Path) -> None:
    rows = [{**row, "town": "Brest", "moon": ("new", "full")[n % 2]} for n, row in enumerate(tides(60))]
    path = write_table(tmp_path / "tides.csv", rows)
    (remark,) = inspect(path)["warnings"]
    assert remark["values"]["columns"] == {"town": "constant", "moon": "category"}
    assert inspect(path, leave_out=["town", "moon"])["warnings"] == []


def test_too_few_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        read(write_table(tmp_path / "tides.csv", tides(12)))
    assert (caught.value.code, caught.value.values["count"]) == ("few_rows", 12)


@pytest.mark.parametrize("season", [4, 7, 12, 24, 52])
@pytest.mark.parametrize("trend", [0.0, 0.05])
def test_seasons_are_found(season: int, trend: float) -> None:
    chance = random.Random(season)
    values = [trend * n + math.sin(2 * math.pi * n / season) + chance.gauss(0, 0.3) for n in range(8 * season + 40)]
    assert abs(season_of(values) - season) <= season // 24


@pytest.mark.parametrize("seed", range(5))
def test_no_season_is_made_up(seed: int) -> None:
    chance = random.Random(seed)
    noise = [chance.gauss(0, 1) for _ in range(400)]
    assert season_of(noise) == 0
    assert season_of([n * 0.1 for n in range(400)]) == 0
    assert season_of([5.0] * 100) == 0
    assert season_of([None, 1.0, 2.0]) == 0


@pytest.mark.parametrize(
    ("dates", "following"),
    [
        (["2024-01-01", "2024-01-02", "2024-01-03"], ["2024-01-04", "2024-01-05"]),
        (["2024-01-01", "2024-01-08", "2024-01-15"], ["2024-01-22", "2024-01-29"]),
        (["2023-11-15", "2023-12-15", "2024-01-15"], ["2024-02-15", "2024-03-15"]),
        (["2023-11-30", "2023-12-31", "2024-01-31"], ["2024-02-29", "2024-03-31"]),
        (["2023-03-31", "2023-06-30", "2023-09-30", "2023-12-31"], ["2024-03-31", "2024-06-30"]),
        (["2021-07-01", "2022-07-01", "2023-07-01"], ["2024-07-01", "2025-07-01"]),
        (["2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10"], ["2024-01-11", "2024-01-12"]),
    ],
)
def test_the_moments_after_the_end_are_named(dates: list[str], following: list[str]) -> None:
    day_0 = datetime.date(1970, 1, 1)
    times = [float((datetime.date.fromisoformat(date) - day_0).days) for date in dates]
    assert [moments.label(time, "%Y-%m-%d") for time in moments.after(times, 2, dates=True)] == following


def test_numbers_and_hours_go_on_too() -> None:
    assert [moments.label(time, "") for time in moments.after([1998.0, 1999.0, 2000.0], 2, dates=False)] == [
        "2001",
        "2002",
    ]
    hours = [20000 + hour / 24 for hour in range(5)]
    labels = [moments.label(time, "%Y-%m-%d %H:%M") for time in moments.after(hours, 2, dates=True)]
    assert labels == ["2024-10-04 05:00", "2024-10-04 06:00"]


def test_a_long_series_is_drawn_with_few_points() -> None:
    values: list[float | None] = [math.sin(n) for n in range(10_000)]
    values[5000] = 9.0
    values[:100] = [None] * 100
    places, drawn = series.course(values)
    assert len(places) <= 600
    assert places == sorted(places)
    assert max(drawn) == 9.0
    assert all(values[place] == value for place, value in zip(places, drawn, strict=True))
