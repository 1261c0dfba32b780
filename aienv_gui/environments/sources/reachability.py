"""Whether each place that packages come from can be reached, how fast it is, and which step on the way fails.

Four sources, each asked for something that shows it is what it should be: a package's page, a page of PyTorch's builds,
a channel's list, an archive of Python. Nothing is kept.
"""

from __future__ import annotations

import html
import queue
import re
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Sources
from aienv_gui.environments.sources.addresses import public
from aienv_gui.environments.sources.connection import Answer, Ended, Failure, Journey
from aienv_gui.environments.sources.download import local_path
from aienv_gui.environments.sources.reach import CONDA, PYPI, PYTHON, PYTORCH, Reach, Source

_INDEX_ACCEPT: Final = "application/vnd.pypi.simple.v1+json, text/html;q=0.9, */*;q=0.1"
_FILE_LINK: Final = re.compile(r"""(?:href\s*=\s*|"url"\s*:\s*)["']([^"']+\.(?:whl|tar\.gz|zip)[^"']*)["']""", re.I)
_TITLE: Final = re.compile(r"<title[^>]*>\s*([^<]{1,80})", re.I)
_POLL_S: Final = 0.1


def reach(which: Sequence[Source], sources: Sources, python_archive: str, reporter: Reporter) -> tuple[Reach, ...]:
    """Go to the sources side by side. Each `Reach` also comes as a partial result as soon as it is known.

    `python_archive` is the address of an archive of Python at the mirror. At most some 40 seconds, where every step
    reaches its limit. Raises `Cancelled`.
    """
    done: queue.SimpleQueue[Reach | None] = queue.SimpleQueue()
    journeys = {source: Journey(sources) for source in which}

    def go(source: Source) -> None:
        try:
            done.put(_test(source, sources, python_archive, journeys[source]))
        except Ended:
            done.put(None)

    threads = [threading.Thread(target=go, args=(source,), daemon=True, name=f"test {source}") for source in which]
    for thread in threads:
        thread.start()
    found: list[Reach] = []
    try:
        while len(found) < len(threads):
            reporter.checkpoint()
            try:
                one = done.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if one is not None:
                found.append(one)
                reporter.partial(one)
                reporter.progress(len(found), len(threads))
    finally:
        for journey in journeys.values():
            journey.end()
        for thread in threads:
            thread.join(2.0)
    return tuple(sorted(found, key=lambda one: list(which).index(one.source)))


def index_problem(sources: Sources, reporter: Reporter) -> Problem | None:
    """Why a package index is none, where that is so: a mirror that answers the same to everything. Some seconds.

    To be asked where a package is said not to exist. Raises `Cancelled`.
    """
    if sources.no_index or sources.offline:
        return None
    for address in (sources.index_url or PYPI, *sources.extra_index_urls):
        if local_path(address) is None:
            (found,) = reach((Source.INDEX,), replace(sources, index_url=address), "", reporter)
            if not found.usable:
                return Problem(
                    tr("The package index {address} cannot be used.", address=found.address),
                    cause=found.cause,
                    cure=found.cure,
                    actions=(Action("open_settings", tr("Open settings")), Action("retry", tr("Try again"))),
                    code="bad_index",
                )
    return None


def _test(source: Source, sources: Sources, python_archive: str, journey: Journey) -> Reach:
    address = _address(source, sources, python_archive)
    shown = public(_archives(sources, address) if source is Source.PYTHON else address)
    local = local_path(address)
    if local is not None:
        return Reach(source, shown) if local.exists() else _missing(source, local)
    asked: Mapping[Source, Callable[[str, Journey], Answer]] = {
        Source.INDEX: _ask_index,
        Source.TORCH: _ask_torch,
        Source.CONDA: _ask_channel,
        Source.PYTHON: _ask_archive,
    }
    try:
        answer = asked[source](address, journey)
    except Failure as failure:
        return Reach(source, shown, tuple(journey.steps), None, failure.cause, failure.cure, failure.code)
    return Reach(source, shown, tuple(journey.steps), answer.bytes_s)


def _address(source: Source, sources: Sources, python_archive: str) -> str:
    match source:
        case Source.INDEX:
            return sources.index_url or PYPI
        case Source.TORCH:
            return sources.torch_index_url or PYTORCH
        case Source.CONDA:
            name = sources.channels[0] if sources.channels else "conda-forge"
            if Path(name).is_absolute():
                return Path(name).as_uri()
            return name if "://" in name else f"{(sources.conda_mirror or CONDA).rstrip('/')}/{name}"
        case Source.PYTHON:
            return python_archive or sources.python_mirror or PYTHON


def _archives(sources: Sources, archive: str) -> str:
    """The place that an archive of Python is asked from, without its release and its name."""
    place = sources.python_mirror or archive.rsplit("/", 2)[0]
    return place if "://" in place and urllib.parse.urlsplit(place).hostname else archive


def _missing(source: Source, folder: Path) -> Reach:
    return Reach(
        source,
        str(folder),
        (),
        None,
        tr("There is no folder {folder}.", folder=folder),
        tr("Choose another folder, or connect the disk it is on."),
        "no_folder",
    )


