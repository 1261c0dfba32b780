"""What py-rattler's error texts mean, in the user's words. They are texts for people; only these shapes are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.explain import explain
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.sources.addresses import public

_NO_PLAN: Final = tr("The packages could not be planned.")
_SPOILT: Final = re.compile("failed to decode|invalid or truncated data|EOF while parsing|expected value at line")
_TREE: Final = re.compile(r"^[\s│├└─]*")
_FATES: Final = {
    "nothing": ", for which no candidates were found",
    "conflict": ", which conflicts with",
    "blocked": ", which cannot be installed",
    "possible": ", which can be installed",
}


def channel_problem(message: str) -> Problem:
    """A channel that could not be read: no network, no such channel, anything else."""
    message = public(message)
    missing = re.search(r"could not find subdir '[^']*' in channel '([^']*)'", message)
    refused = re.search(r"\((404|401|403|407|5\d\d)[^)]*\) for url \(([^)\s]+)\)", message)
    if missing is None and refused is not None and refused[1] == "404":
        missing = re.search(r"(?<=for url \()(\S+?)/[^/]+/repodata[^/]*\)", message)
    if missing is not None:
        return Problem(
            tr("The channel {channel} could not be read.", channel=missing[1].rstrip("/")),
            cause=tr("There is no package list: the channel does not exist, or its folder is not a channel."),
            cure=tr("Check the channels in the settings or in the file."),
            actions=(Action("open_settings", tr("Open settings")),),
            details=message,
            code="no_channel",
        )
    if _SPOILT.search(message) is not None:
        place = re.search(r"https?://[^\s'\")]+", message)
        host = urlsplit(place[0]).hostname if place is not None else ""
        return Problem(
            _NO_PLAN,
            cause=tr("What {host} sent is not a channel's package list: it is another page, or cut short.", host=host),
            cure=tr("Test the sources in the settings; the network may want you to sign in first."),
            actions=(Action("open_settings", tr("Open settings")), Action("retry", tr("Try again"))),
            details=message,
            code="bad_channel",
        )
    return explain(message, what=_NO_PLAN)


def missing_root(message: str) -> str:
    """The package asked for that no channel offers in that version: ``numpy >=9``; empty for another message."""
    found = re.search(r"because of: No candidates were found for (.+?)\.?\s*$", message)
    return found[1] if found else ""


def nothing_fits(spec: str, versions: Sequence[str], channels: Iterable[str]) -> Problem:
    """No package of that name, or none of a version that was asked for; `versions` are there, newest first."""
    name = spec.split()[0]
    places = public(", ".join(channels))
    if not versions:
        return Problem(
            _NO_PLAN,
            cause=tr("There is no package called “{package}” in {channels}.", package=name, channels=places),
            cure=tr("Check the spelling of the name, or add the channel that has it."),
            code="no_such_package",
        )
    if name == "python":
        return Problem(
            _NO_PLAN,
            cause=tr("There is no Python {version} in {channels}.", version=spec[7:], channels=places),
            cure=tr("Choose another Python version. There is {versions}.", versions=", ".join(versions[:5])),
            code="no_python",
        )
    return Problem(
        _NO_PLAN,
        cause=tr("There is no version that fits “{package}”.", package=readable(spec)),
        cure=tr("Ask for another version. There is {versions}.", versions=", ".join(versions[:5])),
        code="no_such_version",
    )


def conflict_problem(message: str, asked: Sequence[str]) -> Problem:
    """The solver's tree of reasons in one sentence. `asked` are the specs of the request."""
    cause, cure, code = _why(message, {spec.split()[0]: spec for spec in asked})
    return Problem(_NO_PLAN, cause=cause, cure=cure, details=message, code=code)


@dataclass(frozen=True, slots=True)
class _Need:
    """A package that needs (or limits) another, and what became of it."""

    package: str
    needed: str
    fate: str

    @property
    def name(self) -> str:
        return self.needed.split()[0]


def _why(message: str, asked: Mapping[str, str]) -> tuple[Text, Text, str]:
    needs, roots = _read_tree(message)
    other_version = tr("Change one of the versions asked for, or leave one of the packages out.")
    for need in needs:
        if need.fate != "nothing":
            continue
        values = {"package": need.package, "needed": readable(need.needed)}
        if need.name == "__cuda":
            return (
                tr(
                    "{package} needs an NVIDIA driver for CUDA {version}.",
                    package=need.package,
                    version=need.needed[7:],
                ),
                tr("Choose the build for the processor (CPU only), or install or update the NVIDIA driver."),
                "no_cuda",
            )
        if need.name.startswith("__"):
            return (
                tr("{package} needs another operating system or processor ({needed}).", **values),
                tr("Choose another version of the package, or leave it out."),
                "other_platform",
            )
        if need.name in asked:
            return (
                tr("{package} needs {needed}, but {asked} is asked for.", **values, asked=readable(asked[need.name])),
                other_version,
                "conflict",
            )
        return (
            tr("{package} needs {needed}, which none of the channels has.", **values),
            tr("Add the channel that has it, or choose another version of the package."),
            "conflict",
        )
    against = _opposed(needs)
    if against is not None:
        first, second = against
        return (
            tr(
                "{package} needs {needed}, but {other} needs {conflicting}.",
                package=first.package,
                needed=readable(first.needed),
                other=second.package,
                conflicting=readable(second.needed),
            ),
            other_version,
            "conflict",
        )
    for need in needs:
        if need.fate in ("conflict", "blocked") and need.name in asked:
            return (
                tr(
                    "{package} needs {needed}, but {asked} is asked for.",
                    package=need.package,
                    needed=readable(need.needed),
                    asked=readable(asked[need.name]),
                ),
                other_version,
                "conflict",
            )
    for index, spec in enumerate(roots):
        for other in roots[index + 1 :]:
            if spec.split()[0] == other.split()[0]:
                return (
                    tr("{first} and {second} exclude each other.", first=readable(spec), second=readable(other)),
                    other_version,
                    "conflict",
                )
    return tr("The packages asked for exclude each other."), other_version, "conflict"


def _opposed(needs: Sequence[_Need]) -> tuple[_Need, _Need] | None:
    """Two packages that need the same one in different versions, one of which failed because of the other."""
    for failed in needs:
        if failed.fate == "possible":
            continue
        for other in needs:
            if other.name == failed.name and other.needed != failed.needed and other.package != failed.package:
                return failed, other
    return None


def _read_tree(message: str) -> tuple[list[_Need], list[str]]:
    """Every “needs” of the solver's tree and the specs at its roots."""
    needs: list[_Need] = []
    roots: list[str] = []
    parents: list[tuple[int, str]] = []  # depth, package
    for line in message.removeprefix("Cannot solve the request because of: ").splitlines():
        marks = _TREE.match(line)
        depth = marks.end() if marks else 0
        text = line[depth:].strip()
        while parents and parents[-1][0] >= depth:
            parents.pop()
        holder = re.match(r"(.+) would (?:require|constrain)$", text)
        if holder is not None:
            parents.append((depth, holder[1]))
            continue
        for fate, words in _FATES.items():
            if words in text and parents:
                needs.append(_Need(parents[-1][1], text.partition(words)[0], fate))
        root = re.match(r"(\S+ \S.*?) can(?:not)? be installed", text)
        if root is not None and "," not in root[1][-2:] and not parents:
            roots.append(root[1])
    return needs, roots


def readable(spec: str) -> str:
    """A spec as people write it: ``numpy`` for ``numpy *``."""
    return spec.removesuffix(" *")
