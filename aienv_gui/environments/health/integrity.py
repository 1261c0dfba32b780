"""Holds the files of an environment against what its packages say they installed (RECORD)."""

from __future__ import annotations

import base64
import csv
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aienv_gui.core.wording import Text, tr


class FaultKind(StrEnum):
    MISSING = "missing"
    SIZE = "size"
    CONTENT = "content"
    NO_RECORD = "no_record"


@dataclass(frozen=True, slots=True)
class Fault:
    """One file that is not as its package installed it. `path` is relative to the package's place."""

    package: str
    path: str
    kind: FaultKind

    @property
    def text(self) -> Text:
        if self.kind is FaultKind.MISSING:
            return tr("{package}: {path} is missing.", package=self.package, path=self.path)
        if self.kind is FaultKind.SIZE:
            return tr("{package}: {path} is cut short or was changed.", package=self.package, path=self.path)
        if self.kind is FaultKind.CONTENT:
            return tr("{package}: the content of {path} was changed.", package=self.package, path=self.path)
        return tr("{package}: its list of files is missing or damaged.", package=self.package)


def site_packages(prefix: Path) -> list[Path]:
    """The folders of an environment that hold its packages; none for a prefix that is no environment."""
    pattern = "Lib/site-packages" if sys.platform == "win32" else "lib/python3.*/site-packages"
    return sorted(prefix.glob(pattern))


def verify(prefix: Path, *, hashes: bool = False, checkpoint: Callable[[], None] = lambda: None) -> tuple[Fault, ...]:
    """Every fault of the files that RECORD lists: missing, other size, and with `hashes` other content.

    Without hashes 0.3 s for 18,000 files, with them some seconds a gigabyte. `checkpoint` is called between packages
    and may raise. Packages without RECORD that another tool owns (conda's, the system's) are passed over.
    """
    faults: list[Fault] = []
    for site in site_packages(prefix):
        for info in sorted(site.glob("*.dist-info")):
            checkpoint()
            faults.extend(_verify_package(site, info, hashes))
    return tuple(faults)


def _verify_package(site: Path, info: Path, hashes: bool) -> Iterator[Fault]:
    package = info.name.split("-")[0]
    rows = _rows(info / "RECORD")
    if not rows:
        if not (info / "INSTALLER").is_file() or (info / "INSTALLER").read_bytes().strip() in (b"uv", b"pip"):
            yield Fault(package, "RECORD", FaultKind.NO_RECORD)
        return
    for name, digest, length in rows:
        if name.endswith((".pyc", "/RECORD")):
            continue
        kind = _compare(site / name, digest, length, hashes)
        if kind is not None:
            yield Fault(package, name, kind)


def _rows(record: Path) -> list[tuple[str, str, int | None]]:
    """Path, hash and size of each file in a RECORD; none where it is missing, cut short or no such list."""
    try:
        text = record.read_text(encoding="utf-8")
        # A fourth column is passed over as pip does.
        rows = [(row[0], row[1], int(row[2]) if row[2] else None) for row in csv.reader(text.splitlines()) if row]
    except (OSError, ValueError, IndexError, csv.Error):
        return []
    return [] if "\0" in text else rows


def _compare(path: Path, digest: str, length: int | None, hashes: bool) -> FaultKind | None:
    try:
        state = path.stat()
    except OSError:
        return FaultKind.MISSING
    if length is not None and state.st_size != length:
        return FaultKind.SIZE
    algorithm, _, value = digest.partition("=")
    if hashes and value and algorithm in hashlib.algorithms_guaranteed:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).digest()
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != value:
            return FaultKind.CONTENT
    return None
