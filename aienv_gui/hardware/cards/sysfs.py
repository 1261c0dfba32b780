"""The kernel's small files as values or the reason why there is none (Linux)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aienv_gui.hardware.readings import Absence, Value

_MOST_BYTES: Final = 65_536


def text(file: Path) -> str:
    """What a small file says, without its end; empty where it says nothing or may not be read."""
    try:
        return _read(file)
    except OSError:
        return ""


def number(file: Path, *, silent: Absence, factor: float = 1.0, most: float = float("inf")) -> Value:
    """The number in a file, times `factor`. `silent` is the reason where the kernel has no such file."""
    try:
        value = float(_read(file)) * factor
    except (FileNotFoundError, NotADirectoryError):
        return Value(absence=silent)
    except PermissionError:
        return Value(absence=Absence.NO_PERMISSION)
    except (OSError, ValueError):  # "operation not supported" by this card; an empty file
        return Value(absence=Absence.NOT_SUPPORTED)
    return Value(value) if 0.0 <= value <= most else Value(absence=Absence.FAILED)


def first_number(*files: Path, silent: Absence, factor: float = 1.0, most: float = float("inf")) -> Value:
    """The first number that is known: newer kernels name some files otherwise."""
    value = Value(absence=silent)
    for file in files:
        value = number(file, silent=silent, factor=factor, most=most)
        if value.known:
            break
    return value


def sensors(device: Path) -> Path:
    """The folder with a card's temperatures, power and fan; one that does not exist where it has none."""
    found = sorted((device / "hwmon").glob("hwmon*"))
    return found[0] if found else device / "hwmon"


def labelled(folder: Path, kind: str, label: str) -> Path | None:
    """The stem of a sensor's files by its label: ``temp2`` for the one that is called ``junction``."""
    for file in folder.glob(f"{kind}*_label"):
        if text(file).lower() == label:
            return file.with_name(file.name.removesuffix("_label"))
    return None


def _read(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(_MOST_BYTES).decode("utf-8", errors="replace").strip()
