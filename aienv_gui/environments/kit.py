"""Makes an offline kit: a folder from which the same environment is built on a computer without network.

The folder is written aside under a hidden name and renamed once it is whole. `files.kit_file` reads it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, free_bytes, replace, resource, write_atomic, write_json, writing_failed
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import size, tr
from aienv_gui.environments.files.exact_files import ExactFiles, exact_files, manifest_of, md5_of
from aienv_gui.environments.files.kit_file import LOCK_OF, MANIFEST, PACKAGES, VERSION
from aienv_gui.environments.files.platforms import this_subdir
from aienv_gui.environments.files.sharing import check_there, text_of
from aienv_gui.environments.planning.recipes import folder_name
from aienv_gui.environments.records import Engine, Environment, Form, PlannedFile, Sources
from aienv_gui.environments.sources import download
from aienv_gui.environments.sources.addresses import public
from aienv_gui.environments.uv.backend import build_wheel

_BLOCK: Final = 1 << 20
_FORM_OF: Final = {Engine.UV: Form.PYLOCK, Engine.CONDA: Form.CONDA_LOCK}
_COMMAND: Final = {
    Engine.UV: "python -m pip install --no-index --find-links packages --require-hashes -r requirements.txt",
    Engine.CONDA: f"conda create --offline --name NAME --file {Form.EXPLICIT.value}",
}
_BASE: Final = {
    "README.txt": "  The other computer needs a Python {minor} (any {minor}.x).\n",
    "README.zh_CN.txt": "  另一台电脑上需要有 Python {minor}（任意 {minor}.x）。\n",
}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A file of the kit: what it is, and where its content lies now."""

    package: str
    version: str
    url: str
    place: Path


def write_kit(environment: Environment, parent: Path, sources: Sources, folders: Folders, reporter: Reporter) -> Path:
    """Make the kit as a new folder in `parent` and return it. Downloads again what is not here any more.

    Seconds to many minutes. Raises `Problem` where the environment's files are not known or cannot be had, or the disk
    does not let us write; raises `Cancelled`. Nothing half is left.
    """
    reporter.checkpoint()
    check_there(environment)
    engine = Engine.CONDA if (environment.prefix / "conda-meta").is_dir() else Engine.UV
    exact = exact_files(environment, folders)
    files = _files(environment, exact)
    aside = parent / f".kit-{uuid.uuid4().hex[:12]}"
    try:
        fetched = download.fetch(files, sources, folders, reporter)
        _check_md5(exact, fetched)
        pieces = [_piece(file, fetched[file], environment, sources, folders, reporter) for file in files]
        _check_room(pieces, parent)
        (aside / PACKAGES).mkdir(parents=True)
        entries = _copy(pieces, aside / PACKAGES, reporter)
        _describe(environment, engine, entries, aside, folders)
        target = _free_name(parent, f"{folder_name(environment.name)}-kit")
        replace(aside, target)
    except OSError as error:
        raise writing_failed(error, parent / "kit", chosen=True) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _files(environment: Environment, exact: ExactFiles) -> tuple[PlannedFile, ...]:
    conda = tuple(
        PlannedFile(package.name, package.version, package.filename, package.url, package.sha256, package.size_bytes)
        for package in exact.conda
        if package.url
    )
    if exact.unknown or not (conda or exact.by_pip):
        cure = tr(
            "Share it as a list (requirements.txt or environment.yml), build that with AIEnv, and make the kit of it."
        )
        raise Problem(
            tr("There can be no kit of {name}.", name=environment.name),
            cause=tr(
                "It is not known from which files these were installed: {packages}.", packages=_some(exact.unknown)
            )
            if exact.unknown
            else tr("AIEnv did not build this environment and does not know from which files it was made."),
            cure=cure,
            details="\n".join(exact.unknown),
            code="no_kit",
        )
    return (*conda, *exact.by_pip)


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")


def _check_md5(exact: ExactFiles, fetched: Any) -> None:
    """Hold archives of which conda noted no SHA-256 against their MD5."""
    sums = {package.url: package.md5 for package in exact.conda if package.md5 and not package.sha256}
    for file, place in fetched.items():
        if file.url in sums and md5_of(place) != sums[file.url]:
            place.unlink(missing_ok=True)
            raise Problem(
                tr("{file} is damaged.", file=file.filename),
                cause=tr("What came is not the file that the environment was made from: its MD5 differs."),
                cure=tr("Try again later or use another package source."),
                code="damaged_download",
            )


