"""A run is a folder: made, read, listed, deleted. Every function reads or writes files: never on the GUI thread."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aienv_gui.core import processes, storage
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.engine import protocol
from aienv_gui.engine.protocol import CHECKPOINTS, COMMANDS, ENGINE, EVENTS, MODEL, PROCESS, RECIPE, Code
from aienv_gui.training import problems
from aienv_gui.training.records import Recipe, Run, RunState, RunSummary
from aienv_gui.training.story import Story

_VERSION = protocol.VERSION
_SUMMARY = "summary.json"
_SUMMARY_VERSION = 2
_TRASH = ".trash-"
_MAKING = ".making-"
_ABANDONED_S = 600.0  # a run that is being made for so long was left behind by a crash
_ENGINE_FILES = ("*.py", "*.json")


def engine_folder() -> Path:
    """Where the engine's own files are in this program."""
    return Path(protocol.__file__).resolve().parent


def create(recipe: Recipe, folders: Folders) -> Path:
    """Make the folder of a new run, with a copy of the engine in it; returns it.

    It appears whole or not at all. Raises `Problem` for a full disk or a folder without permission, and where weights
    to begin with are not there.
    """
    created = time.time()
    identity = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(created))}-{secrets.token_hex(3)}"
    making = folders.runs / f"{_MAKING}{identity}"
    folder = folders.runs / identity
    try:
        making.mkdir(parents=True)
        _copy_engine(making / ENGINE)
        (making / COMMANDS).mkdir()
        (making / CHECKPOINTS).mkdir()
        if recipe.start_from is not None:
            _copy_start(making, recipe.start_from)
        whole = replace(recipe, id=identity, created=created)
        protocol.write_json(making / RECIPE, {"version": _VERSION, **whole.to_json()})
        making.rename(folder)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise storage.writing_failed(error, folder) from error
    except Problem:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return folder


def _copy_engine(target: Path) -> None:
    source = engine_folder()
    for pattern in _ENGINE_FILES:
        for file in source.rglob(pattern):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def _copy_start(run: Path, source: Path) -> None:
    """Give a run its own copy of the weights that it begins with: it goes on when the original is gone.

    Raises `Problem` where they are not there, OSError where they cannot be copied.
    """
    if not source.exists():
        raise problems.problem_of(Code.BAD_START, {"path": str(source), "reason": "missing"})
    target = run / protocol.START / source.name
    target.parent.mkdir()
    if source.is_dir():
        target.mkdir()
        for name in (protocol.CARD, protocol.WEIGHTS):
            shutil.copyfile(source / name, target / name)
    else:
        shutil.copyfile(source, target)


def read_recipe(folder: Path) -> Recipe:
    """What was asked of the run. Raises `Problem` where its folder is gone or damaged."""
    try:
        return Recipe.from_json(storage.read_json(folder / RECIPE, version=_VERSION))
    except FileNotFoundError as error:
        raise problems.unreadable_run(folder, "recipe.json was not found") from error
    except (KeyError, TypeError, ValueError) as error:
        raise problems.unreadable_run(folder, f"recipe.json: {error!r}") from error
    except OSError as error:
        raise problems.unreadable_run(folder, storage.reason(error)) from error


def is_running(folder: Path) -> bool:
    """Whether an engine works on this run: its process runs, or something holds the run's lock."""
    return engine_of(folder) is not None or protocol.is_locked(folder)


def engine_of(folder: Path) -> int | None:
    """The id of the engine's process of this run; None where none runs, or it is not known."""
    try:
        process = protocol.read_json(folder / PROCESS)
        pid = int(process["pid"])
        alive = processes.is_alive(pid, float(process["started"]), str(folder))
        return pid if alive and not _works_elsewhere(pid, folder) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _works_elsewhere(pid: int, folder: Path) -> bool:
    """Whether a process is the engine of another run: `folder` is a copy of that one, made while it was worked on.

    The same folder by another name, through a link, is none: it has the lock.
    """
    arguments = processes.arguments_of(pid)
    is_engine = any(Path(one).name == "__main__.py" and Path(one).parent.name == ENGINE for one in arguments)
    return is_engine and str(folder) not in arguments and not protocol.is_locked(folder)


def read(folder: Path) -> Run:
    """The whole run as its folder tells it now. Raises `Problem` where it cannot be read."""
    story = Story(folder, read_recipe(folder))
    try:
        story.update(alive=is_running(folder))
    except OSError as error:
        raise problems.unreadable_run(folder, storage.reason(error)) from error
    return story.run


def summaries(
    folders: Folders, reporter: Reporter, followed: Mapping[Path, Run] | None = None
) -> tuple[RunSummary, ...]:
    """All runs, the newest first. A damaged one is listed as such. Sweeps what deleting and making left behind.

    `followed`: runs whose present state is known, so that their events need not be read for this.
    Raises `Problem` where the folder of runs cannot be read.
    """
    result = []
    for folder in _places(folders.runs):
        reporter.checkpoint()
        if folder.name.startswith(_TRASH) or (
            folder.name.startswith(_MAKING) and storage.is_older(folder, _ABANDONED_S)
        ):
            shutil.rmtree(folder, ignore_errors=True)
        elif not folder.name.startswith(".") and folder.is_dir():
            run = (followed or {}).get(folder)
            result.append(summary(folder) if run is None else _in_one_line(run.recipe, folder, _facts_of(run)))
    return tuple(sorted(result, key=lambda s: s.created, reverse=True))


