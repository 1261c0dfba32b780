"""The packages of an environment as their metadata tells: dist-info, egg-info and conda-meta; nothing is run."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from aienv_gui.core.tasks import Reporter
from aienv_gui.environments.discovery.foreign_files import one_line, read_text
from aienv_gui.environments.discovery.prefix_reading import site_packages_of
from aienv_gui.environments.records import Environment

_METADATA_LIMIT: Final = 1 << 18  # its headers; a long description follows them
_SMALL: Final = 1 << 16
_LIST_LIMIT: Final = 1 << 26  # PyTorch's RECORD has 1.5 MB
_INSTALLERS: Final = {"pip", "uv", "conda"}
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed package. `requires` are PEP 508 texts, or match specs where `conda` is true."""

    name: str  # normalised; conda's own name where `conda` is true
    version: str
    installer: str  # "pip", "uv", "conda" or ""
    requires: tuple[str, ...] = ()
    summary: str = ""
    size_bytes: int | None = None
    conda: bool = False
    python_names: tuple[str, ...] = ()  # what Python calls the packages in a conda package: torch in pytorch
    local: bool = False  # put here from a folder or a repository: no index has a newer one


def installed_packages(environment: Environment, reporter: Reporter, *, sizes: bool) -> tuple[Installed, ...]:
    """Every package of an environment; what cannot be read of one is left empty. Raises `Cancelled`.

    66 to 240 ms without `sizes`; with them also each list of files is read, a second for a large environment.
    """
    found: dict[str, Installed] = {}
    owned: dict[str, str] = {}  # dist-info folder of a conda package -> the package
    for record in conda_records(environment.prefix):
        reporter.checkpoint()
        package = _conda_package(record, sizes)
        found[package.name] = package
        for file in record.get("files") or ():
            inside = re.search(r"([^/]+\.(?:dist|egg)-info)(?:/|$)", str(file))
            if inside is not None:
                owned[inside[1]] = package.name
    by_pip: dict[str, Installed] = {}
    for site in site_packages_of(environment.prefix, environment.python):
        for info in _metadata_folders(site):
            reporter.checkpoint()
            python = _python_package(info, sizes)
            if python is None:
                continue
            owner = found.get(owned.get(info.name, ""))
            if owner is None:
                by_pip.setdefault(python.name, python)
            else:
                names = (*owner.python_names, python.name)
                found[owner.name] = replace(owner, python_names=names, summary=owner.summary or python.summary)
    # pip over conda: what conda says of that package is not true any more.
    return tuple(sorted({**found, **by_pip}.values(), key=lambda package: package.name))


def conda_records(prefix: Path) -> Iterator[Mapping[str, Any]]:
    """What conda-meta says of each package, as far as it can be read."""
    with suppress(OSError):
        for path in sorted((prefix / "conda-meta").glob("*.json")):
            with suppress(OSError, ValueError, RecursionError):
                record = json.loads(read_text(path, _LIST_LIMIT))
                if isinstance(record, dict) and _NAME.fullmatch(str(record.get("name", ""))):
                    yield record


def _conda_package(record: Mapping[str, Any], sizes: bool) -> Installed:
    depends = record.get("depends")
    return Installed(
        name=str(record["name"]).lower(),
        version=one_line(str(record.get("version", ""))),
        installer="conda",
        requires=tuple(str(spec) for spec in depends) if isinstance(depends, list) else (),
        summary=_about(record),
        size_bytes=_conda_size(record) if sizes else None,
        conda=True,
    )


def _about(record: Mapping[str, Any]) -> str:
    """What conda's cache says of a package, where it still has it."""
    place = record.get("extracted_package_dir")
    with suppress(OSError, ValueError, RecursionError):
        about = json.loads(read_text(Path(str(place)) / "info" / "about.json", _SMALL)) if place else None
        if isinstance(about, dict):
            return one_line(str(about.get("summary") or ""))
    return ""


def _conda_size(record: Mapping[str, Any]) -> int | None:
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        return sum(int(entry.get("size_in_bytes") or 0) for entry in record["paths_data"]["paths"])
    return None


def _metadata_folders(site: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(
            path for path in site.iterdir() if path.name.endswith((".dist-info", ".egg-info")) and path.name[0] != "~"
        )
    return []


def _python_package(info: Path, sizes: bool) -> Installed | None:
    """What a metadata folder tells; the folder's own name where the rest is damaged; None for what is no package."""
    stem = re.sub(r"-py\d(\.\d+)?$", "", info.name.rsplit(".", 1)[0])
    name, _, version = stem.rpartition("-")
    headers = _headers(info)
    name = headers.get("Name", [name])[0].strip() or name
    version = headers.get("Version", [version])[0].strip() or version
    if not _NAME.fullmatch(name):
        return None
    installer = ""
    with suppress(OSError):
        installer = read_text(info / "INSTALLER", _SMALL).strip().lower()
    return Installed(
        name=canonicalize_name(name),
        version=one_line(version),
        installer=installer if installer in _INSTALLERS else "",
        requires=tuple(headers["Requires-Dist"]) if "Requires-Dist" in headers else tuple(_old_requires(info)),
        summary=one_line(headers.get("Summary", [""])[0]),
        size_bytes=_size(info) if sizes else None,
        local=(info / "direct_url.json").is_file(),
    )


def _headers(info: Path) -> Mapping[str, Sequence[str]]:
    for place in (info / "METADATA", info / "PKG-INFO", info):  # an old egg-info may be a file itself
        with suppress(OSError):
            text = read_text(place, _METADATA_LIMIT)
            message = HeaderParser().parsestr(text.replace("\r\n", "\n").split("\n\n", 1)[0])
            return {key: [str(value) for value in message.get_all(key) or ()] for key in message}
    return {}


def _old_requires(info: Path) -> Iterator[str]:
    """The requirements of an egg-info as PEP 508 texts."""
    section = ""
    with suppress(OSError):
        for raw in read_text(info / "requires.txt", _SMALL).splitlines():
            line = raw.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                extra, _, marker = section.partition(":")
                conditions = [f'extra == "{extra}"'] if extra else []
                conditions += [f"({marker})"] if marker else []
                yield f"{line} ; {' and '.join(conditions)}" if conditions else line


def _size(info: Path) -> int | None:
    """The bytes of a package as its RECORD lists them; None where it has none."""
    total = 0
    try:
        for row in csv.reader(read_text(info / "RECORD", _LIST_LIMIT).splitlines()):
            if len(row) > 2 and row[2].isdecimal():
                total += int(row[2])
    except (OSError, csv.Error):
        return None
    return total
