"""The wizard in the real window, with real uv, on a local package index."""

from __future__ import annotations

import os
import shutil
import signal
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders
from aienv_gui.environments.manifest import Manifest, write_manifest
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.planning.wizard import Step
from aienv_gui.environments.records import Engine, Environment, Maker, PackageState, Request
from aienv_gui.gui import environment_work
from aienv_gui.gui.pages.new_environment.planning import CHANGE
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import PATIENCE_MS, WizardDriver

SLOW_BYTES_S = 40_000.0


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    served = tmp_path / "served"
    sample_packages(served)
    make_wheel(served, "pip", "99.0")
    make_wheel(served, "heavy", files={"heavy.py": "x = 1\n", "heavy.bin": os.urandom(400_000)})
    with LocalIndex(served) as running:
        yield running


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, index: LocalIndex) -> Iterator[WizardDriver]:
    with open_session(qtbot, folders, look=False) as session:
        session.services.settings.set("index_url", index.url)
        yield WizardDriver(qtbot, session)


def built_by_us(folders: Folders) -> list[str]:
    places = folders.environments.iterdir() if folders.environments.exists() else ()
    return sorted(path.name for path in places if path != folders.staging)


def assert_nothing_left(folders: Folders) -> None:
    assert built_by_us(folders) == []
    staged = [p.name for p in folders.staging.iterdir() if p.name != ".locks"] if folders.staging.exists() else []
    assert staged == []


def button(driver: WizardDriver, text: str) -> QPushButton:
    found = [b for b in driver.page.findChildren(QPushButton) if b.text() == text and b.isVisible()]
    assert len(found) == 1, text
    return found[0]


def workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if any("environments.worker" in part for part in child.cmdline())
    ]


def to_the_plan(driver: WizardDriver, name: str, extra: str) -> None:
    driver.open()
    driver.choose("empty")
    driver.name(name, extra=extra)
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()


def to_the_build(driver: WizardDriver, name: str, extra: str) -> None:
    to_the_plan(driver, name, extra)
    driver.go_on(Step.BUILD)


@pytest.mark.slow
def test_whole_way_from_a_template_to_a_validated_environment(driver: WizardDriver, folders: Folders) -> None:
    to_the_plan(driver, "第一 “环境”", "colours, brush")
    planning = driver.wizard.planning
    assert planning.problem is None
    rows = {(file.package, file.version) for file in planning.table.rows_model.rows}
    assert rows == {("pip", "99.0"), ("colours", "3.1"), ("paint", "2.4"), ("brush", "7.0")}
    assert planning.download.value.text() not in ("-", "0 B")
    assert_nothing_left(folders)  # nothing has been changed yet

    driver.go_on(Step.BUILD)
    driver.wait_for_step(Step.VALIDATE)
    states = {row.progress.state for row in driver.wizard.building.packages.rows_model.rows}
    assert states == {PackageState.INSTALLED}
    driver.wait_for_verdicts()
    assert driver.wizard.validating.problem is None
    assert driver.wizard.validating.verdicts.verdicts
    assert driver.wizard.validating.summary.text() == "Everything works."

    driver.click(driver.wizard.next)  # finish
    assert driver.wizard.wizard is None

    def selected() -> None:
        current = driver.page.rows.current
        assert current is not None
        assert current.name == "第一 “环境”"
        assert current.maker is Maker.AIENV
        assert driver.page.details.environment == current
        assert current.health

    driver.qtbot.waitUntil(selected, timeout=PATIENCE_MS)
    assert driver.page.details.badge.text() == "Healthy"
    assert driver.page.details.more.delete.isVisible()


@pytest.mark.slow
def test_a_requirements_file_is_built(driver: WizardDriver, folders: Folders, tmp_path: Path) -> None:
    file = tmp_path / "my requirements.txt"
    file.write_text("# what we need\ncolours==3.1\n", encoding="utf-8")
    driver.open()
    driver.choose_file(file)
    driver.name("from file")
    driver.go_on(Step.PLAN)
    driver.go_on(Step.BUILD)
    driver.wait_for_step(Step.VALIDATE)
    driver.wait_for_verdicts()
    environment = driver.wizard.wizard and driver.wizard.wizard.environment
    assert isinstance(environment, Environment)
    assert environment.version_of("paint") == "2.4"


