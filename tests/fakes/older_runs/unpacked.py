"""Runs that older versions made, put into a home of today's."""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from pathlib import Path

from tests.fakes.older_runs.make import HOME, PYTHON

HERE = Path(__file__).parent
_ENDING = ".tar.xz"
ARCHIVES = tuple(sorted(path.name.removesuffix(_ENDING) for path in HERE.glob(f"*{_ENDING}")))
_WORDS = (".json", ".jsonl")


def unpack(name: str, home: Path) -> dict[str, Path]:
    """The runs of an archive below ``home/runs``, their data beside; gives the folders by the names of the runs.

    They are as they would be had they been made in `home` with this Python: every run has its own copy of its engine.
    """
    home.mkdir(parents=True, exist_ok=True)
    with tarfile.open(HERE / f"{name}{_ENDING}") as archive:
        archive.extractall(home, filter="data")
    places = {PYTHON: sys.executable, str(Path(PYTHON).parents[1]): sys.prefix, HOME: str(home)}
    found = {}
    for run in sorted((home / "runs").iterdir()):
        for path in (path for path in run.rglob("*") if path.suffix in _WORDS):
            words = path.read_text(encoding="utf-8")
            for before, now in places.items():
                words = words.replace(before, now)
            path.write_text(words, encoding="utf-8", newline="\n")
        shutil.copytree(home / "engine", run / "engine")
        found[_name(run)] = run
    shutil.rmtree(home / "engine")
    return found


def _name(run: Path) -> str:
    return str(json.loads((run / "recipe.json").read_text(encoding="utf-8"))["name"])
