"""A package index on loopback: JSON and HTML simple API with sizes and hashes, ranges, and faults on request."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import threading
import time
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(slots=True)
class Fault:
    """What goes wrong with a file: after `after` bytes the connection drops, or it answers with `status`; so often."""

    after: int | None = None
    status: int | None = None
    times: int = 1
    replace: bytes | None = None  # other content of the same length


@dataclass(slots=True)
class LocalIndex:
    """``with LocalIndex(folder) as index``: serves the wheels and archives of `folder` at `index.url`.

    `json` off: the old HTML pages. `sizes` off: an index that tells none. `bytes_s`: how fast files are sent. `log`
    has a line ``METHOD path range`` for each request. With `login` (``user:password``) it demands that in each.
    """

    folder: Path
    json: bool = True
    sizes: bool = True
    hashes: bool = True
    bytes_s: float | None = None
    faults: dict[str, Fault] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    login: str = ""
    leads_to: str = ""  # files are asked for there instead: the root of another index
    told: list[str] = field(default_factory=list)  # the Authorization headers received
    yanked: set[str] = field(default_factory=set)  # files that were taken back
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def root(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.root}/simple"

    @property
    def url_with_login(self) -> str:
        user, _, password = self.login.partition(":")
        return self.url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@")

    def __enter__(self) -> LocalIndex:
        index = self

        class Handler(_Handler):
            served = index

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="index")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away: from now on connections are refused."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._thread = None

    def sent(self, filename: str) -> list[str]:
        """The log's lines for a file."""
        return [line for line in self.log if line.split(" ")[1] == f"/files/{filename}"]

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name.endswith((".whl", ".tar.gz")))


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that goes away in the middle is what the tests are about


class _Handler(BaseHTTPRequestHandler):
    served: LocalIndex
    protocol_version = "HTTP/1.1"
    timeout = 2  # a client that keeps its connection must not keep the server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        self.served.log.append(f"{self.command} {path} {self.headers.get('Range', '')}")
        authorization = self.headers.get("Authorization", "")
        self.served.told += [authorization] if authorization else []
        expected = "Basic " + base64.b64encode(self.served.login.encode()).decode()
        if self.served.login and authorization != expected:
            self._send(401, b"", "text/plain", body)
        elif self.served.leads_to and path.startswith("/files/"):
            self._send(302, b"", "text/plain", body, location=self.served.leads_to + path)
        elif path.strip("/") == "simple":
            names = sorted({_project_of(path) for path in self.served.files()})
            links = "\n".join(f'<a href="/simple/{name}/">{name}</a>' for name in names)
            self._send(200, f"<!DOCTYPE html><body>{links}</body>".encode(), "text/html", body)
        elif path.strip("/") == "flat":  # one page with all files, without hashes
            links = "\n".join(f'<a href="/files/{quote(p.name)}">{p.name}</a>' for p in self.served.files())
            self._send(200, f"<!DOCTYPE html><body>{links}</body>".encode(), "text/html", body)
        elif path.startswith("/simple/"):
            self._project(path.removeprefix("/simple/").strip("/"), body)
        elif path.startswith("/files/"):
            self._file(unquote(path.removeprefix("/files/")), body)
        else:
            self._send(404, b"", "text/plain", body)

    def _project(self, name: str, body: bool) -> None:
        files = [path for path in self.served.files() if _project_of(path) == name]
        if not files:
            self._send(404, b"", "text/plain", body)
        elif self.served.json and _JSON in self.headers.get("Accept", ""):
            data = {
                "meta": {"api-version": "1.1"},
                "name": name,
                "versions": [],
                "files": [self._entry(p) for p in files],
            }
            self._send(200, json.dumps(data).encode(), _JSON, body)
        else:
            links = []
            for path in files:
                digest = f"#sha256={_sha256(path)}" if self.served.hashes else ""
                links.append(f'<a href="/files/{html.escape(path.name)}{digest}">{html.escape(path.name)}</a>')
            self._send(200, ("<!DOCTYPE html><body>" + "\n".join(links) + "</body>").encode(), "text/html", body)

    def _entry(self, path: Path) -> dict[str, Any]:
        hashes = {"sha256": _sha256(path)} if self.served.hashes else {}
        entry: dict[str, Any] = {"filename": path.name, "url": f"/files/{path.name}", "hashes": hashes}
        if self.served.sizes:
            entry["size"] = path.stat().st_size
        if path.suffix == ".whl":
            entry["core-metadata"] = True
            requires = _requires_python(path)
            if requires:
                entry["requires-python"] = requires
        if path.name in self.served.yanked:
            entry["yanked"] = "was taken back"
        return entry

    def _file(self, name: str, body: bool) -> None:
        path = self.served.folder / name.removesuffix(".metadata")
        if not path.is_file() or "/" in name:
            self._send(404, b"", "text/plain", body)
            return
        if name.endswith(".metadata"):
            with zipfile.ZipFile(path) as wheel:
                inside = next(member for member in wheel.namelist() if member.endswith(".dist-info/METADATA"))
                self._send(200, wheel.read(inside), "text/plain", body)
            return
        data = path.read_bytes()
        fault = self.served.faults.get(name)
        if fault is not None and fault.times > 0 and body:
            fault.times -= 1
            if fault.status is not None:
                self._send(fault.status, b"fault", "text/plain", body)
                return
            data = fault.replace if fault.replace is not None else data
        else:
            fault = None
        start = 0
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        end = len(data)
        if wanted is not None:
            start = int(wanted[1])
            end = min(end, int(wanted[2]) + 1) if wanted[2] else end
            if start >= len(data):
                self._send(416, b"", "text/plain", body)
                return
        self.send_response(206 if wanted is not None else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start))
        if wanted is not None:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.end_headers()
        if body:
            self._write(data[start:end], fault.after if fault is not None else None)

    def _write(self, data: bytes, after: int | None) -> None:
        for offset in range(0, len(data), 1 << 14):
            block = data[offset : offset + (1 << 14)]
            if after is not None and offset + len(block) > after:
                self.wfile.write(data[offset:after])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(block)
            if self.served.bytes_s:
                time.sleep(len(block) / self.served.bytes_s)

    def _send(self, status: int, data: bytes, kind: str, body: bool, *, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


def _project_of(path: Path) -> str:
    stem = path.name.removesuffix(".tar.gz")
    name = stem.rsplit("-", 1)[0] if path.name.endswith(".tar.gz") else stem.split("-")[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _requires_python(path: Path) -> str:
    with zipfile.ZipFile(path) as wheel:
        inside = next(member for member in wheel.namelist() if member.endswith(".dist-info/METADATA"))
        found = re.search(r"^Requires-Python: (.+)$", wheel.read(inside).decode(), re.MULTILINE)
    return found[1] if found else ""
