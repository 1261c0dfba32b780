"""Starts the engine, follows it, steers it, finds it again. Every function may block: call them in jobs.

The engine is a detached process that is spoken to through the run's folder alone (see `engine.protocol`): it outlives
the window, and the window can neither be frozen nor crashed by it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from aienv_gui.core import processes, storage
from aienv_gui.core.errors import Problem
from aienv_gui.core.explain import Occasion, recognise
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import CHECKPOINTS, COMMANDS, ENGINE, EVENTS, LOG, PROCESS, RECIPE, Code, Command, Event
from aienv_gui.training import problems, run_store
from aienv_gui.training.records import PICTURES, Load, Run, RunState
from aienv_gui.training.story import Story

_LOOK_S = 0.05  # how often the folder is looked at: at most 20 partial results a second
_ALIVE_S = 0.5  # how often the process is looked for
_BEAT_S = 1.0
_ANSWER_BYTES = 100_000  # for the command, the events about it and the index of checkpoints
_GRACE_S = 10.0  # a run that is continued may take this long to let its last process end
_ABANDONED_S = 24 * 3600.0  # an errand that tells nothing for so long was left behind by a crash
_STARTUP_OPTIONS = ("-I", "-u", "-X", "utf8")  # isolated, unbuffered log, UTF-8 names whatever the system's language

# The engines we started ourselves: a child that has ended must be collected by its parent.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start(run: Path, python: Path) -> None:
    """Start the engine on a run with the interpreter `python`; returns at once, the process goes on without us.

    Raises `Problem` where the interpreter is gone, the run is running already or its folder cannot be written.
    """
    if is_running(run):
        raise Problem(
            tr("This training is already running."),
            cause=tr("A run is worked on by one process at a time."),
            cure=tr("Look at it on the page Train."),
            code="running",
        )
    if not python.is_file():
        raise problems.environment_gone(python)
    engine = run / ENGINE / "__main__.py"
    if not engine.is_file():
        raise problems.unreadable_run(run, "engine/__main__.py was not found")
    try:
        for left in (run / COMMANDS).glob("*.json"):
            left.unlink(missing_ok=True)  # asked of a process that is gone
        _announce(run, python)
        with (run / LOG).open("ab") as log:
            child = processes.start_detached(
                [python, *_STARTUP_OPTIONS, engine, "train", run],
                environment=processes.clean_environment(),
                folder=run,
                output=log,
            )
        _children[child.pid] = child
        _note(run, child)
    except FileNotFoundError as error:
        raise problems.environment_gone(python) from error
    except OSError as error:
        raise storage.writing_failed(error, run / EVENTS) from error


def _note(run: Path, child: subprocess.Popen[bytes]) -> None:
    """Write down the engine that was started, for the moments until it does so itself. No engine stays that was not."""
    try:
        if not run_store.is_running(run):
            protocol.write_json(run / PROCESS, {"pid": child.pid, "started": _started(child.pid)})
    except BaseException:
        processes.end_tree(child.pid, patience_s=0.5)
        child.wait()
        raise


def _announce(run: Path, python: Path) -> None:
    """Begin a new attempt in the events; a line that a kill cut short is ended first.

    The log goes on in the same file: `log` says from where, so that an old failure does not explain a new one.
    """
    log = run / LOG
    launched = {
        "event": Event.LAUNCHED,
        "time": time.time(),
        "python": str(python),
        "log": log.stat().st_size if log.exists() else 0,
    }
    with (run / EVENTS).open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(launched).encode() + b"\n")


def _started(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return time.time()


def is_running(run: Path) -> bool:
    """Whether the engine's process of this run is running."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            _children.pop(pid, None)  # another thread may have been quicker
    return run_store.is_running(run)


def continue_run(
    run: Path, python: Path | None = None, prefix: Path | None = None, name: str = "", *, data: Path | None = None
) -> None:
    """Let a run that was stopped or interrupted go on from its last checkpoint.

    `python`, with its environment's folder and name, replaces the interpreter. `data`: where its data are now; the
    engine refuses them where they are not the same.

    Raises `Problem`, see `start`.
    """
    asked = recipe = run_store.read_recipe(run)
    if run_store.summary(run).state is RunState.COMPLETED:
        raise problems.problem_of(Code.FINISHED, {})
    if python is not None and python != recipe.environment_python:
        recipe = replace(recipe, environment_python=python, environment_prefix=prefix or Path(), environment_name=name)
    if data is not None:
        recipe = replace(recipe, folder=data)
    if recipe != asked:
        try:
            protocol.write_json(run / RECIPE, {"version": protocol.VERSION, **recipe.to_json()})
        except OSError as error:
            raise storage.writing_failed(error, run / RECIPE) from error
    deadline = time.monotonic() + _GRACE_S
    while is_running(run) and not run_store.summary(run).state.live:
        if time.monotonic() > deadline:  # it has said that it ended, but its process stays
            kill(run)
        time.sleep(_LOOK_S)
    start(run, recipe.environment_python)


