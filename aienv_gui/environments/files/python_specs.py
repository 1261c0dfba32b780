"""Which Python versions fit what a file says of Python. The solver has the last word: this one offers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final

CONDA_PYTHONS: Final = ("3.14", "3.13", "3.12", "3.11", "3.10")  # conda brings its own Python
_OLDER: Final = ("3.9", "3.8", "3.7", "3.6", "2.7")  # offered only where nothing newer fits
_PATCHES: Final = 40  # more than any version has had
_PYTHON: Final = re.compile(r"(?:[^\s:]+::)?python(?![\w.-])\s*(.*)")
_TERM: Final = re.compile(r"(~=|[=!<>]?=|[<>]|)(\d{1,9}(?:\.\d{1,9})*)(\.?\*)?")


def default_python() -> str:
    """The Python version offered first: the application's own, for which there is an interpreter for certain."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def is_python(spec: str) -> bool:
    """Whether a match spec speaks of Python itself."""
    return _PYTHON.fullmatch(spec) is not None


def suits(version: str, specs: Iterable[str]) -> bool:
    """Whether some release of a Python version (``3.11``), or the release ``3.11.7``, fits all of the match specs.

    What cannot be read counts as fitting.
    """
    major, minor, *exact = (int(number) for number in version.split(".")[:3])
    wanted = [_alternatives(spec) for spec in specs]
    return any(
        all(any(all(_fits((major, minor, patch), term) for term in terms) for terms in spec) for spec in wanted)
        for patch in exact or range(_PATCHES)
    )


def offered(specs: Sequence[str], own: str) -> tuple[str, ...]:
    """The Python versions of conda, and the application's `own`, that fit the match specs; none where none does."""
    named = [match for spec in specs for match in re.findall(r"(?<![\d.])[23]\.\d{1,2}(?!\d)", spec)]
    found = [version for version in dict.fromkeys((*CONDA_PYTHONS, own, *named)) if suits(version, specs)]
    return tuple(found or [version for version in _OLDER if suits(version, specs)])


def chosen(specs: Sequence[str], own: str) -> str:
    """The version to begin with: the application's `own` where it fits or nothing does, else the first offered."""
    versions = offered(specs, own)
    return own if own in versions or not versions else versions[0]


def _alternatives(spec: str) -> list[list[str]]:
    """The version of a match spec as terms: one list of them must be fulfilled whole."""
    match = _PYTHON.fullmatch(spec)
    text = match[1] if match is not None else ""
    inside = re.search(r"\bversion\s*=\s*[\"']?([^\"'\]]+)", text)
    text = inside[1] if inside is not None else text.partition("[")[0]
    text = re.sub(r"\s*([,|])\s*", r"\1", re.sub(r"([=!<>~])\s+", r"\1", text.strip()))
    text = text.split()[0] if text else ""  # what follows is the build
    text = re.sub(r"(?<=[\d*])=.*", "", text)
    return [[term for term in terms.split(",") if term] for terms in text.split("|")]


def _fits(version: tuple[int, int, int], term: str) -> bool:
    match = _TERM.fullmatch(term)
    if match is None:
        return True
    wanted = tuple(int(number) for number in match[2].split("."))[:3]
    whole = (*wanted, 0, 0)[:3]
    begins = version[: len(wanted)] == wanted
    match match[1]:
        case "" | "=":
            return begins
        case "==":
            return begins if match[3] else version == whole
        case "!=":
            return not (begins if match[3] else version == whole)
        case "~=":
            return version >= whole and version[: len(wanted) - 1] == wanted[:-1]
        case ">=":
            return version >= whole
        case ">":
            return version > whole
        case "<=":
            return version <= whole
        case _:
            return version < whole
