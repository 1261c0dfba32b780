"""Plans a pip environment from a lock: exactly its files, nothing is looked for."""

from __future__ import annotations

from pathlib import Path

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.discovery.interpreters import BaseInterpreter
from aienv_gui.environments.files.kit_file import read_kit
from aienv_gui.environments.files.pylock_file import files_of, parse_pylock
from aienv_gui.environments.files.text import LARGEST_LOCK, read_text
from aienv_gui.environments.records import Lock, Request
from aienv_gui.environments.uv.pylock import supported_tags
from aienv_gui.environments.uv.resolve import Resolution


def locked(request: Request, interpreter: BaseInterpreter) -> Resolution:
    """The files of the lock that the request names, for that interpreter. Raises `Problem` where none suits."""
    path = Path(request.source_file)
    notes: tuple[Text, ...]
    if request.lock == Lock.KIT.value:
        kit = read_kit(path)
        notes = (tr("Everything is in the kit {folder}; nothing is downloaded.", folder=path.parent.name),)
        return Resolution(kit.files, kit.lock, notes)
    text = read_text(path, LARGEST_LOCK)
    files = files_of(parse_pylock(text, path), interpreter.version, tuple(supported_tags(interpreter.minor)), path)
    notes = (tr("Built exactly from the files that {file} names.", file=path.name),)
    return Resolution(files, text, notes)
