"""What Poetry and Pipenv write in place of PEP 508: ``^1.2``, ``~1.2``, tables with versions, extras and markers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from aienv_gui.core.wording import Text, tr

_MARKED: Final = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
_SOURCES: Final = ("git", "hg", "path", "url", "file")


def requirements_of(name: str, wanted: Any) -> Iterator[tuple[str, Text | None]]:
    """What a dependency asks for as PEP 508, each with a reason where it cannot be honoured (and is left out)."""
    for one in wanted if isinstance(wanted, list) else [wanted]:
        yield _requirement(name, one)


def _requirement(name: str, wanted: Any) -> tuple[str, Text | None]:
    if isinstance(wanted, str):
        return _with_version(name, wanted, "", "")
    if not isinstance(wanted, Mapping):
        return name, tr("It is not written as a version.")
    if any(key in wanted for key in ("git", "hg", "svn")):
        return name, tr("It is a source repository, not a package.")
    if isinstance(wanted.get("url"), str):
        return f"{name} @ {wanted['url']}", None
    if any(key in wanted for key in _SOURCES):
        return name, tr("It is a project under development, not a package.")
    if wanted.get("optional") is True:
        return name, tr("It belongs to an extra, which has to be asked for.")
    extras = wanted.get("extras")
    listed = [extra for extra in extras if isinstance(extra, str)] if isinstance(extras, list) else []
    return _with_version(
        name, str(wanted.get("version", "*")), f"[{','.join(listed)}]" if listed else "", _marker(wanted)
    )


def _with_version(name: str, text: str, extras: str, marker: str) -> tuple[str, Text | None]:
    version = specifier(text)
    if version is None:
        return name, tr("Its version “{version}” is not understood.", version=text)
    return f"{name}{extras}{version}{f' ; {marker}' if marker else ''}", None


def _marker(wanted: Mapping[str, Any]) -> str:
    parts = [f"({wanted['markers']})"] if isinstance(wanted.get("markers"), str) else []
    if isinstance(wanted.get("python"), str):
        terms = specifier(wanted["python"])
        parts += [_python_term(term) for term in terms.split(",")] if terms else []
    if isinstance(wanted.get("platform"), str) and wanted["platform"] in _MARKED:
        parts.append(f"sys_platform == '{wanted['platform']}'")
    return " and ".join(parts)


def _python_term(term: str) -> str:
    match = re.match(r"(~=|[=!<>]=?)(.*)", term)
    assert match is not None, "`specifier` makes no others"
    name = "python_version" if match[2].count(".") < 2 or match[2].endswith("*") else "python_full_version"
    return f"{name} {match[1]} '{match[2]}'"


def specifier(text: str) -> str | None:
    """A version as Poetry writes it as a PEP 440 specifier; empty for any version, None where it is not understood.

    Of alternatives (``^1 || ^2``) the range from the lowest to the highest is taken where they follow each other.
    """
    whole = text.strip()
    if "|" in whole:
        return _alternatives([part for part in re.split(r"\|{1,2}", whole) if part.strip()])
    whole = re.sub(r"([~^=!<>])\s+", r"\1", whole)
    terms = [term for part in whole.split(",") for term in part.split()]
    found = [_term(term) for term in terms]
    if any(term is None for term in found):
        return None
    return ",".join(term for term in found if term)


def _alternatives(parts: list[str]) -> str | None:
    """``>=lowest,<highest`` of several ranges; None where they are not plain ranges."""
    lows: list[Version] = []
    highs: list[tuple[Version, str]] = []
    for part in parts:
        terms = specifier(part)
        if terms is None:
            return None
        low = re.search(r"(?:>=|==)([\d.]+?)(?:\.\*)?(?:,|$)", terms)
        high = re.search(r"<=?[\d.]+", terms)
        exact = re.fullmatch(r"==([\d.]+?)(\.\*)?", terms)
        if low is None:
            return None
        lows.append(Version(low[1]))
        if exact is not None:
            numbers = [int(number) for number in exact[1].split(".")]
            above = ".".join(map(str, (*numbers[:-1], numbers[-1] + 1))) if exact[2] else exact[1]
            highs.append((Version(above), f"<{above}" if exact[2] else f"<={above}"))
        elif high is not None:
            highs.append((Version(high[0].lstrip("<=")), high[0]))
    top = max(highs, key=lambda item: item[0])[1] if len(highs) == len(parts) else ""
    return f">={min(lows)}" + (f",{top}" if top else "")


def _term(term: str) -> str | None:
    """One term as PEP 440; empty for any version."""
    if term in ("*", "", "latest"):
        return ""
    match = re.fullmatch(r"(\^|~=|~|===|==|!=|>=|<=|>|<|=)?v?(.+)", term)
    assert match is not None, "the expression fits all that is not empty"
    operator, text = match[1] or "", match[2]
    wild = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})*)\.[*x]", text)
    if wild is not None:
        return {"": f"=={wild[1]}.*", "=": f"=={wild[1]}.*", "==": f"=={wild[1]}.*", "!=": f"!={wild[1]}.*"}.get(
            operator
        ) or (f">={wild[1]}" if operator in ("^", "~", "~=", ">=") else None)
    try:
        version = Version(text)
    except (InvalidVersion, ValueError):  # the latter: numbers of thousands of digits
        return None
    if operator == "^":
        return f">={text},<{_caret(version)}"
    if operator == "~":
        numbers = version.release
        upper = (numbers[0], numbers[1] + 1) if len(numbers) > 1 else (numbers[0] + 1,)
        return f">={text},<{'.'.join(map(str, upper))}"
    if operator == "~=" and len(version.release) < 2:
        return f">={text},<{version.major + 1}"
    return f"{operator if operator not in ('', '=') else '=='}{text}"


def _caret(version: Version) -> str:
    """The first version that is not compatible: the leftmost number that is not zero may not change."""
    numbers = version.release
    for place, number in enumerate(numbers):
        if number or place == len(numbers) - 1:
            return ".".join(map(str, (*numbers[:place], number + 1)))
    raise AssertionError("a version has a number")
