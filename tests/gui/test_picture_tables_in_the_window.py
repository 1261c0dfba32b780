"""Pictures that a table names, in the real window with the real engine: looked at, chosen, agreed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.gui.pages.model_parts.model_details import ModelDetails
from aienv_gui.gui.pages.train_parts.run_result import RunResult
from aienv_gui.training import run_store
from aienv_gui.training.inspection import AskedPictures
from aienv_gui.training.model_store import Model
from aienv_gui.training.records import PICTURES, Evaluation, Mistake, Recipe, Run, RunState
from tests.fakes.pictures import write_picture_table, write_pictures, write_rows
from tests.gui.training_pages import PATIENCE_MS, new_training, open_training_session


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


@pytest.mark.slow
def test_columns_are_guessed_and_chosen_and_faults_agreed_to(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    table = tmp_path / "photos" / "labels.csv"
    rows = write_picture_table(table, each=12)
    rows[0]["file"], rows[1]["shape"] = "images/gone.png", ""
    write_rows(table, rows)
    _, new = new_training(session)
    section = new.pictures
    section.choose_folder(table)
    qtbot.waitUntil(lambda: section.inspection is not None, timeout=PATIENCE_MS)
    assert section.columns.isVisible()
    assert (section.columns.column("files"), section.columns.column("target")) == ("file", "shape")
    assert "Line 2: images/gone.png: there is no such file" in section._broken.text()
    assert "Line 3: images/001.png has no class" in section._broken.text()
    assert section._broken.text().startswith("2 pictures or rows cannot be used:")
    assert not new.start_button.isEnabled()

    ids = section.columns.boxes["target"]
    ids.setCurrentText("id")
    ids.activated.emit(0)
    qtbot.waitUntil(section.problem.isVisible, timeout=PATIENCE_MS)
    assert "different values" in str(section.problem.problem)
    assert section.columns.isVisible()
    ids.setCurrentText("shape")
    ids.activated.emit(2)
    qtbot.waitUntil(lambda: section.inspection is not None and section.found.problem is None, timeout=PATIENCE_MS)
    section.consent.setChecked(True)
    assert new.missing() is None
    recipe = new.recipe()
    assert (recipe.files, recipe.target) == ("file", "shape")
    assert recipe.skip == ("images/gone.png", "labels.csv:3")

    folder = run_store.create(recipe, session.services.folders)
    section.choose_folder(write_pictures(tmp_path / "folders", each=4))
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    assert not section.columns.isVisible()
    assert (new.recipe().files, new.recipe().target) == ("", "")
    new.show_recipe(run_store.read_recipe(folder))
    qtbot.waitUntil(lambda: section.inspection is not None, timeout=PATIENCE_MS)
    assert section.asked == AskedPictures("file", "shape")
    assert section.folder == table


def test_the_worst_answers_are_found_beside_the_table(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    """Of a run and of its model: their names count from the table's folder."""
    recipe = Recipe("named", tmp_path / "labels.csv", "balanced", "compact_convnet", {}, files="file", target="shape")
    mistake = Mistake("images/000.png", "dot", "down", 0.9)
    evaluation = Evaluation(0.5, 0.5, ("dot", "down"), ((1, 1), (1, 1)), (mistake,))
    result = RunResult(session.services)
    qtbot.addWidget(result)
    result.show_run(Run(tmp_path, recipe, RunState.COMPLETED, evaluation=evaluation))
    assert list(result._worst._buttons) == [tmp_path / "images" / "000.png"]
    card = {"data": recipe.to_json()["data"], "evaluation": {"worst": [asdict(mistake)]}}
    details = ModelDetails(session.services)
    qtbot.addWidget(details)
    details.set_model(Model(tmp_path / "model", "named", 0.0, PICTURES, ("dot", "down"), card=card))
    assert list(details.mistakes._buttons) == [tmp_path / "images" / "000.png"]
    session.services.jobs.shut_down()
