"""A change is a transaction: what was there stays byte for byte until a rename makes the new whole.

``<staging>/<folder name>/`` belongs to one build: ``journal.json`` says what was asked and planned, ``env-<build>/`` is
the environment being made. It is made whole and checked there, gets its ``aienv.json``, and becomes the environment by
one rename. What a killed application or worker leaves is found by its journal and resumed or discarded. Deleting is a
rename out of the folder of environments first.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders, read_json, sync_folder, write_json, writing_failed
from aienv_gui.core.storage import replace as rename
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery import read_environment
from aienv_gui.environments.locks import acquire, locking_failed, release
from aienv_gui.environments.manifest import (
    Manifest,
    folders_to_json,
    health_file,
    plan_from_json,
    plan_to_json,
    read_manifest,
    sources_to_json,
    without_passwords,
    write_manifest,
)
from aienv_gui.environments.plan import make_plan
from aienv_gui.environments.recipes import check_name, folder_name
from aienv_gui.environments.records import Environment, Maker, Plan, Sources, Unfinished
from aienv_gui.environments.room import check_room
from aienv_gui.environments.worker_call import DIED, call

_VERSION: Final = 1
_JOURNAL: Final = "journal.json"
_TEMPORARY: Final = "tmp"  # what a build puts aside for a moment; swept with it, however it ends
_TRASH: Final = ".trash-"
_NEW: Final = ".new-"
_NEW_AGE_S: Final = 60.0  # a folder that is being made for a moment only


def build(plan: Plan, sources: Sources, folders: Folders, reporter: Reporter) -> Environment:
    """Carry out a plan and return the new environment. Blocks for seconds to many minutes.

    The work is done in a worker process; each package's row comes as `PackageProgress` through `partial`. Cancelled, or
    with any problem but the worker's sudden death, everything but the downloads is swept; after that death
    `unfinished` lists the build. Raises `Problem` and `Cancelled`.
    """
    check_name(plan.request.name, folders)
    check_room(plan, folders)
    reporter.checkpoint()
    slug = folder_name(plan.request.name)
    with _locked(slug, folders):
        return _build(plan, sources, folders, reporter, slug)


def _build(plan: Plan, sources: Sources, folders: Folders, reporter: Reporter, slug: str) -> Environment:
    final = folders.environments / slug
    identity = uuid.uuid4().hex[:12]
    _sweep(folders.staging / slug, folders)  # an earlier try; a half-linked environment is never gone on with
    place = _open(plan, identity, slug, folders)
    staging = place / f"env-{identity}"
    try:
        task = {
            "plan": plan_to_json(plan),
            "sources": sources_to_json(sources),
            "folders": folders_to_json(folders),
            "staging": str(staging),
            "final": str(final),
        }
        call("build", task, place / _TEMPORARY, reporter)
        reporter.checkpoint()
        _commit(plan, identity, staging, final, folders)
    except BaseException as error:
        if not (isinstance(error, Problem) and error.code == DIED):
            _sweep(place, folders)
        raise
    _sweep(place, folders)
    return read_environment(final, Maker.AIENV, folders)


def _open(plan: Plan, identity: str, slug: str, folders: Folders) -> Path:
    """Make the build's staging folder with its journal, both at once."""
    new = folders.staging / f"{_NEW}{identity}"
    place = folders.staging / slug
    try:
        (new / _TEMPORARY).mkdir(parents=True)
        write_json(
            new / _JOURNAL,
            {"build": identity, "started": time.time(), "plan": without_passwords(plan_to_json(plan))},
            version=_VERSION,
        )
        rename(new, place)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise writing_failed(error, new) from error
    except Problem:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return place


def _commit(plan: Plan, identity: str, staging: Path, final: Path, folders: Folders) -> None:
    """Make the staged environment the environment, by one rename."""
    write_manifest(
        staging, Manifest(request=plan.request, built=time.time(), build=identity, files=plan.files, lock=plan.lock)
    )
    check_name(plan.request.name, folders)  # another program may have taken the folder meanwhile
    health_file(final, folders).unlink(missing_ok=True)  # of a former environment of that name
    try:
        folders.environments.mkdir(parents=True, exist_ok=True)
        rename(staging, final)
        sync_folder(folders.environments)
    except OSError as error:
        raise writing_failed(error, final) from error


def unfinished(folders: Folders) -> tuple[Unfinished, ...]:
    """The builds that were interrupted and that nobody works on now; also sweeps what is beyond use.

    Reads a few files, and deletes what a former delete or discard left: seconds where that is much. Never raises.
    """
    result: list[Unfinished] = []
    try:
        places = sorted(folders.staging.iterdir())
    except OSError:
        return ()
    for place in places:
        if place.name.startswith(_TRASH):
            _remove(place)
        elif place.name.startswith(_NEW):
            with suppress(OSError):
                if time.time() - place.stat().st_mtime > _NEW_AGE_S:
                    _remove(place)
        elif not place.name.startswith(".") and place.is_dir():
            found = _look_into(place, folders)
            if found is not None:
                result.append(found)
    return tuple(result)


