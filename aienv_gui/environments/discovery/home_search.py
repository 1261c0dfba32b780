"""Looks through a home folder for the environments that lie in projects, near folders first."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from aienv_gui.environments.discovery.foreign_files import is_file, is_folder, subfolders
from aienv_gui.environments.discovery.patience import mount_points
from aienv_gui.environments.discovery.prefix_reading import IN_PROJECT

_DEPTH: Final = 4  # ~/work/projects/cats/.venv
_LIMIT_S: Final = 3.0  # a home folder on a slow network disk
_CROWDED: Final = 500  # more folders in one are data; only the names of environments are looked at among them
_SKIPPED: Final = frozenset(
    {"node_modules", "site-packages", "__pycache__", "Library", "AppData", "snap", "proc", "pkgs", "anaconda_projects"}
)
_STORES: Final = {".pixi": "envs", ".tox": "", ".nox": ""}  # dotted folders of a project that hold environments


def environments_below(home: Path, note_project: Callable[[Path], None]) -> Iterator[Path]:
    """Every environment up to four folders deep; those within environments and behind links are left out.

    `note_project` is told of every folder with a ``pyproject.toml``. Ends after three seconds; folders of other
    computers come last.
    """
    deadline = time.monotonic() + _LIMIT_S
    remote = mount_points(remote=True)
    waiting = deque([(home, 0)])
    last: deque[tuple[Path, int]] = deque()
    while (waiting or last) and time.monotonic() < deadline:
        if waiting:
            folder, depth = waiting.popleft()
        else:
            folder, depth = last.popleft()
            if is_environment(folder):
                yield folder
                continue
        inside = subfolders(folder)
        if depth and is_file(folder / "pyproject.toml"):
            note_project(folder)
        crowded = len(inside) > _CROWDED
        for path in inside:
            name = path.name
            dotted = name.startswith(".")
            if name in _STORES:
                yield from filter(is_environment, subfolders(path / _STORES[name]))
            elif name in _SKIPPED or ((dotted or crowded) and name not in IN_PROJECT):
                continue
            elif str(path) in remote:
                last.append((path, depth + 1))
            elif is_environment(path):
                yield path
                yield from filter(is_environment, subfolders(path / "envs"))  # a conda installation's
            elif depth + 1 < _DEPTH and not dotted:
                waiting.append((path, depth + 1))


def is_environment(prefix: Path) -> bool:
    """Whether a folder is a virtual environment or a conda prefix."""
    if is_file(prefix / "pyvenv.cfg"):
        return True
    return is_folder(prefix / "conda-meta") and (
        is_file(prefix / "conda-meta" / "history") or os.path.lexists(prefix / "bin" / "python")
    )
