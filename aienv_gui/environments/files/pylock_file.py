"""Reads pylock.toml (PEP 751): which of its files belong on this machine, for which Python."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from packaging.markers import default_environment
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageSdist,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
)
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import tr
from aienv_gui.environments.files.pyproject import parse_toml
from aienv_gui.environments.files.text import bad_line, remark, short
from aienv_gui.environments.records import PlannedFile, Remark

_ADD_AFTERWARDS: Final = tr("It is left out: install it into the environment once that is built.")


def parse_pylock(text: str, path: Path) -> Pylock:
    """The lock in a text. Raises `Problem` with file, line and cure."""
    data = parse_toml(text, path)
    watched = logging.getLogger("packaging.pylock")
    former, watched.disabled = watched.disabled, True  # it tells of newer minor versions, which are read all the same
    try:
        return Pylock.from_dict(data)
    except PylockUnsupportedVersionError as error:
        raise Problem(
            tr("{file} cannot be used as it is.", file=path.name),
            cause=tr(
                "It is written in version {version} of its format, which AIEnv does not read.",
                version=short(str(data.get("lock-version"))),
            ),
            cure=tr("Make the lock again with a current version of the program that wrote it."),
            details=str(error),
            code="bad_file",
        ) from error
    except (PylockValidationError, ValueError, TypeError, RecursionError) as error:
        raise bad_line(
            path,
            _line_of(str(error), data, text),
            tr("this is not what a lock of Python packages (pylock.toml) holds."),
            tr("Make the lock again with the program that wrote it."),
            str(error),
        ) from error
    finally:
        watched.disabled = former


def _line_of(message: str, data: dict[str, Any], text: str) -> int:
    """The line of the package that a message speaks of (``packages[3]``)."""
    place = re.search(r"packages\[(\d+)\]", message)
    starts = [number for number, line in enumerate(text.split("\n"), start=1) if line.strip() == "[[packages]]"]
    del data
    return starts[int(place[1])] if place is not None and int(place[1]) < len(starts) else 1


def remarks_of(lock: Pylock, text: str, path: Path) -> list[Remark]:
    """What the lock names that is no published file."""
    starts = [number for number, line in enumerate(text.split("\n"), start=1) if line.strip() == "[[packages]]"]
    result: list[Remark] = []
    for place, package in enumerate(lock.packages):
        number = starts[place] if place < len(starts) else 1
        if package.directory is not None:
            reason = tr("It is a project under development, not a package.")
        elif package.vcs is not None:
            reason = tr("It is a source repository, not a package.")
        else:
            continue
        result.append(remark(path, number, package.name, reason, _ADD_AFTERWARDS))
    groups = [
        name
        for name in (*(lock.extras or ()), *(lock.dependency_groups or ()))
        if name not in (lock.default_groups or ())
    ]
    if groups:
        result.append(
            remark(
                path,
                1,
                ", ".join(groups),
                tr("The lock holds extras and groups, which have to be asked for."),
                tr("They are left out."),
            )
        )
    return result


def files_of(lock: Pylock, python: str, tags: Sequence[Tag], path: Path) -> tuple[PlannedFile, ...]:
    """The files for Python `python` (``3.11.7``), which accepts the wheels of `tags`.

    Raises `Problem` where the lock is for other Pythons or systems, or does not say what a file must be.
    """
    full = python if python.count(".") > 1 else f"{python}.0"
    environment = default_environment()
    environment["python_full_version"] = environment["implementation_version"] = full
    environment["python_version"] = ".".join(full.split(".")[:2])
    try:
        chosen = list(lock.select(environment=environment, tags=tags))
    except PylockSelectError as error:
        raise _unsuited(str(error), python, path) from error
    except (InvalidWheelFilename, ValueError, KeyError, RecursionError) as error:
        raise bad_line(
            path,
            1,
            tr("this is not what a lock of Python packages (pylock.toml) holds."),
            tr("Make the lock again with the program that wrote it."),
            str(error),
        ) from error
    return tuple(
        _planned(package, source, path)
        for package, source in chosen
        if isinstance(source, PackageArchive | PackageSdist | PackageWheel)
    )


def _unsuited(message: str, python: str, path: Path) -> Problem:
    package = re.search(r"for package '([^']+)'", message)
    wanted = re.search(r"requirement '([^']+)'", message)
    title = tr("{file} does not suit Python {version} on this computer.", file=path.name, version=python)
    if wanted is not None:
        cause = tr("It is for Python {wanted}.", wanted=wanted[1])
        code = "other_python"
    elif package is not None and "No wheel" in message:
        cause = tr(
            "It has no file of {package} for this Python and system ({system}).",
            package=package[1],
            system=sys.platform,
        )
        code = "other_platform"
    elif "environments" in message:
        cause = tr("It was made for other systems than this one ({system}).", system=sys.platform)
        code = "other_platform"
    else:
        cause = tr("Its packages exclude each other here.")
        code = "conflict"
    return Problem(
        title,
        cause=cause,
        cure=tr("Choose another Python, or the list that the lock was made from (requirements.txt, pyproject.toml)."),
        details=message,
        code=code,
    )


def _planned(package: Package, source: PackageArchive | PackageSdist | PackageWheel, path: Path) -> PlannedFile:
    digest = {name.lower(): value.lower() for name, value in source.hashes.items()}.get("sha256", "")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise Problem(
            tr("{file} cannot be used as it is.", file=path.name),
            cause=tr(
                "It has no SHA-256 of {package}, the only kind of hash that is checked here.", package=package.name
            ),
            cure=tr("Make the lock again with the program that wrote it."),
            code="bad_file",
        )
    url = source.url or ""
    if source.path is not None and (not url or (path.parent / source.path).is_file()):
        url = (path.parent / source.path).absolute().as_uri()
    filename = source.filename if not isinstance(source, PackageArchive) else _last_part(source.path or url)
    return PlannedFile(
        package=package.name,
        version=str(package.version) if package.version is not None else "",
        filename=filename,
        url=url,
        sha256=digest,
        size_bytes=source.size,
    )


def _last_part(address: str) -> str:
    return unquote(urlsplit(address).path).replace("\\", "/").rsplit("/", 1)[-1]
