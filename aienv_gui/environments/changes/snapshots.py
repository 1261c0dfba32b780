"""Former states of an environment, to go back to: ``<environments>/.snapshots/<folder name>/<id>/``.

Each holds ``snapshot.json`` (when, why) and ``env/``, the whole former environment. A change leaves one by a rename;
one that the user takes is made of links to the files that are shared with the caches anyway, and copies of the few
that are not. Going back is a swap like that of any change, so it can be undone too.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, read_json, write_json, writing_failed
from aienv_gui.core.storage import replace as rename
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.changes.ownership import check_ours
from aienv_gui.environments.changes.staging import (
    VERSION,
    close_place,
    locked,
    new_trash,
    open_place,
    remove,
    swap,
    sweep,
)
from aienv_gui.environments.changes.usage import check_unused
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.manifest import health_file, read_manifest, write_manifest
from aienv_gui.environments.records import Environment, Maker, Snapshot

_NOTE: Final = "snapshot.json"
_INSIDE: Final = "env"
_AUTOMATIC: Final = 5  # so many states before changes are kept; what the user took stays until the user deletes it


def snapshots_of(environment: Environment, folders: Folders) -> tuple[Snapshot, ...]:
    """The former states of an environment, newest first. Reads small files; what cannot be read is left out."""
    found: list[Snapshot] = []
    with suppress(OSError):
        for folder in (folders.snapshots / environment.prefix.name).iterdir():
            snapshot = _read(folder)
            if snapshot is not None:
                found.append(snapshot)
    return tuple(sorted(found, key=lambda snapshot: -snapshot.taken))


def _read(folder: Path) -> Snapshot | None:
    if folder.name.startswith(".") or not (folder / _INSIDE).is_dir():
        return None
    try:
        note = read_json(folder / _NOTE, version=VERSION)
        taken, reason, kept = float(note["taken"]), Text.from_json(note["reason"]), bool(note["kept"])
    except (Problem, OSError, KeyError, TypeError, ValueError):
        return None
    packages = read_environment(folder / _INSIDE, Maker.AIENV).packages
    return Snapshot(folder=folder, taken=taken, reason=reason, packages=packages, kept=kept)


def new_place(slug: str, reason: Text, folders: Folders, *, kept: bool = False) -> Path:
    """Make the folder of a new snapshot and return where the environment goes, which is not there yet."""
    folder = folders.snapshots / slug / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    write_json(folder / _NOTE, {"taken": time.time(), "reason": reason.to_json(), "kept": kept}, version=VERSION)
    return folder / _INSIDE


def forget_empty(place: Path) -> None:
    """Take back what `new_place` made, where no environment has come into it."""
    if not place.exists():
        remove(place.parent)


def take(environment: Environment, folders: Folders, reporter: Reporter) -> Snapshot:
    """Keep the present state of an environment. Seconds; next to no room. Raises `Problem` and `Cancelled`."""
    check_ours(environment, folders)
    reporter.status(tr("Taking a snapshot of {name}", name=environment.name))
    slug = environment.prefix.name
    with locked(slug, folders):
        place = folders.staging / slug
        interrupted = place.is_dir()  # a change that may still be resumed
        if not interrupted:
            open_place(slug, None, folders)
        copy_of = place / f"snapshot-{uuid.uuid4().hex[:12]}"
        try:
            link_tree(environment.prefix, copy_of, reporter)
            target = new_place(slug, tr("Taken by you"), folders, kept=True)
            rename(copy_of, target)
        except OSError as error:
            raise writing_failed(error, place) from error
        finally:
            sweep(copy_of if interrupted else place, folders)
        snapshot = _read(target.parent)
        assert snapshot is not None
        return snapshot


def link_tree(source: Path, target: Path, reporter: Reporter) -> None:
    """Copy a folder; files that several folders share already are linked again. Raises OSError and `Cancelled`.

    What only this folder holds is copied: a program may write into it, and a link would let the snapshot change too.
    """
    for done, (parent, folders, files) in enumerate(os.walk(source)):
        reporter.checkpoint()
        reporter.progress(done, None)
        below = target / Path(parent).relative_to(source)
        below.mkdir(parents=True, exist_ok=True)
        for name in (*folders, *files):
            original = Path(parent) / name
            if original.is_symlink():
                (below / name).symlink_to(original.readlink())
            elif name in files:
                _link_or_copy(original, below / name)


def _link_or_copy(source: Path, target: Path) -> None:
    if source.stat().st_nlink > 1:
        with suppress(OSError):
            target.hardlink_to(source)
            return
    shutil.copy2(source, target)


def restore(environment: Environment, snapshot: Snapshot, folders: Folders, reporter: Reporter) -> Environment:
    """Go back to a snapshot; the present state becomes one. Raises `Problem` and `Cancelled`.

    One that the user took stays in the list; another one's place is taken by the present state.
    """
    check_ours(environment, folders)
    _check_belongs(environment, snapshot, folders)
    prefix = environment.prefix
    reporter.status(tr("Going back to an earlier state of {name}", name=environment.name))
    reporter.checkpoint()
    with locked(prefix.name, folders):
        check_unused(environment)
        sweep(folders.staging / prefix.name, folders)  # an interrupted change: it was planned for another state
        place = open_place(prefix.name, None, folders)
        try:
            incoming = snapshot.folder / _INSIDE
            try:
                if snapshot.kept:
                    incoming = place / _INSIDE
                    link_tree(snapshot.folder / _INSIDE, incoming, reporter)
                _give_name_of(prefix, incoming)
            except OSError as error:
                raise writing_failed(error, place) from error
            outgoing = new_place(prefix.name, tr("Before going back to an earlier state"), folders)
            try:
                swap(place, prefix, incoming, outgoing, folders)
            except OSError as error:
                raise writing_failed(error, prefix) from error
            finally:
                forget_empty(outgoing)
            health_file(prefix, folders).unlink(missing_ok=True)
            if not snapshot.kept:
                remove(snapshot.folder)  # what is left of it is its note
            trim(environment, folders)
        finally:
            close_place(place, folders)
    return read_environment(prefix, Maker.AIENV, folders)


def _give_name_of(present: Path, former: Path) -> None:
    """A name is none of the things that one goes back to: the former one may be another environment's by now."""
    try:
        now, then = read_manifest(present), read_manifest(former)
    except (Problem, OSError, KeyError, TypeError, ValueError):
        return
    if now is not None and then is not None and then.request.name != now.request.name:
        write_manifest(former, replace(then, request=replace(then.request, name=now.request.name)))


