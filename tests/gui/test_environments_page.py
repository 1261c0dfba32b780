"""The list of environments and the details of one, in the real window on the real disk."""

from __future__ import annotations

import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QMenu, QPushButton, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.changes import staging, transaction
from aienv_gui.environments.discovery.interpreters import base_interpreters
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.manifest import Manifest, write_health, write_manifest
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.planning.wizard import Step
from aienv_gui.environments.records import Engine, Form, Maker, Request, Verdict, VerdictState
from aienv_gui.gui import environment_work
from aienv_gui.gui.widgets.confirm import Question
from aienv_gui.training.records import RunState, RunSummary
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import PATIENCE_MS, WizardDriver


def make_environment(folders: Folders, name: str, *packages: str) -> Path:
    """An environment as a build leaves it, but for its packages' contents."""
    prefix = folders.environments / name.replace(" ", "-")
    base = base_interpreters()[0]
    scripts = prefix / ("Scripts" if sys.platform == "win32" else "bin")
    scripts.mkdir(parents=True)
    (scripts / "python").symlink_to(base.path)
    (prefix / "pyvenv.cfg").write_text(f"home = {base.path.parent}\nversion_info = {base.version}\n", encoding="utf-8")
    site = prefix / "lib" / f"python{base.minor}" / "site-packages"
    for package in packages:
        (site / f"{package.replace('==', '-')}.dist-info").mkdir(parents=True)
    request = Request(name, Engine.UV, default_python(), packages)
    write_manifest(prefix, Manifest(request=request, built=time.time(), build="test"))
    return prefix


@pytest.fixture
def mine(folders: Folders) -> Path:
    return make_environment(folders, "mine", "torch==2.13.0+cpu", "numpy==2.1.0")


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, mine: Path) -> Iterator[WizardDriver]:
    with open_session(qtbot, folders, look=False) as session:
        yield WizardDriver(qtbot, session)


def names(driver: WizardDriver) -> list[str]:
    model = driver.page.rows.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_the_list_holds_our_own_environment_and_those_we_made(driver: WizardDriver, mine: Path) -> None:
    environments = driver.session.services.environments
    assert environments.built_in is not None
    assert environments.built_in.python.exists()
    found = environments.get(mine)
    assert found is not None
    assert found.maker is Maker.AIENV
    assert names(driver)[:2] == ["AIEnv", "mine"]
    assert driver.page.rows.current == environments.built_in  # something is selected at once
    assert driver.page.details.environment == environments.built_in
    assert not driver.page.details.more.delete.isVisible()  # never the application's own


def test_the_filter_looks_at_names_packages_and_places(driver: WizardDriver) -> None:
    driver.write(driver.page.filter, "NUMPY")
    assert "mine" in names(driver)
    driver.write(driver.page.filter, "no such thing")
    assert names(driver) == []
    assert any("no such thing" in label.text() for label in driver.page.findChildren(QLabel) if label.isVisible())
    driver.write(driver.page.filter, "")
    assert len(names(driver)) >= 2


def test_details_say_what_is_in_an_environment(driver: WizardDriver, mine: Path) -> None:
    driver.session.services.navigator.open("environments", mine)
    details = driver.page.details
    assert details.environment is not None
    assert details.environment.prefix == mine
    words = {label.text() for label in details.findChildren(QLabel)}
    assert {"mine", str(mine), "PyTorch 2.13.0", "CPU only", "never"} <= words
    assert details.packages.list.shown_rows == 2
    driver.write(details.packages.search, "num")
    assert details.packages.list.shown_rows == 1
    pattern = re.compile(r"^[\d.]+ [kMG]?B")
    driver.qtbot.waitUntil(
        lambda: any(pattern.match(label.text()) for label in details.findChildren(QLabel)), timeout=PATIENCE_MS
    )


def test_an_environment_is_deleted_after_a_question(driver: WizardDriver, mine: Path, folders: Folders) -> None:
    driver.session.services.navigator.open("environments", mine)
    driver.page.details.more.delete.trigger()
    question = driver.page.findChild(Question)
    assert question is not None
    assert "2 packages" in "".join(label.text() for label in question.findChildren(QLabel))
    assert mine.exists()  # nothing happens before the answer
    question.reject()
    assert mine.exists()
    driver.page.details.more.delete.trigger()
    question = next(q for q in driver.page.findChildren(Question) if q.isVisible())
    yes = next(b for b in question.findChildren(QPushButton) if b.text() == "Delete")
    driver.click(yes)
    driver.qtbot.waitUntil(lambda: "mine" not in names(driver), timeout=PATIENCE_MS)
    assert not mine.exists()
    assert not any("no longer there" in label.text() for label in driver.page.findChildren(QLabel))


