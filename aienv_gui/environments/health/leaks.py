"""What gets into an environment from outside: variables, libraries on a search path, the user's own packages."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.discovery.foreign_files import read_text
from aienv_gui.environments.health.runtimes import listed
from aienv_gui.environments.records import Environment, Maker

_SEARCH_PATHS: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
_CONFIG_LIMIT: Final = 1 << 16
_EVERYONES: Final = ("libstdc++.so.6",)  # a package built for a newer one fails with an older one, whoever brings it
_LIBRARY: Final = re.compile(r"lib[\w+.-]+\.(so[.\d]*|dylib)$")


def leaks(environment: Environment, variables: Mapping[str, str], home: Path) -> tuple[tuple[Text, Text], ...]:
    """What gets in, in words, each with its cure. Reads folders' names and the packages' lists of files."""
    return (
        *_python_variables(variables),
        *_search_paths(environment.prefix, variables),
        *_user_packages(environment, home),
    )


def _python_variables(variables: Mapping[str, str]) -> Iterator[tuple[Text, Text]]:
    for name in ("PYTHONPATH", "PYTHONHOME"):
        if variables.get(name):
            yield (
                tr("{variable} is set on this computer: it puts other packages into every Python.", variable=name),
                tr("AIEnv leaves it out. For work outside AIEnv, remove it from the system's settings."),
            )


def _search_paths(prefix: Path, variables: Mapping[str, str]) -> Iterator[tuple[Text, Text]]:
    """Libraries that the system finds before those of the environment."""
    own: set[str] | None = None
    for variable in _SEARCH_PATHS:
        for entry in variables.get(variable, "").split(os.pathsep):
            folder = Path(entry)
            if not entry or folder.is_relative_to(prefix):
                continue
            names: list[str] = []
            with suppress(OSError):
                names = sorted(path.name for path in folder.iterdir() if _LIBRARY.match(path.name))
            if names and own is None:
                own = {name.replace("\\", "/").rpartition("/")[2] for _, _, name in listed(prefix)}
            hiding = [name for name in names if name in (own or ()) or name in _EVERYONES]
            if hiding:
                yield (
                    tr(
                        "{variable} leads to {folder}, whose {libraries} hides the one that is meant.",
                        variable=variable,
                        folder=folder,
                        libraries=", ".join(hiding[:3]),
                    ),
                    tr(
                        "Remove this folder from {variable}, in the system's settings or in the files that a terminal "
                        "reads at its start.",
                        variable=variable,
                    ),
                )


def _user_packages(environment: Environment, home: Path) -> Iterator[tuple[Text, Text]]:
    """The user's own packages, which Python finds before those of a conda environment."""
    if environment.maker in (Maker.SYSTEM, Maker.PYENV) or not _lets_user_packages_in(environment.prefix):
        return
    folder = user_site(environment.python_version, home)
    names = set()
    with suppress(OSError):
        for path in folder.glob("*.dist-info"):
            names.add(canonicalize_name(path.name.split("-")[0]))
    hiding = sorted(names & {package.name for package in environment.packages})
    if hiding:
        yield (
            tr(
                "Packages of yours in {folder} take the place of this environment's: {packages}.",
                folder=folder,
                packages=", ".join(hiding[:5]),
            ),
            tr(
                "AIEnv leaves them out. For work outside AIEnv, set the variable PYTHONNOUSERSITE to 1, or uninstall "
                "them there."
            ),
        )


def _lets_user_packages_in(prefix: Path) -> bool:
    """conda's environments do; a venv only together with the system's packages."""
    with suppress(OSError):
        config = read_text(prefix / "pyvenv.cfg", _CONFIG_LIMIT)
        return re.search(r"(?im)^include-system-site-packages\s*=\s*true", config) is not None
    return (prefix / "conda-meta").is_dir()


def user_site(python_version: str, home: Path, platform: str = sys.platform) -> Path:
    """Where `pip install --user` puts packages."""
    minor = ".".join(python_version.split(".")[:2])
    if platform == "win32":
        return home / "AppData" / "Roaming" / "Python" / f"Python{minor.replace('.', '')}" / "site-packages"
    if platform == "darwin":
        return home / "Library" / "Python" / minor / "lib" / "python" / "site-packages"
    return home / ".local" / "lib" / f"python{minor}" / "site-packages"
