"""One request step by step: name, connection, proxy, encryption, answer. Says how long each took and which failed.

The libraries that do the real work tell only that something on the way failed. Every step here has a time limit of its
own and can be ended from another thread (`Journey.end`).
"""

from __future__ import annotations

import base64
import errno
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.records import Sources
from aienv_gui.environments.sources import network
from aienv_gui.environments.sources.reach import Step, StepTime

STEP_S = 6.0  # a step's time limit
READ_S = 3.0  # how long a body is read, to learn the speed
MOST_BYTES: Final = 2_000_000
_BLOCK: Final = 1 << 16
_HOPS: Final = 5
_PORTS: Final = {"https": 443, "http": 80}
# OpenSSL's numbers for what is wrong with a certificate.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNKNOWN_ISSUER: Final = {18, 19, 20, 21}
_OTHER_NAME: Final = {62, 64}


class Failure(Exception):
    """A step did not succeed: why, what to do, and a stable name of it."""

    def __init__(self, cause: Text, cure: Text, code: str) -> None:
        super().__init__(code)
        self.cause = cause
        self.cure = cure
        self.code = code


class Ended(Exception):
    """The journey was ended from outside."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: status, the beginning of the body (`read` seconds of it), and from where."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    seconds: float  # for the body

    @property
    def bytes_s(self) -> float | None:
        return len(self.body) / self.seconds if self.body and self.seconds > 0 else None


@dataclass(slots=True)
class Journey:
    """The way to one address. `steps` has those taken so far, of the first server and of the one that failed."""

    sources: Sources
    steps: list[StepTime] = field(default_factory=list)
    _socket: socket.socket | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        """Give up, from any thread: what is waited for fails at once."""
        self._ended.set()
        self._close()

    def get(self, url: str, *, most: int = MOST_BYTES, accept: str = "*/*", partly: bool = False) -> Answer:
        """Ask for an address, follow where it leads, read at most `most` bytes or `READ_S` seconds.

        With `partly` only so much of a file is asked for. Raises `Failure` and `Ended`. Any status is an answer.
        """
        headers = {"Accept": accept, "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "AIEnv"}
        if partly:
            headers["Range"] = f"bytes=0-{most - 1}"
        try:
            for _ in range(_HOPS):
                answer = self._ask(url, headers, most)
                location = answer.headers.get("location", "")
                if answer.status not in (301, 302, 303, 307, 308) or not location:
                    return answer
                url = urllib.parse.urljoin(url, location)
                if urllib.parse.urlsplit(url).scheme not in _PORTS:
                    break
        except OSError as error:  # what was closed under it
            if self._ended.is_set():
                raise Ended from error
            raise
        finally:
            self._close()
        raise Failure(
            tr("The server sends from one address to the next without end."),
            tr("Check the address, or choose another mirror."),
            "redirects",
        )

    def _ask(self, url: str, headers: Mapping[str, str], most: int) -> Answer:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        proxy = network.proxy_for(url, self.sources)
        try:
            self._reach(proxy or url)
        except Failure as failure:
            raise (_at_the_proxy(failure) if proxy else failure) from failure
        if proxy and parts.scheme == "https":
            self._through(proxy, host, port)
        if parts.scheme == "https":
            self._encrypt(host)
        with self._step(Step.GET):
            return self._exchange(parts, proxy, headers, most)

    def _reach(self, address: str) -> None:
        """Find a server, or the proxy on the way, and connect to it."""
        parts = urllib.parse.urlsplit(address)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)
        self._close()
        with self._step(Step.DNS):
            found = _look_up(host, port, self._ended)
        with self._step(Step.TCP):
            self._socket = self._connect(found, host)
        if self._ended.is_set():
            raise Ended

    def _connect(self, found: list[tuple[int, tuple[object, ...]]], host: str) -> socket.socket:
        until = time.monotonic() + STEP_S
        last: OSError = TimeoutError()
        for family, address in found:
            left = until - time.monotonic()
            if left <= 0 or self._ended.is_set():
                break
            tried = socket.socket(family, socket.SOCK_STREAM)
            self._socket = tried
            try:
                tried.settimeout(left if len(found) == 1 else max(left / 2, 0.5))
                tried.connect(address)
            except OSError as error:
                last = error
                tried.close()
            else:
                tried.settimeout(STEP_S)
                return tried
        raise _not_connected(last, host, only_six=all(family == socket.AF_INET6 for family, _ in found)) from last

    def _through(self, proxy: str, host: str, port: int) -> None:
        assert self._socket is not None
        parts = urllib.parse.urlsplit(proxy)
        with self._step(Step.PROXY):
            if parts.scheme == "https":
                raise _encrypted_proxy(parts.hostname or "")
            lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}", *_login_lines(parts)]
            self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            answer = b""
            while b"\r\n\r\n" not in answer and len(answer) < _BLOCK:
                block = self._socket.recv(1)  # not a byte more: what follows is the server's
                if not block:
                    break
                answer += block
            status = int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/") else 0
            if status != 200:
                raise _proxy_failure(status, parts.hostname or "")

    def _encrypt(self, host: str) -> None:
        assert self._socket is not None
        with self._step(Step.TLS):
            try:
                self._socket = _context(self.sources).wrap_socket(self._socket, server_hostname=host)
            except ssl.SSLCertVerificationError as error:
                raise _bad_certificate(error, host) from error
            except ssl.SSLError as error:
                raise Failure(
                    tr(
                        "{host} does not speak the encrypted protocol as it should ({reason}).",
                        host=host,
                        reason=error.reason or str(error),
                    ),
                    tr("Something on the way may hold it up. Check the address, or try another network."),
                    "tls",
                ) from error

    def _exchange(self, parts: urllib.parse.SplitResult, proxy: str, headers: Mapping[str, str], most: int) -> Answer:
        host = parts.hostname or ""
        sent = dict(headers)
        if parts.username is not None:
            sent["Authorization"] = _basic(parts)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        asked = bare.geturl() if proxy and parts.scheme == "http" else bare._replace(scheme="", netloc="").geturl()
        if proxy and parts.scheme == "http":
            sent |= dict(line.split(": ", 1) for line in _login_lines(urllib.parse.urlsplit(proxy)))
        link = http.client.HTTPConnection(host, parts.port)
        link.sock = self._socket
        try:
            link.request("GET", asked or "/", headers=sent)
            got = link.getresponse()
            begun = time.monotonic()
            body = self._body(got, most)
        except http.client.HTTPException as error:
            raise Failure(
                tr("{host} answers with something that is no web page.", host=host),
                tr("Check the address and its port."),
                "no_http",
            ) from error
        if got.status == 407:
            raise _proxy_failure(407, urllib.parse.urlsplit(proxy).hostname or "")
        took = time.monotonic() - begun
        return Answer(got.status, bare.geturl(), {k.lower(): v for k, v in got.getheaders()}, body, took)

    def _body(self, got: http.client.HTTPResponse, most: int) -> bytes:
        until = time.monotonic() + READ_S
        parts: list[bytes] = []
        count = 0
        while count < most and time.monotonic() < until and not self._ended.is_set():
            block = got.read1(min(_BLOCK, most - count))
            if not block:
                break
            parts.append(block)
            count += len(block)
        return b"".join(parts)

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        """Time a step; turn what the system says into a `Failure`."""
        if self._ended.is_set():
            raise Ended
        begun = time.monotonic()
        try:
            yield
        except BaseException as error:
            self._note(StepTime(step, time.monotonic() - begun, failed=True))
            if self._ended.is_set() and not isinstance(error, Ended):
                raise Ended from error
            if isinstance(error, TimeoutError):
                raise _silent() from error
            if isinstance(error, OSError):
                raise _cut_off(error) from error
            raise
        self._note(StepTime(step, time.monotonic() - begun))

    def _note(self, taken: StepTime) -> None:
        """Of a step taken again, on a redirection, the slower or the failed one counts."""
        before = next((one for one in self.steps if one.step is taken.step), None)
        if before is None:
            self.steps.append(taken)
        elif taken.failed or (not before.failed and taken.seconds > before.seconds):
            self.steps[self.steps.index(before)] = taken

    def _close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # a close alone does not wake who reads in another thread
            self._socket.close()


def _look_up(host: str, port: int, ended: threading.Event) -> list[tuple[int, tuple[object, ...]]]:
    """The addresses of a name. The system's look-up cannot be interrupted, so a thread waits for it, and not we."""
    found: list[tuple[int, tuple[object, ...]]] = []
    failed: list[OSError] = []
    done = threading.Event()

    def ask() -> None:
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, address))
        except OSError as error:
            failed.append(error)
        except UnicodeError as error:  # a name that cannot be one
            failed.append(OSError(str(error)))
        done.set()

    threading.Thread(target=ask, daemon=True, name="name look-up").start()
    until = time.monotonic() + STEP_S
    while not done.wait(0.05):
        if ended.is_set():
            raise Ended
        if time.monotonic() > until:
            raise Failure(
                tr("Nobody answers where the address of {host} is asked for (DNS).", host=host),
                tr("Check the internet connection. It may help to set another DNS server in the system."),
                "dns_silent",
            )
    if failed or not found:
        raise Failure(
            tr("There is no server called {host}, or the network does not know it (DNS).", host=host),
            tr("Check the internet connection and the spelling of the address."),
            "dns",
        ) from (failed[0] if failed else None)
    return found


