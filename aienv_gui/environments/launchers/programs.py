"""Finds the programs that open an environment: editors and terminals, wherever this system keeps them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import tr


class Editor(StrEnum):
    """An editor; the value is its name, which is the same in every language."""

    VS_CODE = "VS Code"
    PYCHARM = "PyCharm"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was found: its command without what it is to open, and the place that tells it from others."""

    command: tuple[str, ...]
    place: str


_NAMES: Final = {
    Editor.VS_CODE: ("code", "code-insiders", "codium", "vscodium", "code-oss"),
    Editor.PYCHARM: ("pycharm", "pycharm-professional", "pycharm-community", "pycharm.sh", "charm"),
}
_FLATPAKS: Final = {
    Editor.VS_CODE: ("com.visualstudio.code", "com.visualstudio.code.insiders", "com.vscodium.codium"),
    Editor.PYCHARM: ("com.jetbrains.PyCharm-Professional", "com.jetbrains.PyCharm-Community"),
}
_PAGES: Final = {
    Editor.VS_CODE: "https://code.visualstudio.com/download",
    Editor.PYCHARM: "https://www.jetbrains.com/pycharm/download",
}
# A terminal, and how it takes a command. "words": the rest of the line is it; "text": one argument, quoted for a shell.
_TERMINALS: Final = (
    ("xdg-terminal-exec", (), "words"),
    ("gnome-terminal", ("--",), "words"),
    ("ptyxis", ("--new-window", "--"), "words"),
    ("kgx", ("--",), "words"),
    ("konsole", ("-e",), "words"),
    ("xfce4-terminal", ("-x",), "words"),
    ("mate-terminal", ("-x",), "words"),
    ("deepin-terminal", ("-x",), "words"),
    ("x-terminal-emulator", ("-e",), "words"),
    ("kitty", (), "words"),
    ("alacritty", ("-e",), "words"),
    ("wezterm", ("start", "--"), "words"),
    ("foot", (), "words"),
    ("terminator", ("-x",), "words"),
    ("lxterminal", ("-e",), "text"),
    ("qterminal", ("-e",), "text"),
    ("xterm", ("-e",), "words"),
)
# The desktops' own terminals: what the user sees elsewhere comes first.
_DESKTOPS: Final = {"KDE": "konsole", "XFCE": "xfce4-terminal", "MATE": "mate-terminal", "LXQt": "qterminal"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal of Linux: what stands before a command, and whether that is to be one argument."""

    command: tuple[str, ...]
    as_text: bool


def find_editor(editor: Editor) -> Program:
    """The editor's command. Looks at the disk, milliseconds. Raises `Problem` with where to get it."""
    for command, place in _editors(editor):
        return Program(command, place)
    raise Problem(
        tr("{program} was not found on this computer.", program=editor.value),
        cause=tr("It is neither among the programs nor where its own installer puts it."),
        cure=tr("Install {program}, then try again. No restart is needed.", program=editor.value),
        actions=(Action("open_address", tr("Show the download page"), _PAGES[editor]),),
        code="no_editor",
    )


def find_terminal() -> Terminal:
    """A terminal of this desktop (Linux). Raises `Problem` where there is none."""
    known = {name: Terminal((name, *arguments), kind == "text") for name, arguments, kind in _TERMINALS}
    preferred = [_DESKTOPS[part] for part in os.environ.get("XDG_CURRENT_DESKTOP", "").split(":") if part in _DESKTOPS]
    for name in ("xdg-terminal-exec", *preferred, *known):
        found = shutil.which(name)
        if found is not None:
            return Terminal((found, *known[name].command[1:]), known[name].as_text)
    raise Problem(
        tr("No terminal was found on this computer."),
        cause=tr("None of these programs is here: {programs}.", programs=", ".join(name for name, _, _ in _TERMINALS)),
        cure=tr("Install one of them with the system's software centre, then try again."),
        code="no_terminal",
    )


def _editors(editor: Editor) -> Iterator[tuple[tuple[str, ...], str]]:
    if sys.platform == "win32":
        for path in _windows(editor):
            yield (str(path),), str(path)
        return
    for name in _NAMES[editor]:
        found = shutil.which(name)
        if found is not None:
            yield (found,), found
    for path in _installed(editor, Path.home()):
        if path.is_file() and os.access(path, os.X_OK):
            yield (str(path),), str(path)
    flatpak = shutil.which("flatpak")
    for name in _FLATPAKS[editor] if flatpak is not None else ():
        for store in (Path("/var/lib/flatpak"), Path.home() / ".local" / "share" / "flatpak"):
            if (store / "app" / name / "current").exists():
                yield (str(flatpak), "run", name), name


def _installed(editor: Editor, home: Path) -> Iterable[Path]:
    """Where the installers of Linux and macOS put an editor, beside the PATH."""
    folders: list[tuple[Path, str]] = []
    if sys.platform == "darwin":
        names = {
            Editor.VS_CODE: (
                "Visual Studio Code*.app/Contents/Resources/app/bin/code",
                "VSCodium.app/Contents/*/*/*/codium",
            ),
            Editor.PYCHARM: ("PyCharm*.app/Contents/MacOS/pycharm",),
        }[editor]
        folders += [(place, name) for place in (Path("/Applications"), home / "Applications") for name in names]
    elif editor is Editor.VS_CODE:
        folders += [
            (Path("/usr/share"), "code*/bin/code"),
            (Path("/opt"), "*code*/bin/code"),
            (Path("/snap/bin"), "code*"),
        ]
    if editor is Editor.PYCHARM:
        toolbox = home / ".local" / "share" / "JetBrains" / "Toolbox"
        if sys.platform == "darwin":
            toolbox = home / "Library" / "Application Support" / "JetBrains" / "Toolbox"
        folders += [(toolbox / "scripts", "pycharm*"), (toolbox / "apps", "pycharm*/bin/pycharm*")]
        folders += [(toolbox / "apps", "PyCharm*/ch-*/*/bin/pycharm.sh"), (Path("/snap/bin"), "pycharm*")]
        folders += [(place, "pycharm*/bin/pycharm*") for place in (Path("/opt"), home, home / "opt")]
    for folder, pattern in folders:
        with suppress(OSError):
            yield from sorted(path for path in folder.glob(pattern) if path.suffix in ("", ".sh"))


def _windows(editor: Editor) -> Iterator[Path]:
    """The editor's own .exe: a .cmd would be read by a shell, which takes signs in a path for commands."""
    exe = "Code.exe" if editor is Editor.VS_CODE else "pycharm64.exe"
    yield from _registered(exe)
    local = Path(os.environ.get("LOCALAPPDATA", ""))
    roots = [local / "Programs", *(Path(os.environ.get(name, "")) for name in ("ProgramFiles", "ProgramFiles(x86)"))]
    patterns = ("Microsoft VS Code*/Code*.exe", "VSCodium/VSCodium.exe")
    if editor is Editor.PYCHARM:
        patterns = ("PyCharm*/bin/pycharm64.exe", "JetBrains/PyCharm*/bin/pycharm64.exe")
        roots.append(local / "JetBrains" / "Toolbox" / "apps")
    for root in roots:
        for pattern in patterns:
            with suppress(OSError):
                yield from sorted(root.glob(pattern), reverse=True)


def _registered(exe: str) -> list[Path]:
    found: list[Path] = []
    if sys.platform == "win32":
        import winreg  # exists on Windows only

        keys = (
            rf"Software\Microsoft\Windows\CurrentVersion\App Paths\{exe}",
            rf"Software\Classes\Applications\{exe}\shell\open\command",
        )
        for hive in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            for key in keys:
                with suppress(OSError), winreg.OpenKey(hive, key) as place:
                    command = str(winreg.QueryValueEx(place, "")[0])
                    path = Path(re.sub(r'^"([^"]+)".*$', r"\1", command))
                    found += [path] if path.is_file() else []
    return found
