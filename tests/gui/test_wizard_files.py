"""Files in and out in the real window: what is not followed is shown line by line, a kit is made and built."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.planning.wizard import Step
from aienv_gui.environments.records import Engine, Environment, Form, Request, Sources
from aienv_gui.gui.widgets import rows_table
from aienv_gui.gui.widgets.remarks_view import RemarksView
from aienv_gui.gui.widgets.rows_table import Index, RowsModel
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import sample_packages
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import PATIENCE_MS, WizardDriver


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as running:
        yield running


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, index: LocalIndex) -> Iterator[WizardDriver]:
    with open_session(qtbot, folders, look=False) as session:
        session.services.settings.set("index_url", index.url)
        yield WizardDriver(qtbot, session)


def shown(view: RemarksView) -> list[tuple[str, ...]]:
    model = view.table.model()
    return [tuple(model.index(row, column).data() for column in range(4)) for row in range(model.rowCount())]


def test_lines_that_are_not_followed_are_shown_before_anything_happens(driver: WizardDriver, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("colours\ngit+https://example.org/x.git\n" + "--nonsense\n" * 400, encoding="utf-8")
    driver.open()
    remarks = driver.wizard.purpose.remarks
    assert not remarks.isVisible()
    driver.wizard.purpose.use_file(file)
    driver.qtbot.waitUntil(remarks.isVisible)
    assert remarks.summary.text() == "401 lines of requirements.txt are not followed as they stand."
    assert not remarks.table.isVisible()
    driver.click(remarks.fold)
    assert remarks.table.isVisible()
    first = shown(remarks)[0]
    assert first[:2] == ("2", "git+https://example.org/x.git")
    assert "source repository" in first[2]
    assert "left out" in first[3]
    driver.session.services.language.use("zh_CN")
    assert "源代码仓库" in shown(remarks)[0][2]
    driver.session.services.language.use("en")
    (tmp_path / "wrong.txt").write_text("numpy=1\n")
    driver.wizard.purpose.use_file(tmp_path / "wrong.txt")
    driver.qtbot.waitUntil(lambda: driver.wizard.purpose.problem is not None)
    assert "requirements.txt" in remarks.summary.text()  # the former file stays chosen, and its remarks
    assert not remarks.table.isVisible()
    driver.go_on(Step.OPTIONS)
    driver.name("remarked")
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    planning = driver.wizard.planning
    assert planning.problem is None
    assert planning.remarks.isVisible()
    assert len(shown(planning.remarks)) == 401
    driver.click(driver.wizard.back)
    driver.click(driver.wizard.back)
    driver.click(driver.wizard.purpose.card("empty"))  # another choice takes them away
    assert not remarks.isVisible()


def test_thousands_of_remarks_do_not_hold_the_window_up(
    driver: WizardDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements.txt").write_text("colours\n" + "--nonsense\n" * 5000, encoding="utf-8")
    asked = 0

    class Counting(RowsModel):
        def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
            nonlocal asked
            asked += 1
            return super().data(index, role)

    monkeypatch.setattr(rows_table, "RowsModel", Counting)
    driver.open()
    remarks = driver.wizard.purpose.remarks
    driver.wizard.purpose.use_file(tmp_path / "requirements.txt")
    driver.qtbot.waitUntil(remarks.isVisible)
    assert asked < 1000  # sorting asked tens of thousands of times
    driver.click(remarks.fold)
    assert [row[0] for row in shown(remarks)[:3]] == ["2", "3", "4"]
    assert asked > 1000  # `shown` asks: the count is real


def test_included_files_are_named(driver: WizardDriver, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("rich\n--nonsense\n")
    (tmp_path / "requirements.txt").write_text("-r more.txt\n--nonsense\n")
    driver.open()
    driver.wizard.purpose.use_file(tmp_path / "requirements.txt")
    driver.qtbot.waitUntil(driver.wizard.purpose.remarks.isVisible)
    assert {row[0] for row in shown(driver.wizard.purpose.remarks)} == {"more.txt:2", "requirements.txt:2"}


@pytest.fixture
def built(index: LocalIndex, folders: Folders) -> Environment:
    sources = Sources(index_url=index.url)
    request = Request("图片 one", Engine.UV, default_python(), ("colours",))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


@pytest.mark.slow
def test_a_kit_is_made_and_a_dropped_one_is_built_without_network(
    built: Environment, driver: WizardDriver, index: LocalIndex, folders: Folders, tmp_path: Path
) -> None:
    driver.session.services.navigator.open("environments", built.prefix)
    details = driver.page.details
    driver.qtbot.waitUntil(details.share.isEnabled)
    driver.click(details.share)
    menu = details.share.findChild(QMenu)
    assert menu is not None
    assert any("Offline kit" in action.text() and action.isEnabled() for action in menu.actions())
    menu.close()
    (tmp_path / "kits").mkdir()
    details.share.save(Form.KIT, str(tmp_path / "kits"))
    driver.qtbot.waitUntil(details.shared.isVisible, timeout=PATIENCE_MS)
    (kit,) = (tmp_path / "kits").iterdir()
    assert str(kit) in details.shared.text()

    index.stop()
    shutil.rmtree(folders.cache)
    driver.open()
    purpose, data = driver.wizard.purpose, QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(kit))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    purpose.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, left, none))
    driver.go_on(Step.OPTIONS)
    options = driver.wizard.options
    assert not options.extra.isEnabled()
    assert not options.engines[Engine.CONDA].isEnabled()
    assert options.python.count() == 1
    driver.name("from the kit")
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    model = driver.wizard.planning.table.model()
    assert {model.index(row, 3).data() for row in range(model.rowCount())} == {"this computer"}
    driver.go_on(Step.BUILD)
    driver.wait_for_step(Step.VALIDATE)
    driver.wait_for_verdicts()
    environment = driver.wizard.wizard and driver.wizard.wizard.environment
    assert isinstance(environment, Environment)
    assert environment.packages == built.packages


def test_of_other_environments_the_kit_is_shown_as_out_of_reach(driver: WizardDriver) -> None:
    details = driver.page.details
    driver.qtbot.waitUntil(details.share.isEnabled)  # the application's own environment
    driver.click(details.share)
    menu = details.share.findChild(QMenu)
    assert menu is not None
    kits = [action for action in menu.actions() if "Offline kit" in action.text()]
    assert [action.isEnabled() for action in kits] == [False]
    menu.close()
