"""The application's side of a worker process: starts it, hands its lines to a reporter, ends it when cancelled."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Action, Cancelled, Problem
from aienv_gui.core.processes import clean_environment, end_group, end_tree, new_group
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.records import PackageProgress, PackageState

DIED: Final = "worker_died"
_POLL_S: Final = 0.05
_TEMPORARY: Final = ("TMPDIR", "TEMP", "TMP")


def call(verb: str, task: Mapping[str, Any], temporary: Path, reporter: Reporter) -> dict[str, Any]:
    """Run a verb of `worker` in its own process and return its result. Blocks until it has ended.

    `temporary` is the folder for its temporary files and its children's: whoever made it sweeps what they leave there.
    Cancelling ends the process and its children at once, whatever they are doing. Raises the worker's `Problem`, a
    `Problem` of code ``worker_died`` where it was killed or crashed, and `Cancelled`.
    """
    package = Path(__file__).resolve().parents[2]
    started = time.time()
    worker = subprocess.Popen(
        [sys.executable, "-m", "aienv_gui.environments.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment({"PYTHONPATH": str(package), **dict.fromkeys(_TEMPORARY, str(temporary))}),
        **new_group(),  # type: ignore[call-overload]
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stderr is not None
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    last_words: deque[str] = deque(maxlen=60)

    def read_lines() -> None:
        for line in worker.stdout:
            lines.put(line)
        lines.put(None)

    def read_errors() -> None:
        for line in worker.stderr:
            last_words.append(line.decode("utf-8", "replace").rstrip())

    readers = [threading.Thread(target=read, daemon=True) for read in (read_lines, read_errors)]
    for reader in readers:
        reader.start()
    try:
        with contextlib.suppress(OSError):  # it died at once: told below
            worker.stdin.write(json.dumps({"verb": verb, **task}).encode() + b"\n")
            worker.stdin.flush()
        answer = _follow(lines, reporter)
    finally:
        code = _end(worker, at_once=reporter.cancelled)
        end_group(worker.pid, started)  # killed, it leaves a uv that would go on writing into what is swept now
        for reader in readers:
            reader.join(timeout=5)
        for stream in (worker.stdin, worker.stdout, worker.stderr):
            with contextlib.suppress(OSError):
                stream.close()
    if answer is None:
        raise Problem(
            tr("The work was ended from outside."),
            cause=tr("The process that did it stopped without an answer (code {code}).", code=code),
            cure=tr("Try again: what was downloaded is kept. If memory was short, close other programs first."),
            actions=(Action("retry", tr("Try again")),),
            details="\n".join(last_words),
            code=DIED,
        )
    return answer


def _end(worker: subprocess.Popen[bytes], *, at_once: bool) -> int:
    """Let the worker end by itself after its answer, or end it with its children; return its exit code."""
    if not at_once:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return worker.wait(3)
    end_tree(worker.pid, patience_s=0.5)
    return worker.wait()


def _follow(lines: queue.SimpleQueue[bytes | None], reporter: Reporter) -> dict[str, Any] | None:
    """Hand lines to the reporter until the worker answers; None where it ends without an answer."""
    while True:
        if reporter.cancelled:
            raise Cancelled
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            return None
        try:
            message = json.loads(line)
        except ValueError:
            continue  # the last line of a killed process
        match message["kind"]:
            case "status":
                reporter.status(Text.from_json(message["text"]))
            case "progress":
                reporter.progress(message["done"], message["total"])
            case "partial":
                row = message["package"]
                reporter.partial(PackageProgress(**{**row, "state": PackageState(row["state"])}))
            case "log":
                reporter.log(message["line"])
            case "problem":
                raise Problem.from_json(message["problem"])
            case "done":
                result = message["result"]
                assert isinstance(result, dict)
                return result
