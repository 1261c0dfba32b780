"""A conda channel's web server on loopback: ranges, slowness, dropped connections, and going away."""

from __future__ import annotations

import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(slots=True)
class ChannelServer:
    """``with ChannelServer(folder) as server``: serves it at `server.url`.

    `bytes_s`: how fast packages are sent; `wait_s`: how long each answer waits; `drop_after`: a package's connection is
    closed after so many bytes, once for each; with a `token` nothing else is answered. `log` has a line
    ``METHOD path range`` for each request.
    """

    folder: Path
    bytes_s: float | None = None
    wait_s: float = 0.0
    drop_after: dict[str, int] = field(default_factory=dict)
    token: str = ""
    log: list[str] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.path}"

    @property
    def path(self) -> str:
        return f"/t/{self.token}/channel" if self.token else "/channel"

    def __enter__(self) -> ChannelServer:
        channel = self

        class Handler(_Handler):
            served = channel

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="channel")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away: from now on connections are refused."""
        self._stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._thread = None

    def wait(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def packages_sent(self) -> list[str]:
        return [line for line in self.log if line.startswith("GET") and ".conda" in line]


class _Handler(BaseHTTPRequestHandler):
    served: ChannelServer
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = urllib.parse.unquote(self.path.split("?")[0])
        self.served.log.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        self.served.wait(self.served.wait_s)
        file = self.served.folder / path.removeprefix(f"{self.served.path}/")
        allowed = path.startswith(self.served.path)
        if not allowed or not file.is_file():
            self.send_response(404 if allowed else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = file.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if body:
            self._send(data[start:], self.served.drop_after.pop(file.name, None), slow=file.suffix == ".conda")

    def _send(self, data: bytes, drop_after: int | None, *, slow: bool) -> None:
        try:
            for offset in range(0, len(data), 1 << 14):
                if drop_after is not None and offset >= drop_after:
                    self.close_connection = True
                    return
                self.wfile.write(data[offset : offset + (1 << 14)])
                if slow and self.served.bytes_s:
                    time.sleep((1 << 14) / self.served.bytes_s)
        except OSError:  # the client was cancelled
            self.close_connection = True
