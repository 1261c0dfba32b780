"""Finished models: those in the runs that made them, and the copies the user keeps.

A model is a folder (see `engine.protocol`): weights as safetensors, the network as plain torch, and a card.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aienv_gui.core import storage
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, sync_folder, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.engine import protocol
from aienv_gui.training import run_store
from aienv_gui.training.records import PRETRAINED, SERIES, TABLE, TEXTS, WRITING

_TRASH = ".trash-"
_COPY = ".copy-"
_ABANDONED_S = 24 * 3600.0  # a copy in which nothing was written for so long was left behind by a crash
_NAME_BYTES = 120  # of the 255 that a name may have; " 2" may be added
_RESERVED = frozenset(  # on Windows, with any ending
    {"con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in "0123456789¹²³")}
)


@dataclass(frozen=True, slots=True)
class Model:
    """A finished model. Its identity is `folder`; where `broken` is set, nothing else but the name is known."""

    folder: Path
    name: str
    created: float  # seconds since the epoch
    task: str = ""
    classes: tuple[str, ...] = ()
    accuracy: float | None = None  # on the test pictures, 0 to 1
    size_bytes: int = 0
    run: Path | None = None  # the run that holds it; None for a kept copy
    python: Path | None = None  # the interpreter it was trained with, where its run still tells
    card: Mapping[str, Any] = field(default_factory=dict)
    broken: Text | None = None

    @property
    def numbers(self) -> bool:
        """Whether it answers with a number, and `accuracy` is the share of the differences that it explains."""
        return "output" in self.card

    @property
    def pretrained(self) -> bool:
        """Whether its training began with a model that others have trained."""
        return bool(self.card.get("architecture") == PRETRAINED)

    @property
    def pieces(self) -> bool:
        """Whether it writes in word pieces, which its folder lists."""
        return self.task == WRITING and self.card.get("input", {}).get("tokens") == "bpe"

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def kept(self) -> bool:
        """Whether it is a copy of its own, that stays when its run is deleted."""
        return self.run is None


def models(folders: Folders, reporter: Reporter) -> tuple[Model, ...]:
    """Every finished model, the newest first. Reads cards only; sweeps what deleting left behind."""
    found: list[Model] = []
    for parent, in_run in ((folders.models, False), (folders.runs, True)):
        if not parent.is_dir():
            continue
        for entry in sorted(parent.iterdir()):
            reporter.checkpoint()
            folder = entry / protocol.MODEL if in_run else entry
            if in_run and (entry / protocol.OLD_MODEL).is_dir() and not run_store.is_running(entry):
                with contextlib.suppress(OSError):
                    protocol.restore_model(entry)
            if not in_run and _left_behind(entry):
                shutil.rmtree(entry, ignore_errors=True)
            elif not entry.name.startswith(".") and (folder / protocol.CARD).is_file():
                found.append(read(folder, run=entry if in_run else None))
    return tuple(sorted(found, key=lambda model: model.created, reverse=True))


def _left_behind(entry: Path) -> bool:
    return entry.name.startswith(_TRASH) or (entry.name.startswith(_COPY) and storage.is_older(entry, _ABANDONED_S))


def read(folder: Path, *, run: Path | None = None) -> Model:
    """Read one model's card. A damaged model is returned with `broken` set, never left out."""
    fallback = run.name if run is not None else folder.name
    weights = folder / protocol.WEIGHTS
    try:
        card = protocol.read_json(folder / protocol.CARD)
        created = float(card["created"])
        evaluation = card.get("evaluation") or {}
        accuracy = evaluation.get("accuracy")
        if not weights.is_file():
            raise FileNotFoundError(weights.name)
        return Model(
            folder=folder,
            name=str(card.get("name") or fallback),
            created=created,
            task=str(card["task"]),
            classes=tuple(str(name) for name in card["classes"]),
            accuracy=float(accuracy) if accuracy is not None else None,
            size_bytes=weights.stat().st_size,
            run=run,
            python=_python_of(run),
            card=card,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        return Model(
            folder=folder,
            name=fallback,
            created=folder.stat().st_mtime if folder.exists() else 0.0,
            run=run,
            broken=tr(
                "The files of this model are damaged ({reason}). Train it again, or restore them.", reason=reason
            ),
        )


def _python_of(run: Path | None) -> Path | None:
    if run is None:
        return None
    try:
        return Path(protocol.read_json(run / protocol.RECIPE)["environment"]["python"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # the model is usable without its run's recipe: any able environment will do


def copy_of(model: Model, known: Iterable[Model]) -> Model | None:
    """The kept copy of a run's model as it is now, if there is one. A continued run makes another model."""
    if model.kept or model.broken is not None:
        return None
    return next((other for other in known if other.kept and other.card == model.card), None)


def keep(model: Model, folders: Folders, _reporter: Reporter) -> Path:
    """Copy a run's model to where it stays when the run is deleted; returns the copy's folder."""
    return _copy(model.folder, folders.models, model.name)


def export(model: Model, target: Path, _reporter: Reporter) -> Path:
    """Copy a model into a new folder below `target`, whole or not at all; returns the new folder."""
    if not target.is_dir():
        raise Problem(
            tr("This folder does not exist."),
            cause=tr("{path} is not a folder.", path=target),
            cure=tr("Choose another folder."),
            code="no_folder",
        )
    return _copy(model.folder, target, model.name, chosen=True)


def delete(model: Model, folders: Folders, _reporter: Reporter) -> None:
    """Delete a kept model. A run's own model goes with its run. Raises ValueError for any other folder."""
    if not model.kept or model.folder.parent != folders.models:
        raise ValueError(model.folder)
    # Renamed first: a listing never shows a half-deleted model.
    trash = folders.models / f"{_TRASH}{secrets.token_hex(6)}"
    try:
        model.folder.rename(trash)
    except OSError as error:
        raise writing_failed(error, model.folder) from error
    shutil.rmtree(trash, ignore_errors=True)  # what stays is swept with the next list


_PROGRAM = """\
# python use.py PICTURE
import json, runpy, sys
import numpy, torch
from PIL import Image
from safetensors.torch import load_file

folder = {folder!r}
card = json.load(open(f"{{folder}}/card.json", encoding="utf-8"))
network = runpy.run_path(f"{{folder}}/network.py")["of_card"](card)
network.load_state_dict(load_file(f"{{folder}}/model.safetensors"))
channels, height, width = card["input"]["shape"]
image = Image.open(sys.argv[1]).convert("L" if channels == 1 else "RGB").resize((width, height))
pixels = numpy.array(image, dtype="float32").reshape(1, height, width, channels) / 255
print(card["classes"][network(torch.from_numpy(pixels).permute(0, 3, 1, 2)).argmax()])
"""


_LOAD = """\
folder = {folder!r}
card = json.load(open(f"{{folder}}/card.json", encoding="utf-8"))
source = runpy.run_path(f"{{folder}}/network.py")
network = source["of_card"](card)
network.load_state_dict(load_file(f"{{folder}}/model.safetensors"))
"""

_TABLE_PROGRAM = (
    """\
import json, runpy
from safetensors.torch import load_file

"""
    + _LOAD
    + """\
row = {row}
output = network(source["encode"](card["input"]["columns"], [row]))[0]
print({answer})
"""
)


_TEXT_PROGRAM = (
    """\
# python use.py "SOME TEXT"
import json, runpy, sys
from safetensors.torch import load_file

"""
    + _LOAD
    + """\
words = source["encode"](card["input"], sys.argv[1:2]).long()
print(card["classes"][network(words).argmax()])
"""
)


_WRITING_PROGRAM = (
    """\
# python use.py "A BEGINNING"
import json, runpy, sys
from safetensors.torch import load_file

"""
    + _LOAD
    + """\
print(sys.argv[1] + source["generate"](network, card["input"], sys.argv[1], 300))
"""
)

_PIECES_PROGRAM = (
    """\
# python use.py "A BEGINNING"
import json, runpy, sys
from safetensors.torch import load_file

"""
    + _LOAD
    + """\
pieces = source["pieces_of"](folder)
print(sys.argv[1] + source["generate"](network, card["input"], sys.argv[1], 300, pieces=pieces))
"""
)

_SERIES_PROGRAM = (
    """\
# python use.py TABLE.csv
import csv, json, runpy, sys
from safetensors.torch import load_file

"""
    + _LOAD
    + """\
rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8-sig")))  # the newest last
names = [column["name"] for column in card["input"]["columns"]]
columns = {{name: [float(row[name] or "nan") for row in rows] for name in names}}
print(*source["forecast"](network, card, columns), sep="\\n")
"""
)
_PRETRAINED_PROGRAM = """\
# python use.py "SOME TEXT"
import sys
from transformers import pipeline

classify = pipeline("text-classification", model={folder!r})
print(classify(sys.argv[1])[0]["label"])
"""
_PROGRAMS = {TEXTS: _TEXT_PROGRAM, WRITING: _WRITING_PROGRAM, SERIES: _SERIES_PROGRAM}


def sample_call(model: Model) -> str:
    """A short Python program that asks the model with torch and safetensors (of pictures, Pillow) alone.

    One that began with a model of others is of their kind, and asked by their library.
    """
    if model.pretrained:
        return _PRETRAINED_PROGRAM.format(folder=str(model.folder))
    if model.pieces:
        return _PIECES_PROGRAM.format(folder=str(model.folder))
    if model.task != TABLE:
        return _PROGRAMS.get(model.task, _PROGRAM).format(folder=str(model.folder))
    row = "{\n" + "".join(f"    {column['name']!r}: {_usual(column)!r},\n" for column in _columns(model)) + "}"
    number = 'float(output[0]) * card["output"]["std"] + card["output"]["mean"]'
    answer = number if model.numbers else 'card["classes"][output.argmax()]'
    return _TABLE_PROGRAM.format(folder=str(model.folder), row=row, answer=answer)


def usual_values(model: Model) -> list[tuple[Mapping[str, Any], str]]:
    """The columns that a table's model answers from, as its card has them, each with what is usual in it."""
    result: list[tuple[Mapping[str, Any], str]] = []
    for column in _columns(model):
        usual = _usual(column)
        if column["kind"] == "date":
            day = datetime(1970, 1, 1) + timedelta(days=round(float(usual)))
            usual = day.strftime(str(column["form"]))
        result.append((column, str(usual)))
    return result


def _columns(model: Model) -> list[Mapping[str, Any]]:
    return list(model.card.get("input", {}).get("columns", ()))


def _usual(column: Mapping[str, Any]) -> float | str:
    """Of a category the most frequent word, else the mean; of dates in days since 1970."""
    if column["kind"] == "category":
        return str(column["values"][0]) if column["values"] else ""
    return float(f"{float(column['mean']):.4g}") if column["kind"] == "number" else float(round(column["mean"]))


def _copy(source: Path, parent: Path, name: str, *, chosen: bool = False) -> Path:
    """Copy a folder into `parent` under a free name made from `name`: aside first, then renamed."""
    target = _free_name(parent, name)
    aside: Path | None = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=_COPY, dir=parent))
        shutil.copytree(source, aside / "model")
        (aside / "model").rename(target)
        sync_folder(parent)
    except shutil.Error as error:  # several files at once: the first reason stands for all
        first = error.args[0][0][2] if error.args and error.args[0] else str(error)
        raise writing_failed(OSError(first), target, chosen=chosen) from error
    except OSError as error:
        raise writing_failed(error, target, chosen=chosen) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    return target


def _free_name(parent: Path, name: str) -> Path:
    forbidden = '<>:"/\\|?*'
    safe = "".join("-" if c in forbidden or ord(c) < 32 else c for c in name).lstrip(" .")
    # Systems count bytes, and a character may have four; what cannot be told in bytes at all is left out.
    safe = safe.encode("utf-8", "ignore")[:_NAME_BYTES].decode("utf-8", "ignore").rstrip(" .") or "model"
    if safe.split(".")[0].rstrip().lower() in _RESERVED:
        safe = f"model {safe}"
    candidate, number = parent / safe, 2
    while candidate.exists():
        candidate, number = parent / f"{safe} {number}", number + 1
    return candidate
