"""Reads files that name exact conda packages: ``@EXPLICIT`` lists, conda-lock.yml and pixi.lock.

Of a lock for several systems the packages for this one are chosen. Nothing is looked for anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.files.platforms import SUBDIRS, this_subdir
from aienv_gui.environments.files.text import bad_line, expanded, names_no_packages, remark, short
from aienv_gui.environments.files.yaml_text import load
from aienv_gui.environments.records import Remark

_FILENAME: Final = re.compile(r"([A-Za-z0-9_.\-]+)-([^-/\\]+)-([^-/\\]+?)(\.conda|\.tar\.bz2)")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PIXI_VERSIONS: Final = ("4", "5", "6", "7")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One file of a lock: a conda package, or a wheel that pip installs."""

    name: str
    version: str
    build: str  # empty for a wheel
    subdir: str  # empty for a wheel
    filename: str
    url: str
    sha256: str = ""
    md5: str = ""
    size_bytes: int | None = None
    depends: tuple[str, ...] = ()
    noarch: str = ""

    @property
    def by_pip(self) -> bool:
        return not self.build


@dataclass(slots=True)
class CondaLock:
    """What a lock names for this system."""

    packages: list[LockedPackage] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    names: set[tuple[str, bool]] = field(default_factory=set)  # of the packages, and whether pip installs them

    @property
    def python(self) -> str:
        """The version of Python in it; never empty once it has been read."""
        return next((package.version for package in self.packages if _is_python(package)), "")


def is_explicit(text: str) -> bool:
    """Whether a text is conda's list of addresses."""
    return re.search(r"^[ \t]*@EXPLICIT\s*$", text, re.MULTILINE | re.IGNORECASE) is not None


def read_explicit(path: Path, text: str) -> CondaLock:
    """Read an ``@EXPLICIT`` list. Raises `Problem` with file, line and cure."""
    result = CondaLock()
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        by_pip = re.match(r"#\s*pip\s+([\w.-]+)\s*@\s*(\S+)(?:\s+--hash=(\S+))?", line)  # as conda-lock writes it
        if by_pip is not None:
            url, _, fragment = by_pip[2].partition("#")
            _add(result, path, number, _wheel(by_pip[1], "", url, by_pip[3] or fragment))
        elif line and not line.startswith(("#", "@")):
            _add(result, path, number, _explicit(line, number, path))
    return _whole(result, path)


def _explicit(line: str, number: int, path: Path) -> LockedPackage:
    address, _, digest = line.partition("#")
    address = address.strip()
    if not re.match(r"(https?|file)://", address):
        local = path.parent / expanded(address) if re.match(r"[~./\\]|[A-Za-z]:[\\/]", address) else None
        if local is None or "\0" in address:
            raise bad_line(
                path,
                number,
                tr("“{line}” is not the address of a package.", line=short(line)),
                tr("Below @EXPLICIT each line is an address, as in https://conda.anaconda.org/….conda#…"),
            )
        address = local.absolute().as_uri()
    package = _conda(address, digest=digest.strip())
    if package is None:
        raise bad_line(
            path,
            number,
            tr("the name of the file {file} does not tell a package and its version.", file=short(line)),
            tr("Make the list again, with the command conda list --explicit --md5."),
        )
    return package


def read_conda_lock(path: Path, text: str) -> CondaLock:
    """Read a conda-lock.yml (version 1). Raises `Problem` with file, line and cure."""
    data = load(text, path)
    assert isinstance(data, dict), "its kind has been looked at"
    if str(data.get("version", "1")) != "1":
        raise _other_version(path, data)
    result = CondaLock()
    metadata = data.get("metadata")
    for channel in _dicts(metadata.get("channels")) if isinstance(metadata, dict) else ():
        result.channels.append(str(channel.get("url", "")))
    entries = _dicts(data.get("package"))
    here = [entry for entry in entries if entry.get("platform") == this_subdir()]
    _check_system(here, {str(entry.get("platform")) for entry in entries}, path)
    lines = _lines_of(text)
    left_out: dict[str, list[str]] = {}
    for entry in here:
        name, url = str(entry.get("name", "")), str(entry.get("url", ""))
        number = lines.get(url, 1)
        category = str(entry.get("category", "main"))
        if category != "main" or str(entry.get("optional", "false")).lower() == "true":
            left_out.setdefault(category, []).append(name)
            continue
        hashes = entry.get("hash")
        found = {str(k): str(v) for k, v in hashes.items()} if isinstance(hashes, dict) else {}
        if entry.get("manager") == "pip":
            _add(result, path, number, _wheel(name, str(entry.get("version", "")), url, found.get("sha256", "")))
            continue
        needs = entry.get("dependencies")
        depends = tuple(f"{k} {v}".strip() for k, v in needs.items()) if isinstance(needs, dict) else ()
        package = _conda(url, sha256=found.get("sha256", ""), md5=found.get("md5", ""), depends=depends)
        _add(result, path, number, _named(package, name, url, number, path))
    for category, names in left_out.items():
        result.remarks.append(
            remark(
                path,
                1,
                ", ".join(names),
                tr("They belong to the part “{name}”, which has to be asked for.", name=category),
                tr("They are left out."),
            )
        )
    return _whole(result, path)


