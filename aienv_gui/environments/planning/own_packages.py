"""Makes wheels from the packages the application itself runs on, so that an environment can be built without network.

An installed package knows its files (RECORD); they are put into a wheel again, not compressed. The wheels go into a
folder that serves as the only source: the ordinary plan and build do the rest.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import sys
import time
import zipfile
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, replace, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Request, Sources

TRAINING: Final = ("torch", "numpy", "pillow", "safetensors")  # what the training engine imports
_NOT_PACKED: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


def cover(request: Request) -> bool:
    """Whether the application's own packages have everything a pip request asks for, in its Python version."""
    if request.python.split(".")[:2] != [str(sys.version_info.major), str(sys.version_info.minor)]:
        return False
    try:
        closure(request.requirements)
    except Problem:
        return False
    return True


def closure(requirements: Iterable[str]) -> tuple[Distribution, ...]:
    """The installed packages that satisfy requirements, with all they need in turn.

    Raises `Problem` where one is not installed or has another version.
    """
    found: dict[str, Distribution] = {}
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            installed = found.get(name) or distribution(requirement.name)
        except PackageNotFoundError as error:
            raise _missing(str(requirement)) from error
        if not requirement.specifier.contains(installed.version, prereleases=True):
            raise _missing(str(requirement))
        if name not in found or requirement.extras:
            found[name] = installed
            for extra_name in ("", *requirement.extras):
                waiting += [(Requirement(text), extra_name) for text in installed.requires or ()]
    return tuple(found.values())


def collect(requirements: Sequence[str], folders: Folders, reporter: Reporter) -> Sources:
    """Make the wheels for requirements and return the source that holds them, the only one to use.

    Wheels made before are used again. PyTorch takes some seconds and a gigabyte. Raises `Problem` and `Cancelled`.
    """
    packages = closure(requirements)
    folder = folders.cache / "own-packages"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for done, package in enumerate(packages):
            reporter.status(tr("Packing {package} from AIEnv's own installation", package=package.metadata["Name"]))
            reporter.progress(done, len(packages))
            _pack(package, folder, reporter)
    except OSError as error:
        raise writing_failed(error, folder) from error
    reporter.progress(len(packages), len(packages))
    return Sources(find_links=(str(folder),), no_index=True)


def _pack(package: Distribution, folder: Path, reporter: Reporter) -> Path:
    wheel_file = package.read_text("WHEEL") or ""
    record = package.read_text("RECORD")
    if record is None or "Tag:" not in wheel_file:
        raise Problem(
            tr("{package} cannot be packed.", package=package.metadata["Name"]),
            cause=tr("Its list of files is missing: it was not installed from a wheel."),
            cure=tr("Install AIEnv again, or connect to the internet."),
            code="own_package",
        )
    target = folder / _wheel_name(package, wheel_file)
    fingerprint = hashlib.sha256(record.encode()).hexdigest()
    note = target.with_name(f".{target.name}.source")
    if target.is_file() and note.is_file() and note.read_text(encoding="utf-8") == fingerprint:
        return target
    part = target.with_name(f".{target.name}.part")
    try:
        _write(package, record, part, reporter)
        replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    note.write_text(fingerprint, encoding="utf-8")
    return target


def _write(package: Distribution, record: str, part: Path, reporter: Reporter) -> None:
    rows: list[tuple[str, str, int]] = []
    info = ""
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as wheel:
        for row in csv.reader(record.splitlines()):
            reporter.checkpoint()
            name = row[0].replace("\\", "/")
            if re.match(r"[^/]+\.dist-info/METADATA$", name):
                info = name.partition("/")[0]
            packed = _packed_name(name, package)
            if packed is not None:
                rows.append(_add(wheel, Path(str(package.locate_file(row[0]))), packed))
        if not info:
            raise _missing(str(package.metadata["Name"]))
        listing = io.StringIO()
        writer = csv.writer(listing, lineterminator="\n")
        writer.writerows([*rows, (f"{info}/RECORD", "", "")])
        wheel.writestr(f"{info}/RECORD", listing.getvalue())


def _add(wheel: zipfile.ZipFile, source: Path, name: str) -> tuple[str, str, int]:
    """Put a file into the wheel, block by block (libtorch has half a gigabyte), and return its line for RECORD."""
    # Dates before 1980 do not fit a zip; the mode keeps programs runnable.
    info = zipfile.ZipInfo(name, max(time.localtime(source.stat().st_mtime)[:6], (1980, 1, 1, 0, 0, 0)))
    info.external_attr = (source.stat().st_mode & 0xFFFF) << 16
    info.file_size = source.stat().st_size
    digest = hashlib.sha256()
    length = 0
    with source.open("rb") as file, wheel.open(info, "w", force_zip64=info.file_size > 2**30) as out:
        while block := file.read(1 << 20):
            digest.update(block)
            length += len(block)
            out.write(block)
    return name, "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode(), length


def _packed_name(name: str, package: Distribution) -> str | None:
    """Where a file of RECORD goes in the wheel; None for what the installer made."""
    path = PurePosixPath(name)
    if path.suffix == ".pyc" or (path.parent.name.endswith(".dist-info") and path.name in _NOT_PACKED):
        return None
    if ".." not in path.parts and not path.is_absolute():
        return name
    inside = [part for part in path.parts if part != ".."]
    if path.is_absolute() or not inside:
        return None
    data = f"{_escaped(package.metadata['Name'])}-{package.version}.data"
    if inside[0] in ("bin", "Scripts"):
        scripts = {entry.name for entry in package.entry_points if entry.group in ("console_scripts", "gui_scripts")}
        return None if path.stem in scripts or path.name in scripts else f"{data}/scripts/{path.name}"
    return f"{data}/data/{'/'.join(inside)}"


def _wheel_name(package: Distribution, wheel_file: str) -> str:
    """The wheel's file name; its tags, of which there may be many, are folded as wheels' names do it."""
    tags = [line.partition(":")[2].strip().split("-") for line in wheel_file.splitlines() if line.startswith("Tag:")]
    folded = "-".join(".".join(dict.fromkeys(tag[part] for tag in tags)) for part in range(3))
    build = next((line.partition(":")[2].strip() for line in wheel_file.splitlines() if line.startswith("Build:")), "")
    parts = [_escaped(package.metadata["Name"]), package.version, *([build] if build else []), folded]
    return "-".join(parts) + ".whl"


def _escaped(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name)


def _missing(requirement: str) -> Problem:
    return Problem(
        tr("AIEnv's own installation does not have {requirement}.", requirement=requirement),
        cause=tr("Without a connection to a package server, only packages that are installed with AIEnv can be used."),
        cure=tr("Connect to the internet, or choose fewer packages."),
        code="own_package",
    )