def _context(sources: Sources) -> ssl.SSLContext:
    """Trusts whom the downloads trust: the user's file, else the well-known authorities."""
    import certifi  # requests brings it

    return ssl.create_default_context(cafile=network.certificates(sources) or certifi.where())


def _basic(parts: urllib.parse.SplitResult) -> str:
    login = f"{urllib.parse.unquote(parts.username or '')}:{urllib.parse.unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(login.encode()).decode()


def _login_lines(proxy: urllib.parse.SplitResult) -> list[str]:
    return [f"Proxy-Authorization: {_basic(proxy)}"] if proxy.username is not None else []


def _not_connected(error: OSError, host: str, *, only_six: bool) -> Failure:
    if only_six and error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH):
        return Failure(
            tr("{host} can be reached over IPv6 only, which this network does not have.", host=host),
            tr("Choose another mirror, or switch IPv6 on in the system or the router."),
            "only_ipv6",
        )
    if isinstance(error, ConnectionRefusedError):
        return Failure(
            tr("{host} refuses the connection: nothing answers at this port.", host=host),
            tr("Check the address and its port; the server or the proxy may be switched off."),
            "refused",
        )
    if isinstance(error, TimeoutError):
        return Failure(
            tr("{host} does not answer: no connection within {seconds} seconds.", host=host, seconds=round(STEP_S)),
            tr("Check the internet connection. A firewall may need a proxy; or choose another mirror."),
            "no_answer",
        )
    return Failure(
        tr("{host} cannot be reached ({reason}).", host=host, reason=verbatim(error.strerror or error)),
        tr("Check the internet connection, or choose another mirror."),
        "unreachable",
    )


