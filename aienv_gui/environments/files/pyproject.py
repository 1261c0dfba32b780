"""Reads what a pyproject.toml says that a project needs: PEP 621, Poetry, flit and setuptools' lists in other files.

The project itself is not installed. Extras, groups and what other tools keep in the file are told, not asked for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.files import poetry
from aienv_gui.environments.files.requirements import (
    OF_ANOTHER_COMPUTER,
    Requirements,
    not_here,
    read_requirements,
    requirement_of,
)
from aienv_gui.environments.files.text import LEFT_OUT, bad_line, names_no_packages, read_text, remark, short
from aienv_gui.environments.records import Remark

_ADD: Final = tr("They are left out; add those you want in the next step.")
_OTHER_TOOLS: Final = {
    ("uv", "sources"): tr("uv takes packages from other places because of it."),
    ("uv", "index"): tr("uv asks further package indexes because of it."),
    ("uv", "dev-dependencies"): tr("They are for the development of the project."),
    ("uv", "constraint-dependencies"): tr("uv limits versions because of it."),
    ("uv", "override-dependencies"): tr("uv changes versions because of it."),
    ("pdm", "source"): tr("PDM asks further package indexes because of it."),
    ("pdm", "dev-dependencies"): tr("They are for the development of the project."),
    ("poetry", "source"): tr("Poetry asks further package indexes because of it."),
    ("poetry", "dev-dependencies"): tr("They are for the development of the project."),
    ("poetry", "group"): tr("They are for the development of the project."),
    ("poetry", "extras"): tr("They are extras, which have to be asked for."),
    ("hatch", "envs"): tr("Hatch makes environments of its own of it."),
    ("pixi", "dependencies"): tr("They are conda packages for pixi. A pixi.lock beside this file can be chosen."),
    ("pixi", "pypi-dependencies"): tr("They are for pixi. A pixi.lock beside this file can be chosen."),
    ("pixi", "feature"): tr("They are for pixi. A pixi.lock beside this file can be chosen."),
    ("conda-lock", "dependencies"): tr("They are for conda-lock. A conda-lock.yml can be chosen."),
}


@dataclass(slots=True)
class ProjectFile:
    """What a pyproject.toml asks for."""

    name: str = ""
    requires_python: str = ""  # a PEP 440 specifier
    requirements: list[str] = field(default_factory=list)
    listed: Requirements = field(default_factory=Requirements)  # what stands in lists that it names
    remarks: list[Remark] = field(default_factory=list)


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises `Problem` with file, line and cure."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise bad_line(
            path,
            1,
            tr("lists are nested too deeply here."),
            tr("Check the brackets and the indentation around this line."),
        ) from error
    except ValueError as error:
        place = re.search(r"at line (\d+)", str(error))
        raise bad_line(
            path,
            int(place[1]) if place is not None else text.count("\n") + 1,
            tr("this is not written as TOML, the language of such files, wants it."),
            tr("Check the quotes, the brackets and the equals signs around this line."),
            str(error),
        ) from error


def read_project_file(path: Path, text: str | None = None) -> ProjectFile:
    """Read a pyproject.toml, whose `text` may have been read before. Raises `Problem` with file, line and cure."""
    text = read_text(path) if text is None else text
    return _Reading(path, text.split("\n")).file(parse_toml(text, path))


@dataclass(slots=True)
class _Reading:
    path: Path
    lines: list[str]
    result: ProjectFile = field(default_factory=ProjectFile)

    def file(self, data: Mapping[str, Any]) -> ProjectFile:
        project, tool = _table(data, "project"), _table(data, "tool")
        old = _table(tool, "poetry")
        self._names(project, old, tool)
        if "dependencies" in project:
            self._list(project["dependencies"], "dependencies")
        elif "dependencies" in _texts(project.get("dynamic")):
            self._dynamic(tool)
        elif "dependencies" in old:
            self._poetry(old)
        else:
            self._flit(tool)
        self._told(data, project, tool)
        if not (self.result.requirements or self.result.listed.requirements):
            raise names_no_packages(self.path, self._why_none(project, tool), self.result.remarks)
        self._remark(
            self._line_of(r"\[(project|tool\.poetry)\]"),
            self.result.name or self.path.parent.name,
            tr("It is a project under development, not a package."),
            tr("What it needs is asked for; install the project itself afterwards."),
        )
        self.result.remarks.sort(key=lambda said: said.line)
        return self.result

    def _remark(self, number: int, text: str, reason: Text, instead: Text = LEFT_OUT) -> None:
        self.result.remarks.append(remark(self.path, number, text, reason, instead))

    def _line_of(self, pattern: str) -> int:
        """The first line that fits a pattern; TOML's reader tells none."""
        found = re.compile(r"\s*" + pattern)
        return next((number for number, line in enumerate(self.lines, start=1) if found.match(line)), 1)

    def _line_in_tool(self, owner: str, key: str) -> int:
        """The line of a part of another tool: a heading of its own, or a key below that of the tool."""
        heading = self._line_of(rf"\[+tool\.{owner}\.{re.escape(key)}")
        if self.lines[heading - 1].lstrip().startswith("["):
            return heading
        below = self._line_of(rf"\[tool\.{owner}\]")
        found = (n for n, line in enumerate(self.lines, start=1) if n > below and line.lstrip().startswith(key))
        return next(found, below)

    def _line_with(self, text: str) -> int:
        return next((number for number, line in enumerate(self.lines, start=1) if text in line), 1)

    def _names(self, project: Mapping[str, Any], old: Mapping[str, Any], tool: Mapping[str, Any]) -> None:
        flit = _table(_table(tool, "flit"), "metadata")
        for name in (project.get("name"), old.get("name"), flit.get("dist-name"), flit.get("module")):
            if isinstance(name, str) and name.strip():
                self.result.name = name.strip()
                break
        wanted = project.get("requires-python", flit.get("requires-python"))
        if not isinstance(wanted, str):
            return
        try:
            self.result.requires_python = str(SpecifierSet(wanted))
        except (InvalidSpecifier, ValueError):
            self._remark(
                self._line_of("requires-python"),
                wanted,
                tr("Its version “{version}” is not understood.", version=short(wanted)),
                tr("Every Python is offered."),
            )

    def _list(self, listed: Any, key: str) -> None:
        if not isinstance(listed, list):
            raise bad_line(
                self.path,
                self._line_of(re.escape(key)),
                tr("“{key}:” must be a list.", key=key),
                tr("Write it as in {example}.", example='dependencies = ["numpy>=2", "pandas"]'),
            )
        for text in listed:
            self._add(text if isinstance(text, str) else repr(text))

    def _add(self, text: str) -> None:
        requirement = requirement_of(text)
        if requirement is None:
            raise bad_line(
                self.path,
                self._line_with(text),
                tr("“{line}” is not a package's name with a version.", line=short(text)),
                tr("Write it as in numpy, numpy>=2 or numpy==2.1."),
            )
        if requirement.url is not None and re.match(r"(git|hg|svn|bzr)\+", requirement.url):
            self._remark(
                self._line_with(text),
                text,
                tr("It is a source repository, not a package."),
                tr("It is left out: install it into the environment once that is built."),
            )
        elif canonicalize_name(requirement.name) != canonicalize_name(self.result.name or "-"):
            named = not_here(requirement, self.path)
            if named:
                instead = tr("The package {package} is asked for.", package=named)
                self._remark(self._line_with(text), text, OF_ANOTHER_COMPUTER, instead)
            self.result.requirements.append(named or str(requirement))

    def _dynamic(self, tool: Mapping[str, Any]) -> None:
        """Lists of packages that are written in other files (setuptools), or worked out by a program (told)."""
        number = self._line_of("dynamic")
        wanted = _table(_table(_table(tool, "setuptools"), "dynamic"), "dependencies").get("file")
        files = [wanted] if isinstance(wanted, str) else _texts(wanted)
        for name in files:
            if not (self.path.parent / name).is_file():
                raise bad_line(
                    self.path,
                    self._line_with(name),
                    tr("the file {file} is not there.", file=short(name)),
                    tr("Put the file beside this one, or take the line away."),
                )
            read = read_requirements(self.path.parent / name)
            self.result.requirements += read.requirements
            self.result.remarks += read.remarks
            read.requirements = []
            self.result.listed = read
        if not files:
            self._remark(
                number, 'dynamic = ["dependencies"]', tr("What the project needs is worked out only when it is built.")
            )

    def _poetry(self, old: Mapping[str, Any]) -> None:
        listed = _table(old, "dependencies")
        for name, wanted in listed.items():
            number = self._line_of(
                rf"[\"']?{re.escape(name)}[\"']?\s*=|\[tool\.poetry\.dependencies\.{re.escape(name)}\]"
            )
            if name.lower() == "python":
                version = poetry.specifier(wanted) if isinstance(wanted, str) else None
                self.result.requires_python = version or self.result.requires_python
                if version is None:
                    self._remark(
                        number,
                        f"{name} = {wanted}",
                        tr("Its version “{version}” is not understood.", version=short(str(wanted))),
                        tr("Every Python is offered."),
                    )
                continue
            for text, reason in poetry.requirements_of(name, wanted):
                requirement = requirement_of(text) if reason is None else None
                if requirement is not None:
                    self.result.requirements.append(str(requirement))
                else:
                    why = reason or tr("Its version “{version}” is not understood.", version=short(str(wanted)))
                    self._remark(number, f"{name} = {wanted}", why)

    def _flit(self, tool: Mapping[str, Any]) -> None:
        metadata = _table(_table(tool, "flit"), "metadata")
        for key in ("requires", "dependencies"):
            if key in metadata:
                self._list(metadata[key], key)

    def _told(self, data: Mapping[str, Any], project: Mapping[str, Any], tool: Mapping[str, Any]) -> None:
        """Say what else is in the file and not asked for."""
        optional = _table(project, "optional-dependencies")
        for name, listed in optional.items():
            self._group(
                name,
                listed,
                tr("“{name}” is an extra, which has to be asked for.", name=name),
                rf"[\"']?{re.escape(name)}",
            )
        for name, listed in _table(data, "dependency-groups").items():
            self._group(
                name,
                listed,
                tr("The group “{name}” is for the development of the project.", name=name),
                rf"[\"']?{re.escape(name)}",
            )
        for (owner, key), reason in _OTHER_TOOLS.items():
            if _table(tool, owner).get(key):
                number = self._line_in_tool(owner, key)
                self._remark(number, f"tool.{owner}.{key}", reason)
        for name in _texts(project.get("dynamic")):
            if name in ("optional-dependencies", "requires-python"):
                self._remark(
                    self._line_of("dynamic"), name, tr("What the project needs is worked out only when it is built.")
                )

    def _group(self, name: str, listed: Any, reason: Text, pattern: str) -> None:
        texts = _texts(listed)
        words = short(", ".join(texts)) or name
        count = tr_count(
            "{reason} It has {count} package.", "{reason} It has {count} packages.", len(texts), reason=reason
        )
        self._remark(self._line_of(rf"{pattern}[\"']?\s*=|\[{pattern}"), f"{name}: {words}", count, _ADD)

    def _why_none(self, project: Mapping[str, Any], tool: Mapping[str, Any]) -> Text:
        if "dependencies" in _texts(project.get("dynamic")):
            return tr("What the project needs is worked out only when it is built.")
        if _table(tool, "pixi"):
            return tr("Its packages are for pixi. Choose the file pixi.lock beside it.")
        if project or _table(tool, "poetry"):
            return tr("The project needs nothing, or says so only in extras and groups.")
        return tr("It only sets up tools and says nothing of what a project needs.")


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def _texts(listed: Any) -> list[str]:
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
