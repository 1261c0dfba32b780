"""Recognises folders that a service keeps in step with other computers: no place for thousands of linked files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aienv_gui.core.wording import Text, tr

# A folder's name, as the services' own programs make it, and the service.
_NAMES: Final = (
    (re.compile(r"OneDrive( - .+|-.+)?", re.I), "OneDrive"),
    (re.compile(r"Dropbox( \(.+\)|-.+)?", re.I), "Dropbox"),
    (re.compile(r"Google ?Drive(-.+)?|GoogleDrive-.+", re.I), "Google Drive"),
    (re.compile(r"iCloud ?Drive|Mobile Documents|iCloud~.+", re.I), "iCloud Drive"),
    (re.compile(r"Nextcloud\d*|ownCloud", re.I), "Nextcloud"),
    (re.compile(r"Box( Sync|-Box)?"), "Box"),
    (re.compile(r"pCloud ?Drive|pCloudDrive", re.I), "pCloud"),
    (re.compile(r"Nutstore( Files)?|我的坚果云|坚果云", re.I), "Nutstore (坚果云)"),
    (re.compile(r"BaiduSyncdisk|百度网盘同步空间", re.I), "Baidu (百度网盘)"),
)
_ROOTS: Final = ("OneDrive", "OneDriveCommercial", "OneDriveConsumer")
# Windows: the content is (or may be) fetched when it is read; kept here, or given up, as a service likes.
_ON_DEMAND: Final = 0x00040000 | 0x00400000 | 0x00080000 | 0x00100000


def synced_by(path: Path, variables: Mapping[str, str] | None = None) -> str:
    """The service that keeps `path` (or a folder above it) in step; empty where none is recognised. Only looks.

    `variables` are the environment's, in which OneDrive names its folders.
    """
    place = path.absolute()
    for name in _ROOTS:
        root = (os.environ if variables is None else variables).get(name, "")
        if root and place.is_relative_to(root):
            return "OneDrive"
    for part in (place, *place.parents):
        for pattern, service in _NAMES:
            if pattern.fullmatch(part.name):
                return service
    if any(part.name == "CloudStorage" and part.parent.name == "Library" for part in place.parents):
        return "iCloud Drive"
    return "OneDrive" if _is_on_demand(place) else ""


def _is_on_demand(place: Path) -> bool:
    while place != place.parent:
        try:
            status = place.lstat()
        except OSError:
            place = place.parent
            continue
        return bool(getattr(status, "st_file_attributes", 0) & _ON_DEMAND)
    return False


def warning(path: Path) -> Text | None:
    """What to tell about environments in `path`, where a service keeps it in step."""
    service = synced_by(path)
    if not service:
        return None
    return tr(
        "Careful: {path} is kept in step by {service}. It uploads every one of thousands of files, changes them while "
        "they are in use and may keep some online only; environments break of that. Let AIEnv keep its files in a "
        "folder outside: start it with the command aienv --home FOLDER, or leave this folder out in the settings of "
        "{service}.",
        path=path,
        service=service,
    )
