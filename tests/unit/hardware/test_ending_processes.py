"""Programs of one's own are asked to end, then ended by force; nobody else's ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.tasks import Silent
from aienv_gui.hardware import processes

_SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
_REFUSES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _SLEEPS

Child = subprocess.Popen[str]


def start(program: str) -> Child:
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[Child]:
    started = start(getattr(request, "param", _SLEEPS))
    yield started
    started.kill()
    started.wait()
    started.stdout.close()


def when(child: Child) -> float:
    return psutil.Process(child.pid).create_time()


def test_a_program_is_asked_to_end(child: Child) -> None:
    assert processes.ask_to_end(child.pid, when(child), Silent(), patience_s=60)
    assert not psutil.pid_exists(child.pid)  # psutil has taken its exit code


@pytest.mark.parametrize("child", [_REFUSES], indirect=True)
def test_one_that_does_not_want_to_is_ended_by_force_only(child: Child) -> None:
    assert not processes.ask_to_end(child.pid, when(child), Silent(), patience_s=0.5)
    assert child.poll() is None
    assert processes.kill(child.pid, when(child), Silent(), patience_s=60)
    assert not psutil.pid_exists(child.pid)


def test_another_program_with_the_same_number_is_left_alone(child: Child) -> None:
    assert processes.ask_to_end(child.pid, when(child) - 3600, Silent())  # the one that was meant has ended
    assert processes.kill(child.pid, when(child) + 3600, Silent())
    assert child.poll() is None


def test_one_that_has_ended_is_no_error() -> None:
    child = start("print('ready', flush=True)")
    child.wait()
    child.stdout.close()
    assert processes.ask_to_end(child.pid, 1.0, Silent())


@pytest.mark.parametrize("pid", [0, 1, os.getpid(), os.getppid()], ids=["none", "first", "ours", "parent"])
def test_what_aienv_needs_is_not_ended(pid: int) -> None:
    for end in (processes.ask_to_end, processes.kill):
        with pytest.raises(Problem) as caught:
            end(pid, 1.0, Silent())
        assert caught.value.code == "own_process"


@pytest.mark.parametrize("child", [_REFUSES], indirect=True)
def test_waiting_can_be_cancelled(child: Child) -> None:
    class Impatient(Silent):
        def checkpoint(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        processes.ask_to_end(child.pid, when(child), Impatient(), patience_s=60)


if hasattr(os, "geteuid") and os.geteuid() == 0:  # only the administrator can start another user's program

    def test_another_users_program_is_never_ended() -> None:
        sleeper = shutil.which("sleep")
        assert sleeper is not None
        child = subprocess.Popen([sleeper, "600"], user=65534, stdout=subprocess.PIPE, text=True)
        try:
            for end in (processes.ask_to_end, processes.kill):
                with pytest.raises(Problem) as caught:
                    end(child.pid, when(child), Silent())
                assert caught.value.code == "foreign_process"
            assert child.poll() is None
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