def _at_the_proxy(failure: Failure) -> Failure:
    """The failure of the way to the proxy, which is not that of the server's own address."""
    return Failure(
        tr("The proxy cannot be reached. {cause}", cause=failure.cause),
        tr("Start the proxy program, or correct the proxy's address and port."),
        failure.code,
    )


def _proxy_failure(status: int, host: str) -> Failure:
    if status == 407:
        return Failure(
            tr("The proxy {host} asks for a name and a password (407).", host=host),
            tr(
                "Put the name into the proxy's address (http://name@{host}) and the password into its field.", host=host
            ),
            "proxy_password",
        )
    if status:
        return Failure(
            tr("The proxy {host} does not let this address through ({status}).", host=host, status=status),
            tr("Ask the network's administrator, or choose a mirror that the proxy allows."),
            "proxy_refuses",
        )
    return Failure(
        tr("{host} is no proxy: it does not answer as one.", host=host),
        tr("Check the proxy's address and its port."),
        "no_proxy",
    )


def _encrypted_proxy(host: str) -> Failure:
    return Failure(
        tr("{host} is an encrypted proxy (https://), which this test cannot go through.", host=host),
        tr("Packages may arrive all the same. Where the proxy also takes http://, enter it so."),
        "encrypted_proxy",
    )


def _bad_certificate(error: ssl.SSLCertVerificationError, host: str) -> Failure:
    today = time.strftime("%Y-%m-%d")
    if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
        return Failure(
            tr("The certificate of {host} is not valid on {today}, the date of this computer.", host=host, today=today),
            tr("If this date is wrong, set the clock. Otherwise the certificate has run out: choose another mirror."),
            "certificate_date",
        )
    if error.verify_code in _UNKNOWN_ISSUER:
        return Failure(
            tr("The certificate of {host} is signed by somebody whom this computer does not know.", host=host),
            tr(
                "In a company or campus network the traffic may be inspected: ask for its certificate file and name it "
                "in the settings. Elsewhere somebody may be listening in: use another network."
            ),
            "certificate",
        )
    if error.verify_code in _OTHER_NAME:
        return Failure(
            tr("The certificate is that of another server than {host}.", host=host),
            tr("If this network wants you to sign in, open a web page in a browser and do so. Else check the address."),
            "certificate_name",
        )
    return Failure(
        tr("The certificate of {host} cannot be trusted ({reason}).", host=host, reason=error.verify_message),
        tr("Check the computer's date, or choose another mirror."),
        "certificate",
    )


def _silent() -> Failure:
    return Failure(
        tr("The connection stands, but no answer came within {seconds} seconds.", seconds=round(STEP_S)),
        tr("The server is overloaded or something on the way holds it up. Try again, or choose another mirror."),
        "silent",
    )


def _cut_off(error: OSError) -> Failure:
    return Failure(
        tr("The connection was cut off ({reason}).", reason=verbatim(error.strerror or error)),
        tr("Firewalls and proxies do that. Try again, try another network, or choose another mirror."),
        "cut_off",
    )
