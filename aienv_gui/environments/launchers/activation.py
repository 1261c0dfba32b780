"""What makes an environment the active one: variables for a program, and a file for each shell.

The environment's name and place come from anywhere: in a shell's file they stand quoted, and in its prompt, which some
shells evaluate, only their harmless characters do.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from aienv_gui.core.processes import clean_environment
from aienv_gui.environments.records import Environment


def variables(environment: Environment) -> dict[str, str]:
    """The variables for a program that is to find the environment first: our own without leaks, and these."""
    own = clean_environment()
    own.update(settings(environment))
    own["PATH"] = os.pathsep.join([*map(str, search_path(environment)), own.get("PATH", os.defpath)])
    return own


def user_variables() -> dict[str, str]:
    """The variables for a program of the user's, as if it had been started without us."""
    own = clean_environment()
    for name in ("PYTHONUTF8", "PYTHONUNBUFFERED"):
        own.pop(name, None)
    return own


def settings(environment: Environment) -> dict[str, str]:
    """What an activation sets beside PATH."""
    if is_conda(environment):
        return {"CONDA_PREFIX": str(environment.prefix), "CONDA_DEFAULT_ENV": environment.prefix.name}
    if (environment.prefix / "pyvenv.cfg").is_file():
        return {"VIRTUAL_ENV": str(environment.prefix)}
    return {}


def search_path(environment: Environment) -> list[Path]:
    """The folders of the environment's programs."""
    inside = ("Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts")
    windows = os.name == "nt" and is_conda(environment)
    return [environment.python.parent, *(environment.prefix / name for name in inside if windows)]


def is_conda(environment: Environment) -> bool:
    return (environment.prefix / "conda-meta").is_dir()


def label(environment: Environment) -> str:
    """The environment's name as a prompt may hold it: some shells carry out what stands in there."""
    return re.sub(r"[^\w .+-]", "_", environment.name).strip()[:40] or "environment"


def posix_lines(environment: Environment, *, suffix: str = "sh") -> list[str]:
    """Lines for bash, zsh and any other POSIX shell. `suffix` names which of conda's own scripts are for it.

    Those scripts are the packages': they run in the user's terminal only, as an activation by conda does.
    """
    lines = ["unset PYTHONHOME VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in settings(environment).items()]
    lines += [f'export PATH={shlex.quote(str(folder))}:"$PATH"' for folder in reversed(search_path(environment))]
    if is_conda(environment):
        every = "(N)" if suffix == "zsh" else ""
        lines += [
            f'for aienv_script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh{every}; do',
            '  [ -f "$aienv_script" ] && . "$aienv_script"',
            "done",
            "unset aienv_script",
        ]
    return lines


def bash_file(environment: Environment) -> str:
    """For ``bash --rcfile``: what the user's shell does at its start, and then the environment."""
    return _text(
        "[ -f ~/.bashrc ] && . ~/.bashrc",
        *posix_lines(environment),
        f'PS1={shlex.quote(f"({label(environment)}) ")}"${{PS1:-}}"',
        "cd ~",
    )


def sh_file(environment: Environment) -> str:
    """For any other POSIX shell, which reads the file that ENV names."""
    return _text(
        *posix_lines(environment),
        f'PS1={shlex.quote(f"({label(environment)}) ")}"${{PS1:-$ }}"',
        "cd ~",
    )


def zsh_files(environment: Environment) -> Mapping[str, str]:
    """For zsh with ZDOTDIR: files by their names. They read the user's own, and give ZDOTDIR back."""
    return {
        ".zshenv": _text(
            "aienv_folder=$ZDOTDIR",
            "unset ZDOTDIR",
            "[ -f ~/.zshenv ] && . ~/.zshenv",
            "aienv_users=$ZDOTDIR",
            "ZDOTDIR=$aienv_folder",
        ),
        ".zshrc": _text(
            'if [ -n "$aienv_users" ]; then ZDOTDIR=$aienv_users; else unset ZDOTDIR; fi',
            "unset aienv_folder aienv_users",
            '[ -f "${ZDOTDIR:-$HOME}/.zshrc" ] && . "${ZDOTDIR:-$HOME}/.zshrc"',
            *posix_lines(environment, suffix="zsh"),
            f'PROMPT={shlex.quote(f"({label(environment)}) ")}"$PROMPT"',
            "cd ~",
        ),
    }


def fish_file(environment: Environment) -> str:
    lines = ["set -e PYTHONHOME VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV"]
    lines += [f"set -gx {name} {_fish(value)}" for name, value in settings(environment).items()]
    folders = " ".join(_fish(str(folder)) for folder in search_path(environment))
    lines += [f"set -gx PATH {folders} $PATH"]
    if is_conda(environment):
        lines += ["for aienv_script in $CONDA_PREFIX/etc/conda/activate.d/*.fish", "  source $aienv_script", "end"]
    return _text(
        *lines,
        "functions -c fish_prompt aienv_prompt",
        "function fish_prompt",
        f"  printf '(%s) ' {_fish(label(environment))}",
        "  aienv_prompt",
        "end",
        "cd ~",
    )


def cmd_file(environment: Environment) -> str:
    """For ``cmd /K``; without an echo, in UTF-8 from its third line on."""
    lines = ["@echo off", "chcp 65001 >nul", "set PYTHONHOME=", "set VIRTUAL_ENV=", "set CONDA_PREFIX="]
    lines += [f'set "{name}={_cmd(value)}"' for name, value in settings(environment).items()]
    folders = ";".join(_cmd(str(folder)) for folder in search_path(environment))
    lines += [f'set "PATH={folders};%PATH%"']
    if is_conda(environment):
        lines += ['for %%s in ("%CONDA_PREFIX%\\etc\\conda\\activate.d\\*.bat") do call "%%s"']
    lines += [f"prompt ({label(environment)}) $P$G", 'cd /d "%USERPROFILE%"']
    return "\r\n".join(lines) + "\r\n"


def _text(*lines: str) -> str:
    return "\n".join(("# Made by AIEnv for a terminal in which an environment is active.", *lines)) + "\n"


def _fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _cmd(value: str) -> str:
    return value.replace("%", "%%")  # a path holds no quote on Windows
