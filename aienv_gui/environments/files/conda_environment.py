"""Reads environment.yml: name, channels, dependencies and their pip part, with the line of what is wrong.

Lines for other systems (``# [win]``) are left out. What conda would ignore or AIEnv does not do is remarked on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

import yaml

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.files.platforms import holds, this_subdir
from aienv_gui.environments.files.python_specs import chosen, default_python, is_python
from aienv_gui.environments.files.requirements import Requirements, parse_lines
from aienv_gui.environments.files.text import LEFT_OUT, bad_line, read_text, remark, short
from aienv_gui.environments.files.yaml_text import compose
from aienv_gui.environments.records import Remark

_SPEC: Final = re.compile(
    r"^(?:[^\s=<>!~\[]+::)?[A-Za-z0-9_][A-Za-z0-9_.\-]*(?:\s*[=<>!~\[*].*|\s+[\d*].*)?$", re.DOTALL
)
_BUILT: Final = re.compile(r"^((?:[^\s=<>!~\[]+::)?[A-Za-z0-9_.\-]+)\s*={1,2}\s*([^\s=<>!~,|]+)\s*=\s*([^\s=,|]+)$")
_ANY_BUILD: Final = re.compile(r"[*^]")  # a pattern fits more than one build
_SELECTOR: Final = re.compile(r"#\s*\[([^\]]+)\]\s*$")
_ENTRY: Final = re.compile(r"\s*-\s*[\"']?([^\"'#]+?)[\"']?\s*(?:#.*)?")
_OF_PYTHON: Final = re.compile(r"\bpy(?:2k|3k)?\b")  # a selector that asks for the version of Python
_TABLE: Final = re.compile(r"^#\s*Name\s+Version\s+Build\b", re.MULTILINE)
_NULL: Final = "tag:yaml.org,2002:null"
# What these packages are for, there is no package of on another system.
_ONLY: Final = {
    "win": re.compile(
        r"(vc|vc14_runtime|vcomp14|vs\d{4}_runtime|ucrt|pywinpty|pywin32|win_inet_pton|wincertstore|winpty|menuinst"
        r"|m2w64-.*|msys2-.*|icc_rt|intel-openmp-win|console_shortcut(_miniconda)?|powershell_shortcut(_miniconda)?)"
    ),
    "linux": re.compile(
        r"(_libgcc_mutex|_openmp_mutex|libgcc(-ng)?|libstdcxx(-ng)?|libgomp|libgfortran-ng|ld_impl_linux-\w+|libuuid"
        r"|_sysroot_linux-.*|sysroot_linux-\w+|kernel-headers_linux-\w+|libnsl|libxcrypt|dbus|secretstorage|jeepney)"
    ),
    "osx": re.compile(r"(libcxx|appnope|llvm-openmp-osx|python\.app|pyobjc-.*|cctools.*|ld64.*|libcxxabi)"),
}
_SYSTEMS: Final[dict[str, Text]] = {"win": tr("Windows"), "linux": tr("Linux"), "osx": tr("macOS")}


@dataclass(slots=True)
class CondaFile:
    """What an environment.yml asks for."""

    name: str = ""
    channels: list[str] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)
    pip: Requirements = field(default_factory=Requirements)
    remarks: list[Remark] = field(default_factory=list)


def read_conda_file(path: Path, text: str | None = None) -> CondaFile:
    """Read an environment.yml, whose `text` may have been read before. Raises `Problem` with file, line and cure."""
    text = read_text(path) if text is None else text
    return _Reading(path, text.split("\n")).file(text)


def read_conda_list(path: Path, text: str) -> CondaFile:
    """Read what ``conda list`` prints, as a table or with ``--export``; what it says came from PyPI is pip's."""
    reading = _Reading(path, text.split("\n"))
    table = _TABLE.search(text) is not None
    for number, line in enumerate(reading.lines, start=1):
        columns = re.split(r"\s+" if table else "=", line.partition("#")[0].strip())
        name, version, build, channel = (*columns, "", "", "")[:4]
        if not name or not version:
            continue
        if "pypi" in (channel, build.partition("_")[0]) or build == "<pip>":
            reading.add_pip([(number, f"{name}=={version}")])
            continue
        if channel and "/" not in channel and channel not in reading.result.channels:
            reading.result.channels.append(channel)
        reading.specs.append((number, f"{name}={version}={build}".rstrip("=")))
    reading.take_specs()
    return reading.result


def is_conda_list(text: str) -> bool:
    """Whether a text is what ``conda list`` prints, as a table or with ``--export``."""
    if _TABLE.search(text) is not None:
        return True
    lines = [line.partition("#")[0].strip() for line in text.split("\n")]
    kept = [line for line in lines if line]
    if not kept or not all(re.fullmatch(r"[\w.\-]+=[\w.!+]+(=[\w.]+)?", line) for line in kept):
        return False
    return any(line.count("=") == 2 for line in kept) or "conda create" in text[:400]


