"""A change is a transaction: what was there stays byte for byte until renames make the new whole.

An environment is made and checked whole in the staging folder (`staging`), gets its ``aienv.json``, and becomes the
environment by a rename; one that it takes the place of becomes a snapshot, by which the change can be undone. What a
killed application or worker leaves is found by its journal and resumed or discarded. Deleting is a rename out of the
folder of environments first.
"""

from __future__ import annotations

import sys
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders, read_json, sync_folder, writing_failed
from aienv_gui.core.storage import replace as rename
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.changes import snapshots
from aienv_gui.environments.changes.ownership import check_ours, manifest_of
from aienv_gui.environments.changes.staging import (
    JOURNAL,
    NEW,
    TEMPORARY,
    TRASH,
    VERSION,
    close_place,
    lock_file,
    locked,
    new_trash,
    open_place,
    remove,
    settle,
    swap,
    sweep,
)
from aienv_gui.environments.changes.usage import check_unused
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.locks import acquire, release
from aienv_gui.environments.manifest import (
    Manifest,
    folders_to_json,
    health_file,
    plan_from_json,
    plan_to_json,
    read_manifest,
    sources_to_json,
    write_manifest,
)
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import check_name, free_folder_name
from aienv_gui.environments.planning.room import check_room
from aienv_gui.environments.records import ChangePlan, Environment, Maker, Plan, Sources, Unfinished
from aienv_gui.environments.sources.addresses import public_data
from aienv_gui.environments.uv.python_builds import sweep as sweep_pythons
from aienv_gui.environments.worker_call import DIED, call

_NAMED: Final = 3  # packages that a snapshot's reason names
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
    slug = free_folder_name(plan.request.name, folders)
    with locked(slug, folders):
        return _build(plan, None, sources, folders, reporter, folders.environments / slug)


def change(planned: ChangePlan, sources: Sources, folders: Folders, reporter: Reporter) -> Environment:
    """Carry out a change: the whole new environment is made beside the old one, which then becomes a snapshot.

    As `build`. Raises `Problem` also where a program runs from the environment or where it was changed since.
    """
    environment, prefix = planned.environment, planned.environment.prefix
    check_ours(environment, folders)
    check_room(planned.plan, folders)
    reporter.checkpoint()
    with locked(prefix.name, folders):
        check_unused(environment)
        if read_environment(prefix, Maker.AIENV).packages != environment.packages:
            raise Problem(
                tr("{name} has changed meanwhile.", name=environment.name),
                cause=tr("Other packages are installed than when the change was planned."),
                cure=tr("Plan the change again."),
                actions=(Action("retry", tr("Plan again")),),
                code="changed_meanwhile",
            )
        return _build(planned.plan, reason_of(planned), sources, folders, reporter, prefix)


def reason_of(planned: ChangePlan) -> Text:
    """What the state before a change is called in the list of snapshots."""
    asked, steps = planned.change, planned.differences
    if asked.repair:
        return tr("Before a repair")
    if asked.accelerator:
        return tr("Before changing the build for the graphics card")
    added = [step.package for step in steps if not step.before]
    removed = [step.package for step in steps if not step.after]
    if len(steps) == 1:
        name = steps[0].package
        if added:
            return tr("Before {package} was added", package=name)
        if removed:
            return tr("Before {package} was removed", package=name)
        before, after = steps[0].before, steps[0].after
        return tr("Before {package} changed from {before} to {after}", package=name, before=before, after=after)
    kinds = [names for names in (asked.add, asked.remove, asked.update) if names]
    if len(kinds) == 1 and len(kinds[0]) <= _NAMED:  # what was asked says more than what came with it
        packages = ", ".join(kinds[0])
        if asked.add:
            return tr("Before adding {packages}", packages=packages)
        if asked.remove:
            return tr("Before removing {packages}", packages=packages)
        return tr("Before updating {packages}", packages=packages)
    return tr_count("Before {count} package changed", "Before {count} packages changed", len(steps))


