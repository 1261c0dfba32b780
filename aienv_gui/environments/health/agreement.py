"""Whether the packages of an environment fit together, told from their metadata; nothing of them is run."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.discovery.installed import conda_records


class DisagreementKind(StrEnum):
    MISSING = "missing"
    VERSION = "version"
    PYTHON = "python"
    TWICE = "twice"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A package and what does not fit it."""

    kind: DisagreementKind
    package: str
    needed: str = ""
    found: str = ""

    @property
    def name(self) -> str:
        """The name of the package needed, without its versions."""
        return re.split(r"[\s\[=<>!~;(]", self.needed, maxsplit=1)[0]

    @property
    def text(self) -> Text:
        match self.kind:
            case DisagreementKind.MISSING:
                return tr("{package} needs {needed}, which is not installed.", package=self.package, needed=self.needed)
            case DisagreementKind.VERSION:
                return tr(
                    "{package} needs {needed}, but {found} is installed.",
                    package=self.package,
                    needed=self.needed,
                    found=self.found,
                )
            case DisagreementKind.PYTHON:
                return tr(
                    "{package} needs Python {needed}, but this is {found}.",
                    package=self.package,
                    needed=self.needed,
                    found=self.found,
                )
            case DisagreementKind.TWICE:
                return tr("{package} is installed twice: {found}.", package=self.package, found=self.found)
            case DisagreementKind.DAMAGED:
                return tr("{package}: its description cannot be read.", package=self.package)


def disagreements(
    prefix: Path,
    path: Sequence[Path],
    markers: Mapping[str, str],
    checkpoint: Callable[[], None] = lambda: None,
) -> tuple[Disagreement, ...]:
    """Everything that does not fit. `path` is the interpreter's own search path, `markers` its PEP 508 values.

    Reads each package's metadata: 66 to 240 ms. `checkpoint` is called between packages and may raise.
    """
    found: list[Disagreement] = list(_conda(prefix))
    installed: dict[str, importlib.metadata.Distribution] = {}
    for folder in path:
        here: dict[str, list[str]] = {}
        for distribution in importlib.metadata.distributions(path=[str(folder)]):
            checkpoint()
            name = _name(distribution)
            if not name:
                found.append(Disagreement(DisagreementKind.DAMAGED, _folder(distribution)))
                continue
            here.setdefault(canonicalize_name(name), []).append(distribution.version)
            installed.setdefault(canonicalize_name(name), distribution)
        found += [
            Disagreement(DisagreementKind.TWICE, name, found=", ".join(sorted(set(versions))))
            for name, versions in here.items()
            if len(set(versions)) > 1
        ]
    for distribution in installed.values():
        checkpoint()
        found += _needs(distribution, installed, markers)
    return tuple(found)


def _name(distribution: importlib.metadata.Distribution) -> str:
    metadata = cast("Mapping[str, str] | None", distribution.metadata)
    return (metadata.get("Name") or "") if metadata is not None else ""


def _folder(distribution: importlib.metadata.Distribution) -> str:
    place = getattr(distribution, "_path", None)  # the one way to tell which
    return Path(place).name.split("-")[0] if place is not None else "?"


def _needs(
    distribution: importlib.metadata.Distribution,
    installed: Mapping[str, importlib.metadata.Distribution],
    markers: Mapping[str, str],
) -> Iterator[Disagreement]:
    name = _name(distribution)
    wanted = cast("Mapping[str, str]", distribution.metadata).get("Requires-Python")
    with suppress(InvalidSpecifier):  # old packages; pip ignores it too
        version = markers["python_full_version"]
        if wanted and not SpecifierSet(wanted).contains(version, prereleases=True):
            yield Disagreement(DisagreementKind.PYTHON, name, wanted, version)
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
            if requirement.marker is not None and not requirement.marker.evaluate({**markers, "extra": ""}):
                continue
        except (InvalidRequirement, UndefinedEnvironmentName):
            continue
        other = installed.get(canonicalize_name(requirement.name))
        needed = f"{requirement.name}{requirement.specifier}"
        if other is None:
            yield Disagreement(DisagreementKind.MISSING, name, needed)
        elif not requirement.specifier.contains(other.version, prereleases=True):
            yield Disagreement(DisagreementKind.VERSION, name, needed, other.version)


def _conda(prefix: Path) -> Iterator[Disagreement]:
    """conda packages that need one that is not there. Versions were the solver's work."""
    records = {str(record["name"]): record.get("depends") for record in conda_records(prefix)}
    for package, depends in records.items():
        for spec in depends if isinstance(depends, list) else ():
            name = str(spec).partition(" ")[0].partition("[")[0]
            if name and not name.startswith("__") and name not in records and " when " not in str(spec):
                yield Disagreement(DisagreementKind.MISSING, package, str(spec))
