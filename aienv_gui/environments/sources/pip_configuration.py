"""Reads where the user's pip and uv take packages from: uv ignores pip's configuration, so it is read and passed on."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_KEYS: Final = (
    "index-url",
    "extra-index-url",
    "find-links",
    "cert",
    "no-index",
    "proxy",
    "python-mirror",
    "python-catalogue",
)
_UV_VARIABLES: Final = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "cert": (),
    "no-index": (),
    "proxy": (),
    "python-mirror": ("UV_PYTHON_INSTALL_MIRROR",),  # these two are nothing of pip's, but wanted from the same place
    "python-catalogue": ("UV_PYTHON_DOWNLOADS_JSON_URL",),
}


def read_pip_configuration() -> Mapping[str, str]:
    """What pip would use of ``index-url``, ``extra-index-url``, ``find-links``, ``cert``, ``proxy`` and ``no-index``.

    Later files win over earlier ones, the environment's variables over all, uv's own where pip says nothing. A file
    that cannot be read is passed over: pip's own mistakes are pip's to tell.
    """
    values: dict[str, str] = {}
    for path in _files():
        parser = configparser.RawConfigParser()
        with suppress(OSError, configparser.Error, UnicodeDecodeError):
            parser.read_string(path.read_text(encoding="utf-8-sig"))
            for section in ("global", "install"):
                if parser.has_section(section):
                    values.update({k.replace("_", "-"): v for k, v in parser.items(section) if v.strip()})
    for key in _KEYS:
        variable = "PIP_" + key.upper().replace("-", "_")
        if os.environ.get(variable):
            values[key] = os.environ[variable]
        for name in _UV_VARIABLES[key]:
            if key not in values and os.environ.get(name):
                values[key] = os.environ[name].replace(",", " ") if key == "find-links" else os.environ[name]
    return {key: values[key] for key in _KEYS if key in values}


def _files() -> Iterator[Path]:
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path.home()
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    if sys.platform == "win32":
        yield Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip" / name
        yield home / "pip" / name
        yield Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "pip" / name
    else:
        for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep):
            yield Path(folder) / "pip" / name
        yield Path("/Library/Application Support/pip") / name
        yield Path("/etc") / name
        yield home / ".pip" / name
        yield home / "Library" / "Application Support" / "pip" / name
        yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / name
    yield Path(sys.prefix) / name
    if named:
        yield Path(named)
