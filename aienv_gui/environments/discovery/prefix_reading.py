"""What one environment's folder tells: who made it, its Python, its packages, what is wrong with it.

The folder may be anyone's and anything: no file is trusted, waited for or read without a bound, and nothing in it is
run but its interpreter, and that one only where no file tells its version (`interpreters.ask_version`).
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments import manifest as manifests
from aienv_gui.environments.discovery.foreign_files import is_file, is_folder, is_there, one_line, read_end, read_text
from aienv_gui.environments.discovery.interpreters import ask_version, full_version, interpreter_of
from aienv_gui.environments.manifest import Manifest, read_health, read_manifest
from aienv_gui.environments.records import BUILT_IN_NAME, Environment, Maker, Package

IN_PROJECT: Final = frozenset({".venv", "venv", "env", ".env", "virtualenv", ".conda"})  # what a project's is called
_CONFIG_LIMIT: Final = 1 << 16
_MANIFEST_LIMIT: Final = 1 << 26
_SHOWN_NAME: Final = 80
_HASH: Final = r"-[A-Za-z0-9_-]{8}"  # Poetry and Pipenv tell projects of one name apart by it


def read_environment(prefix: Path, maker: Maker | None = None, folders: Folders | None = None) -> Environment:
    """What can be read about one environment; `broken` says why where it cannot be used. Never raises for a bad one.

    `maker` is found out where it is not given; with `folders` the verdicts of the last validation come along.
    """
    manifest, fault = _manifest(prefix)
    config = _venv_config(prefix)
    if maker is None:
        maker = _guess_maker(prefix, manifest, config)
    python = interpreter_of(prefix)
    version = config.get("version_info") or config.get("version") or ""
    packages: dict[str, Package] = {}
    if is_folder(prefix / "conda-meta"):
        packages.update(_conda_packages(prefix))
        version = packages["python"].version if "python" in packages else version
    for site in site_packages_of(prefix, python):
        for package in _packages_in(site):
            packages[package.name] = package
    if not version and prefix.parent.name == "versions":  # pyenv's folders are called by their version
        version = prefix.name
    version = _plain_version(version) or full_version(python) or ask_version(python)
    project = _project(prefix, maker)
    environment = Environment(
        prefix=prefix,
        python=python,
        name=manifest.request.name if manifest else _name(prefix, maker, config, version, project),
        maker=maker,
        python_version=version,
        packages=tuple(sorted(packages.values(), key=lambda p: p.name)),
        broken=fault or _fault(prefix, python, config),
        project=project,
    )
    return with_health(environment, folders) if folders is not None else environment


def with_health(environment: Environment, folders: Folders) -> Environment:
    """The same environment with the verdicts of its last validation."""
    # Old verdicts that cannot be read, or are none at all, are no verdicts: it counts as never validated.
    with suppress(Problem, OSError, ValueError, KeyError, TypeError, AttributeError):
        card = read_health(environment.prefix, folders, environment.packages)
        return replace(environment, health=card.verdicts, validated=card.validated, machine=card.machine)
    return environment


def site_packages_of(prefix: Path, python: Path) -> Iterator[Path]:
    """The folders that hold an environment's Python packages, those of its own installation only."""
    if sys.platform == "win32":
        yield prefix / "Lib" / "site-packages"
        return
    numbered = re.search(r"python(3\.\d+)$", os.path.realpath(python)) if is_there(python) else None
    if numbered is not None and prefix in (Path("/usr"), Path("/usr/local")):
        yield Path("/usr/lib/python3/dist-packages")
        yield Path(f"/usr/local/lib/python{numbered[1]}/dist-packages")
    for library in (prefix / "lib", prefix / "lib64"):
        if not os.path.islink(library):  # noqa: PTH114 - Path's own may raise
            with suppress(OSError):
                yield from sorted(library.glob("python[23].*/site-packages"))


def watched(prefix: Path) -> list[Path]:
    """The files and folders whose dates change when what `read_environment` tells of an environment changes.

    Its health is not among it. A conda record that is damaged in place changes none; a validation finds it.
    """
    python = interpreter_of(prefix)
    home = _venv_config(prefix).get("home")
    return [
        prefix / "pyvenv.cfg",
        prefix / manifests.NAME,
        prefix / "conda-meta",
        prefix / "conda-meta" / "history",
        prefix / "lib",
        prefix / ".project",
        prefix / "bin",
        prefix / "Scripts",
        python,
        *([Path(home)] if home else []),
        *site_packages_of(prefix, python),
    ]


