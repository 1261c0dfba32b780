"""Reads requirements.txt: continued lines, comments, markers, hashes, variables, files included by files.

A line that makes the file unusable is told with its file, its number and the cure, before anything has changed; what
only cannot be followed as it stands is remarked on.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.files.text import LEFT_OUT, bad_line, read_text, remark, short
from aienv_gui.environments.records import Remark

_VALUE_OPTIONS: Final = {
    "-r": "file",
    "--requirement": "file",
    "-c": "constraint",
    "--constraint": "constraint",
    "-i": "index",
    "--index-url": "index",
    "--pypi-url": "index",
    "--extra-index-url": "more",
    "-f": "links",
    "--find-links": "links",
    "--only-binary": "wheels",
    "--no-binary": "source",
    "-e": "project",
    "--editable": "project",
}
_DONE_ANYWAY: Final = ("--prefer-binary", "--no-cache-dir", "--no-input", "--quiet", "-q")  # nothing would be different
_OF_BUILDS: Final = (
    "--global-option",
    "--install-option",
    "--build-option",
    "--config-setting",
    "--config-settings",
    "-C",
)
_OF_INSTALL: Final = (
    "-U",
    "--upgrade",
    "--user",
    "-t",
    "--target",
    "--force-reinstall",
    "--no-deps",
    "-I",
    "--isolated",
)
_COMMAND: Final = re.compile(
    r"[!%$>]?\s*(?:sudo\s+)?(?:python\S*\s+-m\s+)?(?:pip3?|conda|mamba|uv|poetry)\s+(?:\w+\s+)?(?:install|add)\b"
)
_VCS: Final = r"(git|hg|svn|bzr)\+"
_ARCHIVES: Final = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DEEPEST: Final = 40  # files that include files

OF_ANOTHER_COMPUTER: Final = tr("It is a file of the computer the list was written on.")
_ADD_AFTERWARDS: Final = tr("It is left out: install it into the environment once that is built.")


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
    prereleases: bool = False
    only_binary: list[str] = field(default_factory=list)
    no_binary: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def read_requirements(path: Path) -> Requirements:
    """Read a requirements file and those it includes. Raises `Problem` with file, line and cure."""
    reading = _Reading(Requirements())
    reading.file(path, reading.result.requirements, depth=0)
    reading.check_hashes()
    return reading.result


def parse_lines(lines: list[tuple[int, str]], path: Path) -> Requirements:
    """Read requirement lines that stand in another file (the pip part of an environment.yml), with their numbers."""
    reading = _Reading(Requirements())
    for number, text in lines:
        for _, line in logical_lines(text):
            reading.line(line, number, path, reading.result.requirements, depth=0)
    reading.check_hashes()
    return reading.result


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with continuations joined and comments taken away, each with the number of its first line."""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate([*text.split("\n"), ""], start=1):
        first = first if parts else number
        line = re.sub(r"(^|\s)#.*$", "", raw)
        if line.endswith("\\") and not raw.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        joined = "".join([*parts, line]).strip()
        parts = []
        if joined:
            yield first, joined


def project_requirements(folder: Path, extras: tuple[str, ...] = ()) -> list[str] | None:
    """What a project's pyproject.toml says that it needs; None where it does not say. Never raises."""
    try:
        data = tomllib.loads(read_text(folder / "pyproject.toml")).get("project")
    except (Problem, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("dependencies"), list):
        return None
    optional = data.get("optional-dependencies")
    offered = {canonicalize_name(key): value for key, value in optional.items()} if isinstance(optional, dict) else {}
    found = list(data["dependencies"])
    for name in extras:
        more = offered.get(canonicalize_name(name))
        found += more if isinstance(more, list) else []
    return [text for text in found if isinstance(text, str) and requirement_of(text) is not None]


def is_pip_table(text: str) -> bool:
    """Whether a text is what ``pip list`` prints."""
    return re.match(r"\s*Package +Version\b[^\n]*\n-[- ]+\n", text) is not None


def read_pip_table(path: Path, text: str) -> Requirements:
    """Read what ``pip list`` prints: a name and a version a line."""
    rows = [(number, line.split()) for number, line in enumerate(text.split("\n"), start=1)]
    return parse_lines(
        [(number, "==".join(row[:2])) for number, row in rows if len(row) > 1 and row[1][0].isdigit()], path
    )


