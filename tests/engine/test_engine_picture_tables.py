"""Tables that name pictures, as users have them: all spellings of a file, all that can be wrong with a row."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from aienv_gui.engine import protocol
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.recipe import read_recipe
from aienv_gui.engine.tasks import image_classification, pictures
from tests.engine.engine_runs import ENGINE, errand, events, make_run, predict, train
from tests.fakes.pictures import SHAPES, write_picture_table, write_pictures, write_rows

AUTO: dict[str, Any] = {"channels": "auto", "size": "auto"}
Rows = list[dict[str, str]]


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def inspect(table: Path, **request: Any) -> dict[str, Any]:
    return pictures.inspect({"folder": str(table), **request}, AUTO, nothing)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rows]:
    """A table of 48 pictures; not to be changed."""
    table = tmp_path_factory.mktemp("named") / "labels.csv"
    return table, write_picture_table(table, each=12)


@pytest.fixture
def table(drawn: tuple[Path, Rows], tmp_path: Path) -> tuple[Path, Rows]:
    """The same, to be changed."""
    shutil.copytree(drawn[0].parent, tmp_path / "named")
    return tmp_path / "named" / "labels.csv", [dict(row) for row in drawn[1]]


def test_the_columns_are_guessed(drawn: tuple[Path, Rows]) -> None:
    path, rows = drawn
    answer = inspect(path, seed=3, examples=1)
    assert answer["ok"]
    assert (answer["columns"], answer["files"], answer["target"]) == (["id", "file", "shape"], "file", "shape")
    assert answer["classes"] == [{"name": name, "pictures": 12} for name in sorted(SHAPES)]
    assert answer["broken"] == answer["warnings"] == []
    assert answer["input"] == {"channels": 1, "height": 28, "width": 28}
    truth = {row["file"]: row["shape"] for row in rows}
    assert [(one["class"], truth[one["path"]]) for one in answer["examples"]] == [
        (name, name) for name in sorted(SHAPES)
    ]
    assert {name: sum(counts.values()) for name, counts in answer["split"].items()} == {
        "train": 40,
        "validation": 4,
        "test": 4,
    }


def test_folders_and_a_table_of_the_same_pictures_are_split_alike(drawn: tuple[Path, Rows], tmp_path: Path) -> None:
    path, rows = drawn
    for row in rows:
        (tmp_path / row["shape"]).mkdir(exist_ok=True)
        shutil.copy(path.parent / row["file"], tmp_path / row["shape"])
    parts = []
    for source in (path, tmp_path):
        seen = pictures.survey(pictures.find(source, {}))
        split = pictures.split(seen.found, seen.digests, 5)
        parts.append({name: {seen.digests[index] for index in indices} for name, indices in split.items()})
    assert parts[0] == parts[1]


@pytest.mark.parametrize("kind", ["tsv", "semicolons", "jsonl", "xlsx", "headless"])
def test_every_kind_of_table(table: tuple[Path, Rows], kind: str) -> None:
    path, rows = table
    path = path.with_suffix({"semicolons": ".csv", "headless": ".csv"}.get(kind, f".{kind}"))
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif kind == "xlsx":
        book = openpyxl.Workbook()
        for cells in (list(rows[0]), *(list(row.values()) for row in rows)):
            book.worksheets[0].append(cells)
        book.save(path)
    elif kind == "headless":
        path.write_text("".join(f"{number},{row['file']},{row['shape']}\n" for number, row in enumerate(rows)))
    else:
        write_rows(path, rows, delimiter="\t" if kind == "tsv" else ";")
    answer = inspect(path)
    assert answer["ok"], answer
    assert answer["pictures"] == 48
    assert answer["broken"] == []


def test_a_file_is_the_same_however_it_is_written(table: tuple[Path, Rows]) -> None:
    path, rows = table
    spellings = (
        lambda name: name.replace("/", "\\"),
        lambda name: f"./{name}",
        lambda name: f"images/../{name}",
        lambda name: str(path.parent / name),
    )
    for number, row in enumerate(rows):
        row["file"] = spellings[number % 4](row["file"])
    write_rows(path, rows)
    assert inspect(path)["fingerprint"] == inspect_original(path, rows)

    (path.parent / "elsewhere").mkdir()
    other = path.parent / "elsewhere" / "labels.csv"
    write_rows(other, [{**row, "file": str(path.parent / row["file"].replace("\\", "/"))} for row in rows[:24]])
    there = inspect(other)
    assert there["ok"], there
    assert Path(there["examples"][0]["path"]).is_absolute()
    relative = [{**row, "file": f"../images/{number:03d}.png"} for number, row in enumerate(rows)]
    write_rows(other, relative)
    assert inspect(other)["pictures"] == 48


def inspect_original(path: Path, rows: Rows) -> str:
    """The fingerprint of the table with its names as they were."""
    write_rows(path, [{**row, "file": f"images/{number:03d}.png"} for number, row in enumerate(rows)])
    answer = inspect(path)
    assert answer["pictures"] == 48
    return str(answer["fingerprint"])


def test_all_that_is_wrong_with_rows_is_told_with_its_line_and_can_be_agreed_to(table: tuple[Path, Rows]) -> None:
    path, rows = table
    rows[0]["file"] = "images/gone.png"
    rows[1]["shape"] = ""
    rows[2]["file"] = ""
    rows[3]["file"] = "images"
    rows.append({**rows[5], "shape": "dot"})
    rows.append(rows[6])
    (path.parent / rows[7]["file"]).write_bytes(b"no picture")
    write_rows(path, rows)
    answer = inspect(path)
    assert answer["ok"], answer
    told = {fault["path"]: (fault["reason"], fault["line"]) for fault in answer["broken"]}
    assert told == {
        "images/gone.png": ("missing", 2),
        "labels.csv:3": ("no_label", 3),
        "labels.csv:4": ("no_file_name", 4),
        "images": ("folder", 5),
        "images/005.png": ("two_labels", 7),
        "images/007.png": ("not_a_picture", 9),
    }
    two = next(fault for fault in answer["broken"] if fault["reason"] == "two_labels")
    assert two["labels"] == {"across": 7, "dot": 50}
    assert {"code": "named_again", "values": {"count": 1}} in answer["warnings"]
    agreed = inspect(path, skip=list(told))
    assert agreed["broken"] == []
    assert agreed["pictures"] == answer["pictures"] == 48 - 6
    assert agreed["fingerprint"] == answer["fingerprint"]


def test_rare_classes_are_left_out_and_a_column_that_is_none_is_refused(table: tuple[Path, Rows]) -> None:
    path, rows = table
    rows[0]["shape"] = rows[1]["shape"] = "seldom"
    write_rows(path, rows)
    answer = inspect(path)
    assert answer["ok"]
    assert "seldom" not in [one["name"] for one in answer["classes"]]
    assert {"code": "rare_classes", "values": {"classes": {"seldom": 2}, "minimum": 3}} in answer["warnings"]
    refused = inspect(path, target="id")
    assert (refused["code"], refused["values"]["reason"]) == ("bad_target", "too_many")
    assert refused["columns"] == ["id", "file", "shape"]
    absent = inspect(path, target="colour")
    assert (absent["code"], absent["values"]["reason"], absent["columns"]) == (
        "bad_target",
        "missing",
        refused["columns"],
    )


def test_the_other_column_is_the_class_also_where_it_holds_numbers(table: tuple[Path, Rows]) -> None:
    path, rows = table
    write_rows(path, [{"picture": row["file"], "kind": str(SHAPES.index(row["shape"]))} for row in rows])
    answer = inspect(path)
    assert (answer["files"], answer["target"]) == ("picture", "kind")
    assert [one["name"] for one in answer["classes"]] == ["0", "1", "2", "3"]


def test_names_of_files_that_are_nowhere_are_told_with_one_of_them(table: tuple[Path, Rows]) -> None:
    path, rows = table
    write_rows(path, [{**row, "file": f"D:\\photos\\{row['file']}"} for row in rows])
    answer = inspect(path)
    assert (answer["ok"], answer["code"]) == (False, "no_named_pictures")
    values = {"name": "file", "line": 2, "cell": "D:\\photos\\images/000.png", "base": str(path.parent)}
    assert answer["values"].items() >= values.items()
    assert answer["columns"] == ["id", "file", "shape"]


def test_a_file_that_is_no_table_and_one_that_is_gone_are_told(tmp_path: Path) -> None:
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\0\0\0\0")
    answer = errand(tmp_path / "errand", "inspect", {"folder": str(tmp_path / "picture.csv")})
    assert (answer["ok"], answer["code"], answer["values"]["reason"]) == (False, "not_a_table", "binary")
    for name, code in (("gone.csv", "no_file"), ("gone", "no_folder")):
        with pytest.raises(Failure, match=code):
            pictures.find(tmp_path / name, {})


def test_looking_at_a_table_of_pictures_needs_no_pytorch(drawn: tuple[Path, Rows], tmp_path: Path) -> None:
    protocol.write_json(tmp_path / "request.json", {"folder": str(drawn[0])})
    script = (
        "import runpy, sys; sys.argv = ['engine', 'inspect', sys.argv[1]]\n"
        f"try: runpy.run_path({str(ENGINE / '__main__.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-I", "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.split() == ["0", "False"]


@pytest.mark.slow
def test_it_trains_on_a_table_and_its_model_answers(table: tuple[Path, Rows], tmp_path: Path) -> None:
    path, rows = table
    rows[0]["shape"] = ""
    rows[1]["file"] = "images/gone.png"
    write_rows(path, rows)
    with pytest.raises(Failure) as caught:
        image_classification.load(read_recipe(make_run(tmp_path / "refused", path)), nothing)
    assert (caught.value.code, caught.value.values["count"]) == ("broken_pictures", 2)
    assert [fault["line"] for fault in caught.value.values["faults"]] == [2, 3]

    data = {"folder": str(path), "files": "file", "target": "shape", "skip": ["labels.csv:2", "images/gone.png"]}
    run = make_run(tmp_path / "run", path, data=data, settings={"epochs": 2})
    assert train(run) == 0
    (started,) = events(run, Event.STARTED)
    assert (started["data"]["files"], started["data"]["target"]) == ("file", "shape")
    assert sum(started["data"]["counts"]["train"].values()) == 38
    card = protocol.read_json(run / "model" / protocol.CARD)
    assert card["classes"] == sorted(SHAPES)
    assert card["data"]["folder"] == str(path)
    for mistake in card["evaluation"]["worst"]:
        assert (path.parent / mistake["path"]).is_file()
    (answer,) = predict(run / "model", {"pictures": [str(path.parent / rows[5]["file"])], "top": 4})
    assert len(answer["top"]) == 4

    rows[9]["shape"] = "dot"
    write_rows(path, rows)
    now, _ = image_classification.load(read_recipe(run), nothing)
    assert now.fingerprint != card["data"]["fingerprint"]


def test_a_folder_of_folders_is_no_table(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "data.csv", classes=("a", "b"), each=4)
    answer = inspect(folder)
    assert answer["ok"]
    assert "columns" not in answer
