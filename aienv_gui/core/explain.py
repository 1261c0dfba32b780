"""Other people's tools and their known failures, recognised in their output and put into words.

What is recognised and what is said about it is data: the rules in ``resources/rules``, each with its pattern, cause and
cure, a real example and where that is from. Here stand the order of the rules and the few sentences that must be worked
out. Our own failures are never recognised from text: they are raised as what they are.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.report import without_secrets
from aienv_gui.core.storage import resource
from aienv_gui.core.wording import Text, tr

# The first rule that matches wins, within a file and from file to file. What happens deepest is asked first: a package
# that does not load may be told by pip, a full disk by conda, no network by all of them, and the tool's own words for
# "it did not work" (general) stand in the output of nearly every failure and say the least.
FILES: Final = (
    "cuda",
    "torch",
    "tensorflow",
    "libraries",
    "conda",
    "pip_uv",
    "files",
    "network",
    "general",
)
# Codes of the failures in which no package server can be used for now, whatever stands in the way.
UNREACHABLE: Final = frozenset(
    {
        "connection_reset",
        "cut_short",
        "no_network",
        "no_proxy",
        "proxy_password",
        "server_trouble",
        "slow_network",
        "too_many_requests",
    }
)
_OF_INSTALLERS: Final = {"conda", "pip_uv", "network", "general"}
_DETAIL_LINES: Final = 40
_SEARCHED: Final = 60_000  # characters from the end: failures are told last, and a log may have no bounds
_ACTIONS: Final = {"retry": tr("Try again"), "open_settings": tr("Open settings")}


class Occasion(Enum):
    """When something was said, and so which rules may explain it."""

    INSTALL = "install"  # a tool that puts packages into place has failed
    RUN = "run"  # a program in an environment has failed: what installers say means something else there
    REMARK = "remark"  # a program said it in passing and went on: why a graphics card is not used, for example


@dataclass(frozen=True, slots=True)
class Rule:
    """A known failure. `cause` and `cure` are English sentences that name the pattern's groups.

    `words` names the function (`_WORDS`) that makes a better cause of the output where it can.
    """

    code: str
    pattern: re.Pattern[str]
    cause: str
    cure: str
    actions: tuple[str, ...]
    occasions: frozenset[Occasion]
    words: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A failure that is known: its stable name, why it happened and what to do."""

    code: str
    cause: Text
    cure: Text
    actions: tuple[Action, ...] = ()


def explain(output: str, *, what: Text) -> Problem:
    """Put a tool's failed run into words. `what` says what was being done; `output` is what the tool printed.

    An output that no rule knows gives a problem that quotes the tool's last line. Nothing is raised.
    """
    lines = without_secrets(output[-_SEARCHED:]).strip().splitlines()
    details = "\n".join(lines[-_DETAIL_LINES:])
    known = recognise(output, Occasion.INSTALL)
    if known is not None:
        return Problem(
            what, cause=known.cause, cure=known.cure, actions=known.actions, details=details, code=known.code
        )
    return Problem(
        what,
        cause=tr("The tool said: {line}", line=lines[-1].strip())
        if lines
        else tr("The tool ended without saying why."),
        cure=tr("Look at the details; if they do not help, copy the report and send it to the developers."),
        details=details,
        code="tool_failed",
    )


def recognise(output: str, occasion: Occasion) -> Explanation | None:
    """The known failure that `output` tells of; None where no rule knows it: nothing is guessed."""
    text = without_secrets(output[-_SEARCHED:])
    for rule in rules():
        if occasion in rule.occasions:
            match = rule.pattern.search(text)
            if match is not None:
                return _explanation(rule, match, text)
    return None


@cache
def rules() -> tuple[Rule, ...]:
    """All rules in the order in which they are tried."""
    found: list[Rule] = []
    for name in FILES:
        for entry in tomllib.loads(resource(f"rules/{name}.toml").read_text(encoding="utf-8"))["rule"]:
            found.append(
                Rule(
                    entry["code"],
                    re.compile(entry["pattern"]),
                    entry["cause"],
                    entry["cure"],
                    tuple(entry.get("actions", ())),
                    _occasions(name, remark=entry.get("remark", False)),
                    entry.get("words", ""),
                )
            )
    return tuple(found)


def _occasions(file: str, *, remark: bool) -> frozenset[Occasion]:
    if remark:
        return frozenset({Occasion.REMARK})
    return frozenset({Occasion.INSTALL} if file in _OF_INSTALLERS else {Occasion.INSTALL, Occasion.RUN})


def _explanation(rule: Rule, match: re.Match[str], text: str) -> Explanation:
    values = {name: value.strip() for name, value in match.groupdict().items() if value}
    cause = _WORDS[rule.words](match, text) if rule.words else None
    return Explanation(
        rule.code,
        cause or Text(rule.cause, values),
        Text(rule.cure, values),
        tuple(Action(name, _ACTIONS[name]) for name in rule.actions),
    )


