"""Reads environment.yml: name, channels, dependencies and their pip part, with the line of what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from aienv_gui.core.wording import tr
from aienv_gui.environments.files.requirements import Requirements, bad_line, parse_lines, read_text

_SPEC = re.compile(r"^(?:[^\s:]+::)?[A-Za-z0-9_][A-Za-z0-9_.\-]*(?:\s*[=<>!~\[*].*|\s+\d.*)?$")


@dataclass(slots=True)
class CondaFile:
    """What an environment.yml asks for."""

    name: str = ""
    channels: list[str] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)
    pip: Requirements = field(default_factory=Requirements)


def read_conda_file(path: Path) -> CondaFile:
    """Read an environment.yml. Raises `Problem` with file, line and cure."""
    try:
        root = yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise bad_line(
            path,
            mark.line + 1 if mark else 1,
            tr("this is not written as YAML, the language of such files, wants it."),
            tr("Check the indentation (two spaces, no tabs), the colons and the quotes around this line."),
            str(error),
        ) from error
    except yaml.YAMLError as error:
        raise bad_line(
            path,
            1,
            tr("this is not written as YAML, the language of such files, wants it."),
            tr("Save the file as plain text and choose it again."),
            str(error),
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise bad_line(
            path,
            1,
            tr("the file is not a description of an environment."),
            tr("It must have a part “dependencies:” with one package a line."),
        )
    result = CondaFile()
    found = False
    for key, value in root.value:
        if key.value == "name" and isinstance(value, yaml.ScalarNode):
            result.name = value.value
        elif key.value == "channels":
            result.channels = [_text(node, path) for node in _sequence(value, "channels", path)]
        elif key.value == "dependencies":
            found = True
            for node in _sequence(value, "dependencies", path):
                _dependency(node, path, result)
    if not found or not (result.dependencies or result.pip.requirements):
        raise bad_line(
            path,
            root.end_mark.line + 1 if root.end_mark else 1,
            tr("the file names no packages."),
            tr("It must have a part “dependencies:” with one package a line."),
        )
    return result


def _dependency(node: yaml.Node, path: Path, result: CondaFile) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value != "pip":
                raise bad_line(
                    path,
                    _line(key),
                    tr("“{key}:” is not known here; only “pip:” is.", key=key.value),
                    tr("Take this part away or call it “pip:”."),
                )
            lines = [(_line(item), _text(item, path)) for item in _sequence(value, "pip", path)]
            result.pip = parse_lines(lines, path)
        return
    text = _text(node, path).strip()
    if not _SPEC.match(text):
        raise bad_line(
            path,
            _line(node),
            tr("“{line}” is not a package's name with a version.", line=text),
            tr("Write it as in numpy, numpy>=2 or numpy=2.1."),
        )
    result.dependencies.append(text)


def _sequence(node: yaml.Node, name: str, path: Path) -> list[yaml.Node]:
    if isinstance(node, yaml.ScalarNode) and node.value == "":  # a heading with nothing below it
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise bad_line(
            path,
            _line(node),
            tr("“{key}:” must be a list.", key=name),
            tr("Write one entry a line, each with “- ” before it."),
        )
    return list(node.value)


def _text(node: yaml.Node, path: Path) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise bad_line(
            path,
            _line(node),
            tr("a package's name is expected here."),
            tr("Write it as in numpy, numpy>=2 or numpy=2.1."),
        )
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1 if node.start_mark else 1
