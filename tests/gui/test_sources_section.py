"""The sources' part of the settings in the real window: sets of mirrors, the test, proxy, offline, slow disks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.settings import SettingsStore
from aienv_gui.core.storage import Folders
from aienv_gui.environments.sources.mirrors import ADDRESSES, profiles
from aienv_gui.environments.sources.reach import Source
from aienv_gui.gui import environment_work
from aienv_gui.gui.pages.settings_parts.sources_section import SourcesCard
from tests.fakes.session import open_session
from tests.fakes.web import Reply, Web


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as running:
        running.services.navigator.open("settings")
        yield running


@pytest.fixture
def card(session: Session) -> SourcesCard:
    found = session.window.page.findChild(SourcesCard)
    assert isinstance(found, SourcesCard)
    return found


def choose_profile(card: SourcesCard, identity: str) -> None:
    card.profile.choose(identity)
    card.profile.activated.emit(card.profile.currentIndex())


def saved(qtbot: QtBot, card: SourcesCard) -> None:
    card.save.click()
    qtbot.waitUntil(lambda: card._state.text().startswith("Saved"))


def test_a_set_of_mirrors_fills_all_four_and_each_can_be_another(
    qtbot: QtBot, session: Session, card: SourcesCard
) -> None:
    assert card.profile.currentData() == "official"
    nju = next(one for one in profiles() if one.id == "nju")
    choose_profile(card, "nju")
    assert {name: card.values()[name] for name in ADDRESSES} == dict(nju.addresses)
    saved(qtbot, card)
    kept = SettingsStore(session.services.folders)
    assert kept.get("torch_index_url") == nju.addresses["torch_index_url"]
    index = card._fields["index_url"]
    assert isinstance(index, QLineEdit)
    index.clear()
    QTest.keyClicks(index, "https://own.example/simple")
    assert card.profile.currentData() == "own"
    card.undo.click()
    assert card.profile.currentData() == "nju"
    choose_profile(card, "official")
    assert not any(card.values()[name] for name in ADDRESSES)


def test_a_set_that_lacks_something_says_so(card: SourcesCard) -> None:
    choose_profile(card, "aliyun")
    assert card._lacking.isVisible()
    assert "PyTorch's builds" in card._lacking.text()
    choose_profile(card, "ustc")
    assert "PyTorch's builds and Python itself" in card._lacking.text()
    choose_profile(card, "nju")
    assert not card._lacking.isVisible()


def test_the_sources_are_tested_as_they_stand_in_the_fields(qtbot: QtBot, card: SourcesCard) -> None:
    page = b'<a href="/pip.whl">pip.whl</a>'

    def mirror(path: str) -> Reply:
        if path == "/simple/pip/":
            return Reply(body=page)
        if path == "/pip.whl":
            return Reply(206, bytes(500_000), "x/x")
        return Reply(403) if path.startswith("/whl") else Reply(404)

    with Web(mirror) as web:
        card.put(
            {
                "index_url": f"{web.url}/simple",
                "torch_index_url": f"{web.url}/whl",
                "conda_mirror": f"{web.url}/cloud",
                "python_mirror": f"{web.url}/python",
            }
        )
        card.test.click()
        assert not card.test.isEnabled()
        assert card.stop.isVisible()
        assert all(row.badge.text() == "Under test" for row in card.found.rows.values())
        qtbot.waitUntil(lambda: card.test.isEnabled(), timeout=15_000)
    rows = card.found.rows
    assert [row.badge.state for row in rows.values()] == ["good", "bad", "bad", "bad"]
    assert rows[Source.INDEX].speed.text().endswith("B a second")
    assert rows[Source.TORCH].reach is not None
    assert rows[Source.TORCH].reach.code == "refused_access"
    assert "(403)" in rows[Source.TORCH].cause.text()
    assert rows[Source.CONDA].cure.isVisible()
    assert rows[Source.INDEX].accessibleName() == "Python packages: Reached"
    assert not card.stop.isVisible()


def test_the_test_can_be_stopped(qtbot: QtBot, card: SourcesCard) -> None:
    with Web(lambda _: Reply(silent=True)) as web:
        card.put(dict.fromkeys(ADDRESSES, f"{web.url}/x"))
        card.test.click()
        qtbot.waitUntil(lambda: len(web.log) >= 3, timeout=10_000)
        card.stop.click()
        qtbot.waitUntil(lambda: card.test.isEnabled(), timeout=10_000)
    assert {row.badge.text() for row in card.found.rows.values()} == {"Not tested"}


def test_offline_is_a_switch_and_nothing_is_tested_then(qtbot: QtBot, session: Session, card: SourcesCard) -> None:
    box = card._fields["offline"]
    assert isinstance(box, QCheckBox)
    assert not card._untestable.isVisible()
    box.click()
    assert not card.test.isEnabled()
    assert card._untestable.isVisible()  # why not
    saved(qtbot, card)
    assert environment_work.SourceSettings.of(session.services.settings).asked.offline
    assert SettingsStore(session.services.folders).get("offline") is True


def test_the_proxys_password_is_never_written(qtbot: QtBot, session: Session, card: SourcesCard) -> None:
    password = card._fields["proxy_password"]
    assert isinstance(password, QLineEdit)
    assert password.echoMode() is QLineEdit.EchoMode.Password
    proxy = card._fields["proxy"]
    QTest.keyClicks(proxy, "http://anna:hunter2@proxy.example:8080")
    assert not card.save.isEnabled()
    card.put({"proxy": "http://anna@proxy.example:8080"})
    QTest.keyClicks(password, "sec ret@")
    saved(qtbot, card)
    asked = environment_work.SourceSettings.of(session.services.settings).asked
    assert asked.proxy == "http://anna:sec%20ret%40@proxy.example:8080"
    assert "sec" not in session.services.folders.settings_file.read_text(encoding="utf-8")
    assert SettingsStore(session.services.folders).get("proxy_password") == ""


def test_typing_a_folder_looks_at_no_disk_and_saving_does_not_wait_for_one(
    qtbot: QtBot, card: SourcesCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken = threading.Event()
    looks: list[str] = []

    def sleeping_drive(path: Path) -> bool:
        looks.append(str(path))
        woken.wait(10)
        return False

    monkeypatch.setattr(Path, "exists", sleeping_drive)
    links = card._fields["find_links"]
    QTest.keyClicks(links, str(tmp_path / "share"))
    assert not looks
    assert card.save.isEnabled()
    started = time.monotonic()
    card.save.click()
    assert time.monotonic() - started < 1
    qtbot.waitUntil(lambda: bool(looks))
    woken.set()
    qtbot.waitUntil(lambda: card._wrong["find_links"].isVisible())
    assert "There is no folder" in card._wrong["find_links"].text()
    assert not card.save.isEnabled()
    QTest.keyClicks(links, "d")  # another value: it is not known to be wrong
    assert card.save.isEnabled()


def test_folders_and_certificates_are_chosen_while_the_window_goes_on(
    session: Session, card: SourcesCard, tmp_path: Path
) -> None:
    card._on_folder()
    (asked,) = session.window.findChildren(QFileDialog)  # the call has returned: nothing waits for the answer
    asked.reject()
    assert card.values()["find_links"] == []
    card._on_folder()
    asked = session.window.findChildren(QFileDialog)[-1]
    asked.fileSelected.emit(str(tmp_path))
    asked.reject()
    assert card.values()["find_links"] == [str(tmp_path)]
    card._on_certificate()
    asked = session.window.findChildren(QFileDialog)[-1]
    asked.fileSelected.emit(str(tmp_path / "root.pem"))
    asked.reject()
    assert card.values()["certificate"] == str(tmp_path / "root.pem")
