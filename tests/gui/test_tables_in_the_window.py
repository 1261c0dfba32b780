"""Tables in the real window with the real engine: looked at, asked about, trained, and the model tried."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.gui.pages.train_parts.new_training import NewTraining
from aienv_gui.training import model_store
from aienv_gui.training.records import TABLE
from tests.fakes.tables import rows, write_table
from tests.gui.training_pages import PATIENCE_MS, new_training, open_training_session, the_model, trained


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "my fruit.csv", rows(240))


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


def looked_at(qtbot: QtBot, new: NewTraining) -> None:
    qtbot.waitUntil(lambda: new.table.found is not None, timeout=PATIENCE_MS)


@pytest.mark.slow
def test_the_kind_of_data_decides_what_is_shown(qtbot: QtBot, session: Session) -> None:
    _, new = new_training(session)
    assert new.pictures.isVisible()
    assert not new.table.isVisible()
    new.kinds[TABLE].click()
    assert new.table.isVisible()
    assert not new.pictures.isVisible()
    assert new.model.preset.id == "table_balanced"
    looked_at(qtbot, new)
    assert new.table.target.currentText() == "diagnosis"
    assert new.recipe().task == TABLE
    assert new.place.name.text() == "Tumours, Balanced"
    assert new.recipe().folder.name == "breast_cancer.csv"


@pytest.mark.slow
def test_another_column_is_predicted_from_fewer_others(qtbot: QtBot, session: Session, table: Path) -> None:
    _, new = new_training(session)
    new.choose_task(TABLE)
    new.table.choose_folder(table)
    looked_at(qtbot, new)
    assert new.table.target.currentText() == "kind"
    assert new.table.predicts.currentData() == "classes"
    listed = [new.table.columns.item(row).text() for row in range(new.table.columns.count())]
    assert any(text.startswith("weight: number, such as") and "missing" in text for text in listed)
    first = new.table.columns.item(0)
    assert first.text().startswith("id: a number or name for each row")
    assert not first.flags() & Qt.ItemFlag.ItemIsEnabled
    weight = new.table.columns.item(1)
    weight.setCheckState(Qt.CheckState.Unchecked)
    looked_at(qtbot, new)
    assert new.recipe().leave_out == ("weight",)

    new.table.target.setCurrentText("price")
    new.table.target.activated.emit(new.table.target.currentIndex())
    qtbot.waitUntil(lambda: new.table.inspection is not None and new.table.inspection.numbers, timeout=PATIENCE_MS)
    recipe = new.recipe()
    assert (recipe.target, recipe.predicts, recipe.leave_out) == ("price", "number", ("weight",))


@pytest.mark.slow
def test_what_cannot_be_predicted_is_said_and_another_column_can_be_chosen(
    qtbot: QtBot, session: Session, table: Path
) -> None:
    _, new = new_training(session)
    new.choose_task(TABLE)
    new.table.choose_folder(table)
    looked_at(qtbot, new)
    new.table.target.setCurrentText("constant")
    new.table.target.activated.emit(new.table.target.currentIndex())
    qtbot.waitUntil(new.table.problem.isVisible, timeout=PATIENCE_MS)
    assert "the same in every row" in str(new.table.problem.problem)
    assert not new.start_button.isEnabled()
    assert new.table.target.currentText() == "constant"
    new.table.target.setCurrentText("kind")
    new.table.target.activated.emit(new.table.target.currentIndex())
    qtbot.waitUntil(lambda: new.missing() is None, timeout=PATIENCE_MS)
    assert not new.table.problem.isVisible()


@pytest.mark.slow
def test_a_file_that_is_no_table_names_the_line(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n1,2\n1,2,3\n", encoding="utf-8")
    _, new = new_training(session)
    new.choose_task(TABLE)
    new.table.choose_folder(path)
    qtbot.waitUntil(new.table.problem.isVisible, timeout=PATIENCE_MS)
    assert "Line 3 of" in str(new.table.problem.problem)
    assert not new.start_button.isEnabled()


@pytest.mark.slow
def test_from_a_table_to_a_class(qtbot: QtBot, session: Session, table: Path) -> None:
    page, new = new_training(session)
    new.choose_task(TABLE)
    new.table.choose_folder(table)
    new.model.advanced.epochs.setValue(15)
    view = trained(qtbot, page, new)
    assert "right" in view.result.accuracy.text()
    assert "always the most frequent answer" in view.result.compared.text()
    assert view.result.matrix.isVisible()
    assert not view.result.truth.isVisible()

    details = the_model(qtbot, session, view).details
    assert details.try_row.isVisible()
    assert not details.try_it.isVisible()
    details.try_row.fields["weight"].setText("280")
    details.try_row.fields["colour"].setCurrentText("violet")
    details.try_row.button.click()
    qtbot.waitUntil(lambda: bool(details.try_row.bars.answers), timeout=PATIENCE_MS)
    assert details.try_row.bars.answers[0][0] == "melon"
    assert "“violet” was in no row of the training as colour." in details.try_row.note.text()


@pytest.mark.slow
def test_from_a_table_to_a_number_and_a_program_of_ones_own(
    qtbot: QtBot, session: Session, table: Path, tmp_path: Path, folders: Folders
) -> None:
    page, new = new_training(session)
    new.choose_task(TABLE)
    new.table.choose_folder(table)
    looked_at(qtbot, new)
    new.table.target.setCurrentText("price")
    new.table.target.activated.emit(new.table.target.currentIndex())
    new.model.advanced.epochs.setValue(15)
    view = trained(qtbot, page, new)
    assert "explained" in view.result.accuracy.text()
    assert "off by" in view.result.meaning.text()
    assert view.result.truth.isVisible()
    assert not view.result.matrix.isVisible()
    assert view.result.worst_rows.text().startswith("Line ")

    details = the_model(qtbot, session, view).details
    details.try_row.fields["weight"].setText("200")
    details.try_row.button.click()
    qtbot.waitUntil(lambda: details.try_row.answer.text().startswith("price: "), timeout=PATIENCE_MS)
    answer = float(details.try_row.answer.text().split(": ")[1])
    assert answer == pytest.approx(200 * 0.02, abs=2)

    (model,) = model_store.models(folders, Silent())
    program = tmp_path / "use.py"
    program.write_text(model_store.sample_call(model), encoding="utf-8")
    said = subprocess.run([sys.executable, "-I", program], capture_output=True, text=True, check=True, timeout=90)
    assert 0 < float(said.stdout) < 12
    assert runpy.run_path(str(model.folder / "network.py"))["of_card"](model.card)
