"""Language models: text read and split, the next character learnt, exact after a kill, written on with us and alone."""

from __future__ import annotations

import itertools
import math
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aienv_gui.engine import protocol
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.models import causal
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.recipe import read_recipe
from aienv_gui.engine.tasks import language_model, running_text
from tests.engine import writing_runs
from tests.engine.engine_runs import curve, events, kill_at, predict, same_weights, train
from tests.engine.writing_runs import nothing, write_book
from tests.fakes.tables import write_table
from tests.fakes.texts import sentences, write_folder

OPTIONS: dict[str, Any] = {"context": 16, "width": 16, "heads": 2, "layers": 1, "dropout": 0.1}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_book(tmp_path_factory.mktemp("text"), "\r\n")


def make(run: Path, book: Path, **changes: Any) -> Path:
    return writing_runs.make(run, book, OPTIONS, 3, **changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, book: Path) -> Path:
    made = make(tmp_path_factory.mktemp("gpt") / "run", book)
    assert train(made) == 0
    return made


@pytest.mark.slow
def test_it_learns_more_than_what_follows_the_last_character(run: Path) -> None:
    started = events(run, Event.STARTED)[-1]["data"]
    assert (started["classes"], started["predicts"]) == ([], "text")
    found = events(run, Event.EVALUATED)[-1]
    reached = {baseline["name"]: baseline["accuracy"] for baseline in found["baselines"]}
    assert reached["guessing"] < reached["pairs"] < found["accuracy"]
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))
    assert found["bits_per_character"] == pytest.approx(math.log2(found["perplexity"]))
    assert "characters" not in found
    assert found["examples"] == started["counts"]["test"]["text"]


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_exactly(tmp_path: Path, book: Path, run: Path) -> None:
    other = make(tmp_path / "run", book, checkpoint_seconds=0.05)
    kill_at(other, 60)
    assert train(other) == 0
    assert curve(other) == curve(run)
    assert same_weights(other, run)


@pytest.mark.slow
def test_it_writes_on_the_same_for_the_same_seed_with_and_without_aienv(run: Path) -> None:
    request = {"beginning": "the day ", "length": 60, "seed": 5}
    (answer,) = predict(run / "model", request)
    written = answer["text"]
    assert len(written) == 60
    assert predict(run / "model", {**request, "seed": 6})[0]["text"] != written
    assert len(predict(run / "model", {**request, "beginning": ""})[0]["text"]) == 60

    card = protocol.read_json(run / "model" / protocol.CARD)
    source = runpy.run_path(str(run / "model" / "network.py"))
    alone = source["of_card"](card)
    alone.load_state_dict(load_file(run / "model" / protocol.WEIGHTS))
    assert source["generate"](alone, card["input"], "the day ", 60, seed=5) == written


def test_later_characters_do_not_change_what_is_said_of_earlier_ones() -> None:
    torch.manual_seed(0)
    network = causal.build("gpt", OPTIONS, 12, 16).eval()
    texts = torch.randint(1, 12, (2, 16))
    changed = texts.clone()
    changed[:, 10:] = 3
    assert torch.allclose(network(texts)[:, :10], network(changed)[:, :10], atol=1e-5)


def test_near_no_temperature_it_writes_the_likeliest() -> None:
    torch.manual_seed(1)
    network = causal.build("gpt", OPTIONS, 5, 16).eval()
    wanted = {"vocabulary": list("abcd"), "context": 16}
    first = causal.generate(network, wanted, "ab", 30, temperature=0.0, seed=1)
    assert first == causal.generate(network, wanted, "ab", 30, temperature=0.0, seed=2)
    assert set(first) <= set("abcd")
    assert first != causal.generate(network, wanted, "ab", 30, temperature=2.0, seed=2)


@pytest.mark.parametrize("seed", range(6))
def test_the_splits_cover_the_text_and_do_not_overlap(book: Path, seed: int) -> None:
    running = running_text.read(book, {}, nothing)
    parts = running_text.split(running, seed)
    covered = sorted(stretch for part in parts.values() for stretch in part)
    assert covered[0][0] == 0
    assert covered[-1][1] == len(running.text)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(covered))
    sizes = {name: sum(stop - start for start, stop in part) / len(running.text) for name, part in parts.items()}
    assert sizes["train"] == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("more", [0, 1, 500, 999])
def test_a_short_end_is_no_split_of_its_own(tmp_path: Path, book: Path, more: int) -> None:
    running = running_text.read(book, {}, nothing)
    cut = replace(running, text=running.text[: 10_000 + more])
    for seed in range(20):
        parts = running_text.split(cut, seed)
        assert min(sum(stop - start for start, stop in part) for part in parts.values()) >= 1000
        assert sum(stop - start for part in parts.values() for start, stop in part) == 10_000 + more


def test_a_text_that_only_repeats_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "same.txt").write_text("all work and no play " * 1000, encoding="utf-8")  # 21 characters, 1000 times
    (tmp_path / "block.txt").write_text(f"{'no play ' * 125}" * 20, encoding="utf-8")
    same, block = (read_recipe(make(tmp_path / name, tmp_path / f"{name}.txt")) for name in ("same", "block"))
    assert language_model.load(same, nothing)[0].context == OPTIONS["context"]
    with pytest.raises(Failure) as caught:
        language_model.load(block, nothing)
    assert caught.value.code == "short_text"


def test_files_folders_and_tables_are_read(tmp_path: Path, book: Path) -> None:
    pairs = sentences(400)
    folder = write_folder(tmp_path / "folder", pairs)
    rows = [{"said": text, "mood": name} for text, name in pairs]
    table = write_table(tmp_path / "said.csv", rows)
    lengths = {len(running_text.read(path, {}, nothing).text) for path in (book, folder, table)}
    assert max(lengths) - min(lengths) <= 1
    answer = running_text.inspect({"folder": str(table)}, {}, nothing)
    assert (answer["ok"], answer["text"], answer["columns"]) == (True, "said", ["said", "mood"])
    assert "\r" not in running_text.read(book, {}, nothing).text


@pytest.mark.parametrize(
    ("name", "code"), [("gone.txt", "no_file"), ("short.txt", "short_text"), ("empty", "no_texts")]
)
def test_what_cannot_be_learnt_from_is_named(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "short.txt").write_text("too short", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Failure) as caught:
        running_text.read(tmp_path / name, {}, nothing)
    assert (caught.value.code, caught.value.values["path"]) == (code, str(tmp_path / name))


@pytest.mark.parametrize(("architecture", "options"), [("other", {}), ("gpt", {"width": 10, "heads": 4})])
def test_what_cannot_be_built_is_named(architecture: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"architecture|heads"):
        causal.build(architecture, options, 10, 5)
