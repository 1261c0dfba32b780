"""The real engine, supervised as the application does it: started, followed, steered, killed, continued."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from aienv_gui.core import processes
from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import PROCESS, RECIPE
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui import run_work
from aienv_gui.training import inspection, run_store, supervisor
from aienv_gui.training.inspection import AskedPictures
from aienv_gui.training.records import Load, Run, RunState
from tests.e2e.tiny_recipe import recipe
from tests.engine import engine_runs
from tests.fakes.pictures import write_pictures

PYTHON = Path(sys.executable)
PATIENCE_S = 120.0


def reached(step: int, run: Run) -> bool:
    return run.step >= step


def no_load() -> Load | None:
    return None


class Acting(Silent):
    """Does each action once, when its condition is first met, in the order given."""

    def __init__(self, *steps: tuple[Callable[[Run], object], Callable[[Run], object]]) -> None:
        self._steps = list(steps)
        self.states: list[RunState] = []
        self.results: list[object] = []
        self._deadline = time.monotonic() + PATIENCE_S
        self.stop = False

    def partial(self, result: object) -> None:
        assert isinstance(result, Run)
        if not self.states or self.states[-1] is not result.state:
            self.states.append(result.state)
        if self._steps and self._steps[0][0](result):
            self.results.append(self._steps.pop(0)[1](result))

    @property
    def cancelled(self) -> bool:
        assert time.monotonic() < self._deadline, f"stuck in {self.states}, {len(self._steps)} steps left"
        return self.stop


@pytest.fixture(autouse=True)
def _no_engine_left(folders: Folders) -> Iterator[None]:
    """A test that fails leaves no engine behind."""
    yield
    for run in folders.runs.glob("*"):
        supervisor.kill(run)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("it's “odd” 图片 🐕"), each=20)


@pytest.mark.slow
def test_a_training_is_steered_from_start_to_end(folders: Folders, pictures: Path) -> None:
    folder = run_work.begin(recipe(pictures, epochs=400), folders, Silent())
    stopped = Acting(
        (lambda run: run.step >= 5, lambda run: supervisor.save(folder)),
        (lambda run: run.checkpoint_of(str(stopped.results[0])), lambda run: supervisor.pause(folder)),
        (lambda run: run.state is RunState.PAUSED, lambda run: supervisor.resume(folder)),
        (lambda run: run.state is RunState.TRAINING, lambda run: (supervisor.stop(folder), time.monotonic())),
    )
    end = supervisor.follow(folder, lambda: Load(time.time(), 12.0, 34.0), stopped)
    asked = stopped.results[3]
    assert isinstance(asked, tuple)
    assert time.monotonic() - asked[1] < 8  # 3 on a machine of its own
    assert end.state is RunState.STOPPED
    assert stopped.states[:4] == [RunState.STARTING, RunState.TRAINING, RunState.PAUSED, RunState.TRAINING]
    saved = end.checkpoint_of(str(stopped.results[0]))
    assert saved is not None
    assert saved.file.stat().st_size == saved.bytes
    assert saved.file.parent == folder / "checkpoints"
    assert end.evaluation is not None
    assert end.model == folder / "model"
    assert end.load.cpu[0] == 12.0
    assert not supervisor.is_running(folder)

    supervisor.continue_run(folder)
    with pytest.raises(Problem) as caught:
        supervisor.start(folder, PYTHON)
    assert caught.value.code == "running"
    going = Acting((lambda run: run.step > end.step + 3, lambda run: supervisor.stop(folder)))
    again = supervisor.follow(folder, no_load, going)
    assert again.start is not None
    assert again.start.step == end.step
    assert list(again.training.step) == list(range(1, again.step + 1))
    np.testing.assert_array_equal(again.training.loss[: end.step], end.training.loss)
    np.testing.assert_array_equal(again.training.seconds[: end.step], end.training.seconds)
    assert run_store.summaries(folders, Silent())[0].state is RunState.STOPPED


@pytest.mark.slow
def test_killed_and_continued_gives_the_same_losses_bit_for_bit(folders: Folders, pictures: Path) -> None:
    long = recipe(pictures, epochs=40)
    whole = run_work.begin(long, folders, Silent())
    expected = supervisor.follow(whole, no_load, Acting())
    killed = run_work.begin(long, folders, Silent())

    def kill(_run: Run) -> None:
        psutil.Process(json.loads((killed / PROCESS).read_text())["pid"]).kill()

    for more in (5, 80):
        target = run_store.read(killed).step + more
        with pytest.raises(Problem) as caught:
            supervisor.follow(killed, no_load, Acting((partial(reached, target), kill)))
        assert caught.value.code == "interrupted"
        assert run_store.read(killed).state is RunState.INTERRUPTED
        supervisor.continue_run(killed)
    found = supervisor.follow(killed, no_load, Acting())
    assert found.state is RunState.COMPLETED
    assert found.start is not None
    assert found.start.attempt == 3
    np.testing.assert_array_equal(found.training.step, expected.training.step)
    np.testing.assert_array_equal(found.training.loss, expected.training.loss)
    np.testing.assert_array_equal(found.validation.loss, expected.validation.loss)
    first, second = (load_file(folder / "model" / "model.safetensors") for folder in (whole, killed))
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    with pytest.raises(Problem) as refused:
        supervisor.continue_run(killed)
    assert refused.value.code == "finished"
    assert run_store.read(killed).state is RunState.COMPLETED


def test_leaving_does_not_end_the_training_and_forcing_does(folders: Folders, pictures: Path) -> None:
    folder = run_work.begin(recipe(pictures, epochs=400), folders, Silent())
    leaving = Acting((lambda run: run.step >= 2, lambda run: setattr(leaving, "stop", True)))
    with pytest.raises(Cancelled):
        supervisor.follow(folder, no_load, leaving)
    assert supervisor.is_running(folder)
    summary = run_store.summaries(folders, Silent())[0]
    assert summary.state is RunState.TRAINING
    supervisor.kill(folder)
    assert not supervisor.is_running(folder)
    ended = run_store.read(folder)
    assert ended.state in (RunState.INTERRUPTED, RunState.STOPPED)  # the end is asked for first, and the engine listens
    assert ended.can_continue
    with pytest.raises(Problem) as caught:
        supervisor.save(folder)
    assert caught.value.code == "not_running"


def test_an_engine_that_its_starter_did_not_live_to_write_down_was_known_to_nobody(
    folders: Folders, pictures: Path
) -> None:
    folder = run_store.create(recipe(pictures, epochs=4000), folders)
    process = engine_runs.start(folder)  # and writes nothing more: the window is gone
    try:
        engine_runs.until(folder, bool, process)
        assert supervisor.is_running(folder)
        with pytest.raises(Problem) as caught:
            supervisor.start(folder, PYTHON)
        assert caught.value.code == "running"
        with pytest.raises(Problem) as caught:
            run_store.delete(folder, folders, Silent())
        assert caught.value.code == "running"
        written = (folder / PROCESS).read_text()
        assert json.loads(written)["pid"] == process.pid
        (folder / PROCESS).write_text(json.dumps({"pid": process.pid, "started": 1.0}))
        assert supervisor.is_running(folder)  # whatever the file says, the lock is held
        (folder / PROCESS).write_text(written)
        supervisor.stop(folder)
        assert process.wait(PATIENCE_S) == 0
    finally:
        engine_runs.end(process)
    assert not supervisor.is_running(folder)


def test_an_engine_that_could_not_be_written_down_trained_on_unknown(
    folders: Folders, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real_start, real_write = processes.start_detached, protocol.write_json

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(real_start(*arguments, **options))
        return started[-1]

    def full(path: Path, data: dict[str, Any]) -> None:
        if path.name == PROCESS:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_write(path, data)

    monkeypatch.setattr(processes, "start_detached", start)
    monkeypatch.setattr(protocol, "write_json", full)
    with pytest.raises(Problem) as caught:
        run_work.begin(recipe(pictures, epochs=4000), folders, Silent())
    assert caught.value.code == "disk_full"
    (child,) = started
    assert child.returncode is not None
    assert run_store.summaries(folders, Silent()) == ()


def test_an_environment_that_was_deleted(folders: Folders, pictures: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "bin" / "python"
    with pytest.raises(Problem) as caught:
        run_work.begin(replace(recipe(pictures, epochs=3), environment_python=gone), folders, Silent())
    assert caught.value.code == "environment_gone"
    assert run_store.summaries(folders, Silent()) == ()  # what could not be started is not listed
    with pytest.raises(Problem) as caught:
        inspection.inspect(pictures, AskedPictures(), gone, 0, folders, Silent())
    assert caught.value.code == "environment_gone"

    folder = run_store.create(replace(recipe(pictures, epochs=1), environment_python=gone), folders)
    with pytest.raises(Problem) as caught:
        supervisor.continue_run(folder)
    assert caught.value.code == "environment_gone"
    there = Environment(Path(sys.prefix), PYTHON, "another", Maker.VENV, "3")
    run_work.carry_on(folder, there, None, folders, Silent())
    assert run_store.summary(folder).python == PYTHON
    assert supervisor.follow(folder, no_load, Acting()).state is RunState.COMPLETED
    again = run_store.read_recipe(folder)
    assert (again.environment_python, again.environment_prefix) == (PYTHON, there.prefix)
    assert again.environment_name == "another"


def test_a_python_that_cannot_train_is_said_with_its_last_words(folders: Folders, pictures: Path) -> None:
    folder = run_store.create(recipe(pictures, epochs=3), folders)
    (folder / "engine" / "__main__.py").write_text("raise SystemExit('no torch in here')\n")
    supervisor.start(folder, PYTHON)
    with pytest.raises(Problem) as caught:
        supervisor.follow(folder, no_load, Acting())
    assert caught.value.code == "engine_silent"
    assert "no torch in here" in caught.value.details

    (folder / "engine" / "__main__.py").write_text("raise SystemExit('RuntimeError: No CUDA GPUs are available')\n")
    supervisor.start(folder, PYTHON)
    with pytest.raises(Problem) as caught:
        supervisor.follow(folder, no_load, Acting())
    assert "shows the program no graphics card" in str(caught.value.cause)
    assert "no torch in here" not in caught.value.details  # the attempt before said that


@pytest.mark.slow
def test_a_checkpoint_cut_short_is_left_out_with_a_warning(folders: Folders, pictures: Path) -> None:
    folder = run_work.begin(recipe(pictures, epochs=400), folders, Silent())
    saving = Acting(
        (lambda run: run.step >= 3, lambda run: supervisor.save(folder)),
        (lambda run: run.checkpoint_of(str(saving.results[0])), lambda run: supervisor.stop(folder)),
    )
    end = supervisor.follow(folder, no_load, saving)
    newest = end.checkpoints[-1].file
    newest.write_bytes(newest.read_bytes()[:100])
    supervisor.continue_run(folder)
    going = Acting((lambda run: run.state is RunState.TRAINING, lambda run: supervisor.stop(folder)))
    again = supervisor.follow(folder, no_load, going)
    assert any(newest.name in str(warning) for warning in again.warnings)
    assert again.start is not None
    assert 0 < again.start.step < end.step


def test_every_bad_folder_is_said_before_anything_is_trained(folders: Folders, tmp_path: Path) -> None:
    def problem(folder: Path) -> Problem:
        with pytest.raises(Problem) as caught:
            inspection.inspect(folder, AskedPictures(), PYTHON, 0, folders, Silent())
        assert caught.value.cure is not None
        return caught.value

    assert problem(tmp_path / "nowhere").code == "no_folder"
    (tmp_path / "empty").mkdir()
    assert problem(tmp_path / "empty").code == "empty_folder"
    assert problem(write_pictures(tmp_path / "one", classes=["only"])).code == "one_class"
    few = problem(write_pictures(tmp_path / "few", classes=["猫", "lonely 'dog'"], each=(9, 1)))
    assert few.code == "few_pictures"
    assert "lonely 'dog'" in str(few)
    assert not (folders.cache / "errands").exists() or not list((folders.cache / "errands").iterdir())


@pytest.mark.slow
def test_broken_pictures_are_named_and_left_out_with_consent(folders: Folders, tmp_path: Path) -> None:
    data = write_pictures(tmp_path / "data", classes=["a", "b"], each=10)
    (data / "a" / "not a “picture”.png").write_bytes(b"nothing")
    found = inspection.inspect(data, AskedPictures(), PYTHON, 0, folders, Silent())
    assert [broken.path for broken in found.broken] == ["a/not a “picture”.png"]
    assert found.pictures == 20

    refused = run_work.begin(recipe(data, epochs=1), folders, Silent())
    with pytest.raises(Problem) as caught:
        supervisor.follow(refused, no_load, Acting())
    assert caught.value.code == "broken_pictures"
    assert "not a “picture”.png" in str(caught.value)
    agreed = replace(recipe(data, epochs=1), skip=tuple(broken.path for broken in found.broken))
    folder = run_work.begin(agreed, folders, Silent())
    assert supervisor.follow(folder, no_load, Acting()).state is RunState.COMPLETED


def test_an_errand_that_is_cancelled_leaves_nothing(folders: Folders, pictures: Path) -> None:
    class Stopping(Silent):
        """Once it has begun."""

        looks = 0

        @property
        def cancelled(self) -> bool:
            self.looks += 1
            return self.looks > 1

    with pytest.raises(Cancelled):
        supervisor.errand(PYTHON, "inspect", {"folder": str(pictures), "seed": 0}, folders, Stopping())
    assert list((folders.cache / "errands").iterdir()) == []


def test_a_run_whose_recipe_is_cut_short_is_said(folders: Folders, pictures: Path) -> None:
    folder = run_store.create(recipe(pictures, epochs=3), folders)
    (folder / RECIPE).write_text("{")
    with pytest.raises(Problem) as caught:
        supervisor.continue_run(folder)
    assert str(folder) in str(caught.value)
    shutil.rmtree(folder)
    with pytest.raises(Problem):
        supervisor.follow(folder, no_load, Acting())
