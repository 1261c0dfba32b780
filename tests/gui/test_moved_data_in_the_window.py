"""A training whose data were moved: the page says so, is told where they are now, and continues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.engine import protocol
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.gui.pages.train_parts.run_view import RunView
from aienv_gui.training.records import RunState
from tests.engine import engine_runs
from tests.fakes.pictures import write_pictures
from tests.gui.training_pages import OWN, PATIENCE_MS, open_training_session


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "shapes", each=12)


@pytest.fixture
def run(folders: Folders, pictures: Path) -> Path:
    """A run that was killed."""
    where = {"prefix": str(OWN.prefix), "python": str(OWN.python), "name": OWN.name}
    settings = {"epochs": 400, "optimiser": "sgd"}
    folder = folders.runs / "killed"
    told = {"id": "killed", "created": 1.0, "preset": "balanced", "environment": where}
    engine_runs.make_run(folder, pictures, settings=settings, checkpoint_seconds=0.1, **told)
    (folder / protocol.COMMANDS).mkdir(exist_ok=True)
    engine_runs.kill_at(folder, 40)
    return folder


@pytest.fixture
def session(qtbot: QtBot, folders: Folders, run: Path) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


def until(qtbot: QtBot, view: RunView, state: RunState) -> None:
    qtbot.waitUntil(lambda: view.run is not None and view.run.state is state, timeout=PATIENCE_MS)


@pytest.mark.slow
def test_data_that_were_moved_are_found_again(qtbot: QtBot, session: Session, run: Path, pictures: Path) -> None:
    moved = pictures.rename(pictures.with_name("shapes elsewhere"))
    session.services.navigator.open("train", run)
    page = session.window.page
    assert isinstance(page, TrainPage)
    view = page.run
    assert view is not None
    until(qtbot, view, RunState.INTERRUPTED)
    assert not view.controls.find_data.isVisible()
    view.controls.carry_on.click()
    until(qtbot, view, RunState.FAILED)
    assert view.problem.problem is not None
    assert view.problem.problem.code == "no_folder"
    assert str(pictures) in str(view.problem.problem.cause)
    qtbot.waitUntil(view.controls.find_data.isEnabled, timeout=PATIENCE_MS)
    assert view.controls.find_data.isVisible()
    other = write_pictures(moved.with_name("other"), each=12, seed=5)
    view.controls.continue_with(str(other))  # what the dialog calls
    qtbot.waitUntil(
        lambda: view.problem.problem is not None and view.problem.problem.code == "data_changed", timeout=PATIENCE_MS
    )
    qtbot.waitUntil(view.controls.find_data.isEnabled, timeout=PATIENCE_MS)
    assert view.controls.find_data.isVisible()
    view.controls.continue_with(str(moved))
    until(qtbot, view, RunState.TRAINING)
    assert not view.controls.find_data.isVisible()
    assert not view.problem.isVisible()
