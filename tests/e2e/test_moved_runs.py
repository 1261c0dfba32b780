"""A run's folder taken elsewhere: to another name, disk, home or machine, with and without its data."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine.protocol import COMMANDS, PROCESS
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui import run_work
from aienv_gui.training import model_store, run_store, supervisor
from aienv_gui.training.records import Load, Run, RunState
from tests.e2e.tiny_recipe import recipe
from tests.engine import engine_runs
from tests.fakes.pictures import write_pictures

PYTHON = Path(sys.executable)
_EPOCHS = 120  # five steps each: seconds that remain once the checkpoint is there


def no_load() -> Load | None:
    return None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home in which the runs of these tests begin; `folders` is the one to which they come."""
    return tmp_path / "old home"


@pytest.fixture
def stopped(home: Path) -> Path:
    """A run that was killed after a checkpoint, with its pictures beside it."""
    begun = Folders.under(home)
    run = run_work.begin(recipe(write_pictures(home / "pictures", each=12), epochs=_EPOCHS), begun, Silent())
    _until(run, 60)
    asked = supervisor.save(run)
    _wait_for(lambda: any(made.command == asked for made in run_store.read(run).checkpoints))
    psutil.Process(json.loads((run / PROCESS).read_text())["pid"]).kill()
    with pytest.raises(Problem):
        supervisor.follow(run, no_load, Silent())
    return run


@pytest.fixture(autouse=True)
def _no_engine_left(tmp_path: Path) -> Iterator[None]:
    yield
    for run in tmp_path.rglob("runs/*"):
        supervisor.kill(run)


def _until(run: Path, step: int) -> None:
    _wait_for(lambda: run_store.read(run).step >= step)


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(run: Path) -> Run:
    return supervisor.follow(run, no_load, Silent())


def assert_same_end(found: Run, home: Path) -> None:
    """As a run that was never disturbed, bit for bit."""
    whole = run_work.begin(recipe(_pictures(home), epochs=_EPOCHS), Folders.under(home / "undisturbed"), Silent())
    expected = ended(whole)
    assert found.state is expected.state is RunState.COMPLETED
    np.testing.assert_array_equal(found.training.step, expected.training.step)
    np.testing.assert_array_equal(found.training.loss, expected.training.loss)
    np.testing.assert_array_equal(found.validation.loss, expected.validation.loss)
    first, second = (load_file(run / "model" / "model.safetensors") for run in (found.folder, whole))
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def _pictures(home: Path) -> Path:
    return write_pictures(home / "the same pictures", each=12)


def asked(model: Path, pictures: Path, folders: Folders) -> str:
    request = {"model": str(model), "pictures": [str(pictures / "dot" / "003.png")]}
    answer = supervisor.errand(PYTHON, "predict", request, folders, Silent())
    return str(answer["results"][0]["top"][0]["class"])


@pytest.mark.slow
def test_copied_to_another_home_it_goes_on_exactly(folders: Folders, tmp_path: Path, home: Path, stopped: Path) -> None:
    folders.runs.mkdir(parents=True)
    copy = folders.runs / "from another disk"
    shutil.copytree(stopped, copy)
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    (listed,) = run_store.summaries(folders, Silent())
    assert (listed.folder, listed.state, listed.damaged) == (copy, RunState.INTERRUPTED, None)
    assert run_store.read(copy).checkpoints[-1].file.parent == copy / "checkpoints"
    supervisor.continue_run(copy)
    found = ended(copy)
    assert found.start is not None
    assert found.start.step >= 60
    assert_same_end(found, tmp_path)
    assert {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()} == before, (
        "the original is left alone"
    )
    (model,) = model_store.models(folders, Silent())
    assert model.folder == copy / "model"
    assert asked(model.folder, home / "pictures", folders) == "dot"