@dataclass(slots=True)
class _Reading:
    path: Path
    lines: list[str]
    result: CondaFile = field(default_factory=CondaFile)
    specs: list[tuple[int, str]] = field(default_factory=list)
    prefix: str = ""
    found: bool = False
    python: str = field(default_factory=default_python)  # that selectors are held against

    def file(self, text: str) -> CondaFile:
        self._check_template()
        self.python = self._python()
        root = compose(text, self.path)
        if not isinstance(root, yaml.MappingNode):
            raise bad_line(
                self.path,
                1,
                tr("the file is not a description of an environment."),
                tr("It must have a part “dependencies:” with one package a line."),
            )
        for key, value in root.value:
            self._part(str(key.value), value, _line(key))
        self.take_specs()
        if not self.found or not (self.result.dependencies or self.result.pip.requirements):
            raise bad_line(
                self.path,
                root.end_mark.line + 1 if root.end_mark else 1,
                tr("the file names no packages."),
                tr("It must have a part “dependencies:” with one package a line."),
            )
        self.result.remarks.sort(key=lambda said: said.line)
        return self.result

    def _remark(self, number: int, text: str, reason: Text, instead: Text = LEFT_OUT) -> None:
        self.result.remarks.append(remark(self.path, number, text, reason, instead))

    def _raw(self, number: int) -> str:
        return self.lines[number - 1].strip() if number <= len(self.lines) else ""

    def _part(self, key: str, value: yaml.Node, number: int) -> None:
        if key == "name":
            self.result.name = value.value.strip() if isinstance(value, yaml.ScalarNode) and not _empty(value) else ""
        elif key == "channels":
            self.result.channels = self._channels(value)
        elif key == "dependencies":
            self.found = True
            for node in self._sequence(value, "dependencies"):
                self._dependency(node)
        elif key == "prefix":
            self.prefix = str(value.value) if isinstance(value, yaml.ScalarNode) else ""
            self._remark(
                number,
                self._raw(number),
                tr("It is a folder of the computer the file was written on."),
                tr("The environment is made in AIEnv's own folder."),
            )
        elif key == "variables":
            self._remark(
                number,
                self._raw(number),
                tr("AIEnv does not set variables for an environment."),
                tr("They are left out; set them where you start your programs."),
            )
        elif key == "platforms":
            named = [node.value for node in value.value if isinstance(node, yaml.ScalarNode)] if _many(value) else []
            if named and this_subdir() not in named:
                self._remark(
                    number,
                    ", ".join(str(name) for name in named),
                    tr("The file is not meant for this system ({system}).", system=this_subdir()),
                    tr("The packages are looked for all the same."),
                )
        else:
            self._remark(number, self._raw(number), tr("AIEnv does not know the part “{key}:”.", key=short(key)))

    def _channels(self, value: yaml.Node) -> list[str]:
        if isinstance(value, yaml.ScalarNode) and not _empty(value) and value.value:
            return [str(value.value)]
        result: list[str] = []
        for node in self._sequence(value, "channels"):
            if _empty(node) or self._left_out(node):
                continue
            name = self._text(node).strip()
            if name in ("defaults", "anaconda", "main"):
                self._remark(
                    _line(node),
                    name,
                    tr("Organisations must pay for Anaconda's own channels."),
                    tr("The channels in AIEnv's settings are used in its place."),
                )
                name = "defaults"
            result.append(name)
        return result

    def _dependency(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._section(key, value)
            return
        if _empty(node) or self._left_out(node):
            return
        text = self._text(node).strip()
        number = _line(node)
        if re.match(r"(https?|file)://", text) or text.endswith((".conda", ".tar.bz2")):
            self._remark(number, text, tr("It is a package's file; packages are looked for by their names."))
            return
        text = re.sub(r"\s+#.*$", "", text)  # in quotes it is no comment to YAML
        if not _SPEC.match(text):
            raise bad_line(
                self.path,
                number,
                tr("“{line}” is not a package's name with a version.", line=short(text)),
                tr("Write it as in numpy, numpy>=2 or numpy=2.1."),
            )
        self.specs.append((number, text))

    def _section(self, key: yaml.Node, value: yaml.Node) -> None:
        name, number = str(key.value), _line(key)
        selector = re.fullmatch(r"sel\((.+)\)", name)
        if selector is not None and isinstance(value, yaml.ScalarNode):
            if self._holds(selector[1], number):
                self._dependency(value)
        elif name == "pip":
            self.add_pip(
                [
                    (_line(item), self._text(item))
                    for item in self._sequence(value, "pip")
                    if not _empty(item) and not self._left_out(item)
                ]
            )
        else:
            self._remark(number, self._raw(number), tr("AIEnv does not know the part “{key}:”.", key=short(name)))

    def add_pip(self, lines: list[tuple[int, str]]) -> None:
        """Add requirement lines to what pip installs."""
        read, pip = parse_lines(lines, self.path), self.result.pip
        self.result.remarks += read.remarks
        for name in (one.name for one in fields(Requirements)):
            mine, more = getattr(pip, name), getattr(read, name)
            setattr(pip, name, mine + more if isinstance(mine, list) else more or mine)

    def _left_out(self, node: yaml.Node) -> bool:
        """Whether a selector in the line's comment keeps it from this system."""
        found = _SELECTOR.search(self._raw(_line(node)))
        return found is not None and not self._holds(found[1], _line(node))

    def _holds(self, selector: str, number: int) -> bool:
        answer = holds(selector, self.python)
        if answer is None:
            self._remark(
                number,
                self._raw(number),
                tr("AIEnv does not understand the condition [{selector}].", selector=short(selector)),
                tr("The line is followed as if it were true."),
            )
        elif not answer:
            why = tr("It is for another system: [{selector}].", selector=short(selector))
            if _OF_PYTHON.search(selector):
                why = tr(
                    "It is not for Python {python} on this system: [{selector}].",
                    python=self.python,
                    selector=short(selector),
                )
            self._remark(number, self._raw(number), why)
        return answer is not False

    def _python(self) -> str:
        """The Python that the file asks for, as far as its lines without a selector tell."""
        entries = (_ENTRY.fullmatch(line) for line in self.lines if not _SELECTOR.search(line))
        specs = [entry[1] for entry in entries if entry is not None and is_python(entry[1])]
        return chosen(specs, default_python())

    def take_specs(self) -> None:
        """Take the packages asked for, without builds that cannot be had here."""
        other = self._other_system()
        exchanged = not self.result.channels or "defaults" in self.result.channels
        for number, text in self.specs:
            name = re.split(r"[\s=<>!~\[]", text.rpartition("::")[2])[0]
            if other and _ONLY[other].fullmatch(name.lower()):
                self._remark(number, text, tr("This package is there for {system} only.", system=_SYSTEMS[other]))
                continue
            built = _BUILT.match(text)
            if built is not None and not _ANY_BUILD.search(built[3]) and (other or exchanged):
                why = tr("The build {build} is from another channel than those used here.", build=built[3])
                if other:
                    why = tr("The build {build} is for {system}.", build=built[3], system=_SYSTEMS[other])
                self._remark(number, text, why, tr("Another build of the same version is taken."))
                text = f"{built[1]}={built[2]}"
            self.result.dependencies.append(text)

    def _other_system(self) -> str:
        """The system an exported file comes from, where it is another than this: ``win``, ``linux`` or ``osx``."""
        names = [re.split(r"[\s=<>!~\[]", text.rpartition("::")[2])[0].lower() for _, text in self.specs]
        exported = any(_BUILT.match(text) for _, text in self.specs)
        found = {
            system: sum(pattern.fullmatch(name) is not None for name in names) for system, pattern in _ONLY.items()
        }
        here = this_subdir().partition("-")[0]
        if re.match(r"[A-Za-z]:[\\/]", self.prefix):
            return "win" if here != "win" else ""
        if self.prefix.startswith("/Users/") and here != "osx":
            return "osx"
        best = max(found, key=lambda system: found[system])
        return best if exported and found[best] and not found.get(here) and best != here else ""

    def _check_template(self) -> None:
        """Raise `Problem` where the file is a form with blanks that another tool fills in."""
        for number, line in enumerate(self.lines, start=1):
            if re.search(r"\{\{|\{%", line.partition("#")[0]):
                raise bad_line(
                    self.path,
                    number,
                    tr("the file has blanks ({blank}) that another program fills in.", blank=short(line)),
                    tr("Let that program write the file, and choose what it wrote."),
                )

    def _sequence(self, node: yaml.Node, name: str) -> list[yaml.Node]:
        if _empty(node):  # a heading with nothing below it
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise bad_line(
                self.path,
                _line(node),
                tr("“{key}:” must be a list.", key=name),
                tr("Write one entry a line, each with “- ” before it."),
            )
        return list(node.value)

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise bad_line(
                self.path,
                _line(node),
                tr("a package's name is expected here."),
                tr("Write it as in numpy, numpy>=2 or numpy=2.1."),
            )
        return str(node.value)


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and (node.tag == _NULL or node.value == "")


def _many(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1 if node.start_mark else 1
