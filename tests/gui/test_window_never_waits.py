"""What a user does in the window touches no disk, starts no process and asks no network in the window's own thread."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import Folders, resource
from aienv_gui.environments.records import Change
from aienv_gui.gui.main_window import import_pages
from aienv_gui.gui.pages.environment_parts.change_panel import Stage
from aienv_gui.gui.pages.environment_parts.details import HEALTH, PACKAGES, SNAPSHOTS
from aienv_gui.gui.pages.settings_parts.sources_section import SourcesCard
from tests.fakes.change_driver import ChangeDriver, changing, served_packages
from tests.fakes.index.server import LocalIndex
from tests.fakes.reporters import Keeping
from tests.fakes.wizard_driver import PATIENCE_MS

_EVENTS = {
    "open",
    "os.scandir",
    "os.listdir",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "subprocess.Popen",
    "socket.connect",
}


@dataclass
class Accesses:
    """What the thread that made it did to the disk, to processes and to the network while it was `watching`."""

    watching: bool = False
    found: list[str] = field(default_factory=list)
    thread: int = field(default_factory=threading.get_ident)

    def note(self, event: str, place: object) -> None:
        if not self.watching or threading.get_ident() != self.thread:
            return
        path = os.fsdecode(place) if isinstance(place, (str, bytes, os.PathLike)) else str(place)
        if not path.startswith(_OWN):
            self.found.append(f"{event} {path}")


# The application's own small files (icons, words, style), its modules, and the libraries' that a page is made with.
_OWN = (str(Path(__file__).parents[2]), str(resource("icons").parent), sys.prefix, sys.base_prefix)
_accesses = Accesses()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS:
        _accesses.note(event, arguments[0] if arguments else "")


@cache
def _hooked() -> None:
    sys.addaudithook(_hook)  # it can never be taken away


@pytest.fixture
def accesses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Accesses]:
    _hooked()
    real = os.stat

    def stat(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        _accesses.note("stat", path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    _accesses.found.clear()
    yield _accesses
    _accesses.watching = False


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    with served_packages(tmp_path) as running:
        yield running


@pytest.fixture
def driver(qtbot: QtBot, folders: Folders, index: LocalIndex) -> Iterator[ChangeDriver]:
    import_pages(Keeping())  # as a job does at the start
    with changing(qtbot, folders, index) as driver:
        yield driver


def test_looking_and_changing_leave_the_disk_to_the_jobs(driver: ChangeDriver, accesses: Accesses) -> None:
    details, services = driver.details, driver.session.services
    accesses.watching = True
    driver.select("paint")
    details.packages.search.setText("pa")
    details.packages.search.clear()
    for tab in (HEALTH, SNAPSHOTS, PACKAGES):
        details.tabs.setCurrentIndex(tab)
        driver.settle()
    driver.click(details.packages.look)
    driver.qtbot.waitUntil(lambda: details.packages._newest_job is None, timeout=PATIENCE_MS)
    driver.plan(Change(add=("brush",)))
    assert driver.panel.stage is Stage.PLANNED
    driver.consent()  # and the validation after it
    details.tabs.setCurrentIndex(SNAPSHOTS)
    driver.click(details.snapshots.take)
    driver.qtbot.waitUntil(lambda: details.snapshots.count == 2, timeout=PATIENCE_MS)
    services.environments.refresh()
    driver.qtbot.waitUntil(lambda: not services.environments.busy, timeout=PATIENCE_MS)
    services.language.use("zh_CN")
    services.theme.set_mode("dark")
    services.theme.set_mode("light")
    services.language.use("en")
    assert accesses.found == []


def test_typing_sources_leaves_the_disk_alone(driver: ChangeDriver, accesses: Accesses, tmp_path: Path) -> None:
    accesses.watching = True
    driver.session.services.navigator.open("settings")
    card = driver.session.window.page.findChild(SourcesCard)
    assert isinstance(card, SourcesCard)
    for name in ("index_url", "certificate"):
        field = card._fields[name]
        assert isinstance(field, QLineEdit)
        field.clear()
        QTest.keyClicks(field, str(tmp_path / "certificates.pem"))
    assert accesses.found == []


def test_the_watch_itself_sees_what_it_should(accesses: Accesses, tmp_path: Path) -> None:
    accesses.watching = True
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "file").is_dir()
    list(tmp_path.iterdir())
    assert [line.split(" ")[0] for line in accesses.found] == ["open", "stat", "os.listdir"]
    elsewhere = threading.Thread(target=(tmp_path / "file").read_text)
    elsewhere.start()
    elsewhere.join()
    assert len(accesses.found) == 3
