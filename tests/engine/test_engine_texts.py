"""Texts as users have them: folders, tables, JSON lines, English and Chinese; what is no good has its code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.engine.failures import Failure
from aienv_gui.engine.tasks import texts
from aienv_gui.engine.tasks.table_files import read_table
from tests.engine.engine_runs import errand
from tests.fakes.tables import write_table
from tests.fakes.texts import sentences, write_folder


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def look(path: Path, **request: Any) -> dict[str, Any]:
    return texts.inspect({"folder": str(path), **request}, {}, nothing)


def as_rows(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"number": str(n), "said": text, "mood": name} for n, (text, name) in enumerate(pairs)]


@pytest.mark.parametrize("language", [0, 1])
def test_folders_and_tables_say_the_same(tmp_path: Path, language: int) -> None:
    pairs = sentences(80, language=language)
    folder = look(write_folder(tmp_path / "文 本", pairs))
    table = look(write_table(tmp_path / "said.csv", as_rows(pairs)))
    for answer in (folder, table):
        assert answer["ok"], answer
        assert answer["texts"] == 80
        assert answer["classes"] == [{"name": "bad", "texts": 40}, {"name": "good", "texts": 40}]
        assert [one["class"] for one in answer["examples"]] in (["bad", "good"] * 3, ["good", "bad"] * 3)
    assert (folder["columns"], folder["text"], folder["target"]) == ([], "", "")
    assert (table["columns"], table["text"], table["target"]) == (["number", "said", "mood"], "said", "mood")
    assert {name: sum(counts.values()) for name, counts in folder["split"].items()} == {
        name: sum(counts.values()) for name, counts in table["split"].items()
    }


def test_json_lines_are_a_table(tmp_path: Path) -> None:
    pairs = sentences(60)
    path = tmp_path / "said.jsonl"
    lines = [
        json.dumps({"label": name, "text": text, **({"extra": 1} if text[0] == "a" else {})}) for text, name in pairs
    ]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    answer = look(path)
    assert answer["ok"], answer
    assert (answer["text"], answer["target"], answer["texts"]) == ("text", "label", 60)
    path.write_text('{"text": "a"}\n{"text": \n', encoding="utf-8")
    with pytest.raises(Failure) as caught:
        read_table(path)
    assert (caught.value.code, caught.value.values["line"]) == ("bad_row", 2)
    path.write_text("[1, 2]\n", encoding="utf-8")
    with pytest.raises(Failure) as caught:
        read_table(path)
    assert caught.value.code == "bad_row"


def test_other_columns_can_be_chosen(tmp_path: Path) -> None:
    rows = as_rows(sentences(60))
    for number, row in enumerate(rows):
        row["season"] = ("spring", "autumn", "winter")[number % 3]
    path = write_table(tmp_path / "said.csv", rows)
    assert look(path)["target"] == "season"
    answer = look(path, text="said", target="mood")
    assert (answer["text"], answer["target"]) == ("said", "mood")
    wrong = look(path, target="nowhere")
    assert (wrong["ok"], wrong["code"], wrong["columns"]) == (False, "bad_target", list(rows[0]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_files_in_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    pairs = sentences(40, language=1)
    corpus = texts.read(write_folder(tmp_path / "t", pairs, encoding=encoding), {}, nothing)
    assert sorted(corpus.texts) == sorted(text for text, _ in pairs)


def test_hidden_empty_and_other_files_are_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "t", sentences(40))
    (folder / "good" / ".hidden.txt").write_text("hidden", encoding="utf-8")
    (folder / "good" / "empty.txt").write_text(" \n", encoding="utf-8")
    (folder / "good" / "picture.png").write_bytes(b"\x89PNG")
    (folder / "loose.txt").write_text("loose", encoding="utf-8")
    assert look(folder)["texts"] == 40


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([], "no_texts"),
        (sentences(12), "few_rows"),
        ([(text, "good") for text, _ in sentences(40)], "bad_target"),
        ([(text, f"class {number}") for number, (text, _) in enumerate(sentences(40))], "bad_target"),
    ],
)
def test_what_cannot_be_learnt_is_named(tmp_path: Path, pairs: list[tuple[str, str]], code: str) -> None:
    (tmp_path / "t").mkdir()
    answer = look(write_folder(tmp_path / "t", pairs))
    assert (answer["ok"], answer["code"]) == (False, code)


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert look(tmp_path / "gone")["code"] == "no_folder"


def test_copies_are_kept_together_and_said(tmp_path: Path) -> None:
    pairs = sentences(60) + [("the same  again", "good")] * 3 + [("the same again", "good")] * 3
    corpus = texts.read(write_folder(tmp_path / "t", pairs), {}, nothing)
    parts = texts.split(corpus, 5)
    same = {name for name, places in parts.items() for place in places if corpus.texts[place].startswith("the same")}
    assert len(same) == 1
    assert {remark["code"]: remark["values"] for remark in texts.remarks(corpus)}["same_row"] == {"count": 5}


def test_the_fingerprint_tells_changes(tmp_path: Path) -> None:
    pairs = sentences(40)
    first = look(write_folder(tmp_path / "a", pairs))["fingerprint"]
    pairs[3] = (pairs[3][0] + "!", pairs[3][1])
    assert look(write_folder(tmp_path / "b", pairs))["fingerprint"] != first


def test_the_errand_looks_at_texts(tmp_path: Path) -> None:
    request = {"task": "text_classification", "folder": str(write_folder(tmp_path / "t", sentences(40)))}
    assert errand(tmp_path / "errand", "inspect", request)["texts"] == 40
