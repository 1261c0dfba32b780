"""Holds the files of an environment against what its packages say they installed (RECORD)."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.discovery.foreign_files import read_bytes

_CHUNK_BYTES: Final = 4 << 20
_LINE_LIMIT: Final = 1 << 12
RECORD_LIMIT: Final = 1 << 26  # PyTorch's RECORD has 1.5 MB
# What careless packages put beside each other's modules; whose copy is there matters to nobody.
_IDLE_FOLDERS: Final = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmark", "benchmarks"}
_IDLE_FILES: Final = ("license", "licence", "readme", "changelog", "changes", "notice", "authors", "copying")


class FaultKind(StrEnum):
    MISSING = "missing"
    SIZE = "size"
    CONTENT = "content"
    NOT_A_FILE = "not_a_file"  # a folder, or a link that leads nowhere
    NO_RECORD = "no_record"
    DOUBLED = "doubled"  # two descriptions of one package
    OVERWRITTEN = "overwritten"  # another package has put a file of its own in its place
    LEFTOVER = "leftover"  # what an interrupted removal by pip left
    MOVED = "moved"  # its scripts start the Python of another place


HARMLESS: Final = frozenset({FaultKind.LEFTOVER})  # nothing works worse for it
BY_DESIGN: Final = frozenset({FaultKind.OVERWRITTEN})  # of the packages themselves: many such pairs work all the same


@dataclass(frozen=True, slots=True)
class Fault:
    """One file that is not as its package installed it. `path` is relative to the package's place.

    `other` is the package that is in the way (OVERWRITTEN), the versions (DOUBLED), or the other place (MOVED).
    """

    package: str
    path: str
    kind: FaultKind
    other: str = ""

    @property
    def text(self) -> Text:
        match self.kind:
            case FaultKind.MISSING:
                return tr("{package}: {path} is missing.", package=self.package, path=self.path)
            case FaultKind.SIZE:
                return tr("{package}: {path} is cut short or was changed.", package=self.package, path=self.path)
            case FaultKind.CONTENT:
                return tr("{package}: the content of {path} was changed.", package=self.package, path=self.path)
            case FaultKind.NOT_A_FILE:
                return tr(
                    "{package}: in place of {path} is a folder, or a link that leads nowhere.",
                    package=self.package,
                    path=self.path,
                )
            case FaultKind.NO_RECORD:
                return tr("{package}: its list of files is missing or damaged.", package=self.package)
            case FaultKind.DOUBLED:
                return tr("{package} is described twice: {found}.", package=self.package, found=self.other)
            case FaultKind.OVERWRITTEN:
                return tr(
                    "{package}: {other} has put another file in place of {path}.",
                    package=self.package,
                    other=self.other,
                    path=self.path,
                )
            case FaultKind.LEFTOVER:
                return tr("An interrupted removal left {path}; pip warns of it.", path=self.path)
            case FaultKind.MOVED:
                return tr(
                    "The environment was moved: {path} still starts the Python at {place}.",
                    path=self.path,
                    place=self.other,
                )


@dataclass(frozen=True, slots=True)
class Claim:
    """What a package says of one of its files. `path` is absolute, `name` as it is listed."""

    package: str
    name: str
    path: str
    digest: str  # "sha256=..." as in RECORD, or empty
    size: int | None


class Files:
    """How long files are. Windows tells the sizes of a whole folder at once, far faster than one by one."""

    def __init__(self, *, listing: bool = sys.platform == "win32") -> None:
        self._listing = listing
        self._folders: dict[str, dict[str, int]] = {}

    def size(self, path: str) -> int | FaultKind:
        """A file's bytes, or what is wrong with it."""
        if self._listing:
            parent, _, name = path.replace("\\", "/").rpartition("/")
            sizes = self._folders.get(parent)
            if sizes is None:
                sizes = self._folders[parent] = _sizes_in(parent)
            if name in sizes:
                return sizes[name]
        try:
            state = os.stat(path)  # noqa: PTH116 (a Path for each file would take longer than the look)
        except OSError:
            return FaultKind.NOT_A_FILE if os.path.islink(path) else FaultKind.MISSING  # noqa: PTH114
        return state.st_size if stat.S_ISREG(state.st_mode) else FaultKind.NOT_A_FILE


