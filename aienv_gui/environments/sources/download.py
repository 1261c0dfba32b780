"""Brings the files of a plan onto this disk: several at a time, resumed where they were cut off, checked by SHA-256.

Each file lands in a folder of its own, named by its hash, below ``<cache>/wheels``: files of one name and different
content do not meet, and uv, which unpacks a wheel once and links it into every environment, knows it by that place.
What is half there lies in ``.parts``.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import re
import shutil
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aienv_gui.core.errors import Action, Cancelled, Problem
from aienv_gui.core.explain import Occasion, no_network_words, recognise
from aienv_gui.core.report import without_secrets
from aienv_gui.core.storage import Folders, replace, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, size, tr
from aienv_gui.environments.locks import waited_for
from aienv_gui.environments.records import PackageProgress, PackageState, PlannedFile, Sources
from aienv_gui.environments.sources import network
from aienv_gui.environments.sources.addresses import completed, public

if TYPE_CHECKING:
    import requests
    from requests.auth import HTTPBasicAuth

Server = tuple[str, str, int]  # scheme, host, port
# requests is imported where something is really fetched: it costs a quarter of the start of a build from the cache.
_AT_ONCE: Final = 4
_BLOCK: Final = 1 << 16  # at most so much is lost when a connection drops
_TRIES: Final = 5
_TIMEOUT: Final = (10.0, 30.0)  # seconds to connect, seconds without a byte
_REPORT_S: Final = 0.1
_PORTS: Final = {"https": 443, "http": 80}
_LARGEST: Final = 50 * 10**9  # of a file whose size nobody tells
_LEAST_BYTES_S: Final = 1000  # what comes slower is taken for a server that does not answer any more
PACE_S = 30.0  # over how long that is looked at
PAUSE_S = 0.3  # before the second try; doubled before each further one


def wheels_folder(folders: Folders) -> Path:
    """Where downloaded wheels are kept."""
    return folders.cache / "wheels"


def cached(file: PlannedFile, folders: Folders) -> Path | None:
    """The place of a file that is here already and whole, or None. Trusts the hash noted when it was checked."""
    path = _place(wheels_folder(folders), file)
    return path if _note_says(path, file.sha256) else None


def check_again(file: PlannedFile, folders: Folders) -> None:
    """Read a file that is here again, whatever was noted; where it is damaged it goes and is fetched anew."""
    path = _place(wheels_folder(folders), file)
    if not path.is_file():
        return
    digest = sha256_of(path)
    if digest == (file.sha256 or noted_hash(path)):
        _write_note(path, digest)
    else:
        path.unlink()


def _place(folder: Path, file: PlannedFile) -> Path:
    # Both come from an index: neither may lead out of the folder, nor hold what parts lines, drives or streams.
    key = file.sha256 if re.fullmatch(r"[0-9a-f]{64}", file.sha256) else hashlib.sha256(file.url.encode()).hexdigest()
    name = re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", re.split(r"[/\\]", file.filename)[-1]).lstrip(".")
    return folder / key[:24] / (name or "file")


def local_path(url: str) -> Path | None:
    """The path of a ``file:`` URL; None for any other."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "file":
        return None
    return Path(urllib.request.url2pathname(parts.path))


def fetch(
    files: Sequence[PlannedFile], sources: Sources, folders: Folders, reporter: Reporter
) -> Mapping[PlannedFile, Path]:
    """Bring every file here and return the places. Resumes what was interrupted.

    Reports bytes through `progress` and each package's row through `partial`. Raises `Problem` for a missing network, a
    full disk, a file that is not what was planned; what has arrived stays for the next try. Raises `Cancelled`.
    """
    folder = wheels_folder(folders)
    try:
        (folder / ".parts").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, folder) from error
    places: dict[PlannedFile, Path] = {}
    total = sum(file.size_bytes or 0 for file in files)
    with ExitStack() as stack:
        remote = any(local_path(file.url) is None and cached(file, folders) is None for file in files)
        if remote and sources.offline:
            raise _offline([file for file in files if local_path(file.url) is None and cached(file, folders) is None])
        session = stack.enter_context(network.session(sources)) if remote else None
        pool = stack.enter_context(ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="download"))
        fetching = _Fetching(session, folder, sources, _passwords(sources))
        try:
            # The largest first: they decide when all of it is here.
            for file in sorted(files, key=lambda f: -(f.size_bytes or 0)):
                pool.submit(fetching.one, file)
            _report(fetching, files, places, total, reporter)
        finally:
            fetching.stop.set()
    return places


