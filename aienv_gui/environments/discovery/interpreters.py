"""Finds the Python interpreters of this machine; runs one only where no file tells its version."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aienv_gui.core.processes import clean_environment, run
from aienv_gui.environments.discovery.foreign_files import is_file, is_folder, is_there, read_text

_OLDEST: Final = (3, 9)
_ASKED_S: Final = 5.0
_HEARD: Final = 4096
_SAY_VERSION: Final = "import sys; print('version %d.%d.%d' % sys.version_info[:3])"
_HEADER_LIMIT: Final = 1 << 16


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


def ask_version(python: Path) -> str:
    """The version as the interpreter itself tells it; empty where it does not within five seconds, or may not be run.

    For what no file tells. What a link leads to is run, not the link: a pyvenv.cfg beside that could name another
    standard library. No site-packages and .pth files are read, the environment is clean, the process group its own; and
    only a program is run that nobody but its owner may write, who is this user or the system's.
    """
    program = Path(os.path.realpath(python))
    if not is_file(program) or not _is_trusted(program):
        return ""
    try:
        outcome = run(
            [program, "-I", "-S", "-B", "-c", _SAY_VERSION], timeout_s=_ASKED_S, environment=clean_environment()
        )
    except (OSError, ValueError):
        return ""
    said = re.search(r"^version (\d+\.\d+\.\d+)$", outcome.stdout[-_HEARD:], re.MULTILINE)
    return said[1] if said and outcome.code == 0 else ""


def _is_trusted(program: Path) -> bool:
    try:
        state = program.stat()
    except OSError:
        return False
    if sys.platform == "win32":
        return state.st_size > 0  # a store alias opens the store
    return state.st_uid in (0, os.getuid()) and not state.st_mode & 0o022 and os.access(program, os.X_OK)


def interpreter_of(prefix: Path) -> Path:
    """The interpreter of an environment, whether it is there or not; never resolved: in a venv it is a link."""
    if sys.platform == "win32":
        script = prefix / "Scripts" / "python.exe"
        return script if is_there(script) else prefix / "python.exe"
    for name in ("python", "python3"):
        if is_there(prefix / "bin" / name):
            return prefix / "bin" / name
    numbered = list(_numbered(prefix, "bin"))  # Homebrew's has no other name
    return numbered[-1] if numbered else prefix / "bin" / "python"


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _own() -> Path:
    """The interpreter below ours: of a virtual environment the Python it was made from."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def python_stores() -> list[Path]:
    """The folders in which version managers keep their Pythons, one folder each; they need not be there."""
    home = Path.home()
    if sys.platform == "win32":
        roaming, local = Path(os.environ.get("APPDATA", home)), Path(os.environ.get("LOCALAPPDATA", home))
        stores = [
            local / "Programs" / "Python",
            local / "Python",  # the install manager's
            Path(os.environ.get("PYENV_ROOT") or home / ".pyenv" / "pyenv-win") / "versions",
            roaming / "uv" / "python",
        ]
    else:
        shared = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        stores = [
            Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
            shared / "uv" / "python",
            home / "Library" / "Application Support" / "uv" / "python",
            Path(os.environ.get("ASDF_DATA_DIR") or home / ".asdf") / "installs" / "python",
            Path(os.environ.get("MISE_DATA_DIR") or shared / "mise") / "installs" / "python",
        ]
    if os.environ.get("UV_PYTHON_INSTALL_DIR"):
        stores.append(Path(os.environ["UV_PYTHON_INSTALL_DIR"]))
    return stores


def _paths() -> Iterator[Path]:
    if sys.platform == "win32":
        yield from _registered()
        for store in python_stores():
            with suppress(OSError):
                yield from sorted(store.glob("*/python.exe"))
        return
    for store in python_stores():
        yield from _numbered(store, "*/bin")
    for frameworks in (
        Path("/Library/Frameworks/Python.framework/Versions"),
        Path("/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions"),
    ):
        yield from _numbered(frameworks, "3.*/bin")
    folders = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    folders += [Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    folders += [Path("/home/linuxbrew/.linuxbrew/bin"), Path.home() / ".linuxbrew" / "bin"]
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


def _registered() -> list[Path]:
    """What Windows' registry says is installed: python.org's and other makers' (PEP 514)."""
    found: list[Path] = []
    if sys.platform == "win32":  # says it again for the type checker
        import winreg  # exists on Windows only

        for hive in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            for view in (winreg.KEY_WOW64_64KEY, winreg.KEY_WOW64_32KEY):
                for maker in _keys(hive, r"Software\Python", view):
                    for version in _keys(hive, rf"Software\Python\{maker}", view):
                        place = rf"Software\Python\{maker}\{version}\InstallPath"
                        with suppress(OSError), winreg.OpenKey(hive, place, 0, winreg.KEY_READ | view) as key:
                            found.append(Path(str(winreg.QueryValueEx(key, "")[0])) / "python.exe")
    return found


def _keys(hive: int, place: str, view: int) -> list[str]:
    names: list[str] = []
    if sys.platform == "win32":
        import winreg

        with suppress(OSError), winreg.OpenKey(hive, place, 0, winreg.KEY_READ | view) as key:
            names += [winreg.EnumKey(key, number) for number in range(winreg.QueryInfoKey(key)[0])]
    return names


def _describe(path: Path) -> BaseInterpreter | None:
    try:
        if not is_file(path) or path.stat().st_size == 0:  # a store alias of Windows is an empty file
            return None
    except OSError:
        return None
    real = Path(os.path.realpath(path))
    prefix = real.parent if sys.platform == "win32" else real.parent.parent
    if is_there(prefix / "pyvenv.cfg") or is_folder(prefix / "conda-meta") or "t" in real.name.partition("3.")[2]:
        return None
    version = _version(real, prefix)
    return BaseInterpreter(real, version, prefix) if version else None


def _version(real: Path, prefix: Path) -> str:
    if real == Path(os.path.realpath(_own())):
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
    with suppress(OSError):
        exact = re.search(r'#define PY_VERSION\s+"(3\.\d+\.\d+)"', read_text(header, _HEADER_LIMIT))
        if exact is not None:
            return exact[1]
    return minor
