"""Changing an environment in the real window, with real uv, on a local package index."""

from __future__ import annotations

import os
import shutil
import signal
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Action
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.changes import snapshots
from aienv_gui.environments.planning.wizard import Step
from aienv_gui.environments.records import Change, Package, PackageState
from aienv_gui.gui.pages.environment_parts.change_panel import Stage
from aienv_gui.gui.pages.environment_parts.details import HEALTH, SNAPSHOTS
from aienv_gui.gui.pages.environment_parts.differences import between, kind_of, sentence
from aienv_gui.gui.pages.environment_parts.name_dialog import NameDialog
from aienv_gui.gui.pages.environment_parts.package_list import NEWEST
from aienv_gui.gui.widgets.problem_view import ProblemPanel
from aienv_gui.training.records import RunState, RunSummary
from tests.fakes.change_driver import ChangeDriver, assert_no_traces, changing, everything, served_packages
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel
from tests.fakes.wizard_driver import PATIENCE_MS

SLOW_BYTES_S = 40_000.0


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    with served_packages(tmp_path) as running:
        yield running


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, index: LocalIndex) -> Iterator[ChangeDriver]:
    with changing(qtbot, folders, index) as driver:
        yield driver


@pytest.mark.slow
def test_packages_are_added_after_consent_and_taken_back(driver: ChangeDriver) -> None:
    before = everything(driver.mine.prefix)
    driver.click(driver.details.packages.add)
    panel = driver.panel
    field = panel.field
    assert field is not None
    driver.qtbot.waitUntil(lambda: field.field.hasFocus())
    driver.write(field.field, "brush, numpy==")
    assert "“numpy==” is not a package's name" in field.words.text()
    assert not field.go.isEnabled()
    driver.write(field.field, "brush, paint==1.5")
    driver.qtbot.keyClick(field.field, Qt.Key.Key_Return)
    driver.wait_for_plan_of_change()
    assert panel.problem is not None  # colours needs another paint
    assert panel.problem.code == "conflict"
    driver.write(field.field, "brush")
    driver.click(field.go)
    driver.wait_for_plan_of_change()
    assert panel.problem is None
    assert panel.proposal is not None
    assert str(panel.proposal.sentence) == "1 package is added."
    (row,) = panel.view.table.rows_model.rows
    assert (row.package, row.before, row.after) == ("brush", "", "7.0")
    assert panel.view.download.value.text() not in ("-", "0 B")
    assert everything(driver.mine.prefix) == before  # nothing before consent

    driver.consent()
    assert driver.versions() == {"colours": "3.1", "paint": "2.4", "lamp": "1.0", "brush": "7.0"}
    assert driver.shown.version_of("brush") == "7.0"
    assert driver.details.tabs.currentIndex() == HEALTH
    driver.qtbot.waitUntil(lambda: driver.details.badge.text() == "Healthy", timeout=PATIENCE_MS)
    assert "1 package is added." in driver.details.outcome.words.text()

    driver.details.tabs.setCurrentIndex(SNAPSHOTS)
    driver.click(driver.details.snapshots.take)  # of the state now: undo does not mean it
    driver.qtbot.waitUntil(lambda: driver.details.snapshots.count == 2, timeout=PATIENCE_MS)
    driver.click(driver.details.outcome.undo)
    panel = driver.wait_for_plan_of_change()
    assert panel.proposal is not None
    assert str(panel.proposal.sentence) == "1 package is removed."
    assert driver.versions()["brush"] == "7.0"
    driver.consent()
    assert "brush" not in driver.versions()
    assert everything(driver.mine.prefix) == before
    driver.click(driver.details.outcome.dismiss)
    assert not driver.details.outcome.isVisible()