@pytest.mark.parametrize(
    ("content", "line", "cure"),
    [("numpy\npandas=2.1\n", "Line 2", "=="), ("colours\n\n-r nothing.txt\n", "Line 3", "take the line away")],
)
def test_a_bad_file_is_told_at_once_with_its_line_and_cure(
    driver: WizardDriver, tmp_path: Path, content: str, line: str, cure: str
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(content, encoding="utf-8")
    driver.open()
    driver.wizard.purpose.use_file(file)
    driver.qtbot.waitUntil(lambda: driver.wizard.purpose.problem is not None)
    problem = driver.wizard.purpose.problem
    assert problem is not None
    assert "requirements.txt" in str(problem.title)
    assert line in str(problem.cause)
    assert cure in str(problem.cure)
    assert driver.wizard.step is Step.PURPOSE
    assert not driver.wizard.next.isEnabled()
    driver.click(driver.wizard.purpose.card("empty"))  # another choice takes the complaint away
    assert driver.wizard.purpose.problem is None
    assert driver.wizard.next.isEnabled()


def test_a_file_of_another_kind_that_is_dropped_is_refused_with_words(driver: WizardDriver, tmp_path: Path) -> None:
    file = tmp_path / "setup.py"
    file.write_text("import setuptools\n", encoding="utf-8")
    driver.open()
    purpose, data = driver.wizard.purpose, QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    purpose.dragEnterEvent(enter)
    assert enter.isAccepted()
    purpose.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, none))
    driver.qtbot.waitUntil(lambda: purpose.problem is not None)
    assert purpose.problem is not None
    assert "requirements.txt" in str(purpose.problem.cure)


def test_a_name_is_checked_while_it_is_typed(driver: WizardDriver, folders: Folders) -> None:
    taken = folders.environments / "some-folder"
    taken.mkdir(parents=True)
    write_manifest(taken, Manifest(Request("taken", Engine.UV, default_python(), ()), built=0.0, build="test"))
    driver.open()
    driver.choose("empty")
    driver.wait_for_next()
    options = driver.wizard.options
    assert options.name.selectedText() == options.name.text() != ""  # the proposal is replaced by what is typed
    driver.write(options.name, "taken")
    assert not driver.wizard.next.isEnabled()  # not before the disk was asked
    driver.qtbot.waitUntil(lambda: "Choose another name" in options.name_words.text())
    assert not driver.wizard.next.isEnabled()
    driver.write(options.name, "")
    driver.qtbot.waitUntil(lambda: "needs a name" in options.name_words.text())
    driver.write(options.name, "free")
    driver.wait_for_next()
    assert str(folders.environments) in options.name_words.text()
    driver.write(options.extra, "numpy==")
    assert "numpy==" in options.extra_words.text()
    assert not driver.wizard.next.isEnabled()


def test_a_conflict_is_told_in_the_plan_and_leads_back(driver: WizardDriver, folders: Folders) -> None:
    to_the_plan(driver, "conflict", "colours, oldpaint")
    problem = driver.wizard.planning.problem
    assert problem is not None
    assert problem.code == "conflict"
    assert not driver.wizard.next.isEnabled()
    assert CHANGE in [action.name for action in problem.actions]
    driver.click(button(driver, "Change the options"))
    assert driver.wizard.step is Step.OPTIONS
    driver.write(driver.wizard.options.extra, "colours")
    driver.wait_for_next()
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    assert driver.wizard.planning.problem is None
    assert_nothing_left(folders)


def test_no_network_is_told_with_a_way_to_try_again(driver: WizardDriver, index: LocalIndex, folders: Folders) -> None:
    index.stop()
    to_the_plan(driver, "offline", "colours")
    problem = driver.wizard.planning.problem
    assert problem is not None
    assert problem.code == "no_network"
    assert problem.cure is not None
    driver.click(button(driver, "Try again"))
    driver.wait_for_plan()
    assert driver.wizard.planning.problem is not problem
    assert_nothing_left(folders)


@pytest.mark.slow
def test_without_network_the_own_packages_are_offered_where_they_do(
    driver: WizardDriver, index: LocalIndex, tmp_path: Path
) -> None:
    index.stop()
    file = tmp_path / "requirements.txt"
    file.write_text("packaging\n", encoding="utf-8")
    driver.open()
    driver.choose_file(file)
    python = driver.wizard.options.python
    python.setCurrentIndex(python.findData(default_python()))
    driver.name("own")
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    problem = driver.wizard.planning.problem
    assert problem is not None
    assert problem.actions[0].name == environment_work.OWN_PACKAGES
    driver.click(button(driver, "Use AIEnv's own packages"))
    driver.wait_for_plan()
    assert driver.wizard.planning.problem is None
    driver.go_on(Step.BUILD)
    driver.wait_for_step(Step.VALIDATE)


def test_a_plan_that_does_not_fit_cannot_be_built(driver: WizardDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1000, 990, 10))
    to_the_plan(driver, "too large", "heavy")
    assert driver.wizard.planning.problem is None
    assert not driver.wizard.next.isEnabled()
    assert button(driver, "Back").isEnabled()