def read_pixi(path: Path, text: str) -> CondaLock:
    """Read a pixi.lock (version 4 to 7). Raises `Problem` with file, line and cure."""
    data = load(text, path)
    assert isinstance(data, dict), "its kind has been looked at"
    if str(data.get("version")) not in _PIXI_VERSIONS:
        raise _other_version(path, data)
    result = CondaLock()
    environments = data.get("environments")
    environments = environments if isinstance(environments, dict) else {}
    subdirs = {str(one.get("name")): str(one.get("subdir", one.get("name"))) for one in _dicts(data.get("platforms"))}
    chosen = _environment(environments)
    platforms = environments[chosen].get("packages") if chosen else None
    platforms = platforms if isinstance(platforms, dict) else {}
    able = [name for name in platforms if subdirs.get(name, name) == this_subdir()]  # several machines of this system
    here = _dicts(platforms[this_subdir() if this_subdir() in able else able[0]]) if able else []
    _check_system(here, {subdirs.get(str(name), str(name)) for name in platforms}, path)
    for other in environments:
        if other != chosen:
            result.remarks.append(
                remark(
                    path,
                    _line_of(text, f"  {other}:"),
                    str(other),
                    tr("The lock holds several environments; “{name}” is taken.", name=chosen),
                )
            )
    for channel in _dicts(environments[chosen].get("channels")):
        result.channels.append(str(channel.get("url", "")))
    records: dict[str, Mapping[str, Any]] = {}
    for record in _dicts(data.get("packages")):
        for key in ("url", "conda", "pypi", "path"):
            if isinstance(record.get(key), str):
                records.setdefault(record[key], record)
    lines = _lines_of(text)
    for entry in here:
        _pixi_entry(entry, records, lines, path, result)
    return _whole(result, path)


def _pixi_entry(
    entry: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
    lines: Mapping[str, int],
    path: Path,
    result: CondaLock,
) -> None:
    url = str(entry.get("conda") or entry.get("pypi") or "")
    number = lines.get(url, 1)
    record = records.get(url, {})
    if not re.match(r"(https?|file)://", url):
        result.remarks.append(
            remark(
                path,
                number,
                url or str(dict(entry)),
                tr("It is a project under development, not a package."),
                tr("It is left out: install it into the environment once that is built."),
            )
        )
        return
    if "pypi" in entry:
        address, _, fragment = url.partition("#")
        name, version = str(record.get("name", "")), str(record.get("version", ""))
        _add(result, path, number, _wheel(name, version, address, str(record.get("sha256") or fragment)))
        return
    depends = record.get("depends")
    package = _conda(
        url,
        sha256=str(record.get("sha256", "")),
        md5=str(record.get("md5", "")),
        size_bytes=_number(record.get("size")),
        depends=tuple(map(str, depends)) if isinstance(depends, list) else (),
        noarch=str(record.get("noarch", "")),
    )
    _add(result, path, number, _named(package, str(record.get("name", "")), url, number, path))


def _environment(environments: Mapping[str, Any]) -> str:
    """The environment to take: the default, else the first that has packages for this system."""
    able = [
        name
        for name, one in environments.items()
        if isinstance(one, dict) and isinstance(one.get("packages"), dict) and one["packages"]
    ]
    if "default" in able:
        return "default"
    return str(able[0]) if able else ""


def _conda(
    url: str,
    *,
    digest: str = "",
    sha256: str = "",
    md5: str = "",
    size_bytes: int | None = None,
    depends: tuple[str, ...] = (),
    noarch: str = "",
) -> LockedPackage | None:
    """The conda package behind an address; None where its file's name does not tell."""
    filename = _filename(url)
    found = _FILENAME.fullmatch(filename)
    if found is None:
        return None
    digest = digest.lower().removeprefix("sha256:").removeprefix("md5:")
    sha256, md5 = sha256 or digest, md5 or digest
    return LockedPackage(
        name=found[1].lower(),
        version=found[2],
        build=found[3],
        subdir=_subdir(url),
        filename=filename,
        url=url,
        sha256=sha256 if re.fullmatch(r"[0-9a-f]{64}", sha256) else "",
        md5=md5 if re.fullmatch(r"[0-9a-f]{32}", md5) else "",
        size_bytes=size_bytes,
        depends=depends,
        noarch=noarch,
    )


def _wheel(name: str, version: str, url: str, digest: str) -> LockedPackage:
    filename = _filename(url)
    digest = digest.lower().removeprefix("sha256=").removeprefix("sha256:")
    return LockedPackage(
        name=name or filename.split("-")[0],
        version=version or (filename.split("-")[1] if filename.count("-") > 1 else ""),
        build="",
        subdir="",
        filename=filename,
        url=url,
        sha256=digest if re.fullmatch(r"[0-9a-f]{64}", digest) else "",
    )


