"""Holds the files of a conda environment against what its packages say they installed (conda-meta)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from aienv_gui.environments.discovery.foreign_files import read_bytes
from aienv_gui.environments.health import integrity
from aienv_gui.environments.health.integrity import RECORD_LIMIT, Claim, Fault, FaultKind, Files, digest_text

_REMADE: Final = {"pyc_file"}  # Python writes these anew as it likes


def verify(
    prefix: Path,
    *,
    hashes: bool = False,
    checkpoint: Callable[[], None] = lambda: None,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> tuple[Fault, ...]:
    """Every fault of the files that conda-meta lists, and of those that pip's packages beside them list.

    As `integrity.verify`, which it equals for an environment without conda's packages. Paths are relative to the
    prefix.
    """
    faults: list[Fault] = []
    claims: list[Claim] = []
    owned: set[str] = set()  # what pip's records say of conda's own packages is not true of what conda installed
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        checkpoint()
        package = path.stem.rsplit("-", 2)[0]
        try:
            record = json.loads(read_bytes(path, RECORD_LIMIT))
            listed = list(_look(prefix, package, record))
            owned |= {Path(name).parts[-2].split("-")[0] for name in record.get("files", ()) if ".dist-info/" in name}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            faults.append(Fault(package, path.name, FaultKind.NO_RECORD))
            continue
        faults += [one for one in listed if isinstance(one, Fault)]
        claims += [one for one in listed if isinstance(one, Claim)]
    by_pip, of_lists = integrity.collect(prefix, checkpoint)
    faults += [fault for fault in of_lists if fault.kind is FaultKind.DOUBLED or fault.package not in owned]
    claims += [claim for claim in by_pip if claim.package not in owned]
    return (*faults, *integrity.judge(claims, hashes, checkpoint, progress, Files()))


def _look(prefix: Path, package: str, record: Mapping[str, Any]) -> Iterator[Claim | Fault]:
    """What a package says of its files; of those that need more than a comparison, what is wrong with them."""
    entries = (record.get("paths_data") or {}).get("paths")
    if entries is None:  # written by an old conda: names only
        entries = [{"_path": name} for name in record["files"]]
    for entry in entries:
        name, kind = entry["_path"], entry.get("path_type")
        path = f"{prefix}/{name}"
        if kind in _REMADE or name.endswith(".pyc") or kind == "directory":
            continue
        if kind == "softlink":  # where it leads is another package's business
            if not os.path.lexists(path):
                yield Fault(package, name, FaultKind.MISSING)
        elif entry.get("prefix_placeholder") and entry.get("file_mode") == "text" and _rewritten(path, entry):
            continue
        else:
            known = entry.get("sha256_in_prefix") or (not entry.get("prefix_placeholder") and entry.get("sha256"))
            digest = digest_text("sha256", bytes.fromhex(known)) if known else ""
            yield Claim(package, name, os.path.normpath(path), digest, entry.get("size_in_bytes"))


def _rewritten(path: str, entry: Mapping[str, Any]) -> bool:
    """Whether a text has another size only because the prefix was written into it.

    conda notes the size before it wrote the prefix, py-rattler the size after: the hash decides.
    """
    length, digest = entry.get("size_in_bytes"), entry.get("sha256_in_prefix")
    try:
        if length is None or not digest or os.stat(path).st_size == length:  # noqa: PTH116
            return False
        with open(path, "rb") as file:
            return bool(hashlib.file_digest(file, "sha256").hexdigest() == digest)
    except OSError:
        return False