def no_network_words(address: str) -> tuple[Text, Text, tuple[Action, ...]]:
    """Cause, cure and actions of a package server that cannot be reached."""
    rule = next(rule for rule in rules() if rule.code == "no_network")
    return (
        tr("The package server could not be reached ({address}).", address=address) if address else Text(rule.cause),
        Text(rule.cure),
        tuple(Action(name, _ACTIONS[name]) for name in rule.actions),
    )


def _unreached_host(match: re.Match[str], text: str) -> Text | None:
    host = _host(match, text)
    return tr("The package server could not be reached ({address}).", address=host) if host else None


def _refusing_host(match: re.Match[str], text: str) -> Text | None:
    host = _host(match, text)
    return tr("The package server {address} refuses access.", address=host) if host else None


def _host(match: re.Match[str], text: str) -> str:
    """The server named nearest to a match: its address stands in the same line or in the one before."""
    found = list(re.finditer(r"https?://(?:[^/@\s]{1,200}@)?([^/\s)>'\"]{1,200})|host='([^'\n]{1,200})'", text))
    if not found:
        return ""
    nearest = min(found, key=lambda one: abs(one.start() - match.start()))
    return str(nearest[1] or nearest[2])


def _written_path(match: re.Match[str], text: str) -> Text | None:
    """The path in the match's own line; one from elsewhere in the output could be any."""
    end = text.find("\n", match.end())
    line = text[text.rfind("\n", 0, match.start()) + 1 : end if end >= 0 else len(text)]
    place = re.search(r"[`'\"]([^`'\"\n]*[/\\][^`'\"\n]*)[`'\"]", line)
    return tr("The system does not let you write to {path}.", path=place[1]) if place else None


def _other_python(match: re.Match[str], text: str) -> Text | None:
    python = re.search(r"You require CPython (3\.\d+)", text)
    if python is None:
        return None
    values = {"package": match["package"], "python": python[1]}
    offered = re.search(r"only found wheels for [^:]{1,200}Python ABI tags?: ([^\n]{1,400})", text)
    versions = _pythons(offered[1]) if offered is not None else []
    if not versions:
        return tr("{package} is not offered for Python {python}.", **values)
    return tr(
        "{package} is not offered for Python {python}, only for {versions}.", **values, versions=", ".join(versions)
    )


def _pythons(tags: str) -> list[str]:
    """The Python versions among ABI tags (``cp38``, ``cp310``), the newest first."""
    minors = sorted({int(minor) for minor in re.findall(r"`cp3(\d+)`", tags)}, reverse=True)
    return [f"3.{minor}" for minor in minors]


def _conflict(_match: re.Match[str], text: str) -> Text:
    return conflict_sentence(text)


def conflict_sentence(output: str) -> Text:
    """A resolver's explanation of a conflict in one sentence: who needs what, and what stands against it."""
    needs, asked = _pip_tree(output) if "The conflict is caused by:" in output else _uv_reasons(output)
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
                if _name(package) == _name(other):  # uv tells a constraint as a need of each package that it touches
                    return tr(
                        "{package} needs {needed}, but {asked} is asked for.",
                        package=package,
                        needed=needed,
                        asked=conflicting,
                    )
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
    reason = re.search(r"(Because .+?)(?:,? we can conclude that your requirements|$)", _flat(output))
    if reason is not None:
        return tr("The packages asked for exclude each other: {reason}", reason=reason[1][:400])
    return tr("The packages asked for exclude each other.")


_Reasons = tuple[list[tuple[str, str]], list[str]]  # who needs what, and what was asked for


def _uv_reasons(output: str) -> _Reasons:
    flat = _flat(output)
    needs = re.findall(r"(\S+) depends? on (\S+?),?(?= and | we | you |$)", flat)
    asked = [
        wanted.rstrip(",")
        for group in re.findall(r"(?<!that )you require (.+?)(?:, we can|, and|, which are| because|$)", flat)
        for wanted in group.split(" and ")
        if re.match(r"[A-Za-z0-9][\w.\-]*[\[=<>!~]", wanted)
    ]
    # A constraint stands as a second need of whoever it touches.
    pairs = re.findall(r"depends? on (\S+) and (\S+?)(?=,| and |$)", flat)
    asked += [limit for needed, limit in pairs if _name(needed) == _name(limit)]
    return needs, asked


def _pip_tree(output: str) -> _Reasons:
    """pip names each side of a conflict in a line of its own."""
    listed = output.partition("The conflict is caused by:")[2]
    needs = re.findall(r"^ {1,8}(\S{1,100} \S{1,100}) depends on (\S[^\n]{0,160})$", listed, re.M)
    asked = re.findall(r"^ {1,8}The user requested (\S[^\n]{0,160})$", listed, re.M)
    return needs, asked


def _flat(output: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\{[^}]*\}", "", output))  # without the markers in braces


def _name(requirement: str) -> str:
    return re.split(r"[\[=<>!~{ ]", requirement, maxsplit=1)[0].lower()


_WORDS: Mapping[str, Callable[[re.Match[str], str], Text | None]] = {
    "conflict": _conflict,
    "other_python": _other_python,
    "refusing_host": _refusing_host,
    "unreached_host": _unreached_host,
    "written_path": _written_path,
}