# Steering: each returns the id of its command, which the answering event carries.


def pause(run: Path) -> str:
    """Ask the engine to wait after the current step."""
    return _ask(run, Command.PAUSE)


def resume(run: Path) -> str:
    """Ask a paused engine to go on."""
    return _ask(run, Command.RESUME)


def stop(run: Path) -> str:
    """Ask the engine to save a checkpoint and end; it takes less than three seconds.

    Where the disk is too full for the question, the system's own signal asks (not on Windows, where it would kill);
    then the id is empty.
    """
    try:
        return _ask(run, Command.STOP)
    except Problem as problem:
        if problem.code != "disk_full" or sys.platform == "win32":
            raise
        pid = run_store.engine_of(run)
        with contextlib.suppress(psutil.NoSuchProcess):
            if pid is not None:
                psutil.Process(pid).terminate()
        return ""


def save(run: Path) -> str:
    """Ask the engine for a checkpoint; the answer is a `Checkpoint` with this id as its `command`.

    Raises `Problem` where there is no room for one: on a full disk the engine could not even answer.
    """
    folder = run / CHECKPOINTS
    needed = _ANSWER_BYTES + max(_sizes(folder), default=0)
    if storage.free_bytes(run) < needed:
        raise storage.writing_failed(OSError(errno.ENOSPC, "no room for a checkpoint"), folder)
    return _ask(run, Command.SAVE)


def _sizes(folder: Path) -> Iterator[int]:
    for file in folder.glob("*.pt"):
        with contextlib.suppress(FileNotFoundError):  # the engine gives up old ones at any moment
            yield file.stat().st_size


def _ask(run: Path, command: str) -> str:
    if not is_running(run):
        raise Problem(
            tr("The training is not running."),
            cause=tr("Its process has ended."),
            cure=tr("Continue it first."),
            code="not_running",
        )
    try:
        return protocol.send_command(run, command)
    except OSError as error:
        raise storage.writing_failed(error, run / COMMANDS) from error


def kill(run: Path) -> None:
    """End the engine's process at once. What it did since the last checkpoint is done again when it continues."""
    pid = run_store.engine_of(run)
    if pid is not None:
        processes.end_tree(pid, patience_s=0.5)
    is_running(run)


# Following.


def follow(run: Path, latest_load: Callable[[], Load | None], reporter: Reporter) -> Run:
    """Follow a run until its engine ends; returns the run's last state.

    Partial results are `Run` values, at most twenty a second. `latest_load` is asked once a second how busy the machine
    is, for the run's record (called in this thread). Cancelling ends the following, never the training.
    Raises `Problem` where the run failed or was interrupted, or its folder is gone.
    """
    story = Story(run, run_store.read_recipe(run))
    looked = beaten = 0.0
    alive = True
    try:
        while True:
            reporter.checkpoint()
            now = time.monotonic()
            if now - looked >= _ALIVE_S:
                alive, looked = is_running(run), now
            if alive and now - beaten >= _BEAT_S:
                beaten = now
                load = latest_load()
                if load is not None:
                    with contextlib.suppress(OSError):  # a full disk: the engine says so itself
                        story.record(load)
            if story.update(alive=alive):
                state = story.run
                if not state.state.live:
                    run_store.keep_summary(story)
                _tell(state, reporter)
                if not state.state.live:
                    break
            elif not alive:
                break
            time.sleep(_LOOK_S)
    except OSError as error:
        raise problems.unreadable_run(run, storage.reason(error)) from error
    ended = story.run
    if ended.failure is not None:
        raise ended.failure
    return ended


def _tell(run: Run, reporter: Reporter) -> None:
    reporter.partial(run)
    reporter.status(status_of(run))
    if run.total_steps:
        reporter.progress(run.step, run.total_steps)


def status_of(run: Run) -> Text:
    """What the run does now, in one line. Without the time left, which is shown beside it."""
    if run.state is RunState.TRAINING and run.phase in _PHASES:
        return _PHASES[run.phase]
    if run.state is RunState.TRAINING:
        return tr("Epoch {epoch} of {epochs}", epoch=max(1, run.epoch), epochs=run.epochs)
    if run.state is RunState.STARTING and run.phase_total:
        if run.recipe.task == PICTURES:
            return tr("Reading picture {done} of {total}", done=run.phase_done, total=run.phase_total)
        return tr("Reading the data, {done} of {total}", done=run.phase_done, total=run.phase_total)
    return STATES[run.state]


