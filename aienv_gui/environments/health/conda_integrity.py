"""Holds the files of a conda environment against what its packages say they installed (conda-meta)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from aienv_gui.environments.health import integrity
from aienv_gui.environments.health.integrity import Fault, FaultKind

_REMADE: Final = {"pyc_file"}  # Python writes these anew as it likes


def verify(prefix: Path, *, hashes: bool = False, checkpoint: Callable[[], None] = lambda: None) -> tuple[Fault, ...]:
    """Every fault of the files that conda-meta lists, and of those that pip's packages beside them list.

    Sizes only (0.3 s for 18,000 files), with `hashes` contents too. `checkpoint` is called between packages and may
    raise. Paths are relative to the prefix.
    """
    faults: list[Fault] = []
    owned: set[str] = set()  # what pip's records say of conda's own packages is not true of what conda installed
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        checkpoint()
        package = path.stem.rsplit("-", 2)[0]
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            faults += _verify_package(prefix, package, record, hashes)
            owned |= {Path(name).parts[-2].split("-")[0] for name in record.get("files", ()) if ".dist-info/" in name}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            faults.append(Fault(package, path.name, FaultKind.NO_RECORD))
    by_pip = integrity.verify(prefix, hashes=hashes, checkpoint=checkpoint)
    return (*faults, *(fault for fault in by_pip if fault.package not in owned))


def _verify_package(prefix: Path, package: str, record: Mapping[str, Any], hashes: bool) -> Iterator[Fault]:
    entries = (record.get("paths_data") or {}).get("paths")
    if entries is None:  # written by an old conda: names only
        entries = [{"_path": name} for name in record["files"]]
    for entry in entries:
        if entry.get("path_type") in _REMADE or entry["_path"].endswith(".pyc"):
            continue
        kind = _compare(prefix / entry["_path"], entry, hashes)
        if kind is not None:
            yield Fault(package, entry["_path"], kind)


def _compare(path: Path, entry: Mapping[str, Any], hashes: bool) -> FaultKind | None:
    try:
        if entry.get("path_type") == "softlink":
            path.lstat()
            return None
        state = path.stat()
    except OSError:
        return FaultKind.MISSING
    if entry.get("path_type") == "directory":
        return None
    length = entry.get("size_in_bytes")
    digest = entry.get("sha256_in_prefix") or entry.get("sha256")
    # conda notes the size before it wrote the prefix into a text, py-rattler the size after.
    rewritten = entry.get("prefix_placeholder") and entry.get("file_mode") == "text"
    if length is not None and state.st_size != length:
        if rewritten and entry.get("sha256_in_prefix") and _sha256(path) == entry["sha256_in_prefix"]:
            return None
        return FaultKind.SIZE
    known = entry.get("sha256_in_prefix") or not entry.get("prefix_placeholder")
    if hashes and digest and known and _sha256(path) != digest:
        return FaultKind.CONTENT
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