# Who made it


def _guess_maker(prefix: Path, manifest: Manifest | None, config: dict[str, str]) -> Maker:
    if prefix == Path(sys.prefix):
        return Maker.BUILT_IN
    if manifest is not None:
        return Maker.AIENV
    if is_folder(prefix / "conda-meta"):
        return _maker_of_conda(prefix)
    if is_file(prefix / "pyvenv.cfg"):
        return _maker_of_venv(prefix, config)
    places = {part.casefold() for part in prefix.parts}
    if prefix.parent.name == "versions" and "pyenv" in str(prefix.parent):
        return Maker.PYENV
    if "installs" in places and places & {".asdf", "asdf", "mise"}:
        return Maker.MISE if "mise" in places else Maker.ASDF
    if re.match(r"(cpython|pypy|graalpy)-\d", prefix.name):
        return Maker.UV_PYTHON
    if places & {"cellar", "homebrew", ".linuxbrew"}:
        return Maker.HOMEBREW
    return Maker.SYSTEM


def _maker_of_conda(prefix: Path) -> Maker:
    if _is_pixis(prefix):
        return Maker.PIXI
    with suppress(OSError):
        command = re.search(r"^# cmd: (.*)", read_text(prefix / "conda-meta" / "history", _CONFIG_LIMIT), re.MULTILINE)
        program = re.split(r"[\\/]", command[1].split()[0])[-1].lower() if command and command[1].split() else ""
        for maker in (Maker.MICROMAMBA, Maker.MAMBA):
            if program.startswith(maker.value):
                return maker
    return Maker.CONDA


def _is_pixis(prefix: Path) -> bool:
    return prefix.parent.name == "envs" and prefix.parent.parent.name == ".pixi"


def _maker_of_venv(prefix: Path, config: dict[str, str]) -> Maker:
    if is_file(prefix / "uv-receipt.toml"):
        return Maker.UV_TOOL
    if is_file(prefix / "pipx_metadata.json"):
        return Maker.PIPX
    if "uv" in config:
        return Maker.UV
    if "virtualenv" not in config:
        return Maker.VENV
    if prefix.name in IN_PROJECT:  # both make theirs with virtualenv
        project = prefix.parent
        if is_file(project / "poetry.lock") or is_file(project / "poetry.toml"):
            return Maker.POETRY
        if is_file(project / "Pipfile"):
            return Maker.PIPENV
    elif is_file(prefix / ".project") and re.search(_HASH + "$", prefix.name):
        return Maker.PIPENV
    return Maker.VIRTUALENV


def _project(prefix: Path, maker: Maker) -> Path | None:
    """The project an environment belongs to, where its maker keeps one for each."""
    if maker is Maker.PIXI:
        above = prefix.parent.parent.parent
        return above if is_file(above / "pixi.toml") or is_file(above / "pyproject.toml") else None
    if prefix.name in IN_PROJECT and maker in (Maker.POETRY, Maker.PIPENV, Maker.UV):
        return prefix.parent
    if maker in (Maker.PIPENV, Maker.VIRTUALENV):  # virtualenvwrapper notes it likewise
        with suppress(OSError):
            noted = read_text(prefix / ".project", _CONFIG_LIMIT).strip()
            return Path(noted) if noted and "\0" not in noted else None
    return None


def _name(prefix: Path, maker: Maker, config: dict[str, str], version: str, project: Path | None) -> str:
    if maker is Maker.BUILT_IN:
        return BUILT_IN_NAME
    if maker.is_python:
        return f"Python {version or _shown(prefix.name)}"
    if maker is Maker.PIXI and project is not None:
        return _shown(project.name) if prefix.name == "default" else _shown(f"{project.name} ({prefix.name})")
    if maker is Maker.PIPENV:
        return _shown(project.name if project is not None else re.sub(_HASH + "$", "", prefix.name))
    if maker is Maker.POETRY and prefix.name not in IN_PROJECT:
        return _shown(re.sub(_HASH + r"-py[\d.]+$", "", prefix.name))
    prompt = config.get("prompt", "").strip("'\"() ")
    if prompt and prompt not in IN_PROJECT and maker is not Maker.UV_TOOL:
        return _shown(prompt)
    if prefix.name in IN_PROJECT:
        return _shown(prefix.parent.name)
    if maker in (Maker.CONDA, Maker.MAMBA, Maker.MICROMAMBA) and is_folder(prefix / "condabin"):
        return f"base ({_shown(prefix.name)})"
    return _shown(prefix.name)


