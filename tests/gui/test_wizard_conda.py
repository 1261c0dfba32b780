"""The wizard in the real window with the conda engine, on a local channel with a Python that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders
from aienv_gui.environments.planning.wizard import Step
from aienv_gui.environments.records import Engine, PackageState
from tests.fakes.channel.packing import index_channel, python_package
from tests.fakes.channel.running_python import MINOR, running_python
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import PATIENCE_MS, WizardDriver


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channel")
    running_python().write(folder)
    python_package("pip", "99.0", {"pip/__init__.py": "x = 1\n"}).write(folder)
    python_package("colours", "3.1", {"colours.py": "import paint\n"}, depends=["python", "paint"]).write(folder)
    python_package("paint", "2.4", {"paint.py": "x = '2.4'\n"}).write(folder)
    index_channel(folder)
    return folder


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, channel: Path) -> Iterator[WizardDriver]:
    with open_session(qtbot, folders, look=False) as session:
        session.services.settings.set("channels", [str(channel)])
        yield WizardDriver(qtbot, session)


@pytest.mark.slow
def test_whole_way_with_conda(driver: WizardDriver, folders: Folders) -> None:
    driver.open()
    driver.choose("empty")
    driver.click(driver.wizard.options.engines[Engine.CONDA])
    python = driver.wizard.options.python
    python.setCurrentIndex(python.findData(MINOR))
    driver.name("conda 环境", extra="colours")
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    planning = driver.wizard.planning
    assert planning.problem is None, f"{planning.problem} {planning.problem.details}"
    planned = {file.package for file in planning.table.rows_model.rows}
    assert planned == {"python", "pip", "colours", "paint"}
    driver.go_on(Step.BUILD)
    driver.wait_for_step(Step.VALIDATE)
    states = {row.progress.state for row in driver.wizard.building.packages.rows_model.rows}
    assert states == {PackageState.INSTALLED}
    driver.wait_for_verdicts()
    assert driver.wizard.validating.problem is None
    assert driver.wizard.validating.summary.text() == "Everything works."
    driver.click(driver.wizard.next)
    driver.qtbot.waitUntil(
        lambda: driver.page.details.environment is not None and driver.page.details.environment.name == "conda 环境",
        timeout=PATIENCE_MS,
    )


@pytest.mark.slow
def test_an_environment_file_goes_to_conda(driver: WizardDriver, channel: Path, tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(
        f"name: lab\nchannels:\n  - {channel.as_uri()}\ndependencies:\n  - python={MINOR}\n  - paint\n",
        encoding="utf-8",
    )
    driver.open()
    driver.choose_file(file)
    options = driver.wizard.options
    driver.wait_for_next()
    assert options.name.text() == "lab"
    assert options.python.currentData() == MINOR
    assert not options.engines[Engine.UV].isEnabled()
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    assert {file.package for file in driver.wizard.planning.table.rows_model.rows} == {"python", "paint"}


@pytest.mark.slow
def test_a_package_that_conda_does_not_have_is_named(driver: WizardDriver) -> None:
    driver.open()
    driver.choose("empty")
    driver.click(driver.wizard.options.engines[Engine.CONDA])
    python = driver.wizard.options.python
    python.setCurrentIndex(python.findData(MINOR))
    driver.name("missing", extra="nosuchthing")
    driver.go_on(Step.PLAN)
    driver.wait_for_plan()
    problem = driver.wizard.planning.problem
    assert problem is not None
    assert "nosuchthing" in str(problem)
    assert problem.code != "unexpected"


def test_a_bad_environment_file_names_its_line(driver: WizardDriver, tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("name: x\ndependencies:\n  - numpy\n  - [\n", encoding="utf-8")
    driver.open()
    driver.wizard.purpose.use_file(file)
    driver.qtbot.waitUntil(lambda: driver.wizard.purpose.problem is not None)
    problem = driver.wizard.purpose.problem
    assert problem is not None
    assert "environment.yml" in str(problem)
    assert "Line" in str(problem.cause)
    assert not driver.wizard.next.isEnabled()
