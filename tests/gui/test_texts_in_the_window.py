"""Texts in the real window with the real engine: looked at, trained, and the model tried."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.records import Package
from aienv_gui.gui.pages.model_parts.model_details import ModelDetails
from aienv_gui.training import model_store
from aienv_gui.training.records import TEXTS, WRITING
from tests.fakes.tables import write_table
from tests.fakes.texts import sentences, write_folder
from tests.gui.training_pages import OWN, PATIENCE_MS, new_training, open_training_session, the_model, trained


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


@pytest.mark.slow
def test_both_samples_can_be_trained_on(qtbot: QtBot, session: Session) -> None:
    _, new = new_training(session)
    new.kinds[TEXTS].click()
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    assert new.recipe().sample == "definitions"
    assert new.texts.inspection is not None
    assert len(new.texts.inspection.classes) == 6
    new.texts.sample_cards["reviews_zh"].click()
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    assert (new.recipe().sample, new.recipe().text, new.recipe().target) == ("reviews_zh", "评论", "评价")
    assert new.place.name.text() == "Reviews, Balanced"


@pytest.mark.slow
def test_columns_that_do_not_do_are_said_and_others_can_be_chosen(
    qtbot: QtBot, session: Session, tmp_path: Path
) -> None:
    rows = [{"text": text, "mood": name, "number": f"n{n}"} for n, (text, name) in enumerate(sentences(60))]
    _, new = new_training(session)
    new.choose_task(TEXTS)
    new.texts.choose_folder(write_table(tmp_path / "said.csv", rows))
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    assert new.texts.columns.boxes["target"].currentText() == "mood"
    new.texts.columns.boxes["target"].setCurrentText("number")
    new.texts.columns.boxes["target"].activated.emit(2)
    qtbot.waitUntil(new.texts.problem.isVisible, timeout=PATIENCE_MS)
    assert "different values" in str(new.texts.problem.problem)
    assert not new.start_button.isEnabled()
    new.texts.columns.boxes["target"].setCurrentText("mood")
    new.texts.columns.boxes["target"].activated.emit(1)
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    assert not new.texts.problem.isVisible()


@pytest.mark.slow
def test_from_texts_to_a_class(qtbot: QtBot, session: Session, tmp_path: Path, folders: Folders) -> None:
    page, new = new_training(session)
    new.choose_task(TEXTS)
    new.texts.choose_folder(write_folder(tmp_path / "weather", sentences(160)))
    view = trained(qtbot, page, new)
    assert "right" in view.result.accuracy.text()
    assert "a linear model" in view.result.compared.text()

    details = the_model(qtbot, session, view).details
    assert details.try_text.isVisible()
    assert not details.try_it.isVisible()
    details.try_text.text.setPlainText("So sunny and warm and lovely")
    qtbot.mouseClick(details.try_text.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(details.try_text.bars.answers), timeout=PATIENCE_MS)
    assert details.try_text.bars.answers[0][0] == "good"
    details.try_text.text.setPlainText("dark, cold, awful")
    qtbot.mouseClick(details.try_text.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: bool(details.try_text.bars.answers) and details.try_text.bars.answers[0][0] == "bad",
        timeout=PATIENCE_MS,
    )

    (model,) = model_store.models(folders, Silent())
    program = tmp_path / "use.py"
    program.write_text(model_store.sample_call(model), encoding="utf-8")
    command = [sys.executable, "-I", str(program), "cold and dreary"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    assert said.stdout.strip() == "bad"


@pytest.mark.slow
def test_a_model_learns_to_write(qtbot: QtBot, session: Session, tmp_path: Path, folders: Folders) -> None:
    path = tmp_path / "weather.txt"
    path.write_text("\n".join(text for text, _ in sentences(300)), encoding="utf-8")
    page, new = new_training(session)
    new.kinds[WRITING].click()
    new.writing.choose_folder(path)
    qtbot.waitUntil(lambda: new.writing.found is not None, timeout=PATIENCE_MS)
    assert new.writing.inspection is not None
    assert new.writing.inspection.characters == len(path.read_text(encoding="utf-8"))
    new.model.advanced.epochs.setValue(1)
    view = trained(qtbot, page, new)
    assert "right" in view.result.accuracy.text()
    assert "perplexity" in view.result.meaning.text()
    assert "what most often follows the last character" in view.result.compared.text()
    assert not view.result.matrix.isVisible()

    details = the_model(qtbot, session, view).details
    assert details.try_writing.isVisible()
    _writes_on(qtbot, details, folders, tmp_path / "use.py")


@pytest.mark.slow
def test_a_model_learns_to_write_in_word_pieces(
    qtbot: QtBot, session: Session, tmp_path: Path, folders: Folders
) -> None:
    path = tmp_path / "weather.txt"
    path.write_text("\n".join(text for text, _ in sentences(300)), encoding="utf-8")
    page, new = new_training(session)
    new.kinds[WRITING].click()
    new.writing.choose_folder(path)
    assert not new.model.needs.isVisible()
    new.model.choose("gpt_pieces")
    assert new.model.needs.words.text() == "This model needs tokenizers, which “built in” does not have."
    assert new.reason.text() == "The environment lacks tokenizers."
    session.services.environments.items = (replace(OWN, packages=(*OWN.packages, Package("tokenizers", "0.23"))),)
    session.services.environments.changed.emit()
    assert not new.model.needs.isVisible()
    new.model.advanced.epochs.setValue(1)
    view = trained(qtbot, page, new)
    assert "word pieces" in view.result.meaning.text()
    assert "bits per character" in view.result.meaning.text()
    assert "what most often follows the last piece" in view.result.compared.text()

    details = the_model(qtbot, session, view).details
    assert "known word pieces; it looks back at 64" in details._facts["input"].text()
    assert "tokenizers" in details._needs.text()
    _writes_on(qtbot, details, folders, tmp_path / "use.py")


def _writes_on(qtbot: QtBot, details: ModelDetails, folders: Folders, program: Path) -> None:
    """In the window, and by the program that needs no AIEnv."""
    details.try_writing.text.setPlainText("the day ")
    qtbot.mouseClick(details.try_writing.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(details.try_writing.written.isVisible, timeout=PATIENCE_MS)
    written = details.try_writing.written.toPlainText()
    assert written.startswith("the day ")
    assert len(written) == 308

    (model,) = model_store.models(folders, Silent())
    program.write_text(model_store.sample_call(model), encoding="utf-8")
    command = [sys.executable, "-I", str(program), "the "]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    assert said.stdout.startswith("the ")
    assert len(said.stdout) >= 300
