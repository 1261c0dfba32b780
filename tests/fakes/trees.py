"""What a folder holds, byte for byte, as one value to compare."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def digest(folder: Path) -> str:
    """The SHA-256 over every name, kind, mode, link and content below `folder`; compiled Python files left out."""
    total = hashlib.sha256()
    for parent, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if name != "__pycache__")
        for name in sorted((*files, *(one for one in below if (Path(parent) / one).is_symlink()))):
            path = Path(parent) / name
            total.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
            if path.is_symlink():
                total.update(b"link" + os.fsencode(path.readlink()))
            else:
                with path.open("rb") as file:
                    total.update(f"{path.stat().st_mode}".encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