def _named(package: LockedPackage | None, name: str, url: str, number: int, path: Path) -> LockedPackage:
    if package is None:
        raise bad_line(
            path,
            number,
            tr("“{line}” is not the address of a package.", line=short(url or name)),
            tr("Make the lock again with the program that wrote it."),
        )
    return package


def _add(result: CondaLock, path: Path, number: int, package: LockedPackage) -> None:
    """Take a package. Raises `Problem` where it cannot be built from, remarks where its content cannot be checked."""
    if package.by_pip and not (package.filename.endswith(".whl") and re.match(r"(https?|file)://", package.url)):
        if re.match(r"(git|hg|svn|bzr)\+", package.url):
            reason: Text = tr("It is a source repository, not a package.")
        else:
            reason = tr("It is source code only, not a finished package.")
        instead = tr("It is left out: install it into the environment once that is built.")
        result.remarks.append(remark(path, number, package.url or package.name, reason, instead))
        return
    if _NAME.fullmatch(package.name) is None:
        raise bad_line(
            path,
            number,
            tr("“{text}” is not a package's name.", text=short(package.name)),
            tr("Make the lock again with the program that wrote it."),
        )
    if package.subdir not in ("", "noarch", this_subdir()) and package.subdir in SUBDIRS:
        raise Problem(
            tr("{file} is for another system.", file=path.name),
            cause=tr(
                "Line {line} names a package for {system}; this computer is {here}.",
                line=number,
                system=package.subdir,
                here=this_subdir(),
            ),
            cure=tr("Choose the lock made for this system, or an environment.yml."),
            code="other_platform",
        )
    if (package.name, package.by_pip) in result.names:
        raise bad_line(
            path,
            number,
            tr("{package} is named twice.", package=package.name),
            tr("Take one of the two lines away."),
        )
    if not (package.sha256 or package.md5):
        result.remarks.append(
            remark(
                path,
                number,
                package.filename,
                tr("There is no hash: what is downloaded cannot be held against it."),
                tr("It is taken as the server sends it."),
            )
        )
    result.names.add((package.name, package.by_pip))
    result.packages.append(package)


def _whole(result: CondaLock, path: Path) -> CondaLock:
    """Raise `Problem` where no environment can be made of it."""
    if not result.packages:
        cause = tr("None of its lines can be honoured.") if result.remarks else None
        raise names_no_packages(path, cause or tr("All of its lines are empty or comments."), result.remarks)
    if not result.python:
        raise Problem(
            tr("{file} holds no Python.", file=path.name),
            cause=tr("A lock is built exactly as it is, and AIEnv's environments have a Python."),
            cure=tr("Choose the lock of an environment with Python, or an environment.yml."),
            code="no_python",
        )
    result.channels = [name for name in result.channels if name]
    result.remarks.sort(key=lambda said: said.line)
    return result


def _is_python(package: LockedPackage) -> bool:
    return package.name == "python" and not package.by_pip


def _check_system(here: list[Any], systems: Iterable[str], path: Path) -> None:
    if not here:
        known = sorted(systems)
        raise Problem(
            tr("{file} is for another system.", file=path.name),
            cause=tr(
                "It has packages for {systems}; this computer is {here}.", systems=", ".join(known), here=this_subdir()
            )
            if known
            else tr("It has no packages for any system."),
            cure=tr("Choose the lock made for this system, or an environment.yml."),
            code="other_platform",
        )


def _other_version(path: Path, data: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("{file} cannot be used as it is.", file=path.name),
        cause=tr(
            "It is written in version {version} of its format, which AIEnv does not read.",
            version=short(str(data.get("version"))),
        ),
        cure=tr("Make the lock again with a current version of the program that wrote it."),
        code="bad_file",
    )


def _filename(url: str) -> str:
    try:
        return unquote(urlsplit(url).path).replace("\\", "/").rsplit("/", 1)[-1]
    except ValueError:  # as typed by hand
        return ""


def _subdir(url: str) -> str:
    parts = urlsplit(url).path.replace("\\", "/").rsplit("/", 2)
    return parts[-2] if len(parts) > 2 and (parts[-2] in SUBDIRS or parts[-2] == "noarch") else this_subdir()


def _lines_of(text: str) -> dict[str, int]:
    """The first line that ends with each address."""
    result: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        result.setdefault(line.rpartition(": ")[2].strip().strip("\"'"), number)
    return result


def _line_of(text: str, begin: str) -> int:
    return next((number for number, line in enumerate(text.split("\n"), start=1) if line.startswith(begin)), 1)


def _dicts(listed: Any) -> list[dict[str, Any]]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and re.fullmatch(r"\d{1,15}", text) else None
