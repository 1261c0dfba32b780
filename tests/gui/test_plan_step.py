"""The wizard's plan as it is seen: every disk, every hash, the time from what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders
from aienv_gui.environments.planning.speeds import learn
from aienv_gui.environments.planning.wizard import Step
from aienv_gui.gui.pages.new_environment.planning import PlanStep
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import WizardDriver


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    make_wheel(tmp_path / "served", "pip", "99.0")
    with LocalIndex(tmp_path / "served") as running:
        yield running


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, index: LocalIndex) -> Iterator[WizardDriver]:
    with open_session(qtbot, folders, look=False) as session:
        session.services.settings.set("index_url", index.url)
        yield WizardDriver(qtbot, session)


def plan_shown(driver: WizardDriver) -> PlanStep:
    driver.open()
    driver.choose("empty")
    driver.name("first", extra="colours, brush")
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    return driver.wizard.planning


def test_every_disk_and_every_hash_is_shown_and_can_be_copied(driver: WizardDriver, folders: Folders) -> None:
    step = plan_shown(driver)
    wizard = driver.wizard.wizard
    assert wizard is not None
    assert wizard.plan is not None
    (need,) = wizard.plan.disks
    assert str(folders.environments) in step.disks.text()
    assert "needed for the environment and the store of downloads" in step.disks.text()
    driver.click(step.copy)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == len(wizard.plan.files)
    for file in wizard.plan.files:
        (line,) = [line for line in lines if line.startswith(f"{file.package}\t{file.version}\t")]
        assert line.endswith(file.sha256)
    step.table.selectRow(0)
    driver.qtbot.keyClick(step.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == lines[0]
    assert not folders.environments.exists()
    tight = replace(wizard.plan, disks=(replace(need, free_bytes=1_000_000),))
    wizard.planned(tight, wizard.sources)
    step.enter(wizard)
    assert "1.0 MB are free" in step.disks.text()
    assert not driver.wizard.next.isEnabled()


def test_the_time_is_estimated_from_former_builds(driver: WizardDriver, folders: Folders) -> None:
    learn(
        folders,
        downloaded_bytes=2_000_000,
        download_s=200.0,
        installed_bytes=50_000_000,
        install_s=1.0,
        fresh_share=1.0,
    )
    step = plan_shown(driver)
    assert step.time.title.text() == "estimated from your builds"
    assert "minute" in step.time.value.text()  # a megabyte at 10 kB/s
