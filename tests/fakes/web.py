"""A web server on loopback that does what a test tells it, and a proxy before it: slow, silent, lying, encrypted."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"  # who signed those below: good, expired, early, other_name


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer. `pieces` are sent one after the other, `pause_s` apart; `promised` is the length announced."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()
    pieces: Callable[[], Iterator[bytes]] | None = None
    pause_s: float = 0.0
    promised: int | None = None  # None: as long as it is; -1: none is announced
    silent: bool = False  # nothing is sent at all


@dataclass(slots=True)
class Web:
    """``with Web(answer) as web``: `answer` is given each path (with what follows the ?) and returns a `Reply`.

    With `certificate` (a name below `CERTIFICATES`) it speaks TLS. `log` has ``METHOD path`` of each request.
    """

    answer: Callable[[str], Reply]
    certificate: str = ""
    log: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Web:
        web = self

        class Handler(_Handler):
            served = web

        self._server = _Server(("127.0.0.1", 0), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / f"{self.certificate}.pem")
            self._server.context = context
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="web")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    context: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(5)
        with self.context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that does not trust us or goes away is what the tests are about


class _Handler(BaseHTTPRequestHandler):
    served: Web
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(body=True)

    def do_HEAD(self) -> None:
        self._send(body=False)

    def _send(self, *, body: bool) -> None:
        self.served.log.append(f"{self.command} {self.path}")
        reply = self.served.answer(self.path)
        self.close_connection = True
        if reply.silent:
            self.served.stopping.wait(30)
            return
        self.send_response(reply.status)
        length = len(reply.body) if reply.promised is None else reply.promised
        if length >= 0:
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", reply.kind)
        self.send_header("Connection", "close")
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        if body:
            for piece in reply.pieces() if reply.pieces is not None else (reply.body,):
                if self.served.stopping.wait(reply.pause_s):
                    return
                self.wfile.write(piece)
                self.wfile.flush()


@dataclass(slots=True)
class Proxy:
    """``with Proxy(port) as proxy``: a proxy that leads every host to the server at `port` on this machine.

    With `login` (``user:password``) it demands that. `log` has the first line of each request.
    """

    port: int
    login: str = ""
    refuses: bool = False
    log: list[str] = field(default_factory=list)
    _listening: socket.socket | None = None
    _thread: threading.Thread | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _carrying: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        assert self._listening is not None
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Proxy:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve, name="proxy")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        assert self._thread is not None
        assert self._listening is not None
        self._thread.join()
        for thread in self._carrying:
            thread.join()
        self._listening.close()

    def _serve(self) -> None:
        assert self._listening is not None
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                client, _ = self._listening.accept()
                thread = threading.Thread(target=self._carry, args=(client,), name="carrying")
                self._carrying.append(thread)
                thread.start()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(5)
            head = b""
            while b"\r\n\r\n" not in head:
                block = client.recv(4096)
                if not block:
                    return
                head += block
            first, _, rest = head.partition(b"\r\n")
            self.log.append(first.decode())
            if self.refuses:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            wanted = b"Basic " + base64.b64encode(self.login.encode())
            if self.login and wanted not in head:
                client.sendall(
                    b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="way out"\r\n'
                    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
                )
                return
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as server:
                if first.startswith(b"CONNECT"):
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    method, address, version = first.split(b" ")
                    path = b"/" + address.split(b"/", 3)[3]
                    server.sendall(b" ".join((method, path, version)) + b"\r\nConnection: close\r\n" + rest)
                    status = b""
                    while not status.endswith(b"\n"):
                        status += server.recv(1)
                    client.sendall(status + b"Connection: close\r\n")
                self._pump(client, server)

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        until = time.monotonic() + 30
        while not self._stopping.is_set() and time.monotonic() < until:
            readable, _, _ = select.select([client, server], [], [], 0.05)
            for one in readable:
                block = one.recv(1 << 16)
                if not block:
                    return
                (server if one is client else client).sendall(block)
