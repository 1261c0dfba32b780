"""The libraries that calculate in threads (OpenMP) and for matrices (BLAS): who brings them, and which clash.

Two of them in one process are the rule (PyTorch and scikit-learn each bring GNU's OpenMP) and mostly harmless. Only
what is known to crash or to stand still is told as a clash:
https://github.com/joblib/threadpoolctl/blob/master/multiple_openmp.md
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from aienv_gui.environments.discovery.foreign_files import read_bytes
from aienv_gui.environments.discovery.installed import conda_records
from aienv_gui.environments.health.integrity import RECORD_LIMIT, site_packages


class Family(StrEnum):
    """Whose library it is; the value is what people call it."""

    INTEL = "Intel OpenMP"
    LLVM = "LLVM OpenMP"
    GNU = "GNU OpenMP"
    MICROSOFT = "Microsoft OpenMP"
    MKL = "MKL"
    OPENBLAS = "OpenBLAS"


_FILES: Final = {
    Family.INTEL: r"libiomp5(md)?(-[\da-f]+)?\.(so|dylib|dll)",
    Family.LLVM: r"libomp(140\.\w+)?(-[\da-f]+)?\.(so|dylib|dll)",
    Family.GNU: r"libgomp(-[\da-f]+)?\.(so|1\.dylib)",
    Family.MICROSOFT: r"vcomp\d+\.dll",
    Family.MKL: r"(lib)?mkl_rt(\.\d)?\.(so|dylib|dll)",
    Family.OPENBLAS: r"(lib)?(scipy_)?openblas\w*(-[\w.]+)?\.(so|dylib|dll)",
}
_PATTERNS: Final = {family: re.compile(rf"(?:^|.*[/\\]){pattern}[\d.]*$") for family, pattern in _FILES.items()}
# Packages that hold nothing but such a library: where one of two has to go, it is that one.
_RUNTIMES: Final = {"intel-openmp", "llvm-openmp", "openmp", "libgomp", "mkl"}


@dataclass(frozen=True, slots=True)
class Runtime:
    """A library and the package that brings it. `path` is as the package lists it."""

    family: Family
    package: str
    path: str


@dataclass(frozen=True, slots=True)
class Clash:
    """Two libraries that conflict, and the package to remove, where one of them is nothing else."""

    first: Runtime
    second: Runtime
    removable: str = ""


def runtimes(prefix: Path) -> tuple[Runtime, ...]:
    """Every such library that a package of the environment lists and that is there; links to others are left out.

    Reads the packages' lists of files: 0.1 s for 20,000 files.
    """
    found: dict[tuple[Family, str], Runtime] = {}
    for package, place, name in listed(prefix):
        for family, pattern in _PATTERNS.items():
            if pattern.match(name) and not (place / name).is_symlink() and (place / name).is_file():
                found.setdefault((family, package), Runtime(family, package, name))
    return tuple(found.values())


def listed(prefix: Path) -> Iterator[tuple[str, Path, str]]:
    """Package, folder and path in it of every file that packages list. Lists that cannot be read are passed over."""
    for site in site_packages(prefix):
        for info in sorted(site.glob("*.dist-info")):
            with suppress(OSError, UnicodeDecodeError, csv.Error):
                text = read_bytes(info / "RECORD", RECORD_LIMIT).decode("utf-8")
                package = canonicalize_name(info.name.split("-")[0])
                for row in csv.reader(text.splitlines()):
                    if row:
                        yield package, site, row[0]
    for record in conda_records(prefix):
        files = record.get("files")
        for name in files if isinstance(files, list) else ():
            yield str(record["name"]), prefix, str(name)


def clashes(found: Sequence[Runtime], platform: str = sys.platform) -> tuple[Clash, ...]:
    """What of it is known to crash a process or to make it stand still."""
    result: list[Clash] = []
    intel = _by_package(found, Family.INTEL)
    llvm = _by_package(found, Family.LLVM)
    for second in llvm:
        for first in intel:
            if first.package != second.package:  # conda's llvm-openmp answers to both names
                result.append(_clash(first, second))
    if platform in ("win32", "darwin"):  # elsewhere they share one copy by its name
        result += [_clash(intel[0], other) for other in intel[1:]]
    return tuple(result)


def _by_package(found: Iterable[Runtime], family: Family) -> list[Runtime]:
    return [one for one in found if one.family is family]


def _clash(first: Runtime, second: Runtime) -> Clash:
    removable = next((one.package for one in (second, first) if one.package in _RUNTIMES), "")
    return Clash(first, second, removable)
