"""One attempt at a run: the process around the loop. Every way it can end is told by an event and an exit code."""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from . import failures, protocol
from .commands import AlreadyRunningError, Desk, Doorkeeper, Lock
from .events import Events
from .failures import Failure
from .protocol import Code, Event
from .recipe import read_recipe

_FAILED, _BUSY, _COMPLETE = 1, 3, 4


def run(folder: Path, born: float) -> int:
    """Train the run in `folder` to its end or a stop; returns the process's exit code."""
    try:
        lock = Lock(folder)
        # Whoever started us may have ended before it could say so: nobody must find no engine here.
        protocol.write_json(folder / protocol.PROCESS, {"pid": os.getpid(), "started": born})
        number, complete = _history(folder)
        if complete:
            print("this run is complete: there is nothing to go on with", file=sys.stderr)
            return _COMPLETE
        events = Events(folder)
        desk = Desk(folder, events, born)
    except AlreadyRunningError:
        print("another engine works on this run", file=sys.stderr)
        return _BUSY
    except OSError as error:
        print(f"the run's folder cannot be used: {failures.of_writing(error, folder)}", file=sys.stderr)
        return _FAILED
    desk.listen_to_signals()
    if lock.missing:
        events.emit(Event.WARNING, code=Code.NO_LOCK, values={"path": str(folder), "reason": lock.missing})
    events.emit(Event.PHASE, name="loading", done=0, total=0)
    doorkeeper = Doorkeeper(desk, events, _last_step(folder))
    try:
        return _work(folder, events, desk, doorkeeper, number, born)
    finally:
        doorkeeper.leave()
        lock.release()


def follow(folder: Path) -> int:
    """Do the steps that the engine of the run in `folder` tells, until it ends this process."""
    from .devices import prepare
    from .follow import follow as steps_with_the_leader

    recipe = read_recipe(folder)
    prepare(recipe.device, exact=recipe.settings.exact)
    steps_with_the_leader(recipe)
    return 0


def _history(folder: Path) -> tuple[int, bool]:
    """The number of this attempt, from 1, and whether an earlier one has completed the run."""
    number, complete = 1, False
    for event in protocol.EventReader(folder).read(brief=True):
        number += event["event"] == Event.STARTED
        complete = complete or (event["event"] == Event.FINISHED and event.get("outcome") == "completed")
    return number, complete


def _last_step(folder: Path) -> int:
    """Of the newest checkpoint; without PyTorch, which is not there yet."""
    try:
        return int(protocol.read_json(folder / protocol.CHECKPOINTS / protocol.INDEX)["checkpoints"][-1]["step"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return 0


def _work(folder: Path, events: Events, desk: Desk, doorkeeper: Doorkeeper, number: int, born: float) -> int:
    device = "cpu"

    def failed(code: str, values: dict[str, Any]) -> int:
        doorkeeper.leave()
        desk.close()
        events.emit(Event.FAILED, code=code, values=values, traceback=traceback.format_exc())
        events.flush()
        return _FAILED

    try:
        recipe = read_recipe(folder)
        device = recipe.device
        from .devices import prepare
        from .loop import train

        recipe = recipe.on(prepare(recipe.device, exact=recipe.settings.exact))
        took = {"start": time.time() - born}
        train(folder, recipe, events, desk, doorkeeper, number, took)
    except Failure as failure:
        return failed(failure.code, failure.values)
    except ModuleNotFoundError as error:
        return failed(Code.MISSING_PACKAGE, {"name": error.name or str(error)})
    except OSError as error:
        meaning = failures.of_writing(error, Path(error.filename or folder))
        return failed(meaning.code, meaning.values)
    except Exception as error:  # a bug, or a library's: told with its traceback
        if failures.is_memory_full(error):
            return failed(Code.OUT_OF_MEMORY, {"device": device})
        if failures.is_not_deterministic(error):
            return failed(Code.NOT_DETERMINISTIC, {"reason": str(error).splitlines()[0]})
        return failed(Code.UNEXPECTED, {"reason": f"{type(error).__name__}: {error}"})
    return 0
