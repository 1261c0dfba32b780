"""Other people's tools and their known failures, recognised in their output and put into words.

What is recognised is data (``resources/rules/tools.toml``); the words stand here, where the translations are collected.
Our own failures are never recognised from text: they are raised as what they are.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import resource
from aienv_gui.core.wording import Text, tr

_DETAIL_LINES = 40


def explain(output: str, *, what: Text) -> Problem:
    """Put a tool's failed run into words. `what` says what was being done; `output` is what the tool printed.

    An output that no rule knows gives a problem that quotes the tool's last line. Nothing is raised.
    """
    details = "\n".join(output.strip().splitlines()[-_DETAIL_LINES:])
    for code, pattern in _rules():
        match = pattern.search(output)
        if match is not None:
            values = {name.rstrip("2"): value for name, value in match.groupdict().items() if value}
            cause, cure, actions = _WORDS[code](values, output)
            return Problem(what, cause=cause, cure=cure, actions=actions, details=details, code=code)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return Problem(
        what,
        cause=tr("The tool said: {line}", line=lines[-1]) if lines else tr("The tool ended without saying why."),
        cure=tr("Look at the details; if they do not help, copy the report and send it to the developers."),
        details=details,
        code="tool_failed",
    )


@cache
def _rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    data = tomllib.loads(resource("rules/tools.toml").read_text(encoding="utf-8"))
    return tuple((rule["code"], re.compile(rule["pattern"], re.DOTALL)) for rule in data["rule"])


_Words = tuple[Text, Text, tuple[Action, ...]]


def no_network_words(address: str) -> tuple[Text, Text, tuple[Action, ...]]:
    """Cause, cure and actions of a package server that cannot be reached."""
    return (
        tr("The package server could not be reached ({address}).", address=address)
        if address
        else tr("The package server could not be reached."),
        tr(
            "Check the internet connection and try again. On a company or campus network, set a mirror in the settings."
        ),
        (Action("retry", tr("Try again")), Action("open_settings", tr("Open settings"))),
    )


def _no_network(_values: Mapping[str, str], output: str) -> _Words:
    host = re.search(r"https?://(?:[^/@\s]*@)?([^/\s)]+)", output)
    return no_network_words(host[1] if host else "")


def _no_such_package(values: Mapping[str, str], _output: str) -> _Words:
    return (
        tr("There is no package called “{package}”.", package=values.get("package", "?")),
        tr("Check the spelling of the name, or the package sources in the settings."),
        (),
    )


def _no_such_version(values: Mapping[str, str], _output: str) -> _Words:
    return (
        tr("There is no version that fits “{package}”.", package=values["package"]),
        tr("Ask for another version, or leave the version out."),
        (),
    )


def _other_python(values: Mapping[str, str], output: str) -> _Words:
    package = values["package"].removeprefix("all versions of ")
    python = re.search(r"You require CPython (3\.\d+)", output)
    if python is not None:
        cause = tr("{package} is not offered for Python {python}.", package=package, python=python[1])
    else:
        cause = tr("{package} is not offered for this version of Python.", package=package)
    return cause, tr("Choose another Python version or another version of the package."), ()


def _other_platform(values: Mapping[str, str], _output: str) -> _Words:
    return (
        tr(
            "{package} is not offered for this operating system or processor.",
            package=values["package"].removeprefix("all versions of "),
        ),
        tr("Choose another version of the package, or leave it out."),
        (),
    )


def _source_only(values: Mapping[str, str], _output: str) -> _Words:
    return (
        tr("{package} is offered as source code only, not as a finished package.", package=values["package"]),
        tr("Choose another version of the package, or leave it out."),
        (),
    )


def _conflict(_values: Mapping[str, str], output: str) -> _Words:
    return (
        conflict_sentence(output),
        tr("Change one of the versions asked for, or leave one of the packages out."),
        (),
    )


def conflict_sentence(output: str) -> Text:
    """A resolver's explanation of a conflict in one sentence: who needs what, and what stands against it."""
    flat = re.sub(r"\s+", " ", re.sub(r"\{[^}]*\}", "", output))  # without the markers in braces
    needs = re.findall(r"(\S+) depends? on (\S+?),?(?= and | we | you |$)", flat)
    asked = [
        wanted.rstrip(",")
        for group in re.findall(r"(?<!that )you require (.+?)(?:, we can|, and| because|$)", flat)
        for wanted in group.split(" and ")
        if re.match(r"[A-Za-z0-9][\w.\-]*[\[=<>!~]", wanted)
    ]
    for package, needed in needs:
        name = _name(needed)
        against = next((wanted for wanted in asked if _name(wanted) == name), None)
        if against is not None:
            return tr(
                "{package} needs {needed}, but {asked} is asked for.", package=package, needed=needed, asked=against
            )
    for index, (package, needed) in enumerate(needs):
        for other, conflicting in needs[index + 1 :]:
            if _name(needed) == _name(conflicting) and needed != conflicting:
                return tr(
                    "{package} needs {needed}, but {other} needs {conflicting}.",
                    package=package,
                    needed=needed,
                    other=other,
                    conflicting=conflicting,
                )
    for index, wanted in enumerate(asked):
        for against in asked[index + 1 :]:
            if _name(wanted) == _name(against) and wanted != against:
                return tr("{first} and {second} exclude each other.", first=wanted, second=against)
    reason = re.search(r"(Because .+?)(?:,? we can conclude that your requirements|$)", flat)
    if reason is not None:
        return tr("The packages asked for exclude each other: {reason}", reason=reason[1][:400])
    return tr("The packages asked for exclude each other.")


