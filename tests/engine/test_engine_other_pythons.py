"""The engine in every Python of this machine from 3.10 on: what needs no PyTorch answers as it does in our own.

The rest is run in another Python by `packaging/dev.py engine`, which gives it a PyTorch.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.engine import protocol
from aienv_gui.environments.discovery.interpreters import base_interpreters
from tests.engine.engine_runs import ENGINE, PATIENCE, make_run
from tests.fakes.series import tides
from tests.fakes.tables import rows, write_table
from tests.fakes.texts import sentences, write_folder

OLDEST = (3, 10)


def _pythons() -> dict[str, Path]:
    """Our own, and one of each version that the application finds."""
    own = ".".join(map(str, sys.version_info[:2]))
    found = {base.minor: base.path for base in base_interpreters()}
    able = {minor: path for minor, path in found.items() if tuple(map(int, minor.split("."))) >= OLDEST}
    return {**able, own: Path(sys.executable)}


PYTHONS = _pythons()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("data 数据")
    write_table(home / "fruit.csv", rows(200))
    write_table(home / "fruit.tsv", rows(60, seed=1), delimiter="\t", encoding="utf-16")
    (home / "fruit.jsonl").write_text("\n".join(json.dumps(row) for row in rows(60)), encoding="utf-8")
    write_table(home / "tides.csv", tides(200))
    write_folder(home / "weather", sentences(120))
    write_table(home / "texts.csv", [{"text": text, "label": name} for text, name in sentences(120)])
    (home / "running.txt").write_text("\n".join(text for text, _ in sentences(400)), encoding="utf-8")
    (home / "broken.csv").write_text("a,b\n1,2\n1,2,3\n", encoding="utf-8")
    chance = random.Random(3)
    odd = [{"when": f"{day:02d}.03.2024", "sum": f"{chance.gauss(5, 2):.2f}".replace(".", ",")} for day in range(1, 29)]
    write_table(home / "odd.csv", odd)
    return home


ERRANDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("tabular", "fruit.csv", {}),
    ("tabular", "fruit.csv", {"target": "kind", "predicts": "classes", "leave_out": ["weight"]}),
    ("tabular", "fruit.tsv", {}),
    ("tabular", "fruit.jsonl", {}),
    ("tabular", "broken.csv", {}),
    ("tabular", "odd.csv", {}),
    ("text_classification", "weather", {}),
    ("text_classification", "texts.csv", {}),
    ("text_classification", "broken.csv", {}),
    ("language_model", "running.txt", {}),
    ("language_model", "texts.csv", {}),
    ("forecasting", "tides.csv", {}),
    ("forecasting", "tides.csv", {"target": "level", "window": 9, "horizon": 4}),
    ("forecasting", "nothing.csv", {}),
)

# The modules that need no PyTorch, asked in a process that can import nothing but the standard library.
_ASK = """
import importlib.util, json, sys
from pathlib import Path
engine = Path(sys.argv[1])
places = [str(engine)]
spec = importlib.util.spec_from_file_location("engine", engine / "__init__.py", submodule_search_locations=places)
sys.modules["engine"] = importlib.util.module_from_spec(spec)
from engine import protocol, recipe
from engine.failures import Failure
from engine.tasks import task
told = {"recipes": [], "seeds": [], "events": protocol.EventReader(Path(sys.argv[2])).read()}
for run in sys.argv[3:]:
    try:
        told["recipes"].append(repr(recipe.read_recipe(Path(run))))
    except Failure as failure:
        told["recipes"].append([failure.code, sorted(failure.values)])
from engine.seeds import derive
told["seeds"] = [derive(seed, "batch", 3, 7) for seed in range(5)]
told["events"] = list(told["events"])
print(json.dumps(told, sort_keys=True))
"""


def call(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-I", "-S", "-X", "utf8", *arguments]  # -S: without any packages
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE, check=False)


def inspected(python: Path, data: Path, folder: Path) -> list[dict[str, Any]]:
    answers = []
    for number, (task, source, asked) in enumerate(ERRANDS):
        place = folder / str(number)
        place.mkdir(parents=True)
        protocol.write_json(place / "request.json", {"task": task, "folder": str(data / source), "seed": 5, **asked})
        ended = call(python, str(ENGINE / "__main__.py"), "inspect", str(place))
        answers.append(protocol.read_json(place / "answer.json"))
        assert answers[-1]["ok"] == (ended.returncode == 0), ended.stderr
        assert (place / "progress.jsonl").is_file()
    return answers


@pytest.fixture(scope="module")
def own_answers(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return inspected(Path(sys.executable), data, tmp_path_factory.mktemp("own"))


def test_some_of_what_is_asked_is_refused(own_answers: list[dict[str, Any]]) -> None:
    refused = [answer["code"] for answer in own_answers if not answer["ok"]]
    assert 2 <= len(refused) <= len(ERRANDS) // 2
    assert "unexpected" not in refused


@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_every_python_reads_data_as_ours_does(
    tmp_path: Path, data: Path, own_answers: list[dict[str, Any]], version: str
) -> None:
    found = inspected(PYTHONS[version], data, tmp_path)
    for asked, answer, own in zip(ERRANDS, found, own_answers, strict=True):
        assert answer == own, asked


@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_every_python_reads_recipes_and_events_as_ours_does(tmp_path: Path, data: Path, version: str) -> None:
    good = make_run(tmp_path / "good", data, settings={"learning_rate": "auto", "precision": "bfloat16"})
    bad = make_run(tmp_path / "bad", data, settings={"epochs": 0})
    unknown = make_run(tmp_path / "unknown", data, task="dreaming")
    lines = [{"event": "started", "time": 1.5, "step": 0}, {"event": "metrics", "time": 2, "columns": {"step": [1]}}]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"event": "cut sho'
    (good / protocol.EVENTS).write_text(text, encoding="utf-8")
    runs = [str(run) for run in (good, good, bad, unknown, tmp_path)]
    told = [call(python, "-c", _ASK, str(ENGINE), *runs) for python in (PYTHONS[version], Path(sys.executable))]
    assert told[0].returncode == told[1].returncode == 0, told[0].stderr
    assert json.loads(told[0].stdout) == json.loads(told[1].stdout)
    found = json.loads(told[0].stdout)
    assert [one["event"] for one in found["events"]] == ["started", "metrics"]
    assert found["recipes"][0].startswith("Recipe(")
    assert [one[0] for one in found["recipes"][1:]] == ["bad_recipe"] * 3


@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_every_python_says_that_it_has_no_pytorch(tmp_path: Path, data: Path, version: str) -> None:
    run = make_run(tmp_path / "run", data)
    ended = call(PYTHONS[version], str(run / "engine" / "__main__.py"), "train", str(run))
    assert ended.returncode == 1, ended.stderr
    failed = [event for event in protocol.EventReader(run).read() if event["event"] == "failed"]
    assert [(event["code"], event["values"]) for event in failed] == [("missing_package", {"name": "torch"})]


@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_every_python_is_probed(version: str) -> None:
    ended = call(PYTHONS[version], str(ENGINE / "probe.py"), json.dumps({"steps": ["interpreter", "import:torch"]}))
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    answers = {line["step"]: line for line in told if line["event"] == "end"}
    assert answers["interpreter"]["markers"]["python_version"] == version
    assert answers["import:torch"]["missing"] == "torch"
