"""Where environments lie on a machine: each tool's own folders, the lists they keep, and the projects at home."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from aienv_gui.core.storage import Folders
from aienv_gui.environments.discovery.foreign_files import is_file, is_folder, read_text, subfolders
from aienv_gui.environments.discovery.home_search import environments_below, is_environment
from aienv_gui.environments.discovery.interpreters import every_interpreter, interpreter_of, python_stores
from aienv_gui.environments.records import Maker

_CONDA_NAMES: Final = (
    "miniconda3",
    "anaconda3",
    "miniforge3",
    "mambaforge",
    "micromamba",
    "miniconda",
    "anaconda",
    "miniforge",
)
_LIST_LIMIT: Final = 1 << 20
_LISTED: Final = 2000  # lines of a list that are followed


@dataclass(frozen=True, slots=True)
class Place:
    """Where an environment may lie. `maker` where the place tells it, else None."""

    prefix: Path
    maker: Maker | None = None


@dataclass(slots=True)
class Places:
    """The places of one look. `projects` fills while they are gone through: Poetry's mark of a folder -> the folder."""

    folders: Folders
    known: Sequence[Path] = ()  # where environments were the last time
    home: Path = field(default_factory=lambda: Path.home())
    projects: dict[str, Path] = field(default_factory=dict)

    def groups(self) -> tuple[Callable[[], Iterator[Place]], ...]:
        """The places in groups, to be gone through one after the other: the first to name a place decides on it."""
        return (
            self._ours,
            self._conda,
            self._tools,
            self._virtual,
            self._pythons,
            self._projects,
            self._interpreters,
            self._known,
        )

    def _ours(self) -> Iterator[Place]:
        yield Place(Path(sys.prefix), Maker.BUILT_IN)
        for prefix in subfolders(self.folders.environments):
            if not prefix.name.startswith("."):  # builds under way
                yield Place(prefix, Maker.AIENV)

    def _conda(self) -> Iterator[Place]:
        roots = self._conda_roots()
        stores = [root / "envs" for root in roots] + [self.home / ".conda" / "envs"] + self._condarc_stores(roots)
        if sys.platform == "win32":
            stores.append(_variable("LOCALAPPDATA", self.home) / "conda" / "conda" / "envs")
        for variable in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
            stores += [Path(entry) for entry in os.environ.get(variable, "").split(os.pathsep) if entry]
        listed = _lines(self.home / ".conda" / "environments.txt")
        everything = listed + roots + [prefix for store in dict.fromkeys(stores) for prefix in subfolders(store)]
        for prefix in everything:
            # What lies in conda's cache of packages has the shape of an environment, and is none.
            if prefix.parent.name != "pkgs" and is_folder(prefix / "conda-meta"):
                yield Place(prefix)
        for prefix in subfolders(_variable("PIXI_HOME", self.home / ".pixi") / "envs"):
            if is_folder(prefix / "conda-meta"):
                yield Place(prefix, Maker.PIXI)

    def _conda_roots(self) -> list[Path]:
        parents = [self.home, self.home / "opt", Path("/opt"), self.home / ".local" / "share", Path("/usr/local")]
        if sys.platform == "win32":
            parents += [_variable("PROGRAMDATA", Path(r"C:\ProgramData")), _variable("LOCALAPPDATA", self.home)]
        roots = [parent / name for parent in parents for name in _CONDA_NAMES]
        roots += [Path("/opt/conda"), self.home / ".local" / "share" / "mamba", self.home / "conda"]
        if sys.platform == "darwin":
            roots += [Path("/opt/homebrew/Caskroom") / name / "base" for name in _CONDA_NAMES]
        roots += [Path(os.environ[name]) for name in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT") if os.environ.get(name)]
        if os.environ.get("CONDA_EXE"):
            roots.append(Path(os.environ["CONDA_EXE"]).parent.parent)
        return roots

    def _condarc_stores(self, roots: Sequence[Path]) -> list[Path]:
        config = _variable("XDG_CONFIG_HOME", self.home / ".config")
        files = [self.home / ".condarc", self.home / ".conda" / ".condarc", self.home / ".conda" / "condarc"]
        files += [config / "conda" / ".condarc", Path("/etc/conda/.condarc"), self.home / ".mambarc"]
        files += [root / ".condarc" for root in roots]
        if os.environ.get("CONDARC"):
            files.append(Path(os.environ["CONDARC"]))
        return [store for file in files for store in _stores_in(file)]

    def _tools(self) -> Iterator[Place]:
        shared = _variable("XDG_DATA_HOME", self.home / ".local" / "share")
        uv_tools = [shared / "uv" / "tools"]
        pipx = [shared / "pipx" / "venvs", self.home / ".local" / "pipx" / "venvs", self.home / "pipx" / "venvs"]
        if sys.platform == "win32":
            uv_tools.append(_variable("APPDATA", self.home) / "uv" / "tools")
        if os.environ.get("UV_TOOL_DIR"):
            uv_tools.append(Path(os.environ["UV_TOOL_DIR"]))
        if os.environ.get("PIPX_HOME"):
            pipx.append(Path(os.environ["PIPX_HOME"]) / "venvs")
        for stores, maker in ((uv_tools, Maker.UV_TOOL), (pipx, Maker.PIPX)):
            for prefix in _venvs(stores):
                yield Place(prefix, maker)

    def _virtual(self) -> Iterator[Place]:
        if os.environ.get("VIRTUAL_ENV") and is_file(Path(os.environ["VIRTUAL_ENV"]) / "pyvenv.cfg"):
            yield Place(Path(os.environ["VIRTUAL_ENV"]))
        for prefix in _venvs(self._poetry_stores()):
            yield Place(prefix, Maker.POETRY)
        shared = _variable("XDG_DATA_HOME", self.home / ".local" / "share")
        stores = [self.home / name for name in (".virtualenvs", ".venvs", "venvs", ".envs", "envs", "Envs")]
        stores += [shared / "virtualenvs", self.home / ".local" / "share" / "virtualenvs"]
        if os.environ.get("WORKON_HOME"):
            stores.append(Path(os.environ["WORKON_HOME"]))
        stores += [store / "envs" for pyenv in python_stores()[:1] for store in subfolders(pyenv)]  # pyenv-virtualenv
        hatch = _variable("HATCH_DATA_DIR", shared / "hatch") / "env" / "virtual"
        stores += [inner for outer in subfolders(hatch) for inner in subfolders(outer)]
        for prefix in _venvs(stores):
            yield Place(prefix)

    def _poetry_stores(self) -> list[Path]:
        cache = _variable("XDG_CACHE_HOME", self.home / ".cache") / "pypoetry"
        caches = [cache, self.home / "Library" / "Caches" / "pypoetry"]
        if os.environ.get("LOCALAPPDATA"):
            caches.append(Path(os.environ["LOCALAPPDATA"]) / "pypoetry" / "Cache")
        stores: list[Path] = []
        config = _variable("POETRY_CONFIG_DIR", _variable("XDG_CONFIG_HOME", self.home / ".config") / "pypoetry")
        settings = _toml(config / "config.toml")
        told = settings.get("cache-dir"), os.environ.get("POETRY_CACHE_DIR")
        caches += [Path(str(each)).expanduser() for each in told if each]
        virtualenvs = settings.get("virtualenvs")
        path = virtualenvs.get("path") if isinstance(virtualenvs, dict) else None
        for named in (path, os.environ.get("POETRY_VIRTUALENVS_PATH")):
            if named:
                stores.append(Path(str(named).replace("{cache-dir}", str(caches[-1]))).expanduser())
        return stores + [cache / "virtualenvs" for cache in caches]

    def _pythons(self) -> Iterator[Place]:
        for store in python_stores():
            for prefix in subfolders(store):
                if not prefix.name.startswith(".") and os.path.lexists(interpreter_of(prefix)):
                    yield Place(prefix)

    def _projects(self) -> Iterator[Place]:
        for prefix in environments_below(self.home, self._note_project):
            yield Place(prefix)

    def _note_project(self, folder: Path) -> None:
        """Poetry names an environment after its project's folder, by a part of this hash."""
        path = os.path.normcase(os.path.realpath(folder))
        digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()
        self.projects[base64.urlsafe_b64encode(digest).decode()[:8]] = folder

    def _interpreters(self) -> Iterator[Place]:
        for base in every_interpreter():
            yield Place(base.prefix)

    def _known(self) -> Iterator[Place]:
        for prefix in self.known:
            if is_environment(prefix):
                yield Place(prefix)


def _variable(name: str, default: Path) -> Path:
    return Path(os.environ.get(name) or default)


def _venvs(stores: Sequence[Path]) -> Iterator[Path]:
    for store in dict.fromkeys(stores):
        yield from (prefix for prefix in subfolders(store) if is_file(prefix / "pyvenv.cfg"))


def _lines(file: Path) -> list[Path]:
    with suppress(OSError):
        lines = [line.strip() for line in read_text(file, _LIST_LIMIT).splitlines()[:_LISTED]]
        return [Path(line) for line in lines if line and "\0" not in line]
    return []


def _stores_in(condarc: Path) -> list[Path]:
    with suppress(OSError, yaml.YAMLError, RecursionError, ValueError):
        data = yaml.safe_load(read_text(condarc, _LIST_LIMIT))
        stores = (data.get("envs_dirs") or data.get("envs_path")) if isinstance(data, dict) else None
        if isinstance(stores, list):
            paths = [os.path.expandvars(str(entry)) for entry in stores]
            return [Path(path).expanduser() for path in paths if "\0" not in path]
    return []


def _toml(file: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        return tomllib.loads(read_text(file, _LIST_LIMIT))
    return {}
