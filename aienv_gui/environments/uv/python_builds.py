"""Pythons that are not on this computer: which there are, and how one is brought here.

uv knows them with their SHA-256 (its own list, so a mirror cannot change what arrives) and unpacks them; the archive is
fetched by our own downloader before, which shows the bytes, resumes and goes the sources' way. uv is then given the
archive as a mirror on this disk; of a list of the user's own, whose addresses no mirror replaces, it fetches it again.
What it unpacks lies in `.temp` until one rename makes it whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.parse
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders, writing_failed
from aienv_gui.core.tasks import Reporter, Silent
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.locks import acquire, release, waited_for
from aienv_gui.environments.records import PlannedFile, PythonBuild, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.sources.addresses import without_password
from aienv_gui.environments.uv.command import run_uv

_OLDEST: Final = (3, 10)
_LIST: Final = ("python", "list", "--no-config", "--only-downloads", "--all-versions", "--output-format", "json")
_INSTALL: Final = ("python", "install", "--no-config", "--no-bin", "--no-registry")
_NOT_WHOLE: Final = {"damaged_download", "no_network"}  # uv tries a broken archive again and blames the network
_UNPACKED: Final = 4.5  # bytes on the disk for each of an archive; measured: 3.9 to 4.6
_USUAL_BYTES: Final = 35_000_000  # an archive's, where the server does not tell


def offered(sources: Sources, folders: Folders, reporter: Reporter) -> tuple[PythonBuild, ...]:
    """The newest build of each Python version for this machine, the newest version first. 50 ms; asks no network,
    but where the sources name a list of their own. Raises `Problem` and `Cancelled`.
    """
    asked = replace(sources, offline=not sources.python_catalogue.startswith(("http:", "https:")))
    outcome = run_uv(
        _LIST, folders, reporter, what=tr("The versions of Python could not be listed."), sources=asked, logged=False
    )
    found: dict[str, PythonBuild] = {}
    for entry in json.loads(outcome.stdout or "[]"):
        build = _build(entry)
        if build is not None:
            known = found.get(build.minor)
            if known is None or _numbers(build.version) > _numbers(known.version):
                found[build.minor] = build
    return tuple(sorted(found.values(), key=lambda build: _numbers(build.version), reverse=True))


def _build(entry: dict[str, Any]) -> PythonBuild | None:
    version = str(entry["version"])
    finished = re.fullmatch(r"3\.\d+\.\d+", version) is not None  # no alpha
    ordinary = entry["implementation"] == "cpython" and entry["variant"] == "default" and entry.get("url")
    if not finished or not ordinary or _numbers(version)[:2] < _OLDEST:
        return None
    return PythonBuild(version, str(entry["key"]), without_password(str(entry["url"])))


def find(version: str, sources: Sources, folders: Folders, reporter: Reporter) -> PythonBuild | None:
    """The build for a Python version (``3.12``), with its size where the server tells it; None where there is none."""
    for build in offered(sources, folders, reporter):
        if version in (build.minor, build.version):
            archive = _archive(build)
            local = download.local_path(build.url)
            here = download.cached(archive, folders) or (local if local is not None and local.is_file() else None)
            if here is not None:
                return replace(build, size_bytes=here.stat().st_size)
            return replace(build, size_bytes=download.remote_sizes([archive], sources).get(archive))
    return None


def is_here(build: PythonBuild, folders: Folders) -> bool:
    """Whether the archive needs no download."""
    return download.cached(_archive(build), folders) is not None


def archive_bytes(build: PythonBuild) -> int:
    """The archive's size, a usual one where it is not known."""
    return build.size_bytes or _USUAL_BYTES


def unpacked_bytes(build: PythonBuild) -> int:
    """What it takes on the disk: an estimate."""
    return round(archive_bytes(build) * _UNPACKED)


def interpreter_of(build: PythonBuild, folders: Folders) -> Path:
    """Where its interpreter is once it has been brought here."""
    prefix = folders.pythons / build.key
    return prefix / "python.exe" if sys.platform == "win32" else prefix / "bin" / f"python{build.minor}"


def bring(build: PythonBuild, sources: Sources, folders: Folders, reporter: Reporter) -> Path:
    """Download and unpack a Python, and return its interpreter. One that is here already is left as it is.

    Whole or not at all. Raises `Problem`, `Cancelled`.
    """
    python = interpreter_of(build, folders)
    with waited_for(_lock(folders), reporter.checkpoint):
        if python.exists():
            return python
        _clear(folders)
        reporter.status(tr("Downloading Python {version}", version=build.version))
        try:
            place = _fetch(build, sources, folders, reporter)
        except Problem as problem:
            raise _not_downloaded(build, problem) from problem
        reporter.status(tr("Unpacking Python {version}", version=build.version))
        mirror = _as_mirror(build, place, folders)
        try:
            _install(build, mirror, sources, folders, reporter)
        except Problem as problem:
            if problem.code in _NOT_WHOLE:
                shutil.rmtree(place.parent, ignore_errors=True)  # its hash was not known before
                raise _not_python(build) from problem
            raise
        finally:
            shutil.rmtree(mirror, ignore_errors=True)
            _clear(folders)
    if not python.exists():
        raise _not_python(build)
    return python


