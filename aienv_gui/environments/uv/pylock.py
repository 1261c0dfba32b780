"""Reads uv's lock (pylock.toml, PEP 751) and what wheels' names and insides tell: tags, versions, unpacked sizes."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag, compatible_tags, cpython_tags, platform_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import PlannedFile
from aienv_gui.environments.sources.download import cached, local_path

# Measured over 50 popular wheels: they unpack to 2.3 to 4.6 times their size, PyTorch's to 3.7.
_UNPACKED_FACTOR: Final = 3.6
_UNKNOWN_SIZE: Final = 1_000_000


def parse_lock(text: str, folder: Path, python: str) -> tuple[PlannedFile, ...]:
    """The files of a pylock.toml: the wheel that suits Python `python` (``3.11``) of this machine, else the source.

    `folder` is where relative paths start. Raises `Problem` for what is no file (a repository).
    """
    packages = tomllib.loads(text).get("packages", [])
    return tuple(_planned(package, folder, python) for package in packages)


def _planned(package: Mapping[str, Any], folder: Path, python: str) -> PlannedFile:
    wheels = [entry for entry in package.get("wheels", ()) if _name(entry)]
    entry = _best(wheels, python) or package.get("archive") or package.get("sdist")
    if entry is None or not ("url" in entry or "path" in entry):
        raise Problem(
            tr("{package} is not a published file.", package=package["name"]),
            cause=tr("It would be taken from a source repository or a folder, which a plan cannot hold exactly."),
            cure=tr("Ask for a published version of the package instead."),
            code="not_a_file",
        )
    url = entry.get("url") or (folder / entry["path"]).resolve().as_uri()
    return PlannedFile(
        package=package["name"],
        version=package.get("version", ""),
        filename=_name(entry),
        url=url,
        sha256=entry.get("hashes", {}).get("sha256", ""),
        size_bytes=entry.get("size"),
    )


def _name(entry: Mapping[str, Any]) -> str:
    if entry.get("name"):
        return str(entry["name"])
    return unquote(urlsplit(entry.get("url") or entry.get("path", "")).path.rsplit("/", 1)[-1])


def _best(wheels: Sequence[Mapping[str, Any]], python: str) -> Mapping[str, Any] | None:
    if len(wheels) == 1:
        return wheels[0]
    order = {tag: rank for rank, tag in enumerate(supported_tags(python))}
    ranked = []
    for entry in wheels:
        try:
            suited = [order[tag] for tag in parse_wheel_filename(_name(entry))[3] if tag in order]
        except InvalidWheelFilename:
            continue
        if suited:
            ranked.append((min(suited), entry))
    return min(ranked, key=lambda item: item[0])[1] if ranked else None


def supported_tags(python: str) -> Iterator[Tag]:
    """The wheel tags an ordinary CPython of that version (``3.11``) accepts on this machine, best first."""
    major, minor = (int(number) for number in python.split(".")[:2])
    platforms = list(platform_tags())
    yield from cpython_tags((major, minor), abis=[f"cp{major}{minor}"], platforms=platforms)
    yield from compatible_tags((major, minor), f"cp{major}{minor}", platforms)


def local_wheels(package: str, local: str, places: Sequence[str], python: str) -> list[str]:
    """Versions with the local part `local` (``2.13.0+cpu``) in the folders among `places`, newest first."""
    accepted = set(supported_tags(python))
    found: set[Version] = set()
    for place in places:
        folder = local_path(place) if "://" in place else Path(place)
        for wheel in folder.glob("*.whl") if folder is not None else ():
            try:
                name, version, _, wheel_tags = parse_wheel_filename(wheel.name)
            except InvalidWheelFilename:
                continue
            if name == package and version.local == local and wheel_tags & accepted:
                found.add(version)
    return [str(version) for version in sorted(found, reverse=True)]


def unpacked_bytes(file: PlannedFile, folders: Folders) -> int:
    """What a file takes once installed: read from the wheel where it is here, else estimated from its size."""
    here = cached(file, folders) or local_path(file.url)
    if here is not None and here.suffix == ".whl":
        try:
            with zipfile.ZipFile(here) as wheel:
                return sum(member.file_size for member in wheel.infolist())
        except (OSError, zipfile.BadZipFile):
            pass  # the fetch says what is wrong with it; an estimate does for now
    return round((file.size_bytes or _UNKNOWN_SIZE) * _UNPACKED_FACTOR)
