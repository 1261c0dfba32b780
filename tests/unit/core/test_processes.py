"""Child processes that do not behave, and those that are found again."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import time

import psutil
import pytest

from aienv_gui.core import processes
from aienv_gui.core.errors import Cancelled

_LEAVES_A_CHILD = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid)\n"
)


def test_a_grandchild_that_keeps_the_streams_open_does_not_keep_the_caller_waiting() -> None:
    began = time.monotonic()
    outcome = processes.run([sys.executable, "-c", _LEAVES_A_CHILD], timeout_s=50)
    left = int(outcome.stdout)
    assert outcome.code == 0
    assert time.monotonic() - began < 30
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(left).wait(10)
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_what_a_killed_leader_of_a_group_leaves_is_ended() -> None:
    waits = "import sys; print(0, flush=True); sys.stdin.read()"
    code = (
        "import sys; from aienv_gui.core.processes import run\n"
        "run([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'], timeout_s=50,"
        " on_line=lambda line: print(line, flush=True), own_group=False)\n"
    )
    started = time.time()
    with (
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            **processes.new_group(),  # type: ignore[call-overload]
        ) as leader,
        subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger,
    ):
        assert leader.stdout.readline().strip() == b"1"
        assert stranger.stdout.readline().strip() == b"0"
        (left,) = psutil.Process(leader.pid).children()
        leader.kill()
        leader.wait()
        assert left.is_running()
        processes.end_group(leader.pid, started)
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert stranger.poll() is None
        stranger.stdin.close()


def test_a_process_is_found_again_by_its_argument_after_the_clock_was_set() -> None:
    me = psutil.Process(os.getpid())
    hours_off = me.create_time() - 7200
    assert processes.is_alive(me.pid, me.create_time())
    assert not processes.is_alive(me.pid, hours_off)
    assert not processes.is_alive(me.pid, hours_off, "an argument it was not started with")
    assert processes.is_alive(me.pid, hours_off, me.cmdline()[-1])


def test_who_gives_up_by_an_exception_leaves_neither_process_nor_stream() -> None:
    """An open stream would be a warning, which fails a test here."""
    children: list[psutil.Process] = []

    def give_up() -> bool:
        children.extend(child for child in psutil.Process().children() if child not in children)
        raise Cancelled

    with pytest.raises(Cancelled):
        processes.run(
            [sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=50, cancelled=give_up, lifeline=True
        )
    assert children
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    gc.collect()