def _build(
    plan: Plan, replacing: Text | None, sources: Sources, folders: Folders, reporter: Reporter, final: Path
) -> Environment:
    """Make the environment `final`. `replacing`: it is there, and this is what its present state is called then."""
    identity = uuid.uuid4().hex[:12]
    sweep(folders.staging / final.name, folders)  # an earlier try; a half-linked environment is never gone on with
    journal = {"build": identity, "started": time.time(), "plan": public_data(plan_to_json(plan))}
    if replacing is not None:
        journal["replacing"] = replacing.to_json()
    place = open_place(final.name, journal, folders)
    staging = place / f"env-{identity}"
    try:
        task = {
            "plan": plan_to_json(plan),
            "sources": sources_to_json(sources),
            "folders": folders_to_json(folders),
            "staging": str(staging),
            "final": str(final),
        }
        call("build", task, place / TEMPORARY, reporter)
        reporter.checkpoint()
        if replacing is None:
            _commit(plan, identity, staging, final, folders)
        else:
            _commit_change(plan, identity, replacing, place, final, folders)
    except BaseException as error:
        if not (isinstance(error, Problem) and error.code == DIED):
            close_place(place, folders)
        sweep_pythons(folders)
        raise
    close_place(place, folders)
    return read_environment(final, Maker.AIENV, folders)


def _commit(plan: Plan, identity: str, staging: Path, final: Path, folders: Folders) -> None:
    """Make the staged environment the environment, by one rename."""
    _describe(plan, identity, staging)
    check_name(plan.request.name, folders)  # another program may have taken the name meanwhile
    health_file(final, folders).unlink(missing_ok=True)  # of a former environment of that name
    try:
        folders.environments.mkdir(parents=True, exist_ok=True)
        former = snapshots.purge(final.name, folders)  # of one that was deleted outside
        rename(staging, final)
        sync_folder(folders.environments)
    except OSError as error:
        raise writing_failed(error, final) from error
    if former is not None:
        remove(former)


def _commit_change(plan: Plan, identity: str, reason: Text, place: Path, final: Path, folders: Folders) -> None:
    """Make the staged environment the environment, and what was there a snapshot."""
    environment = read_environment(final, Maker.AIENV)
    check_unused(environment)  # building took a while
    staging = place / f"env-{identity}"
    present = _manifest_of(final)
    name = present.request.name if present is not None else plan.request.name  # it may have another one meanwhile
    _describe(replace(plan, request=replace(plan.request, name=name)), identity, staging)
    outgoing = snapshots.new_place(final.name, reason, folders)
    try:
        swap(place, final, staging, outgoing, folders)
    except OSError as error:
        raise _renaming_failed(error, environment) from error
    finally:
        snapshots.forget_empty(outgoing)
    health_file(final, folders).unlink(missing_ok=True)
    snapshots.trim(environment, folders)


def _describe(plan: Plan, identity: str, staging: Path) -> None:
    write_manifest(
        staging, Manifest(request=plan.request, built=time.time(), build=identity, files=plan.files, lock=plan.lock)
    )


def unfinished(folders: Folders) -> tuple[Unfinished, ...]:
    """The builds and changes that were interrupted and that nobody works on now. Reads a few files; never raises.

    A swap that was interrupted is finished first, and what can neither be resumed nor discarded is swept.
    """
    result: list[Unfinished] = []
    try:
        places = sorted(folders.staging.iterdir())
    except OSError:
        return ()
    for place in places:
        if not place.name.startswith(".") and place.is_dir():
            found = _look_into(place, folders)
            if found is not None:
                result.append(found)
    return tuple(result)


def sweep_leftovers(folders: Folders, reporter: Reporter) -> None:
    """Delete what a killed delete or discard left, out of sight already; seconds where it is much. Never raises."""
    with suppress(OSError):
        for place in sorted(folders.staging.iterdir()):
            reporter.checkpoint()
            if place.name.startswith(TRASH):
                remove(place)
            elif place.name.startswith(NEW):
                with suppress(OSError):
                    if time.time() - place.stat().st_mtime > _NEW_AGE_S:
                        remove(place)


