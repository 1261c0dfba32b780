"""How fast this computer downloads and installs: measured in each build, for the next plan's estimate."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, read_json, write_json

_VERSION: Final = 1
_WEIGHT: Final = 0.5  # of the newest measurement against all before it
_LEAST_BYTES: Final = 1_000_000  # less says nothing about a speed
_LEAST_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Speeds:
    """Bytes a second, of what is installed for the last two; 0 where nothing was measured yet."""

    download: float = 0.0
    unpack: float = 0.0  # installing what was downloaded in the same build
    link: float = 0.0  # installing what was in the store of downloads


def read_speeds(folders: Folders) -> Speeds:
    """What was measured in former builds; nothing where there is no such file, or it is damaged. Reads a small file."""
    try:
        data = read_json(_file(folders), version=_VERSION)
        known = {field.name: float(data.get(field.name, 0.0)) for field in fields(Speeds)}
    except (OSError, Problem, TypeError, ValueError):
        return Speeds()
    return Speeds(**{name: value if 0 < value < 1e12 else 0.0 for name, value in known.items()})


def learn(
    folders: Folders,
    *,
    downloaded_bytes: int,
    download_s: float,
    installed_bytes: int,
    install_s: float,
    fresh_share: float,
) -> Speeds:
    """Take in a build's measurements and keep them. `fresh_share` of what was installed had to be unpacked first.

    A file that cannot be written is no reason to end a build: then the old figures stay.
    """
    speeds = read_speeds(folders)
    speeds = replace(speeds, download=_smoothed(speeds.download, downloaded_bytes, download_s))
    if fresh_share > 0.5:
        speeds = replace(speeds, unpack=_smoothed(speeds.unpack, installed_bytes, install_s))
    elif fresh_share < 0.05:
        speeds = replace(speeds, link=_smoothed(speeds.link, installed_bytes, install_s))
    with suppress(Problem):
        write_json(_file(folders), asdict(speeds), version=_VERSION)
    return speeds


def _smoothed(before: float, count: int, seconds: float) -> float:
    if count < _LEAST_BYTES or seconds < _LEAST_S:
        return before
    measured = count / seconds
    return measured if before <= 0 else before * (1 - _WEIGHT) + measured * _WEIGHT


def _file(folders: Folders) -> Path:
    return folders.data / "speeds.json"
