"""Copies, names, snapshots and deleting in the real window, with real uv, on a local package index."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.changes import snapshots
from aienv_gui.environments.records import Change
from aienv_gui.gui import change_work
from aienv_gui.gui.pages.environment_parts.details import SNAPSHOTS
from aienv_gui.gui.pages.environment_parts.name_dialog import NameDialog
from aienv_gui.gui.pages.environment_parts.snapshots_tab import SnapshotsTab
from aienv_gui.gui.widgets.confirm import Question
from tests.fakes.change_driver import ChangeDriver, changing, served_packages
from tests.fakes.index.server import LocalIndex
from tests.fakes.wizard_driver import PATIENCE_MS


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    with served_packages(tmp_path) as running:
        yield running


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, index: LocalIndex) -> Iterator[ChangeDriver]:
    with changing(qtbot, folders, index) as driver:
        yield driver


@pytest.mark.slow
def test_a_copy_is_named_planned_and_made(driver: ChangeDriver) -> None:
    driver.details.more.duplicate.trigger()
    dialog = driver.give_name("mine")
    driver.qtbot.waitUntil(dialog.words.isVisible, timeout=PATIENCE_MS)
    assert "already an environment" in dialog.words.text()
    driver.give_name("other")
    driver.qtbot.waitUntil(lambda: driver.mine.prefix in driver.details.changes, timeout=PATIENCE_MS)
    panel = driver.wait_for_plan_of_change()
    assert panel.problem is None
    assert {row.package for row in panel.view.table.rows_model.rows} == {"colours", "lamp", "paint"}
    assert not (driver.folders.environments / "other").exists()
    driver.click(panel.consent)
    driver.qtbot.waitUntil(
        lambda: driver.shown.name == "other" and driver.details.badge.text() == "Healthy", timeout=PATIENCE_MS
    )
    assert driver.shown.packages == driver.mine.packages
    assert driver.details.changes == {}


@pytest.mark.slow
def test_a_new_name_leaves_everything_where_it_is(driver: ChangeDriver) -> None:
    driver.details.more.rename.trigger()
    driver.give_name("第一 “环境”")
    driver.qtbot.waitUntil(lambda: driver.shown.name == "第一 “环境”", timeout=PATIENCE_MS)
    assert driver.shown.prefix == driver.mine.prefix
    assert driver.details.title.text() == "第一 “环境”"
    assert driver.mine.python.exists()


@pytest.mark.slow
def test_what_others_made_is_copied_instead(driver: ChangeDriver) -> None:
    built_in = driver.session.services.environments.built_in
    assert built_in is not None
    driver.page.rows.select(built_in.prefix)
    packages = driver.details.packages
    assert not packages.add.isVisible()
    assert "change the copy" in driver.texts(packages)
    packages.list.selectRow(0)
    packages.list.setFocus()
    driver.qtbot.keyClick(packages.list, Qt.Key.Key_Delete)
    assert driver.details.changes == {}
    assert not driver.details.more.repair.isVisible()
    driver.details.health.action.emit(Action("repair", verbatim("Repair")))  # a verdict may ask for it all the same
    panel = driver.details.changes[built_in.prefix]
    driver.qtbot.waitUntil(lambda: panel.problem is not None, timeout=PATIENCE_MS)
    assert panel.problem is not None
    assert panel.problem.code == "not_ours"
    driver.click(driver.button("Make a copy", panel))
    dialog = next(one for one in driver.details.findChildren(NameDialog) if one.isVisible())
    assert dialog.field.text() == "AIEnv 2"
    dialog.reject()
    driver.click(panel.cancel)
    driver.click(packages.copy)
    assert any(one.isVisible() for one in driver.details.findChildren(NameDialog))


@pytest.mark.slow
def test_snapshots_are_taken_compared_gone_back_to_and_deleted(driver: ChangeDriver) -> None:
    tab = driver.details.snapshots
    driver.details.tabs.setCurrentIndex(SNAPSHOTS)
    assert "no snapshots yet" in driver.texts(tab)
    driver.click(tab.take)
    driver.qtbot.waitUntil(lambda: tab.count == 1 and tab.rows[0].own_bytes is not None, timeout=PATIENCE_MS)
    assert driver.details.tabs.tabText(SNAPSHOTS) == "Snapshots (1)"
    driver.plan(Change(remove=("lamp",)))
    driver.consent()
    driver.details.tabs.setCurrentIndex(SNAPSHOTS)
    driver.qtbot.waitUntil(lambda: tab.count == 2, timeout=PATIENCE_MS)
    assert [str(row.snapshot.reason) for row in tab.rows] == ["Before lamp was removed", "Taken by you"]
    tab.table.select(lambda row: row.snapshot.kept)
    assert "1 package is added" in tab.details.text()
    assert "lamp – → 1.0" in tab.details.text()
    driver.click(tab.back)
    driver.wait_for_plan_of_change()
    driver.consent()
    assert driver.versions()["lamp"] == "1.0"
    driver.details.tabs.setCurrentIndex(SNAPSHOTS)
    driver.qtbot.waitUntil(
        lambda: (
            [str(row.snapshot.reason) for row in tab.rows]
            == ["Before going back to an earlier state", "Before lamp was removed", "Taken by you"]
        ),
        timeout=PATIENCE_MS,
    )
    driver.qtbot.waitUntil(lambda: all(row.own_bytes is not None for row in tab.rows), timeout=PATIENCE_MS)
    tab.table.selectRow(0)
    driver.click(tab.delete)
    question = next(one for one in driver.details.findChildren(Question) if one.isVisible())
    assert "This frees" in driver.texts(question)
    assert tab.count == 3
    driver.click(driver.button("Delete", question))
    driver.qtbot.waitUntil(lambda: tab.count == 2, timeout=PATIENCE_MS)
    assert len(snapshots.snapshots_of(driver.mine, driver.folders)) == 2


@pytest.mark.slow
def test_deleting_says_what_goes_with_the_snapshots(driver: ChangeDriver) -> None:
    driver.details.tabs.setCurrentIndex(SNAPSHOTS)
    driver.click(driver.details.snapshots.take)
    measured = driver.details.measured
    driver.qtbot.waitUntil(
        lambda: driver.mine.prefix in measured and measured[driver.mine.prefix].snapshots == 1, timeout=PATIENCE_MS
    )
    both = measured[driver.mine.prefix]
    assert both.with_snapshots.own_bytes > both.environment.own_bytes
    driver.details.more.delete.trigger()
    question = next(one for one in driver.details.findChildren(Question) if one.isVisible())
    assert "Its snapshot goes too." in driver.texts(question)
    assert "3 packages" in driver.texts(question)
    driver.click(driver.button("Delete", question))
    driver.qtbot.waitUntil(lambda: not driver.mine.prefix.exists(), timeout=PATIENCE_MS)
    driver.qtbot.waitUntil(lambda: not driver.details.deletes(driver.mine.prefix), timeout=PATIENCE_MS)
    assert not (driver.folders.snapshots / driver.mine.prefix.name).exists()


def _has(tab: SnapshotsTab, number: int) -> bool:
    return tab.count == number and tab.take.isEnabled()


@pytest.mark.slow
def test_the_snapshot_that_was_asked_about_is_deleted_whatever_is_selected_by_then(driver: ChangeDriver) -> None:
    driver.details.tabs.setCurrentIndex(SNAPSHOTS)
    tab = driver.details.snapshots
    for number in (1, 2):
        driver.click(tab.take)
        driver.qtbot.waitUntil(partial(_has, tab, number), timeout=PATIENCE_MS)
    first, second = (row.snapshot.folder for row in tab.rows)
    tab.table.select(lambda row: row.snapshot.folder == first)
    driver.click(tab.delete)
    question = next(one for one in driver.details.findChildren(Question) if one.isVisible())
    tab.table.select(lambda row: row.snapshot.folder == second)
    driver.click(driver.button("Delete", question))
    driver.qtbot.waitUntil(lambda: tab.count == 1, timeout=PATIENCE_MS)
    assert [one.folder for one in snapshots.snapshots_of(driver.mine, driver.folders)] == [second]


@pytest.mark.slow
def test_the_environment_that_was_asked_about_is_renamed_whichever_is_shown_by_then(driver: ChangeDriver) -> None:
    driver.details.more.rename.trigger()
    built_in = driver.session.services.environments.built_in
    assert built_in is not None
    driver.page.rows.select(built_in.prefix)  # as when the list is looked up again and has lost the other
    driver.give_name("new")
    environments = driver.session.services.environments

    def renamed() -> None:
        mine = environments.get(driver.mine.prefix)
        assert mine is not None
        assert mine.name == "new"

    driver.qtbot.waitUntil(renamed, timeout=PATIENCE_MS)


def test_snapshots_that_cannot_be_read_are_not_told_as_none(
    driver: ChangeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise Problem(verbatim("The disk does not answer."), code="no_answer")

    tab = driver.details.snapshots
    with monkeypatch.context() as broken:
        broken.setattr(change_work, "snapshots_of", failing)
        tab.look()
        driver.qtbot.waitUntil(lambda: tab.problem is not None, timeout=PATIENCE_MS)
    assert tab.problem is not None
    assert [action.name for action in tab.problem.actions] == ["retry"]
    tab._on_retry()
    assert tab.problem is None
