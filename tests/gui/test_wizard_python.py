"""A Python that is not on this computer, chosen in the wizard's real window: offered, explained, planned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders
from aienv_gui.environments.planning.wizard import Step
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.session import open_session
from tests.fakes.web import Reply, Web
from tests.fakes.wizard_driver import WizardDriver


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    make_wheel(tmp_path / "served", "pip", "99.0")
    with LocalIndex(tmp_path / "served") as running:
        yield running


def test_a_python_from_elsewhere_is_offered_explained_and_planned(
    qtbot: QtBot, folders: Folders, index: LocalIndex
) -> None:
    with Web(lambda _: Reply(body=bytes(3_000_000))) as mirror, open_session(qtbot, folders, look=False) as session:
        session.services.settings.set("index_url", index.url)
        session.services.settings.set("python_mirror", mirror.url)
        driver = WizardDriver(qtbot, session)
        driver.open()
        driver.choose("empty")
        driver.name("newer", extra="colours")
        options = driver.wizard.options
        wizard = driver.wizard.wizard
        assert wizard is not None
        assert wizard.offer.downloads
        assert options.python_words.text() == "Found on this computer, newest first."
        wanted = next(version for version in wizard.offer.downloads if version in wizard.pythons)
        row = options.python.findData(wanted)
        assert options.python.itemText(row) == f"Python {wanted} (will be downloaded)"
        options.python.setCurrentIndex(row)
        assert options.python_words.text().startswith("Not on this computer yet")
        driver.go_on(Step.PLAN)
        driver.wait_for_plan()
        assert wizard.plan is not None, driver.wizard.planning.problem
        assert wizard.plan.python_build is not None
        assert wizard.plan.python_build.minor == wanted
        assert wizard.plan.download_bytes > 3_000_000
        assert "will be downloaded first (3.0 MB, from 127.0.0.1)" in driver.wizard.planning._notes.text()
        assert not folders.pythons.exists()
        driver.settle()


def test_offline_only_what_is_here_is_offered(qtbot: QtBot, folders: Folders, index: LocalIndex) -> None:
    with open_session(qtbot, folders, look=False) as session:
        session.services.settings.set("index_url", index.url)
        session.services.settings.set("offline", True)
        driver = WizardDriver(qtbot, session)
        driver.open()
        driver.choose("empty")
        driver.name("here", extra="colours")
        assert driver.wizard.wizard is not None
        assert driver.wizard.wizard.offer.downloads == ()
        driver.go_on(Step.PLAN)
        driver.wait_for_plan()
        problem = driver.wizard.planning.problem
        assert problem is not None
        assert problem.code == "offline"
        assert problem.actions[0].name == "open_settings"
        driver.settle()
    assert index.log == []
