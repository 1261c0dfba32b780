"""The packages of an environment for its table: sizes, what requires what, newer versions; and its last use."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, read_json, write_json
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery.installed import Installed, installed_packages
from aienv_gui.environments.discovery.prefix_reading import site_packages_of
from aienv_gui.environments.manifest import Manifest, read_manifest, sources_to_json
from aienv_gui.environments.records import Engine, Environment, Request, Sources
from aienv_gui.environments.sources.addresses import public_data

_CACHE_VERSION: Final = 1
_FRESH_S: Final = 6 * 3600.0
_LOOKED_AT: Final = 400  # folders and files whose dates are read for the last use


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """What is known about one installed package."""

    name: str  # normalised; conda's own name for a conda package
    version: str
    size_bytes: int | None  # what its list of files says; None where it has none
    requires: tuple[str, ...]  # installed packages it needs here: markers and extras evaluated
    required_by: tuple[str, ...]
    missing: tuple[str, ...]  # what it needs and is not installed
    summary: str  # one line
    installer: str  # "pip", "uv", "conda", or "" where unknown
    asked: bool  # named in aienv.json's request; False where unknown


def package_facts(environment: Environment, reporter: Reporter) -> tuple[PackageFacts, ...]:
    """What the metadata of an environment's packages tells, by name; runs nothing and never raises for a damaged one.

    About a second for a large environment. Raises `Cancelled`.
    """
    packages = installed_packages(environment, reporter, sizes=True)
    request = _request(environment.prefix)
    needs = _Needs(environment, packages, request).resolve()
    required_by: dict[str, set[str]] = {}
    for name, needed in needs.items():
        for other in needed.requires:
            required_by.setdefault(other, set()).add(name)
    asked = _asked(request)
    return tuple(
        PackageFacts(
            name=package.name,
            version=package.version,
            size_bytes=package.size_bytes,
            requires=tuple(sorted(needs[package.name].requires)),
            required_by=tuple(sorted(required_by.get(package.name, ()))),
            missing=tuple(sorted(needs[package.name].missing)),
            summary=package.summary,
            installer=package.installer,
            asked=package.name in asked or any(name in asked for name in package.python_names),
        )
        for package in packages
    )


def outdated(environment: Environment, sources: Sources, folders: Folders, reporter: Reporter) -> Mapping[str, str]:
    """The newest version this environment's Python could take of each package that is older: name -> version.

    Asks the package index and, for conda's packages, the channels; the answer is kept for six hours or until the
    packages change. What no index has is left out. Raises `Problem` where an index or channel cannot be read, and
    `Cancelled`.
    """
    from aienv_gui.environments.contents.package_index import newest_versions  # requests

    packages = installed_packages(environment, reporter, sizes=False)
    manifest = _manifest(environment.prefix)
    kept = folders.cache / "outdated" / f"{_digest(str(environment.prefix.absolute()))[:20]}.json"
    key = _digest(
        json.dumps([environment.python_version, public_data(sources_to_json(sources))])
        + "".join(f"\n{package.name} {package.version} {package.installer}" for package in packages)
    )
    with suppress(Problem, OSError, KeyError, TypeError, ValueError):
        data = read_json(kept, version=_CACHE_VERSION)
        if data["key"] == key and 0 <= time.time() - float(data["asked"]) < _FRESH_S:
            return {str(name): str(version) for name, version in data["newest"].items()}
    reporter.status(tr("Looking for newer versions"))
    by_pip = [package for package in packages if not package.conda and not package.local and package.version]
    newest: dict[str, str] = {}
    if by_pip:
        newest.update(newest_versions(by_pip, environment.python_version, _joined(sources, manifest), reporter))
    by_conda = [package for package in packages if package.conda and package.version]
    if by_conda:
        from aienv_gui.environments.conda.newest import ask  # only where there are any

        newest.update(ask(by_conda, environment, manifest.request if manifest else None, sources, folders, reporter))
    with suppress(Problem):  # a full disk: it is asked again next time
        write_json(kept, {"key": key, "asked": time.time(), "newest": newest}, version=_CACHE_VERSION)
    return newest


def last_used(environment: Environment) -> float | None:
    """When a program last ran in an environment as far as the disk tells, in seconds since the epoch; None: unknown.

    Python reads a package's compiled file at each import, and writes it at the first: of some hundred such files the
    newest date counts, and when packages were last changed. Systems note a reading once a day at most, some never.
    Some milliseconds.
    """
    newest = 0.0
    for path in _dated(environment):
        with suppress(OSError, ValueError):
            state = os.stat(path)  # noqa: PTH116 - hundreds of them
            newest = max(newest, state.st_mtime, state.st_atime if path.endswith(".pyc") else 0.0)
    return min(newest, time.time()) if newest else None


def _dated(environment: Environment) -> Iterator[str]:
    yield str(environment.prefix / "conda-meta" / "history")
    for site in site_packages_of(environment.prefix, environment.python):
        yield str(site)
        with suppress(OSError), os.scandir(site) as entries:
            for number, entry in enumerate(entries):
                if number >= _LOOKED_AT:
                    break
                if entry.name == "__pycache__":
                    yield from _compiled(entry.path, _LOOKED_AT)
                elif "." not in entry.name:
                    yield from _compiled(os.path.join(entry.path, "__pycache__"), 3)  # noqa: PTH118


def _compiled(folder: str, limit: int) -> Iterator[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= limit:
                break
            if entry.name.endswith(".pyc"):
                yield entry.path


@dataclass(slots=True)
class _Found:
    requires: set[str]
    missing: set[str]


class _Needs:
    """Who needs whom. An extra that one package asks of another counts for that other."""

    def __init__(self, environment: Environment, packages: Sequence[Installed], request: Request | None) -> None:
        self._packages = {package.name: package for package in packages}
        self._python_names = {name: package.name for package in packages for name in package.python_names}
        self._markers = _markers(environment.python_version)
        self._extras: dict[str, set[str]] = {}
        if request is not None:
            for text in (*_pip_texts(request),):
                with suppress(InvalidRequirement):
                    asked = Requirement(text)
                    self._extras.setdefault(canonicalize_name(asked.name), set()).update(asked.extras)

    def resolve(self) -> Mapping[str, _Found]:
        found = {name: _Found(set(), set()) for name in self._packages}
        waiting = list(self._packages)
        while waiting:
            package = self._packages[waiting.pop()]
            if package.conda:
                self._add_conda(package, found[package.name])
            else:
                waiting += self._add_python(package, found[package.name])
        return found

    def _add_conda(self, package: Installed, found: _Found) -> None:
        for spec in package.requires:
            name = re.split(r"[\s\[=<>!~]", spec.strip(), maxsplit=1)[0].rpartition("::")[2].lower()
            if name in self._packages:
                found.requires.add(name)
            elif name and not name.startswith("__") and " when " not in spec:
                found.missing.add(name)

    def _add_python(self, package: Installed, found: _Found) -> list[str]:
        """Note what a package needs; returns those that have to be looked at again, with a further extra."""
        again: list[str] = []
        for text in package.requires:
            try:
                requirement = Requirement(text)
                if not self._applies(requirement, self._extras.get(package.name, set())):
                    continue
            except (InvalidRequirement, UndefinedEnvironmentName, UndefinedComparison):
                continue
            wanted = canonicalize_name(requirement.name)
            name = wanted if wanted in self._packages else self._python_names.get(wanted, "")
            if not name:
                found.missing.add(wanted)
                continue
            if name != package.name:
                found.requires.add(name)
            known = self._extras.setdefault(name, set())
            if not requirement.extras <= known:
                known |= requirement.extras
                again.append(name)
        return again

    def _applies(self, requirement: Requirement, extras: set[str]) -> bool:
        if requirement.marker is None:
            return True
        return any(requirement.marker.evaluate({**self._markers, "extra": extra}) for extra in ("", *sorted(extras)))


def _markers(version: str) -> dict[str, str]:
    """The values of PEP 508's markers in another Python of this computer, as its version alone tells them."""
    markers = {key: str(value) for key, value in default_environment().items()}
    if version:
        full = version if version.count(".") > 1 else f"{version}.0"
        minor = ".".join(version.split(".")[:2])
        markers |= {"python_version": minor, "python_full_version": full, "implementation_version": full}
    return markers


def _manifest(prefix: Path) -> Manifest | None:
    with suppress(Problem, KeyError, TypeError, ValueError, OSError):
        return read_manifest(prefix)
    return None


def _request(prefix: Path) -> Request | None:
    manifest = _manifest(prefix)
    return manifest.request if manifest else None


def _pip_texts(request: Request) -> tuple[str, ...]:
    return request.requirements if request.engine is Engine.UV else request.pip_requirements


def _asked(request: Request | None) -> set[str]:
    if request is None:
        return set()
    names = {"python"} if request.engine is Engine.CONDA else set()
    for text in _pip_texts(request):
        with suppress(InvalidRequirement):
            names.add(canonicalize_name(Requirement(text).name))
    if request.engine is Engine.CONDA:
        for spec in request.requirements:
            names.add(re.split(r"[\s\[=<>!~]", spec.strip(), maxsplit=1)[0].rpartition("::")[2].lower())
    return names


def _joined(sources: Sources, manifest: Manifest | None) -> Sources:
    """The sources with those that the environment's own requirements file named."""
    from aienv_gui.environments.uv.command import joined

    return joined(sources, manifest.request) if manifest is not None else sources


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