def test_a_deletion_that_takes_long_is_not_taken_for_one_from_outside(
    driver: WizardDriver, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves the list by a rename; the sweeping of a gigabyte after it takes a while."""
    begun, swept = threading.Event(), threading.Event()
    original = staging.remove

    def slowly(folder: Path) -> None:
        if not begun.is_set():  # the deletion's own sweep; a look at the list sweeps too
            begun.set()
            assert swept.wait(60)
        original(folder)

    driver.session.services.navigator.open("environments", mine)
    driver.settle()  # else the look that the page begins may be the one that sweeps
    monkeypatch.setattr(transaction, "remove", slowly)
    driver.page.details.more.delete.trigger()
    question = next(q for q in driver.page.findChildren(Question) if q.isVisible())
    driver.click(next(b for b in question.findChildren(QPushButton) if b.text() == "Delete"))
    try:
        driver.qtbot.waitUntil(lambda: "mine" not in names(driver), timeout=PATIENCE_MS)
        shown = [label.text() for label in driver.page.findChildren(QLabel) if label.isVisible()]
    finally:
        swept.set()
    assert not any("no longer there" in text for text in shown)
    driver.qtbot.waitUntil(lambda: not driver.page.details.deletes(mine), timeout=PATIENCE_MS)
    assert not any("no longer there" in label.text() for label in driver.page.findChildren(QLabel))


def test_an_environment_deleted_under_the_page_is_said_so(driver: WizardDriver, mine: Path) -> None:
    driver.session.services.navigator.open("environments", mine)
    shutil.rmtree(mine)  # by somebody else; the folder is watched

    def told() -> None:
        shown = [label.text() for label in driver.page.findChildren(QLabel) if label.isVisible()]
        assert any("“mine” is no longer there" in text and str(mine) in text for text in shown)

    driver.qtbot.waitUntil(told, timeout=PATIENCE_MS)
    assert "mine" not in names(driver)
    assert driver.page.primary is not None
    assert driver.page.primary.isEnabled()


def test_a_deletion_that_fails_is_told_where_it_was_asked(
    driver: WizardDriver, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Problem(verbatim("This folder cannot be written to."), code="read_only")

    monkeypatch.setattr(environment_work, "delete", refuse)
    driver.session.services.navigator.open("environments", mine)
    details = driver.page.details
    details.more.delete.trigger()
    question = driver.page.findChild(Question)
    assert question is not None
    driver.click(next(b for b in question.findChildren(QPushButton) if b.text() == "Delete"))
    driver.qtbot.waitUntil(
        lambda: any(
            label.isVisible() and "cannot be written" in label.text() for label in details.findChildren(QLabel)
        ),
        timeout=PATIENCE_MS,
    )
    driver.settle()
    assert details.more.delete.isEnabled()
    assert mine.exists()


def test_a_broken_environment_says_why(driver: WizardDriver, mine: Path) -> None:
    link = next(path for path in mine.rglob("python") if path.is_symlink())
    link.unlink()
    link.symlink_to(mine / "gone")
    driver.session.services.environments.refresh()
    driver.session.services.navigator.open("environments", mine)
    driver.qtbot.waitUntil(lambda: driver.page.details.badge.text() == "Broken", timeout=PATIENCE_MS)
    assert not driver.page.details.validate.isEnabled()
    assert driver.page.details.more.delete.isEnabled()  # the way out stays


def test_kept_verdicts_are_shown_with_their_date(driver: WizardDriver, mine: Path, folders: Folders) -> None:
    verdict = Verdict(
        "imports", verbatim("Modules"), VerdictState.FAILED, verbatim("torch"), verbatim("Build it again.")
    )
    good = replace(verdict, check="interpreter", state=VerdictState.PASSED, cure=None)
    write_health(mine, (good, verdict), folders)
    driver.session.services.navigator.open("environments", mine)
    details = driver.page.details
    driver.qtbot.waitUntil(lambda: details.badge.text() == "Problems", timeout=PATIENCE_MS)
    assert details.health.verdicts.verdicts == (verdict, good)  # what is wrong comes first
    assert any(label.text().startswith(time.strftime("%Y-")) for label in details.findChildren(QLabel))


def test_a_package_that_goes_takes_the_healthy_badge_with_it(
    driver: WizardDriver, mine: Path, folders: Folders
) -> None:
    good = Verdict("integrity", verbatim("Files"), VerdictState.PASSED)
    write_health(mine, (good,), folders, read_environment(mine).packages)
    driver.session.services.environments.refresh()
    driver.session.services.navigator.open("environments", mine)
    details = driver.page.details
    driver.qtbot.waitUntil(lambda: details.badge.text() == "Healthy", timeout=PATIENCE_MS)
    for info in mine.rglob("numpy-*.dist-info"):
        info.rmdir()
    driver.session.services.environments.refresh()
    driver.qtbot.waitUntil(lambda: details.badge.text() == "Not validated", timeout=PATIENCE_MS)
    assert any("have changed since" in label.text() for label in details.findChildren(QLabel))


def test_validation_of_one_does_not_mix_with_another(
    driver: WizardDriver, mine: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = folders.data / "released"
    first = Verdict("first", verbatim("First"), VerdictState.PASSED)

    def validate(environment: object, folders: Folders, cards: object, reporter: object) -> tuple[Verdict, ...]:
        reporter.partial(first)  # type: ignore[attr-defined]
        while not released.exists():
            reporter.checkpoint()  # type: ignore[attr-defined]
            time.sleep(0.01)
        write_health(mine, (first,), folders)
        return (first,)

    monkeypatch.setattr(environment_work, "validate", validate)
    services = driver.session.services
    services.navigator.open("environments", mine)
    details = driver.page.details
    driver.click(details.validate)
    driver.qtbot.waitUntil(lambda: details.health.verdicts.verdicts == (first,), timeout=PATIENCE_MS)
    assert not details.validate.isEnabled()
    assert not details.more.delete.isEnabled()
    assert services.environments.built_in is not None
    driver.page.rows.select(services.environments.built_in.prefix)
    assert details.health.verdicts.verdicts == ()
    assert details.validate.isEnabled()
    released.write_text("", encoding="utf-8")
    driver.page.rows.select(mine)
    driver.qtbot.waitUntil(lambda: details.badge.text() == "Healthy", timeout=PATIENCE_MS)
    assert details.validate.isEnabled()


def test_the_list_is_used_by_keyboard(driver: WizardDriver) -> None:
    driver.page.rows.setFocus()
    driver.qtbot.keyClick(driver.page.rows, Qt.Key.Key_Down)
    current = driver.page.rows.current
    assert current is not None
    assert current.name == "mine"
    assert driver.page.details.environment == current


def test_new_in_the_address_opens_the_wizard_and_leaving_it_closes_nothing(driver: WizardDriver) -> None:
    navigator = driver.session.services.navigator
    navigator.open("environments", "new")
    driver.qtbot.waitUntil(lambda: driver.wizard.step is Step.PURPOSE)
    driver.wait_for_cards()
    driver.choose("tables")
    navigator.open("home")
    navigator.open("environments")
    assert driver.wizard.isVisible()
    assert driver.wizard.step is Step.OPTIONS
    driver.click(driver.wizard.cancel)
    assert driver.page.rows.isVisible()
    assert driver.wizard.wizard is None


def focusable(parent: QWidget) -> list[QWidget]:
    return [
        widget
        for widget in parent.findChildren(QWidget)
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus and widget.isVisible()
    ]


def spoken(widget: QWidget) -> str:
    return widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")


def test_everything_that_takes_the_keyboard_has_a_name(driver: WizardDriver) -> None:
    def check() -> None:
        nameless = [
            f"{type(w).__name__} in {type(w.parent()).__name__}"
            for w in focusable(driver.page)
            if not spoken(w) and not isinstance(w.parent(), (QLineEdit, QTabWidget))
        ]
        assert nameless == []

    check()
    driver.page.details.tabs.setCurrentIndex(1)
    check()
    driver.open()
    check()
    driver.choose("pictures")
    check()


def test_the_language_switches_everywhere_at_once(driver: WizardDriver) -> None:
    allowed = {"AIEnv", "Python", "conda", "venv", "pyenv", "CPU", "PyTorch", "NumPy", "requirements.txt"}

    def english() -> list[str]:
        left = []
        for widget in driver.page.findChildren(QWidget):
            text = widget.text() if isinstance(widget, (QLabel, QAbstractButton)) else ""
            sentence = re.sub(r"[/\\]\S+|[A-Za-z]+[\d.]+\S*", "", text)
            words = [word for word in re.findall(r"[A-Za-z]{2,}(?: [a-z]{2,})+", sentence) if word not in allowed]
            if words and widget.isVisible():
                left.append(text)
        return left

    assert english() != []
    language = driver.session.services.language
    language.use("zh_CN")
    assert english() == []
    driver.page.details.tabs.setCurrentIndex(1)
    assert english() == []
    driver.open()
    assert english() == []
    driver.choose("pictures")
    driver.wait_for_next()
    assert english() == []
    language.use("en")
    assert driver.wizard.next.text() == "Make a plan"


def test_a_failed_look_keeps_the_list(driver: WizardDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Problem(verbatim("The disk does not answer."))

    before = names(driver)
    monkeypatch.setattr("aienv_gui.gui.environment_list.look", fail)
    driver.session.services.environments.refresh()
    driver.qtbot.waitUntil(
        lambda: any(
            label.isVisible() and "does not answer" in label.text() for label in driver.page.findChildren(QLabel)
        ),
        timeout=PATIENCE_MS,
    )
    assert names(driver) == before


def test_the_same_list_again_is_no_change(driver: WizardDriver) -> None:
    environments = driver.session.services.environments
    driver.settle()
    with driver.qtbot.assertNotEmitted(environments.changed):
        environments.refresh()
        environments.refresh()  # while a look is under way: one more follows
        driver.settle()
    assert environments.items[0].prefix.samefile(sys.prefix)


def test_a_training_is_begun_in_the_environment_that_is_shown(
    qtbot: QtBot, driver: WizardDriver, folders: Folders
) -> None:
    packages = ("torch==2.13.0", "numpy==2.1.0", "pillow==12.0", "safetensors==0.6")
    prefix = make_environment(folders, "able", *packages)
    driver.session.services.environments.refresh()
    driver.session.services.navigator.open("environments", prefix)
    details = driver.page.details
    qtbot.waitUntil(
        lambda: details.environment is not None and details.environment.prefix == prefix, timeout=PATIENCE_MS
    )
    with qtbot.waitSignal(driver.session.services.navigator.requested) as asked:
        driver.click(details.train)
    assert asked.args == ["train", ("new", prefix)]
    assert driver.session.window.page.name == "train"


def test_an_environment_with_a_training_in_it_is_not_deleted(
    driver: WizardDriver, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = driver.session.services.runs
    folder = Path("/runs/one")
    # Not followed yet; and where it was continued in another environment, only its interpreter told which.
    live = RunSummary(folder, "digits", "", RunState.TRAINING, 0.0, 0.0, python=mine / "bin" / "python3")
    monkeypatch.setattr(runs, "items", (live,))
    driver.session.services.navigator.open("environments", mine)
    details = driver.page.details
    details.more.delete.trigger()
    assert driver.page.findChild(Question) is None
    shown = " ".join(label.text() for label in details.findChildren(QLabel) if label.isVisible())
    assert "“digits” runs in it" in shown
    assert mine.exists()


def test_the_keyboard_stays_in_the_wizard(driver: WizardDriver) -> None:
    driver.open()
    driver.choose("empty")
    driver.qtbot.waitUntil(driver.wizard.options.name.hasFocus)
    driver.name("by keyboard")
    driver.qtbot.keyClick(driver.wizard.options.name, Qt.Key.Key_Return)
    assert driver.wizard.step is Step.PLAN

    def inside() -> None:
        focus = QApplication.focusWidget()
        assert focus is not None
        assert driver.wizard.isAncestorOf(focus)

    driver.qtbot.waitUntil(inside)
    driver.qtbot.keyClick(driver.wizard, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    driver.qtbot.waitUntil(driver.wizard.options.name.hasFocus)


def test_an_environment_is_shared_as_a_file(driver: WizardDriver, mine: Path, tmp_path: Path) -> None:
    driver.session.services.navigator.open("environments", mine)
    details = driver.page.details
    driver.qtbot.waitUntil(details.share.isEnabled)
    driver.click(details.share)
    menu = details.share.findChild(QMenu)
    assert menu is not None
    offered = " ".join(action.text() for action in menu.actions())
    assert "requirements.txt" in offered
    assert "explicit" not in offered  # that is conda's
    menu.close()
    target = tmp_path / "for you.txt"
    details.share.save(Form.REQUIREMENTS, str(target))
    driver.qtbot.waitUntil(details.shared.isVisible)
    assert str(target) in details.shared.text()
    assert "numpy==2.1.0" in target.read_text(encoding="utf-8")
    details.share.save(Form.EXPLICIT, str(tmp_path / "list.txt"))
    driver.qtbot.waitUntil(lambda: details._problem.problem is not None)
    assert not details.shared.isVisible()
    driver.session.services.navigator.open("environments", Path(sys.prefix))
    assert not details.shared.isVisible()


def test_the_page_fits_into_a_small_window(driver: WizardDriver, mine: Path) -> None:
    driver.session.window.resize(900, 620)
    driver.session.services.navigator.open("environments", mine)
    driver.qtbot.waitUntil(driver.page.details.share.isEnabled)
    assert driver.page.scroll_area.horizontalScrollBar().maximum() == 0
    buttons = [b for b in driver.page.details.findChildren(QPushButton) if b.isVisible() and b.parent() is not None]
    assert all(
        driver.page.details.rect().contains(b.mapTo(driver.page.details, b.rect().bottomRight())) for b in buttons
    )