def _fetch(build: PythonBuild, sources: Sources, folders: Folders, reporter: Reporter) -> Path:
    """The archive, from the official place where the user's mirror has no longer, or not yet, this release."""
    archive = _archive(build)
    try:
        return download.fetch([archive], sources, folders, _WithoutRows(reporter))[archive]
    except Problem as problem:
        if problem.code != "file_gone" or not sources.python_mirror:
            raise
        elsewhere = _official(build, sources, folders, reporter)
        if elsewhere is None:
            raise
        archive = _archive(elsewhere)
        reporter.log(f"{archive.filename}: not at the mirror; asking {urllib.parse.urlsplit(archive.url).hostname}")
        try:
            return download.fetch([archive], sources, folders, _WithoutRows(reporter))[archive]
        except Problem:
            raise problem from None  # it is the mirror that the user chose


def _official(build: PythonBuild, sources: Sources, folders: Folders, reporter: Reporter) -> PythonBuild | None:
    """The same build at the official place; None where that is where it was asked for."""
    builds = offered(replace(sources, python_mirror=""), folders, reporter)
    return next((other for other in builds if other.key == build.key and other.url != build.url), None)


def sweep(folders: Folders) -> None:
    """Clear away what a killed unpacking has left, unless another is under way. Never raises."""
    with suppress(OSError):
        if not folders.pythons.is_dir():
            return
        handle = acquire(_lock(folders))
        if handle is not None:
            try:
                _clear(folders)
            finally:
                release(handle)


def _install(build: PythonBuild, mirror: Path, sources: Sources, folders: Folders, reporter: Reporter) -> None:
    run_uv(
        [*_INSTALL, "--install-dir", folders.pythons, build.key],
        folders,
        reporter,
        what=tr("Python {version} could not be unpacked.", version=build.version),
        sources=replace(sources, python_mirror=mirror.as_uri(), offline=not sources.python_catalogue),
        meanwhile=lambda: reporter.progress(0, None),
        own_group=False,
    )


def _archive(build: PythonBuild) -> PlannedFile:
    return PlannedFile("python", build.version, _parts(build)[1], build.url, "", build.size_bytes)


def _parts(build: PythonBuild) -> tuple[str, str]:
    """The release and the file's name, with which every address of a build ends."""
    parts = urllib.parse.urlsplit(build.url).path.split("/")
    release, name = (re.sub(r"[/\\]", "", urllib.parse.unquote(part)).lstrip(".") for part in parts[-2:])
    return release, name


def _as_mirror(build: PythonBuild, place: Path, folders: Folders) -> Path:
    """The archive in a folder that looks like a mirror with nothing else."""
    mirror = folders.pythons / ".mirror"
    release, name = _parts(build)
    try:
        shutil.rmtree(mirror, ignore_errors=True)
        (mirror / release).mkdir(parents=True)
        try:
            os.link(place, mirror / release / name)
        except OSError:
            shutil.copyfile(place, mirror / release / name)
    except OSError as error:
        raise writing_failed(error, mirror) from error
    return mirror


def _lock(folders: Folders) -> Path:
    return folders.pythons / ".aienv.lock"


def _clear(folders: Folders) -> None:
    for name in (".temp", ".mirror"):
        shutil.rmtree(folders.pythons / name, ignore_errors=True)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _not_downloaded(build: PythonBuild, problem: Problem) -> Problem:
    """The problem of a download in the user's words: the name of the archive says nothing to them."""
    if "file" not in problem.title.values:  # it is not about the archive
        return problem
    cure = problem.cure if problem.cure is not None else ""
    return Problem(
        tr("Python {version} could not be downloaded.", version=build.version),
        cause=problem.cause,
        cure=tr("{cure} Or go back and choose a Python that is on this computer.", cure=cure),
        actions=problem.actions,
        details="\n".join((_parts(build)[1], problem.details)).strip(),
        code=problem.code,
    )


def _not_python(build: PythonBuild) -> Problem:
    return Problem(
        tr("Python {version} could not be brought here.", version=build.version),
        cause=tr("What the server sent is not the archive that was planned: its SHA-256 differs."),
        cure=tr("Choose another mirror for Python in the settings; nothing of it was installed."),
        actions=(Action("open_settings", tr("Open settings")), Action("retry", tr("Try again"))),
        code="damaged_download",
    )


class _WithoutRows(Silent):
    """Hands on what is said of a download, without the row of a package: Python is none of the plan's."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def status(self, text: Text) -> None:
        self._reporter.status(text)

    def progress(self, done: float, total: float | None) -> None:
        self._reporter.progress(done, total)

    def log(self, line: str) -> None:
        self._reporter.log(line)

    @property
    def cancelled(self) -> bool:
        return self._reporter.cancelled
