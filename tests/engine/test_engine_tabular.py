"""Trainings on tables: a class or a number, exact after a kill, compared with simple methods, used without AIEnv."""

from __future__ import annotations

import importlib.util
import random
import runpy
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aienv_gui.engine import protocol
from aienv_gui.engine.model_folder import load_model
from aienv_gui.engine.models import dense
from aienv_gui.engine.protocol import Command, Event
from aienv_gui.engine.tasks import baselines
from tests.engine.engine_runs import curve, errand, events, make_run, predict, start, train, until, weights
from tests.fakes.tables import rows, write_table

NETWORK = {"architecture": "dense", "options": {"widths": [24, 16], "activation": "silu", "dropout": 0.1}}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("tables") / "fruit.csv", rows(400))


def make(run: Path, table: Path, *, target: str = "kind", **changes: Any) -> Path:
    settings = {"epochs": 30, "batch_size": 16, "learning_rate": 0.01, **changes.pop("settings", {})}
    data = {"folder": str(table), "target": target}
    return make_run(run, table, task="tabular", data=data, model=NETWORK, settings=settings, **changes)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    run = make(tmp_path_factory.mktemp("tabular") / "classes", table)
    assert train(run) == 0
    return run


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    run = make(tmp_path_factory.mktemp("tabular") / "numbers", table, target="price")
    assert train(run) == 0
    return run


@pytest.mark.slow
def test_classes_are_learnt_and_compared(classes: Path) -> None:
    started = events(classes, Event.STARTED)[-1]["data"]
    assert (started["target"], started["predicts"]) == ("kind", "classes")
    assert started["classes"] == ["apple", "melon", "pear"]
    found = events(classes, Event.EVALUATED)[-1]
    assert found["accuracy"] > 0.9
    reached = {baseline["name"]: baseline["accuracy"] for baseline in found["baselines"]}
    assert set(reached) == {"guessing", "linear", "boosted"}
    assert reached["guessing"] < 0.75 < reached["boosted"] <= 1
    tested = started["counts"]["test"]
    assert reached["guessing"] == pytest.approx(max(tested.values()) / sum(tested.values()))
    assert all(one["path"].startswith("fruit.csv:") for one in found["worst"])


@pytest.mark.slow
def test_numbers_are_learnt_and_compared(numbers: Path) -> None:
    started = events(numbers, Event.STARTED)[-1]["data"]
    assert (started["target"], started["predicts"], started["classes"]) == ("price", "number", [])
    found = events(numbers, Event.EVALUATED)[-1]
    assert found["accuracy"] > 0.9
    pairs = torch.tensor(found["pairs"], dtype=torch.float64)
    truth, answers = pairs.T
    assert len(pairs) == found["examples"]
    assert found["mean_error"] == pytest.approx(float((truth - answers).abs().mean()))
    explained = 1 - float((truth - answers).square().mean() / truth.var(correction=0))
    assert found["accuracy"] == pytest.approx(explained)
    assert {baseline["name"] for baseline in found["baselines"]} == {"linear", "boosted"}
    worst = [abs(float(one["truth"]) - float(one["answer"])) for one in found["worst"]]
    assert worst == sorted(worst, reverse=True)


def reached(run: Path, attempt: int, step: int, _found: object) -> bool:
    return len(events(run, Event.STARTED)) == attempt and max(curve(run), default=0) >= step


@pytest.mark.slow
@pytest.mark.parametrize("target", ["kind", "price"])
def test_killed_at_random_moments_it_goes_on_exactly(
    tmp_path: Path, table: Path, classes: Path, numbers: Path, target: str
) -> None:
    reference = {"kind": classes, "price": numbers}[target]
    steps = max(curve(reference))
    chance = random.Random(target)
    run = make(tmp_path / "run", table, target=target, checkpoint_seconds=0.05)
    for attempt in (1, 2):
        process = start(run)
        goal = min(steps - 20, max(curve(run), default=0) + chance.randint(20, 200))
        until(run, partial(reached, run, attempt, goal), process)
        process.kill()
        process.wait()
    assert train(run) == 0
    assert curve(run) == curve(reference)
    assert all(torch.equal(value, weights(reference)[name]) for name, value in weights(run).items())
    judged = [{**events(one, Event.EVALUATED)[-1], "time": 0} for one in (run, reference)]
    assert judged[0] == judged[1]


@pytest.mark.slow
def test_a_changed_table_is_refused(tmp_path: Path) -> None:
    table = rows(120)
    path = write_table(tmp_path / "fruit.csv", table)
    run = make(tmp_path / "run", path, settings={"epochs": 1000}, checkpoint_seconds=0.0)
    process = start(run)
    until(run, lambda found: any(event["event"] == Event.CHECKPOINT for event in found), process)
    process.kill()
    process.wait()
    table[7]["price"] = "1000"
    write_table(path, table)
    assert train(run) == 1
    assert events(run, Event.FAILED)[-1]["code"] == "data_changed"


