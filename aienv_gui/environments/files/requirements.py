"""Reads requirements.txt: continued lines, comments, markers, hashes, files included by files.

A line that cannot be used is told with its file, its number and the cure, before anything has changed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import reason
from aienv_gui.core.wording import Text, tr

_LARGEST: Final = 2_000_000
_VALUE_OPTIONS: Final = {
    "-r": "file",
    "--requirement": "file",
    "-c": "constraint",
    "--constraint": "constraint",
    "-i": "index",
    "--index-url": "index",
    "--extra-index-url": "more",
    "-f": "links",
    "--find-links": "links",
}
# They steer pip itself and change nothing of what is asked for.
_IGNORED: Final = ("--pre", "--prefer-binary", "--only-binary", "--no-binary", "--require-hashes", "--trusted-host")
_IGNORED_MORE: Final = ("--use-feature",)


@dataclass(slots=True)
class Requirements:
    """What a requirements file asks for. Requirements and constraints are PEP 508 strings."""

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    hashes: list[tuple[str, str]] = field(default_factory=list)
    index_url: str = ""  # replaces every index of the user's, as in pip
    index_urls: list[str] = field(default_factory=list)  # searched as well
    no_index: bool = False
    find_links: list[str] = field(default_factory=list)


def read_requirements(path: Path) -> Requirements:
    """Read a requirements file and those it includes. Raises `Problem` with file, line and cure."""
    result = Requirements()
    _read_file(path, result, into=result.requirements, seen=())
    return result


def parse_lines(lines: list[tuple[int, str]], path: Path) -> Requirements:
    """Read requirement lines that stand in another file (the pip part of an environment.yml), with their numbers."""
    result = Requirements()
    for number, line in lines:
        _read_line(line, number, path, result, result.requirements, (_real(path),))
    return result


def read_text(path: Path) -> str:
    """A text file in UTF-8 or, as PowerShell's ``>`` writes it, UTF-16. Raises `Problem` where it is neither."""
    try:
        state = path.stat()
        if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):  # reading a pipe would never end
            raise Problem(
                tr("{file} cannot be read.", file=path),
                cause=tr("It is a pipe or a device, not a file."),
                cure=tr("Choose a requirements.txt or environment.yml file."),
                code="bad_file",
            )
        if state.st_size > _LARGEST:
            raise Problem(
                tr("{file} is too large.", file=path.name),
                cause=tr("A list of packages has a few kilobytes; this file has many more."),
                cure=tr("Choose a requirements.txt or environment.yml file."),
                code="bad_file",
            )
        data = path.read_bytes()
    except OSError as error:
        raise Problem(
            tr("{file} cannot be read.", file=path),
            cause=tr("The system says: {reason}.", reason=reason(error)),
            cure=tr("Check that the file is there and that you may read it."),
            code="bad_file",
        ) from error
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(
            tr("{file} is not a text file.", file=path.name),
            cause=tr("It holds bytes that are no UTF-8 text (at position {position}).", position=error.start),
            cure=tr("Save it as UTF-8 text in an editor, or choose another file."),
            code="bad_file",
        ) from error


