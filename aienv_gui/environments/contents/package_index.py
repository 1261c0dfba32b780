"""Asks package indexes (the simple API: PEP 503, 691, 700) for the newest versions of packages, several at a time."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import requests
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version
from requests.adapters import HTTPAdapter

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.explain import no_network_words
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery.foreign_files import read_bytes
from aienv_gui.environments.discovery.installed import Installed
from aienv_gui.environments.records import Sources
from aienv_gui.environments.sources import network
from aienv_gui.environments.sources.download import local_path
from aienv_gui.environments.uv.pylock import supported_tags

_DEFAULT: Final = "https://pypi.org/simple"
_ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_AT_ONCE: Final = 8
_TIMEOUT: Final = (6.0, 15.0)  # seconds to connect, seconds without a byte
_PAGE_LIMIT: Final = 1 << 26
_GIVEN_UP: Final = 3  # so many failures without one answer, and no more is asked of a server
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _File:
    """A file that a source offers."""

    name: str
    requires_python: str = ""
    yanked: bool = False


def newest_versions(
    packages: Sequence[Installed], python: str, sources: Sources, reporter: Reporter
) -> Mapping[str, str]:
    """The newest version of each package that is older than what the sources offer for Python `python` (``3.11.4``).

    Yanked files, those for other Pythons or systems and (unless one is installed) pre-releases do not count. A package
    that no source knows, or whose page cannot be read, is left out. Raises `Problem` where a server gives no answer at
    all, and `Cancelled`.
    """
    choice = _Choice.of(python)
    found: dict[str, str] = {}
    with network.session(sources) as session, ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="index") as pool:
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=_AT_ONCE))
        indexes = [_Server(url, session) for url in _index_urls(sources)]
        links = [_Server(place, session) for place in sources.find_links]
        if sources.offline:
            indexes, links = _here(indexes), _here(links)
            if not (indexes or links):
                raise _offline()
        listed = [file for link in links for file in link.listed()]

        def newest(package: Installed) -> str:
            files = [file for index in indexes for file in index.project(package.name)]
            return choice.newest(package, [*files, *listed])

        waiting = {pool.submit(newest, package): package.name for package in packages}
        try:
            while waiting:
                done, _ = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                for future in done:
                    name = waiting.pop(future)
                    if version := future.result():
                        found[name] = version
                reporter.checkpoint()
                reporter.progress(len(packages) - len(waiting), len(packages))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    for server in (*indexes, *links):
        server.raise_failure()
    return found


def _index_urls(sources: Sources) -> list[str]:
    if sources.no_index:
        return []
    return list(dict.fromkeys([sources.index_url or _DEFAULT, *sources.extra_index_urls]))


@dataclass(slots=True)
class _Server:
    """An index, or a page or folder of `find_links`; used by several threads at once."""

    address: str  # may hold a password: never shown
    session: requests.Session
    answered: bool = False
    failures: list[requests.RequestException | int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def project(self, name: str) -> list[_File]:
        """The files of a package as the index lists them; none where it does not know it or does not answer."""
        return self._read(f"{self.address.rstrip('/')}/{name}/")

    def listed(self) -> list[_File]:
        """The files of a `find_links` place."""
        folder = local_path(self.address) if "://" in self.address else Path(self.address)
        if folder is not None and folder.is_dir():
            with suppress(OSError):
                return [_File(path.name) for path in folder.iterdir()]
        return self._read(self.address) if folder is None else self._local(folder)

    def _local(self, page: Path) -> list[_File]:
        with suppress(OSError, ValueError):
            return _parse(read_bytes(page, _PAGE_LIMIT), "text/html")
        return []

    def _read(self, url: str) -> list[_File]:
        folder = local_path(url)
        if folder is not None:
            return self._local(folder / "index.html")
        if not self.answered and len(self.failures) >= _GIVEN_UP:
            return []
        try:
            with self.session.get(url, headers={"Accept": _ACCEPT}, timeout=_TIMEOUT, stream=True) as answer:
                if answer.ok or answer.status_code in (404, 410):
                    self.answered = True
                    content = _content(answer) if answer.ok else b""
                else:
                    self._failed(answer.status_code)
                    return []
                return _parse(content, answer.headers.get("Content-Type", ""))
        except requests.RequestException as error:
            self._failed(error)
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass  # one page that is none: this package is left out
        return []

    def _failed(self, what: requests.RequestException | int) -> None:
        with self._lock:
            self.failures.append(what)

    def raise_failure(self) -> None:
        """Raise `Problem` where it was asked and never answered."""
        if self.answered or not self.failures:
            return
        host = urlsplit(self.address).hostname or ""
        failure = self.failures[-1]
        title = tr("Newer versions could not be looked up.")
        if isinstance(failure, int):
            refused = failure in (401, 403, 407)
            raise Problem(
                title,
                cause=tr("The package server {address} refuses access.", address=host)
                if refused
                else tr("{host} answered with error {status}.", host=host, status=failure),
                cure=tr("Check the address and the password of the package sources in the settings."),
                actions=(Action("open_settings", tr("Open settings")),),
                code="refused_access" if refused else "server_trouble",
            )
        cause, cure, actions = no_network_words(host)
        raise Problem(title, cause=cause, cure=cure, actions=actions, code="no_network") from failure


def _here(servers: Sequence[_Server]) -> list[_Server]:
    """Those that are folders of this computer."""
    return [one for one in servers if "://" not in one.address or local_path(one.address) is not None]


def _offline() -> Problem:
    return Problem(
        tr("Newer versions could not be looked up."),
        cause=tr("AIEnv is set to work offline."),
        cure=tr("Switch off working offline in the settings, or name a folder there that holds the packages."),
        actions=(Action("open_settings", tr("Open settings")),),
        code="offline",
    )


def _content(answer: requests.Response) -> bytes:
    blocks: list[bytes] = []
    length = 0
    for block in answer.iter_content(1 << 16):
        blocks.append(block)
        length += len(block)
        if length > _PAGE_LIMIT:
            raise ValueError("more than a page of an index holds")
    return b"".join(blocks)


def _parse(content: bytes, kind: str) -> list[_File]:
    """The files of a page, JSON or HTML. Raises ValueError, TypeError or AttributeError for what is none."""
    if not content:
        return []
    if "json" in kind:
        return [
            _File(str(entry["filename"]), str(entry.get("requires-python") or ""), bool(entry.get("yanked")))
            for entry in json.loads(content)["files"]
            if isinstance(entry, dict) and "filename" in entry
        ]
    reader = _Links()
    reader.feed(content.decode("utf-8", "replace"))
    return reader.files


class _Links(HTMLParser):
    """Collects the links of a PEP 503 page; the file's name is the end of its address."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[_File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" and values.get("href"):
            name = unquote(urlsplit(urljoin("http://page/", str(values["href"]))).path.rsplit("/", 1)[-1])
            self.files.append(_File(name, values.get("data-requires-python") or "", "data-yanked" in values))


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which files an environment's Python can take."""

    python: str
    tags: frozenset[Tag]  # empty: not known, every wheel counts

    @staticmethod
    def of(python: str) -> _Choice:
        known = re.fullmatch(r"3\.\d+(\.\d+)?", python)
        return _Choice(python, frozenset(supported_tags(python)) if known else frozenset())

    def newest(self, package: Installed, files: Sequence[_File]) -> str:
        """The newest version among files of any package, where it is newer than the installed one; else empty."""
        try:
            installed = Version(package.version)
        except InvalidVersion:
            return ""
        best = installed
        for file in files:
            version = self._version(file, package.name)
            if version is not None and version > best and (installed.is_prerelease or not version.is_prerelease):
                best = version
        # A build of its own (2.13.0+cpu) is no older than the same version without.
        return str(best) if best.release != installed.release or best.public != installed.public else ""

    def _version(self, file: _File, name: str) -> Version | None:
        """The version of a file, where it is one of the package that this Python can take."""
        if file.yanked or canonicalize_name(file.name[: len(name)]) != name:
            return None
        try:
            if file.name.endswith(".whl"):
                project, version, _, tags = parse_wheel_filename(file.name)
                if self.tags and not tags & self.tags:
                    return None
            elif file.name.endswith((".tar.gz", ".zip")):
                project, version = parse_sdist_filename(file.name)
            else:
                return None
            if project != name or not self._suits(file.requires_python):
                return None
            return version
        except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
            return None

    def _suits(self, requires: str) -> bool:
        if not requires or not self.python:
            return True
        try:
            return SpecifierSet(requires).contains(self.python, prereleases=True)
        except InvalidSpecifier:
            return True  # pip passes over it too
