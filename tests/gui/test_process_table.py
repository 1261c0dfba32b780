"""The programs on the cards: whose they are, and how one's own is ended; with real programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.pages.hardware_parts.process_table import ProcessTable
from aienv_gui.hardware import processes
from aienv_gui.hardware.readings import Driver, DriverState, GpuProcess, Value
from aienv_gui.hardware.readings import Maker as CardMaker
from aienv_gui.training.records import Recipe, Run, RunState, RunSummary, Start
from tests.fakes.session import open_session
from tests.fakes.snapshots import GIB, gpu, snapshot

PATIENCE_MS = 60_000
_SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
_REFUSES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _SLEEPS

Child = subprocess.Popen[str]


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        made.services.navigator.open("hardware")
        yield made


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[Child]:
    command = [sys.executable, "-c", getattr(request, "param", _SLEEPS)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "ready\n"
    yield started
    started.kill()
    started.wait()
    started.stdout.close()


def process_of(child: Child) -> GpuProcess:
    started = psutil.Process(child.pid).create_time()
    return GpuProcess(child.pid, "trainer", "ada", Value(GIB), "compute", ("python",), started=started, own=True)


def table_of(session: Session, *found: GpuProcess) -> ProcessTable:
    page = session.window.page
    assert isinstance(page, HardwarePage)
    session.services.hardware._on_sampled(snapshot(gpu(processes=found)))
    return page.processes


def pick(table: ProcessTable, pid: int) -> None:
    table.table.select(lambda row: row.process.pid == pid)


def owners(table: ProcessTable) -> dict[int, str]:
    return {row.process.pid: str(row.owner.name) if row.owner else "" for row in table.table.rows_model.rows}


def answers(table: ProcessTable) -> dict[str, object]:
    return {button.text(): button for button in table.question._answers}


def test_what_a_process_belongs_to(session: Session, tmp_path: Path) -> None:
    run = RunSummary(tmp_path / "runs/7", "Digits", "image_classification", RunState.STOPPED, 1.0, 1.0)
    prefix = tmp_path / "envs/pictures"
    environment = Environment(prefix, prefix / "bin/python", "pictures", Maker.AIENV, "3.12.1")
    session.services.runs.items = (run,)
    session.services.environments.items = (environment,)
    python = str(prefix / "bin/python")
    base = GpuProcess(1, "python", "ada", Value(GIB), "compute")
    table = table_of(
        session,
        replace(base, pid=11, command=(python, "-I", "engine/__main__.py", "train", str(run.folder))),
        replace(base, pid=12, command=(python, "-m", "ipykernel_launcher", "-f", "x.json")),
        replace(base, pid=13, command=(python, "mine.py")),
        replace(base, pid=14, command=("python", "mine.py"), prefix=str(prefix)),
        replace(base, pid=15, command=("python", "-m", "aienv_gui.hardware.cards.monitor", "1.0")),
        replace(base, pid=16, command=("/usr/bin/python3", "other.py")),
    )
    assert owners(table) == {
        11: "Training Digits",
        12: "Notebook in pictures",
        13: "pictures",
        14: "pictures",
        15: "AIEnv itself",
        16: "",
    }
    opened: list[tuple[str, object]] = []
    session.services.navigator.requested.disconnect()
    session.services.navigator.requested.connect(lambda page, argument: opened.append((page, argument)))
    for pid in (11, 13):
        pick(table, pid)
        table.open_button.click()
    assert opened == [("train", run.folder), ("environments", prefix)]
    pick(table, 16)
    assert table.open_button.isHidden()
    assert table.command.text() == "/usr/bin/python3 other.py"


def test_what_a_training_has_started_anew_belongs_to_it(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers of data that are no copies of the engine are called by other words, in its environment."""
    recipe = Recipe(name="Digits", folder=tmp_path, preset="balanced", architecture="x", settings={})
    start = Start(1, 0, "cuda:0", "", 1, 1, 1, 1, (), {}, {}, 4711)
    run = Run(tmp_path / "runs/7", recipe, RunState.TRAINING, start=start)
    monkeypatch.setattr(type(session.services.runs), "live", (run,))
    reader = GpuProcess(21, "python", "ada", Value(GIB), "compute", ("python", "-c", "spawn_main()"))
    table = table_of(session, replace(reader, parents=(4711, 1)), replace(reader, pid=22, parents=(1,)))
    assert owners(table) == {21: "Training Digits", 22: ""}


def test_the_innermost_environment_is_meant(session: Session, tmp_path: Path) -> None:
    base, inner = tmp_path / "conda", tmp_path / "conda/envs/pictures"
    session.services.environments.items = (
        Environment(base, base / "bin/python", "base", Maker.CONDA, "3.12.1"),
        Environment(inner, inner / "bin/python", "pictures", Maker.CONDA, "3.12.1"),
        Environment(Path("/usr"), Path("/usr/bin/python3"), "System", Maker.SYSTEM, "3.11.2"),
    )
    process = GpuProcess(1, "python", "ada", Value(GIB), "compute")
    table = table_of(
        session,
        replace(process, pid=31, command=(str(inner / "bin/python"), "a.py")),
        replace(process, pid=32, command=(str(base / "bin/python"), "a.py")),
        replace(process, pid=33, command=("/usr/bin/python3.11", "a.py")),
        replace(process, pid=34, command=("/usr/bin/gnome-shell",)),  # lies beside the system's Python only
    )
    assert owners(table) == {31: "pictures", 32: "base", 33: "System", 34: ""}


