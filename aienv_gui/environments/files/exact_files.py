"""Which exact files an environment is made of: what AIEnv noted when it built it, and what conda noted in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.environments.health.integrity import site_packages
from aienv_gui.environments.manifest import Manifest, read_manifest
from aienv_gui.environments.records import Environment, PlannedFile
from aienv_gui.environments.sources import download

NOT_SHARED: Final = frozenset({"pip", "setuptools", "wheel"})  # every environment has its own


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """What conda noted of a package that it installed."""

    name: str
    version: str
    build: str
    url: str
    filename: str
    md5: str
    sha256: str
    size_bytes: int | None
    depends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExactFiles:
    """The files of an environment; `unknown` are installed packages whose file nobody noted, ``name version``."""

    conda: tuple[CondaPackage, ...]
    by_pip: tuple[PlannedFile, ...]
    unknown: tuple[str, ...]


def exact_files(environment: Environment, folders: Folders | None = None) -> ExactFiles:
    """Read what an environment is made of; never raises. With `folders`, hashes no index told are taken from the cache.

    Reads small files: well under a second.
    """
    conda = conda_packages(environment.prefix)
    manifest = manifest_of(environment)
    noted = {
        canonicalize_name(file.package): file
        for file in (manifest.files if manifest is not None else ())
        if not file.filename.endswith((".conda", ".tar.bz2"))
    }
    by_conda = {canonicalize_name(package.name) for package in conda}
    wanted = [package for package in environment.packages if package.name not in by_conda]
    if conda:
        by_pip = pip_names(environment.prefix)
        wanted = [package for package in wanted if package.name in by_pip]
    found: list[PlannedFile] = []
    unknown: list[str] = []
    for package in wanted:
        file = noted.get(canonicalize_name(package.name))
        if file is not None and (not file.version or same_version(file.version, package.version)):
            found.append(_with_hash(file, folders))
        elif canonicalize_name(package.name) not in NOT_SHARED:
            unknown.append(f"{package.name} {package.version}")
    unknown += [f"{package.name} {package.version}" for package in conda if not package.url]
    return ExactFiles(conda, tuple(found), tuple(unknown))


def _with_hash(file: PlannedFile, folders: Folders | None) -> PlannedFile:
    place = download.cached(file, folders) if folders is not None and not file.sha256 else None
    return replace(file, sha256=download.noted_hash(place)) if place is not None else file


def md5_of(path: Path) -> str:
    """The MD5 of a file, by which older conda lists tell one archive from another."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def same_version(one: str, other: str) -> bool:
    """Whether two versions mean the same, in whatever writing: ``1.0`` and ``1.0.0``."""
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def manifest_of(environment: Environment) -> Manifest | None:
    """What AIEnv noted when it built an environment; None where it did not, or the note is damaged."""
    try:
        return read_manifest(environment.prefix)
    except (Problem, OSError, KeyError, TypeError, ValueError):
        return None  # damaged: what is installed can be read all the same


def conda_packages(prefix: Path) -> tuple[CondaPackage, ...]:
    """What conda installed, by name; records that cannot be read are left out."""
    found: list[CondaPackage] = []
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        record = _record(file)
        if isinstance(record.get("name"), str) and isinstance(record.get("version"), str):
            url = str(record.get("url") or "")
            size, depends = record.get("size"), record.get("depends")
            found.append(
                CondaPackage(
                    name=record["name"],
                    version=record["version"],
                    build=str(record.get("build") or ""),
                    url=url,
                    filename=re.split(r"[/\\]", str(record.get("fn") or url))[-1],
                    md5=str(record.get("md5") or ""),
                    sha256=str(record.get("sha256") or ""),
                    size_bytes=size if isinstance(size, int) else None,
                    depends=tuple(str(need) for need in depends) if isinstance(depends, list) else (),
                )
            )
    return tuple(sorted(found, key=lambda package: package.name))


def _record(file: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def pip_names(prefix: Path) -> set[str]:
    """Normalised names of what pip or uv installed into a conda environment."""
    infos: Iterable[Path] = (info for site in site_packages(prefix) for info in site.glob("*.dist-info"))
    return {canonicalize_name(info.name.split("-")[0]) for info in infos if _installer(info) != "conda"}


def _installer(info: Path) -> str:
    try:
        return (info / "INSTALLER").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
