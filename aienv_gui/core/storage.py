"""Where things are, and how they are written: folders, resources, atomic and versioned files.

Every write that matters goes through `write_atomic`: a temporary file beside the target, fsync, rename, fsync of the
folder. A reader therefore sees the old content or the new, never half of either.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, size, tr, verbatim

_NAME = "AIEnv"
_PATIENCE_S: Final = 2.0 if sys.platform == "win32" else 0.0
_PAUSE_S: Final = 0.05

_REASONS: Final[dict[int, Text]] = {
    errno.ENOENT: tr("there is no such file or folder"),
    errno.ENOTDIR: tr("a part of the path is a file, not a folder"),
    errno.EISDIR: tr("it is a folder, not a file"),
    errno.EEXIST: tr("something of this name is there already"),
    errno.EACCES: tr("the system does not allow it"),
    errno.EPERM: tr("the system does not allow it"),
    errno.EROFS: tr("the disk can only be read"),
    errno.ENOSPC: tr("the disk is full"),
    errno.EDQUOT: tr("your share of the disk is used up"),
    errno.ENAMETOOLONG: tr("the name is too long for this disk"),
    errno.ELOOP: tr("it is a link that leads back to itself"),
    errno.EIO: tr("the disk could not be read or written"),
    errno.ETIMEDOUT: tr("the disk or the server did not answer in time"),
    errno.EXDEV: tr("it is on another disk"),
}


@dataclass(frozen=True, slots=True)
class Folders:
    """Every folder the application writes to. `under(root)` puts all of them below one folder (tests, the tour)."""

    config: Path
    data: Path
    cache: Path
    logs: Path

    @property
    def environments(self) -> Path:
        """The environments the application builds; one folder each."""
        return self.data / "environments"

    @property
    def staging(self) -> Path:
        """Builds under way and what was deleted but not swept yet.

        Inside `environments`, which may be a link or another disk: what is staged becomes an environment by a rename.
        """
        return self.environments / ".staging"

    @property
    def snapshots(self) -> Path:
        """Former states of the environments; on their disk, because going back is a rename."""
        return self.environments / ".snapshots"

    @property
    def pythons(self) -> Path:
        """The Pythons that were brought here because an environment wanted them; one folder each."""
        return self.data / "pythons"

    @property
    def runs(self) -> Path:
        """One folder a training run."""
        return self.data / "runs"

    @property
    def models(self) -> Path:
        """One folder a finished model."""
        return self.data / "models"

    @property
    def samples(self) -> Path:
        """Sample data, unpacked at first use."""
        return self.data / "samples"

    @property
    def day_file(self) -> Path:
        """The hardware's readings of the last 24 hours."""
        return self.data / "hardware" / "day.readings"

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.json"

    @staticmethod
    def of_user() -> Folders:
        """The folders of the user who runs the program; ``AIENV_HOME`` puts all of them below one folder."""
        home = os.environ.get("AIENV_HOME")
        if home:
            return Folders.under(Path(home).expanduser().resolve())
        return Folders(
            config=Path(platformdirs.user_config_dir(_NAME, appauthor=False)),
            data=Path(platformdirs.user_data_dir(_NAME, appauthor=False)),
            cache=Path(platformdirs.user_cache_dir(_NAME, appauthor=False)),
            logs=Path(platformdirs.user_log_dir(_NAME, appauthor=False)),
        )

    @staticmethod
    def under(root: Path) -> Folders:
        return Folders(config=root / "config", data=root / "data", cache=root / "cache", logs=root / "logs")


