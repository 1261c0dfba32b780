"""Plans a conda environment from a lock: exactly its files, nothing is looked for. Needs no py-rattler.

What a lock does not say of a package (most name no more than its address) stands in the package itself: `conda.link`
reads it there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, free_bytes
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.files.conda_locks import LockedPackage, read_conda_lock, read_explicit, read_pixi
from aienv_gui.environments.files.exact_files import md5_of
from aienv_gui.environments.files.kit_file import read_kit
from aienv_gui.environments.files.text import LARGEST_LOCK, read_text
from aienv_gui.environments.records import Lock, Plan, PlannedFile, Request, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.uv import backend as uv_backend
from aienv_gui.environments.uv.pylock import unpacked_bytes

_UNPACKED: Final = 4  # a package's bytes on disk for each byte of its archive; indexes do not tell
_READERS: Final = {Lock.EXPLICIT: read_explicit, Lock.CONDA_LOCK: read_conda_lock, Lock.PIXI: read_pixi}


def plan_locked(request: Request, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
    """The plan of the lock that `request` names. Raises `Problem` where it is not for this system."""
    path = Path(request.source_file)
    notes: tuple[Text, ...]
    if request.lock == Lock.KIT.value:
        kit = read_kit(path)
        files = kit.files
        records = [_record(file, kit.origins.get(file.filename, ""), "", ()) for file in files if not _is_wheel(file)]
        notes = (tr("Everything is in the kit {folder}; nothing is downloaded.", folder=path.parent.name),)
    else:
        found = _READERS[Lock(request.lock)](path, read_text(path, LARGEST_LOCK)).packages
        files = tuple(_planned(package) for package in found)
        records = [
            _record(file, "", package.md5, package.depends)
            for file, package in zip(files, found, strict=True)
            if not package.by_pip
        ]
        notes = (tr("Built exactly from the files that {file} names.", file=path.name),)
    by_pip = sum(_is_wheel(file) for file in files)
    if by_pip:
        notes += (
            tr_count("{count} package is installed with pip.", "{count} packages are installed with pip.", by_pip),
        )
    reporter.status(tr("Adding up sizes"))
    files = uv_backend.measured(files, sources, folders)
    return plan_of_files(request, files, notes, {"records": records, "requested": [], "from_archives": True}, folders)


def plan_of_files(
    request: Request, files: tuple[PlannedFile, ...], notes: tuple[Text, ...], lock: dict[str, Any], folders: Folders
) -> Plan:
    """The plan for these files, with what they take."""
    return Plan(
        request=request,
        files=files,
        interpreter=None,
        download_bytes=sum(file.size_bytes or 0 for file in files if not file.cached),
        installed_bytes=sum(_installed_bytes(file, folders) for file in files),
        free_bytes=free_bytes(folders.environments),
        notes=notes,
        lock=lock,
    )


def _installed_bytes(file: PlannedFile, folders: Folders) -> int:
    """What a file takes once installed, an estimate."""
    if _is_wheel(file):
        return unpacked_bytes(file, folders)
    return (file.size_bytes or 0) * _UNPACKED


def check_md5(plan: Plan, folders: Folders) -> None:
    """Hold fetched files against the MD5 of a lock that has no SHA-256. Raises `Problem`; the file is thrown away."""
    sums = {entry["url"]: entry.get("md5") for entry in plan.lock["records"] if not entry.get("sha256")}
    for file in plan.files:
        wanted, place = sums.get(file.url), download.cached(file, folders)
        if not wanted or place is None:
            continue
        if md5_of(place) != wanted:
            place.unlink(missing_ok=True)
            raise Problem(
                tr("{file} is damaged.", file=file.filename),
                cause=tr("What came is not the file that the lock names: its MD5 differs."),
                cure=tr("Try again later or use another package source; nothing of it was installed."),
                code="damaged_download",
            )


def _is_wheel(file: PlannedFile) -> bool:
    return file.filename.endswith(".whl")


def _planned(package: LockedPackage) -> PlannedFile:
    return PlannedFile(
        package=package.name,
        version=package.version,
        filename=package.filename,
        url=package.url,
        sha256=package.sha256,
        size_bytes=package.size_bytes,
    )


def _record(file: PlannedFile, origin: str, md5: str, depends: tuple[str, ...]) -> dict[str, Any]:
    stem = file.filename.removesuffix(".conda").removesuffix(".tar.bz2")
    name, version, build = (*stem.rsplit("-", 2), "", "")[:3]
    address = origin or file.url
    return {
        "name": name.lower(),
        "version": version,
        "build": build,
        "build_number": 0,
        "subdir": "",
        "depends": list(depends),
        "fn": file.filename,
        "url": file.url,
        "origin": address,
        "channel": address.rsplit("/", 2)[0],
        "sha256": file.sha256,
        "md5": md5,
        "size": file.size_bytes,
    }