def not_here(requirement: Requirement, path: Path) -> str:
    """What to ask for in place of a file of another computer (``pip freeze`` names such); empty where it is here."""
    if requirement.url is None or not requirement.url.startswith("file:"):
        return ""
    local = _beside(path, requirement.url)
    if _is_file(local):
        return ""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    version = local.name.split("-")[1] if local.name.endswith(".whl") and local.name.count("-") > 3 else ""
    marker = f" ; {requirement.marker}" if requirement.marker is not None else ""
    return f"{requirement.name}{extras}{f'=={version}' if version else ''}{marker}"


def requirement_of(text: str) -> Requirement | None:
    """A PEP 508 requirement, or None for anything else."""
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError):  # the latter: a marker of a thousand parentheses
        return None


@dataclass(slots=True)
class _Reading:
    """A reading of files that include each other."""

    result: Requirements
    insist: tuple[Path, int] | None = None  # where --require-hashes stands
    bare: tuple[Path, int, str] | None = None  # the first requirement without a hash
    seen: set[tuple[Path, bool]] = field(default_factory=set)

    def file(self, path: Path, into: list[str], depth: int) -> None:
        text = read_text(path)
        # `realpath`: unlike `Path.resolve` without an exception for a link that leads back to itself.
        place = (Path(os.path.realpath(path)), into is self.result.constraints)
        if place in self.seen:  # files that include each other
            return
        self.seen.add(place)
        for number, line in logical_lines(text):
            self.line(line, number, path, into, depth)

    def line(self, line: str, number: int, path: Path, into: list[str], depth: int) -> None:
        line = self._expanded(line, number, path)
        if line.startswith("-"):
            self._option(line, number, path, into, depth)
            return
        text, *options = re.split(r"\s(?=--?[A-Za-z])", line)
        requirement = self._requirement(text.strip(), number, path, into)
        if requirement is None:
            return
        into.append(str(requirement))
        hashed = self._hashes(requirement, options, number, path)
        if not hashed and into is self.result.requirements and self.bare is None:
            self.bare = (path, number, requirement.name)

    def check_hashes(self) -> None:
        """Raise `Problem` where the file insists on hashes and a line has none."""
        if self.insist is not None and self.bare is not None:
            path, number, name = self.bare
            raise bad_line(
                path,
                number,
                tr("the file insists on hashes (--require-hashes), and {package} has none.", package=name),
                tr("Add its hash, as --hash=sha256:…, or take the line --require-hashes away."),
            )

    def _remark(self, path: Path, number: int, text: str, reason: Text, instead: Text = LEFT_OUT) -> None:
        self.result.remarks.append(remark(path, number, text, reason, instead))

    def _expanded(self, line: str, number: int, path: Path) -> str:
        """The line with the variables of this computer in it, as pip does it."""
        for name in dict.fromkeys(re.findall(r"\$\{([A-Z0-9_]+)\}", line)):
            value = os.environ.get(name)
            if value is None:
                raise bad_line(
                    path,
                    number,
                    tr("the variable {name} is not set on this computer.", name=name),
                    tr("Write its value in place of ${{{name}}}, or set it and start AIEnv again.", name=name),
                )
            line = line.replace(f"${{{name}}}", value)
        return line

    def _hashes(self, requirement: Requirement, options: list[str], number: int, path: Path) -> bool:
        """Take a requirement's own options; whether there is a hash among them."""
        name = canonicalize_name(requirement.name)
        found: list[str] = []
        others = False
        for option in options:
            if not option.startswith("--hash"):
                self._remark(path, number, option, tr("It steers how a package is built."))
                continue
            digest = option.removeprefix("--hash").lstrip(" =").strip().strip("\"'")
            algorithm, _, value = digest.partition(":")
            if algorithm != "sha256":  # the lock holds no other, so a file could not be held against it
                others = True
            elif re.fullmatch(r"[0-9a-f]{64}", value):
                found.append(digest)
            else:
                raise bad_line(
                    path,
                    number,
                    tr("the hash of {package} is not a whole SHA-256.", package=requirement.name),
                    tr("Copy the line again from where it came, or take the hash away."),
                )
        if others and not found:
            raise bad_line(
                path,
                number,
                tr(
                    "the hash of {package} is not a SHA-256, the only kind that is checked here.",
                    package=requirement.name,
                ),
                tr("Write its SHA-256, as --hash=sha256:…, or take the hash away."),
            )
        self.result.hashes += [(name, digest) for digest in found]
        return bool(found)

    def _option(self, line: str, number: int, path: Path, into: list[str], depth: int) -> None:
        name, value = _option(line)
        kind = _VALUE_OPTIONS.get(name)
        if kind is not None and not value:
            raise bad_line(
                path,
                number,
                tr("“{option}” needs a value.", option=name),
                tr("Add the file or address that belongs to it, or take the line away."),
            )
        match kind:
            case "file" | "constraint":
                self._include(kind, value, number, path, into, depth)
            case "index":
                self.result.index_url = value
            case "more":
                self.result.index_urls.append(value)
            case "links":
                local = _beside(path, value)
                self.result.find_links.append(str(local.absolute()) if _is_dir(local) else value)
            case "wheels":
                _choose(value, self.result.only_binary, self.result.no_binary)
            case "source":
                _choose(value, self.result.no_binary, self.result.only_binary)
            case "project":
                if re.match(rf"{_VCS}|[a-z+]+://", value):
                    self._remark(path, number, line, tr("It is a source repository, not a package."), _ADD_AFTERWARDS)
                else:
                    self._project(value, line, number, path, into)
            case _:
                self._flag(name, line, number, path)

    def _flag(self, name: str, line: str, number: int, path: Path) -> None:
        if name == "--no-index":
            self.result.no_index = True
        elif name == "--pre":
            self.result.prereleases = True
        elif name == "--require-hashes":
            self.insist = (path, number)
        elif name == "--trusted-host":
            self._remark(
                path,
                number,
                line,
                tr("Packages are taken from servers only whose certificate is valid."),
                tr("The certificate is checked; one of your own can be named in the settings."),
            )
        elif name in _OF_BUILDS:
            self._remark(path, number, line, tr("It steers how a package is built."))
        elif name in _OF_INSTALL:
            self._remark(path, number, line, tr("It belongs to the command “pip install”, not to a list."))
        elif name == "--use-feature":
            self._remark(path, number, line, tr("It steers pip itself, which is not used here."))
        elif name not in _DONE_ANYWAY:
            self._remark(path, number, line, tr("The option “{option}” is not known.", option=name))

    def _include(self, kind: str, value: str, number: int, path: Path, into: list[str], depth: int) -> None:
        if re.match(r"[a-z]{2,}://", value) and not value.startswith("file:"):
            raise bad_line(
                path,
                number,
                tr("the list {file} is on the internet.", file=short(value)),
                tr("Download it, put it beside this file and write its name here."),
            )
        included = _beside(path, value)
        if not _is_file(included):
            raise bad_line(
                path,
                number,
                tr("the file {file} is not there.", file=short(value)),
                tr("Put the file beside this one, or take the line away."),
            )
        if depth >= _DEEPEST:
            raise bad_line(
                path,
                number,
                tr("files include each other here over too many steps."),
                tr("Put the packages into one file."),
            )
        self.file(included, self.result.constraints if kind == "constraint" else into, depth + 1)

    def _project(self, value: str, line: str, number: int, path: Path, into: list[str]) -> None:
        """A project's folder: what it needs is asked for, it itself is not a package."""
        found = re.fullmatch(r"(.*?)(?:\[([^\]]*)\])?", value.partition(";")[0].strip().strip("\"'"), re.DOTALL)
        assert found is not None, "the expression fits everything"
        extras = tuple(part.strip() for part in (found[2] or "").split(",") if part.strip())
        needs = project_requirements(_beside(path, found[1]), extras)
        why = tr("It is a project under development, not a package.")
        if needs is None:
            self._remark(path, number, line, why, _ADD_AFTERWARDS)
            return
        into += needs
        self._remark(
            path,
            number,
            line,
            why,
            tr("What its pyproject.toml says that it needs is asked for; install the project itself afterwards."),
        )

    def _requirement(self, text: str, number: int, path: Path, into: list[str]) -> Requirement | None:
        if re.match(_VCS, text) or re.search(rf"@\s*{_VCS}", text):
            self._remark(path, number, text, tr("It is a source repository, not a package."), _ADD_AFTERWARDS)
            return None
        if re.match(r"https?://", text):
            return self._address(text, number, path)
        if re.match(r"(\.{0,2}[/\\]|~[/\\]|[A-Za-z]:[\\/]|file:)", text) or text in (".", "..") or _is_archive(text):
            return self._local(text, number, path, into)
        requirement = requirement_of(text)
        if requirement is None and "#" in text:  # pip itself lets the fragment of an address stand
            requirement = requirement_of(text.partition("#")[0].strip())
        if requirement is not None:
            named = not_here(requirement, path)
            if named:
                self._remark(
                    path, number, text, OF_ANOTHER_COMPUTER, tr("The package {package} is asked for.", package=named)
                )
            return requirement_of(named) if named else requirement
        if re.fullmatch(r"[\w.-]+([/\\][\w.-]+)+[/\\]?", text):
            return self._local(text, number, path, into)
        raise bad_line(
            path,
            number,
            tr("“{line}” is not a package's name with a version.", line=short(text)),
            _cure_of(text),
        )

    def _address(self, text: str, number: int, path: Path) -> Requirement | None:
        """The requirement that an address stands for; its name is in the file's name, or after ``#egg=``."""
        url, _, marker = text.partition(" ;")
        egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+)", url)
        name = egg[1] if egg is not None else _name_of(_last_part(url))
        marked = f" ;{marker}" if marker.strip() else ""
        requirement = requirement_of(f"{name} @ {url.partition('#')[0].strip()}{marked}") if name else None
        if requirement is None:
            self._remark(
                path, number, text, tr("It does not tell which package is behind this address."), _ADD_AFTERWARDS
            )
        return requirement

    def _local(self, text: str, number: int, path: Path, into: list[str]) -> Requirement | None:
        place, _, marker = text.partition(" ;")
        local = _beside(path, re.sub(r"(\.whl|\.zip|\.gz|\.bz2)\[[^\]]*\]$", r"\1", place.strip()))
        if _is_dir(local) or not _is_archive(local.name):
            self._project(place.strip(), text, number, path, into)
            return None
        if not _is_file(local):
            raise bad_line(
                path,
                number,
                tr("the file {file} is not there.", file=short(place.strip())),
                tr("Put the file there, or write the package's name in place of it."),
            )
        name = _name_of(local.name)
        marked = f" ;{marker}" if marker.strip() else ""
        requirement = requirement_of(f"{name} @ {local.absolute().as_uri()}{marked}") if name else None
        if requirement is None:
            raise bad_line(
                path,
                number,
                tr("the name of the file {file} does not tell a package and its version.", file=short(local.name)),
                tr("Give the file the name that it was published under."),
            )
        return requirement