@pytest.mark.slow
def test_a_home_that_was_renamed_with_its_data_continues_where_they_are_now(
    tmp_path: Path, home: Path, stopped: Path
) -> None:
    new = home.rename(tmp_path / "new home 新")
    folders = Folders.under(new)
    run = folders.runs / stopped.name
    assert run_store.summary(run).state is RunState.INTERRUPTED
    run_work.carry_on(run, None, None, folders, Silent())
    with pytest.raises(Problem) as caught:
        ended(run)
    assert caught.value.code == "no_folder"
    assert str(home / "pictures") in str(caught.value.cause), "which folder is missing"
    assert caught.value.cure is not None
    other = write_pictures(tmp_path / "other", each=12, seed=1)
    run_work.carry_on(run, None, other, folders, Silent())
    with pytest.raises(Problem) as caught:
        ended(run)
    assert caught.value.code == "data_changed"
    assert str(other) in str(caught.value.cause)
    run_work.carry_on(run, None, new / "pictures", folders, Silent())
    assert_same_end(ended(run), tmp_path)
    assert run_store.read_recipe(run).folder == new / "pictures"


@pytest.mark.slow
def test_a_sample_is_unpacked_again_in_another_home(folders: Folders, home: Path) -> None:
    asked = replace(recipe(Folders.under(home).samples / "digits", epochs=1), sample="digits")
    settings = {**asked.settings, "batch_size": 500}
    run = run_work.begin(replace(asked, settings=settings), Folders.under(home), Silent())
    supervisor.kill(run)
    folders.runs.mkdir(parents=True)
    shutil.move(run, folders.runs / "moved")
    shutil.rmtree(home)
    run_work.carry_on(folders.runs / "moved", None, None, folders, Silent())
    assert ended(folders.runs / "moved").state is RunState.COMPLETED


@pytest.mark.slow
def test_from_another_machine_its_process_is_nobody_here(folders: Folders, home: Path, stopped: Path) -> None:
    """The id of its engine belongs to a stranger here, its environment and its data are elsewhere."""
    stranger = psutil.Process()
    folders.runs.mkdir(parents=True)
    run = folders.runs / stopped.name
    shutil.move(stopped, run)
    (run / PROCESS).write_text(json.dumps({"pid": stranger.pid, "started": 1.0, "host": "other", "boot": "x"}))
    written = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    written["environment"] = {"prefix": "/home/b/env", "python": "/home/b/env/bin/python", "name": "theirs"}
    written["data"]["folder"] = "/home/b/pictures"
    (run / "recipe.json").write_text(json.dumps(written), encoding="utf-8")
    assert not supervisor.is_running(run)
    supervisor.kill(run)
    assert stranger.is_running(), "else this test would not go on"
    assert run_store.summary(run).state is RunState.INTERRUPTED
    with pytest.raises(Problem) as caught:
        run_work.carry_on(run, None, None, folders, Silent())
    assert caught.value.code == "environment_gone"
    assert "/home/b/env/bin/python" in str(caught.value.cause)
    here = Environment(Path(sys.prefix), PYTHON, "ours", Maker.VENV, "3")
    run_work.carry_on(run, here, home / "pictures", folders, Silent())
    found = ended(run)
    assert found.state is RunState.COMPLETED
    assert list(found.training.step) == list(range(1, found.total_steps + 1))


def test_a_copy_of_a_run_that_is_worked_on_is_not_worked_on(folders: Folders, tmp_path: Path) -> None:
    """Its process.json names a living engine, which was ended when the copy was stopped."""
    run = run_work.begin(recipe(write_pictures(tmp_path / "pictures"), epochs=4000), folders, Silent())
    _until(run, 5)
    copy = folders.runs / f"{run.name} (copy)"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("checkpoints"))  # whose files come and go
    try:
        assert supervisor.is_running(run)
        assert not supervisor.is_running(copy)
        assert run_store.summary(copy).state is RunState.INTERRUPTED
        supervisor.kill(copy)
        assert supervisor.is_running(run)
        with pytest.raises(Problem) as caught:
            supervisor.stop(copy)
        assert caught.value.code == "not_running"
        assert not list((copy / COMMANDS).iterdir())
        run_store.delete(copy, folders, Silent())
        assert supervisor.is_running(run)
        (tmp_path / "link").symlink_to(folders.runs, target_is_directory=True)
        pid = json.loads((run / PROCESS).read_text())["pid"]
        assert run_store.engine_of(tmp_path / "link" / run.name) == pid, "the same folder by another name"
    finally:
        supervisor.kill(run)
    assert engine_runs.events(run)
