"""What tests of trainings in the window share: an environment that can train, the pages, a training to its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.environments.records import Environment, Maker, Package
from aienv_gui.gui.pages.models import ModelsPage
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.gui.pages.train_parts.new_training import NewTraining
from aienv_gui.gui.pages.train_parts.run_view import RunView
from aienv_gui.training import supervisor
from aienv_gui.training.records import RunState
from tests.fakes.session import open_session

PATIENCE_MS = 90_000
OWN = Environment(
    prefix=Path(sys.prefix),
    python=Path(sys.executable),
    name="built in",
    maker=Maker.BUILT_IN,
    python_version="3",
    packages=tuple(Package(name, "1") for name in ("torch", "numpy", "pillow", "safetensors")),
)


def open_training_session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    """A window that knows an environment; leaves no engine behind."""
    with open_session(qtbot, folders, look=False) as session:
        session.services.environments.items = (OWN,)
        session.services.environments.loaded = True
        session.services.environments.changed.emit()
        yield session
        for run in folders.runs.glob("*"):
            supervisor.kill(run)


def new_training(session: Session) -> tuple[TrainPage, NewTraining]:
    session.services.navigator.open("train", "new")
    page = session.window.page
    assert isinstance(page, TrainPage)
    assert page.new is not None
    return page, page.new


def trained(qtbot: QtBot, page: TrainPage, new: NewTraining) -> RunView:
    """The page of a training that was started on `new` and has ended well."""
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    qtbot.mouseClick(new.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.run is not None and page.stack.current() is page.run, timeout=PATIENCE_MS)
    view = page.run
    assert view is not None
    qtbot.waitUntil(
        lambda: view.run is not None and view.run.state in (RunState.COMPLETED, RunState.FAILED), timeout=PATIENCE_MS
    )
    assert view.run is not None
    assert view.run.state is RunState.COMPLETED, view.run.failure
    return view


def the_model(qtbot: QtBot, session: Session, view: RunView) -> ModelsPage:
    view.result.use_button.click()
    page = session.window.page
    assert isinstance(page, ModelsPage)
    qtbot.waitUntil(lambda: page.details.model is not None, timeout=PATIENCE_MS)
    return page
