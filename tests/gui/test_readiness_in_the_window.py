"""What is wrong with the driver, on Home and on the Hardware page: told, mended from outside, looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.pages.home import HomePage
from aienv_gui.hardware.readings import DriverState, Snapshot
from tests.fakes.linux_system import KERNEL, LinuxSystem
from tests.fakes.session import open_session
from tests.fakes.snapshots import gpu, snapshot


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LinuxSystem:
    for name in ("KUBERNETES_SERVICE_HOST", "container"):
        monkeypatch.delenv(name, raising=False)
    return LinuxSystem(tmp_path / "system")


@pytest.fixture
def session(qtbot: QtBot, folders: Folders, system: LinuxSystem) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        made.services.readiness._root = system.root
        yield made


def _see(qtbot: QtBot, session: Session, seen: Snapshot) -> None:
    session.services.hardware._on_sampled(seen)
    qtbot.waitUntil(lambda: not session.services.readiness.looking)


def _home(session: Session) -> HomePage:
    session.services.navigator.open("home")
    page = session.window.page
    assert isinstance(page, HomePage)
    return page


def test_from_the_wrong_driver_to_ready(qtbot: QtBot, session: Session, system: LinuxSystem) -> None:
    system.nvidia_card(driver="nouveau")
    system.load("nouveau")
    without = snapshot(state=DriverState.NO_DRIVER)
    _see(qtbot, session, without)
    card = _home(session)._machine
    assert "cannot calculate" in card.sentence.text()
    assert card.readiness.command.text() == "sudo ubuntu-drivers install"
    qtbot.mouseClick(card.readiness.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "sudo ubuntu-drivers install"
    assert card.readiness.copy.text() == "Copied"
    assert not card.readiness.evidence.isVisible()
    card.readiness.fold.click()
    assert "nouveau is loaded" in card.readiness.evidence.text()
    assert card.readiness.evidence.isVisible()

    session.services.navigator.open("hardware")
    page = session.window.page
    assert isinstance(page, HardwarePage)
    assert page.overview.title.text() == card.sentence.text()
    assert page.readiness.command.text() == "sudo ubuntu-drivers install"
    assert page.state.text() == "Needs attention"

    system.kernel(KERNEL, "updates/dkms/nvidia.ko")  # the user has installed it, the driver says nothing new yet
    qtbot.mouseClick(page.readiness.again, Qt.MouseButton.LeftButton)
    assert not page.readiness.again.isEnabled()
    qtbot.waitUntil(page.readiness.again.isEnabled)
    assert "another one was faster" in page.overview.title.text()

    _see(qtbot, session, replace(snapshot(gpu()), time=without.time + 1))  # and restarted
    assert "Ready to train on" in page.overview.title.text()
    assert not page.readiness.isVisible()
    assert page.state.text() == "GPU ready"
    assert "Ready to train on" in _home(session)._machine.sentence.text()
    assert not _home(session)._machine.readiness.isVisible()


def test_a_driver_that_works_and_is_too_old_needs_attention(qtbot: QtBot, session: Session) -> None:
    seen = snapshot(gpu())
    _see(qtbot, session, replace(seen, nvidia=replace(seen.nvidia, driver_version="470.256.02")))
    session.services.navigator.open("hardware")
    page = session.window.page
    assert isinstance(page, HardwarePage)
    assert "too old" in page.overview.title.text()
    assert page.state.text() == "Needs attention"
    assert "too old" in _home(session)._machine.sentence.text()


def test_in_the_users_language(qtbot: QtBot, session: Session, system: LinuxSystem) -> None:
    system.wsl()
    _see(qtbot, session, snapshot(state=DriverState.NO_GPU))
    card = _home(session)._machine
    assert "WSL" in card.sentence.text()
    session.services.language.use("zh_CN")
    assert "Windows" in card.readiness.cure.text()
    assert "请" in card.readiness.cure.text()
    session.services.language.use("en")
