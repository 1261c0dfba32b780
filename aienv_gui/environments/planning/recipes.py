"""What an environment is made from: templates and files; and what it may be called."""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, check_writable, resource
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments import accelerators
from aienv_gui.environments.files.python_specs import default_python as default_python
from aienv_gui.environments.manifest import NAME as MANIFEST
from aienv_gui.environments.manifest import read_manifest
from aienv_gui.environments.planning.file_reading import read_file
from aienv_gui.environments.records import BUILT_IN_NAME, Engine, Request

LONGEST_NAME: Final = 60
LONGEST_PACKAGE: Final = 200  # with its extras and versions
_LONGEST_PREFIX: Final = 96 if sys.platform == "win32" else 220  # Windows: 260 with what lies inside; conda: 255
_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of work and what it needs."""

    id: str
    title: Text
    description: Text
    python: str  # the versions it suits, a PEP 440 specifier
    imports: tuple[str, ...]
    uv: tuple[str, ...]  # PEP 508
    conda: tuple[str, ...]  # match specs
    additions: dict[tuple[Engine, str], tuple[str, ...]]  # by engine and "cpu" or "cuda"

    def requirements(self, engine: Engine, accelerator: str) -> tuple[str, ...]:
        kind = "cuda" if accelerators.kind_of(accelerator) is accelerators.Kind.CUDA else "cpu"
        return (self.uv if engine is Engine.UV else self.conda) + self.additions.get((engine, kind), ())

    def suits(self, python: str) -> bool:
        """Whether its packages exist for a Python version (``3.11``)."""
        return SpecifierSet(self.python).contains(python)


@cache
def templates() -> tuple[Template, ...]:
    """Every template, in the order in which they are offered."""
    read = [(file, tomllib.loads(file.read_text("utf-8"))) for file in resource("templates").glob("*.toml")]
    return tuple(_template(file.stem, data) for file, data in sorted(read, key=lambda item: int(item[1]["order"])))


def template(identity: str) -> Template:
    """The template of that id. Raises KeyError."""
    for candidate in templates():
        if candidate.id == identity:
            return candidate
    raise KeyError(identity)


def _template(identity: str, data: dict[str, Any]) -> Template:
    return Template(
        id=identity,
        title=Text(data["title"]),
        description=Text(data["description"]),
        python=data["python"],
        imports=tuple(data["imports"]),
        uv=tuple(data["uv"]["requirements"]),
        conda=tuple(data["conda"]["requirements"]),
        additions={
            (engine, kind): tuple(data[engine.value][kind])
            for engine in Engine
            for kind in ("cpu", "cuda")
            if kind in data[engine.value]
        },
    )


def request_of_template(
    template: Template,
    *,
    name: str,
    engine: Engine,
    python: str,
    accelerator: str = "cpu",
    extra: tuple[str, ...] = (),
) -> Request:
    """What a template asks for, with the user's `extra` packages. Raises `Problem` where one of these is no package."""
    check_extra(extra, engine)
    return Request(
        name=name.strip(),
        engine=engine,
        python=python,
        requirements=template.requirements(engine, accelerator) + extra,
        template=template.id,
        accelerator=accelerator,
        imports=template.imports,
    )


def check_extra(extra: tuple[str, ...], engine: Engine) -> None:
    """Raise `Problem` for an extra package that is not written as the engine wants it."""
    for text in extra:
        if len(text) > LONGEST_PACKAGE:
            raise Problem(
                tr("“{text}” is too long for a package's name.", text=f"{text[:30]}…"),
                cause=tr("It has {count} characters, of at most {limit}.", count=len(text), limit=LONGEST_PACKAGE),
                cure=tr("Correct or remove it."),
                code="bad_package",
            )
        if not _is_package(text.strip(), engine):
            raise Problem(
                tr("“{text}” is not a package's name.", text=text),
                cause=tr("A package is named as in numpy, numpy>=2 or numpy==2.1, several with commas between."),
                cure=tr("Correct or remove it."),
                code="bad_package",
            )