def test_whose_it_is_may_be_known_later(session: Session, tmp_path: Path) -> None:
    prefix = tmp_path / "envs/pictures"
    process = GpuProcess(41, "python", "ada", Value(GIB), "compute", (str(prefix / "bin/python"), "a.py"))
    table = table_of(session, process)
    pick(table, 41)
    assert table.open_button.isHidden()
    session.services.environments.items = (Environment(prefix, prefix / "bin/python", "pictures", Maker.VENV, "3.12"),)
    session.services.environments.changed.emit()
    table_of(session, process)
    assert not table.open_button.isHidden()


def test_another_program_of_the_same_number_is_not_selected(session: Session) -> None:
    process = GpuProcess(51, "python", "ada", Value(GIB), "compute", started=1000.0, own=True)
    table = table_of(session, process)
    pick(table, 51)
    table_of(session, replace(process, name="other", started=2000.0))
    assert table.picked is None
    assert table.end_button.isHidden()


def test_a_long_command_and_many_columns_fit_the_narrowest_window(qtbot: QtBot, session: Session) -> None:
    command = ("python", "x" * 400)
    process = GpuProcess(61, "python", "ada", Value(GIB), "compute", command, started=1.7e9, own=True)
    table = table_of(session, process)
    page = session.window.page
    pick(table, 61)
    session.window.resize(1600, 1000)
    qtbot.waitUntil(lambda: not table.table.isColumnHidden(10))
    assert table.rest.isHidden()
    session.window.resize(1024, 700)
    qtbot.waitUntil(lambda: table.table.isColumnHidden(10))
    assert "Process: 61" in table.rest.text()
    assert not any(table.table.isColumnHidden(number) for number in (0, 1, 2, 3, 4))
    qtbot.waitUntil(lambda: page.scroll_area.horizontalScrollBar().maximum() == 0)
    qtbot.waitUntil(lambda: table.table.horizontalScrollBar().maximum() == 0)
    assert table.command.text() == " ".join(command)


def test_what_is_missing_is_read_out_with_its_reason(session: Session) -> None:
    table = table_of(session, GpuProcess(71, "python", "", Value(GIB), "compute"))
    model = table.table.model()
    role = Qt.ItemDataRole.AccessibleTextRole
    assert model.index(0, 5).data() == "–"
    assert model.index(0, 5).data(role) == "This card does not report it."
    for column in (7, 8):  # age, user
        assert model.index(0, column).data() == "–"
        assert "another user" in model.index(0, column).data(role)


def test_cards_of_other_makers_are_told_apart(session: Session) -> None:
    process = GpuProcess(81, "python", "ada", Value(GIB), "compute")
    card = gpu(0, uuid="AMD-0", maker=CardMaker.AMD, processes=(replace(process, pid=82),))
    amd = Driver(DriverState.READY, (card,), maker=CardMaker.AMD)
    table = table_of(session, process)
    session.services.hardware._on_sampled(replace(snapshot(gpu(processes=(process,))), others=(amd,)))
    model = table.table.model()
    assert sorted(model.index(row, 2).data() for row in range(2)) == ["0", "AMD 0"]


def test_only_ones_own_programs_can_be_ended(session: Session) -> None:
    base = GpuProcess(1, "python", "root", Value(GIB), "compute", started=1.0)
    table = table_of(
        session,
        replace(base, pid=21),
        replace(base, pid=22, name="", user="", started=None),
        replace(base, pid=23, own=True, command=("python", "-m", "aienv_gui.hardware.cards.monitor")),
        replace(base, pid=24, own=True),
    )
    told = {}
    for pid in (21, 22, 23, 24):
        pick(table, pid)
        told[pid] = (table.end_button.isEnabled(), table.end_button.toolTip())
    assert told[21] == (False, "It belongs to root.")
    assert not told[22][0]
    assert "another user" in told[22][1]
    assert told[23] == (False, "This is AIEnv itself.")
    assert told[24][0]
    pick(table, 21)
    table._on_end()  # as by the keyboard
    assert table.question is None


def test_a_program_is_asked_about_before_it_is_ended(qtbot: QtBot, session: Session, child: Child) -> None:
    table = table_of(session, process_of(child))
    pick(table, child.pid)
    table.end_button.click()
    table.question.no.click()
    assert child.poll() is None
    table.end_button.click()
    qtbot.mouseClick(answers(table)["End program"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: child.poll() is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: table._job is None, timeout=PATIENCE_MS)
    assert table.question is None


@pytest.mark.parametrize("child", [_REFUSES], indirect=True)
def test_force_is_a_question_of_its_own(
    qtbot: QtBot, session: Session, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes.ask_to_end, "__kwdefaults__", {"patience_s": 0.5})
    table = table_of(session, process_of(child))
    pick(table, child.pid)
    table.end_button.click()
    qtbot.mouseClick(answers(table)["End program"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: table.question is not None and "End by force" in answers(table), timeout=PATIENCE_MS)
    assert child.poll() is None
    qtbot.mouseClick(answers(table)["End by force"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: child.poll() is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: table._job is None, timeout=PATIENCE_MS)


def test_for_a_training_its_own_page_is_offered(session: Session, tmp_path: Path, child: Child) -> None:
    run = RunSummary(tmp_path / "runs/7", "Digits", "image_classification", RunState.STOPPED, 1.0, 1.0)
    session.services.runs.items = (run,)
    table = table_of(session, replace(process_of(child), command=("python", "train", str(run.folder))))
    pick(table, child.pid)
    table.end_button.click()
    assert list(answers(table)) == ["Open the training", "End program"]
    table.question.no.click()


def test_a_refusal_is_told_where_it_was_asked(qtbot: QtBot, session: Session) -> None:
    us = psutil.Process()
    table = table_of(session, GpuProcess(us.pid, "me", "", Value(GIB), "compute", started=us.create_time(), own=True))
    pick(table, us.pid)
    table.end_button.click()
    qtbot.mouseClick(answers(table)["End program"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(table.problem.isVisible, timeout=PATIENCE_MS)