def _piece(
    file: PlannedFile, place: Path, environment: Environment, sources: Sources, folders: Folders, reporter: Reporter
) -> _Piece:
    """A file as it goes into the kit: of source code the wheel that was made of it, for offline nothing is built."""
    if re.search(r"\.(whl|conda|tar\.bz2)$", file.filename):
        return _Piece(file.package, file.version, file.url, place)
    python = _base_python(environment)
    wheel = build_wheel(file, python, sources, folders, reporter)
    return _Piece(file.package, wheel.name.split("-")[1], "", wheel)


def _base_python(environment: Environment) -> Path:
    """The Python a pip environment was made from, by which wheels that were built for it are kept."""
    try:
        lines = (environment.prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    config = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    minor = ".".join(environment.python_version.split(".")[:2])
    home = Path(config.get("home", ""))
    names = ("python.exe",) if sys.platform == "win32" else (f"python{minor}", "python3", "python")
    return next((home / name for name in names if (home / name).is_file()), environment.python)


def _check_room(pieces: Sequence[_Piece], parent: Path) -> None:
    needed, free = sum(piece.place.stat().st_size for piece in pieces), free_bytes(parent)
    if needed >= free:
        raise Problem(
            tr("There is not enough room on the disk."),
            cause=tr(
                "The kit needs {needed}; {free} are free at {path}.", needed=size(needed), free=size(free), path=parent
            ),
            cure=tr("Choose a folder on another disk, or free some space."),
            code="disk_full",
        )


def _copy(pieces: Sequence[_Piece], into: Path, reporter: Reporter) -> list[dict[str, Any]]:
    """Copy the files, block by block, and return what the kit says of each."""
    total = sum(piece.place.stat().st_size for piece in pieces)
    done = 0
    entries: list[dict[str, Any]] = []
    for piece in pieces:
        digest = hashlib.sha256()
        length = 0
        with piece.place.open("rb") as source, (into / piece.place.name).open("xb") as target:
            while block := source.read(_BLOCK):
                reporter.checkpoint()
                target.write(block)
                digest.update(block)
                length += len(block)
                reporter.status(tr("Copying: {done} of {total}", done=size(done + length), total=size(total)))
                reporter.progress(done + length, total)
        done += length
        entries.append(
            {
                "name": piece.place.name,
                "package": piece.package,
                "version": piece.version,
                "sha256": digest.hexdigest(),
                "size": length,
                "url": public(piece.url) if not piece.url.startswith("file:") else "",
            }
        )
    return entries


def _describe(
    environment: Environment, engine: Engine, entries: list[dict[str, Any]], aside: Path, folders: Folders
) -> None:
    """Write the lock, the lists for other tools, the descriptions and, last, the kit's own."""
    write_atomic(aside / LOCK_OF[engine], text_of(environment, _FORM_OF[engine], folders))
    if engine is Engine.UV:
        lines = [f"{one['package']}=={one['version']} --hash=sha256:{one['sha256']}\n" for one in entries]
        write_atomic(aside / "requirements.txt", "".join(sorted(lines)))
    else:
        archives = [one["name"] for one in entries if not one["name"].endswith(".whl")]
        lines = [f"./{PACKAGES}/{name}#{md5_of(aside / PACKAGES / name)}\n" for name in sorted(archives)]
        write_atomic(aside / Form.EXPLICIT.value, "@EXPLICIT\n" + "".join(lines))
    minor = ".".join(environment.python_version.split(".")[:2])
    values = {
        "name": environment.name,
        "date": time.strftime("%Y-%m-%d"),
        "platform": this_subdir(),
        "python": environment.python_version,
        "command": _COMMAND[engine],
        "lock": LOCK_OF[engine],
    }
    for name, base in _BASE.items():
        text = resource(f"kit/{name}").read_text(encoding="utf-8")
        values["base"] = base.format(minor=minor) if engine is Engine.UV else ""
        write_atomic(aside / name, text.format_map(values))
    manifest = manifest_of(environment)
    request = manifest.request if manifest is not None else None
    write_json(
        aside / MANIFEST,
        {
            "kit": "aienv",
            "name": environment.name,
            "engine": engine.value,
            "python": environment.python_version,
            "platform": this_subdir(),
            "accelerator": request.accelerator if request is not None else "cpu",
            "template": request.template if request is not None else "",
            "imports": list(request.imports) if request is not None else [],
            "files": entries,
        },
        version=VERSION,
    )


def _free_name(parent: Path, name: str) -> Path:
    number = 1
    while (parent / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return parent / (name if number == 1 else f"{name}-{number}")