_PHASES = {
    "finding_rate": tr("Finding a learning rate"),
    "finding_batch": tr("Finding a batch size"),
    "validating": tr("Validating"),
    "testing": tr("Testing on the examples it never saw"),
    "saving": tr("Saving"),
}
STATES: Mapping[RunState, Text] = {
    RunState.CREATED: tr("Not started"),
    RunState.STARTING: tr("Starting"),
    RunState.TRAINING: tr("Training"),
    RunState.PAUSED: tr("Paused"),
    RunState.COMPLETED: tr("Finished"),
    RunState.STOPPED: tr("Stopped"),
    RunState.FAILED: tr("Failed"),
    RunState.INTERRUPTED: tr("Interrupted"),
}


# Errands: short work for the engine that is not a run.


def errand(
    python: Path,
    verb: str,
    request: Mapping[str, Any],
    folders: Folders,
    reporter: Reporter,
    *,
    silence_s: float = 600.0,
    partly: bool = False,
) -> dict[str, Any]:
    """Let the engine do something short in an environment (``inspect``, ``predict``) and return its answer.

    `partly`: also an answer that says what is wrong, with what is known beside that.

    Blocks until it is done, cancelled (raises `Cancelled`) or has told no progress for `silence_s`; how long it takes
    in all depends on how much there is to do. Raises `Problem` otherwise.
    """
    if not python.is_file():
        raise problems.environment_gone(python)
    errands = folders.cache / "errands"
    folder = errands / f"{verb}-{secrets.token_hex(6)}"
    try:
        folder.mkdir(parents=True)
        for left in errands.iterdir():
            if storage.is_older(left, _ABANDONED_S):
                shutil.rmtree(left, ignore_errors=True)
        protocol.write_json(folder / "request.json", {"verb": verb, **request})
    except OSError as error:
        raise storage.writing_failed(error, folder) from error
    progress = _Progress(folder / "progress.jsonl", reporter, silence_s)
    try:
        reporter.checkpoint()
        outcome = processes.run(
            [python, *_STARTUP_OPTIONS, run_store.engine_folder() / "__main__.py", verb, folder],
            timeout_s=math.inf,
            folder=folder,
            cancelled=progress,
        )
        reporter.checkpoint()
        answer = _answer(folder / "answer.json", outcome, silent=outcome.cancelled and progress.silent)
    except FileNotFoundError as error:
        raise problems.environment_gone(python) from error
    except OSError as error:
        raise problems.engine_silent(str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not answer.get("ok") and not partly:
        raise problems.problem_of(str(answer.get("code")), answer.get("values", {}), str(answer.get("traceback") or ""))
    return answer


class _Progress:
    """Asked many times a second whether to stop: passes the errand's progress along meanwhile."""

    def __init__(self, path: Path, reporter: Reporter, silence_s: float) -> None:
        self._path = path
        self._reporter = reporter
        self._silence_s = silence_s
        self._offset = 0
        self._heard = time.monotonic()
        self.silent = False  # it was stopped for telling nothing

    def __call__(self) -> bool:
        with contextlib.suppress(OSError, ValueError, KeyError):  # not there yet
            self._read()
        self.silent = time.monotonic() - self._heard > self._silence_s
        return self.silent or self._reporter.cancelled

    def _read(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        end = data.rfind(b"\n") + 1
        if end:
            self._offset += end
            self._heard = time.monotonic()
            line = json.loads(data[:end].splitlines()[-1])
            self._reporter.progress(float(line["done"]), float(line["total"]) if line.get("total") else None)


def _answer(path: Path, outcome: processes.Outcome, *, silent: bool) -> dict[str, Any]:
    output = (outcome.stderr or outcome.stdout)[-4000:]
    if silent:
        raise Problem(
            tr("The environment took too long to answer."),
            cause=tr("Its Python was ended after the time limit."),
            cure=tr("Try again; if it happens again, validate the environment or choose another one."),
            details=output,
            code="timed_out",
        )
    try:
        return protocol.read_json(path)
    except (OSError, ValueError) as error:
        known = recognise(output, Occasion.RUN)
        raise Problem(
            tr("The environment did not answer."),
            cause=known.cause
            if known
            else tr("Its Python ended with code {code}.", code=outcome.signal_name or outcome.code),
            cure=known.cure if known else tr("Validate the environment, or choose another one."),
            details=output,
            code="engine_silent",
        ) from error
