"""The finished model: its card, its use without AIEnv, and predictions on pictures of all kinds."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file

from aienv_gui.engine import protocol
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.model_folder import load_model
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.tasks import picture_files
from tests.engine.engine_runs import errand, events, make_run, train
from tests.fakes.pictures import SHAPES, draw, write_pictures

pytestmark = pytest.mark.slow
TEN_LINES = Path(__file__).with_name("ten_lines.py")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    pictures = write_pictures(folder / "shapes", each=40)
    made = make_run(
        folder / "run",
        pictures,
        model={"architecture": "compact_convnet", "options": {"channels": 1, "size": 16, "widths": [16, 32]}},
        settings={"epochs": 40, "learning_rate": 0.02},
    )
    assert train(made) == 0
    return made


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def ask(run: Path, *pictures: Path, **request: Any) -> list[dict[str, Any]]:
    wanted = {"model": str(run / "model"), "pictures": [str(path) for path in pictures], **request}
    network, card, learner = load_model(run / "model")
    return learner.predict(network, card, wanted, nothing)


def test_the_card_tells_all_that_is_known(run: Path) -> None:
    card = protocol.read_json(run / "model" / protocol.CARD)
    assert card["classes"] == sorted(SHAPES)
    assert card["input"]["shape"] == [1, 16, 16]
    assert 0 < card["input"]["mean"][0] < 1
    assert card["outcome"] == "completed"
    assert card["settings"]["epochs"] == 40
    counts = card["data"]["counts"]
    assert counts["train"] == {**dict.fromkeys(sorted(SHAPES), 32), "down": 31}  # of which two are equal: kept together
    tested = sum(counts["test"].values())
    assert set(card["versions"]) == {"python", "torch", "numpy"}
    evaluated = events(run, Event.EVALUATED)[-1]
    assert card["evaluation"]["accuracy"] == evaluated["accuracy"]
    assert card["evaluation"]["confusion"] == evaluated["confusion"]
    assert sum(map(sum, evaluated["confusion"])) == tested
    right = sum(row[number] for number, row in enumerate(evaluated["confusion"]))
    assert evaluated["accuracy"] == right / tested
    assert len(evaluated["worst"]) == tested - right
    assert evaluated["accuracy"] >= 0.9
    model = events(run, Event.MODEL)[-1]
    assert model["bytes"] == (run / "model" / protocol.WEIGHTS).stat().st_size
    assert model["parameters"] == card["parameters"]


def test_the_model_is_that_of_the_best_epoch(run: Path) -> None:
    validations = {event["step"]: event for event in events(run, Event.VALIDATION)}
    best = max(validations.values(), key=lambda event: (event["accuracy"], -event["loss"]))
    assert events(run, Event.EVALUATED)[-1]["step"] == best["step"]


def test_ten_lines_load_it(run: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-I", str(TEN_LINES), str(run / "model")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    network, card, _ = load_model(run / "model")
    with torch.no_grad():
        expected = network(torch.zeros(1, *card["input"]["shape"])).softmax(1).tolist()
    assert shown.stdout.strip() == f"{card['classes']} {expected}"


def test_the_ten_lines_are_ten_and_need_nothing_of_ours() -> None:
    source = TEN_LINES.read_text(encoding="utf-8")
    module = ast.parse(source)
    assert len(module.body) - 1 == 10  # beside the docstring
    assert "aienv" not in source.split('"""')[2].lower()


def test_predictions_on_new_pictures(run: Path, tmp_path: Path) -> None:
    chance = random.Random(99)
    paths = []
    for shape in SHAPES:
        draw(shape, 16, chance).save(tmp_path / f"{shape} é 图.png")
        paths.append(tmp_path / f"{shape} é 图.png")
    results = ask(run, *paths, top=2)
    assert [Path(result["path"]) for result in results] == paths
    assert all(len(result["top"]) == 2 for result in results)
    assert sum(result["top"][0]["class"] in Path(result["path"]).name for result in results) >= 3
    whole = ask(run, *paths, top=99)
    assert all(sum(one["probability"] for one in result["top"]) == pytest.approx(1) for result in whole)
    assert all(len(result["top"]) == 4 for result in whole)


