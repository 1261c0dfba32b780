"""Two trainings at once in the window: two live rows, and what is done to one is not done to the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.training.records import RunState, RunSummary
from tests.fakes.pictures import write_pictures
from tests.gui.training_pages import PATIENCE_MS, new_training, open_training_session


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


def begin(qtbot: QtBot, session: Session, pictures: Path) -> Path:
    """Start a long training as a user does; returns its folder once it trains."""
    page, new = new_training(session)
    new.data.choose_folder(pictures)
    new.model.advanced.epochs.setValue(500)
    new.model.advanced.batch_size.setValue(8)
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    qtbot.mouseClick(new.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.run is not None and page.stack.current() is page.run, timeout=PATIENCE_MS)
    view = page.run
    assert view is not None
    qtbot.waitUntil(lambda: view.run is not None and view.run.state is RunState.TRAINING, timeout=PATIENCE_MS)
    assert view.folder is not None
    return view.folder


def row(session: Session, folder: Path) -> RunSummary:
    found = session.services.runs.get(folder)
    assert found is not None
    return found


def trains(session: Session, folder: Path) -> bool:
    return row(session, folder).state is RunState.TRAINING


@pytest.mark.slow
def test_two_trainings_at_once(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "shapes", each=12)
    first = begin(qtbot, session, pictures)
    second = begin(qtbot, session, pictures)
    assert first != second
    runs = session.services.runs
    session.services.navigator.open("train", None)
    page = session.window.page
    assert isinstance(page, TrainPage)
    for folder in (first, second):
        qtbot.waitUntil(partial(trains, session, folder), timeout=PATIENCE_MS)

    def steps() -> list[int]:
        states = [runs.latest(folder) for folder in (first, second)]
        return [state.step if state is not None else 0 for state in states]

    before = steps()
    qtbot.waitUntil(lambda: all(now > then for now, then in zip(steps(), before, strict=True)), timeout=PATIENCE_MS)
    session.services.navigator.open("train", first)
    assert page.run is not None
    view = page.run
    qtbot.waitUntil(lambda: view.folder == first and view.run is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(view.controls.stop.isEnabled, timeout=PATIENCE_MS)
    view.controls.stop.click()
    qtbot.waitUntil(lambda: row(session, first).state is RunState.STOPPED, timeout=PATIENCE_MS)
    assert row(session, second).state is RunState.TRAINING
    reached = steps()[1]
    qtbot.waitUntil(lambda: steps()[1] > reached, timeout=PATIENCE_MS)
