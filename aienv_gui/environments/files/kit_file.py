"""Reads an offline kit: a folder with ``kit.json`` (what it builds, and for which system) and every file it needs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.files.platforms import this_subdir
from aienv_gui.environments.files.text import LARGEST_LOCK, read_text
from aienv_gui.environments.records import Engine, PlannedFile

MANIFEST: Final = "kit.json"
PACKAGES: Final = "packages"
VERSION: Final = 1
LOCK_OF: Final = {Engine.UV: "pylock.toml", Engine.CONDA: "conda-lock.yml"}


@dataclass(frozen=True, slots=True)
class Kit:
    """What a kit holds. `origins` are the addresses its files came from, by name; empty where they are not known."""

    folder: Path
    name: str
    engine: Engine
    python: str  # "3.11.7"
    platform: str
    files: tuple[PlannedFile, ...]
    origins: dict[str, str]
    accelerator: str = "cpu"
    template: str = ""
    imports: tuple[str, ...] = ()

    @property
    def lock(self) -> str:
        """The text of the lock in the kit; empty where it is not there."""
        place = self.folder / LOCK_OF[self.engine]
        return read_text(place, LARGEST_LOCK) if place.is_file() else ""


def is_kit(data: Any) -> bool:
    """Whether the content of a JSON file is that of a kit."""
    return isinstance(data, dict) and data.get("kit") == "aienv"


def read_kit(path: Path) -> Kit:
    """Read a kit by its ``kit.json`` and see that its files are there.

    Their content is held against its hashes when they are taken. Raises `Problem` for another system's kit, for one of
    a newer AIEnv, and for one that is not whole.
    """
    try:
        data = json.loads(read_text(path, LARGEST_LOCK))
        if not is_kit(data):
            raise _damaged(path, "not a kit")
        if not isinstance(data.get("version"), int) or data["version"] > VERSION:
            raise Problem(
                tr("A file was written by a newer AIEnv."),
                cause=tr(
                    "{path} has format {found}; this program knows {known}.",
                    path=path,
                    found=data.get("version"),
                    known=VERSION,
                ),
                cure=tr("Update AIEnv."),
                code="newer_file",
            )
        kit = _kit(path.parent, data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    if kit.platform != this_subdir():
        raise Problem(
            tr("{file} is for another system.", file=path.parent.name),
            cause=tr(
                "The kit was made for {system}; this computer is {here}.", system=kit.platform, here=this_subdir()
            ),
            cure=tr("Make a kit on a computer with the same system as this one."),
            code="other_platform",
        )
    _check_files(kit)
    return kit


def _kit(folder: Path, data: dict[str, Any]) -> Kit:
    files: list[PlannedFile] = []
    origins: dict[str, str] = {}
    for entry in data["files"]:
        name, digest = str(entry["name"]), str(entry["sha256"])
        if re.search(r"[/\\\0]", name) or name in ("", ".", "..") or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError(name)
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", str(entry["package"])):
            raise ValueError(entry["package"])
        place = folder / PACKAGES / name
        files.append(
            PlannedFile(
                package=str(entry["package"]),
                version=str(entry["version"]),
                filename=name,
                url=place.absolute().as_uri(),
                sha256=digest,
                size_bytes=int(entry["size"]),
                cached=True,
            )
        )
        origins[name] = str(entry.get("url", ""))
    python = str(data["python"])
    if not re.fullmatch(r"\d\.\d{1,3}(\.\d{1,3}\w*)?", python) or not files:
        raise ValueError(python)
    return Kit(
        folder=folder,
        name=str(data["name"]),
        engine=Engine(data["engine"]),
        python=python,
        platform=str(data["platform"]),
        files=tuple(files),
        origins=origins,
        accelerator=str(data.get("accelerator", "cpu")),
        template=str(data.get("template", "")),
        imports=tuple(str(name) for name in data.get("imports", ())),
    )


def _check_files(kit: Kit) -> None:
    missing: list[str] = []
    altered: list[str] = []
    for file in kit.files:
        try:
            length = (kit.folder / PACKAGES / file.filename).stat().st_size
        except OSError:
            missing.append(file.filename)
            continue
        if length != file.size_bytes:
            altered.append(file.filename)
    if missing or altered:
        raise Problem(
            tr("The kit {name} is not whole.", name=kit.folder.name),
            cause=_not_there(missing) if missing else tr("{file} is not the file that belongs to it.", file=altered[0]),
            cure=tr("Copy the whole folder of the kit again, or make it again."),
            details="\n".join(missing + altered),
            code="kit_not_whole",
        )


def _not_there(missing: list[str]) -> Text:
    return tr_count(
        "{count} file is missing: {file}.",
        "{count} files are missing, one of them {file}.",
        len(missing),
        file=missing[0],
    )


def _damaged(path: Path, details: str) -> Problem:
    return Problem(
        tr("{file} is not an offline kit of AIEnv.", file=path.parent.name),
        cause=tr("Its file {file} does not hold what it should.", file=path.name),
        cure=tr("Copy the whole folder of the kit again, or make it again."),
        details=details,
        code="bad_file",
    )
