"""The Jupyter kernels of this machine: which environment each starts, and those that point nowhere.

A kernel is a folder with a ``kernel.json`` that says which program to start. Reads them and takes them away; nothing is
started. `remove` moves a folder aside, `put_back` brings it back.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import replace, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.discovery.foreign_files import is_file, is_there, one_line, read_text
from aienv_gui.environments.records import Environment

_DESCRIPTION: Final = "kernel.json"
_LIMIT: Final = 1 << 16
_REMOVED: Final = ".removed-by-aienv"  # Jupyter passes over what has no kernel.json
_BARE: Final = {"python", "python3", "python.exe", "python3.exe"}


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that Jupyter offers. Its identity is `folder`."""

    folder: Path
    title: str  # what Jupyter shows
    program: str  # what it starts
    environment: Path | None = None  # the prefix of the environment it starts, where one of ours is known
    fault: Text | None = None  # why it cannot start, where it cannot
    removable: bool = False  # it lies in this user's own folder


@dataclass(frozen=True, slots=True)
class RemovedKernel:
    """A kernel that was taken away, and where it is kept."""

    kernel: Kernel
    kept: Path


def kernels(environments: Sequence[Environment], reporter: Reporter) -> tuple[Kernel, ...]:
    """Every kernel of the user, of the system and in the environments. Reads small files; never raises but `Cancelled`.

    Where two have the same name Jupyter takes the first, as here.
    """
    own = user_folders()
    by_prefix = {os.path.normcase(environment.prefix): environment for environment in environments}
    found: list[Kernel] = []
    for store in dict.fromkeys((*own, *_shared_folders())):
        for folder in _in(store):
            reporter.checkpoint()
            found.append(_read(folder, None, by_prefix, removable=store in own))
    for environment in environments:
        for folder in _in(environment.prefix / "share" / "jupyter" / "kernels"):
            reporter.checkpoint()
            found.append(_read(folder, environment, by_prefix, removable=False))
    return tuple({kernel.folder: kernel for kernel in reversed(found)}.values())[::-1]


def lost_kernels(environments: Sequence[Environment], reporter: Reporter) -> tuple[Kernel, ...]:
    """The kernels that point nowhere."""
    return tuple(kernel for kernel in kernels(environments, reporter) if kernel.fault is not None)


def user_folders() -> tuple[Path, ...]:
    """Where this user's own kernels lie."""
    return jupyter_folder() / "kernels", Path.home() / ".ipython" / "kernels"


def jupyter_folder() -> Path:
    """The user's Jupyter data folder, as Jupyter itself finds it."""
    named = os.environ.get("JUPYTER_DATA_DIR")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Jupyter"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "jupyter"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "jupyter"


def _shared_folders() -> Iterator[Path]:
    for entry in os.environ.get("JUPYTER_PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry) / "kernels"
    if sys.platform == "win32":
        yield Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "jupyter" / "kernels"
    else:
        yield Path("/usr/local/share/jupyter/kernels")
        yield Path("/usr/share/jupyter/kernels")


def _in(store: Path) -> list[Path]:
    """The kernels' folders in a store, links to such among them."""
    try:
        names = sorted(os.listdir(store))  # noqa: PTH208 - Path's own may raise in the middle
    except OSError:
        return []
    return [store / name for name in names if is_there(store / name / _DESCRIPTION)]


def _read(folder: Path, holder: Environment | None, by_prefix: Mapping[str, Environment], *, removable: bool) -> Kernel:
    title, command = one_line(folder.name), [""]
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        data = json.loads(read_text(folder / _DESCRIPTION, _LIMIT))
        command = [str(part) for part in data["argv"]]
        title = one_line(str(data.get("display_name") or "")) or title
    program = command[0] if command else ""
    if not program or "\0" in program:
        return Kernel(
            folder, title, "", fault=tr("Its description {file} is damaged.", file=_DESCRIPTION), removable=removable
        )
    environment = holder if program in _BARE and holder is not None else _started(program, by_prefix)
    return Kernel(
        folder=folder,
        title=title,
        program=program,
        environment=environment.prefix if environment is not None else None,
        fault=_fault(folder, program, command, environment),
        removable=removable,
    )


def _started(program: str, by_prefix: Mapping[str, Environment]) -> Environment | None:
    """The environment a program lies in. The program is not resolved: in a venv it is a link out of it."""
    path = Path(program)
    if not path.is_absolute() or not path.name.lower().startswith(("python", "pypy")):
        return None
    for prefix in (path.parent.parent, path.parent):  # on Windows conda's lies at the top
        for name in (str(prefix), os.path.realpath(prefix)):
            found = by_prefix.get(os.path.normcase(name))
            if found is not None:
                return found
    return None


def _fault(folder: Path, program: str, command: Sequence[str], environment: Environment | None) -> Text | None:
    shown = one_line(program)
    if program in _BARE and environment is not None:
        pass
    elif os.path.isabs(program) or "/" in program or "{" in program:  # noqa: PTH117
        place = program.replace("{resource_dir}", str(folder))
        if not is_file(place):
            return tr("The program it starts is not there: {program}.", program=shown)
    elif shutil.which(program) is None:
        return tr("The command it starts is not on this computer: {program}.", program=shown)
    if environment is None:
        return None
    if environment.broken is not None:
        return tr("The environment “{name}” that it starts cannot be used.", name=environment.name)
    if "ipykernel_launcher" in command and environment.version_of("ipykernel") is None:
        return tr("The package ipykernel is not in its environment “{name}”.", name=environment.name)
    return None


# Removing


def remove(kernel: Kernel, reporter: Reporter) -> RemovedKernel:
    """Take a kernel away from Jupyter: its folder is moved beside, where `put_back` finds it.

    Raises `Problem` where it is not this user's own, is gone or may not be moved.
    """
    reporter.checkpoint()
    if not kernel.removable or kernel.folder.parent not in user_folders():
        raise Problem(
            tr("The kernel “{name}” was not removed.", name=kernel.title),
            cause=tr("It does not lie in your own folder, but in {folder}.", folder=str(kernel.folder.parent)),
            cure=tr("Ask whoever made it, or the owner of that folder, to remove it."),
            code="not_own_kernel",
        )
    kept = kernel.folder.parent / _REMOVED / f"{kernel.folder.name}-{time.time_ns()}"
    _move(kernel.folder, kept)
    return RemovedKernel(kernel, kept)


def put_back(removed: RemovedKernel, reporter: Reporter) -> Kernel:
    """Undo `remove`. Raises `Problem` where another kernel has its place now."""
    reporter.checkpoint()
    if os.path.lexists(removed.kernel.folder):
        raise Problem(
            tr("The kernel “{name}” was not put back.", name=removed.kernel.title),
            cause=tr("Another kernel is there now: {folder}.", folder=str(removed.kernel.folder)),
            cure=tr("Remove the other one first. The former one is kept in {folder}.", folder=str(removed.kept)),
            code="kernel_there",
        )
    _move(removed.kept, removed.kernel.folder)
    return removed.kernel


def _move(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
        replace(source, target)
    except OSError as error:
        raise writing_failed(error, source) from error
