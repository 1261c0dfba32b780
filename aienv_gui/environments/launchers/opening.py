"""Opens an environment in an editor or in a terminal: programs of the user's, which go on without us."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.processes import start_detached
from aienv_gui.core.storage import Folders, write_atomic
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.launchers import activation
from aienv_gui.environments.launchers.programs import Editor, find_editor, find_terminal
from aienv_gui.environments.records import Environment

_LOOK_S: Final = 1.0  # how long a program may take to say that it cannot start
_POLL_S: Final = 0.05
_SHELLS: Final = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Opened:
    """A program that was started: what to tell, and its process, which someone must keep until it has ended."""

    text: Text
    process: subprocess.Popen[bytes]


def open_in_editor(
    editor: Editor, environment: Environment, folder: Path, folders: Folders, reporter: Reporter
) -> Opened:
    """Open `folder` in an editor, with the environment's interpreter where the editor lets itself be told.

    Blocks for at most two seconds. Raises `Problem` where the editor is not found or does not start.
    """
    program = find_editor(editor)
    reporter.checkpoint()
    if editor is Editor.VS_CODE:
        target = _workspace(environment, folder, folders)
        text = tr("{program} opens {folder} with this environment's Python.", program=editor.value, folder=folder)
    else:
        target = folder
        text = tr(
            "PyCharm opens {folder}. To use this environment there: at the lower right, click the interpreter, then "
            "“Add New Interpreter”, “Add Local Interpreter”, “Select existing”, and paste the path of its Python. It "
            "has been copied: {python}",
            folder=folder,
            python=environment.python,
        )
    process = _start((*program.command, str(target)), activation.user_variables(), folder, program.place)
    return Opened(text, process)


def open_terminal(environment: Environment, folders: Folders, reporter: Reporter) -> Opened:
    """Open a terminal in which the environment is active, in the user's shell. As `open_in_editor`."""
    place = _own_folder(environment, folders)
    reporter.checkpoint()
    if sys.platform == "win32":
        process = _windows_terminal(environment, place)
    elif sys.platform == "darwin":
        process = _mac_terminal(environment, place)
    else:
        terminal = find_terminal()
        words = _shell(environment, place)
        command = (*terminal.command, shlex.join(words)) if terminal.as_text else (*terminal.command, *words)
        process = _start(command, activation.user_variables(), Path.home(), Path(terminal.command[0]).name)
    return Opened(tr("A terminal opens in which {name} is active.", name=environment.name), process)


def _own_folder(environment: Environment, folders: Folders, *more: Path) -> Path:
    """Where we write what a program reads: of plain letters, one for each environment (and what else it is for)."""
    parts = "\0".join(str(part) for part in (environment.prefix, *more))
    key = hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return folders.data / "opened" / key


def _workspace(environment: Environment, folder: Path, folders: Folders) -> Path:
    """A workspace file of ours that names the folder and the interpreter: the user's own settings stay as they are."""
    content = {
        "folders": [{"path": str(folder)}],
        "settings": {
            "python.defaultInterpreterPath": str(environment.python),
            "python.terminal.activateEnvironment": True,
        },
        "extensions": {"recommendations": ["ms-python.python"]},  # what reads these settings
    }
    path = _own_folder(environment, folders, folder) / f"{activation.label(environment)}.code-workspace"
    write_atomic(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def _shell(environment: Environment, place: Path) -> list[str]:
    """The user's shell with its file for this environment, as the words of a command."""
    shell = _users_shell()
    name = Path(shell).name
    if name == "zsh":
        for file, content in activation.zsh_files(environment).items():
            write_atomic(place / file, content)
        return ["env", f"ZDOTDIR={place}", shell, "-i"]
    if name == "fish":
        write_atomic(place / "activate.fish", activation.fish_file(environment))
        return ["env", f"AIENV_ACTIVATE={place / 'activate.fish'}", shell, "-i", "-C", "source $AIENV_ACTIVATE"]
    if name == "bash":
        write_atomic(place / "activate.bash", activation.bash_file(environment))
        return [shell, "--rcfile", str(place / "activate.bash"), "-i"]
    write_atomic(place / "activate.sh", activation.sh_file(environment))
    return ["env", f"ENV={place / 'activate.sh'}", shell, "-i"]


def _users_shell() -> str:
    shell = os.environ.get("SHELL", "")
    if Path(shell).name in _SHELLS and shutil.which(shell):
        return shell
    return shutil.which("bash") or "/bin/sh"


def _mac_terminal(environment: Environment, place: Path) -> subprocess.Popen[bytes]:
    """Terminal runs a file whose name ends in .command; it starts the user's shell."""
    file = place / f"{activation.label(environment)}.command"
    write_atomic(file, f"#!/bin/sh\nexec {shlex.join(_shell(environment, place))}\n")
    file.chmod(0o700)
    return _start(("open", "-a", "Terminal", str(file)), activation.user_variables(), place, "Terminal")


def _windows_terminal(environment: Environment, place: Path) -> subprocess.Popen[bytes]:
    """Windows Terminal where it is there, else the console. The file's name is plain and its folder the current one.

    So nothing stands in the command line that one of the two shells would read as its own sign.
    """
    write_atomic(place / "activate.cmd", activation.cmd_file(environment))
    command = ("cmd.exe", "/K", "activate.cmd")
    terminal = shutil.which("wt.exe")
    if terminal is not None:
        return _start((terminal, "-d", ".", *command), activation.user_variables(), place, "Windows Terminal")
    return subprocess.Popen(
        command,
        env=activation.user_variables(),
        cwd=place,
        creationflags=getattr(subprocess, "CREATE_NEW_CONSOLE", 0),
    )


def _start(command: Sequence[str], environment: Mapping[str, str], folder: Path, name: str) -> subprocess.Popen[bytes]:
    """Start a program that goes on without us, and look whether it says at once that it cannot."""
    try:
        with Path(os.devnull).open("ab") as output:
            process = start_detached(command, environment=environment, folder=folder, output=output)
    except OSError as error:
        raise _not_started(name, folder, error.strerror or str(error)) from error
    until = time.monotonic() + _LOOK_S
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(_POLL_S)
            if code != 0:
                raise _not_started(name, folder, str(tr("it ended with code {code}", code=code)))
            break
    return process


def _not_started(name: str, folder: Path, reason: str) -> Problem:
    return Problem(
        tr("{program} could not be started.", program=name),
        cause=tr("Started for {folder}, it said: {reason}.", folder=folder, reason=reason),
        cure=tr("Start it by hand once: it then says itself what it lacks."),
        code="not_started",
    )