@pytest.mark.slow
def test_cancelling_a_build_leaves_the_machine_as_it_was(
    driver: WizardDriver, index: LocalIndex, folders: Folders
) -> None:
    index.bytes_s = SLOW_BYTES_S
    to_the_build(driver, "given up", "heavy")
    job = driver.wizard.building.job
    assert job is not None
    rows = driver.wizard.building.packages
    driver.qtbot.waitUntil(lambda: rows.count(PackageState.DOWNLOADING) > 0, timeout=PATIENCE_MS)
    assert driver.wizard.cancel.text() == "Cancel the build"
    driver.click(driver.wizard.cancel)
    assert not driver.wizard.cancel.isEnabled()  # stopping
    driver.qtbot.waitUntil(lambda: driver.wizard.building.job is None, timeout=PATIENCE_MS)
    assert_nothing_left(folders)
    assert workers() == []
    assert driver.wizard.building.problem is None  # nothing went wrong
    assert driver.wizard.cancel.text() == "Close"
    assert "goes on" not in driver.wizard.building.explanation.text()  # nothing does any more

    index.bytes_s = None
    driver.click(driver.wizard.building.again)
    driver.wait_for_step(Step.VALIDATE)
    assert built_by_us(folders) == ["given-up"]


@pytest.mark.slow
def test_a_build_goes_on_while_another_page_is_shown(driver: WizardDriver, index: LocalIndex) -> None:
    index.bytes_s = SLOW_BYTES_S * 4
    to_the_build(driver, "in the background", "heavy")
    job = driver.wizard.building.job
    services = driver.session.services
    services.navigator.open("activity")
    assert job in services.jobs.running()
    driver.qtbot.waitUntil(lambda: job is not None and job.done > 0, timeout=PATIENCE_MS)
    services.navigator.open("environments")
    assert driver.wizard.isVisible()
    assert driver.wizard.building.job is job
    driver.click(button(driver, "All environments"))
    assert driver.page.build_banner.isVisible()
    driver.click(button(driver, "Show"))
    assert driver.wizard.isVisible()
    assert driver.wizard._hint.text() == ""
    driver.click(button(driver, "All environments"))
    driver.click(button(driver, "New environment"))  # a second one at once
    assert driver.wizard.building.job is job
    assert "one comes first" in driver.wizard._hint.text()
    driver.wait_for_step(Step.VALIDATE)
    assert driver.wizard._hint.text() == ""


@pytest.mark.slow
def test_a_build_whose_worker_was_killed_is_resumed(driver: WizardDriver, index: LocalIndex, folders: Folders) -> None:
    index.bytes_s = SLOW_BYTES_S
    to_the_build(driver, "killed", "heavy")
    rows = driver.wizard.building.packages
    driver.qtbot.waitUntil(lambda: rows.count(PackageState.DOWNLOADING) > 0, timeout=PATIENCE_MS)
    for worker in workers():
        os.kill(worker.pid, signal.SIGKILL)
    driver.qtbot.waitUntil(lambda: driver.wizard.building.problem is not None, timeout=PATIENCE_MS)
    assert built_by_us(folders) == []
    driver.click(driver.wizard.cancel)  # close
    driver.qtbot.waitUntil(lambda: len(driver.page.banners) == 1, timeout=PATIENCE_MS)
    banner = driver.page.banners[0]
    assert "killed" in banner.words.text()
    index.bytes_s = None
    driver.click(banner.resume)
    driver.wait_for_step(Step.VALIDATE)
    assert built_by_us(folders) == ["killed"]
    driver.qtbot.waitUntil(lambda: driver.page.banners == (), timeout=PATIENCE_MS)


@pytest.mark.slow
def test_an_interrupted_build_is_discarded(driver: WizardDriver, index: LocalIndex, folders: Folders) -> None:
    index.bytes_s = SLOW_BYTES_S
    to_the_build(driver, "thrown away", "heavy")
    driver.qtbot.waitUntil(lambda: workers() != [], timeout=PATIENCE_MS)
    for worker in workers():
        os.kill(worker.pid, signal.SIGKILL)
    driver.qtbot.waitUntil(lambda: driver.wizard.building.problem is not None, timeout=PATIENCE_MS)
    driver.click(driver.wizard.cancel)
    driver.qtbot.waitUntil(lambda: len(driver.page.banners) == 1, timeout=PATIENCE_MS)
    driver.click(driver.page.banners[0].discard)
    driver.qtbot.waitUntil(lambda: driver.page.banners == (), timeout=PATIENCE_MS)
    driver.settle()
    assert_nothing_left(folders)