@pytest.mark.slow
def test_a_model_answers_rows_and_remarks_what_it_never_saw(classes: Path, numbers: Path, tmp_path: Path) -> None:
    fruit = [
        {"weight": "250", "colour": "green", "picked": "2026-05-05", "price": "6.0"},
        {"weight": "100", "colour": "red", "picked": "2026-05-05", "price": "3.0"},
        {"weight": "9000", "colour": "violet", "picked": "soon", "price": ""},
    ]
    request = {"model": str(classes / "model"), "rows": fruit}
    answer = errand(tmp_path / "errand", "predict", request)
    assert answer["ok"], answer
    melon, apple, odd = answer["results"]
    assert (melon["top"][0]["class"], apple["top"][0]["class"]) == ("melon", "apple")
    assert melon["warnings"] == []
    assert sum(one["probability"] for one in melon["top"]) == pytest.approx(1)
    assert [warning["code"] for warning in odd["warnings"]] == ["out_of_range", "unknown_value", "no_number"]
    (costs,) = predict(numbers / "model", {"rows": fruit[:1]})
    assert costs["value"] == pytest.approx(250 * 0.02 + 0.5, abs=0.7)


@pytest.mark.slow
def test_the_source_beside_the_model_is_all_that_is_needed(classes: Path) -> None:
    folder = classes / "model"
    card = protocol.read_json(folder / protocol.CARD)
    source = runpy.run_path(str(folder / "network.py"))
    network = source["of_card"](card)
    network.load_state_dict(load_file(folder / protocol.WEIGHTS))
    row = {"weight": 250.0, "colour": "green", "picked": 20578.0, "price": 6.0}
    scores = network(source["encode"](card["input"]["columns"], [row]))
    assert card["classes"][int(scores.argmax())] == "melon"
    ours, _, _ = load_model(folder)
    assert torch.equal(scores, ours(dense.encode(card["input"]["columns"], [row])))


def test_columns_become_numbers_by_what_the_card_says() -> None:
    number = {"name": "n", "kind": "number", "mean": 10.0, "std": 2.0}
    assert dense.encode_column(number, [14.0, None]).tolist() == [[2.0, 0.0], [0.0, 1.0]]
    words = {"name": "w", "kind": "category", "values": ["a", "b"]}
    assert dense.encode_column(words, ["b", "new", None]).tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 1]]
    date = {"name": "d", "kind": "date", "mean": 0.0, "std": 1.0}
    encoded = dense.encode_column(date, [7.0, None])
    assert encoded.shape == (2, dense.width(date))
    assert encoded[0, 4:].tolist() == pytest.approx([0.0, 1.0], abs=1e-5)
    assert encoded[1].tolist() == [0, 1, 0, 0, 0, 0]
    row = {"n": 14.0, "w": "b"}
    assert dense.encode([number, words], [row]).tolist() == [[2, 0, 0, 1, 0]]


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "gelu", "silu"])
@pytest.mark.parametrize("widths", [[], [4], [8, 4]])
def test_dense_networks_take_any_batch_in_training(activation: str, widths: list[int]) -> None:
    options = {"widths": widths, "activation": activation, "dropout": 0.2, "normalise": True}
    network = dense.build("dense", options, 5, 3)
    for size in (1, 2, 7):
        assert network(torch.zeros(size, 5)).shape == (size, 3)


@pytest.mark.parametrize(("architecture", "options"), [("other", {}), ("dense", {"activation": "magic"})])
def test_what_cannot_be_built_is_named(architecture: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"architecture|activation"):
        dense.build(architecture, options, 3, 2)


# Put in the place of the comparison in the run's own copy of the engine.
_COMPARISON = """

def _classifiers(*_arguments):
    import time

    {what}
"""


@pytest.mark.slow
def test_a_stop_is_heard_while_simple_methods_are_tried(tmp_path: Path, table: Path) -> None:
    run = make(tmp_path / "run", table, settings={"epochs": 1})
    with open(run / "engine" / "tasks" / "baselines.py", "a", encoding="utf-8") as module:
        module.write(_COMPARISON.format(what="time.sleep(600)"))
    process = start(run)
    until(run, lambda found: any(event.get("name") == "testing" for event in found), process)
    asked = time.monotonic()
    protocol.send_command(run, Command.STOP)
    assert process.wait(60) == 0
    assert time.monotonic() - asked < 10  # seconds rather than minutes, on a machine that is busy
    assert events(run, Event.FINISHED)[-1]["outcome"] == "stopped"
    assert load_model(run / "model")


@pytest.mark.slow
def test_a_comparison_that_fails_costs_nothing_else(tmp_path: Path, table: Path) -> None:
    run = make(tmp_path / "run", table, settings={"epochs": 1})
    with open(run / "engine" / "tasks" / "baselines.py", "a", encoding="utf-8") as module:
        module.write(_COMPARISON.format(what="raise ZeroDivisionError"))
    assert train(run) == 0
    found = events(run, Event.EVALUATED)[-1]
    assert [baseline["name"] for baseline in found["baselines"]] == ["guessing"]
    assert "ZeroDivisionError" in (run / protocol.LOG).read_text(encoding="utf-8")


def test_what_the_comparison_takes_grows_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def most(rows: int, columns: int, classes: int) -> float:
        return baselines.comparing_tables(torch.empty(rows, columns), torch.arange(rows), classes)[1]

    small = most(400, 30, 2)
    assert most(400, 30, 1) == small
    assert small < most(10_000, 30, 2) < most(10_000, 100, 2) < most(10_000, 100, 5)
    assert most(1_000_000, 30, 2) == most(10_000, 30, 2), "of more rows so many are taken"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert most(400, 30, 2) == 0.0