def _shown(name: str) -> str:
    """A folder's name as it may be shown: without control characters, not endless."""
    return one_line(name, _SHOWN_NAME) or "?"


# What is in it


def _manifest(prefix: Path) -> tuple[Manifest | None, Text | None]:
    path = prefix / manifests.NAME
    if not is_there(path):
        return None, None
    with suppress(Problem, KeyError, TypeError, ValueError, AttributeError, OSError, RecursionError):
        if is_file(path) and path.stat().st_size <= _MANIFEST_LIMIT:
            return read_manifest(prefix), None
    return None, tr("Its description {file} is damaged.", file=manifests.NAME)


def _venv_config(prefix: Path) -> dict[str, str]:
    with suppress(OSError):
        text = read_text(prefix / "pyvenv.cfg", _CONFIG_LIMIT)
        pairs = (line.partition("=") for line in text.splitlines())
        # What holds a zero is no path and no name, and the system's calls refuse it.
        return {key.strip().lower(): value.strip() for key, found, value in pairs if found and "\0" not in value}
    return {}


def _packages_in(site: Path) -> Iterable[Package]:
    try:
        names = os.listdir(site)  # noqa: PTH208 - names only, and there may be thousands
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")) and name.isprintable():
            stem = re.sub(r"-py\d(\.\d+)?$", "", name.rsplit(".", 1)[0])
            package, dash, version = stem.rpartition("-")
            if dash and package and not package.startswith("~"):  # "~ip": pip's half-removed packages
                yield Package(re.sub(r"[-_.]+", "-", package).lower(), version)


def _conda_packages(prefix: Path) -> dict[str, Package]:
    packages: dict[str, Package] = {}
    for path in _conda_records(prefix):
        parts = path.stem.rsplit("-", 2)
        if len(parts) == 3 and path.stem.isprintable():
            packages[parts[0]] = Package(parts[0], parts[1])
    return packages


def _conda_records(prefix: Path) -> list[Path]:
    with suppress(OSError):
        return sorted((prefix / "conda-meta").glob("*.json"))
    return []


def _plain_version(version: str) -> str:
    numbers = re.match(r"\d+(\.\d+){1,2}", version)
    return numbers[0][:_SHOWN_NAME] if numbers else ""


# What is wrong with it


def _fault(prefix: Path, python: Path, config: dict[str, str]) -> Text | None:
    if not is_folder(prefix):
        return tr("Its folder is gone.")
    shown = one_line(str(python))
    home = config.get("home")
    if home and _is_gone(home):
        return _base_gone(home)
    if _is_gone(python):
        link = _link(python)
        if link is not None and link.is_absolute():
            return _base_gone(link)
        if home:
            return tr(
                "Its own interpreter {python} is missing. Make the environment again: the Python for it is there.",
                python=shown,
            )
        return tr("It has no Python interpreter.")
    if sys.platform != "win32" and not os.access(python, os.X_OK):
        return tr("Its Python interpreter may not be run: {python}.", python=shown)
    for record in _conda_records(prefix):
        if _is_cut(record):
            return tr("Its package list is damaged: {file}.", file=one_line(str(record)))
    return None


def _is_gone(path: str | Path) -> bool:
    """Whether it is known not to be there. What the system does not let us see may well be."""
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _link(path: Path) -> Path | None:
    try:
        return path.readlink()
    except OSError:
        return None


def _base_gone(place: str | Path) -> Text:
    return tr(
        "The Python it was made from is gone: {home}. Install that Python again, or make the environment again.",
        home=one_line(str(place)),
    )


def _is_cut(record: Path) -> bool:
    """Whether a conda-meta file is empty or cut short. Only its end is read: there are hundreds."""
    try:
        return not read_end(record).rstrip().endswith(b"}")
    except OSError:
        return is_there(record)
