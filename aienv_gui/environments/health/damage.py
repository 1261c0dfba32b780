"""Which packages of an environment are damaged, whoever installed them, and whether it still is where it was made."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from aienv_gui.core.errors import Problem
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.health import conda_integrity
from aienv_gui.environments.health.integrity import HARMLESS, Fault, FaultKind
from aienv_gui.environments.manifest import lost_packages, read_manifest

_OF_ENVIRONMENT: Final = frozenset({FaultKind.MOVED})  # no package's fault
_FIRST_LINE_BYTES: Final = 512


def faults_of(
    prefix: Path,
    *,
    hashes: bool = False,
    checkpoint: Callable[[], None] = lambda: None,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> tuple[Fault, ...]:
    """Every fault of an environment's files, its place among them. Costs and errors as `integrity.verify`."""
    found = conda_integrity.verify(prefix, hashes=hashes, checkpoint=checkpoint, progress=progress)
    return (*moved(prefix), *found)


def damaged_packages(
    prefix: Path, *, hashes: bool = False, checkpoint: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """The normalised names of the packages whose files are not as they were installed, or that are gone.

    What they were linked from (a cache) shares their damage. Costs as `integrity.verify`.
    """
    names = {
        canonicalize_name(fault.package)
        for fault in conda_integrity.verify(prefix, hashes=hashes, checkpoint=checkpoint)
        if fault.kind not in HARMLESS | _OF_ENVIRONMENT
    }
    with suppress(Problem, OSError, KeyError, TypeError, ValueError):
        manifest = read_manifest(prefix)
        if manifest is not None:
            lost = lost_packages(manifest, read_environment(prefix).packages)
            names |= {canonicalize_name(file.package) for file in lost}
    return tuple(sorted(names))


def moved(prefix: Path) -> Iterator[Fault]:
    """A fault where the environment's programs start the Python of another folder: it was moved or renamed, or copied.

    Reads the first bytes of each script. Only environments of their own have one place, not a system's Python. Windows
    keeps the place in programs, which are not read.
    """
    if sys.platform == "win32" or not ((prefix / "pyvenv.cfg").is_file() or (prefix / "conda-meta").is_dir()):
        return
    own = {str(prefix.absolute()), str(prefix.resolve())}
    for script in sorted((prefix / "bin").glob("*")):
        python = _interpreter_of(script)
        if python is None or any(python.startswith(f"{place}/") for place in own):
            continue
        place = Path(python).parent.parent
        # A script of the base Python is no sign; one that names a former place of an environment is.
        if not place.exists() or (place / "pyvenv.cfg").is_file() or (place / "conda-meta").is_dir():
            yield Fault(script.name, f"bin/{script.name}", FaultKind.MOVED, str(place))
            return


def _interpreter_of(script: Path) -> str | None:
    """The Python that a script names in its first line; None for anything else."""
    if script.is_symlink():
        return None
    with suppress(OSError), script.open("rb") as file:
        head = file.read(_FIRST_LINE_BYTES)
        if head.startswith(b"#!"):
            line = head.partition(b"\n")[0].decode("utf-8", "replace")
            found = re.match(r"#!\s*(/.*/bin/python[\d.]*)(?:\s|$)", line)
            return found[1] if found else None
    return None
