"""A fake NVIDIA driver library: compiled from C, loaded by the real nvidia-ml-py in a process of its own.

Usage: ``environment(build(folder), cards=8, faults="2:lost@3")`` gives the variables to start a process with. They must
be there before it starts: the dynamic linker reads LD_LIBRARY_PATH once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import psutil

_SOURCE = Path(__file__).with_suffix(".c")
_LIBRARY = "libnvidia-ml.so.1"


def build(folder: Path, *, old_driver: bool = False) -> Path:
    """Compile the library into `folder` and return the folder. `old_driver` leaves the newer functions out."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise RuntimeError("The fake driver needs a C compiler: install gcc (Debian, Fedora: package gcc).")
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["-DOLD_DRIVER"] if old_driver else []
    command = [compiler, "-Wall", "-Wextra", "-O1", "-shared", "-fPIC", *flags, "-o", str(folder / _LIBRARY)]
    subprocess.run([*command, str(_SOURCE), "-lm"], check=True, capture_output=True, text=True)
    return folder


def environment(folder: Path, *, cards: int = 1, **settings: object) -> dict[str, str]:
    """The variables that make a new process find the library of `build` with so many cards.

    `settings` are the fake's variables in lower case (nvml.c lists them): init=18, faults="0:lost", hang=3, crash=3,
    once=path, driver="535.104", still=1, processes="0:4711:2048", temperature=91, name="NVIDIA H100".
    """
    path = os.pathsep.join(part for part in (str(folder), os.environ.get("LD_LIBRARY_PATH", "")) if part)
    result = {"LD_LIBRARY_PATH": path, "FAKE_NVML_CARDS": str(cards)}
    result.update({f"FAKE_NVML_{name.upper()}": str(value) for name, value in settings.items()})
    return result


def monitors() -> list[psutil.Process]:
    """The living monitor processes that this process has started."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end while we look
            if "aienv_gui.hardware.cards.monitor" in child.cmdline():
                found.append(child)
    return found


def card_uuid(index: int) -> str:
    """The UUID of a fake card."""
    return f"GPU-00000000-0000-4000-8000-{index:012}"
