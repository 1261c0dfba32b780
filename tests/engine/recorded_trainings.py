"""Real trainings, well and off, of which the tests of the diagnoses keep the events: how each of them was made.

``python -m tests.engine.recorded_trainings [NAME ...]`` makes them again (all: some minutes) and replaces what lies in
`RECORDED`. Recorded, since their courses are not the same to the last digit on another processor.
"""

from __future__ import annotations

import csv
import math
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine import protocol
from aienv_gui.training import samples
from aienv_gui.training.records import Recipe, Run
from aienv_gui.training.story import Story
from tests.engine.engine_runs import ENGINE, PLAIN, TINY, end, make_run, start
from tests.fakes import tables
from tests.fakes.pictures import write_pictures

RECORDED = Path(__file__).parents[1] / "fakes" / "recorded_runs"
_LONGEST = 900.0  # seconds
Parts = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """How one was made: its data, and the parts of its recipe. `change`: appended to a module of its own engine."""

    data: Callable[[Path], Parts]
    preset: str = ""
    settings: Parts = field(default_factory=dict)
    model: Parts = field(default_factory=dict)
    change: tuple[str, str] = ("", "")


def replayed(name: str, folder: Path, *, recorded: bytes | None = None, alive: bool = False) -> Run:
    """The run that the events of a recorded training tell of, or only those given, read as the window reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = RECORDED / name
    (folder / protocol.EVENTS).write_bytes((kept / protocol.EVENTS).read_bytes() if recorded is None else recorded)
    recipe = protocol.read_json(kept / protocol.RECIPE)
    story = Story(folder, Recipe(name, Path(), "", "", recipe["settings"], task=recipe["task"]))
    story.update(alive=alive)
    return story.run


def record(name: str, work: Path) -> None:
    """Train it in `work`, and keep its events and what was asked for."""
    training = ALL[name]
    preset: Parts = {}
    if training.preset:
        found = protocol.read_json(ENGINE / "presets.json")["presets"]
        preset = next(one for one in found if one["id"] == training.preset)
    parts = training.data(work / "data")
    run = make_run(
        work / "run",
        Path(parts["data"]["folder"]),
        **{
            "preset": training.preset,
            "model": {**preset.get("model", TINY), **training.model},
            "settings": {**preset.get("settings", {}), **training.settings},
            **parts,
        },
    )
    module, change = training.change
    if module:
        with open(run / "engine" / module, "a", encoding="utf-8") as file:
            file.write(change)
    process = start(run)
    try:
        code = process.wait(_LONGEST)
    finally:
        end(process)
    if code:
        raise SystemExit(f"{name} ended with {code}: {(run / protocol.LOG).read_text(encoding='utf-8')}")
    kept = RECORDED / name
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / protocol.EVENTS, kept / protocol.EVENTS)
    recipe = protocol.read_json(run / protocol.RECIPE)
    asked = {key: recipe[key] for key in ("task", "preset", "model", "settings")}
    protocol.write_json(kept / protocol.RECIPE, asked)


def _sample(name: str, **data: Any) -> Callable[[Path], Parts]:
    """What ships with the program."""
    tasks = {
        samples.DIGITS: "image_classification",
        samples.TUMOURS: "tabular",
        samples.DEFINITIONS: "text_classification",
        samples.REVIEWS: "text_classification",
        samples.CARBON_DIOXIDE: "forecasting",
    }

    def write(folder: Path) -> Parts:
        path = samples.unpack(name, Folders.under(folder), Silent())
        return {"task": data.get("task", tasks[name]), "data": {"folder": str(path), **data.get("data", {})}}

    return write


def _shapes(**drawn: Any) -> Callable[[Path], Parts]:
    """Drawn shapes, a folder each."""

    def write(folder: Path) -> Parts:
        return {"task": "image_classification", "data": {"folder": str(write_pictures(folder, **drawn))}}

    return write


def _fruits(count: int, *, target: str, predicts: str, change: Callable[[list[dict[str, str]]], Any]) -> Any:
    def write(folder: Path) -> Parts:
        table = tables.rows(count)
        change(table)
        path = tables.write_table(folder / "fruits.csv", table)
        return {"task": "tabular", "data": {"folder": str(path), "target": target, "predicts": predicts}}

    return write


def _as_they_are(_table: list[dict[str, str]]) -> None:
    pass


def _dice(table: list[dict[str, str]]) -> None:
    """Prices that follow from nothing."""
    chance = random.Random(1)
    for row in table:
        row["price"] = f"{chance.gauss(5, 1):.3f}"


def _mislabelled(table: list[dict[str, str]]) -> None:
    """In two of five rows whoever wrote the kind down was not looking."""
    chance = random.Random(3)
    for row in table:
        if chance.random() < 0.4:
            row["kind"] = chance.choice(("apple", "pear", "melon"))


def _giving_away(table: list[dict[str, str]]) -> None:
    """A column that was filled in once the kind was known."""
    for row in table:
        row["shelf"] = {"apple": "1", "pear": "2", "melon": "3"}[row["kind"]] + f".{int(row['id']) % 3}"


def _waves(folder: Path) -> Parts:
    """Two classes on both sides of a wave: a straight line tells most of them apart."""
    chance = random.Random(2)
    path = folder / "waves.csv"
    folder.mkdir(parents=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("x", "y", "class"))
        for _ in range(1500):
            x, y = chance.uniform(-1, 1), chance.uniform(-1, 1)
            writer.writerow((f"{x:.4f}", f"{y:.4f}", "above" if y > 0.6 * math.sin(5 * x) else "below"))
    return {"task": "tabular", "data": {"folder": str(path), "target": "class"}}


_CONSTANT = {"optimiser": "sgd", "schedule": "constant"}
# Each kind of work with its default preset.
HEALTHY = {
    "pictures": Training(_sample(samples.DIGITS), "residual"),
    "tables": Training(_sample(samples.TUMOURS), "table_balanced"),
    "numbers": Training(_fruits(600, target="price", predicts="number", change=_as_they_are), "table_balanced"),
    "texts": Training(_sample(samples.DEFINITIONS), "text_balanced"),
    "writing": Training(_sample(samples.DEFINITIONS, task="language_model"), "gpt_small"),
    "forecasts": Training(_sample(samples.CARBON_DIOXIDE), "forecast_attention"),
}
# Each with what is off, by the name of its rule in `training/diagnosis`.
SICK = {
    "exploding": Training(
        _sample(samples.DEFINITIONS, task="language_model"),
        "gpt_small",
        {"learning_rate": 1.0, "epochs": 1, "schedule": "constant"},
    ),
    "not_learning": Training(_shapes(each=60), model=PLAIN, settings={**_CONSTANT, "epochs": 6, "learning_rate": 1e-6}),
    "not_learning_numbers": Training(
        _fruits(400, target="price", predicts="number", change=_dice),
        "table_balanced",
        {**_CONSTANT, "epochs": 6, "learning_rate": 1e-6},
    ),
    "not_learning_writing": Training(
        _sample(samples.DEFINITIONS, task="language_model"),
        "gpt_small",
        {**_CONSTANT, "learning_rate": 1e-7, "epochs": 3},
    ),
    "overfitting": Training(
        _fruits(500, target="kind", predicts="classes", change=_mislabelled),
        "table_balanced",
        {"schedule": "constant", "weight_decay": 0.0, "epochs": 40},
        {"options": {"widths": [128, 64], "activation": "silu", "dropout": 0.0, "normalise": True}},
    ),
    "leaking": Training(
        _fruits(3000, target="kind", predicts="classes", change=_giving_away),
        "table_balanced",
        {"epochs": 3, "batch_size": 8},
    ),
    "swinging": Training(_shapes(each=60), settings={**_CONSTANT, "learning_rate": 0.6, "momentum": 0.9, "epochs": 16}),
    "creeping": Training(
        _shapes(each=20), model=PLAIN, settings={**_CONSTANT, "epochs": 9, "learning_rate": 0.01, "shift": 0}
    ),
    # Where it is best is chance: another recording may have to be made until that is in its first two thirds.
    "still": Training(
        _shapes(each=20),
        settings={**_CONSTANT, "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.02, "epochs": 60},
    ),
    "unfinished": Training(
        _shapes(each=20), settings={**_CONSTANT, "learning_rate": 0.005, "momentum": 0.9, "epochs": 12}
    ),
    "too_plain": Training(
        _waves,
        "table_balanced",
        {"epochs": 60, "learning_rate": 0.01},
        {"options": {"widths": [2], "activation": "sigmoid", "dropout": 0.0, "normalise": False}},
    ),
    "ignored": Training(
        _shapes(classes=("across", "down", "framed", "frame"), each=(60, 60, 30, 300)), settings={"epochs": 6}
    ),
    "waiting": Training(
        _shapes(each=40),
        settings={"epochs": 40},
        change=(
            "tasks/image_classification.py",
            "\n\n_at_once = shifted\n\n\ndef shifted(*arguments):\n    import time\n\n"
            "    time.sleep(0.05)\n    return _at_once(*arguments)\n",
        ),
    ),
}
ALL = {**HEALTHY, **SICK}

if __name__ == "__main__":
    for asked in sys.argv[1:] or ALL:
        with tempfile.TemporaryDirectory(prefix="aienv-recorded-") as place:
            record(asked, Path(place))
        print(asked)