def remote_sizes(files: Iterable[PlannedFile], sources: Sources) -> Mapping[PlannedFile, int]:
    """Ask the servers for sizes their index does not tell. Blocks; what cannot be learned is left out."""
    import requests

    if sources.offline:
        return {}
    passwords = _passwords(sources)
    with network.session(sources) as session, ThreadPoolExecutor(8, thread_name_prefix="sizes") as pool:

        def ask(file: PlannedFile) -> tuple[PlannedFile, int | None]:
            try:
                auth = passwords.get(server_of(file.url))
                answer = session.head(completed(file.url, sources), auth=auth, timeout=(5, 10), allow_redirects=True)
                return file, int(answer.headers["Content-Length"]) if answer.ok else None
            except (requests.RequestException, KeyError, ValueError):
                return file, None

        return {file: found for file, found in pool.map(ask, files) if found is not None}


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(slots=True)
class _Arrived:
    file: PlannedFile
    place: Path


@dataclass(slots=True)
class _Failed:
    problem: BaseException


@dataclass(slots=True)
class _Fetching:
    """What the download threads share."""

    session: requests.Session | None  # None where nothing comes from the network
    folder: Path
    sources: Sources
    passwords: Mapping[Server | None, HTTPBasicAuth]
    stop: threading.Event = field(default_factory=threading.Event)
    events: queue.SimpleQueue[_Arrived | _Failed] = field(default_factory=queue.SimpleQueue)
    done: dict[PlannedFile, int] = field(default_factory=dict)  # each key is written by one thread only

    def one(self, file: PlannedFile) -> None:
        """Fetch one file; runs in a thread of the pool."""
        try:
            self.checkpoint()
            self.events.put(_Arrived(file, self._bring(file)))
        except BaseException as error:  # it is raised again in the function's own thread
            self.events.put(_Failed(error))

    def checkpoint(self) -> None:
        if self.stop.is_set():
            raise Cancelled

    def _bring(self, file: PlannedFile) -> Path:
        target = _place(self.folder, file)
        # Two builds may want the same file: one brings it, the other waits and finds it.
        with waited_for(self.folder / ".parts" / f"{target.parent.name}.lock", self.checkpoint):
            if _note_says(target, file.sha256):
                return target
            source = local_path(file.url)
            if source is not None:
                self._take_local(file, source, target)
            else:
                self._download(file, target)
        return target

    def _take_local(self, file: PlannedFile, source: Path, target: Path) -> None:
        try:
            digest = sha256_of(source)
        except OSError as error:
            raise _gone(file, str(source)) from error
        if file.sha256 and digest != file.sha256:
            raise _altered(file, source)
        part = self.folder / ".parts" / f"{target.parent.name}.part"
        try:
            part.unlink(missing_ok=True)
            try:
                os.link(source.resolve(), part)  # not a link as such: it may lead nowhere from where we keep it
            except OSError:  # another disk, or a file system without links
                shutil.copyfile(source, part)
            keep(part, target, digest)
        except OSError as error:
            raise writing_failed(error, target) from error
        self.done[file] = target.stat().st_size

    def _download(self, file: PlannedFile, target: Path) -> None:
        import requests

        part = self.folder / ".parts" / f"{target.parent.name}.part"
        refused: BaseException | None = None
        for attempt in range(_TRIES):
            self.checkpoint()
            if attempt and self.stop.wait(PAUSE_S * 2**attempt):
                raise Cancelled
            before = part.stat().st_size if part.exists() else 0
            try:
                self._read_into(part, file)
            except requests.HTTPError as error:
                status = error.response.status_code
                if status in (401, 403):
                    raise _refused(file) from error
                if status in (404, 410):
                    raise _gone(file, public(file.url)) from error
                refused = error
            except _OtherSize as error:
                part.unlink(missing_ok=True)
                raise _damaged(file, error.words) from error
            except (requests.RequestException, ConnectionError, TimeoutError) as error:
                refused = error
                grown = part.exists() and part.stat().st_size > before
                if not grown and attempt >= 2:
                    break
            except OSError as error:
                raise writing_failed(error, target) from error
            else:
                digest = sha256_of(part)
                if not file.sha256 or digest == file.sha256:
                    try:
                        keep(part, target, digest)
                    except OSError as error:
                        raise writing_failed(error, target) from error
                    return
                part.unlink()
                self.done[file] = 0
                if attempt >= 1:
                    raise _damaged(file)
        raise _unreached(file, refused) from refused

    def _read_into(self, part: Path, file: PlannedFile) -> None:
        """Go on with a half file, or start it. Raises requests' errors for the network and OSError for the disk."""
        import requests

        if self.session is None:  # it was in the cache a moment ago
            raise _gone(file, str(self.folder))
        have = part.stat().st_size if part.exists() else 0
        if file.size_bytes is not None and have > file.size_bytes:
            part.unlink()
            have = 0
        if file.size_bytes is not None and have == file.size_bytes > 0:
            return
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        auth = self.passwords.get(server_of(file.url))  # requests takes it away where it is led to another server
        address = completed(file.url, self.sources)
        with self.session.get(address, auth=auth, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == 416:
                part.unlink()
                raise requests.ConnectionError("the server cannot go on where the file was cut off")
            answer.raise_for_status()
            go_on = answer.status_code == 206
            have = have if go_on else 0
            start = have
            expected = _announced(answer.headers.get("Content-Length"))
            if expected is not None and file.size_bytes is not None and start + expected != file.size_bytes:
                raise _OtherSize(_other_size(file.size_bytes, size(start + expected)))
            most = file.size_bytes if file.size_bytes is not None else start + (expected or _LARGEST)
            pace = _Pace()
            with part.open("ab" if go_on else "wb") as out:
                self.done[file] = have
                for block in _blocks(answer):
                    if have + len(block) > most:
                        raise _OtherSize(_other_size(most, tr("more than {size}", size=size(most))))
                    out.write(block)
                    have += len(block)
                    self.done[file] = have
                    self.checkpoint()
                    pace.check(len(block))
        if expected is not None and have - start != expected:
            raise requests.ConnectionError(f"the connection ended after {have} bytes")


class _OtherSize(Exception):
    """A server sends something longer or shorter than what was planned: not worth another byte."""

    def __init__(self, words: Text) -> None:
        super().__init__(words)
        self.words = words


def _other_size(planned: int, sent: object) -> Text:
    return tr(
        "What the server sends is not the file that was planned: {sent}, not {planned}.",
        sent=sent,
        planned=size(planned),
    )


def _announced(length: str | None) -> int | None:
    return int(length) if length is not None and length.isdecimal() else None


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    """The body as it comes, each piece at once, and as it was sent: what was packed on the way is not unpacked."""
    import requests
    from urllib3.exceptions import HTTPError

    try:
        while block := answer.raw.read1(_BLOCK, decode_content=False):
            yield block
    except HTTPError as error:
        raise requests.ConnectionError(error) from error


class _Pace:
    """Gives up a server that sends a byte now and then, which no time limit on silence notices."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._bytes = 0

    def check(self, arrived: int) -> None:
        self._bytes += arrived
        passed = time.monotonic() - self._since
        if passed >= PACE_S:
            if self._bytes < _LEAST_BYTES_S * passed:
                raise TimeoutError(f"only {self._bytes} bytes in {passed:.0f} s")
            self._since, self._bytes = time.monotonic(), 0


def _report(
    fetching: _Fetching,
    files: Sequence[PlannedFile],
    places: dict[PlannedFile, Path],
    total: int,
    reporter: Reporter,
) -> None:
    """Tell the reporter how far the threads are, until all of them are through or one has failed."""
    said: dict[PlannedFile, int] = {}
    last = 0.0
    while len(places) < len(files):
        with suppress(queue.Empty):
            event = fetching.events.get(timeout=_REPORT_S)
            if isinstance(event, _Failed):
                raise event.problem
            places[event.file] = event.place
            length = event.place.stat().st_size
            fetching.done[event.file] = event.file.size_bytes or length
            reporter.partial(PackageProgress(event.file.package, PackageState.READY, length, length))
        reporter.checkpoint()
        now = time.monotonic()
        if now - last < _REPORT_S and len(places) < len(files):
            continue
        last = now
        done = dict(fetching.done)
        for file, count in done.items():
            if file not in places and said.get(file) != count:
                said[file] = count
                reporter.partial(PackageProgress(file.package, PackageState.DOWNLOADING, count, file.size_bytes))
        so_far = sum(count for file, count in done.items() if file.size_bytes)
        reporter.status(tr("Downloading: {done} of {total}", done=size(so_far), total=size(total)))
        reporter.progress(so_far, total or None)


def server_of(url: str) -> Server | None:
    """Scheme, host and port of an address: who may be told a password. None for what is no server's address."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # as typed by hand
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None


def _passwords(sources: Sources) -> Mapping[Server | None, HTTPBasicAuth]:
    """The passwords in the sources' addresses: uv asks the indexes with them, but its lock names files without."""
    from requests.auth import HTTPBasicAuth

    result: dict[Server | None, HTTPBasicAuth] = {}
    mirrors = (sources.index_url, sources.torch_index_url, sources.python_mirror, sources.conda_mirror)
    for address in (*mirrors, *sources.extra_index_urls, *sources.find_links, *sources.channels):
        server = server_of(address)
        parts = urllib.parse.urlsplit(address if server else "")
        if parts.username is not None:
            user, password = (urllib.parse.unquote(part or "").encode() for part in (parts.username, parts.password))
            result.setdefault(server, HTTPBasicAuth(user, password))
    return result


def keep(part: Path, target: Path, digest: str) -> None:
    """Give a checked file its name, and note its hash beside it so that it is not read again for each plan.

    Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    replace(part, target)
    part.unlink(missing_ok=True)  # a rename between two links of one file leaves both
    _write_note(target, digest)


def _write_note(path: Path, digest: str) -> None:
    state = path.stat()
    temporary = _note(path).with_suffix(f".{os.getpid()}.part")
    temporary.write_text(json.dumps([digest, state.st_size, state.st_mtime_ns]), encoding="utf-8")
    replace(temporary, _note(path))


def _note(path: Path) -> Path:
    return path.parent / "checked.json"


def _note_says(path: Path, sha256: str) -> bool:
    try:
        digest, length, changed = json.loads(_note(path).read_text(encoding="utf-8"))
        state = path.stat()
    except (OSError, ValueError):
        return False
    same = (state.st_size, state.st_mtime_ns) == (length, changed)
    return same and (digest == sha256 or not sha256)


def noted_hash(path: Path) -> str:
    """The SHA-256 of a file `fetch` brought here."""
    with suppress(OSError, ValueError):
        return str(json.loads(_note(path).read_text(encoding="utf-8"))[0])
    return sha256_of(path)


def removed(file: PlannedFile) -> Problem:
    """The problem of a file that `fetch` brought here, and that is here no longer."""
    return Problem(
        tr("{file} is not there any more.", file=file.filename),
        cause=tr("It was downloaded, but has been removed since."),
        cure=tr("Try again; the file is downloaded anew."),
        code="file_gone",
    )


def _gone(file: PlannedFile, place: str) -> Problem:
    return Problem(
        tr("{file} is not there any more.", file=file.filename),
        cause=tr("It was planned from {place}, which does not have it now.", place=place),
        cure=tr("Go back and make the plan again. Where a lock or a kit names this file, make that again first."),
        code="file_gone",
    )


def _refused(file: PlannedFile) -> Problem:
    host = urllib.parse.urlsplit(file.url).hostname or ""
    return Problem(
        tr("{file} could not be downloaded.", file=file.filename),
        cause=tr("The package server {address} refuses access.", address=host),
        cure=tr("Check the address and the password of the package sources in the settings."),
        actions=(Action("open_settings", tr("Open settings")),),
        code="refused_access",
    )


def _altered(file: PlannedFile, place: Path) -> Problem:
    return Problem(
        tr("{file} is damaged.", file=file.filename),
        cause=tr("{path} is not the file that was planned: its SHA-256 differs.", path=place),
        cure=tr("Copy the file, or the folder it lies in, there again; nothing of it was installed."),
        code="damaged_download",
    )


def _unreached(file: PlannedFile, error: BaseException | None) -> Problem:
    """Why a file did not arrive, as far as the error tells: the proxy, the certificate, the server, the network."""
    import requests

    what = tr("{file} could not be downloaded.", file=file.filename)
    host = urllib.parse.urlsplit(file.url).hostname or ""
    code = "no_network"
    cause, cure, actions = no_network_words(host)
    known = recognise(str(error), Occasion.INSTALL)
    if known is not None and known.code != "no_network":
        code, cause, cure, actions = known.code, known.cause, known.cure, known.actions
    if isinstance(error, requests.HTTPError):
        cause = tr("{host} answered with error {status}.", host=host, status=error.response.status_code)
    return Problem(what, cause=cause, cure=cure, actions=actions, details=without_secrets(str(error)), code=code)


def _offline(files: Sequence[PlannedFile]) -> Problem:
    return Problem(
        tr("AIEnv is set to work offline."),
        cause=tr(
            "These files are not on this computer: {files}.",
            files=", ".join(file.filename for file in files[:5]) + ("..." if len(files) > 5 else ""),
        ),
        cure=tr("Switch off working offline in the settings, or name a folder that holds these packages."),
        actions=(Action("open_settings", tr("Open settings")),),
        code="offline",
    )


def _damaged(file: PlannedFile, cause: Text | None = None) -> Problem:
    return Problem(
        tr("{file} is damaged.", file=file.filename),
        cause=cause or tr("What the server sent is not the file that was planned: its SHA-256 differs."),
        cure=tr("Try again later or use another package source; nothing of it was installed."),
        actions=(Action("retry", tr("Try again")),),
        code="damaged_download",
    )