def bad_line(path: Path, line: int, reason: Text, cure: Text, details: str = "") -> Problem:
    """The problem of one line of a file; `details` are another program's words on it."""
    return Problem(
        tr("{file} cannot be used as it is.", file=path.name),
        cause=tr("Line {line}: {reason}", line=line, reason=reason),
        cure=cure,
        details="\n".join((str(path), details)).strip(),
        code="bad_file",
    )


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with continuations joined and comments taken away, each with the number of its first line."""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate([*text.splitlines(), ""], start=1):
        first = first if parts else number
        line = re.sub(r"(^|\s)#.*$", "", raw)
        if line.endswith("\\") and not raw.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        joined = "".join([*parts, line]).strip()
        parts = []
        if joined:
            yield first, joined


def _real(path: Path) -> Path:
    """The file behind links; unlike `Path.resolve` without an exception for a link that leads back to itself."""
    return Path(os.path.realpath(path))


def _read_file(path: Path, result: Requirements, into: list[str], seen: tuple[Path, ...]) -> None:
    absolute = _real(path)
    if absolute in seen:  # files that include each other
        return
    for number, line in logical_lines(read_text(path)):
        _read_line(line, number, path, result, into, (*seen, absolute))


def _read_line(
    line: str, number: int, path: Path, result: Requirements, into: list[str], seen: tuple[Path, ...]
) -> None:
    if line.startswith("-"):
        _read_option(line, number, path, result, into, seen)
        return
    text, *options = re.split(r"\s--", line)
    hashes = [option.removeprefix("hash").lstrip(" =").strip() for option in options if option.startswith("hash")]
    requirement = _requirement(text.strip(), number, path)
    into.append(str(requirement))
    for digest in hashes:
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256":  # the lock holds no other, so a file could not be held against it
            raise bad_line(
                path,
                number,
                tr(
                    "the hash of {package} is not a SHA-256, the only kind that is checked here.",
                    package=requirement.name,
                ),
                tr("Write its SHA-256, as --hash=sha256:…, or take the hash away."),
            )
        if not re.fullmatch(r"[0-9a-f]{64}", value):
            raise bad_line(
                path,
                number,
                tr("the hash of {package} is not a whole SHA-256.", package=requirement.name),
                tr("Copy the line again from where it came, or take the hash away."),
            )
        result.hashes.append((canonicalize_name(requirement.name), digest))


def _read_option(
    line: str, number: int, path: Path, result: Requirements, into: list[str], seen: tuple[Path, ...]
) -> None:
    name, value = _option(line)
    if name in (*_IGNORED, *_IGNORED_MORE):
        return
    if name == "--no-index":
        result.no_index = True
        return
    kind = _VALUE_OPTIONS.get(name)
    if kind is None:
        if name in ("-e", "--editable"):
            raise bad_line(
                path,
                number,
                tr("“{line}” stands for a project under development.", line=line),
                tr("Take the line away; install the project into the environment once it is built."),
            )
        raise bad_line(
            path,
            number,
            tr("the option “{option}” is not known.", option=name),
            tr("Take the line away or write it as pip documents it."),
        )
    if not value:
        raise bad_line(
            path,
            number,
            tr("“{option}” needs a value.", option=name),
            tr("Add the file or address that belongs to it, or take the line away."),
        )
    if kind == "index":
        result.index_url = value
    elif kind == "more":
        result.index_urls.append(value)
    elif kind == "links":
        local = path.parent / value
        result.find_links.append(str(local.absolute()) if local.is_dir() else value)
    else:
        included = path.parent / value
        if not included.is_file():
            raise bad_line(
                path,
                number,
                tr("the file {file} is not there.", file=value),
                tr("Put the file beside this one, or take the line away."),
            )
        _read_file(included, result, result.constraints if kind == "constraint" else into, seen)


def _option(line: str) -> tuple[str, str]:
    name, _, value = re.sub(r"\s+", " ", line).partition(" ")
    if name.startswith("--") and "=" in name:
        name, _, value = line.partition("=")
    elif not name.startswith("--") and len(name) > 2:  # "-rfile"
        name, value = name[:2], name[2:] + value
    return name, value.strip().strip("\"'")


def _requirement(text: str, number: int, path: Path) -> Requirement:
    if re.match(r"(git|hg|svn|bzr)\+", text) or re.search(r"@\s*(git|hg|svn|bzr)\+", text):
        raise bad_line(
            path,
            number,
            tr("“{line}” is a source repository, not a package.", line=text),
            tr("Name a published version of the package instead."),
        )
    if re.match(r"(\.{0,2}[/\\]|[A-Za-z]:\\|file:)", text) or re.fullmatch(r"\S+\.(whl|tar\.gz|zip)", text):
        raise bad_line(
            path,
            number,
            tr("“{line}” is a file, not a package's name.", line=text),
            tr("Write the package's name; put its folder into the settings as a place for wheels."),
        )
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        single = re.match(r"^[A-Za-z0-9._-]+(\[[^\]]*\])?\s*=(?!=)", text)
        raise bad_line(
            path,
            number,
            tr("“{line}” is not a package's name with a version.", line=text),
            tr("Write == for an exact version, as in numpy==2.1.")
            if single
            else tr("Write it as in numpy, numpy>=2 or numpy==2.1."),
        ) from error
