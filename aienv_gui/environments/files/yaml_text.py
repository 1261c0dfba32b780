"""Reads YAML from anywhere: quick, with the line of what is wrong, and unharmed by what is nested without end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from aienv_gui.core.wording import tr
from aienv_gui.environments.files.text import bad_line

# libyaml's are ten times as fast. Everything is text to the second: 3.10 is no number, 2020-13-45 no date.
_SAFE: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DEEPEST: Final = 40  # libyaml's loader ends the whole process some thousand levels down


def compose(text: str, path: Path) -> yaml.Node | None:
    """The nodes of a file, with their lines. Raises `Problem` with file, line and cure."""
    try:
        _check_depth(text, path)
        node: yaml.Node | None = yaml.compose(text, Loader=_SAFE)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _not_yaml(path, error) from error
    return node


def load(text: str, path: Path) -> Any:
    """The content of a file, every value in it a text. Raises `Problem` with file, line and cure."""
    try:
        _check_depth(text, path)
        return yaml.load(text, Loader=_PLAIN)  # noqa: S506 (the base loader makes texts, lists and mappings only)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise _not_yaml(path, error) from error


def _check_depth(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_SAFE):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise _too_deep(path, event.start_mark.line if event.start_mark else 0)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(path: Path, line: int) -> Exception:
    """`line` counts from 0, as YAML's marks do."""
    return bad_line(
        path,
        line + 1,
        tr("lists are nested too deeply here."),
        tr("Check the brackets and the indentation around this line."),
    )


def _not_yaml(path: Path, error: Exception) -> Exception:
    mark = None
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        # Newer versions of libyaml have a limit of their own, and reach it before the first event is told.
        if error.problem is not None and "nesting depth" in error.problem:
            return _too_deep(path, mark.line if mark is not None else 0)
    if mark is not None:
        cure = tr("Check the indentation (two spaces, no tabs), the colons and the quotes around this line.")
    else:
        cure = tr("Save the file as plain text and choose it again.")
    return bad_line(
        path,
        mark.line + 1 if mark is not None else 1,
        tr("this is not written as YAML, the language of such files, wants it."),
        cure,
        str(error),
    )