def _name(requirement: str) -> str:
    return re.split(r"[\[=<>!~{ ]", requirement, maxsplit=1)[0].lower()


def _disk_full(_values: Mapping[str, str], _output: str) -> _Words:
    return (
        tr("The disk is full."),
        tr("Free some space on this disk or choose a folder on another one, then try again."),
        (Action("retry", tr("Try again")),),
    )


def _read_only(_values: Mapping[str, str], output: str) -> _Words:
    place = re.search(r"[`'\"]([^`'\"\n]*[/\\][^`'\"\n]*)[`'\"]", output)
    return (
        tr("The system does not let you write to {path}.", path=place[1])
        if place
        else tr("The system does not let you write there."),
        tr("Choose a folder of your own, or ask the owner of this one for permission to write."),
        (),
    )


def _certificate(_values: Mapping[str, str], _output: str) -> _Words:
    return (
        tr("The package server's certificate is not trusted."),
        tr("Check the computer's date. Behind a company network, set its certificate file in pip's configuration."),
        (Action("retry", tr("Try again")),),
    )


def _refused_access(_values: Mapping[str, str], output: str) -> _Words:
    host = re.search(r"https?://(?:[^/@\s]*@)?([^/\s)]+)", output)
    return (
        tr("The package server {address} refuses access.", address=host[1] if host else "?"),
        tr("Check the address and the password of the package sources in the settings."),
        (Action("open_settings", tr("Open settings")),),
    )


def _damaged_download(_values: Mapping[str, str], _output: str) -> _Words:
    return (
        tr("A downloaded file is damaged or is not the one that was planned."),
        tr("Try again; the file is downloaded anew."),
        (Action("retry", tr("Try again")),),
    )


_WORDS: Mapping[str, Callable[[Mapping[str, str], str], _Words]] = {
    "no_network": _no_network,
    "no_such_package": _no_such_package,
    "no_such_version": _no_such_version,
    "other_python": _other_python,
    "other_platform": _other_platform,
    "source_only": _source_only,
    "conflict": _conflict,
    "disk_full": _disk_full,
    "read_only": _read_only,
    "certificate": _certificate,
    "refused_access": _refused_access,
    "damaged_download": _damaged_download,
}
