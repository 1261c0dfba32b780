"""Child processes: a clean environment, lines as they come, a time limit, and the end of the whole tree."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

# What must not leak from the user's shell into another interpreter or tool.
_LEAKS = (
    "PYTHON",
    "PIP_",
    "UV_",
    "CONDA_",
    "MAMBA_",
    "VIRTUAL_ENV",
    "LD_PRELOAD",
    "QT_",
    "_PYI",
    "__PYVENV_LAUNCHER__",
)

_LAST_WORDS_S = 2.0  # how long a stream may stay open after its process has ended


def clean_environment(extra: Mapping[str, str] | None = None, *, keep: Iterable[str] = ()) -> dict[str, str]:
    """The environment variables for a child: ours without what redirects Python, pip, uv, conda or Qt, plus `extra`.

    PYTHONDONTWRITEBYTECODE goes as well: children should compile. Names in `keep` stay.
    """
    kept = set(keep)
    result = {k: v for k, v in os.environ.items() if k in kept or not k.upper().startswith(_LEAKS)}
    result.update({"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"})
    result.update(extra or {})
    return result


def new_group() -> dict[str, object]:
    """`Popen` arguments that give a child a process group of its own, so that the whole tree can be ended."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def detached() -> dict[str, object]:
    """`Popen` arguments for a child that outlives us."""
    if sys.platform == "win32":
        return {
            "creationflags": subprocess.DETACHED_PROCESS
            | subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.CREATE_BREAKAWAY_FROM_JOB
        }
    return {"start_new_session": True}


def start_detached(
    command: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a program that outlives us, with both its streams going to `output`. Raises OSError."""

    def start(how: Mapping[str, object]) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            **how,  # type: ignore[call-overload]
        )
        return child

    try:
        return start(detached())
    except PermissionError:
        if os.name != "nt":
            raise
        # What started us does not let its children out; the program then ends with that one at the latest.
        return start(new_group())


def end_tree(pid: int, *, patience_s: float = 3.0) -> None:
    """End a process and all its descendants: ask, wait `patience_s`, then kill. Blocks; never on the GUI thread."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=patience_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=patience_s)


def end_group(leader: int, since: float) -> None:
    """Kill what a child that was started with `new_group` and has ended has left behind. Blocks until it is gone.

    `leader`: its process id; `since`: when it was started, in seconds since the epoch, or earlier.
    """
    left = [process for process in psutil.process_iter() if _left_by(leader, since, process)]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def _left_by(leader: int, since: float, process: psutil.Process) -> bool:
    try:
        if sys.platform == "win32":  # no groups there; but orphans keep their parent's number, older ones' included
            return process.ppid() == leader and process.create_time() >= since - 1.0
        # One that only waits for its parent's look is dead.
        return os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended. `code`: its exit code (negative: the signal that killed it); `timed_out`: we ended it."""

    code: int
    stdout: str
    stderr: str
    timed_out: bool = False
    cancelled: bool = False

    @property
    def crashed(self) -> bool:
        """Whether the system killed it (a truncated library, an illegal instruction, out of memory)."""
        return not self.timed_out and not self.cancelled and (self.code < 0 or self.code > 0xC0000000)

    @property
    def signal_name(self) -> str:
        """The name of the signal that killed it, or an empty string."""
        with contextlib.suppress(ValueError):
            return signal.Signals(-self.code).name if self.code < 0 else ""
        return ""


def run(
    command: Sequence[str | Path],
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    own_group: bool = True,
    lifeline: bool = False,
) -> Outcome:
    """Run a program to its end and return how it ended; its standard output and error are decoded with replacement.

    `on_line` receives every line of either stream as it comes (from a reader thread; a carriage return counts as a
    line's end). Blocks for at most `timeout_s` seconds, or until `cancelled()` is true; then the whole tree is ended.
    Without `own_group` it stays in ours, and dies with it (`end_group`). With `lifeline` its standard input is a pipe
    that ends when we do, however that happens: it may watch it, for nobody is left then who would end it in time.
    Raises OSError where it cannot be started.
    """
    started = time.time()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment) if environment is not None else clean_environment(),
        cwd=folder,
        **(new_group() if own_group else {}),  # type: ignore[call-overload]
    )
    streams: dict[str, list[str]] = {"stdout": [], "stderr": []}

    def read(name: str) -> None:
        stream = getattr(process, name)
        for raw in stream:
            text = raw.decode("utf-8", errors="replace")
            streams[name].append(text)
            if on_line is not None:
                for line in text.replace("\r", "\n").splitlines():
                    if line.strip():
                        on_line(line)

    readers = [threading.Thread(target=read, args=(name,), daemon=True) for name in streams]
    for reader in readers:
        reader.start()
    try:
        timed_out, stopped = _await(process, time.monotonic() + timeout_s, cancelled)
    finally:  # also where `cancelled` raises
        if process.poll() is None:
            end_tree(process.pid)
            process.wait()
        for reader in readers:
            reader.join(timeout=_LAST_WORDS_S)
        if own_group and any(reader.is_alive() for reader in readers):
            # A child of the child lives on and holds a stream. It is of the same group, unless it left that.
            end_group(process.pid, started)
            for reader in readers:
                reader.join(timeout=_LAST_WORDS_S)
        if process.stdin is not None:
            process.stdin.close()
        for name, reader in zip(streams, readers, strict=True):
            # Closing a stream that is being read would wait for the end of who holds it.
            if not reader.is_alive():
                getattr(process, name).close()
    return Outcome(process.returncode, "".join(streams["stdout"]), "".join(streams["stderr"]), timed_out, stopped)


def _await(process: subprocess.Popen[bytes], deadline: float, cancelled: Callable[[], bool]) -> tuple[bool, bool]:
    """Wait for the end of a process; return whether its time ran out, and whether it is to be stopped."""
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
        stopped = cancelled()
        timed_out = time.monotonic() > deadline
        if (stopped or timed_out) and process.poll() is None:
            return timed_out, stopped
    return False, False


def is_alive(pid: int, started: float, argument: str = "") -> bool:
    """Whether the process `pid` that started at `started` (seconds since the epoch) runs; a reused id is not it.

    A process that was started with `argument` is it, whatever the clock says.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # The system's clock may have been set meanwhile, and the starting times with it: then its arguments tell.
        return abs(process.create_time() - started) < 2.0 or (bool(argument) and argument in process.cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # another user's
        return False


def arguments_of(pid: int) -> tuple[str, ...]:
    """The command line of a process; nothing where it has ended or may not be looked at."""
    try:
        return tuple(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ()


def own_python() -> Path:
    """The interpreter this program runs in."""
    return Path(sys.executable)