def _look_into(place: Path, folders: Folders) -> Unfinished | None:
    """What a staging folder is: an interrupted build, or None after sweeping what is of no use."""
    try:
        handle = acquire(_lock_file(place.name, folders))
    except OSError:
        return None
    if handle is None:
        return None  # it is being built
    try:
        journal: dict[str, Any] = read_json(place / _JOURNAL, version=_VERSION)
        plan = plan_from_json(journal["plan"])
        manifest = _manifest_of(folders.environments / place.name)
        if manifest is not None and manifest.build == journal["build"]:
            _sweep(place, folders)  # it was killed between its rename and its end
            return None
        return Unfinished(folder=place, request=plan.request, started=float(journal["started"]), plan=plan)
    except FileNotFoundError:
        _sweep(place, folders)
        return None
    except OSError:
        return None  # it cannot be read now; perhaps the next time
    except Problem as problem:
        if problem.code != "newer_file":  # that one belongs to another AIEnv
            _sweep(place, folders)
        return None
    except (KeyError, TypeError, ValueError):
        _sweep(place, folders)
        return None
    finally:
        release(handle)


def _manifest_of(prefix: Path) -> Manifest | None:
    try:
        return read_manifest(prefix)
    except (Problem, OSError, KeyError, TypeError, ValueError):
        return None


def resume(found: Unfinished, sources: Sources, folders: Folders, reporter: Reporter) -> Environment:
    """Build what was interrupted, with the downloads that are here. As `build`."""
    plan = found.plan or make_plan(found.request, sources, folders, reporter)
    return build(plan, sources, folders, reporter)


def discard(found: Unfinished, folders: Folders, reporter: Reporter) -> None:
    """Sweep an interrupted build. Its downloads stay in the cache. Raises `Problem` where it is being built again."""
    reporter.status(tr("Sweeping up"))
    with _locked(found.folder.name, folders):
        _sweep(found.folder, folders)


def delete(environment: Environment, folders: Folders, reporter: Reporter) -> None:
    """Delete an environment that the application made; one that is gone already is fine.

    It leaves the list by one rename; the sweeping after it takes seconds. Raises `Problem`.
    """
    prefix = environment.prefix
    if not prefix.exists():
        return
    if prefix.parent != folders.environments or not environment.removable:
        raise Problem(
            tr("AIEnv did not make this environment."),
            cause=tr("Only environments that AIEnv made can be deleted here; this one is at {path}.", path=prefix),
            cure=tr("Delete it with the program that made it."),
            code="not_ours",
        )
    reporter.status(tr("Deleting {name}", name=environment.name))
    reporter.checkpoint()
    with _locked(prefix.name, folders):
        trash = folders.staging / f"{_TRASH}{uuid.uuid4().hex[:12]}"
        try:
            folders.staging.mkdir(parents=True, exist_ok=True)
            prefix.rename(trash)
            sync_folder(folders.environments)
        except FileNotFoundError:
            return
        except OSError as error:
            if sys.platform == "win32" and isinstance(error, PermissionError):
                raise Problem(
                    tr("{name} is in use.", name=environment.name),
                    cause=tr("A program that runs from this environment holds its files."),
                    cure=tr("Close the programs and trainings that use it, then try again."),
                    actions=(Action("retry", tr("Try again")),),
                    code="in_use",
                ) from error
            raise writing_failed(error, prefix) from error
        health_file(prefix, folders).unlink(missing_ok=True)
        _remove(trash)


def _lock_file(slug: str, folders: Folders) -> Path:
    return folders.staging / ".locks" / f"{slug}.lock"


@contextmanager
def _locked(slug: str, folders: Folders) -> Iterator[None]:
    """Hold a name. Raises `Problem` where another process or job holds it."""
    try:
        handle = acquire(_lock_file(slug, folders))
    except OSError as error:
        raise locking_failed(error, _lock_file(slug, folders)) from error
    if handle is None:
        raise Problem(
            tr("This environment is being worked on already."),
            cause=tr("Another job, or another window of AIEnv, builds or deletes an environment of this name."),
            cure=tr("Wait until it has ended, or choose another name."),
            code="busy",
        )
    try:
        yield
    finally:
        release(handle)


def _sweep(place: Path, folders: Folders) -> None:
    """Take a staging folder away: out of sight by one rename, then deleted as far as the system lets us."""
    trash = folders.staging / f"{_TRASH}{uuid.uuid4().hex[:12]}"
    try:
        place.rename(trash)
    except FileNotFoundError:
        return
    except OSError:
        _remove(place)
    else:
        _remove(trash)


def _remove(folder: Path) -> None:
    """Delete a folder as far as possible; what cannot be deleted now is swept at the next look."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        with suppress(OSError):
            folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
        for parent, below, files in os.walk(folder):
            # Files only where the system wants it: their modes are shared with the cache they are linked from.
            for name in (*below, *files) if sys.platform == "win32" else below:
                with suppress(OSError):
                    path = Path(parent) / name
                    if not path.is_symlink():
                        path.chmod(path.stat().st_mode | stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=True)
