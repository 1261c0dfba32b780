"""Damages that befall environments: files deleted, cut short, altered in place, and versions mixed."""

from __future__ import annotations

import csv
import json
import os
import random
from enum import StrEnum
from pathlib import Path

from aienv_gui.environments.health.integrity import site_packages


class Damage(StrEnum):
    DELETED = "deleted"
    TRUNCATED = "truncated"
    ALTERED = "altered"  # in place, of the same length: also what is linked to the same file changes
    MIXED = "mixed"  # a file of another version lies where this version's should be


def plant(prefix: Path, kind: Damage, chance: random.Random) -> Path:
    """Do one damage to a file of a package and return the file. Files without content are left alone."""
    candidates = [path for path in _files_of_packages(prefix) if path.is_file() and path.stat().st_size > 0]
    path = chance.choice(candidates)
    if kind is Damage.DELETED:
        path.unlink()
    elif kind is Damage.TRUNCATED:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
    elif kind is Damage.ALTERED:
        with path.open("r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes([first[0] ^ 0x55]))
    else:
        content = path.read_bytes()
        path.unlink()  # as an installer does: what others are linked to stays
        path.write_bytes(b"# of another version\n" + content)
    return path


def _files_of_packages(prefix: Path) -> list[Path]:
    """The files that the packages' own lists name, without what Python compiles anew and what describes the install."""
    found: set[Path] = set()
    for site in site_packages(prefix):
        for record in site.glob("*.dist-info/RECORD"):
            rows = csv.reader(record.read_text(encoding="utf-8").splitlines())
            found |= {Path(os.path.normpath(site / row[0])) for row in rows}
    for meta in (prefix / "conda-meta").glob("*.json"):
        found |= {prefix / name for name in json.loads(meta.read_text(encoding="utf-8"))["files"]}
    installers = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
    return sorted(p for p in found if p.suffix != ".pyc" and p.name not in installers and not p.is_symlink())