def _sizes_in(folder: str) -> dict[str, int]:
    """The sizes of the plain files of a folder: links and the rest need a look of their own."""
    sizes: dict[str, int] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    return sizes


def site_packages(prefix: Path) -> list[Path]:
    """The folders of an environment that hold its packages; none for a prefix that is no environment."""
    pattern = "Lib/site-packages" if sys.platform == "win32" else "lib/python3.*/site-packages"
    return sorted(prefix.glob(pattern))


def verify(
    prefix: Path,
    *,
    hashes: bool = False,
    checkpoint: Callable[[], None] = lambda: None,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
    files: Files | None = None,
) -> tuple[Fault, ...]:
    """Every fault of the files that RECORD lists: missing, other size, doubled, and with `hashes` other content.

    Without hashes 0.3 s for 20,000 files, with them some seconds a gigabyte, told to `progress` in bytes. `checkpoint`
    is called between packages (with hashes: every few megabytes) and may raise. Packages without RECORD that another
    tool owns (conda's, the system's) are passed over.
    """
    claims, faults = collect(prefix, checkpoint)
    return (*faults, *judge(claims, hashes, checkpoint, progress, files or Files()))


def whole_or_not(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """What speaks against an environment that was just built.

    Packages that overwrite each other's files do so by their making: building again would not help, and many run.
    """
    return tuple(fault for fault in faults if fault.kind not in BY_DESIGN)


def collect(prefix: Path, checkpoint: Callable[[], None] = lambda: None) -> tuple[list[Claim], list[Fault]]:
    """What the packages say of their files, and what is wrong with those lists themselves."""
    claims: list[Claim] = []
    faults: list[Fault] = []
    for site in site_packages(prefix):
        faults += _leftovers(site)
        infos = [info for info in sorted(site.glob("*.dist-info")) if not info.name.startswith("~")]
        faults += _doubled(infos)
        for info in infos:
            checkpoint()
            listed, wrong = _claims(site, info)
            claims += listed
            faults += wrong
    return claims, faults


def judge(
    claims: Sequence[Claim],
    hashes: bool,
    checkpoint: Callable[[], None],
    progress: Callable[[float, float], None],
    files: Files,
) -> list[Fault]:
    """Hold files against the claims; with `hashes` the content of each whose size is right."""
    found = list(_compare(claims, files, checkpoint))
    if hashes:
        wrong = {(fault.package, fault.path) for fault in found}
        found += _compare_contents(
            [claim for claim in claims if (claim.package, claim.name) not in wrong], checkpoint, progress
        )
    return found


def _leftovers(site: Path) -> Iterator[Fault]:
    for path in sorted(site.glob("~*")):
        yield Fault(path.name, path.name, FaultKind.LEFTOVER)


def _doubled(infos: Iterable[Path]) -> Iterator[Fault]:
    found: dict[str, list[str]] = {}
    for info in infos:
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        found.setdefault(canonicalize_name(name), []).append(version)
    for name, versions in found.items():
        if len(versions) > 1:
            yield Fault(name, "", FaultKind.DOUBLED, ", ".join(versions))


def _claims(site: Path, info: Path) -> tuple[list[Claim], list[Fault]]:
    """What a package lists, and what is wrong with the list itself."""
    package = info.name.split("-")[0]
    rows = _rows(info / "RECORD")
    if not rows:
        installer = b""
        with suppress(OSError):
            installer = read_bytes(info / "INSTALLER", _LINE_LIMIT).strip()
        by_hand = not installer or installer in (b"uv", b"pip")
        return [], [Fault(package, "RECORD", FaultKind.NO_RECORD)] if by_hand else []
    claims = [
        Claim(package, name, os.path.normpath(f"{site}/{name}"), digest, length)
        for name, digest, length in rows
        if not name.endswith((".pyc", "/RECORD"))
    ]
    metadata = f"{info.name}/METADATA"
    if all(claim.name != metadata for claim in claims) and not (info / "METADATA").is_file():
        return claims, [Fault(package, metadata, FaultKind.MISSING)]
    return claims, []


def _rows(record: Path) -> list[tuple[str, str, int | None]]:
    """Path, hash and size of each file in a RECORD; none where it is missing, cut short or no such list."""
    try:
        text = read_bytes(record, RECORD_LIMIT).decode("utf-8")
        # A fourth column is passed over as pip does.
        rows = [(row[0], row[1], int(row[2]) if row[2] else None) for row in csv.reader(text.splitlines()) if row]
    except (OSError, ValueError, IndexError, csv.Error):
        return []
    return [] if "\0" in text else rows


def _compare(claims: Iterable[Claim], files: Files, checkpoint: Callable[[], None]) -> Iterator[Fault]:
    """Hold the sizes of files against what is claimed of them; a file that two packages claim is told as such."""
    owners: dict[str, Claim] = {}
    shared: dict[str, list[Claim]] = {}
    package = ""
    for claim in claims:
        if claim.package != package:
            package = claim.package
            checkpoint()
        first = owners.setdefault(claim.path, claim)
        if first is not claim and first.package != package:
            shared.setdefault(claim.path, [first]).append(claim)
    fought = {path: claimants for path, claimants in shared.items() if _differ(claimants)}
    for path, claim in owners.items():
        if path not in fought:
            found = files.size(path)
            if isinstance(found, FaultKind):
                yield Fault(claim.package, claim.name, found)
            elif claim.size is not None and claim.size != found:
                yield Fault(claim.package, claim.name, FaultKind.SIZE)
    for path, claimants in fought.items():
        checkpoint()
        if not _idle(claimants[0].name):
            yield from _overwritten(path, claimants, files)


def _differ(claimants: list[Claim]) -> bool:
    return len({claim.digest for claim in claimants if claim.digest}) > 1


def _idle(name: str) -> bool:
    """Whether nothing that runs depends on a file: a folder of tests at the top, a licence."""
    parts = name.lower().replace("\\", "/").split("/")
    return parts[0] in _IDLE_FOLDERS or parts[-1].startswith(_IDLE_FILES) or ".." in parts  # scripts in bin


def _overwritten(path: str, claimants: list[Claim], files: Files) -> Iterator[Fault]:
    found = files.size(path)
    if isinstance(found, FaultKind):
        yield from (Fault(claim.package, claim.name, found) for claim in claimants)
        return
    fitting = [claim for claim in claimants if claim.size in (None, found)]
    if len(fitting) > 1:
        fitting = [claim for claim in fitting if _same_content(claim, lambda: None)]
    if not fitting:
        yield Fault(claimants[-1].package, claimants[-1].name, FaultKind.SIZE)
        return
    winner = fitting[0]
    for claim in claimants:
        if claim.digest != winner.digest:
            yield Fault(claim.package, claim.name, FaultKind.OVERWRITTEN, winner.package)


def _compare_contents(
    claims: Iterable[Claim], checkpoint: Callable[[], None], progress: Callable[[float, float], None]
) -> Iterator[Fault]:
    """Hold the contents of files against their hashes: every byte is read."""
    digests: dict[str, set[str]] = {}
    first: dict[str, Claim] = {}
    for claim in claims:
        digests.setdefault(claim.path, set()).add(claim.digest)
        first.setdefault(claim.path, claim)
    files = [claim for path, claim in first.items() if len(digests[path]) == 1]  # else it is nobody's
    total = float(sum(claim.size or 0 for claim in files))
    done = 0.0
    for claim in files:
        checkpoint()
        if not _same_content(claim, checkpoint):
            yield Fault(claim.package, claim.name, FaultKind.CONTENT)
        done += claim.size or 0
        progress(done, total)


def _same_content(claim: Claim, checkpoint: Callable[[], None]) -> bool:
    algorithm, _, value = claim.digest.partition("=")
    if not value or algorithm not in hashlib.algorithms_guaranteed:
        return True
    digest = hashlib.new(algorithm)
    try:
        with open(claim.path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                checkpoint()
    except OSError:  # a failing disk, or other rights: it is of no use as it is
        return False
    return digest_text(algorithm, digest.digest()) == claim.digest


def digest_text(algorithm: str, digest: bytes) -> str:
    """A hash as RECORD writes it."""
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
