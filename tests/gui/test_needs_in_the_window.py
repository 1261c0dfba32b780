"""What an environment lacks is said before the run, added by an ordinary change, and then the work goes on."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Environment, Maker, Request, Sources
from aienv_gui.gui import package_wishes
from aienv_gui.gui.pages.models import ModelsPage
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.training import problems
from aienv_gui.training.records import TABLE
from tests.fakes.change_driver import ChangeDriver
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel
from tests.fakes.session import open_session
from tests.fakes.tables import rows
from tests.gui.training_pages import OWN, PATIENCE_MS, new_training, open_training_session


def _wheel_of_installed(served: Path, module: str, version: str) -> None:
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent
    files = {f"{module}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*.py")}
    requires = ("et_xmlfile",) if module == "openpyxl" else ()
    make_wheel(served, module, version, files=files, requires=requires)


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChangeDriver]:
    """An environment of ours without openpyxl, which the package index has."""
    # Reading a table needs no PyTorch, whose gigabyte is not installed for it.
    monkeypatch.setattr(Environment, "can_train", True)
    served = tmp_path / "served"
    make_wheel(served, "lamp")
    make_wheel(served, "pip", "99.0")
    _wheel_of_installed(served, "openpyxl", openpyxl.__version__)
    _wheel_of_installed(served, "et_xmlfile", "2.0.0")
    with LocalIndex(served) as index:
        sources = Sources(index_url=index.url)
        request = Request("mine", Engine.UV, default_python(), ("lamp",))
        mine = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
        with open_session(qtbot, folders, look=False) as session:
            session.services.settings.set("index_url", index.url)
            yield ChangeDriver(qtbot, session, folders, mine)


@pytest.fixture
def excel(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    table = rows(60)
    book.active.append(list(table[0]))
    for row in table:
        book.active.append(list(row.values()))
    path = tmp_path / "my fruit.xlsx"
    book.save(path)
    return path


@pytest.mark.slow
def test_a_file_that_needs_a_package_is_read_once_it_was_added(driver: ChangeDriver, excel: Path) -> None:
    qtbot, session = driver.qtbot, driver.session
    _, new = new_training(session)
    new.place.choose(driver.mine.prefix)
    new.choose_task(TABLE)
    new.table.choose_folder(excel)
    needs = new.table.needs
    assert needs.isVisible()
    assert needs.words.text() == "Reading .xlsx files needs openpyxl, which “mine” does not have."
    assert not needs.by_hand.isVisible()
    assert new.reason.text() == "The environment lacks openpyxl."
    assert not new.start_button.isEnabled()
    assert not new.model.needs.isVisible()

    driver.click(needs.add)
    assert session.window.page is driver.page
    panel = driver.wait_for_plan_of_change()
    assert panel.problem is None
    assert panel.proposal is not None
    assert {row.package for row in panel.view.table.rows_model.rows} == {"et-xmlfile", "openpyxl"}
    assert "openpyxl" not in driver.versions()
    driver.consent()
    assert driver.versions()["openpyxl"] == openpyxl.__version__
    assert driver.details.outcome.undo.isVisible()
    driver.click(driver.details.outcome.back)

    shown = session.window.page
    assert isinstance(shown, TrainPage)
    assert shown.stack.current() is new
    qtbot.waitUntil(lambda: new.table.found is not None, timeout=PATIENCE_MS)
    assert not needs.isVisible()
    assert new.missing() is None


@pytest.mark.slow
def test_where_aienv_changes_nothing_it_says_what_to_do(qtbot: QtBot, folders: Folders, excel: Path) -> None:
    for session in open_training_session(qtbot, folders):
        _, new = new_training(session)
        new.choose_task(TABLE)
        new.table.choose_folder(excel)
        needs = new.table.needs
        assert (needs.add.isVisible(), needs.new.isVisible()) == (False, True)
        assert "does not change it" in needs.by_hand.text()
        others = replace(OWN, maker=Maker.VENV, name="theirs")
        session.services.environments.items = (others,)
        session.services.environments.changed.emit()
        assert (needs.add.isVisible(), needs.new.isVisible(), needs.look.isVisible()) == (False, False, True)
        assert needs.by_hand.text().endswith(f"{OWN.python} -m pip install openpyxl")
        new.table.choose_sample()
        assert not needs.isVisible()


@pytest.mark.slow
def test_problems_of_runs_and_models_offer_the_same(driver: ChangeDriver) -> None:
    session = driver.session
    missing = problems.problem_of("missing_package", {"name": "openpyxl"})
    assert package_wishes.fitting(missing, driver.mine) is missing
    theirs = replace(driver.mine, maker=Maker.CONDA)
    fitted = package_wishes.fitting(missing, theirs)
    assert [action.name for action in fitted.actions] == ["open_page"]
    assert f"conda install --prefix {driver.mine.prefix} openpyxl" in str(fitted.cure)
    assert "uv pip install --python" in package_wishes.command(replace(theirs, maker=Maker.UV), ("a>=1",))

    session.services.navigator.open("models")
    page = session.window.page
    assert isinstance(page, ModelsPage)
    tried = page.details.try_text
    (index,) = [i for i in range(tried.environment.count()) if tried.environment.itemData(i) == driver.mine.python]
    tried.environment.setCurrentIndex(index)
    tried._on_problem(missing)
    tried.problem.action.emit(missing.actions[0])
    panel = driver.wait_for_plan_of_change()
    assert panel.proposal is not None
    driver.click(panel.cancel)