@pytest.mark.slow
def test_giving_up_a_plan_leaves_no_trace(driver: ChangeDriver) -> None:
    before = everything(driver.mine.prefix)
    panel = driver.plan(Change(add=("brush",)))
    driver.click(panel.cancel)
    assert driver.details.changes == {}
    assert driver.details.tabs.isVisible()
    assert everything(driver.mine.prefix) == before
    assert_no_traces(driver)
    driver.details.plan_change(Change(add=("brush",)))
    assert driver.panel.stage is Stage.PLANNING
    driver.click(driver.panel.cancel)  # its late answer is dropped
    assert driver.details.changes == {}
    driver.plan(Change(add=("heavy",)))


@pytest.mark.slow
def test_newer_versions_are_looked_for_when_asked_and_taken(
    driver: ChangeDriver, index: LocalIndex, tmp_path: Path
) -> None:
    make_wheel(tmp_path / "served", "lamp", "1.1")
    make_wheel(tmp_path / "served", "paint", "2.9")
    packages = driver.details.packages
    assert packages.list.isColumnHidden(NEWEST)
    asked = len(index.log)
    driver.settle()
    assert len(index.log) == asked  # the network is asked by a click only
    driver.click(packages.look)
    driver.qtbot.waitUntil(packages.look.isEnabled, timeout=PATIENCE_MS)
    assert not packages.list.isColumnHidden(NEWEST)
    assert packages.found.text() == "There is a newer version of lamp, paint."
    assert {row.name: row.newest for row in packages.list.rows_model.rows if row.newest} == {
        "lamp": "1.1",
        "paint": "2.9",
    }
    driver.select("lamp")
    assert packages.panel.isVisible()
    driver.click(packages.update_selected)
    panel = driver.wait_for_plan_of_change()
    (row,) = panel.view.table.rows_model.rows
    assert (row.package, row.before, row.after) == ("lamp", "1.0", "1.1")
    driver.consent()
    assert driver.versions()["lamp"] == "1.1"
    assert driver.versions()["paint"] == "2.4"
    driver.details.tabs.setCurrentIndex(0)
    driver.click(packages.update_all)
    panel = driver.wait_for_plan_of_change()
    assert [row.package for row in panel.view.table.rows_model.rows] == ["paint"]
    driver.consent()
    driver.details.tabs.setCurrentIndex(0)
    driver.click(packages.update_all)
    panel = driver.wait_for_plan_of_change()
    assert panel.problem is None  # that is no error
    assert "newest version" in panel.words.text()
    driver.click(driver.button("Close", panel))


@pytest.mark.slow
def test_what_is_needed_goes_with_what_needs_it(driver: ChangeDriver) -> None:
    packages = driver.details.packages
    driver.select("paint")
    assert "Required by: colours" in packages.panel.relations.text()
    packages.list.setFocus()
    driver.qtbot.keyClick(packages.list, Qt.Key.Key_Delete)
    panel = driver.wait_for_plan_of_change()
    assert panel.problem is not None
    assert "needed by colours" in str(panel.problem.cause)
    driver.click(driver.button("Remove these too", panel))
    panel = driver.wait_for_plan_of_change()
    assert panel.problem is None
    assert {row.package for row in panel.view.table.rows_model.rows} == {"colours", "paint"}
    driver.consent()
    assert driver.versions() == {"lamp": "1.0"}


@pytest.mark.slow
def test_a_change_that_is_cancelled_leaves_the_environment_as_it_was(driver: ChangeDriver, index: LocalIndex) -> None:
    before = everything(driver.mine.prefix)
    panel = driver.plan(Change(add=("heavy",)))
    index.bytes_s = SLOW_BYTES_S
    driver.click(panel.consent)
    rows = panel.progress.packages
    driver.qtbot.waitUntil(lambda: rows.count(PackageState.DOWNLOADING) > 0, timeout=PATIENCE_MS)
    assert rows.isVisible()
    assert panel.working

    # Meanwhile another environment is looked at, and this one is left alone.
    built_in = driver.session.services.environments.built_in
    assert built_in is not None
    driver.page.rows.select(built_in.prefix)
    assert driver.details.tabs.isVisible()
    assert driver.details.validate.isEnabled()
    driver.page.rows.select(driver.mine.prefix)
    assert panel.isVisible()
    assert not driver.details.more.delete.isEnabled()

    driver.click(panel.cancel)
    driver.qtbot.waitUntil(lambda: panel.stage is Stage.PLANNED, timeout=PATIENCE_MS)
    assert "as it was before" in panel.words.text()
    assert panel.problem is None
    assert everything(driver.mine.prefix) == before
    assert_no_traces(driver)
    assert driver.details.more.delete.isEnabled()
    index.bytes_s = None
    driver.consent()
    assert "heavy" in driver.versions()


