"""The list of environments at the start, and Jupyter's kernels that point nowhere, in the real window."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.environments.discovery import found_before, look
from aienv_gui.environments.discovery.found_before import Seen
from aienv_gui.environments.records import Environment, Maker, Package
from aienv_gui.gui.pages.environments import EnvironmentsPage
from aienv_gui.gui.widgets.confirm import Question
from aienv_gui.gui.widgets.environment_rows import MAKER_WORDS
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import PATIENCE_MS


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    return tmp_path / "jupyter" / "kernels"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A look at the machine does not go on before this is set."""
    gate = threading.Event()
    real = look.discover_kept

    def waiting(known: tuple[Seen, ...], folders: Folders, reporter: Reporter) -> tuple[Environment, ...]:
        assert gate.wait(60)
        return real(known, folders, reporter)

    monkeypatch.setattr(look, "discover_kept", waiting)
    yield gate
    gate.set()


def environment(folder: Path, name: str, maker: Maker = Maker.UV) -> Environment:
    packages = tuple(Package(f"package{number}", "1.0") for number in range(60))
    return Environment(folder / name, folder / name / "bin" / "python", name, maker, "3.11.4", packages)


def page_of(session: Session) -> EnvironmentsPage:
    session.services.navigator.open("environments")
    page = session.window.page
    assert isinstance(page, EnvironmentsPage)
    return page


def shown(page: EnvironmentsPage) -> list[str]:
    model = page.rows.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def visible_words(page: EnvironmentsPage) -> list[str]:
    return [label.text() for label in page.findChildren(QLabel) if label.isVisible()]


def test_a_hundred_known_ones_are_painted_before_the_look_ends(
    qtbot: QtBot, folders: Folders, tmp_path: Path, gate: threading.Event
) -> None:
    makers = [maker for maker in Maker if maker not in (Maker.BUILT_IN, Maker.AIENV)]
    known = [environment(tmp_path / "gone", f"env{n:03}", makers[n % len(makers)]) for n in range(100)]
    found_before.write([Seen(each, {}) for each in known], folders)
    with open_session(qtbot, folders) as session:
        environments = session.services.environments
        page = page_of(session)
        qtbot.waitUntil(lambda: len(shown(page)) == 100, timeout=PATIENCE_MS)
        assert environments.stale
        assert not environments.loaded  # nobody may conclude that something is not there
        assert any("As last seen" in text for text in visible_words(page))
        assert page.details.environment is not None
        assert page.rows.grab().toImage().width() > 100  # every maker has its words
        page.rows.scrollToBottom()
        page.rows.grab()
        gate.set()
        qtbot.waitUntil(lambda: environments.loaded, timeout=PATIENCE_MS)
        assert not environments.stale
        assert not any(name.startswith("env0") for name in shown(page))
        assert not any("As last seen" in text for text in visible_words(page))


def test_without_a_kept_list_the_page_says_that_it_looks(qtbot: QtBot, folders: Folders, gate: threading.Event) -> None:
    with open_session(qtbot, folders) as session:
        page = page_of(session)
        assert not session.services.environments.stale
        assert any("Looking for environments" in text for text in visible_words(page))
        assert not any("As last seen" in text for text in visible_words(page))
        gate.set()
        qtbot.waitUntil(lambda: session.services.environments.loaded, timeout=PATIENCE_MS)
        assert shown(page)[0] == "AIEnv"


def test_what_one_session_found_the_next_one_shows(qtbot: QtBot, folders: Folders) -> None:
    with open_session(qtbot, folders) as session:
        qtbot.waitUntil(lambda: session.services.environments.loaded, timeout=PATIENCE_MS)
        found = session.services.environments.items
    assert tuple(seen.environment for seen in found_before.read(folders)) == found


def test_every_maker_has_words() -> None:
    assert set(MAKER_WORDS) == set(Maker)


def test_an_environment_is_found_by_its_project(qtbot: QtBot, folders: Folders, gate: threading.Event) -> None:
    poetry = replace(environment(Path("/cache"), "cats-AbC-py3.11", Maker.POETRY), project=Path("/code/whiskers"))
    found_before.write([Seen(poetry, {}), Seen(environment(Path("/cache"), "dogs"), {})], folders)
    with open_session(qtbot, folders) as session:
        page = page_of(session)
        qtbot.waitUntil(lambda: len(shown(page)) == 2, timeout=PATIENCE_MS)
        page.filter.setText("whiskers")
        assert shown(page) == ["cats-AbC-py3.11"]
        tip = page.rows.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
        assert tip.splitlines()[-1] == str(Path("/code/whiskers"))
        gate.set()


def kernel(kernels: Path, name: str, program: str) -> Path:
    folder = kernels / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(
        json.dumps({"argv": [program, "-m", "ipykernel_launcher"], "display_name": name.title()}), encoding="utf-8"
    )
    return folder


def test_a_kernel_that_points_nowhere_is_shown_removed_and_put_back(
    qtbot: QtBot, folders: Folders, kernels: Path
) -> None:
    lost = kernel(kernels, "lost", "/no/such/bin/python")
    other = kernel(kernels, "other", str(Path(shutil.which("sh") or sys.executable)))
    with open_session(qtbot, folders) as session:
        page = page_of(session)
        qtbot.waitUntil(page.kernels_link.isVisible, timeout=PATIENCE_MS)
        assert page.kernels_link.text() == "1 Jupyter kernel points nowhere"
        qtbot.mouseClick(page.kernels_link, Qt.MouseButton.LeftButton)
        view = page.lost_kernels
        assert view.isVisible()
        assert page.rows.current is None
        assert [card.kernel.folder for card in view.cards] == [lost]
        words = "\n".join(visible_words(page))
        assert "/no/such/bin/python" in words
        assert str(lost) in words

        qtbot.mouseClick(view.cards[0].remove, Qt.MouseButton.LeftButton)
        question = page.findChild(Question)
        assert question is not None
        assert lost.is_dir()  # asked first
        yes = next(button for button in question.findChildren(type(view.cards[0].remove)) if button.text() == "Remove")
        qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: bool(view.removed_cards), timeout=PATIENCE_MS)
        assert not lost.exists()
        assert other.is_dir()
        qtbot.waitUntil(lambda: not session.services.environments.busy, timeout=PATIENCE_MS)
        assert not page.kernels_link.isVisible()
        assert view.isVisible()  # the way back stays in sight

        qtbot.mouseClick(view.removed_cards[0].undo, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: lost.is_dir() and not view.removed_cards, timeout=PATIENCE_MS)
        qtbot.waitUntil(page.kernels_link.isVisible, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: not session.services.environments.busy, timeout=PATIENCE_MS)
        assert [card.kernel.folder for card in view.cards] == [lost]
        page.rows.select_first()
        assert page.details.isVisible()


def test_a_kernel_of_others_is_left_alone(
    qtbot: QtBot, folders: Folders, kernels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "shared"))
    kernel(tmp_path / "shared" / "kernels", "theirs", "/no/such/bin/python")
    with open_session(qtbot, folders) as session:
        page = page_of(session)
        qtbot.waitUntil(page.kernels_link.isVisible, timeout=PATIENCE_MS)
        qtbot.mouseClick(page.kernels_link, Qt.MouseButton.LeftButton)
        card = page.lost_kernels.cards[0]
        assert not card.remove.isVisible()
        assert any("not in your own folder" in text for text in visible_words(page))
