"""Every setting, declared once: type, default, what a value must be. Versioned JSON, migrated with a way back.

A file that cannot be read is put aside, the defaults are used and `SettingsStore.problem` says so: a broken settings
file never keeps the program from starting.
"""

from __future__ import annotations

import copy
import itertools
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, read_json, reason, replace, write_json
from aienv_gui.core.wording import LANGUAGES, Text, tr

VERSION: Final = 1

# From version n to n + 1. Before a migration the old file is copied to `settings.v<n>.json`: the way back.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `check` says what is wrong with a value, or None where it is fine."""

    name: str
    default: Any
    help: Text
    check: Callable[[Any], Text | None]


def _one_of(*allowed: str) -> Callable[[Any], Text | None]:
    def check(value: Any) -> Text | None:
        return None if value in allowed else tr("Choose one of the values offered.")

    return check


def _text(value: Any) -> Text | None:
    return None if isinstance(value, str) else tr("This must be text.")


def check_address(value: Any) -> Text | None:
    """A package index: empty, or an https, http or file address with a host or a path."""
    if not isinstance(value, str):
        return tr("This must be text.")
    if not value:
        return None
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if any(c.isspace() for c in value) or parts.scheme not in ("https", "http", "file") or not (host or parts.path[1:]):
        return tr("{address} is not an address. It should look like https://example.org/simple.", address=value)
    return None


def check_place(value: Any) -> Text | None:
    """An address, or a folder that exists."""
    if isinstance(value, str) and value and "://" not in value:
        folder = Path(value).expanduser()
        if not folder.is_absolute():
            return tr("{folder} is not a whole path. Choose the folder with the button.", folder=value)
        return None if folder.exists() else tr("There is no folder {folder}.", folder=value)
    return check_address(value)


def check_channel(value: Any) -> Text | None:
    """A conda channel: a name such as conda-forge, an address, or a folder."""
    if not isinstance(value, str) or not value:
        return tr("This must be text.")
    if "://" in value:
        return check_address(value)
    if Path(value).expanduser().is_absolute():
        return check_place(value)
    if not all(c.isalnum() or c in "-_./" for c in value):
        return tr("{channel} is not a channel. Use a name such as conda-forge, an address or a folder.", channel=value)
    return None


def _each(check_one: Callable[[Any], Text | None], *, least: int = 0) -> Callable[[Any], Text | None]:
    def check(value: Any) -> Text | None:
        if not isinstance(value, list):
            return tr("This must be a list.")
        if len(value) < least:
            return tr("Keep at least one.")
        return next((wrong for one in value if (wrong := check_one(one)) is not None), None)

    return check


SETTINGS: Final[Mapping[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting("language", "system", tr("The language of the window."), _one_of("system", *LANGUAGES)),
        Setting("theme", "system", tr("Light or dark, or as the system."), _one_of("system", "light", "dark")),
        Setting("window_geometry", "", tr("Where the window was."), _text),
        Setting("index_url", "", tr("Where packages come from instead of the default package index."), check_address),
        Setting("extra_index_urls", [], tr("More package indexes, searched after the first."), _each(check_address)),
        Setting("find_links", [], tr("Folders or pages that hold packages."), _each(check_place)),
        Setting("certificate", "", tr("A file with the certificates of your organisation."), check_place),
        Setting(
            "channels",
            ["conda-forge"],
            tr("Where conda packages come from, best first."),
            _each(check_channel, least=1),
        ),
    )
}


class SettingsStore:
    """The settings of one user. Reading is from memory; `set` writes the file at once (a few milliseconds).

    Not for use from several threads.
    """

    def __init__(self, folders: Folders) -> None:
        self._path = folders.settings_file
        self._values: dict[str, Any] = {}
        self.problem: Problem | None = None  # what was wrong with the file at start, where something was
        self._load()

    def get(self, name: str) -> Any:
        """The value of a setting, or its default. Raises KeyError for one that is not declared."""
        setting = SETTINGS[name]
        return copy.copy(self._values.get(name, setting.default))

    def set(self, name: str, value: Any) -> None:
        """Store a value. Raises `Problem` where it is not allowed or cannot be written; nothing has changed then."""
        setting = SETTINGS[name]
        wrong = setting.check(value)
        if wrong is not None:
            raise Problem(tr("This setting cannot have that value."), cause=wrong, code="bad_setting")
        if value == self.get(name):
            return
        values = {**self._values, name: copy.copy(value)}
        write_json(self._path, {"settings": values}, version=VERSION)
        self._values = values

    def _load(self) -> None:
        try:
            data = read_json(self._path, version=VERSION)
        except FileNotFoundError:
            return
        except (Problem, UnicodeDecodeError) as problem:
            newer = _version_in(self._path) if isinstance(problem, Problem) and problem.code == "newer_file" else None
            self._put_aside(problem, newer)
            return
        except OSError as error:
            self.problem = Problem(
                tr("Your settings could not be read."),
                cause=tr("{path}: {reason}", path=self._path, reason=reason(error)),
                cure=tr("AIEnv goes on with its defaults. Check who may read this file."),
                code="settings_unreadable",
            )
            return
        version = data["version"]
        stored = data.get("settings")
        if not isinstance(stored, dict):
            self._put_aside(ValueError("settings"), None)
            return
        if version < VERSION:
            shutil.copy2(self._path, self._free_name(f"settings.v{version}"))
            while version < VERSION:
                stored = MIGRATIONS[version](stored)
                version += 1
            write_json(self._path, {"settings": stored}, version=VERSION)
        # A value that is not allowed (edited by hand) falls back to its default. Unknown names are kept: they may
        # belong to a program that was here before or will be.
        self._values = {k: v for k, v in stored.items() if k not in SETTINGS or _usable(SETTINGS[k], v)}

    def _free_name(self, stem: str) -> Path:
        """A file beside the settings that is not there yet: an older copy may be the only one."""
        names = itertools.chain((f"{stem}.json",), (f"{stem}.{n}.json" for n in itertools.count(2)))
        return next(path for name in names if not (path := self._path.with_name(name)).exists())

    def _put_aside(self, reason: Exception, newer: int | None) -> None:
        """Keep a file that cannot be used under another name; `newer` is its version where that is why."""
        aside = self._free_name("settings.damaged" if newer is None else f"settings.v{newer}")
        try:
            replace(self._path, aside)
        except OSError:
            aside = self._path
        if newer is not None:
            self.problem = Problem(
                tr("Your settings were written by a newer AIEnv; this one uses its defaults."),
                cause=tr(
                    "The file has format {found}, this program knows {known}. It was kept as {path}.",
                    found=newer,
                    known=VERSION,
                    path=aside,
                ),
                cure=tr("Update AIEnv and give the file its old name again, or set what you need under Settings."),
                details=str(reason),
                code="settings_newer",
            )
            return
        self.problem = Problem(
            tr("Your settings were damaged; AIEnv uses its defaults."),
            cause=tr("The file could not be understood. It was kept as {path}.", path=aside),
            cure=tr("Set what you need again under Settings. Your environments, trainings and models are untouched."),
            details=str(reason),
            code="settings_damaged",
        )


def _version_in(path: Path) -> int | None:
    try:
        version = json.loads(path.read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, int) else None


def _usable(setting: Setting, value: Any) -> bool:
    # A folder on a disk that is not connected today is still the user's choice: only the type must be right.
    if isinstance(setting.default, list):
        return isinstance(value, list) and all(isinstance(v, str) for v in value) and bool(value or not setting.default)
    if setting.check is check_place:
        return isinstance(value, str)
    return setting.check(value) is None