def _look_into(place: Path, folders: Folders) -> Unfinished | None:
    """What a staging folder is: an interrupted build or change, or None after sweeping what is of no use."""
    try:
        handle = acquire(lock_file(place.name, folders))
    except OSError:
        return None
    if handle is None:
        return None  # it is being worked on
    final = folders.environments / place.name
    try:
        settle(place, folders)
        journal: dict[str, Any] = read_json(place / JOURNAL, version=VERSION)
        plan = plan_from_json(journal["plan"])
        manifest = _manifest_of(final)
        if manifest is not None and manifest.build == journal["build"]:
            sweep(place, folders)  # it was killed between its rename and its end
            return None
        replacing = Text.from_json(journal["replacing"]) if journal.get("replacing") else None
        if replacing is not None and not final.is_dir():
            sweep(place, folders)  # what it would change is gone
            return None
        return Unfinished(place, plan.request, float(journal["started"]), plan, replacing)
    except FileNotFoundError:
        sweep(place, folders)
        return None
    except OSError:
        return None  # it cannot be read now; perhaps the next time
    except Problem as problem:
        if problem.code != "newer_file":  # that one belongs to another AIEnv
            sweep(place, folders)
        return None
    except (KeyError, TypeError, ValueError):
        sweep(place, folders)
        return None
    finally:
        release(handle)


def _manifest_of(prefix: Path) -> Manifest | None:
    try:
        return read_manifest(prefix)
    except (Problem, OSError, KeyError, TypeError, ValueError):
        return None


def resume(found: Unfinished, sources: Sources, folders: Folders, reporter: Reporter) -> Environment:
    """Do what was interrupted, with the downloads that are here. As `build` and `change`."""
    plan = found.plan or make_plan(found.request, sources, folders, reporter)
    if found.replacing is None:
        environment = build(plan, sources, folders, reporter)
        if found.folder.is_dir():  # its folder's name was taken meanwhile, so another was used
            discard(found, folders, reporter)
        return environment
    final = folders.environments / found.folder.name
    environment = read_environment(final, Maker.AIENV)
    check_ours(environment, folders)
    with locked(final.name, folders):
        check_unused(environment)
        return _build(plan, found.replacing, sources, folders, reporter, final)


def discard(found: Unfinished, folders: Folders, reporter: Reporter) -> None:
    """Sweep what was interrupted. Its downloads stay in the cache. Raises `Problem` where it is being built again."""
    reporter.status(tr("Sweeping up"))
    with locked(found.folder.name, folders):
        sweep(found.folder, folders)


def rename_environment(environment: Environment, name: str, folders: Folders, reporter: Reporter) -> Environment:
    """Give an environment another name. Its folder stays, so that scripts, kernels and trainings go on working.

    Raises `Problem` where the name cannot be used.
    """
    manifest = manifest_of(environment, folders)
    if name.strip() == manifest.request.name:
        return environment
    check_name(name, folders, now=manifest.request.name)
    reporter.checkpoint()
    with locked(environment.prefix.name, folders):
        changed = replace(manifest, request=replace(manifest.request, name=name.strip()))
        write_manifest(environment.prefix, changed)
    return read_environment(environment.prefix, Maker.AIENV, folders)


def delete(environment: Environment, folders: Folders, reporter: Reporter) -> None:
    """Delete an environment that the application made, with its snapshots; one that is gone already is fine.

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
    with locked(prefix.name, folders):
        check_unused(environment)
        trash = new_trash(folders)
        try:
            folders.staging.mkdir(parents=True, exist_ok=True)
            prefix.rename(trash)
            # Only now: where the environment stays because it is in use, its former states stay too.
            former = snapshots.purge(prefix.name, folders)
            sync_folder(folders.environments)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _renaming_failed(error, environment) from error
        health_file(prefix, folders).unlink(missing_ok=True)
        for folder in (trash, former):
            if folder is not None:
                remove(folder)


def _renaming_failed(error: OSError, environment: Environment) -> Problem:
    if sys.platform == "win32" and isinstance(error, PermissionError):
        return Problem(
            tr("{name} is in use.", name=environment.name),
            cause=tr("A program that runs from this environment holds its files."),
            cure=tr("Close the programs and trainings that use it, then try again."),
            actions=(Action("retry", tr("Try again")),),
            code="in_use",
        )
    return writing_failed(error, environment.prefix)
