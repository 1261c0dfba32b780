"""The page Train with the real engine in the real window: from a folder of pictures to a result, and back again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import JobState
from aienv_gui.engine.protocol import PROCESS
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.gui.pages.train_parts.run_controls import RunControls
from aienv_gui.gui.pages.train_parts.run_view import RunView
from aienv_gui.gui.widgets.confirm import Question
from aienv_gui.training import run_store, supervisor
from aienv_gui.training.records import RunState
from tests.fakes.pictures import write_pictures
from tests.fakes.session import open_session
from tests.gui.training_pages import OWN

PATIENCE_MS = 90_000


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("my shapes"), each=20)


@pytest.fixture(autouse=True)
def _no_engine_left(folders: Folders) -> Iterator[None]:
    """A test that fails leaves no engine behind."""
    yield
    for run in folders.runs.glob("*"):
        supervisor.kill(run)


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as session:
        knows_own_environment(session)
        yield session


def knows_own_environment(session: Session) -> None:
    session.services.environments.items = (OWN,)
    session.services.environments.loaded = True
    session.services.environments.changed.emit()


def train_page(session: Session, argument: object = None) -> TrainPage:
    session.services.navigator.open("train", argument)
    page = session.window.page
    assert isinstance(page, TrainPage)
    return page


def begin(qtbot: QtBot, session: Session, pictures: Path, *, epochs: int = 500) -> RunView:
    """Start a training on the page as a user does; returns when it trains."""
    page = train_page(session, "new")
    new = page.new
    assert new is not None
    new.data.choose_folder(pictures)
    new.model.advanced.epochs.setValue(epochs)
    new.model.advanced.batch_size.setValue(8)
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    qtbot.mouseClick(new.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.run is not None and page.stack.current() is page.run, timeout=PATIENCE_MS)
    assert page.run is not None
    until(qtbot, page.run, RunState.TRAINING)
    return page.run


def until(qtbot: QtBot, view: RunView, *states: RunState) -> None:
    qtbot.waitUntil(lambda: view.run is not None and view.run.state in states, timeout=PATIENCE_MS)


def until_step(qtbot: QtBot, view: RunView, step: int) -> None:
    qtbot.waitUntil(lambda: view.run is not None and view.run.step >= step, timeout=PATIENCE_MS)


@pytest.mark.slow
def test_from_pictures_to_a_result_with_every_button(qtbot: QtBot, session: Session, pictures: Path) -> None:
    view = begin(qtbot, session, pictures)
    controls = view.controls
    qtbot.waitUntil(lambda: view.plots.loss.points_drawn("steps") > 3, timeout=PATIENCE_MS)
    assert controls.pause.isVisible()
    assert not controls.carry_on.isVisible()

    controls.save.click()
    assert not controls.save.isEnabled()
    qtbot.waitUntil(controls.answer.isVisible, timeout=PATIENCE_MS)
    assert view.folder is not None
    saved = next((view.folder / "checkpoints").glob("*.pt"))
    assert "Saved" in controls.answer.text()
    assert str(view.folder / "checkpoints") in controls.answer.text()
    assert saved.stat().st_size > 0
    assert "B, " in controls.answer.text()

    controls.pause.click()
    assert controls.pause.text() == "Pausing..."
    until(qtbot, view, RunState.PAUSED)
    assert controls.pause.text() == "Resume"
    controls.pause.click()
    until(qtbot, view, RunState.TRAINING)

    controls.stop.click()
    assert controls.stop.text() == "Stopping..."
    until(qtbot, view, RunState.STOPPED)
    assert view.run is not None
    stopped_at = view.run.step
    assert not controls.stop.isVisible()
    assert view.result.isVisible()
    assert "right" in view.result.accuracy.text()
    assert view.result.use_button.isVisible()
    qtbot.waitUntil(lambda: session.services.jobs.running() == [], timeout=PATIENCE_MS)

    controls.carry_on.click()
    until(qtbot, view, RunState.TRAINING)
    until_step(qtbot, view, stopped_at + 1)
    assert list(view.run.training.step[:3]) == [1, 2, 3]
    controls.stop.click()
    until(qtbot, view, RunState.STOPPED)

    with qtbot.waitSignal(session.services.navigator.requested) as asked:
        view.result.use_button.click()
    assert asked.args == ["models", view.folder / "model"]


@pytest.mark.slow
def test_a_short_training_runs_to_its_end_and_is_listed(qtbot: QtBot, session: Session, pictures: Path) -> None:
    view = begin(qtbot, session, pictures, epochs=2)
    until(qtbot, view, RunState.COMPLETED)
    assert not view.controls.carry_on.isVisible()
    assert view.badge.text() == "Finished"
    page = train_page(session)
    qtbot.mouseClick(page.back, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.table.text_of(0, 2) == "Finished", timeout=PATIENCE_MS)
    assert page.table.text_of(0, 0) == f"{pictures.name}, Balanced"
    assert "%" in page.table.text_of(0, 3)
    job = session.services.jobs.visible[0]
    assert job.state is JobState.SUCCEEDED
    page.table.setFocus()
    page.table.choose(view.folder or Path())
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert page.stack.current() is view

    view.controls.delete.click()
    question = view.findChild(Question)
    assert question is not None
    yes = next(button for button in question.findChildren(QPushButton) if button.text() == "Delete")
    yes.click()
    qtbot.waitUntil(lambda: page.stack.current() is page.empty, timeout=PATIENCE_MS)
    assert session.services.runs.items == ()


@pytest.mark.slow
def test_the_training_outlives_the_window_and_is_shown_again_whole(
    qtbot: QtBot, folders: Folders, pictures: Path
) -> None:
    with open_session(qtbot, folders, look=False) as session:
        knows_own_environment(session)
        view = begin(qtbot, session, pictures, epochs=2000)
        until_step(qtbot, view, 10)
        folder = view.folder
        assert folder is not None
    assert supervisor.is_running(folder)
    with open_session(qtbot, folders, look=False) as session:
        knows_own_environment(session)
        runs = session.services.runs
        runs.refresh()
        qtbot.waitUntil(lambda: runs.latest(folder) is not None, timeout=PATIENCE_MS)
        page = train_page(session, folder)
        assert page.run is not None
        until(qtbot, page.run, RunState.TRAINING)
        assert page.run.run is not None
        assert list(page.run.run.training.step[:10]) == list(range(1, 11))
        (job,) = session.services.jobs.running()
        assert job.survives
        job.cancel()  # as in Activity
        assert job.state is JobState.CANCELLING
        until(qtbot, page.run, RunState.STOPPED)
        qtbot.waitUntil(lambda: job.state.final, timeout=PATIENCE_MS)
    assert not supervisor.is_running(folder)


@pytest.mark.slow
def test_a_killed_engine_is_told_and_continues(qtbot: QtBot, session: Session, pictures: Path) -> None:
    view = begin(qtbot, session, pictures)
    until_step(qtbot, view, 10)
    assert view.folder is not None
    psutil.Process(json.loads((view.folder / PROCESS).read_text())["pid"]).kill()
    until(qtbot, view, RunState.INTERRUPTED)
    assert view.problem.isVisible()
    assert view.problem.problem is not None
    assert view.problem.problem.code == "interrupted"
    view.controls.carry_on.click()
    until(qtbot, view, RunState.TRAINING)
    assert not view.problem.isVisible()
    assert session.services.presenter.last is None

    # The environment disappears while the training is stopped: another one can be chosen.
    view.controls.stop.click()
    until(qtbot, view, RunState.STOPPED)
    recipe = run_store.read_recipe(view.folder)
    assert recipe.environment_python == OWN.python
    session.services.environments.items = ()
    session.services.environments.changed.emit()
    assert not view.controls.carry_on.isEnabled()
    moved = Environment(
        prefix=Path("/elsewhere"), python=Path(sys.executable).with_name("moved"), name="other", maker=Maker.VENV,
        python_version="3", packages=OWN.packages,
    )  # fmt: skip
    session.services.environments.items = (moved,)
    session.services.environments.changed.emit()
    assert view.controls.place.isVisible()
    assert view.controls.carry_on.isEnabled()
    view.controls.carry_on.click()
    qtbot.waitUntil(
        lambda: view.problem.problem is not None and view.problem.problem.code == "environment_gone",
        timeout=PATIENCE_MS,
    )
    assert view.run is not None
    assert view.run.state is RunState.STOPPED


def test_bad_pictures_are_told_inline_and_the_start_says_why_not(
    qtbot: QtBot, session: Session, tmp_path: Path
) -> None:
    page = train_page(session, "new")
    new = page.new
    assert new is not None
    (tmp_path / "empty").mkdir()
    new.data.choose_folder(tmp_path / "empty")
    assert not new.start_button.isEnabled()
    qtbot.waitUntil(new.data.problem.isVisible, timeout=PATIENCE_MS)
    assert new.data.problem.problem is not None
    assert new.data.problem.problem.code == "empty_folder"
    assert not new.start_button.isEnabled()
    assert new.reason.text() == "These pictures cannot be trained on."

    data = write_pictures(tmp_path / "mended", classes=["a", "b"], each=10)
    (data / "a" / "broken.png").write_bytes(b"nothing")
    new.data.choose_folder(data)
    qtbot.waitUntil(lambda: new.pictures.inspection is not None and new.data.missing() is not None, timeout=PATIENCE_MS)
    assert not new.data.problem.isVisible()
    assert new.pictures.consent.isVisible()
    assert not new.start_button.isEnabled()
    new.pictures.consent.setChecked(True)
    assert new.start_button.isEnabled()
    assert new.recipe().skip == ("a/broken.png",)
    assert new.place.name.text() == "mended, Balanced"

    new.model.choose("book")
    assert new.place.name.text() == "mended, The book's network"
    recipe = new.recipe()
    assert recipe.architecture == "book_convnet"
    assert (recipe.settings["learning_rate"], recipe.settings["epochs"]) == (0.001, 10)
    new.model.advanced.learning_rate.setText("0")
    assert not new.start_button.isEnabled()
    assert "0.001" in new.reason.text()
    new.model.advanced.learning_rate.setText("0.5")
    assert new.recipe().settings["learning_rate"] == 0.5
    new.place.name.selectAll()
    qtbot.keyClick(new.place.name, Qt.Key.Key_Delete)
    assert new.reason.text() == "Give this training a name."
    qtbot.keyClicks(new.place.name, "Mine")
    new.model.choose("balanced")
    assert new.place.name.text() == "Mine"


def test_without_an_environment_the_page_leads_to_one(qtbot: QtBot, folders: Folders) -> None:
    with open_session(qtbot, folders, look=False) as session:
        page = train_page(session, "new")
        assert page.new is not None
        assert "being looked for" in page.new.reason.text()
        session.services.environments.loaded = True
        session.services.environments.changed.emit()
        assert not page.new.start_button.isEnabled()
        assert page.new.place._none.isVisible()
        knows_own_environment(session)
        assert not page.new.place._none.isVisible()
        assert page.new.place.chosen == OWN
        qtbot.waitUntil(lambda: page.new is not None and page.new.missing() is None, timeout=PATIENCE_MS)
        assert page.new.data.sample == "digits"  # the sample is the default and ready
        assert page.new.recipe().sample == "digits"


def test_an_empty_list_says_what_the_page_is_for(qtbot: QtBot, session: Session) -> None:
    page = train_page(session)
    assert page.stack.current() is page.empty
    assert page.empty.button is not None
    qtbot.mouseClick(page.empty.button, Qt.MouseButton.LeftButton)
    assert page.stack.current() is page.new
    assert page.new is not None
    assert page.new.footer.isVisible()
    qtbot.mouseClick(page.back, Qt.MouseButton.LeftButton)
    assert page.stack.current() is page.empty
    assert not page.new.footer.isVisible()
    session.services.jobs.shut_down()


@pytest.mark.parametrize(
    ("verb", "reason", "said"),
    [
        ("pause", "ended", "That did not work: The training has ended."),
        ("stop", "stale", "That did not work: The training was started anew meanwhile. Ask again."),
        ("resume", "not_paused", "That did not work: The training is not paused."),
        ("save", "loading", "That did not work: The data are still being read."),
        ("save", "ended", "The checkpoint was not saved: the training has ended."),
        ("stop", "disk_full", "Not stopped, since the last steps cannot be saved: The disk is full."),
    ],
)
def test_a_refused_command_was_said_to_be_something_else(session: Session, verb: str, reason: str, said: str) -> None:
    controls = RunControls(session.services, session.window)
    controls._refused(verb, reason)
    assert controls.answer.text().startswith(said)


def test_a_damaged_run_is_told(qtbot: QtBot, session: Session, folders: Folders) -> None:
    broken = folders.runs / "20260101-000000-abcdef"
    broken.mkdir(parents=True)
    (broken / "recipe.json").write_text("{")
    session.services.runs.refresh()
    qtbot.waitUntil(lambda: bool(session.services.runs.items), timeout=PATIENCE_MS)
    page = train_page(session)
    assert page.table.text_of(0, 2) == "Damaged"
    page.open_run(broken)
    assert page.run is not None
    qtbot.waitUntil(page.run.problem.isVisible, timeout=PATIENCE_MS)
    assert "recipe.json" in str(page.run.problem.problem)


def test_the_page_follows_the_language(qtbot: QtBot, session: Session) -> None:
    page = train_page(session, "new")
    new = page.new
    assert new is not None
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    session.services.language.use("zh_CN")
    assert new.start_button.text() == "开始训练"
    assert page.title.text() == "新建训练"
    assert new.place.environment.currentText().startswith("内置")
    assert new.place.name.text() == "数字，均衡"
    page.open_list()
    assert page.table.model().headerData(2, Qt.Orientation.Horizontal) == "状态"
