"""Reads any file that an environment can be made from: what it asks for, and what of it cannot be honoured.

The kind of a file is known by its name and, where names do not tell, by its content. What is known but not read
(a poetry.lock, a setup.py) is told together with the file to take in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.discovery.interpreters import base_interpreters
from aienv_gui.environments.files.conda_environment import CondaFile, is_conda_list, read_conda_file, read_conda_list
from aienv_gui.environments.files.conda_locks import (
    CondaLock,
    is_explicit,
    read_conda_lock,
    read_explicit,
    read_pixi,
)
from aienv_gui.environments.files.kit_file import MANIFEST, read_kit
from aienv_gui.environments.files.pylock_file import files_of, parse_pylock, remarks_of
from aienv_gui.environments.files.pyproject import read_project_file
from aienv_gui.environments.files.python_specs import chosen, default_python, is_python, suits
from aienv_gui.environments.files.requirements import Requirements, is_pip_table, read_pip_table, read_requirements
from aienv_gui.environments.files.text import LARGEST, LARGEST_LOCK, names_no_packages, read_text
from aienv_gui.environments.records import Engine, Lock, Remark, Request
from aienv_gui.environments.uv.pylock import supported_tags

# What can be chosen, the best to build from first; for the folder of a file that cannot.
_READABLE: Final = (
    "kit.json",
    "pylock.toml",
    "conda-lock.yml",
    "pixi.lock",
    "environment.yml",
    "environment.yaml",
    "requirements.txt",
    "pyproject.toml",
)
_ARCHIVES: Final = (".whl", ".zip", ".gz", ".bz2", ".conda", ".tgz", ".xz", ".egg", ".7z", ".rar")
_PROGRAMS: Final = (".py", ".ipynb", ".sh", ".bat", ".r", ".rmd", ".c", ".cpp", ".js", ".html", ".pdf", ".docx")


@dataclass(frozen=True, slots=True)
class FileReading:
    """What a file asks for, and a remark on each line of it that is not followed as it stands."""

    request: Request
    remarks: tuple[Remark, ...] = ()


def read_file(path: Path, *, name: str, engine: Engine | None = None, python: str | None = None) -> FileReading:
    """Read a file, or the folder of an offline kit. Raises `Problem` naming file, line and cure, and nothing else.

    Without `engine` the one that suits the file. Without `python` the application's own version where the file allows
    it, else the newest that fits. The file's own name is used where `name` is empty. Seconds for a lock of megabytes.
    """
    return _Reader(path, name.strip(), engine, python).read()


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    name: str
    engine: Engine | None
    python: str | None

    def read(self) -> FileReading:
        if _is_dir(self.path):
            return self._folder()
        lower = self.path.name.lower()
        if lower.endswith(_ARCHIVES) or lower.endswith(_PROGRAMS):
            raise self._told(tr("It is a package or a program, not a list of packages."))
        if lower.endswith(".json") or lower == "pipfile.lock":
            return self._json()
        may_be_lock = lower.endswith((".lock", ".yml", ".yaml", ".toml")) or "explicit" in lower or "pin" in lower
        text = read_text(self.path, LARGEST_LOCK if may_be_lock else LARGEST)
        if is_explicit(text):
            return self._conda_lock(Lock.EXPLICIT, read_explicit, text)
        if lower.endswith((".yml", ".yaml")):
            return self._yaml(text)
        if lower.endswith(".toml"):
            return self._toml(text)
        if lower.endswith(".lock"):
            return self._lock(text)
        if lower == "pipfile":
            raise self._told(tr("It is Pipenv's list; write it as a requirements.txt with “pipenv requirements”."))
        if lower.endswith((".cfg", ".ini")):
            raise self._told(tr("It sets up a project, and needs the project's own tools to be read."))
        if is_conda_list(text):
            return self._conda(read_conda_list(self.path, text))
        return self._requirements(
            read_pip_table(self.path, text) if is_pip_table(text) else read_requirements(self.path)
        )

    def _folder(self) -> FileReading:
        kit = self.path / MANIFEST
        if kit.is_file():
            return self._kit(kit)
        found = self._beside(self.path)
        if found:
            raise Problem(
                tr("{file} is a folder.", file=self.path.name),
                cause=tr("It holds files that packages can be taken from: {files}.", files=", ".join(found)),
                cure=tr("Choose one of these files."),
                code="bad_file",
            )
        raise Problem(
            tr("{file} cannot be read.", file=self.path),
            cause=tr("It is a folder, and no offline kit of AIEnv: there is no {file} in it.", file=MANIFEST),
            cure=tr("Choose the folder of a kit, or a file that lists packages."),
            code="bad_file",
        )

    def _json(self) -> FileReading:
        text = read_text(self.path, LARGEST_LOCK)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            data = None
        if self.path.name == MANIFEST:
            return self._kit(self.path)
        if isinstance(data, dict) and "_meta" in data and "default" in data:
            raise self._told(tr("It is Pipenv's lock; write it as a requirements.txt with “pipenv requirements”."))
        raise self._told(tr("It is a file of data, not a list of packages."))

    def _yaml(self, text: str) -> FileReading:
        if _has_part(text, "package") and _has_part(text, "metadata") and not _has_part(text, "dependencies"):
            return self._conda_lock(Lock.CONDA_LOCK, read_conda_lock, text)
        if _has_part(text, "environments") and _has_part(text, "packages") and _has_part(text, "version"):
            return self._conda_lock(Lock.PIXI, read_pixi, text)
        if len(text) > LARGEST:
            read_text(self.path)  # says that it is too large
        return self._conda(read_conda_file(self.path, text))

    def _lock(self, text: str) -> FileReading:
        if _has_part(text, "environments") or _has_part(text, "metadata"):
            return self._yaml(text)
        if "[[package]]" in text and "requires-python" in text[:2000]:
            raise self._told(
                tr("It is uv's own lock; write it as a pylock.toml with “uv export --format pylock.toml”.")
            )
        if "[[package]]" in text and ("poetry" in text[:200].lower() or "content-hash" in text):
            raise self._told(tr("It is Poetry's own lock; write it as a requirements.txt with “poetry export”."))
        if "[[package]]" in text:
            raise self._told(tr("It is the lock of another program."))
        if "[[packages]]" in text:
            return self._pylock(text)
        raise self._told(tr("It is the lock of another program."))

    def _toml(self, text: str) -> FileReading:
        if re.search(r"^lock-version\s*=", text, re.MULTILINE) and "[[package]]" not in text:
            return self._pylock(text)
        if self.path.name.lower() in ("pixi.toml", "mojoproject.toml"):
            raise self._told(tr("It is pixi's list; its lock, pixi.lock, can be chosen."))
        if "[[package]]" in text and "[project]" not in text:
            raise self._told(tr("It is the lock of another program."))
        return self._project(text)

    def _told(self, cause: Text) -> Problem:
        """The problem of a file that is known and not read; names files beside it that are."""
        found = [name for name in self._beside(self.path.parent) if name != self.path.name]
        return Problem(
            tr("{file} is no list of packages that AIEnv reads.", file=self.path.name),
            cause=cause,
            cure=tr("Choose {files}, which lies beside it.", files=found[0])
            if found
            else tr(
                "Choose a requirements.txt, an environment.yml, a pyproject.toml or a lock (pylock.toml, "
                "conda-lock.yml, pixi.lock, a conda list with addresses)."
            ),
            code="bad_file",
        )

    @staticmethod
    def _beside(folder: Path) -> list[str]:
        try:
            there = {path.name for path in folder.iterdir()}
        except OSError:
            return []
        return [name for name in _READABLE if name in there]

    def _requirements(self, read: Requirements) -> FileReading:
        if not read.requirements:
            cause = tr("None of its lines can be honoured.") if read.remarks else None
            raise names_no_packages(self.path, cause or tr("All of its lines are empty or comments."), read.remarks)
        return FileReading(self._pip(read, self.path.stem, ""), tuple(read.remarks))

    def _project(self, text: str) -> FileReading:
        project = read_project_file(self.path, text)
        project.listed.requirements = project.requirements
        request = self._pip(project.listed, project.name or self.path.parent.name, project.requires_python)
        return FileReading(request, tuple(project.remarks))

    def _pip(self, read: Requirements, name: str, requires_python: str) -> Request:
        """The request of pip packages, with either engine."""
        specs = (f"python{requires_python}",) if requires_python else ()
        as_conda = self.engine is Engine.CONDA
        asked = tuple(read.requirements)
        return Request(
            name=self.name or name,
            engine=self.engine or Engine.UV,
            python=self.python or _python_for(specs),
            requirements=("pip",) if as_conda else asked,
            python_specs=specs,
            source_file=str(self.path),
            pip_requirements=asked if as_conda else (),
            **_places(read),
        )

    def _conda(self, read: CondaFile) -> FileReading:
        self._needs_conda(tr("It names conda packages, which pip does not have."))
        of_python = tuple(spec for spec in read.dependencies if is_python(spec))
        request = Request(
            name=self.name or read.name or self.path.stem,
            engine=Engine.CONDA,
            python=self.python or chosen(of_python, default_python()),
            requirements=tuple(spec for spec in read.dependencies if spec not in of_python),
            python_specs=of_python,
            source_file=str(self.path),
            channels=tuple(read.channels),
            pip_requirements=tuple(read.pip.requirements),
            **_places(read.pip),
        )
        return FileReading(request, tuple(read.remarks))

    def _needs_conda(self, cause: Text) -> None:
        if self.engine is Engine.UV:
            raise Problem(
                tr("{file} needs the conda engine.", file=self.path.name),
                cause=cause,
                cure=tr("Choose conda as the engine, or a requirements.txt file."),
                code="wrong_engine",
            )

    def _conda_lock(self, kind: Lock, read: Callable[[Path, str], CondaLock], text: str) -> FileReading:
        self._needs_conda(tr("It names conda packages, which pip does not have."))
        lock = read(self.path, text)
        minor = ".".join(lock.python.split(".")[:2])
        request = Request(
            name=self.name or self._stem(("conda-lock", "pixi")),
            engine=Engine.CONDA,
            python=minor,
            requirements=tuple(f"{package.name}=={package.version}" for package in lock.packages if not package.by_pip),
            python_specs=(f"python=={lock.python}",),
            source_file=str(self.path),
            channels=tuple(dict.fromkeys(lock.channels)),
            pip_requirements=tuple(f"{package.name}=={package.version}" for package in lock.packages if package.by_pip),
            lock=kind.value,
        )
        return FileReading(request, tuple(lock.remarks))

    def _pylock(self, text: str) -> FileReading:
        if self.engine is Engine.CONDA:
            raise Problem(
                tr("{file} needs the pip engine.", file=self.path.name),
                cause=tr("It names exact files for pip, and is built exactly as it is."),
                cure=tr("Choose pip packages as the engine."),
                code="wrong_engine",
            )
        lock = parse_pylock(text, self.path)
        able, problem = [], None
        for version in [base.version for base in base_interpreters()] or [default_python()]:
            try:
                able.append((version, files_of(lock, version, tuple(supported_tags(version)), self.path)))
            except Problem as refused:
                problem = problem or refused
        if not able:
            assert problem is not None, "there is one version at least"
            raise problem
        minors = [".".join(version.split(".")[:2]) for version, _ in able]
        python = self.python or (default_python() if default_python() in minors else minors[0])
        files = next((files for version, files in able if ".".join(version.split(".")[:2]) == python), able[0][1])
        remarks = remarks_of(lock, text, self.path)
        if not files:
            raise names_no_packages(self.path, tr("It holds no published file for this system."), remarks)
        request = Request(
            name=self.name or self._stem(("pylock",)),
            engine=Engine.UV,
            python=python,
            requirements=tuple(f"{file.package}=={file.version}" if file.version else file.package for file in files),
            python_specs=("python" + "|".join(f"={minor}" for minor in minors),),
            source_file=str(self.path),
            lock=Lock.PYLOCK.value,
        )
        return FileReading(request, tuple(remarks))

    def _stem(self, plain: tuple[str, ...]) -> str:
        """A name for the environment: the file's, or its folder's where files of that kind are all called so."""
        stem = re.sub(r"^pylock\.(?=.)", "", self.path.stem)
        return self.path.absolute().parent.name or stem if stem in plain else stem

    def _kit(self, path: Path) -> FileReading:
        kit = read_kit(path)
        if self.engine is not None and self.engine is not kit.engine:
            raise Problem(
                tr("{file} needs the other engine.", file=path.parent.name),
                cause=tr("A kit is built exactly as it is, with the engine that it was made with."),
                cure=tr("Choose that engine."),
                code="wrong_engine",
            )
        minor = ".".join(kit.python.split(".")[:2])
        by_pip = kit.engine is Engine.UV
        pins = [(f"{file.package}=={file.version}", file.filename.endswith(".whl")) for file in kit.files]
        request = Request(
            name=self.name or kit.name,
            engine=kit.engine,
            python=minor,
            requirements=tuple(pin for pin, wheel in pins if wheel is by_pip),
            pip_requirements=() if by_pip else tuple(pin for pin, wheel in pins if wheel),
            template=kit.template,
            python_specs=(f"python={minor}",),
            source_file=str(path),
            accelerator=kit.accelerator,
            imports=kit.imports,
            no_index=True,
            lock=Lock.KIT.value,
        )
        return FileReading(request)


def _places(read: Requirements) -> dict[str, Any]:
    """What pip is told beside the names of packages."""
    return {
        "constraints": tuple(read.constraints),
        "hashes": tuple(read.hashes),
        "index_url": read.index_url,
        "index_urls": tuple(read.index_urls),
        "find_links": tuple(read.find_links),
        "no_index": read.no_index,
        "prereleases": read.prereleases,
        "only_binary": tuple(read.only_binary),
        "no_binary": tuple(read.no_binary),
    }


def _python_for(specs: tuple[str, ...]) -> str:
    """The application's own version where it fits or nothing does, else the newest of this machine that fits."""
    own = default_python()
    able = [base.minor for base in base_interpreters() if suits(base.version, specs)]
    return own if own in able or not able else able[0]


def _has_part(text: str, key: str) -> bool:
    return re.search(rf"^{key}:", text, re.MULTILINE) is not None


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
