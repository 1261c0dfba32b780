"""Makes an archive of this folder: two runs a kind of work, one finished and one killed, by an older AIEnv.

    python tests/fakes/older_runs/make.py CHECKOUT OUT.tar.xz KIND...

CHECKOUT is a work tree of an older commit: its own application makes the runs and starts its own engine. See README.md.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.fakes.pictures import write_pictures
from tests.fakes.series import tides
from tests.fakes.tables import rows, write_table
from tests.fakes.texts import sentences, write_folder

HOME = "/home/someone/AIEnv"  # where the archives say that all this was
PYTHON = f"{HOME}/environments/ai/bin/python"
_WORDS = (".json", ".jsonl", ".txt", ".csv")

# What the older application is asked for, by kind of work.
_CONVNET: dict[str, Any] = {"channels": 1, "size": 16, "widths": [4, 8], "dropout": 0.2, "normalise": True}
_PICTURES: dict[str, Any] = {"folder": "pictures", "preset": "balanced", "architecture": "compact_convnet"}
_PLAIN: dict[str, Any] = {"epochs": 40, "batch_size": 8, "learning_rate": 0.02, "seed": 7}
_CAREFUL = {"precision": "bfloat16", "average": 16, "parts": 2, "patience": 30}
_SERIES = {"target": "level", "time": "date", "window": 14, "horizon": 3}
KINDS: dict[str, dict[str, Any]] = {
    "pictures": {**_PICTURES, "options": _CONVNET, "settings": {**_PLAIN, "shift": 1}},
    "careful": {**_PICTURES, "options": _CONVNET, "settings": {**_PLAIN, **_CAREFUL}},
    "table": {
        **{"task": "tabular", "folder": "fruit.csv", "target": "kind", "predicts": "classes"},
        **{"preset": "table_balanced", "architecture": "dense", "options": {"widths": [16, 8]}},
        "settings": {**_PLAIN, "learning_rate": 0.01},
    },
    "texts": {
        **{"task": "text_classification", "folder": "weather", "preset": "text_balanced", "architecture": "bag"},
        "options": {"width": 4, "pairs": 40, "dropout": 0.2, "length": 32},
        "settings": {**_PLAIN, "hide": 0.1},
    },
    "series": {
        **{"task": "forecasting", "folder": "tides.csv", **_SERIES, "preset": "forecast_recurrent"},
        **{"architecture": "series_recurrent", "options": {"cell": "gru", "hidden": 8, "layers": 1, "dropout": 0.1}},
        "settings": {**_PLAIN, "learning_rate": 0.005},
    },
    "writing": {
        **{"task": "language_model", "folder": "weather.txt", "preset": "gpt_small", "architecture": "gpt"},
        "options": {"context": 16, "width": 8, "heads": 2, "layers": 1, "dropout": 0.1},
        "settings": {**_PLAIN, "learning_rate": 0.01, "batch_size": 64, "epochs": 20},
    },
}

# Runs with the modules of the older checkout.
_TRAIN = """
import json, os, signal, sys, time, types
from pathlib import Path
from aienv_gui.engine import protocol
from aienv_gui.training import run_store, supervisor
from aienv_gui.training.records import Recipe

home, kind, wish = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
python = Path(sys.executable)
assert Path(protocol.__file__).is_relative_to(Path.cwd()), protocol.__file__

def begin(end):
    recipe = Recipe(
        name=f"{kind}, {end}", folder=home / wish.pop("folder"), environment_prefix=Path(sys.prefix),
        environment_python=python, environment_name="ai", device="cpu", threads=1, **wish,
    )
    wish["folder"] = recipe.folder.name
    run = run_store.create(recipe, types.SimpleNamespace(runs=home / "runs"))
    supervisor.start(run, python)
    return run

def events(run, kind):
    return [event for event in protocol.EventReader(run).read() if event["event"] == kind]

def step(run):
    return max((event["columns"]["step"][-1] for event in events(run, "metrics")), default=0)

def wait(met):
    deadline = time.monotonic() + 120
    while not met():
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.002)

finished = begin("finished")
wait(lambda: not supervisor.is_running(finished))
assert events(finished, "finished"), (finished / "log.txt").read_text()
killed = begin("killed")
wait(lambda: step(killed) >= step(finished) // 4)
supervisor.save(killed)
wait(lambda: any(event["reason"] == "manual" for event in events(killed, "checkpoint")))
os.kill(json.loads((killed / "process.json").read_text())["pid"], signal.SIGKILL)
wait(lambda: not supervisor.is_running(killed))
assert not events(killed, "finished")
print(kind, "steps:", step(finished), "killed after", step(killed))
"""


def write_data(home: Path) -> None:
    """What the runs are trained on."""
    write_pictures(home / "pictures", each=12)
    write_table(home / "fruit.csv", rows(160))
    write_folder(home / "weather", sentences(96))
    write_table(home / "tides.csv", tides(160))
    (home / "weather.txt").write_text("\n".join(text for text, _ in sentences(300)), encoding="utf-8")


def make(checkout: Path, out: Path, kinds: list[str]) -> None:
    with tempfile.TemporaryDirectory() as made:
        home = Path(made).resolve() / "home"
        home.mkdir()
        write_data(home)
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        for kind in kinds:
            arguments = [str(home), kind, json.dumps(KINDS[kind])]
            subprocess.run([sys.executable, "-c", _TRAIN, *arguments], env=environment, cwd=checkout, check=True)
        pack(home, out, (KINDS[kind]["folder"] for kind in kinds))


def pack(home: Path, out: Path, data: Any) -> None:
    """The runs and their data, as if they had been made in `HOME`. What a run keeps of the engine is packed once."""
    wanted = {"runs", *data}
    with tarfile.open(out, "w:xz", preset=9) as archive:
        seen: set[str] = set()
        for path in sorted(path for path in home.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            name = path.relative_to(home)
            if name.parts[0] not in wanted:
                continue
            if name.parts[0] == "runs" and name.parts[2] == "engine":
                name = Path(*name.parts[2:])
            if str(name) in seen:
                continue
            seen.add(str(name))
            content = path.read_bytes()
            if path.suffix in _WORDS:
                content = content.replace(sys.executable.encode(), PYTHON.encode())
                content = content.replace(str(home).encode(), HOME.encode())
                content = content.replace(sys.prefix.encode(), str(Path(PYTHON).parents[1]).encode())
            entry = tarfile.TarInfo(name.as_posix())
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3:])
