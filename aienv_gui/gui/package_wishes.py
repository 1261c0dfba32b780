"""Packages that something lacks in an environment: asked of the page Environments, which plans the change.

Nothing is installed here: the wish opens the plan of an ordinary change, with consent, snapshot and undo.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui.services import Services

ADD: Final = "add_packages"  # the name of the action of a problem
_CONDA: Final = frozenset({Maker.CONDA, Maker.MAMBA, Maker.MICROMAMBA})
_UV: Final = frozenset({Maker.UV, Maker.UV_TOOL})


@dataclass(frozen=True, slots=True)
class PackageWish:
    """What the page Environments is opened with, to plan this change of one of them."""

    prefix: Path
    packages: tuple[str, ...]  # requirements (PEP 508)
    back: str  # the page that wants them, to go back to once they are there


def environment_of(services: Services, python: Path | None) -> Environment | None:
    """The environment of an interpreter, if the list knows it."""
    return next((item for item in services.environments.items if item.python == python), None)


def ask(services: Services, environment: Environment, packages: tuple[str, ...], back: str) -> None:
    """Open the plan of adding packages to an environment of ours."""
    services.navigator.open("environments", PackageWish(environment.prefix, packages, back))


def fitting(problem: Problem, environment: Environment | None) -> Problem:
    """A problem as it is shown for one environment: where AIEnv cannot add what is missing, how the user can."""
    wanted = [action for action in problem.actions if action.name == ADD]
    if not wanted or (environment is not None and environment.removable):
        return problem
    cure = by_hand(environment, (wanted[0].argument,)) if environment is not None else problem.cure
    return Problem(
        problem.title,
        cause=problem.cause,
        cure=cure,
        actions=tuple(action for action in problem.actions if action.name != ADD),
        details=problem.details,
        code=problem.code,
    )


def by_hand(environment: Environment, packages: tuple[str, ...]) -> Text:
    """What to do about packages that an environment lacks which AIEnv does not change."""
    if environment.maker is Maker.BUILT_IN:
        return tr("AIEnv itself runs on this environment and does not change it: choose another one, or make one.")
    return tr(
        "AIEnv does not change environments that others made. Install it there yourself: {command}",
        command=command(environment, packages),
    )


def command(environment: Environment, packages: tuple[str, ...]) -> str:
    """What installs packages in an environment that somebody else made, to be typed into a terminal."""
    if environment.maker in _CONDA:
        line = [environment.maker.value, "install", "--prefix", str(environment.prefix), *packages]
    elif environment.maker in _UV:
        line = ["uv", "pip", "install", "--python", str(environment.python), *packages]
    else:
        line = [str(environment.python), "-m", "pip", "install", *packages]
    if sys.platform == "win32":
        return " ".join(f'"{part}"' if ">" in part or "<" in part else subprocess.list2cmdline([part]) for part in line)
    return shlex.join(line)
