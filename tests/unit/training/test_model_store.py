"""Finished models: found, kept, saved, deleted, and said to be damaged where they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine import protocol
from aienv_gui.training import model_store

CARD: dict[str, Any] = {
    "version": 1,
    "task": "image_classification",
    "name": "Ziffern „1 & 2“ 数字 🙂",
    "created": 1_700_000_000.0,
    "classes": ["1", "2"],
    "parameters": 10,
    "architecture": "book_convnet",
    "options": {},
    "input": {"channels": 1, "height": 64, "width": 64},
    "evaluation": {"accuracy": 0.75, "confusion": [[3, 1], [1, 3]], "worst": []},
}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders.under(tmp_path / "home")


def make_model(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / protocol.CARD).write_text(json.dumps({**CARD, **changes}), encoding="utf-8")
    (folder / protocol.WEIGHTS).write_bytes(b"weights")
    return folder


def test_no_models_where_nothing_was_trained(folders: Folders) -> None:
    assert model_store.models(folders, Silent()) == ()


def test_models_of_runs_and_kept_ones_are_found_newest_first(folders: Folders) -> None:
    make_model(folders.runs / "first" / protocol.MODEL, created=1.0)
    make_model(folders.models / "kept", created=3.0)
    make_model(folders.runs / "second" / protocol.MODEL, created=2.0)
    found = model_store.models(folders, Silent())
    assert [model.created for model in found] == [3.0, 2.0, 1.0]
    assert [model.kept for model in found] == [True, False, False]
    assert found[0].accuracy == 0.75
    assert found[0].classes == ("1", "2")


def test_a_model_that_a_kill_left_aside_was_not_listed(folders: Folders) -> None:
    run = folders.runs / "killed"
    make_model(run / protocol.OLD_MODEL)
    with (run / protocol.LOCK).open("a+") as engine:  # one that works puts it in its place itself
        assert protocol.lock(engine)
        assert model_store.models(folders, Silent()) == ()
    (found,) = model_store.models(folders, Silent())
    assert found.folder == run / protocol.MODEL
    assert found.broken is None


def test_the_interpreter_is_read_from_the_run(folders: Folders) -> None:
    run = folders.runs / "run"
    make_model(run / protocol.MODEL)
    python = str(Path(sys.executable))
    (run / protocol.RECIPE).write_text(json.dumps({"environment": {"python": python}}), encoding="utf-8")
    (model,) = model_store.models(folders, Silent())
    assert model.python == Path(python)


@pytest.mark.parametrize("damage", ["card cut short", "weights gone", "classes missing"])
def test_a_damaged_model_is_listed_with_the_reason(folders: Folders, damage: str) -> None:
    folder = make_model(folders.models / "model")
    if damage == "card cut short":
        (folder / protocol.CARD).write_text('{"version": 1, "task": "im', encoding="utf-8")
    elif damage == "weights gone":
        (folder / protocol.WEIGHTS).unlink()
    else:
        card = {key: value for key, value in CARD.items() if key != "classes"}
        (folder / protocol.CARD).write_text(json.dumps(card), encoding="utf-8")
    (model,) = model_store.models(folders, Silent())
    assert model.broken is not None
    assert model.name == "model"


def test_a_kept_model_stays_when_its_run_goes(folders: Folders) -> None:
    run = folders.runs / "run"
    make_model(run / protocol.MODEL)
    (model,) = model_store.models(folders, Silent())
    model_store.keep(model, folders, Silent())
    shutil.rmtree(run)
    (kept,) = model_store.models(folders, Silent())
    assert kept.kept
    assert kept.name == CARD["name"]
    assert (kept.folder / protocol.WEIGHTS).read_bytes() == b"weights"


def test_keeping_twice_gives_two_folders_and_no_leftovers(folders: Folders) -> None:
    make_model(folders.runs / "run" / protocol.MODEL)
    (model,) = model_store.models(folders, Silent())
    first, second = (model_store.keep(model, folders, Silent()) for _ in range(2))
    assert first != second
    assert sorted(folders.models.iterdir()) == sorted([first, second])


def test_saving_into_a_missing_folder_says_so(folders: Folders, tmp_path: Path) -> None:
    model = model_store.read(make_model(folders.models / "model"))
    with pytest.raises(Problem) as caught:
        model_store.export(model, tmp_path / "nowhere", Silent())
    assert caught.value.code == "no_folder"


def test_saving_onto_a_full_disk_leaves_nothing_half(folders: Folders, tmp_path: Path) -> None:
    """In a child process whose files may not grow: a full disk as far as writing is concerned."""
    folder = make_model(folders.models / "model")
    (folder / protocol.WEIGHTS).write_bytes(b"w" * 200_000)
    target = tmp_path / "target"
    target.mkdir()
    if os.name == "nt":  # no limit of this kind there; an unwritable target stands in for it
        program = "import os; target = target / 'model.txt'; target.write_text('a file, no folder')"
    else:
        program = (
            "import resource, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
        )
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from aienv_gui.core.errors import Problem\nfrom aienv_gui.core.tasks import Silent\n"
        "from aienv_gui.training import model_store\n"
        f"target = Path(sys.argv[2])\n{program}\n"
        "try:\n    model_store.export(model_store.read(Path(sys.argv[1])), target, Silent())\n"
        "except Problem as problem:\n    print(problem.code)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(target)], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() in ("write_failed", "no_folder")
    assert not any(path.is_dir() for path in target.iterdir())


def test_deleting_takes_kept_models_only(folders: Folders) -> None:
    make_model(folders.runs / "run" / protocol.MODEL)
    kept = model_store.read(make_model(folders.models / "kept"))
    model_store.delete(kept, folders, Silent())
    (left,) = model_store.models(folders, Silent())
    with pytest.raises(ValueError, match="model"):
        model_store.delete(left, folders, Silent())
    assert left.folder.is_dir()
    assert not any(folders.models.iterdir())


def test_a_name_that_is_no_file_name_is_made_one(folders: Folders, tmp_path: Path) -> None:
    model = model_store.read(make_model(folders.models / "model", name='a/b\\c:"d"? '))
    saved = model_store.export(model, tmp_path, Silent())
    assert saved.parent == tmp_path
    assert saved.name == "a-b-c--d--"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("🙂" * 80, "🙂" * 30),
        ("猫" * 80, "猫" * 40),
        ("a" * 119 + "é", "a" * 119),
        ("CON", "model CON"),
        ("nul.txt", "model nul.txt"),
        ("com1 .x", "model com1 .x"),
        ("console", "console"),
        ("a" * 119 + " b", "a" * 119),
        ("...", "model"),
        ("\udcff", "model"),
    ],
    ids=["emoji", "Chinese", "half a letter", "CON", "nul", "com1", "no device", "space at the cut", "dots", "no text"],
)
def test_a_name_that_was_too_long_in_bytes_or_means_a_device_made_no_folder(
    folders: Folders, tmp_path: Path, name: str, folder: str
) -> None:
    model = replace(model_store.read(make_model(folders.models / "model")), name=name)
    assert model_store.export(model, tmp_path, Silent()).name == folder
    assert model_store.export(model, tmp_path, Silent()).name == f"{folder} 2"


def test_a_copy_that_a_kill_left_behind_stayed_for_ever(folders: Folders) -> None:
    kept = make_model(folders.models / "kept")
    left, under_way = folders.models / ".copy-old", folders.models / ".copy-new"
    left.mkdir()
    (under_way / "model").mkdir(parents=True)
    os.utime(left, (1.0, 1.0))
    os.utime(under_way, (1.0, 1.0))  # but not what is in it
    model_store.models(folders, Silent())
    assert {path.name for path in folders.models.iterdir()} == {kept.name, under_way.name}
