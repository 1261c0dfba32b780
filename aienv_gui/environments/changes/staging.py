"""Where environments are made and swapped: one folder for each under work, a lock, and renames that survive a kill.

``<staging>/<folder name>/`` belongs to one piece of work on one environment: ``journal.json`` says what is being built,
``env-<build>/`` is the environment being made, ``swap.json`` which one takes the place of which. The swap is two
renames; it is written down before the first, so that `settle` can finish it after a kill between them.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, read_json, sync_folder, write_json, writing_failed
from aienv_gui.core.storage import replace as rename
from aienv_gui.core.wording import tr
from aienv_gui.environments.locks import acquire, locking_failed, release

VERSION: Final = 1
JOURNAL: Final = "journal.json"
TEMPORARY: Final = "tmp"  # what a build puts aside for a moment; swept with it, however it ends
TRASH: Final = ".trash-"
NEW: Final = ".new-"
_SWAP: Final = "swap.json"


def open_place(slug: str, journal: Mapping[str, Any] | None, folders: Folders) -> Path:
    """Make the staging folder of one piece of work, with its journal, both at once. Raises `Problem`."""
    new = folders.staging / f"{NEW}{uuid.uuid4().hex[:12]}"
    place = folders.staging / slug
    try:
        (new / TEMPORARY).mkdir(parents=True)
        if journal is not None:
            write_json(new / JOURNAL, dict(journal), version=VERSION)
        rename(new, place)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise writing_failed(error, new) from error
    except Problem:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return place


def swap(place: Path, final: Path, incoming: Path, outgoing: Path, folders: Folders) -> None:
    """Let `incoming` become `final`, and what is there now `outgoing`; all on one disk, below the environments' folder.

    After a kill at any moment `settle` makes `final` whole: the new one, or the old one where it had not begun.
    Raises OSError, and then `final` is what it was; or it is nowhere, where the system refuses the way back too, until
    `close_place` or a later `settle` is let.
    """
    root = folders.environments
    names = {name: str(path.relative_to(root)) for name, path in _named(final, incoming, outgoing).items()}
    write_json(place / _SWAP, names, version=VERSION)
    rename(final, outgoing)
    try:
        rename(incoming, final)
    except OSError:
        rename(outgoing, final)
        raise
    with suppress(OSError):  # it is done: whoever heard of a failure now would take back what is in use
        for folder in {final.parent, incoming.parent, outgoing.parent}:
            sync_folder(folder)


def close_place(place: Path, folders: Folders) -> None:
    """Sweep the staging folder of a piece of work that has ended, however it did.

    It stays where its swap cannot be finished now: only by it does the next look know where the environment is.
    """
    try:
        settle(place, folders)
    except OSError:
        return
    sweep(place, folders)


def settle(place: Path, folders: Folders) -> None:
    """Finish the swap of a staging folder whose work was killed; nothing where there was none. Raises OSError.

    The caller holds the lock of its name.
    """
    try:
        names = read_json(place / _SWAP, version=VERSION)
    except (OSError, Problem):
        return  # none had been written whole, so none had begun
    paths = [folders.environments / str(names.get(name, "..")) for name in ("final", "incoming", "outgoing")]
    final, incoming, outgoing = paths
    if any(folders.environments not in path.parents or ".." in path.parts for path in paths):
        return
    if not final.exists():
        rename(incoming if incoming.exists() else outgoing, final)
        sync_folder(final.parent)
    for emptied in (incoming, outgoing):
        if emptied.parent.parent.parent == folders.snapshots and not emptied.exists():
            remove(emptied.parent)


def _named(final: Path, incoming: Path, outgoing: Path) -> dict[str, Path]:
    return {"final": final, "incoming": incoming, "outgoing": outgoing}


def lock_file(slug: str, folders: Folders) -> Path:
    return folders.staging / ".locks" / f"{slug}.lock"


@contextmanager
def locked(slug: str, folders: Folders) -> Iterator[None]:
    """Hold the environment of this folder name. Raises `Problem` where another process or job holds it.

    What a killed piece of work left half swapped is made whole first.
    """
    try:
        handle = acquire(lock_file(slug, folders))
    except OSError as error:
        raise locking_failed(error, lock_file(slug, folders)) from error
    if handle is None:
        raise Problem(
            tr("This environment is being worked on already."),
            cause=tr("Another job, or another window of AIEnv, builds, changes or deletes this environment."),
            cure=tr("Wait until it has ended, or choose another name."),
            code="busy",
        )
    try:
        with suppress(OSError):
            settle(folders.staging / slug, folders)
        yield
    finally:
        release(handle)


def sweep(place: Path, folders: Folders) -> None:
    """Take a folder away: out of sight by one rename, then deleted as far as the system lets us."""
    trash = new_trash(folders)
    try:
        place.rename(trash)
    except FileNotFoundError:
        return
    except OSError:
        remove(place)
    else:
        remove(trash)


def new_trash(folders: Folders) -> Path:
    """A name for what is about to be deleted; what is left of it is swept at the next look."""
    return folders.staging / f"{TRASH}{uuid.uuid4().hex[:12]}"


def remove(folder: Path) -> None:
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