def _places(runs: Path) -> list[Path]:
    try:
        return list(runs.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # no run yet; where none can be made, the start-up says so
        return []
    except OSError as error:
        raise Problem(
            tr("The trainings cannot be read."),
            cause=tr("{path}: {reason}", path=runs, reason=storage.reason(error)),
            cure=tr("Check that the disk is connected and that you may read this folder."),
            code="unreadable_runs",
        ) from error


def summary(folder: Path) -> RunSummary:
    """One run in one line; quick, also where its events are long."""
    try:
        recipe = read_recipe(folder)
        alive = is_running(folder)
        facts = _facts(folder, recipe, alive=alive)
    except Problem as problem:
        return _damaged(folder, problem)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _damaged(folder, problems.unreadable_run(folder, str(error)))
    return _in_one_line(recipe, folder, facts)


def _in_one_line(recipe: Recipe, folder: Path, facts: Mapping[str, Any]) -> RunSummary:
    model = folder / MODEL
    return RunSummary(
        folder=folder,
        name=recipe.name,
        task=recipe.task,
        state=RunState(facts["state"]),
        created=recipe.created,
        seconds=facts["seconds"],
        best_accuracy=facts["best_accuracy"],
        test_accuracy=facts["test_accuracy"],
        numbers=facts.get("numbers", False),
        step=facts["step"],
        total_steps=facts["total_steps"],
        model=model if (model / protocol.CARD).is_file() else None,
        python=recipe.environment_python,
        attempts=tuple((begin, end) for begin, end in facts["attempts"]),
    )


def _damaged(folder: Path, problem: Problem) -> RunSummary:
    created = 0.0
    with contextlib.suppress(OSError):
        created = folder.stat().st_mtime
    return RunSummary(
        folder=folder,
        name=folder.name,
        task="",
        state=RunState.FAILED,
        created=created,
        seconds=0.0,
        damaged=tr("{title} {cause}", title=problem.title, cause=problem.cause),
    )


def _facts(folder: Path, recipe: Recipe, *, alive: bool) -> dict[str, Any]:
    """What the list shows of the events. Kept beside them once the engine has ended: they can be long."""
    try:
        length = (folder / EVENTS).stat().st_size
    except FileNotFoundError:
        length = 0
    if not alive:
        with contextlib.suppress(OSError, ValueError, KeyError):
            data = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
            if data["version"] == _SUMMARY_VERSION and data["length"] == length:
                facts: dict[str, Any] = data["facts"]
                return facts
    story = Story(folder, recipe)
    story.update(alive=alive, brief=True)
    if not alive:
        keep_summary(story)
    return _facts_of(story.run)


def keep_summary(story: Story) -> None:
    """Keep what the list shows of a run whose engine has ended, for as long as nothing is added to its events."""
    run = story.run
    if run.state.live or run.state is RunState.CREATED:
        return
    data = {"version": _SUMMARY_VERSION, "length": story.length, "facts": _facts_of(run)}
    with contextlib.suppress(OSError):  # a full disk: the list is slower, not wrong; a folder that is gone stays gone
        protocol.write_json(run.folder / _SUMMARY, data)


def _facts_of(run: Run) -> dict[str, Any]:
    return {
        "state": str(run.state),
        "seconds": run.seconds,
        "best_accuracy": run.best_accuracy,
        "test_accuracy": run.evaluation.accuracy if run.evaluation else None,
        "numbers": run.start is not None and run.start.numbers,
        "step": run.step,
        "total_steps": run.total_steps,
        "attempts": run.attempts,
    }


def delete(folder: Path, folders: Folders, reporter: Reporter) -> None:
    """Delete a run for good. It leaves the list at once, then its files go.

    Raises `Problem` where it is running, is not one of ours, or cannot be moved.
    """
    if folder.parent != folders.runs or folder.name.startswith("."):
        raise problems.unreadable_run(folder, "not in the folder of runs")
    if is_running(folder):
        raise Problem(
            tr("This training is running."),
            cause=tr("Its files are in use."),
            cure=tr("Stop it first, then delete it."),
            code="running",
        )
    trash = folder.with_name(f"{_TRASH}{folder.name}-{secrets.token_hex(3)}")
    try:
        folder.rename(trash)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage.writing_failed(error, folder) from error
    reporter.status(tr("Removing the files"))
    shutil.rmtree(trash, ignore_errors=True)  # what stays is swept with the next list


__all__ = [
    "Recipe",
    "Run",
    "RunState",
    "RunSummary",
    "create",
    "delete",
    "engine_folder",
    "engine_of",
    "is_running",
    "keep_summary",
    "read",
    "read_recipe",
    "summaries",
    "summary",
]
