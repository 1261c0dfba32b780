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
from aienv_gui.hardware.readings import GpuProcess, Value
from aienv_gui.training.records import RunState, RunSummary
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