def _is_package(text: str, engine: Engine) -> bool:
    if engine is Engine.CONDA:
        return re.fullmatch(r"[A-Za-z0-9_][\w.\-:/]*(\s*[=<>!~\[*].*|\s+\d.*)?", text) is not None
    try:
        return Requirement(text).url is None
    except InvalidRequirement:
        return False


def request_of_file(path: Path, *, name: str, engine: Engine | None = None, python: str | None = None) -> Request:
    """What a file asks for, without the remarks on it; see `file_reading.read_file`."""
    return read_file(path, name=name, engine=engine, python=python).request


def folder_name(name: str) -> str:
    """The folder's name for an environment's name: letters, digits and dashes that every system and tool can stand.

    The same name always gives the same folder. What cannot be written so is kept apart by a short hash.
    """
    plain = unicodedata.normalize("NFKD", name.strip())
    kept = re.sub(r"[^a-z0-9._-]+", "-", re.sub(r"\s+", "-", plain.casefold())).strip("-._")
    lossless = re.fullmatch(r"[A-Za-z0-9 ._-]+", name.strip()) is not None and kept != "" and kept not in _RESERVED
    if lossless:
        return kept
    digest = hashlib.sha256(unicodedata.normalize("NFC", name.strip()).casefold().encode()).hexdigest()[:6]
    return f"{kept[:40]}-{digest}" if kept and kept not in _RESERVED else f"environment-{digest}"


def free_folder_name(name: str, folders: Folders) -> str:
    """The folder's name for a new environment: `folder_name`, with a number where another environment lies there."""
    wanted = free = folder_name(name)
    number = 2
    while (folders.environments / free).exists():
        free = f"{wanted}-{number}"
        number += 1
    return free


def check_name(name: str, folders: Folders, *, now: str = "") -> None:
    """Raise `Problem` where no environment can have this name. Quotes, spaces, any script and emoji are fine.

    `now` is the present name of one that is to be called so. Looks at the folder of environments; a millisecond.
    """
    wanted = name.strip()
    if not wanted:
        raise _bad_name(tr("The environment needs a name."), tr("Type a name, for example “pictures”."))
    if len(wanted) > LONGEST_NAME:
        raise _bad_name(
            tr("The name is too long: {count} characters of at most {limit}.", count=len(wanted), limit=LONGEST_NAME),
            tr("Choose a shorter name."),
        )
    if any(_is_hidden(character) for character in wanted):
        raise _bad_name(tr("The name holds a character that cannot be shown."), tr("Type the name again by hand."))
    check_writable(folders.environments)
    final = folders.environments / free_folder_name(wanted, folders)
    if len(str(final)) > _LONGEST_PREFIX:
        raise _bad_name(
            tr("The folder's path would be too long: {path}", path=final),
            tr(
                "Choose a shorter name, or let AIEnv keep its files in a folder with a shorter path: start it with the "
                "command aienv --home FOLDER."
            ),
        )
    for existing in (BUILT_IN_NAME, *_existing(folders)):
        if existing.casefold() == wanted.casefold() != now.casefold():
            raise _bad_name(
                tr("There is already an environment called “{name}”.", name=existing), tr("Choose another name.")
            )


def _is_hidden(character: str) -> bool:
    """Whether a character shows nothing; some turn the writing around it (U+202E), so that a name looks like another.

    Scripts and emoji need the joiners, and the flags of some countries the tags.
    """
    if character in "\u200c\u200d" or "\U000e0020" <= character <= "\U000e007f":
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _existing(folders: Folders) -> list[str]:
    names: list[str] = []
    try:
        prefixes = [path for path in folders.environments.iterdir() if (path / MANIFEST).is_file()]
    except OSError:
        return names
    for prefix in prefixes:
        try:
            manifest = read_manifest(prefix)
        except (Problem, KeyError, TypeError, ValueError, OSError):
            continue  # its folder's name is taken all the same, and that is looked at too
        if manifest is not None:
            names.append(manifest.request.name)
    return names


def _bad_name(cause: Text, cure: Text) -> Problem:
    return Problem(tr("This name cannot be used."), cause=cause, cure=cure, code="bad_name")
