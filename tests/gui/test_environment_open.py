"""*Open in* on the page of environments: a real server, programs that write down what they get, a listening browser."""

from __future__ import annotations

import os
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import JobState
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.launchers.programs import Editor
from aienv_gui.environments.manifest import Manifest, write_manifest
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Environment, Request
from aienv_gui.gui import environment_work, presenter
from aienv_gui.gui.widgets.confirm import Question
from tests.fakes.notebooks import make_environment, make_program, recorded
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import PATIENCE_MS, WizardDriver


class Browser(QObject):
    """Receives the addresses of the web in place of the system's browser."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    @Slot(QUrl)
    def open(self, address: QUrl) -> None:
        self.addresses.append(address.toString())


@pytest.fixture
def browser() -> Iterator[Browser]:
    listening = Browser()
    for scheme in ("http", "https"):
        QDesktopServices.setUrlHandler(scheme, listening, "open")  # type: ignore[arg-type]  # the stub is wrong
    yield listening
    for scheme in ("http", "https"):
        QDesktopServices.unsetUrlHandler(scheme)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs beside a few tools of the system."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "env", "mkdir", "mv", "pwd", "bash"):
        (tools / name).symlink_to(shutil.which(name) or "")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{tools}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "users jupyter"))
    return tmp_path / "programs"


def described(environment: Environment, *packages: str) -> Environment:
    request = Request(environment.prefix.name, Engine.UV, default_python(), packages)
    write_manifest(environment.prefix, Manifest(request=request, built=1.0, build="test"))
    return environment


@pytest.fixture
def mine(folders: Folders, programs: Path) -> Environment:
    return described(make_environment(folders, "mine", "jupyterlab", "ipykernel"), "jupyterlab")


@pytest.fixture
def bare(folders: Folders, programs: Path) -> Environment:
    return described(make_environment(folders, "bare"))


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, mine: Environment, bare: Environment) -> Iterator[WizardDriver]:
    with open_session(qtbot, folders, look=False) as session:
        yield WizardDriver(qtbot, session)


def offered(driver: WizardDriver, environment: Environment) -> dict[str, QAction]:
    """Click *Open in* and return what the menu offers, by its words."""
    driver.session.services.navigator.open("environments", environment.prefix)
    button = driver.page.details.open_in
    driver.click(button)
    driver.qtbot.waitUntil(lambda: button.menu_shown is not None, timeout=PATIENCE_MS)
    return {action.text(): action for action in button.menu_shown.actions() if action.text()}


def close_menu(driver: WizardDriver) -> None:
    menu = driver.page.details.open_in.menu_shown
    if menu is not None:
        menu.close()


def told(driver: WizardDriver) -> str:
    label = driver.page.details.shared
    return label.text() if label.isVisible() else ""


def problem_words(driver: WizardDriver) -> str:
    view = driver.page.details._problem
    return " ".join(label.text() for label in view.findChildren(QLabel)) if view.isVisible() else ""


def test_jupyter_runs_as_a_job_and_opens_in_the_browser(
    driver: WizardDriver, mine: Environment, browser: Browser
) -> None:
    offered(driver, mine)["JupyterLab"].trigger()
    close_menu(driver)
    driver.qtbot.waitUntil(lambda: len(browser.addresses) == 1, timeout=PATIENCE_MS)
    (job,) = driver.session.services.jobs.running()
    assert str(job.title) == "JupyterLab for mine"
    address = browser.addresses[0]
    assert address.startswith("http://127.0.0.1:")
    token = address.partition("token=")[2]
    assert token not in told(driver) + str(job.status) + "".join(job.log)
    assert "browser" in told(driver)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=5) as page:
        assert page.status == 200
    offered(driver, mine)["JupyterLab"].trigger()  # the one that runs, not a second
    close_menu(driver)
    assert browser.addresses == [address, address]
    assert driver.session.services.jobs.running() == [job]
    job.cancel()
    driver.qtbot.waitUntil(lambda: job.state is JobState.CANCELLED, timeout=PATIENCE_MS)
    assert "ended" in told(driver)


def test_without_a_browser_the_address_is_copied(
    driver: WizardDriver, mine: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presenter, "QDesktopServices", SimpleNamespace(openUrl=lambda _address: False))
    QGuiApplication.clipboard().clear()
    driver.session.services.navigator.open("environments", mine.prefix)
    driver.page.details.open_in.start_jupyter(mine, Path.home())
    driver.qtbot.waitUntil(lambda: "address is copied" in told(driver), timeout=PATIENCE_MS)
    assert QGuiApplication.clipboard().text().startswith("http://127.0.0.1:")
    problem = driver.session.services.presenter.last
    assert problem is not None
    assert problem.code == "no_browser"
    (job,) = driver.session.services.jobs.running()
    job.cancel()
    driver.qtbot.waitUntil(lambda: job.state.final, timeout=PATIENCE_MS)


def test_an_environment_whose_jupyter_runs_is_not_deleted_and_its_kernel_goes_with_it(
    driver: WizardDriver, mine: Environment, browser: Browser, tmp_path: Path
) -> None:
    driver.session.services.navigator.open("environments", mine.prefix)
    driver.page.details.open_in.start_jupyter(mine, Path.home())
    driver.qtbot.waitUntil(lambda: len(browser.addresses) == 1, timeout=PATIENCE_MS)
    (job,) = driver.session.services.jobs.running()
    driver.page.details.more.delete.trigger()
    question = driver.page.findChild(Question)
    assert question is not None
    driver.click(next(b for b in question.findChildren(QPushButton) if b.text() == "Delete"))
    driver.qtbot.waitUntil(lambda: "is in use" in problem_words(driver), timeout=PATIENCE_MS)
    assert mine.python.exists()
    job.cancel()
    driver.qtbot.waitUntil(lambda: job.state.final, timeout=PATIENCE_MS)
    kernel = tmp_path / "users jupyter" / "kernels" / "aienv-mine"
    assert kernel.is_dir()
    driver.page.details.more.delete.trigger()
    question = next(q for q in driver.page.findChildren(Question) if q.isVisible())
    driver.click(next(b for b in question.findChildren(QPushButton) if b.text() == "Delete"))
    driver.qtbot.waitUntil(lambda: not kernel.exists(), timeout=PATIENCE_MS)
    assert not mine.prefix.exists()


def test_an_environment_without_jupyter_says_what_to_add(driver: WizardDriver, bare: Environment) -> None:
    found = offered(driver, bare)
    assert "JupyterLab in a folder..." not in found
    found["JupyterLab (why not?)"].trigger()
    close_menu(driver)
    assert "has no JupyterLab" in problem_words(driver)
    assert driver.page.details._problem.problem is not None
    (action,) = driver.page.details._problem.problem.actions
    assert (action.name, action.argument) == ("add_packages", "jupyterlab")


def test_what_is_not_installed_is_explained_with_its_page(
    driver: WizardDriver, bare: Environment, browser: Browser
) -> None:
    found = offered(driver, bare)
    assert "VS Code (why not?)" in found
    assert "Terminal (why not?)" in found
    found["PyCharm (why not?)"].trigger()
    close_menu(driver)
    assert "PyCharm was not found" in problem_words(driver)
    view = driver.page.details._problem
    (page,) = [button for button in view._actions if view._actions[button].name == "open_address"]
    driver.click(page)  # type: ignore[arg-type]
    assert browser.addresses[0].startswith("https://www.jetbrains.com/pycharm")


def test_an_editor_is_asked_to_open_the_chosen_folder(
    driver: WizardDriver, bare: Environment, programs: Path, tmp_path: Path
) -> None:
    record = make_program(programs / "code")
    project = tmp_path / "my project 图"
    project.mkdir()
    offered(driver, bare)["VS Code..."].trigger()
    close_menu(driver)
    (dialog,) = driver.session.window.findChildren(QFileDialog)
    dialog.fileSelected.emit(str(project))
    dialog.reject()
    driver.qtbot.waitUntil(lambda: str(project) in told(driver), timeout=PATIENCE_MS)
    assert recorded(record)[0].endswith(".code-workspace")


def test_pycharm_is_opened_and_the_interpreter_copied(
    driver: WizardDriver, bare: Environment, programs: Path, tmp_path: Path
) -> None:
    record = make_program(programs / "pycharm")
    driver.session.services.navigator.open("environments", bare.prefix)
    driver.page.details.open_in.start_editor(bare, Editor.PYCHARM, tmp_path)
    driver.qtbot.waitUntil(lambda: "Select existing" in told(driver), timeout=PATIENCE_MS)
    assert recorded(record) == [str(tmp_path)]
    assert QGuiApplication.clipboard().text() == str(bare.python)


def test_a_terminal_opens_and_one_that_fails_is_told(driver: WizardDriver, bare: Environment, programs: Path) -> None:
    record = make_program(programs / "xterm")
    offered(driver, bare)["Terminal"].trigger()
    close_menu(driver)
    driver.qtbot.waitUntil(lambda: "A terminal opens" in told(driver), timeout=PATIENCE_MS)
    assert recorded(record)[0] == "-e"
    make_program(programs / "xterm", code=1)
    driver.page.details.open_in.start_terminal(bare)
    driver.qtbot.waitUntil(lambda: "could not be started" in problem_words(driver), timeout=PATIENCE_MS)


def test_nothing_runs_after_the_window_has_ended(
    qtbot: QtBot, folders: Folders, mine: Environment, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_JUPYTER_RECORD", str(tmp_path / "record.json"))
    with open_session(qtbot, folders, look=False) as session:
        driver = WizardDriver(qtbot, session)
        driver.session.services.navigator.open("environments", mine.prefix)
        driver.page.details.open_in.start_jupyter(mine, Path.home())
        qtbot.waitUntil(lambda: len(browser.addresses) == 1, timeout=PATIENCE_MS)
        before = [process.pid for process in psutil.Process().children(recursive=True)]
        assert before
    assert not any(psutil.pid_exists(pid) for pid in before)
    assert not any(os.scandir(folders.data / "opened" / "jupyter"))


def test_what_was_looked_up_for_one_environment_is_not_offered_for_another(
    driver: WizardDriver, mine: Environment, bare: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gate = environment_work.openers, threading.Event()

    def waiting(*arguments: Any) -> Any:
        assert gate.wait(30)
        return real(*arguments)

    monkeypatch.setattr(environment_work, "openers", waiting)
    driver.session.services.navigator.open("environments", mine.prefix)
    driver.qtbot.waitUntil(lambda: driver.page.details.environment == mine, timeout=PATIENCE_MS)
    button = driver.page.details.open_in
    driver.click(button)
    late = button._looking
    assert late is not None
    ended: list[bool] = []
    late.finished.connect(partial(ended.append, True))
    driver.page.select(bare.prefix)
    gate.set()
    driver.qtbot.waitUntil(lambda: bool(ended), timeout=PATIENCE_MS)
    assert button.menu_shown is None
    assert "JupyterLab (why not?)" in offered(driver, bare)
    close_menu(driver)


def test_a_look_for_programs_that_fails_is_told(
    driver: WizardDriver, bare: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise Problem(verbatim("The disk does not answer."), code="no_answer")

    monkeypatch.setattr(environment_work, "openers", failing)
    driver.session.services.navigator.open("environments", bare.prefix)
    driver.click(driver.page.details.open_in)
    driver.qtbot.waitUntil(lambda: "does not answer" in problem_words(driver), timeout=PATIENCE_MS)


def test_a_folder_that_is_chosen_late_is_opened_with_the_environment_it_was_asked_for(
    driver: WizardDriver, mine: Environment, bare: Environment, programs: Path, tmp_path: Path
) -> None:
    make_program(programs / "pycharm")
    offered(driver, bare)["PyCharm..."].trigger()
    close_menu(driver)
    (dialog,) = driver.session.window.findChildren(QFileDialog)
    driver.page.select(mine.prefix)  # as when its folder is deleted and the list shows another
    dialog.fileSelected.emit(str(tmp_path))
    dialog.reject()
    clipboard = QGuiApplication.clipboard()
    driver.qtbot.waitUntil(lambda: clipboard.text() == str(bare.python), timeout=PATIENCE_MS)
