"""Runs JupyterLab for an environment: a server on this computer only, with a secret of its own, that ends with us."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import re
import secrets
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Action, Cancelled, Problem
from aienv_gui.core.explain import explain
from aienv_gui.core.processes import run
from aienv_gui.core.storage import Folders, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import duration, tr
from aienv_gui.environments.launchers import activation, kernels
from aienv_gui.environments.locks import acquire, release
from aienv_gui.environments.records import Environment, Maker

_PATIENCE_S: Final = 90.0  # until it answers; the first start of a large one reads much
_LOOK_S: Final = 0.2
_WHAT: Final = tr("JupyterLab could not be started.")
# Its standard input ends when we do, however that happens: then it shuts its kernels down and ends too. The current
# folder, which Python looks for modules in, is ours and empty.
_START: Final = """\
import os, runpy, signal, sys, threading

def end_with_the_application():
    while sys.stdin.buffer.raw.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_with_the_application, daemon=True).start()
runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class Address:
    """A partial result: where the server answers, with its secret. Never shown, never logged."""

    url: str

    def __repr__(self) -> str:
        return "Address(...)"


def server_for(environment: Environment, others: Iterable[Environment]) -> Environment:
    """The environment whose JupyterLab serves `environment`: its own, else one of ours. Raises `Problem` without any.

    Another one's needs `ipykernel` in `environment`: its kernel is what runs the code.
    """
    if environment.broken is not None:
        raise Problem(
            _WHAT,
            cause=tr(
                "The environment {name} cannot be used. {reason}", name=environment.name, reason=environment.broken
            ),
            cure=tr("Repair the environment first."),
            code="broken",
        )
    if environment.version_of("jupyterlab") is not None:
        return environment
    if environment.version_of("ipykernel") is not None:
        makers = (Maker.AIENV, Maker.BUILT_IN)
        for other in others:
            if other.maker in makers and other.broken is None and other.version_of("jupyterlab") is not None:
                return other
    raise Problem(
        tr("{name} has no JupyterLab.", name=environment.name),
        cause=tr("Neither it nor another environment of AIEnv can show notebooks that run in it."),
        cure=tr("Add the package jupyterlab to it."),
        actions=(Action("add_packages", tr("Add JupyterLab"), argument="jupyterlab"),),
        code="no_jupyter",
    )


def serve(
    environment: Environment, others: tuple[Environment, ...], root: Path, folders: Folders, reporter: Reporter
) -> None:
    """Run JupyterLab for an environment, showing the files of `root`, until it is cancelled or ended in the browser.

    The environment is registered as a kernel first. `Address` comes as a partial result once the server answers.
    Raises `Problem` where it does not start, and `Cancelled`.
    """
    reporter.status(tr("Starting JupyterLab"))
    server = server_for(environment, others)
    kernel = kernels.register(environment)
    reporter.log(str(kernel))
    reporter.checkpoint()
    store = folders.data / "opened" / "jupyter"
    _sweep(store)
    place = store / uuid.uuid4().hex[:12]
    try:
        (place / "work").mkdir(parents=True, mode=0o700)
        place.chmod(0o700)
        lock = acquire(place / "lock")
    except OSError as error:
        raise writing_failed(error, place) from error
    try:
        _run(server, kernels.kernel_name(environment), root, place, reporter)
    finally:
        if lock is not None:
            release(lock)
        shutil.rmtree(place, ignore_errors=True)


def _run(server: Environment, kernel: str, root: Path, place: Path, reporter: Reporter) -> None:
    token = secrets.token_hex(24)
    variables = {**activation.variables(server), "JUPYTER_RUNTIME_DIR": str(place), "JUPYTER_TOKEN": token}
    watch = _Watch(place, token, reporter)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # they come in other threads, the reporter belongs to this one

    def poll() -> bool:
        while not lines.empty():
            reporter.log(without_token(lines.get(), token))
        watch.look()
        return reporter.cancelled or watch.timed_out

    command: list[str | Path] = [server.python, "-c", _START, "--no-browser", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={_free_port()}", f"--ServerApp.root_dir={root}"]
    command += [f"--MultiKernelManager.default_kernel_name={kernel}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container; Jupyter refuses unless it is told
        command += ["--ServerApp.allow_root=True"]
    try:
        outcome = run(
            command,
            timeout_s=float("inf"),
            environment=variables,
            folder=place / "work",
            on_line=lines.put,
            cancelled=poll,
            lifeline=True,
        )
    except OSError as error:
        raise Problem(
            _WHAT,
            cause=tr("{python} could not be run: {reason}.", python=server.python, reason=error.strerror or error),
            cure=tr("Validate the environment: it says what is wrong."),
            code="not_started",
        ) from error
    while not lines.empty():
        reporter.log(without_token(lines.get(), token))
    if reporter.cancelled:
        raise Cancelled
    output = without_token(outcome.stderr or outcome.stdout, token)
    if watch.timed_out:
        raise Problem(
            _WHAT,
            cause=tr("It did not answer within {time}.", time=duration(_PATIENCE_S)),
            cure=tr("Try again: the first start takes longest. If it happens again, look at the details."),
            details=output[-4000:],
            code="no_answer",
        )
    if outcome.code != 0 and not watch.answered:
        raise explain(output, what=_WHAT)


def without_token(text: str, token: str) -> str:
    """What a server prints, without its secret."""
    return re.sub(r"(?<=token=)[\w-]+", "...", text.replace(token, "..."))


def _free_port() -> int:
    """A port that is free now; should another take it, the server takes the next, and its file says which."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Watch:
    """Waits for the server's own file (``jpserver-*.json``) and its first answer; tells the reporter once."""

    def __init__(self, place: Path, token: str, reporter: Reporter) -> None:
        self._place = place
        self._token = token
        self._reporter = reporter
        self._until = time.monotonic() + _PATIENCE_S
        self._next = 0.0
        self.answered = False

    @property
    def timed_out(self) -> bool:
        return not self.answered and time.monotonic() > self._until

    def look(self) -> None:
        now = time.monotonic()
        if self.answered or now < self._next:
            return
        self._next = now + _LOOK_S
        for file in self._place.glob("jpserver-*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                self._try(json.loads(file.read_text(encoding="utf-8")))

    def _try(self, said: Mapping[str, Any]) -> None:
        port, base, secure = int(said["port"]), str(said["base_url"]), bool(said.get("secure"))
        if not _answers(port, base, secure):
            return
        self.answered = True
        plain = f"{'https' if secure else 'http'}://127.0.0.1:{port}{base}"
        self._reporter.status(tr("JupyterLab runs at {address}. Cancel ends it.", address=plain))
        token = str(said.get("token") or "")
        self._reporter.partial(Address(f"{plain}lab" + (f"?token={token}" if token else "")))


def _answers(port: int, base: str, secure: bool) -> bool:
    if secure:  # by the user's own configuration; whether it listens is enough
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", f"{base}api")
        return connection.getresponse().status < 500
    except http.client.HTTPException:
        return False
    finally:
        connection.close()


def _sweep(store: Path) -> None:
    """Delete what servers left whose application was killed."""
    with contextlib.suppress(OSError):
        for place in list(store.iterdir()):
            handle = acquire(place / "lock")
            if handle is not None:
                release(handle)
                shutil.rmtree(place, ignore_errors=True)
