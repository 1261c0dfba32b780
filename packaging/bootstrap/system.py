"""What Linux must bring: Qt's libraries, a screen, a session bus, a compiler; named where missing, installed in CI."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstrap.failures import Stop


@dataclass(frozen=True)
class Need:
    """Something missing, and the package that brings it. An empty package name: that system has it already."""

    what: str
    debian: str
    fedora: str


# Loaded by Qt's own libraries and its offscreen platform: needed even without a screen.
_QT: Final = (
    Need("libEGL.so.1", "libegl1", "libglvnd-egl"),
    Need("libGL.so.1", "libgl1", "libglvnd-glx"),
    Need("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    Need("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    Need("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    Need("libfreetype.so.6", "libfreetype6", "freetype"),
    Need("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    Need("libgthread-2.0.so.0", "libglib2.0-0", "glib2"),
    Need("libgssapi_krb5.so.2", "libgssapi-krb5-2", "krb5-libs"),
    Need("libX11.so.6", "libx11-6", "libX11"),
    Need("libz.so.1", "zlib1g", "zlib"),
    Need("libzstd.so.1", "libzstd1", "libzstd"),
)
# Loaded by Qt's X11 platform, in addition.
_X11: Final = (
    Need("libxcb.so.1", "libxcb1", "libxcb"),
    Need("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    Need("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    Need("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    Need("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    Need("libxcb-util.so.1", "libxcb-util1", "xcb-util"),
    Need("libxcb-randr.so.0", "libxcb-randr0", "libxcb"),
    Need("libxcb-render.so.0", "libxcb-render0", "libxcb"),
    Need("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    Need("libxcb-shm.so.0", "libxcb-shm0", "libxcb"),
    Need("libxcb-sync.so.1", "libxcb-sync1", "libxcb"),
    Need("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb"),
    Need("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb"),
)
_SCREEN: Final = Need("a virtual screen (Xvfb)", "xvfb", "xorg-x11-server-Xvfb")
_SESSION_BUS: Final = Need("a session bus (dbus-daemon)", "dbus", "dbus-daemon")
_COMPILER: Final = Need("a C compiler (for the tests' own NVIDIA driver library)", "gcc libc6-dev", "gcc glibc-devel")
_CHINESE: Final = Need("a Chinese font", "fonts-noto-cjk", "google-noto-sans-cjk-fonts")


def linux() -> bool:
    return sys.platform.startswith("linux")


def has_screen() -> bool:
    """Whether a window can be shown to somebody."""
    return not linux() or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def provide_for_run(*, screen: bool) -> None:
    """Check what the application needs. Raises `Stop` with the packages to install."""
    if linux():
        provide([*missing_python_parts(), *_missing_libraries(_QT + (_X11 if screen else ()))], why="to open a window")


def provide_for_tests() -> None:
    """Check what the tests need beside Qt: an X server and a session bus of their own, a C compiler. Raises `Stop`."""
    if not linux():
        return
    missing = [*missing_python_parts(), *_missing_libraries(_QT + _X11)]
    if not os.environ.get("DISPLAY") and shutil.which("Xvfb") is None:
        missing.append(_SCREEN)
    if shutil.which("dbus-daemon") is None:
        missing.append(_SESSION_BUS)
    if shutil.which("gcc") is None and shutil.which("cc") is None:
        missing.append(_COMPILER)
    if _in_ci() and not _has_chinese_font():
        missing.append(_CHINESE)
    provide(missing, why="to run the tests")


def missing_python_parts() -> list[Need]:
    """What Debian keeps in a package of its own and a virtual environment is made with."""
    if all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return []
    return [Need("Python's venv module", f"python3.{sys.version_info.minor}-venv", "python3")]


def provide(missing: Sequence[Need], *, why: str) -> None:
    """Install what is missing where that is expected of us (root, CI=true); otherwise raise `Stop` with its names."""
    if not missing:
        return
    debian = _packages([need.debian for need in missing])
    fedora = _packages([need.fedora for need in missing])
    if linux() and _in_ci():
        for tool, packages in (("apt-get", debian), ("dnf", fedora)):
            if shutil.which(tool):
                _install(tool, packages)
                return
    names = ", ".join(dict.fromkeys(need.what for need in missing))
    sentence = f"Missing {why}: {names}."
    if linux():
        sentence += (
            f"\nInstall it once:\n  Debian, Ubuntu: sudo apt install {debian}\n  Fedora: sudo dnf install {fedora}"
        )
    raise Stop(sentence, harmless=True)


def _packages(names: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(" ".join(names).split()))


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true") and hasattr(os, "geteuid") and os.geteuid() == 0


def _install(tool: str, packages: str) -> None:
    print(f"Installing with {tool}: {packages}", flush=True)
    install = [tool, "install", "-y", *(["--no-install-recommends"] if tool == "apt-get" else []), *packages.split()]
    commands = [[tool, "update", "-q"], install] if tool == "apt-get" else [install]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=environment,
        )
    if done.returncode:
        raise Stop(f"{tool} could not install {packages}. It said:\n{done.stdout.strip()[-1500:]}", harmless=True)
    importlib.invalidate_caches()


def _missing_libraries(needs: Sequence[Need]) -> list[Need]:
    """Which libraries the loader does not find; asked in a child, because loading them is the only sure test."""
    script = (
        "import ctypes, sys\nfor name in sys.argv[1:]:\n    try: ctypes.CDLL(name)\n    except OSError: print(name)\n"
    )
    command = [sys.executable, "-I", "-c", script, *(need.what for need in needs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    gone = set(done.stdout.split())
    return [need for need in needs if need.what in gone]


def _has_chinese_font() -> bool:
    tool = shutil.which("fc-list")
    if tool is None:
        return any(Path(folder).rglob("*CJK*") for folder in ("/usr/share/fonts",) if Path(folder).is_dir())
    return bool(
        subprocess.run([tool, ":lang=zh", "family"], capture_output=True, text=True, check=False).stdout.strip()
    )


@contextlib.contextmanager
def virtual_screen() -> Iterator[dict[str, str]]:
    """The environment variables of a screen: none where there is one, or those of our own Xvfb, ended afterwards."""
    if has_screen() or shutil.which("Xvfb") is None:
        yield {}
        return
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()  # empty where the server ended before it was ready
        try:
            yield {"DISPLAY": f":{number}"} if number else {}
        finally:
            server.terminate()