def interrupt(driver: ChangeDriver, index: LocalIndex) -> None:
    """Kill the worker of a change, and wait until that is told."""
    panel = driver.plan(Change(add=("heavy",)))
    index.bytes_s = SLOW_BYTES_S
    driver.click(panel.consent)
    rows = panel.progress.packages
    driver.qtbot.waitUntil(lambda: rows.count(PackageState.DOWNLOADING) > 0, timeout=PATIENCE_MS)
    for child in psutil.Process().children(recursive=True):
        if any("environments.worker" in part for part in child.cmdline()):
            os.kill(child.pid, signal.SIGKILL)
    driver.qtbot.waitUntil(lambda: panel.problem is not None, timeout=PATIENCE_MS)
    driver.click(panel.cancel)
    driver.session.services.environments.refresh()
    driver.qtbot.waitUntil(lambda: len(driver.page.banners) == 1, timeout=PATIENCE_MS)
    index.bytes_s = None


@pytest.mark.slow
def test_an_interrupted_change_is_told_and_discarded(driver: ChangeDriver, index: LocalIndex) -> None:
    before = everything(driver.mine.prefix)
    interrupt(driver, index)
    banner = driver.page.banners[0]
    assert banner.words.text() == "The change of “mine” was interrupted; the environment is as it was before."
    assert everything(driver.mine.prefix) == before
    driver.click(banner.discard)
    driver.qtbot.waitUntil(lambda: driver.page.banners == (), timeout=PATIENCE_MS)
    driver.settle()
    assert_no_traces(driver)


@pytest.mark.slow
def test_an_interrupted_change_is_resumed(driver: ChangeDriver, index: LocalIndex) -> None:
    interrupt(driver, index)
    driver.click(driver.page.banners[0].resume)
    driver.wait_for_step(Step.VALIDATE)
    driver.wait_for_verdicts()
    driver.click(driver.wizard.next)
    driver.settle()
    assert "heavy" in driver.versions()
    assert len(snapshots.snapshots_of(driver.mine, driver.folders)) == 1
    assert driver.page.banners == ()


@pytest.mark.slow
def test_a_resumed_change_that_is_cancelled_is_still_a_change(driver: ChangeDriver, index: LocalIndex) -> None:
    before = everything(driver.mine.prefix)
    interrupt(driver, index)
    index.bytes_s = SLOW_BYTES_S
    driver.click(driver.page.banners[0].resume)
    building = driver.wizard.building
    driver.qtbot.waitUntil(lambda: building.job is not None, timeout=PATIENCE_MS)
    assert building.job is not None
    assert str(building.job.title) == "Change mine"
    assert driver.page.title.text() == "Change mine"
    building.job.cancel()  # at once: how much is left to download is chance
    driver.qtbot.waitUntil(building.again.isVisible, timeout=PATIENCE_MS)
    assert "The change was cancelled. The environment is as it was before." in driver.texts(building)
    assert not driver.wizard.back.isVisible()
    assert everything(driver.mine.prefix) == before
    index.bytes_s = None
    driver.click(building.again)
    driver.wait_for_step(Step.VALIDATE)
    driver.wait_for_verdicts()
    driver.settle()
    assert "heavy" in driver.versions()
    assert len(snapshots.snapshots_of(driver.mine, driver.folders)) == 1


