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
    """One setting. `check` says what is wrong with a value's form, or None where it is fine; it looks at no disk.

    `look` does look, and may take as long as a sleeping network drive. What is not `kept` is forgotten at the end of
    the program: it is never written.
    """

    name: str
    default: Any
    help: Text
    check: Callable[[Any], Text | None]
    look: Callable[[Any], Text | None] | None = None
    kept: bool = True
    between: tuple[int, int] | None = None  # an alarm's smallest and largest limit, for its field


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


def check_proxy(value: Any) -> Text | None:
    """A proxy: empty, or its http address, perhaps with a user's name, never with a password."""
    if not isinstance(value, str):
        return tr("This must be text.")
    if not value:
        return None
    try:
        parts = urlsplit(value)
        host, password, _ = parts.hostname, parts.password, parts.port
    except ValueError:
        parts, host, password = urlsplit(""), None, None
    if any(c.isspace() for c in value) or parts.scheme != "http" or not host:
        return tr("{address} is not a proxy. It should look like http://proxy.example.org:8080.", address=value)
    if password is not None:
        return tr("Leave the password out of the address and type it into its own field: there it is not written down.")
    return None


def check_place(value: Any) -> Text | None:
    """An address, or a folder by its whole path."""
    if isinstance(value, str) and value and "://" not in value:
        whole = Path(value).expanduser().is_absolute()
        return None if whole else tr("{folder} is not a whole path. Choose the folder with the button.", folder=value)
    return check_address(value)


def look_at_place(value: Any) -> Text | None:
    """Whether a folder or file is there; an address always is. Reads the disk."""
    if isinstance(value, str) and value and "://" not in value and not Path(value).expanduser().exists():
        return tr("There is no folder {folder}.", folder=value)
    return None


def look_at_certificates(value: Any) -> Text | None:
    """Whether a file is there and holds certificates in the form that every tool takes. Reads the disk."""
    import ssl  # only where such a file is named

    if not isinstance(value, str) or not value:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=Path(value).expanduser())
    except ssl.SSLError:
        return tr(
            "{path} holds no certificate written as text (PEM). Such a file has a line “-----BEGIN CERTIFICATE-----”.",
            path=value,
        )
    except OSError as error:
        return tr("{path}: {reason}", path=value, reason=reason(error))
    return None


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


def look_at_channel(value: Any) -> Text | None:
    """Whether a channel that is a folder is there. Reads the disk."""
    return look_at_place(value) if isinstance(value, str) and Path(value).expanduser().is_absolute() else None


def _flag(value: Any) -> Text | None:
    return None if isinstance(value, bool) else tr("Choose one of the values offered.")


def _place_on_screen(value: Any) -> Text | None:
    fine = isinstance(value, list) and len(value) in (0, 2) and all(type(number) is int for number in value)
    return None if fine else tr("This must be two whole numbers.")


def _alarm(name: str, help_text: Text, limit: int = 0, between: tuple[int, int] | None = None) -> Setting:
    """An alarm: ``{"on": true, "limit": 87}``, without a limit where `between` is None."""

    def check(value: Any) -> Text | None:
        if not isinstance(value, dict) or not isinstance(value.get("on"), bool):
            return tr("Choose one of the values offered.")
        if between is None:
            return None
        least, most = between
        chosen = value.get("limit")
        if type(chosen) is not int or not least <= chosen <= most:
            return tr("The limit must be a whole number from {least} to {most}.", least=least, most=most)
        return None

    default = {"on": True} if between is None else {"on": True, "limit": limit}
    return Setting(f"alarm_{name}", default, help_text, check, between=between)