def delete(environment: Environment, snapshot: Snapshot, folders: Folders, reporter: Reporter) -> None:
    """Delete a snapshot; seconds. Raises `Problem`."""
    _check_belongs(environment, snapshot, folders)
    reporter.status(tr("Deleting a snapshot of {name}", name=environment.name))
    with locked(environment.prefix.name, folders):
        sweep(snapshot.folder, folders)


def trim(environment: Environment, folders: Folders) -> None:
    """Sweep the oldest states before changes. The caller holds the environment's lock."""
    automatic = [snapshot for snapshot in snapshots_of(environment, folders) if not snapshot.kept]
    for snapshot in automatic[_AUTOMATIC:]:
        sweep(snapshot.folder, folders)


def purge(slug: str, folders: Folders) -> Path | None:
    """Put all snapshots of an environment out of sight, at once; return what is to be removed then. Raises OSError."""
    trash = new_trash(folders)
    try:
        (folders.snapshots / slug).rename(trash)
    except FileNotFoundError:
        return None
    return trash


def _check_belongs(environment: Environment, snapshot: Snapshot, folders: Folders) -> None:
    store = folders.snapshots / environment.prefix.name
    if snapshot.folder.parent != store or not (snapshot.folder / _INSIDE).is_dir():
        raise Problem(
            tr("This snapshot is no longer there."),
            cause=tr("Its folder {folder} was deleted or moved.", folder=snapshot.folder),
            cure=tr("Choose another snapshot."),
            code="gone",
        )
