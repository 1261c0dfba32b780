"""Damages that befall environments: files deleted, cut short, altered in place, and versions mixed."""

from __future__ import annotations

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
    site = site_packages(prefix)[0]
    candidates = sorted(
        path
        for path in site.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and path.stat().st_size > 0
        and path.suffix != ".pyc"
        and path.parent != site / "_virtualenv"
        and not path.name.startswith(("_virtualenv", "RECORD"))
        and path.name not in ("INSTALLER", "REQUESTED")
    )
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