def resource(relative: str) -> Path:
    """A file or folder of ``resources/``: inside the package when installed as a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for root in (package / "resources", package.parent / "resources"):
        if root.is_dir():
            return root / relative
    raise FileNotFoundError(f"resources/{relative}")


def write_atomic(path: Path, content: bytes | str, *, chosen: bool = False) -> None:
    """Write `content` to `path` whole or not at all. Raises `Problem` for a full disk or a missing permission.

    `chosen`: the user chose the place just now and can choose another.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            replace(Path(temporary), path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise writing_failed(error, path, chosen=chosen) from error


def replace(source: Path, target: Path) -> None:
    """Rename a file or folder to `target`, over a file that is there. Raises OSError.

    On Windows a virus scanner holds what is new for a moment, and the system then refuses: it is tried for a while.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            os.replace(source, target)  # noqa: PTH105 - the one place
        except PermissionError:
            if time.monotonic() >= until:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable, where the system can (not on Windows)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason(error: OSError) -> Text:
    """Why the system refused, in the user's language where it is one of the usual reasons."""
    words = _REASONS.get(error.errno or 0)
    return words if words is not None else verbatim(error.strerror or error)


def writing_failed(error: OSError, path: Path, *, chosen: bool = False) -> Problem:
    """Put a failed write into words: full disk, no permission, read-only, anything else.

    `chosen`: the user chose the place just now and can choose another.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(
            tr("The disk is full."),
            cause=tr("{path} could not be written: {free} are free there.", path=path, free=size(free_bytes(path))),
            cure=tr("Free some space on this disk or choose a folder on another one, then try again.")
            if chosen
            else tr(
                "Free some space on this disk and try again; or let AIEnv keep its files on another disk: start it "
                "with the command aienv --home FOLDER."
            ),
            code="disk_full",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Problem(
            tr("This folder cannot be written to."),
            cause=tr("The system does not let you write to {path}.", path=path.parent),
            cure=tr("Choose a folder of your own, or ask the owner of this one for permission to write.")
            if chosen
            else tr(
                "Ask its owner for permission to write; or let AIEnv keep its files in a folder of yours: start it "
                "with the command aienv --home FOLDER."
            ),
            code="read_only",
        )
    if error.errno == errno.EXDEV:
        return Problem(
            tr("A folder could not be moved."),
            cause=tr("{path} is on another disk than the folder it belongs to.", path=path),
            cure=tr(
                "Undo the link or the mount inside AIEnv's folder; or let AIEnv keep its files on the other disk: "
                "start it with the command aienv --home FOLDER."
            ),
            code="other_disk",
        )
    return Problem(
        tr("A file could not be written."),
        cause=tr("{path}: {reason}", path=path, reason=reason(error)),
        cure=tr("Check that the disk is connected and try again."),
        code="write_failed",
    )


def check_writable(folder: Path) -> None:
    """Raise `Problem` where nothing can be written into `folder`, which may not be there yet. Only looks."""
    place = folder.absolute()
    try:
        while not place.exists() and not place.is_symlink() and place != place.parent:
            place = place.parent
        there, usable = place.exists(), place.is_dir()
    except OSError as error:
        raise writing_failed(error, folder) from error
    if not usable:
        raise writing_failed(OSError(errno.ENOTDIR if there else errno.ENOENT, ""), place)
    if not os.access(place, os.W_OK | os.X_OK):
        raise writing_failed(OSError(errno.EACCES, ""), place / folder.name)


def home_problem(folders: Folders) -> Problem | None:
    """Why nothing the user does could be kept, where that is so. Only looks; quick."""
    try:
        for folder in (folders.data, folders.config):
            check_writable(folder)
    except Problem as problem:
        return Problem(
            tr("AIEnv cannot keep its files."),
            cause=problem.cause,
            cure=tr("Start AIEnv with a folder that you may write to: with the command aienv --home FOLDER."),
            code="home_unusable",
        )
    return None


def free_bytes(path: Path) -> int:
    """Bytes free on the disk that holds `path`, or would hold it."""
    probe = path.absolute()
    while not probe.exists() and probe != probe.parent:
        probe = probe.parent
    return shutil.disk_usage(probe).free


def is_older(path: Path, seconds: float) -> bool:
    """Whether nothing was written in a folder (or to a file) for so long: a killed process left it behind."""
    try:
        newest: float = max(entry.stat().st_mtime for entry in (path, *(path.iterdir() if path.is_dir() else ())))
    except OSError:
        return False
    return time.time() - newest > seconds


def write_json(path: Path, data: dict[str, Any], *, version: int) -> None:
    """Write `data` atomically as JSON that carries its format's `version`."""
    write_atomic(path, json.dumps({"version": version, **data}, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, *, version: int) -> dict[str, Any]:
    """Read a file of `write_json`.

    Raises FileNotFoundError where there is none and `Problem` where it is cut short or newer than this program.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = data["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(
            tr("A file is damaged."),
            cause=tr("{path} does not hold what it should: {reason}", path=path, reason=str(error)),
            cure=tr("Restore the file from a backup, or delete it."),
            code="damaged_file",
        ) from error
    if not isinstance(found, int) or found > version:
        raise Problem(
            tr("A file was written by a newer AIEnv."),
            cause=tr("{path} has format {found}; this program knows {known}.", path=path, found=found, known=version),
            cure=tr("Update AIEnv."),
            code="newer_file",
        )
    assert isinstance(data, dict)
    return data
