"""Which programs run from an environment now, so that it is not deleted under them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.report import without_secrets
from aienv_gui.core.wording import shortened, tr
from aienv_gui.environments.records import Environment

_ACTIVE: Final = ("VIRTUAL_ENV", "CONDA_PREFIX")
_KNOWN: Final = {"jupyterlab": "JupyterLab", "ipykernel": "Jupyter", "jupyter": "Jupyter"}  # part of a line -> name
_NAMED: Final = 3  # in the sentence; the details name all
_PATIENCE_S: Final = 2.0  # our own looks into an environment are such: they begin and end while the user goes on
_LOOK_S: Final = 0.1


def running_from(prefix: Path) -> Iterator[tuple[int, list[str]]]:
    """Process ids and command lines (their words) of what runs from an environment; 0.1 s for 400 processes.

    Processes of other users that may not be looked at are passed over.
    """
    # The system names programs by their real place, people and scripts by the one they know.
    inside = tuple({_folder(prefix), _folder(os.path.realpath(prefix))})
    for process in psutil.process_iter(["name", "exe", "cmdline"]):
        if process.pid != os.getpid() and _runs_from(process, process.info, inside):
            yield process.pid, process.info["cmdline"] or [process.info["name"] or "?"]


def _folder(path: str | Path) -> str:
    """A folder as what lies in it begins; on Windows letters of either case are the same."""
    return os.path.normcase(str(path)).rstrip(os.sep) + os.sep


def _runs_from(process: psutil.Process, known: Mapping[str, Any], inside: tuple[str, ...]) -> bool:
    # A virtual environment's interpreter is a link: the system names the one behind it. A script's second word is it.
    words = (known["exe"] or "", *(known["cmdline"] or [])[:2])
    if any(os.path.normcase(str(part)).startswith(inside) for part in words):
        return True
    if not str(known["name"] or "").lower().startswith("python"):
        return False
    try:
        variables = process.environ()  # found along the PATH of an activated environment
    except (psutil.Error, OSError):
        return False
    return any(_folder(place) in inside for name in _ACTIVE if (place := variables.get(name)))


def _program(words: list[str]) -> str:
    """What a user calls the program of a command line: whole lines tell them nothing."""
    line = " ".join(words)
    for part, name in _KNOWN.items():
        if part in line:
            return name
    program, rest = Path(words[0]).name, words[1:]
    if program.lower().startswith("python") and rest:
        if rest[0] == "-m" and len(rest) > 1:
            program = rest[1]
        elif not rest[0].startswith("-"):
            program = Path(rest[0]).name
    return shortened(program)


def check_unused(environment: Environment) -> None:
    """Raise `Problem` where programs run from an environment; those of a moment are waited for, two seconds at most."""
    deadline = time.monotonic() + _PATIENCE_S
    while found := list(running_from(environment.prefix)):
        if time.monotonic() > deadline:
            raise _in_use(environment, found)
        time.sleep(_LOOK_S)


def _in_use(environment: Environment, found: list[tuple[int, list[str]]]) -> Problem:
    names = ", ".join(list(dict.fromkeys(_program(words) for _, words in found))[:_NAMED])
    return Problem(
        tr("“{name}” is in use.", name=environment.name),
        cause=tr("Programs run from this environment: {programs}.", programs=names),
        cure=tr("Close them (JupyterLab and trainings of AIEnv: on the page Activity), then try again."),
        actions=(Action("open_page", tr("Show the activities"), "activity"),),
        details=without_secrets("\n".join(f"{pid}  {' '.join(words)}" for pid, words in found)),
        code="in_use",
    )
