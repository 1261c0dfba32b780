"""The data that ships with the program: unpacked once, at first use, whole or not at all."""

from __future__ import annotations

import secrets
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from aienv_gui.core import storage
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, resource
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr

DIGITS = "digits"
TUMOURS = "breast_cancer"
DEFINITIONS = "definitions"
REVIEWS = "reviews_zh"
CARBON_DIOXIDE = "co2"
_FILES = {
    name: f"{name}.csv" for name in (TUMOURS, DEFINITIONS, REVIEWS, CARBON_DIOXIDE)
}  # of samples that are a table
_LIMIT_BYTES = 500_000_000
_LIMIT_FILES = 200_000


def sample_path(sample: str, folders: Folders) -> Path:
    """Where a sample's folder of pictures, or its table, is once it is unpacked; it may not be there yet."""
    return folders.samples / sample / _FILES.get(sample, "")


def unpack(sample: str, folders: Folders, reporter: Reporter) -> Path:
    """A sample's folder of pictures, or its table, unpacked from the program's resources where it is not there yet.

    Raises `Problem` for a full disk, a folder without permission, or a damaged archive.
    """
    target = folders.samples / sample
    if not target.is_dir():
        unpack_archive(resource(f"samples/{sample}.zip"), target, reporter)
    return sample_path(sample, folders)


def unpack_archive(archive: Path, target: Path, reporter: Reporter) -> Path:
    """Unpack a zip file into the new folder `target`; nothing is written outside it. Raises `Problem`."""
    staging = target.with_name(f".{target.name}-{secrets.token_hex(3)}.tmp")
    reporter.status(tr("Unpacking the sample"))
    try:
        staging.mkdir(parents=True)
        with zipfile.ZipFile(archive) as file:
            members = _members(file)
            for done, (member, name) in enumerate(members):
                if done % 100 == 0:
                    reporter.checkpoint()
                    reporter.progress(done, len(members))
                place = staging.joinpath(*name.parts)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read(member))
        if target.is_dir():  # unpacked by someone else meanwhile
            return target
        staging.rename(target)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise Problem(
            tr("The sample cannot be unpacked."),
            cause=tr("{path} is damaged: {reason}", path=archive, reason=str(error)),
            cure=tr("Install AIEnv again, or train on data of your own."),
            code="damaged_sample",
        ) from error
    except OSError as error:
        raise storage.writing_failed(error, target) from error
    else:
        return target
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _members(file: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    members = [(member, _safe_name(member)) for member in file.infolist() if not member.is_dir()]
    if len(members) > _LIMIT_FILES or sum(member.file_size for member, _ in members) > _LIMIT_BYTES:
        raise zipfile.BadZipFile("larger than any sample")
    return members


def _safe_name(member: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(member.filename)
    inside = not name.is_absolute() and ".." not in name.parts and "\\" not in member.filename and ":" not in str(name)
    if not inside or not name.parts or stat.S_ISLNK(member.external_attr >> 16):
        raise zipfile.BadZipFile(f"{member.filename!r} would be written outside its folder")
    return name
