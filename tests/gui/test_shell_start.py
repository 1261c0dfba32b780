"""The real program: starts, ends, starts twice, and what nobody caught."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QTimer, Signal, Slot, qWarning
from pytestqt.qtbot import QtBot

from aienv_gui.core.processes import clean_environment
from aienv_gui.core.storage import Folders
from aienv_gui.gui.crash_hooks import CrashHooks
from aienv_gui.gui.presenter import Presenter
from aienv_gui.gui.services import Navigator
from aienv_gui.gui.single_instance import SingleInstance
from tests.conftest import LogWatch
from tests.fakes.session import open_session

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 60


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "aienv_gui", *arguments]


def _environment() -> dict[str, str]:
    return clean_environment({"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(_ROOT)})


def _log(home: Path) -> str:
    file = home / "logs" / "aienv.log"
    return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program with its window open, and a home of its own."""
    home = tmp_path / "home with a space"
    process = subprocess.Popen(_command("--home", str(home)), env=_environment(), cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + _PATIENCE_S
    while "started" not in _log(home):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def test_the_version_is_said_without_a_window(tmp_path: Path) -> None:
    done = subprocess.run(
        _command("--version"), env=_environment(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("AIEnv 0.")


if sys.platform.startswith("linux"):

    def test_without_a_screen_it_says_so(tmp_path: Path) -> None:
        environment = {k: v for k, v in _environment().items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        del environment["QT_QPA_PLATFORM"]
        command = _command("--home", str(tmp_path))
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "There is no screen" in done.stderr
        assert "Traceback" not in done.stderr


if sys.platform != "win32":  # Windows has no polite signal to another process

    @pytest.mark.slow
    def test_ctrl_c_ends_it_cleanly(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=_PATIENCE_S)
        assert running.returncode == 0
        assert b"Traceback" not in errors
        assert "ERROR" not in _log(tmp_path / "home with a space")

    @pytest.mark.slow
    def test_a_polite_kill_asks_no_question_while_something_runs(tmp_path: Path) -> None:
        code = (
            "import os, signal, sys, time\n"
            "from aienv_gui import __main__ as program\n"
            "from aienv_gui.core.wording import tr\n"
            "def work(reporter):\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "    while True:\n"
            "        reporter.checkpoint()\n"
            "        time.sleep(0.05)\n"
            "begin = program.Session._begin\n"
            "def begin_with_work(session):\n"
            "    begin(session)\n"
            "    session.services.jobs.start(tr('Close'), work)\n"
            "program.Session._begin = begin_with_work\n"
            "sys.exit(program.main(['--home', sys.argv[1]]))\n"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "home")]
        done = subprocess.run(command, env=_environment(), cwd=tmp_path, timeout=_PATIENCE_S, check=False)
        assert done.returncode == 0


def test_a_home_that_cannot_be_used_is_told_once_at_the_start(qtbot: QtBot, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder", encoding="utf-8")
    with open_session(qtbot, Folders.under(home)) as session:
        presenter = session.services.presenter
        qtbot.waitUntil(lambda: presenter.last is not None)
        assert presenter.last is not None
        assert presenter.last.code == "home_unusable"
        assert str(home) in str(presenter.last.cause)
        assert "--home" in str(presenter.last.cure)
        environments, runs = session.services.environments, session.services.runs
        qtbot.waitUntil(lambda: environments.loaded and runs.loaded and not environments.busy)
        assert environments.problem is None


@pytest.mark.slow
def test_a_second_start_raises_the_first_and_ends(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    home = tmp_path / "home with a space"
    second = subprocess.run(
        _command("--home", str(home)), env=_environment(), cwd=tmp_path, timeout=_PATIENCE_S, check=False
    )
    assert second.returncode == 0
    assert running.poll() is None
    assert _log(home).count("started") == 1
    assert "asked to come forward" in _log(home)


@pytest.mark.slow
def test_nothing_heavy_is_imported_at_the_start(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from aienv_gui.__main__ import Session\n"
        "from aienv_gui.core.storage import Folders\n"
        "from pathlib import Path\n"
        "application = QApplication([])\n"
        "session = Session(application, Folders.under(Path('home')), look=False)\n"
        "session.window.show()\n"
        "application.sendPostedEvents()\n"
        "print(json.dumps(sorted(sys.modules)))\n"
        "session.end()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=_environment(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert (
        loaded & {"torch", "rattler", "requests", "yaml", "pyqtgraph", "pynvml", "PIL", "aienv_gui.gui.pages.train"}
        == set()
    )


def test_the_second_claim_is_refused_and_answered(qtbot: QtBot, folders: Folders) -> None:
    first = SingleInstance(folders)
    assert first.claim()
    # A process of its own: waiting for the answer holds Python's lock, so a thread of this one would wait for itself.
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from PySide6.QtCore import QCoreApplication\n"
        "from aienv_gui.core.storage import Folders\n"
        "from aienv_gui.gui.single_instance import SingleInstance\n"
        "application = QCoreApplication([])\n"
        "second = SingleInstance(Folders.under(Path(sys.argv[1])))\n"
        "sys.exit(0 if second.claim() else 10 + second.answered)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folders.config.parent)], env=_environment())
    with qtbot.waitSignal(first.raise_requested, timeout=_PATIENCE_S * 1000):
        pass
    assert process.wait(_PATIENCE_S) == 11
    first.release()
    third = SingleInstance(folders)
    assert third.claim()
    third.release()


def test_a_second_start_waits_for_a_first_that_is_only_starting(qtbot: QtBot, folders: Folders) -> None:
    first = SingleInstance(folders)
    assert first.claim()
    server = first._server
    assert server is not None
    name = server.serverName()
    server.close()
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from PySide6.QtCore import QCoreApplication\n"
        "from aienv_gui.core.storage import Folders\n"
        "from aienv_gui.gui import single_instance\n"
        "class Telling:\n"
        "    sleep = single_instance.QThread.msleep\n"
        "    @classmethod\n"
        "    def msleep(cls, ms):\n"
        "        print('asked in vain', flush=True)\n"
        "        cls.sleep(ms)\n"
        "single_instance.QThread = Telling\n"
        "application = QCoreApplication([])\n"
        "second = single_instance.SingleInstance(Folders.under(Path(sys.argv[1])))\n"
        "sys.exit(0 if second.claim() else 10 + second.answered)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folders.config.parent)], env=clean_environment(), stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout as said:
        assert said.readline().strip() == b"asked in vain"
        assert child.poll() is None
        assert server.listen(name)
        qtbot.waitUntil(lambda: child.poll() is not None, timeout=20_000)
    assert child.returncode == 11
    first.release()


def test_a_first_that_does_not_answer_is_told_apart(
    qtbot: QtBot, folders: Folders, monkeypatch: pytest.MonkeyPatch, expected_logs: LogWatch
) -> None:
    expected_logs.expect("does not answer")
    first, second = SingleInstance(folders), SingleInstance(folders)
    assert first.claim()
    assert first._server is not None
    first._server.close()
    assert not second.claim()
    assert not second.answered
    first.release()


def test_another_home_is_another_program(qtbot: QtBot, tmp_path: Path) -> None:
    one, two = (SingleInstance(Folders.under(tmp_path / name)) for name in ("one", "two"))
    assert one.claim()
    assert two.claim()
    one.release()
    two.release()


if sys.platform != "win32":

    def test_a_signal_before_the_event_loop_is_not_forgotten(tmp_path: Path) -> None:
        code = (
            "import os, signal\n"
            "from PySide6.QtCore import QCoreApplication\n"
            "from aienv_gui.gui.crash_hooks import TerminalSignals\n"
            "application = QCoreApplication([])\n"
            "signals = TerminalSignals(application)\n"
            "os.kill(os.getpid(), signal.SIGINT)\n"
            "raise SystemExit(application.exec())\n"
        )
        command = [sys.executable, "-c", code]
        assert (
            subprocess.run(command, env=_environment(), cwd=tmp_path, timeout=_PATIENCE_S, check=False).returncode == 0
        )


class Thrower(QObject):
    thrown = Signal()

    @Slot()
    def throw(self) -> None:
        raise ZeroDivisionError("in a slot")


@pytest.fixture
def hooks(qtbot: QtBot, folders: Folders) -> Iterator[CrashHooks]:
    presenter = Presenter(folders, Navigator())
    made = CrashHooks(presenter)
    made.install()
    yield made
    made.remove()
    if presenter._dialog is not None:
        presenter._dialog.accept()
    presenter.deleteLater()


def _caught(qtbot: QtBot, hooks: CrashHooks) -> str:
    presenter = hooks._presenter
    qtbot.waitUntil(lambda: presenter.last is not None)
    assert presenter.last is not None
    assert presenter._dialog is not None
    return presenter.report(presenter.last)


def test_an_exception_in_a_slot_reaches_the_presenter(qtbot: QtBot, hooks: CrashHooks, expected_logs: LogWatch) -> None:
    expected_logs.expect("ERROR .*crash_hooks: unexpected")
    thrower = Thrower()
    thrower.thrown.connect(thrower.throw)
    QTimer.singleShot(0, thrower.thrown.emit)
    assert "ZeroDivisionError: in a slot" in _caught(qtbot, hooks)


def test_an_exception_in_a_thread_reaches_the_presenter(
    qtbot: QtBot, hooks: CrashHooks, expected_logs: LogWatch
) -> None:
    expected_logs.expect("ERROR .*crash_hooks: unexpected")
    thread = threading.Thread(target=Thrower().throw)
    thread.start()
    thread.join()
    assert "ZeroDivisionError: in a slot" in _caught(qtbot, hooks)


def test_an_exception_in_a_destructor_is_logged_only(qtbot: QtBot, hooks: CrashHooks, expected_logs: LogWatch) -> None:
    class Bad:
        def __del__(self) -> None:
            raise ZeroDivisionError("in a destructor")

    expected_logs.expect("ERROR .*crash_hooks: ignored in .*__del__")
    bad = Bad()
    del bad
    gc.collect()
    assert hooks._presenter.last is None


def test_qts_own_messages_are_logged(qtbot: QtBot, hooks: CrashHooks, expected_logs: LogWatch) -> None:
    expected_logs.expect("WARNING qt: default: a warning of Qt")
    qWarning("a warning of Qt")


def test_what_was_hooked_before_comes_back(qtbot: QtBot, folders: Folders) -> None:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    presenter = Presenter(folders, Navigator())
    hooks = CrashHooks(presenter)
    hooks.install()
    assert sys.excepthook is not before[0]
    hooks.remove()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_a_damaged_settings_file_is_said_in_the_window(qtbot: QtBot, folders: Folders) -> None:
    folders.config.mkdir(parents=True)
    folders.settings_file.write_text("{", encoding="utf-8")
    with open_session(qtbot, folders) as session:
        presenter = session.services.presenter
        qtbot.waitUntil(lambda: presenter.last is not None)
        assert presenter.last is not None
        assert presenter.last.code == "settings_damaged"
        assert presenter._dialog is not None
        presenter._dialog.accept()