def _cure_of(text: str) -> Text:
    """What to write in place of a line that is no requirement."""
    if _COMMAND.match(text):
        return tr("It is a command. Write only the names of the packages, one a line.")
    if re.match(r"[A-Za-z0-9._-]+(\[[^\]]*\])?\s*(=(?!=)|\s\d)", text):
        return tr("Write == for an exact version, as in numpy==2.1.")
    if all(requirement_of(part.strip()) is not None for part in re.split(r"[,，、]", text)):
        return tr("Write one package a line.")
    return tr("Write it as in numpy, numpy>=2 or numpy==2.1.")


def _option(line: str) -> tuple[str, str]:
    name, _, value = re.sub(r"\s+", " ", line).partition(" ")
    if name.startswith("--") and "=" in name:
        name, _, value = line.partition("=")
    elif not name.startswith("--") and len(name) > 2:  # "-rfile"
        name, value = name[:2], f"{name[2:]} {value}".removeprefix("=")
    return name, value.strip().strip("\"'")


def _choose(value: str, chosen: list[str], other: list[str]) -> None:
    """Take a value of ``--only-binary`` or ``--no-binary``; the later word wins, as in pip."""
    for name in filter(None, (part.strip() for part in value.split(","))):
        if name == ":none:":
            chosen.clear()
        elif name == ":all:":
            other.clear()
            chosen[:] = [":all:"]
        elif re.fullmatch(r"[A-Za-z0-9._-]+", name):
            plain = canonicalize_name(name)
            if plain in other:
                other.remove(plain)
            if plain not in chosen:
                chosen.append(plain)


def _beside(path: Path, value: str) -> Path:
    """The place a file names, as seen from that file."""
    if value.startswith("file:"):
        value = unquote(re.sub(r"^file:(//(localhost)?(?=/))?", "", value)).partition("#")[0]
        value = re.sub(r"^/(?=[A-Za-z]:[\\/])", "", value)
    return path.parent / Path(value.replace("\\", "/") if os.sep == "/" else value)


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_archive(text: str) -> bool:
    return re.sub(r"(\[[^\]]*\])?(\s*;.*)?$", "", text).lower().endswith(_ARCHIVES) and " @" not in text


def _last_part(url: str) -> str:
    """The last part of an address: a file's name; empty where there is none."""
    try:
        return unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    except ValueError:  # as typed by hand
        return ""


def _name_of(filename: str) -> str:
    """The package in a wheel's or source archive's name; empty where it does not tell."""
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[0])
        return str(parse_sdist_filename(filename)[0])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""
