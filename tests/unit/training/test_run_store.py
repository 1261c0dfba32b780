"""Runs as folders: made whole, listed fast, deleted."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import EVENTS, PROCESS, RECIPE
from aienv_gui.training import run_store
from aienv_gui.training.records import Recipe, RunState
from aienv_gui.training.story import Story

RECIPE_ASKED = Recipe(
    name="猫 and “dogs” 🐕",
    folder=Path("/somewhere/my pictures"),
    preset="book",
    architecture="book_convnet",
    settings={"epochs": 3, "learning_rate": 0.001},
    options={"hidden": 1000},
    skip=("a/broken one.png",),
    environment_prefix=Path("/environments/x"),
    environment_python=Path("/environments/x/bin/python"),
    environment_name="x",
)


def _finish(folder: Path, accuracy: float = 0.9, steps: int = 0) -> None:
    lines = [
        {"event": "launched", "time": 10.0},
        {"event": "started", "time": 11.0, "step": 0, "total_steps": 4, "epochs": 2},
    ]
    lines += [
        {"event": "metrics", "time": 12.0, "columns": {k: [s] for k in ("step", "time", "epoch", "loss", "accuracy")}}
        for s in range(1, steps + 1)
    ]
    lines += [
        {"event": "validation", "time": 15.0, "step": 4, "loss": 0.1, "accuracy": accuracy},
        {"event": "finished", "time": 16.0, "outcome": "completed", "step": 4},
    ]
    (folder / EVENTS).write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    (folder / PROCESS).write_text(json.dumps({"pid": 2**22 + 1, "started": 10.0}))


def test_a_run_whose_weights_to_begin_with_are_gone_is_not_made(folders: Folders) -> None:
    with pytest.raises(Problem) as raised:
        run_store.create(replace(RECIPE_ASKED, start_from=folders.models / "gone"), folders)
    assert raised.value.code == "bad_start"
    assert "gone" in str(raised.value)
    assert list(folders.runs.iterdir()) == []


def test_a_home_that_is_a_file_holds_no_runs(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    assert run_store.summaries(Folders.under(tmp_path / "home"), Silent()) == ()


def test_a_folder_of_runs_that_cannot_be_read_is_told(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(Problem) as raised:
        run_store.summaries(folders, Silent())
    assert raised.value.code == "unreadable_runs"
    assert str(folders.runs) in str(raised.value.cause)


def test_a_run_is_made_whole_with_its_engine(folders: Folders) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    assert folder.parent == folders.runs
    assert (folder / "engine" / "protocol.py").is_file()
    assert (folder / "engine" / "presets.json").is_file()
    assert not list((folder / "engine").rglob("__pycache__"))
    recipe = run_store.read_recipe(folder)
    assert recipe.id == folder.name
    assert recipe.created == pytest.approx(time.time(), abs=60)
    assert replace(recipe, id="", created=0.0) == RECIPE_ASKED
    assert run_store.read(folder).state is RunState.CREATED
    assert [path.name for path in folders.runs.iterdir()] == [folder.name]


def test_a_file_name_that_is_no_text_survives(folders: Folders) -> None:
    strange = Path(os.fsdecode(b"/pictures/\xff"))
    folder = run_store.create(replace(RECIPE_ASKED, folder=strange), folders)
    assert run_store.read_recipe(folder).folder == strange


def test_a_folder_without_permission_is_said_in_words(folders: Folders) -> None:
    folders.data.parent.mkdir(parents=True, exist_ok=True)
    folders.data.write_text("a file where a folder should be")
    with pytest.raises(Problem) as caught:
        run_store.create(RECIPE_ASKED, folders)
    assert caught.value.cure is not None


def test_the_list_is_the_newest_first_and_tells_the_state(folders: Folders) -> None:
    assert run_store.summaries(folders, Silent()) == ()
    old, new = run_store.create(RECIPE_ASKED, folders), run_store.create(RECIPE_ASKED, folders)
    _finish(old, 0.97)
    first, second = run_store.summaries(folders, Silent())
    assert (first.folder, first.state) == (new, RunState.CREATED)
    assert (second.state, second.best_accuracy, second.seconds) == (RunState.COMPLETED, 0.97, 6.0)
    assert run_store.summaries(folders, Silent())[1] == second  # the second time from the kept summary


def test_a_kept_summary_is_not_believed_after_new_events(folders: Folders) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    _finish(folder)
    assert run_store.summary(folder).state is RunState.COMPLETED
    with (folder / EVENTS).open("a") as file:
        file.write(json.dumps({"event": "launched", "time": 50.0}) + "\n")
    assert run_store.summary(folder).state is RunState.INTERRUPTED


def test_a_running_engine_is_known_by_its_id_and_start(folders: Folders) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    me = psutil.Process()
    (folder / PROCESS).write_text(json.dumps({"pid": me.pid, "started": me.create_time()}))
    assert run_store.is_running(folder)
    assert run_store.summary(folder).state is RunState.STARTING
    (folder / PROCESS).write_text(json.dumps({"pid": me.pid, "started": me.create_time() - 100}))
    assert not run_store.is_running(folder)  # the id was given to another process since


def test_a_damaged_run_is_listed_as_damaged(folders: Folders) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    (folder / RECIPE).write_text('{"version": 1, "name": ')
    summary = run_store.summaries(folders, Silent())[0]
    assert summary.damaged is not None
    assert folder.name in str(summary.damaged)
    with pytest.raises(Problem):
        run_store.read(folder)
    shutil.rmtree(folder)
    with pytest.raises(Problem):
        run_store.read(folder)


def test_a_hundred_runs_are_listed_quickly(folders: Folders) -> None:
    first = run_store.create(RECIPE_ASKED, folders)
    _finish(first, steps=300)
    for index in range(99):
        copy = folders.runs / f"copy-{index}"
        copy.mkdir()
        for name in (RECIPE, EVENTS, PROCESS):
            shutil.copy(first / name, copy / name)
    assert len(run_store.summaries(folders, Silent())) == 100
    took = []
    for _ in range(3):
        start = time.process_time()
        run_store.summaries(folders, Silent())
        took.append(time.process_time() - start)
    assert min(took) < 0.15  # 0.02 on an idle machine; parsing 30,000 lines of events would be seconds


def test_a_long_run_was_parsed_line_by_line_at_each_look_while_it_ran(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    _finish(folder, accuracy=0.9, steps=5000)
    whole = run_store.read(folder)
    me = psutil.Process()
    (folder / PROCESS).write_text(json.dumps({"pid": me.pid, "started": me.create_time()}))
    parsed: list[bytes] = []

    def count(line: bytes) -> Any:
        parsed.append(line)
        return json.loads(line)

    monkeypatch.setattr(protocol, "json", SimpleNamespace(loads=count, JSONDecodeError=json.JSONDecodeError))
    summary = run_store.summary(folder)
    assert len(parsed) < 20
    assert (summary.step, summary.total_steps, summary.best_accuracy) == (5000, 4, 0.9)
    assert (summary.seconds, summary.state) == (whole.seconds, whole.state)


def test_a_followed_run_is_not_read_again(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    _finish(folder)
    run = run_store.read(folder)
    expected = run_store.summaries(folders, Silent())
    monkeypatch.setattr(run_store, "Story", None)
    assert run_store.summaries(folders, Silent(), {folder: run}) == expected


def test_a_summary_that_is_kept_does_not_bring_a_deleted_run_back(folders: Folders) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    _finish(folder)
    story = Story(folder, run_store.read_recipe(folder))
    story.update(alive=False)
    run_store.delete(folder, folders, Silent())
    run_store.keep_summary(story)
    assert list(folders.runs.iterdir()) == []


def test_deleting(folders: Folders) -> None:
    folder = run_store.create(RECIPE_ASKED, folders)
    me = psutil.Process()
    (folder / PROCESS).write_text(json.dumps({"pid": me.pid, "started": me.create_time()}))
    with pytest.raises(Problem) as caught:
        run_store.delete(folder, folders, Silent())
    assert caught.value.code == "running"
    (folder / PROCESS).unlink()
    run_store.delete(folder, folders, Silent())
    assert list(folders.runs.iterdir()) == []
    run_store.delete(folder, folders, Silent())  # already gone


def test_only_runs_can_be_deleted(folders: Folders, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    with pytest.raises(Problem):
        run_store.delete(precious, folders, Silent())
    assert precious.is_dir()


def test_what_a_crash_left_is_swept(folders: Folders) -> None:
    (folders.runs / ".trash-x").mkdir(parents=True)
    left, making = folders.runs / ".making-old", folders.runs / ".making-new"
    left.mkdir()
    making.mkdir()
    os.utime(left, (1.0, 1.0))
    assert run_store.summaries(folders, Silent()) == ()
    assert [path.name for path in folders.runs.iterdir()] == [".making-new"]