def _ask_index(address: str, journey: Journey) -> Answer:
    """A package's page, or the list of all packages where the index does not have that one; then one of its files."""
    answer = journey.get(_below(address, "pip/"), accept=_INDEX_ACCEPT)
    if answer.status in (404, 410):
        _check_for_simple(address, journey)
        answer = journey.get(_below(address, ""), accept=_INDEX_ACCEPT, most=1 << 16)
        _check_status(answer)
        text = answer.body.decode("utf-8", "replace")
        if not _lists_projects(text):
            raise _no_index(text)
        return answer
    _check_status(answer)
    return _with_a_file(answer, journey)


def _check_for_simple(address: str, journey: Journey) -> None:
    """Raise `Failure` where the end of the index's address was left out, as happens to many."""
    whole = _below(address, "simple")
    try:
        answer = journey.get(f"{whole}/pip/", accept=_INDEX_ACCEPT)
    except Failure:
        return
    if answer.status == 200 and _FILE_LINK.search(answer.body.decode("utf-8", "replace")):
        raise Failure(
            tr("The index is not at this address, but at {address}.", address=public(whole)),
            tr("Put /simple at the end of the address."),
            "no_simple",
        )


def _ask_torch(address: str, journey: Journey) -> Answer:
    """The page of PyTorch's CPU builds: as an index, or as one page with all files (some mirrors)."""
    answer = journey.get(_below(address, "cpu/torch/"), accept=_INDEX_ACCEPT)
    if answer.status in (404, 410):
        answer = journey.get(_below(address, "cpu/"), accept=_INDEX_ACCEPT)
    _check_status(answer)
    return _with_a_file(answer, journey)


def _with_a_file(page: Answer, journey: Journey) -> Answer:
    """A page's first file, partly; the page itself where it is long enough to tell the speed."""
    text = page.body.decode("utf-8", "replace")
    link = _FILE_LINK.search(text)
    if link is None:
        raise _no_index(text)
    file = journey.get(urllib.parse.urljoin(page.url, html.unescape(link[1])), partly=True)
    _check_status(file)
    return file


def _ask_channel(address: str, journey: Journey) -> Answer:
    for name, magic in (("repodata.json.zst", b"\x28\xb5\x2f\xfd"), ("repodata.json", b"{")):
        answer = journey.get(_below(address, f"noarch/{name}"))
        if answer.status in (404, 410) and name.endswith(".zst"):
            continue
        _check_status(answer)
        if not answer.body.lstrip().startswith(magic):
            raise _no_index(answer.body[:4000].decode("utf-8", "replace"))
        return answer
    raise AssertionError("the last name is an answer or a failure")


def _ask_archive(address: str, journey: Journey) -> Answer:
    answer = journey.get(address, partly=True)
    _check_status(answer)
    if not answer.body.startswith(b"\x1f\x8b"):
        raise _no_index(answer.body[:4000].decode("utf-8", "replace"))
    return answer


def _lists_projects(text: str) -> bool:
    """Whether a page is a list of packages and not somebody's web page."""
    if text.lstrip().startswith("{"):
        return '"projects"' in text or '"files"' in text
    return "<a" in text.lower() and not re.search(r"<form\b|type\s*=\s*[\"']?password", text, re.I)


def _no_index(text: str) -> Failure:
    title = _TITLE.search(text)
    cure = tr(
        "If this network wants you to sign in (hotel, campus, company), do so in a browser, then try again. Else check "
        "the address."
    )
    if title is not None:
        return Failure(
            tr(
                "What answers is a web page and not what should be there: “{title}”.",
                title=html.unescape(title[1]).strip(),
            ),
            cure,
            "login_page",
        )
    return Failure(tr("What answers is not what should be there."), cure, "login_page")


def _check_status(answer: Answer) -> None:
    status, host = answer.status, urllib.parse.urlsplit(answer.url).hostname or ""
    if status in (200, 206):
        return
    values = {"host": host, "status": status}
    if status in (401, 403):
        raise Failure(
            tr("{host} refuses access ({status}).", **values),
            tr("Check the name and the password in the address. Some mirrors shut out networks that ask too much."),
            "refused_access",
        )
    if status in (404, 410):
        raise Failure(
            tr("{host} has nothing at this address ({status}).", **values),
            tr("Check the address: the mirror may have moved, or does not carry this."),
            "not_found",
        )
    if status == 429:
        raise Failure(
            tr("{host} was asked too often from this network ({status}).", **values),
            tr("Wait a few minutes, or choose another mirror."),
            "too_many_requests",
        )
    if status >= 500:
        raise Failure(
            tr("{host} has trouble of its own at the moment ({status}).", **values),
            tr("Try again in a while, or choose another mirror."),
            "server_trouble",
        )
    raise Failure(
        tr("{host} gives an answer that does not help ({status}).", **values),
        tr("Check the address, or choose another mirror."),
        "status",
    )


def _below(address: str, path: str) -> str:
    parts = urllib.parse.urlsplit(address)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl()
