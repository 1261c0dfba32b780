"""Finds the Python interpreters of this machine from which environments can be made, without running any of them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OLDEST: Final = (3, 9)


@dataclass(frozen=True, slots=True)
class BaseInterpreter:
    """A Python that environments can be made from. `version` has two or three numbers, as far as it can be read."""

    path: Path
    version: str
    prefix: Path

    @property
    def minor(self) -> str:
        """Its version without the last number: ``3.11``."""
        return ".".join(self.version.split(".")[:2])


def base_interpreters(brought: Path | None = None) -> tuple[BaseInterpreter, ...]:
    """The Pythons to make environments from: the application's own first, then the newest first; one of each version.

    `brought` is the folder of those the application has downloaded. Virtual environments, conda's Pythons, version
    managers' stand-ins and Windows' store aliases are left out.
    Reads the disk only, a few milliseconds.
    """
    chosen: dict[str, BaseInterpreter] = {}
    for base in every_interpreter(brought):
        if _key(base.version) >= _OLDEST:
            chosen.setdefault(base.minor, base)
    return tuple(chosen.values())


def every_interpreter(brought: Path | None = None) -> tuple[BaseInterpreter, ...]:
    """Every Python 3 of this machine that is no environment: the application's own first, then the newest first.

    Of a version the system's comes before one that was `brought`: the user knows it.
    """
    own = _describe(_own())
    paths = (*_paths(), *(_in_store(brought) if brought is not None else ()))
    found = {base.path: base for base in map(_describe, paths) if base is not None}
    others = sorted(found.values(), key=lambda base: _key(base.version), reverse=True)
    return (own, *others) if own is not None else tuple(others)


def full_version(python: Path) -> str:
    """The version of an interpreter as far as file names tell; empty where they do not."""
    base = _describe(python)
    return base.version if base else ""


def interpreter_of(prefix: Path) -> Path:
    """The interpreter of an environment, whether it is there or not; never resolved: in a venv it is a link."""
    if sys.platform == "win32":
        script = prefix / "Scripts" / "python.exe"
        return script if script.exists() else prefix / "python.exe"
    for name in ("python", "python3"):
        if (prefix / "bin" / name).exists():
            return prefix / "bin" / name
    return prefix / "bin" / "python"


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _own() -> Path:
    """The interpreter below ours: of a virtual environment the Python it was made from."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def _paths() -> Iterator[Path]:
    home = Path.home()
    if sys.platform == "win32":
        yield from _windows(home)
        return
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    yield from _numbered(pyenv, "*/bin")
    for store in (
        home / ".local" / "share" / "uv" / "python",
        home / "Library" / "Application Support" / "uv" / "python",
    ):
        yield from _numbered(store, "*/bin")
    yield from _numbered(Path("/Library/Frameworks/Python.framework/Versions"), "3.*/bin")
    folders = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    folders += [Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    for folder in dict.fromkeys(folders):
        if folder.name != "shims":
            yield from _numbered(folder.parent, folder.name)


def _in_store(store: Path) -> Iterator[Path]:
    """The interpreters in a folder of uv's Pythons."""
    if sys.platform == "win32":
        with suppress(OSError):
            yield from sorted(store.glob("*/python.exe"))
    else:
        yield from _numbered(store, "*/bin")


def _numbered(root: Path, pattern: str) -> Iterator[Path]:
    with suppress(OSError):
        for path in sorted(root.glob(f"{pattern}/python3.*")):
            if re.fullmatch(r"python3\.\d+", path.name) and os.access(path, os.X_OK):
                yield path


def _windows(home: Path) -> Iterator[Path]:
    if sys.platform == "win32":  # says it again for the type checker
        import winreg  # exists on Windows only

        for hive in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            with suppress(OSError), winreg.OpenKey(hive, r"Software\Python\PythonCore") as versions:
                for index in range(winreg.QueryInfoKey(versions)[0]):
                    name = winreg.EnumKey(versions, index)
                    with suppress(OSError), winreg.OpenKey(versions, rf"{name}\InstallPath") as place:
                        yield Path(winreg.QueryValueEx(place, "")[0]) / "python.exe"
    local = Path(os.environ.get("LOCALAPPDATA", home))
    for store, pattern in (
        (local / "Programs" / "Python", "Python3*/python.exe"),
        (home / ".pyenv" / "pyenv-win" / "versions", "*/python.exe"),
        (Path(os.environ.get("APPDATA", home)) / "uv" / "python", "*/python.exe"),
    ):
        with suppress(OSError):
            yield from sorted(store.glob(pattern))


def _describe(path: Path) -> BaseInterpreter | None:
    try:
        if not path.is_file() or path.stat().st_size == 0:  # a store alias of Windows is an empty file
            return None
        real = path.resolve()
    except OSError:
        return None
    prefix = real.parent if sys.platform == "win32" else real.parent.parent
    if (prefix / "pyvenv.cfg").exists() or (prefix / "conda-meta").is_dir() or "t" in real.name.partition("3.")[2]:
        return None
    version = _version(real, prefix)
    return BaseInterpreter(real, version, prefix) if version else None


def _version(real: Path, prefix: Path) -> str:
    if real == _own().resolve():
        return ".".join(str(number) for number in sys.version_info[:3])
    named = re.search(r"(?<!\d)3\.\d+\.\d+", prefix.name)  # pyenv's and uv's folders carry the whole version
    if named is not None:
        return named[0]
    short = re.search(r"3\.\d+", real.name) or re.search(r"Python(3)(\d+)$", prefix.name)
    if short is None:
        return ""
    minor = short[0] if "." in short[0] else f"{short[1]}.{short[2]}"
    header = prefix / "include" / f"python{minor}" / "patchlevel.h"
    if sys.platform == "win32":
        header = prefix / "include" / "patchlevel.h"
    with suppress(OSError, UnicodeDecodeError):
        exact = re.search(r'#define PY_VERSION\s+"(3\.\d+\.\d+)"', header.read_text(encoding="utf-8"))
        if exact is not None:
            return exact[1]
    return minor
