"""Ends a program of the user's own: asked politely first, by force only when that is asked for.

A process is known by its number and the moment it was started: the number alone may belong to another one by now.
"""

from __future__ import annotations

import os
import time
from typing import Final

import psutil

from aienv_gui.core.errors import Problem
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr

PATIENCE_S: Final = 10.0
_SAME_S: Final = 0.5  # moments of start are told with rounding


def ask_to_end(pid: int, started: float, reporter: Reporter, *, patience_s: float = PATIENCE_S) -> bool:
    """Ask a program to end and wait for it; False where it is still there after `patience_s` seconds.

    On Windows there is no asking: it ends at once. Raises `Problem` where it may not be ended.
    """
    process = _ours(pid, started)
    return True if process is None else _signal(process, reporter, patience_s, force=False)


def kill(pid: int, started: float, reporter: Reporter, *, patience_s: float = PATIENCE_S) -> bool:
    """End a program by force: what it has not saved is lost. False where even that takes longer than `patience_s`.

    A program that waits for a driver ends when the driver answers. Raises `Problem` where it may not be ended.
    """
    process = _ours(pid, started)
    return True if process is None else _signal(process, reporter, patience_s, force=True)


def _signal(process: psutil.Process, reporter: Reporter, patience_s: float, *, force: bool) -> bool:
    try:
        if force:
            process.kill()
        else:
            process.terminate()
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            reporter.checkpoint()
            try:
                process.wait(0.2)
            except psutil.TimeoutExpired:
                continue
            return True
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied as error:
        raise _refused(process.pid) from error
    return False


def _ours(pid: int, started: float) -> psutil.Process | None:
    """The process, or None where it has ended. Raises `Problem` for one that this user should not end."""
    if pid in (0, 1, os.getpid()) or pid in {parent.pid for parent in psutil.Process().parents()}:
        raise Problem(
            tr("This program is not ended from here."),
            cause=tr("AIEnv itself, or the system, needs it."),
            cure=tr("Close AIEnv in its window."),
            code="own_process",
        )
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - started) > _SAME_S or process.status() == psutil.STATUS_ZOMBIE:
            return None
        if process.username() != psutil.Process().username():
            raise _refused(pid)
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied as error:
        raise _refused(pid) from error
    return process


def _refused(pid: int) -> Problem:
    return Problem(
        tr("The program cannot be ended."),
        cause=tr("Process {pid} belongs to another user.", pid=pid),
        cure=tr("Ask that user, or the administrator of this computer."),
        code="foreign_process",
    )