def test_other_sizes_and_colour_are_brought_to_the_networks_input(run: Path, tmp_path: Path) -> None:
    shape = draw("frame", 16, random.Random(5))
    shape.save(tmp_path / "same.png")
    shape.convert("RGB").save(tmp_path / "colour.png")
    large = shape.resize((64, 64), Image.Resampling.NEAREST)
    large.save(tmp_path / "large.png")
    same, colour, enlarged = ask(run, tmp_path / "same.png", tmp_path / "colour.png", tmp_path / "large.png")
    assert colour["top"] == same["top"]
    assert len(enlarged["top"]) == len(same["top"])
    assert same["warnings"] == []
    there, back = (picture_files.array(picture, 1, 16, 16).astype(float) for picture in (shape, large))
    assert numpy.corrcoef(there.ravel(), back.ravel())[0, 1] > 0.9


def test_ink_on_paper_is_remarked_and_can_be_swapped(run: Path, tmp_path: Path) -> None:
    chalk = draw("across", 16, random.Random(2))
    chalk.save(tmp_path / "chalk.png")
    ImageOps.invert(chalk).save(tmp_path / "ink.png")
    as_trained, paper = ask(run, tmp_path / "chalk.png", tmp_path / "ink.png")
    assert [warning["code"] for warning in paper["warnings"]] == ["unlike_training"]
    assert paper["warnings"][0]["values"]["brightness"] > 0.8
    (swapped,) = ask(run, tmp_path / "ink.png", invert=True)
    assert swapped["top"] == as_trained["top"]
    assert swapped["warnings"] == []


def test_the_errand_names_a_broken_picture_and_answers_for_the_others(run: Path, tmp_path: Path) -> None:
    draw("dot", 16, random.Random(1)).save(tmp_path / "good.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    request = {
        "model": str(run / "model"),
        "pictures": [str(tmp_path / name) for name in ("broken.png", "missing.png", "good.png")],
    }
    answer = errand(tmp_path / "errand", "predict", request)
    assert answer["ok"], answer
    broken, missing, good = answer["results"]
    assert (broken["code"], broken["values"]["reason"]) == ("broken_picture", "cut_short")
    assert (missing["code"], missing["values"]["reason"]) == ("broken_picture", "missing")
    assert len(good["top"]) == 4
    assert answer["seconds"] > 0


@pytest.mark.parametrize("damage", ["no folder", "card", "weights", "other weights", "architecture"])
def test_a_damaged_model_is_said(run: Path, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "model"
    if damage != "no folder":
        model.mkdir()
        for path in (run / "model").iterdir():
            (model / path.name).write_bytes(path.read_bytes())
    if damage == "card":
        (model / protocol.CARD).write_text("{", encoding="utf-8")
    elif damage == "weights":
        (model / protocol.WEIGHTS).write_bytes((model / protocol.WEIGHTS).read_bytes()[:500])
    elif damage == "other weights":
        weights = load_file(model / protocol.WEIGHTS)
        save_file({name: value[:1].clone() for name, value in weights.items() if value.dim()}, model / protocol.WEIGHTS)
    elif damage == "architecture":
        card = protocol.read_json(model / protocol.CARD)
        protocol.write_json(model / protocol.CARD, {**card, "architecture": "unheard_of"})
    with pytest.raises(Failure) as caught:
        load_model(model)
    assert caught.value.code == "bad_model"
    assert caught.value.values["path"] == str(model)


def test_loading_a_model_runs_none_of_its_code(run: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for path in (run / "model").iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    (model / "network.py").write_text("raise SystemExit('this was run')", encoding="utf-8")
    load_model(model)


def test_the_finished_run_leaves_nothing_half_written(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names == {
        "checkpoints",
        "commands",
        "engine",
        "engine.lock",
        "events.jsonl",
        "log.txt",
        "model",
        "process.json",
        "recipe.json",
    }
    assert {path.name for path in (run / "model").iterdir()} == {"card.json", "model.safetensors", "network.py"}
    assert (run / "log.txt").read_text(encoding="utf-8") == ""
