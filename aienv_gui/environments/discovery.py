"""Finds the Python environments of this machine, whoever made them, without running anything in them.

Everything is read from folder names and small text files: a hundred packages take under a millisecond.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import yaml

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.interpreters import (
    BaseInterpreter,
    base_interpreters,
    every_interpreter,
    full_version,
    interpreter_of,
)
from aienv_gui.environments.manifest import Manifest, read_health, read_manifest
from aienv_gui.environments.records import BUILT_IN_NAME, Environment, Maker, Package

__all__ = ["BaseInterpreter", "base_interpreters", "discover", "read_environment"]

_HOME_DEPTH: Final = 3  # ~/projects/cats/.venv
_HOME_LIMIT_S: Final = 3.0  # a home folder on a slow network disk
_SKIPPED: Final = {"node_modules", "site-packages", "__pycache__", "Library", "AppData", "snap", "proc"}
_VENV_NAMES: Final = {".venv", "venv", "env", ".env", "virtualenv"}
_CONDA_ROOTS: Final = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", "miniconda", "anaconda")


def discover(folders: Folders, reporter: Reporter) -> tuple[Environment, ...]:
    """Every environment found on this machine: the application's own first, then ours, then by name.

    Reads the disk only; takes 20 to 500 ms, at most a few seconds on a slow home folder. Raises `Cancelled`.
    """
    reporter.status(tr("Looking for environments"))
    found: dict[Path, Environment] = {}
    own = Path(sys.prefix)
    for prefix, maker in _candidates(folders):
        reporter.checkpoint()
        # Two names of one folder are one environment; the interpreter is never resolved (in a venv it is a link).
        with suppress(OSError):
            identity = prefix.resolve()
            if identity not in found:
                if identity == own.resolve():
                    maker = Maker.BUILT_IN
                found[identity] = read_environment(prefix, maker, folders)
    order = {Maker.BUILT_IN: 0, Maker.AIENV: 1, Maker.SYSTEM: 3}
    return tuple(sorted(found.values(), key=lambda e: (order.get(e.maker, 2), e.name.casefold(), str(e.prefix))))


def read_environment(prefix: Path, maker: Maker | None = None, folders: Folders | None = None) -> Environment:
    """What can be read about one environment; `broken` says why where it cannot be used. Never raises for a bad one.

    `maker` is found out where it is not given; with `folders` the verdicts of the last validation come along.
    """
    manifest, fault = _manifest(prefix)
    if maker is None:
        maker = _guess_maker(prefix, manifest)
    config = _venv_config(prefix)
    python = interpreter_of(prefix)
    version = config.get("version_info") or config.get("version") or ""
    packages: dict[str, Package] = {}
    if (prefix / "conda-meta").is_dir():
        packages.update(_conda_packages(prefix))
        version = packages["python"].version if "python" in packages else version
    for site in _site_packages(prefix, python):
        for package in _packages_in(site):
            packages[package.name] = package
    if not version and prefix.parent.name == "versions":  # pyenv's folders are called by their version
        version = prefix.name
    version = _plain_version(version) or full_version(python)
    environment = Environment(
        prefix=prefix,
        python=python,
        name=manifest.request.name if manifest else _name(prefix, maker, config, version),
        maker=maker,
        python_version=version,
        packages=tuple(sorted(packages.values(), key=lambda p: p.name)),
        broken=fault or _fault(prefix, python, config),
    )
    if folders is not None:
        # Old verdicts that cannot be read, or are none at all, are no verdicts: it counts as never validated.
        with suppress(Problem, OSError, ValueError, KeyError, TypeError, AttributeError):
            card = read_health(prefix, folders, environment.packages)
            environment = replace(environment, health=card.verdicts, validated=card.validated, machine=card.machine)
    return environment


def _candidates(folders: Folders) -> Iterator[tuple[Path, Maker | None]]:
    home = Path.home()
    yield Path(sys.prefix), Maker.BUILT_IN
    for prefix in _children(folders.environments):
        if not prefix.name.startswith("."):  # builds under way
            yield prefix, Maker.AIENV
    for prefix in _conda_prefixes(home):
        yield prefix, Maker.CONDA
    for prefix in _pyenv_prefixes(home):
        yield prefix, Maker.VENV if (prefix / "pyvenv.cfg").is_file() else Maker.PYENV
    for prefix in _venv_prefixes(home):
        yield prefix, None
    for base in every_interpreter():
        yield base.prefix, None


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def _conda_prefixes(home: Path) -> Iterator[Path]:
    listed: list[Path] = []
    with suppress(OSError, UnicodeDecodeError):
        lines = (home / ".conda" / "environments.txt").read_text(encoding="utf-8").splitlines()
        listed = [Path(line.strip()) for line in lines if line.strip()]
    roots = [parent / name for parent in (home, home / "opt", Path("/opt")) for name in _CONDA_ROOTS]
    roots += [Path("/opt/conda"), home / ".local" / "share" / "mamba"]
    if sys.platform == "win32":
        roots += [Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / name for name in _CONDA_ROOTS]
        roots += [Path(os.environ.get("LOCALAPPDATA", home)) / name for name in _CONDA_ROOTS]
    for variable in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT"):
        if os.environ.get(variable):
            roots.append(Path(os.environ[variable]))
    stores = [root / "envs" for root in roots] + [home / ".conda" / "envs"] + _condarc_stores(home)
    everything = listed + roots + [prefix for store in stores for prefix in _children(store)]
    for prefix in everything:
        if (prefix / "conda-meta").is_dir():
            yield prefix


def _condarc_stores(home: Path) -> list[Path]:
    with suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        data = yaml.safe_load((home / ".condarc").read_text(encoding="utf-8"))
        if isinstance(data, dict) and isinstance(data.get("envs_dirs"), list):
            return [Path(str(entry)).expanduser() for entry in data["envs_dirs"]]
    return []


def _pyenv_prefixes(home: Path) -> list[Path]:
    root = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    inside = "pyenv-win/versions" if sys.platform == "win32" else "versions"
    return [prefix for prefix in _children(root / inside) if interpreter_of(prefix).exists()]


def _venv_prefixes(home: Path) -> Iterator[Path]:
    stores = [home / name for name in (".virtualenvs", ".venvs", "venvs", ".envs", "envs", "Envs")]
    stores += [home / ".local" / "share" / "virtualenvs", home / ".cache" / "pypoetry" / "virtualenvs"]
    stores += [home / "Library" / "Caches" / "pypoetry" / "virtualenvs"]
    if os.environ.get("WORKON_HOME"):
        stores.append(Path(os.environ["WORKON_HOME"]))
    if os.environ.get("LOCALAPPDATA"):
        stores.append(Path(os.environ["LOCALAPPDATA"]) / "pypoetry" / "Cache" / "virtualenvs")
    for store in stores:
        yield from (prefix for prefix in _children(store) if (prefix / "pyvenv.cfg").is_file())
    yield from _walk(home, _HOME_DEPTH, time.monotonic() + _HOME_LIMIT_S)


def _walk(folder: Path, depth: int, deadline: float) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            subfolders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in subfolders:
        if time.monotonic() > deadline:
            return
        if entry.name in _SKIPPED or (entry.name.startswith(".") and entry.name not in _VENV_NAMES):
            continue
        path = Path(entry.path)
        if (path / "pyvenv.cfg").is_file() or (path / "conda-meta" / "history").is_file():
            yield path
        elif depth > 1:
            yield from _walk(path, depth - 1, deadline)


def _guess_maker(prefix: Path, manifest: Manifest | None) -> Maker:
    if prefix == Path(sys.prefix):
        return Maker.BUILT_IN
    if manifest is not None:
        return Maker.AIENV
    if (prefix / "conda-meta").is_dir():
        return Maker.CONDA
    if (prefix / "pyvenv.cfg").is_file():
        return Maker.VENV
    return Maker.PYENV if prefix.parent.name == "versions" and "pyenv" in str(prefix.parent) else Maker.SYSTEM


def _manifest(prefix: Path) -> tuple[Manifest | None, Text | None]:
    try:
        return read_manifest(prefix), None
    except (Problem, KeyError, TypeError, ValueError, OSError):
        return None, tr("Its description {file} is damaged.", file="aienv.json")


def _venv_config(prefix: Path) -> dict[str, str]:
    with suppress(OSError, UnicodeDecodeError):
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
        pairs = (line.partition("=") for line in lines)
        return {key.strip().lower(): value.strip() for key, found, value in pairs if found}
    return {}


def _site_packages(prefix: Path, python: Path) -> Iterator[Path]:
    if sys.platform == "win32":
        yield prefix / "Lib" / "site-packages"
        return
    numbered = re.search(r"python(3\.\d+)$", python.resolve().name) if python.exists() else None
    if numbered is not None and prefix in (Path("/usr"), Path("/usr/local")):
        yield Path("/usr/lib/python3/dist-packages")
        yield Path(f"/usr/local/lib/python{numbered[1]}/dist-packages")
    for library in (prefix / "lib", prefix / "lib64"):
        if not library.is_symlink():
            with suppress(OSError):
                yield from sorted(library.glob("python[23].*/site-packages"))


def _packages_in(site: Path) -> Iterable[Package]:
    try:
        names = [path.name for path in site.iterdir()]
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            stem = re.sub(r"-py\d(\.\d+)?$", "", name.rsplit(".", 1)[0])
            package, dash, version = stem.rpartition("-")
            if dash and package and not package.startswith("~"):  # "~ip": pip's half-removed packages
                yield Package(re.sub(r"[-_.]+", "-", package).lower(), version)


def _conda_packages(prefix: Path) -> dict[str, Package]:
    packages: dict[str, Package] = {}
    with suppress(OSError):
        for path in (prefix / "conda-meta").glob("*.json"):
            parts = path.stem.rsplit("-", 2)
            if len(parts) == 3:
                packages[parts[0]] = Package(parts[0], parts[1])
    return packages


def _plain_version(version: str) -> str:
    numbers = re.match(r"\d+(\.\d+){1,2}", version)
    return numbers[0] if numbers else ""


def _name(prefix: Path, maker: Maker, config: dict[str, str], version: str) -> str:
    if maker is Maker.BUILT_IN:
        return BUILT_IN_NAME
    if maker in (Maker.PYENV, Maker.SYSTEM):
        return f"Python {version or prefix.name}"
    if config.get("prompt"):
        return config["prompt"].strip("'\"()")
    if prefix.name in _VENV_NAMES:
        return prefix.parent.name
    if maker is Maker.CONDA and (prefix / "condabin").is_dir():
        return f"base ({prefix.name})"
    return prefix.name


def _fault(prefix: Path, python: Path, config: dict[str, str]) -> Text | None:
    if not prefix.is_dir():
        return tr("Its folder is gone.")
    home = config.get("home")
    if home and not Path(home).is_dir():
        return _base_gone(home)
    if not python.exists():
        link = python.readlink() if python.is_symlink() else Path()
        if link.is_absolute():
            return _base_gone(link)
        if home:
            return tr(
                "Its own interpreter {python} is missing. Make the environment again: the Python for it is there.",
                python=python,
            )
        return tr("It has no Python interpreter.")
    if sys.platform != "win32" and not os.access(python, os.X_OK):
        return tr("Its Python interpreter may not be run: {python}.", python=python)
    for record in _damaged_records(prefix):
        return tr("Its package list is damaged: {file}.", file=record)
    return None


def _base_gone(place: str | Path) -> Text:
    return tr(
        "The Python it was made from is gone: {home}. Install that Python again, or make the environment again.",
        home=place,
    )


def _damaged_records(prefix: Path) -> Iterator[Path]:
    """conda-meta files that are empty or cut short. Only their ends are read: there are hundreds."""
    with suppress(OSError):
        for path in (prefix / "conda-meta").glob("*.json"):
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - 16))
                if not file.read().rstrip().endswith(b"}"):
                    yield path
