"""The room a plan needs on every disk it touches, against what is free there; and what one disk's limits cost."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders, free_bytes
from aienv_gui.core.wording import Text, size, tr
from aienv_gui.environments.records import DiskNeed, Plan, PlannedFile
from aienv_gui.environments.sources.download import cached, local_path
from aienv_gui.environments.uv import python_builds

# What an environment takes that shares all its packages' files with the store: folders, commands, lists of files.
_OWN_SHARE: Final = 0.02
_OWN_BYTES: Final = 500_000
_BUILD_FACTOR: Final = 20  # bytes that building a package takes for each byte of its source archive


def disk_needs(
    plan: Plan,
    folders: Folders,
    *,
    device: Callable[[Path], int] | None = None,
    free: Callable[[Path], int] = free_bytes,
) -> tuple[DiskNeed, ...]:
    """What carrying out a plan takes on each disk, and what is free there. Looks at the disks; milliseconds.

    `device` and `free` ask the system which disk a folder is on and how many bytes are free for it.
    """
    device = device or _device
    sources = sum(file.size_bytes or 0 for file in plan.files if _is_source(file))
    python = python_builds.unpacked_bytes(plan.python_build) if plan.python_build is not None else 0
    copied = 0 if shares_files(folders, device=device) else plan.installed_bytes
    parts = (
        (
            folders.environments,
            tr("the environment"),
            _OWN_BYTES + round(_OWN_SHARE * plan.installed_bytes) + copied + python,
        ),
        (
            folders.cache,
            tr("the store of downloads"),
            plan.download_bytes + _brought_bytes(plan, folders, device) + unpacking_bytes(plan, folders),
        ),
        (folders.staging, tr("temporary files"), _BUILD_FACTOR * sources),
    )
    disks: dict[int, list[tuple[Path, Text, int]]] = {}
    for part in parts:
        if part[2]:
            disks.setdefault(device(part[0]), []).append(part)
    return tuple(
        DiskNeed(
            path=on_it[0][0],
            needed_bytes=sum(needed for _, _, needed in on_it),
            free_bytes=free(on_it[0][0]),
            what=_joined([what for _, what, _ in on_it]),
        )
        for on_it in disks.values()
    )


def check_room(plan: Plan, folders: Folders, *, free: Callable[[Path], int] = free_bytes) -> None:
    """Raise `Problem` where the plan does not fit on one of the disks it touches now."""
    lacking = [need for need in disk_needs(plan, folders, free=free) if not need.fits]
    if not lacking:
        return
    parts = {f"part{number}": lack_words(need) for number, need in enumerate(lacking)}
    raise Problem(
        tr("There is not enough room on the disk."),
        cause=Text(" ".join(f"{{{name}}}" for name in parts), parts),
        cure=tr("Free some space on this disk, or choose fewer packages."),
        actions=(Action("retry", tr("Try again")),),
        code="disk_full",
    )


def lack_words(need: DiskNeed) -> Text:
    """What one disk lacks, in a sentence."""
    return tr(
        "At {path}, {needed} are needed for {what}, and {free} are free: {lack} are missing.",
        path=need.path,
        needed=size(need.needed_bytes),
        what=need.what,
        free=size(need.free_bytes),
        lack=size(need.needed_bytes - need.free_bytes),
    )


def shares_files(folders: Folders, *, device: Callable[[Path], int] | None = None) -> bool:
    """Whether environments can share their packages' files with the store: one disk, whose files may have many names.

    Tries it with a small file inside the store, where there is a store already.
    """
    device = device or _device
    if device(folders.environments) != device(folders.cache):
        return False
    try:
        with tempfile.TemporaryDirectory(dir=folders.cache, prefix=".links-", ignore_cleanup_errors=True) as place:
            one = Path(place) / "one"
            one.touch()
            return _can_link(one, Path(place) / "other")
    except OSError:
        return True  # there is no store yet, or it cannot be written: the build says so; nearly every disk can


def _can_link(file: Path, other: Path) -> bool:
    try:
        other.hardlink_to(file)
    except OSError:
        return False
    return True


def remarks(plan: Plan, folders: Folders) -> Iterator[Text]:
    """What the user should know about the disks of a plan."""
    if shares_files(folders):
        return
    if _device(folders.environments) != _device(folders.cache):
        yield tr(
            "The environments ({environments}) and the store of downloads ({cache}) are on different disks: the files "
            "are copied instead of shared. That costs {size} more for each environment, and time.",
            environments=folders.environments,
            cache=folders.cache,
            size=size(plan.installed_bytes),
        )
    else:
        yield tr(
            "This disk cannot share files between environments: they are copied. That costs {size} more for each "
            "environment, and time.",
            size=size(plan.installed_bytes),
        )


def _device(path: Path) -> int:
    """A number of the disk that holds `path`, or would hold it."""
    place = path.absolute()
    while place != place.parent:
        with suppress(OSError):
            return place.stat().st_dev
        place = place.parent
    return place.stat().st_dev


def _is_source(file: PlannedFile) -> bool:
    return file.filename.endswith((".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz"))


def _brought_bytes(plan: Plan, folders: Folders, device: Callable[[Path], int]) -> int:
    """What files of this computer take that are copied into the store because they lie on another disk."""
    total = 0
    for file in plan.files:
        place = local_path(file.url)
        if place is not None and cached(file, folders) is None and device(place) != device(folders.cache):
            total += file.size_bytes or 0
    return total


def unpacking_bytes(plan: Plan, folders: Folders) -> int:
    """What the plan's packages take once they are unpacked in the store, without those that are already."""
    known = _unpacked(folders)
    everything = sum(file.size_bytes or 0 for file in plan.files)
    fresh = 0
    for file in plan.files:
        # A wheel of this computer's uv unpacks when it plans, and again from our store.
        least = 2 if local_path(file.url) is not None and file.filename.endswith(".whl") else 1
        if max(known[file.sha256], known[file.filename]) < least:
            fresh += file.size_bytes or 0
    return round(plan.installed_bytes * fresh / everything) if everything else plan.installed_bytes


def _unpacked(folders: Folders) -> Counter[str]:
    """How often uv has unpacked the wheel of a hash, and which archives py-rattler has, by their names.

    Both stores are those programs' own affair: where they are changed nothing is recognised, and too much room asked.
    """
    known: Counter[str] = Counter()
    with suppress(OSError):
        for note in (folders.cache / "uv").glob("wheels-*/*/*/*/*.rev"):
            if note.with_suffix("").exists():
                known.update(match.decode() for match in set(re.findall(rb"[0-9a-f]{64}", note.read_bytes())))
    with suppress(OSError):
        for folder in (folders.cache / "conda" / "packages").iterdir():
            known.update((f"{folder.name}.conda", f"{folder.name}.tar.bz2"))
    return known


def _joined(parts: list[Text]) -> Text:
    if len(parts) == 3:
        return tr("{first}, {second} and {third}", first=parts[0], second=parts[1], third=parts[2])
    return tr("{first} and {second}", first=parts[0], second=parts[1]) if len(parts) == 2 else parts[0]
