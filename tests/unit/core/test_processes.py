"""Child processes that do not behave, and those that are found again."""

from __future__ import annotations

import contextlib
import os
import sys
import time

import psutil

from aienv_gui.core import processes

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


def test_a_process_is_found_again_by_its_argument_after_the_clock_was_set() -> None:
    me = psutil.Process(os.getpid())
    hours_off = me.create_time() - 7200
    assert processes.is_alive(me.pid, me.create_time())
    assert not processes.is_alive(me.pid, hours_off)
    assert not processes.is_alive(me.pid, hours_off, "an argument it was not started with")
    assert processes.is_alive(me.pid, hours_off, me.cmdline()[-1])
