"""Runs uv: the program, its environment, where packages come from, and its failures in words."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.explain import explain
from aienv_gui.core.processes import Outcome, clean_environment, run
from aienv_gui.core.storage import Folders, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, duration, tr
from aienv_gui.environments.records import Request, Sources
from aienv_gui.environments.sources import network
from aienv_gui.environments.sources.download import server_of

TORCH_INDEX: Final = "aienv-torch"  # the name under which uv knows the user's mirror of PyTorch's builds
_LIMIT_S: Final = 3600.0
_CONNECT_S: Final = "10"
_SILENCE_S: Final = "15"  # how long an index may send nothing; uv's own 30, tried twice, are a minute without a word


@cache
def uv_program() -> Path:
    """The uv program that comes with our own dependencies; one on the PATH where it does not."""
    import uv  # a small package of its own; only this function needs it

    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError as error:
        found = shutil.which("uv")
        if found is None:
            raise Problem(
                tr("The program uv is missing."),
                cause=tr("AIEnv's own installation is not complete: uv installs the packages."),
                cure=tr("Install AIEnv again."),
                code="no_uv",
            ) from error
        return Path(found)


def source_arguments(sources: Sources) -> list[str]:
    """uv's arguments for where packages come from; the addresses are not among them (`_addresses`)."""
    if sources.no_index:
        return ["--no-index"]
    # As pip does, whose configuration this mostly is.
    return ["--index-strategy", "unsafe-best-match"] if sources.extra_index_urls else []


def _addresses(sources: Sources) -> dict[str, str]:
    """The places as variables for uv: an address may hold a password, and every user can read a command line."""
    found = {"UV_FIND_LINKS": ",".join(_link(place) for place in sources.find_links)}
    if not sources.no_index:
        found |= {"UV_DEFAULT_INDEX": sources.index_url, "UV_INDEX": " ".join(sources.extra_index_urls)}
    torch = urlsplit(sources.torch_index_url) if server_of(sources.torch_index_url) else None
    if torch is not None and torch.username is not None:
        name = f"UV_INDEX_{TORCH_INDEX.upper().replace('-', '_')}"
        found |= {f"{name}_USERNAME": unquote(torch.username), f"{name}_PASSWORD": unquote(torch.password or "")}
    found |= {
        "UV_PYTHON_INSTALL_MIRROR": sources.python_mirror,
        "UV_PYTHON_DOWNLOADS_JSON_URL": sources.python_catalogue,
    }
    return {name: value for name, value in found.items() if value}


def _link(place: str) -> str:
    """A folder or page as an address without the comma that parts one from the next."""
    return place.replace(",", "%2C") if "://" in place else Path(place).absolute().as_uri()


def joined(sources: Sources, request: Request) -> Sources:
    """The user's sources with those a requirements file names before them.

    A file's own index takes the place of all the user's, as in pip: beside a public one, a stranger's package of a
    private name would win with a higher version. Where it holds no password, that of the user's for this server counts.
    """
    theirs = sources.extra_index_urls if not request.index_url else ()
    return replace(
        sources,
        index_url=_with_password(request.index_url, sources) or sources.index_url,
        extra_index_urls=tuple(dict.fromkeys((*(_with_password(url, sources) for url in request.index_urls), *theirs))),
        find_links=tuple(
            dict.fromkeys((*(_with_password(url, sources) for url in request.find_links), *sources.find_links))
        ),
        no_index=sources.no_index or request.no_index,
    )


def _with_password(url: str, sources: Sources) -> str:
    server = server_of(url)
    for address in (sources.index_url, *sources.extra_index_urls, *sources.find_links):
        if server is not None and server == server_of(address) and "@" not in urlsplit(url).netloc:
            return urlsplit(url)._replace(netloc=urlsplit(address).netloc).geturl()
    return url


def _variables(folders: Folders, sources: Sources | None) -> dict[str, str]:
    """How uv works, and where packages come from where that matters."""
    result = {
        "UV_CACHE_DIR": str(folders.cache / "uv"),
        "UV_PYTHON_DOWNLOADS": "manual",  # never by itself
        "UV_NO_PROGRESS": "1",
        "UV_NO_WRAP": "1",  # the sentences are recognised (`core.explain`)
        "UV_HTTP_RETRIES": "1",
        "UV_HTTP_TIMEOUT": _SILENCE_S,
        "UV_HTTP_CONNECT_TIMEOUT": _CONNECT_S,
        "NO_COLOR": "1",
    }
    if sources is not None:
        result |= _addresses(sources) | network.variables(sources)
        if sources.offline:
            result["UV_OFFLINE"] = "1"
    return result


def run_uv(
    arguments: Sequence[str | Path],
    folders: Folders,
    reporter: Reporter,
    *,
    what: Text,
    sources: Sources | None = None,
    meanwhile: Callable[[], None] = lambda: None,
    own_group: bool = True,
    logged: bool = True,
) -> Outcome:
    """Run uv to its end. `what` is the title of the problem that is raised where it fails. Raises `Cancelled`.

    Its lines go to the reporter's log, unless they are its result and not `logged`.
    Without `own_group` it dies with the group of the process that calls this (a worker's).
    """
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # they come in other threads, the reporter belongs to this one

    def poll() -> bool:
        while not lines.empty():
            reporter.log(lines.get())
        meanwhile()
        return reporter.cancelled

    try:
        folders.cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, folders.cache / "uv") from error
    outcome = run(
        [uv_program(), *arguments],
        timeout_s=_LIMIT_S,
        environment=clean_environment(_variables(folders, sources)),
        folder=folders.cache,
        on_line=lines.put if logged else None,
        cancelled=poll,
        own_group=own_group,
    )
    poll()
    if outcome.cancelled:
        raise Cancelled
    if outcome.timed_out:
        raise Problem(
            what,
            cause=tr("It took more than {limit}.", limit=duration(_LIMIT_S)),
            cure=tr("Check the internet connection and try again."),
            details=outcome.stderr[-4000:],
            code="timed_out",
        )
    if outcome.code != 0:
        raise explain(outcome.stderr or outcome.stdout, what=what)
    return outcome
