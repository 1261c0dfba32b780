"""Who works in an environment now: the programs that were started by its interpreter or lie in it."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Environment


def users_of(prefix: Path) -> tuple[str, ...]:
    """The programs that run from an environment, as ``name (process id)``; 0.1 s. Others' processes may stay unseen."""
    root = os.path.join(os.path.abspath(prefix), "")  # noqa: PTH100, PTH118 - never resolved: a venv's Python is a link
    found: list[str] = []
    for process in psutil.process_iter(["pid", "name", "exe", "cmdline"]):
        told = process.info
        started = (told["cmdline"] or [""])[0]
        if process.pid != os.getpid() and ((told["exe"] or "").startswith(root) or started.startswith(root)):
            found.append(f"{told['name']} ({process.pid})")
    return tuple(found)


def refuse_in_use(environment: Environment) -> None:
    """Raise `Problem` where a program runs from the environment: its files must not change under it."""
    users = users_of(environment.prefix)
    if users:
        raise Problem(
            tr("{name} is in use.", name=environment.name),
            cause=tr("These programs run from it: {programs}.", programs=", ".join(users[:8])),
            cure=tr("Close the programs and trainings that use it, then try again."),
            actions=(Action("retry", tr("Try again")),),
            code="in_use",
        )