def _each_there(look_at_one: Callable[[Any], Text | None]) -> Callable[[Any], Text | None]:
    def look(value: Any) -> Text | None:
        return next((wrong for one in value if (wrong := look_at_one(one)) is not None), None)

    return look


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
        Setting(
            "torch_index_url",
            "",
            tr("Where the builds of PyTorch come from instead of download.pytorch.org/whl."),
            check_address,
        ),
        Setting(
            "conda_mirror",
            "",
            tr("Where the conda channels lie instead of conda.anaconda.org; a channel's name is put behind it."),
            check_address,
        ),
        Setting(
            "python_mirror",
            "",
            tr("Where Python itself comes from instead of the releases of python-build-standalone on GitHub."),
            check_address,
        ),
        Setting("extra_index_urls", [], tr("More package indexes, searched after the first."), _each(check_address)),
        Setting(
            "find_links",
            [],
            tr("Folders or pages that hold packages."),
            _each(check_place),
            _each_there(look_at_place),
        ),
        Setting(
            "certificate",
            "",
            tr("A file with the certificates of your organisation."),
            check_place,
            look_at_certificates,
        ),
        Setting(
            "channels",
            ["conda-forge"],
            tr("Where conda packages come from, best first."),
            _each(check_channel, least=1),
            _each_there(look_at_channel),
        ),
        Setting("proxy", "", tr("The proxy to the internet; empty: the system's."), check_proxy),
        Setting(
            "proxy_password",
            "",
            tr("It is kept until AIEnv is closed and never written down."),
            _text,
            kept=False,
        ),
        Setting("offline", False, tr("Ask no network: only what is on this computer is used."), _flag),
        Setting("tray_icon", True, tr("Show the load as an icon in the system's tray."), _flag),
        Setting("compact_view_place", [], tr("Where the compact view was."), _place_on_screen),
        Setting(
            "history_quantities",
            ["utilisation", "memory", "temperature", "power", "machine"],
            tr("What the history on the Hardware page shows."),
            _each(_text),
        ),
        _alarm(
            "gpu_temperature",
            tr("A card is this hot for ten seconds; where it slows itself down earlier, that temperature counts."),
            87,
            (50, 110),
        ),
        _alarm("throttling", tr("A card is slower than it could be, because of heat or its power supply.")),
        _alarm("gpu_memory", tr("This much of a card's memory is used."), 97, (50, 100)),
        _alarm("memory", tr("This much of the computer's memory is used."), 93, (50, 100)),
        _alarm(
            "gpu_idle", tr("A training runs on a card that has had next to nothing to do for this long."), 5, (1, 120)
        ),
        _alarm("disk", tr("Less than this is free on a disk."), 5, (1, 1000)),
        _alarm("gpu_lost", tr("A card or its driver no longer answers.")),
        _alarm("training_finished", tr("A training has come to its end.")),
        _alarm("training_failed", tr("A training ended by an error, or its process was ended from outside.")),
    )
}


def wrong_values(values: Mapping[str, Any]) -> Mapping[str, Text]:
    """What is wrong with values, by name, the disk included: as slow as the slowest drive that is named."""
    found: dict[str, Text] = {}
    for name, value in values.items():
        setting = SETTINGS[name]
        wrong = setting.check(value)
        if wrong is None and setting.look is not None:
            wrong = setting.look(value)
        if wrong is not None:
            found[name] = wrong
    return found


class SettingsStore:
    """The settings of one user. Reading is from memory; `set` writes the file at once (a few milliseconds).

    Not for use from several threads.
    """

    def __init__(self, folders: Folders) -> None:
        self._path = folders.settings_file
        self._values: dict[str, Any] = {}
        self._forgotten: dict[str, Any] = {}  # at the end of the program
        self.problem: Problem | None = None  # what was wrong with the file at start, where something was
        self._load()

    def get(self, name: str) -> Any:
        """The value of a setting, or its default. Raises KeyError for one that is not declared."""
        setting = SETTINGS[name]
        return copy.copy((self._values if setting.kept else self._forgotten).get(name, setting.default))

    def set(self, name: str, value: Any) -> None:
        """Store a value. Raises `Problem` where it is not allowed or cannot be written; nothing has changed then."""
        self.set_all({name: value})

    def set_all(self, values: Mapping[str, Any], *, looked: bool = False) -> None:
        """Store several values at once, all of them or none; errors as of `set`.

        `looked`: whoever calls has looked at the disk already (`wrong_values`), where that may take long.
        """
        changed = {name: value for name, value in values.items() if value != self.get(name)}
        for name, value in changed.items():
            setting = SETTINGS[name]
            wrong = setting.check(value)
            if wrong is None and setting.look is not None and not looked:
                wrong = setting.look(value)
            if wrong is not None:
                raise Problem(tr("This setting cannot have that value."), cause=wrong, code="bad_setting")
        kept = {name: copy.copy(value) for name, value in changed.items() if SETTINGS[name].kept}
        if kept:
            stored = {**self._values, **kept}
            write_json(self._path, {"settings": stored}, version=VERSION)
            self._values = stored
        self._forgotten |= {name: copy.copy(value) for name, value in changed.items() if name not in kept}

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
    # A folder on a disk that is not connected today is still the user's choice: only the form must be right.
    return setting.kept and setting.check(value) is None
