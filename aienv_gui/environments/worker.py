"""A process of its own for what must be stoppable at any moment: ``python -m aienv_gui.environments.worker``.

It reads one JSON line (the task) from standard input, writes JSON lines (``kind``: status, progress, partial, log,
problem, done) to standard output, and ends with ``os._exit`` once all is flushed: py-rattler's threads crash an
ordinary exit. When its standard input ends, the application that started it is gone: it ends its children and itself.
`worker_call` is the other side.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final

import psutil

from aienv_gui.core.errors import Problem, unexpected
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.health.integrity import Fault
from aienv_gui.environments.manifest import (
    folders_from_json,
    plan_from_json,
    plan_to_json,
    request_from_json,
    sources_from_json,
)
from aienv_gui.environments.planning.plan import backend_of
from aienv_gui.environments.planning.room import unpacking_bytes
from aienv_gui.environments.planning.speeds import learn
from aienv_gui.environments.records import Former, Package, PackageProgress
from aienv_gui.environments.sources.download import cached

_PROGRESS_INTERVAL_S: Final = 0.05
_PERHAPS_THE_CACHE: Final = ("tool_failed", "not_whole", "damaged_download")


class _Lines(Silent):
    """The reporter of the worker: writes JSON lines. It is never cancelled; the process is ended instead."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._last_progress = 0.0

    def write(self, kind: str, **values: Any) -> None:
        line = json.dumps({"kind": kind, **values}, ensure_ascii=False) + "\n"
        with self._lock:
            self._out.write(line.encode("utf-8", "replace"))
            self._out.flush()

    def status(self, text: Text) -> None:
        self.write("status", text=text.to_json())

    def progress(self, done: float, total: float | None) -> None:
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_INTERVAL_S or done == total:
            self._last_progress = now
            self.write("progress", done=done, total=total)

    def partial(self, result: object) -> None:
        if isinstance(result, PackageProgress):
            self.write("partial", package={**asdict(result), "state": result.state.value})

    def log(self, line: str) -> None:
        self.write("log", line=line)


def build(task: Mapping[str, Any], reporter: _Lines) -> dict[str, Any]:
    """Fetch, install and verify; the environment is whole in ``staging`` when this returns."""
    plan = plan_from_json(task["plan"])
    folders = folders_from_json(task["folders"])
    staging = Path(task["staging"])
    backend = backend_of(plan.request.engine)
    sources = sources_from_json(task["sources"])
    distrusted = set(plan.distrusted)
    fresh = [file for file in plan.files if not file.cached and cached(file, folders) is None]
    unpacking = unpacking_bytes(plan, folders)
    for last in (False, True):
        if distrusted:
            backend.distrust(distrusted, plan, folders, reporter)
        began = time.monotonic()
        backend.fetch(plan, sources, folders, reporter)
        fetched = time.monotonic()
        try:
            backend.install(plan, staging, Path(task["final"]), folders, reporter)
        except Problem as problem:
            if last or problem.code not in _PERHAPS_THE_CACHE:
                raise
            distrusted = {file.package for file in plan.files}
        else:
            installed = time.monotonic()
            reporter.status(tr("Checking every file"))
            faults = backend.verify(staging)
            if not faults:
                break
            distrusted = {fault.package for fault in faults}
        # Once more, with what is damaged in the caches unpacked anew: environments share their files with them.
        shutil.rmtree(staging, ignore_errors=True)
    else:
        raise _not_whole(faults)
    learn(
        folders,
        downloaded_bytes=sum(file.size_bytes or 0 for file in fresh),
        download_s=fetched - began,
        installed_bytes=plan.installed_bytes,
        install_s=installed - fetched,
        fresh_share=unpacking / plan.installed_bytes if plan.installed_bytes else 0.0,
    )
    return {}


def _not_whole(faults: Sequence[Fault]) -> Problem:
    return Problem(
        tr("The environment is not whole."),
        cause=faults[0].text,
        cure=tr("Try again. If it happens again, check the disk."),
        details="\n".join(str(fault.text) for fault in faults[:50]),
        code="not_whole",
    )


def plan(task: Mapping[str, Any], reporter: _Lines) -> dict[str, Any]:
    """Resolve a conda request, whose solver must not run in the window's process (`conda.backend` says why)."""
    from aienv_gui.environments.conda.solve import solve  # py-rattler: only where it is needed

    request = request_from_json(task["request"])
    folders = folders_from_json(task["folders"])
    former = _former(task["former"]) if task.get("former") else None
    return plan_to_json(solve(request, sources_from_json(task["sources"]), folders, reporter, former))


def _former(data: Mapping[str, Any]) -> Former:
    return Former(tuple(Package(**package) for package in data["packages"]), tuple(data["records"]))


def newest(task: Mapping[str, Any], _reporter: _Lines) -> dict[str, Any]:
    """Look for newer versions in conda's channels."""
    from aienv_gui.environments.conda.channels import newest  # py-rattler: only where it is needed

    packages = [(str(name), str(version)) for name, version in task["packages"]]
    request, sources = request_from_json(task["request"]), sources_from_json(task["sources"])
    return {"newest": newest(packages, request, sources, folders_from_json(task["folders"]))}


_VERBS: Final[Mapping[str, Callable[[Mapping[str, Any], _Lines], dict[str, Any]]]] = {
    "build": build,
    "newest": newest,
    "plan": plan,
}


def _end_with_the_application(stdin: BinaryIO) -> None:
    """Wait for the end of standard input, then end the children and this process."""
    with contextlib.suppress(OSError):
        while stdin.read(4096):
            pass
    for child in psutil.Process().children(recursive=True):  # before their parents' death parts them from us
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(3)


def main() -> None:
    """Do one task and end the process: 0 when done, 1 with a problem, 3 when the application went away."""
    # What a library prints must not get between the lines.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    reporter = _Lines(out)
    task = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_application, args=(sys.stdin.buffer,), daemon=True).start()
    code = 1
    try:
        reporter.write("done", result=_VERBS[task["verb"]](task, reporter))
        code = 0
    except Problem as problem:
        reporter.write("problem", problem=problem.to_json())
    except Exception as error:  # a bug: the application shows it with its traceback
        reporter.write("problem", problem=unexpected(error).to_json())
    out.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
