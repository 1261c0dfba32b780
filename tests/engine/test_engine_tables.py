"""Tables as users have them: encodings, delimiters, gaps, odd rows; each that is no good has its code and line."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.engine.failures import Failure
from aienv_gui.engine.tasks import tables
from aienv_gui.engine.tasks.table_files import Table, number_of, read_table
from tests.engine.engine_runs import errand
from tests.fakes.tables import rows, write_table


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def look(path: Path, **request: Any) -> dict[str, Any]:
    return tables.inspect({"folder": str(path), **request}, {}, nothing)


def kinds(answer: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column["kind"] for column in answer["columns"]}


def codes(answer: dict[str, Any]) -> dict[str, Any]:
    return {warning["code"]: warning["values"] for warning in answer["warnings"]}


def test_what_each_column_is_and_what_is_predicted(tmp_path: Path) -> None:
    answer = look(write_table(tmp_path / "fruit.csv", rows(200)))
    assert answer["ok"]
    assert answer["rows"] == 200
    assert kinds(answer) == {
        **{"id": "identity", "weight": "number", "colour": "category", "picked": "date", "constant": "constant"},
        **{"note": "text", "price": "number", "kind": "category"},
    }
    assert (answer["target"], answer["predicts"]) == ("kind", "classes")
    assert answer["inputs"] == ["weight", "colour", "picked", "price"]
    assert sum(one["rows"] for one in answer["classes"]) == 200
    assert [sum(counts.values()) for counts in answer["split"].values()] == pytest.approx([140, 30, 30], abs=4)
    assert codes(answer)["columns_left_out"]["columns"] == {"id": "identity", "constant": "constant", "note": "text"}
    assert len(answer["preview"]) == 5


def test_another_column_can_be_predicted_and_columns_left_out(tmp_path: Path) -> None:
    path = write_table(tmp_path / "fruit.csv", rows(200))
    answer = look(path, target="price", leave_out=["kind", "colour"])
    assert (answer["predicts"], answer["inputs"], answer["classes"]) == ("number", ["weight", "picked"], [])
    assert look(path, target="colour")["predicts"] == "classes"
    assert look(path, target="price", predicts="classes")["code"] == "bad_target"


@pytest.mark.parametrize(
    ("values", "predicts"),
    [(["0", "1"], "classes"), (["3", "4", "5"], "classes"), (["0.5", "1.5"], "number"), (["yes", "no"], "classes")],
)
def test_few_whole_numbers_are_classes(tmp_path: Path, values: list[str], predicts: str) -> None:
    table = [{"x": f"{number * 0.7:.2f}", "out": values[number % len(values)]} for number in range(60)]
    assert look(write_table(tmp_path / "t.csv", table))["predicts"] == predicts
    assert look(tmp_path / "t.csv", predicts="number").get("code") == ("bad_target" if "yes" in values else None)


def test_a_column_called_like_a_target_is_preferred(tmp_path: Path) -> None:
    table = [{"Label": "ab"[n % 2], "x": str(n * 0.5), "last": str(n % 3)} for n in range(40)]
    assert look(write_table(tmp_path / "t.csv", table))["target"] == "Label"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_delimiters_and_encodings_are_found_out(tmp_path: Path, delimiter: str, encoding: str) -> None:
    table = [{"长度": f"{n * 0.5}", "颜色": "红绿"[n % 2], "品种": ["苹果", "梨"][n % 2]} for n in range(50)]
    answer = look(write_table(tmp_path / "表 格.csv", table, delimiter=delimiter, encoding=encoding))
    assert kinds(answer) == {"长度": "number", "颜色": "category", "品种": "category"}
    assert [one["name"] for one in answer["classes"]] == ["梨", "苹果"]


def test_decimal_commas_are_numbers_where_commas_separate_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "x;y\n" + "".join(f"{n},5;{'ab'[n % 2]}\n" for n in range(40)))
    assert kinds(look(path)) == {"x": "number", "y": "category"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("1", 1.0), (" -2.5e3 ", -2500.0), ("12%", 0.12), ("\u22123", -3.0), ("1_000", None), ("abc", None)],
        *[("nan", None), ("inf", None), ("", None), ("1,5", None)],
    ],
)
def test_numbers(text: str, value: float | None) -> None:
    assert number_of(text) == pytest.approx(value)


def test_a_file_without_a_line_of_names_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "iris.data", "".join(f"{n / 7:.2f},{n % 5}.5,{'ab'[n % 2]}\n" for n in range(40)))
    answer = look(path)
    assert answer["rows"] == 40
    assert list(kinds(answer)) == ["column 1", "column 2", "column 3"]
    assert "no_header" in codes(answer)


@pytest.mark.parametrize("head", ["country,2019,2020", "0,1,2", "1,2,3"])
def test_years_and_counts_are_names(tmp_path: Path, head: str) -> None:
    table = read_table(written(tmp_path / "t.csv", f"{head}\na,1.5,2\nb,2.5,3\n"))
    assert table.names == tuple(head.split(","))
    assert table.lines == (2, 3)


def test_cells_may_hold_delimiters_quotes_and_lines(tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "t.csv", 'a,b\n"x, ""y""\nz",1\n\n,NA\nu,?,\n'))
    assert table.columns == (('x, "y"\nz', "", "u"), ("1", "", ""))
    assert table.lines == (2, 5, 6)


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    assert read_table(written(tmp_path / "t.csv", "a,a,,a\n1,2,3,4\n")).names == ("a", "a (2)", "column 3", "a (3)")


@pytest.mark.parametrize(
    ("content", "code", "values"),
    [
        (b"a,b\n1,2\n1,2,3\n", "ragged_row", {"line": 3, "cells": 3, "expected": 2}),
        (b'a,b\n"1\n2",2\n1\n', "ragged_row", {"line": 4, "cells": 1, "expected": 2}),
        (b"", "empty_table", {}),
        (b"\n\n", "empty_table", {}),
        (b"a,b\n", "empty_table", {}),
        (b"\x00\x01\x02\x03", "not_a_table", {"reason": "binary"}),
        (b"\xd0\xcf\x11\xe0old", "not_a_table", {"reason": "old_excel"}),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, code: str, values: dict[str, Any]) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(Failure) as caught:
        read_table(tmp_path / "t.csv")
    assert caught.value.code == code
    assert caught.value.values == {"path": str(tmp_path / "t.csv"), **values}


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.csv", "no_file"), (tmp_path, "not_a_table")):
        with pytest.raises(Failure) as caught:
            read_table(path)
        assert caught.value.code == code


@pytest.mark.parametrize("ending", ["xlsx", "parquet"])
def test_excel_and_parquet_say_the_same_as_text(tmp_path: Path, ending: str) -> None:
    table = rows(120)
    path = tmp_path / f"fruit.{ending}"
    {"xlsx": _write_excel, "parquet": _write_parquet}[ending](path, table)
    answer = look(path)
    text = look(write_table(tmp_path / "fruit.csv", table))
    assert answer["ok"], answer
    for key in ("columns", "target", "predicts", "inputs", "classes"):
        assert answer[key] == text[key]


def _write_excel(path: Path, table: list[dict[str, str]]) -> None:
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(table[0]))
    for row in table:
        cells: list[Any] = [number_of(cell) if number_of(cell) is not None else cell or None for cell in row.values()]
        cells[3] = datetime.datetime.fromisoformat(row["picked"])
        sheet.append(cells)
    book.save(path)


def _write_parquet(path: Path, table: list[dict[str, str]]) -> None:
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, list[Any]] = {name: [row[name] or None for row in table] for name in table[0]}
    for name in ("weight", "price"):
        columns[name] = [None if cell is None else float(cell) for cell in columns[name]]
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


@pytest.mark.parametrize("ending", ["xlsx", "parquet"])
def test_a_damaged_workbook_is_said(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"t.{ending}").write_bytes(b"no such thing")
    with pytest.raises(Failure) as caught:
        read_table(tmp_path / f"t.{ending}")
    assert (caught.value.code, caught.value.values["reason"]) == ("not_a_table", "damaged")


@pytest.mark.parametrize(
    ("table", "request_", "code", "reason"),
    [
        ([{"x": str(n), "y": "a"} for n in range(40)], {"target": "y"}, "bad_target", "constant"),
        ([{"x": str(n), "y": "ab"[n % 2]} for n in range(40)], {"target": "z"}, "bad_target", "missing"),
        ([{"x": str(n), "y": f"w{n}"} for n in range(90)], {"target": "y"}, "bad_target", "too_many"),
        ([{"x": str(n), "y": f"w{n // 3}"} for n in range(900)], {"target": "y"}, "bad_target", "too_many"),
        ([{"x": str(n), "y": "a" if n else "b"} for n in range(40)], {"target": "y"}, "bad_target", "one_class"),
        ([{"x": str(n), "y": "ab"[n % 2]} for n in range(12)], {}, "few_rows", None),
        ([{"x": "same", "y": "ab"[n % 2]} for n in range(40)], {}, "no_inputs", None),
    ],
)
def test_what_cannot_be_predicted_is_said_with_the_columns(
    tmp_path: Path, table: list[dict[str, str]], request_: dict[str, Any], code: str, reason: str | None
) -> None:
    answer = look(write_table(tmp_path / "t.csv", table), **request_)
    assert (answer["ok"], answer["code"], answer["values"].get("reason")) == (False, code, reason)
    assert [column["name"] for column in answer["columns"]] == ["x", "y"]


def question_of(path: Path, **data: Any) -> tables.Question:
    return tables.ask(path, data, nothing)


def test_rare_classes_and_rows_without_truth_are_left_out_and_said(tmp_path: Path) -> None:
    table = [{"x": str(n), "y": "ab"[n % 2]} for n in range(60)]
    table[3]["y"] = "once"
    table[4]["y"] = ""
    question = question_of(write_table(tmp_path / "t.csv", table))
    assert len(question.rows) == 58
    found = {remark["code"]: remark["values"] for remark in question.remarks}
    assert found["rare_classes"]["classes"] == {"once": 1}
    assert found["no_truth"] == {"count": 1, "name": "y"}


@pytest.mark.parametrize("seed", range(12))
def test_splits_are_whole_apart_and_steady(tmp_path: Path, seed: int) -> None:
    """Whatever the table: every row in one split, equal rows together, each class in training, the same again."""
    chance = random.Random(seed)
    count = chance.randint(24, 300)
    words = [f"c{n}" for n in range(chance.randint(2, 4))]
    table = [{"x": str(chance.randint(0, count)), "y": chance.choice(words)} for _ in range(count)]
    table += [{"x": "7", "y": words[0]}] * chance.randint(0, 20)
    chance.shuffle(table)
    question = question_of(write_table(tmp_path / "t.csv", table))
    keys = tables.row_keys(question)
    parts = tables.split(question, keys, seed)
    places = sorted(place for part in parts.values() for place in part)
    assert places == list(range(len(question.rows)))
    for key in set(keys):
        assert sum(any(keys[place] == key for place in part) for part in parts.values()) == 1
    assert {question.truth[place] for place in parts["train"]} == set(question.truth)
    assert tables.split(question, keys, seed) == parts
    assert min(map(len, parts.values())) > 0
    assert len(parts["train"]) >= len(question.rows) / 2


def test_a_new_row_moves_few_others(tmp_path: Path) -> None:
    table = rows(200)

    def tested(count: int) -> set[str]:
        question = question_of(write_table(tmp_path / "t.csv", table[:count]))
        parts = tables.split(question, tables.row_keys(question), 0)
        return {table[question.rows[place]]["id"] for place in parts["test"]}

    assert len(tested(199) ^ tested(200)) <= 2


def test_the_fingerprint_tells_changes_of_cells_and_of_what_is_asked(tmp_path: Path) -> None:
    def fingerprint(table: list[dict[str, str]], **data: Any) -> str:
        question = question_of(write_table(tmp_path / "t.csv", table), **data)
        return tables.fingerprint(question, tables.row_keys(question))

    table = rows(80)
    changed = [dict(row) for row in table]
    changed[40]["price"] = "99"
    found = [fingerprint(table), fingerprint(changed), fingerprint(table, target="price")]
    found.append(fingerprint(table, leave_out=["price"]))
    assert len(set(found)) == 4
    assert fingerprint(table) == found[0]


def test_the_errand_looks_at_a_table(tmp_path: Path) -> None:
    path = write_table(tmp_path / "fruit.csv", rows(100))
    answer = errand(tmp_path / "errand", "inspect", {"task": "tabular", "folder": str(path), "seed": 0})
    assert answer["ok"], answer
    assert answer["target"] == "kind"
    lines = (tmp_path / "errand" / "progress.jsonl").read_text(encoding="ascii").splitlines()
    assert lines


def test_an_empty_table_object_counts_its_rows() -> None:
    assert Table(Path("t"), ("a",), (("1", "2"),), (2, 3)).rows == 2
