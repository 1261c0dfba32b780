"""The interpreter that runs the tests, packed as a conda package that runs wherever it is installed."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.channel.packing import CondaPackage, Member

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSION = ".".join(str(number) for number in sys.version_info[:3])
_LEFT_OUT = {
    "EXTERNALLY-MANAGED",
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "unittest",
}
_RELATIVE = b"$ORIGIN/../lib"
_SITE = f"""
import site, sys  # a distribution's site.py may know dist-packages only
site.addsitedir(f"{{sys.prefix}}/lib/python{MINOR}/site-packages")
"""


@functools.cache
def running_python() -> CondaPackage:
    """A conda package ``python`` of the running version, some 20 MB unpacked. Takes two seconds, once."""
    prefix = os.fsencode(sys.base_prefix)
    files: dict[str, Member] = {}
    executable = Path(sys.executable).resolve()
    files[f"bin/python{MINOR}"] = Member(_relocated(executable, prefix), executable=True)
    files["bin/python3"] = Member(link=f"python{MINOR}")
    files["bin/python"] = Member(link=f"python{MINOR}")
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        name = str(sysconfig.get_config_var("INSTSONAME"))
        library = Path(str(sysconfig.get_config_var("LIBDIR"))) / name
        if library.is_file():
            files[f"lib/{name}"] = Member(_relocated(library, prefix), executable=True)
    standard = Path(sysconfig.get_path("stdlib"))
    for path in _kept(standard):
        content = _stripped(path) if path.suffix == ".so" else path.read_bytes()
        if path.name == "sysconfig.py":  # Debian's installs elsewhere, which no conda Python does
            content = content.replace(b"prefix_scheme = 'posix_local'", b"prefix_scheme = 'posix_prefix'")
        member = Member(content)
        if path.name.startswith("_sysconfigdata") and prefix in content:
            member.placeholder = sys.base_prefix
        files[f"lib/python{MINOR}/{path.relative_to(standard).as_posix()}"] = member
    if b"dist-packages" in (standard / "site.py").read_bytes():
        files[f"lib/python{MINOR}/sitecustomize.py"] = Member(_SITE.encode())
    return CondaPackage("python", VERSION, files, build="0_test")


def _kept(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT or path.name.startswith("config-"):
            continue
        if path.is_dir():
            yield from _kept(path)
        elif path.is_file() and path.suffix not in (".a", ".exe"):
            yield path


def _relocated(path: Path, prefix: bytes) -> bytes:
    """A program or library that looks for libraries beside itself instead of at an absolute place."""
    content = _stripped(path)
    for absolute in (prefix + b"/lib\0", os.fsencode(str(sysconfig.get_config_var("LIBDIR"))) + b"\0"):
        if len(absolute) > len(_RELATIVE):
            content = content.replace(absolute, _RELATIVE.ljust(len(absolute), b"\0"))
    return content


def _stripped(path: Path) -> bytes:
    """A library without its symbols, which are two thirds of it, where there is a tool for that."""
    tool = shutil.which("strip")
    if tool is None or sys.platform != "linux":
        return path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        smaller = Path(folder) / "stripped"
        result = subprocess.run([tool, "-o", smaller, path], capture_output=True, check=False)
        return smaller.read_bytes() if result.returncode == 0 else path.read_bytes()