@pytest.mark.slow
def test_a_plan_that_fails_can_be_made_again(driver: ChangeDriver, index: LocalIndex) -> None:
    index.stop()
    driver.details.plan_change(Change(add=("brush",)))
    panel = driver.wait_for_plan_of_change()
    assert panel.problem is not None
    assert panel.problem.code == "no_network"
    assert not panel.consent.isVisible()
    with LocalIndex(index.folder) as again:
        driver.session.services.settings.set("index_url", again.url)
        driver.click(driver.button("Try again", panel))
        driver.qtbot.waitUntil(lambda: panel.stage is Stage.PLANNED, timeout=PATIENCE_MS)
        assert panel.problem is None


@pytest.mark.slow
def test_a_change_without_room_cannot_be_begun(driver: ChangeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1000, 990, 10))
    panel = driver.plan(Change(add=("heavy",)))
    assert not panel.consent.isEnabled()
    first, second = panel.view.notes.text().splitlines()[:2]
    assert first.startswith(f"At {driver.folders.environments}, ")  # one disk; its two purposes, and what it lacks
    assert "for the environment and the store of downloads, and 10 B are free: " in first
    assert second == "Free some space, or choose fewer packages."
    driver.qtbot.keyClick(panel, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert panel.stage is Stage.PLANNED


@pytest.mark.slow
def test_an_environment_in_use_is_not_changed(driver: ChangeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = driver.session.services.runs
    live = RunSummary(Path("/runs/one"), "digits", "", RunState.TRAINING, 0.0, 0.0, python=driver.mine.python)
    monkeypatch.setattr(runs, "items", (live,))
    driver.details.plan_change(Change(update_all=True))
    panel = driver.panel
    assert panel.problem is not None
    assert panel.problem.code == "in_use"
    assert "“digits” runs in it" in driver.texts(panel)
    monkeypatch.setattr(runs, "items", ())
    driver.click(driver.button("Try again", panel))
    driver.wait_for_plan_of_change()
    driver.click(panel.cancel)
    panel = driver.plan(Change(add=("brush",)))
    monkeypatch.setattr(runs, "items", (live,))  # begun while the plan was looked at
    driver.click(panel.consent)
    assert panel.problem is not None
    assert not panel.working
    assert driver.session.services.jobs.running() == []
    driver.details.more.rename.trigger()  # that is no change of its packages
    assert any(dialog.isVisible() for dialog in driver.details.findChildren(NameDialog))


@pytest.mark.slow
def test_while_it_is_validated_it_is_not_changed(driver: ChangeDriver) -> None:
    driver.click(driver.details.validate)
    assert not driver.details.packages.add.isEnabled()
    assert not driver.details.more.repair.isEnabled()
    driver.details.plan_change(Change(add=("brush",)))
    assert driver.panel.problem is not None
    assert "being validated" in str(driver.panel.problem.cause)
    driver.qtbot.waitUntil(lambda: not driver.details.health.runs(driver.mine.prefix), timeout=PATIENCE_MS)
    driver.click(driver.panel.cancel)
    assert driver.details.packages.add.isEnabled()


@pytest.mark.slow
def test_a_file_that_was_damaged_is_mended_by_repair(driver: ChangeDriver) -> None:
    (damaged,) = driver.mine.prefix.rglob("lamp.py")
    damaged.unlink()
    damaged.write_text("x = 'spoilt'\n", encoding="utf-8")
    verdict = Action("repair", verbatim("Repair"))
    driver.details.health.action.emit(verdict)
    panel = driver.wait_for_plan_of_change()
    assert panel.problem is None
    assert panel.consent.text() == "Repair it"
    assert {row.package for row in panel.view.table.rows_model.rows} >= {"colours", "lamp", "paint"}
    assert damaged.read_text(encoding="utf-8") == "x = 'spoilt'\n"
    driver.consent()
    assert damaged.read_text(encoding="utf-8") == "x = '1.0'\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "change"),
    [
        (Action("add_packages", verbatim("Add"), "brush,heavy"), Change(add=("brush", "heavy"))),
        (Action("remove_packages", verbatim("Remove"), "lamp"), Change(remove=("lamp",))),
        (Action("use_build", verbatim("Use"), "cpu"), Change(accelerator="cpu")),
    ],
)
def test_a_verdict_leads_to_a_plan(driver: ChangeDriver, action: Action, change: Change) -> None:
    driver.details.health.action.emit(action)
    assert driver.panel.intention.change == change  # type: ignore[attr-defined]
    driver.wait_for_plan_of_change()
    assert driver.versions() == {"colours": "3.1", "paint": "2.4", "lamp": "1.0"}


@pytest.mark.slow
def test_the_changes_can_be_used_by_keyboard_and_have_names(driver: ChangeDriver) -> None:
    packages = driver.details.packages
    packages.list.setFocus()
    driver.qtbot.keyClick(packages.list, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert packages.search.hasFocus()
    driver.select("lamp")
    packages.list.customContextMenuRequested.emit(packages.list.rect().center())
    (menu,) = packages.findChildren(QMenu)
    assert [action.text() for action in menu.actions()] == ["Update...", "Remove..."]
    menu.close()
    driver.session.window.activateWindow()  # the offscreen platform forgets it after a menu
    panel = driver.plan(Change(add=("brush",)))
    driver.qtbot.waitUntil(panel.consent.hasFocus)
    driver.qtbot.keyClick(panel.consent, Qt.Key.Key_Escape)
    assert driver.details.changes == {}
    assert packages.list.hasFocus()
    panel = driver.plan(Change(add=("brush",)))
    driver.qtbot.waitUntil(panel.consent.hasFocus)
    for widget in panel.findChildren(QWidget):
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus and widget.isVisible():
            assert widget.accessibleName() or getattr(widget, "text", str)(), widget
    focus = QApplication.focusWidget()
    assert focus is not None
    driver.qtbot.keyClick(focus, Qt.Key.Key_Return)
    driver.qtbot.waitUntil(lambda: driver.details.changes == {}, timeout=PATIENCE_MS)
    driver.qtbot.waitUntil(lambda: not driver.details.health.runs(driver.mine.prefix), timeout=PATIENCE_MS)
    assert driver.shown.version_of("brush") == "7.0"


@pytest.mark.slow
def test_a_plan_speaks_the_language_of_the_moment(driver: ChangeDriver) -> None:
    panel = driver.plan(Change(add=("brush",)))
    driver.session.services.language.use("zh_CN")
    assert panel.view.sentence.text() == "添加 1 个软件包。"
    assert panel.consent.text() == "更改"
    assert "基于" in panel.view.notes.text()
    driver.click(panel.cancel)
    driver.details.tabs.setCurrentIndex(SNAPSHOTS)
    assert "还没有快照" in driver.texts()
    assert not any(isinstance(one, ProblemPanel) and one.isVisible() for one in driver.details.findChildren(QWidget))


def test_what_changes_is_told_in_words() -> None:
    def packages(**versions: str) -> tuple[Package, ...]:
        return tuple(Package(name, version) for name, version in versions.items())

    before = packages(a="1.0", b="2.0", c="1.0", d="1.0+cpu", e="2024a", same="1")
    after = packages(a="1.10", b="1.9", d="1.0+cu126", e="2024b-x", f="1", g="1", same="1")
    differences = between(before, after)
    assert [(one.package, kind_of(one).value) for one in differences] == [
        ("a", "updated"),
        ("b", "older"),
        ("c", "removed"),
        ("d", "other"),
        ("e", "other"),
        ("f", "added"),
        ("g", "added"),
    ]
    assert str(sentence(differences)) == (
        "2 packages are added, 1 package is updated, 1 package gets an older version, 2 packages get another build "
        "and 1 package is removed."
    )
    assert str(sentence(())) == "No package changes."
