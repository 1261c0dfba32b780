"""A fake of AMD's library: compiled from C, loaded by the real package amdsmi in a process of its own.

Usage: ``environment(build(folder), cards=8, faults="2:lost@3")`` gives the variables to start a process with. They must
be there before it starts: the dynamic linker reads LD_LIBRARY_PATH once.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")
_LIBRARY = "libamd_smi.so"
_FIELDS = ("indep_throttle_status", "ppt_residency_acc", "prochot_residency_acc", "socket_thm_residency_acc")
_OFFSETS = """
import sys
from amdsmi import amdsmi_wrapper
table = amdsmi_wrapper.amdsmi_gpu_metrics_t
print(amdsmi_wrapper.ctypes.sizeof(table), *(getattr(table, name).offset for name in sys.argv[1:]))
"""


def build(folder: Path) -> Path:
    """Compile the library into `folder` and return the folder."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise RuntimeError("The fake library needs a C compiler: install gcc (Debian, Fedora: package gcc).")
    folder.mkdir(parents=True, exist_ok=True)
    rest = folder / "rest.c"
    # The package asks for every function when it is imported.
    stubs = (f"__attribute__((weak)) int {name}(void) {{ return 2; }}" for name in _functions())
    rest.write_text("\n".join(stubs) + "\n", encoding="ascii")
    library = folder / _LIBRARY
    command = [compiler, "-Wall", "-Wextra", "-O1", "-shared", "-fPIC", f"-I{folder}", "-o", str(library)]
    # First the functions alone: the package, which tells the table's layout, needs them to be imported at all.
    subprocess.run([*command, str(rest)], check=True, capture_output=True, text=True)
    size, *offsets = _metrics_layout(folder)
    lines = [f"#define METRICS_SIZE {size}"]
    lines += [f"#define AT_{name} {offset}" for name, offset in zip(_FIELDS, offsets, strict=True)]
    (folder / "amdsmi_metrics.h").write_text("\n".join(lines) + "\n", encoding="ascii")
    subprocess.run([*command, str(_SOURCE), str(rest)], check=True, capture_output=True, text=True)
    return folder


def environment(folder: Path, *, cards: int = 1, **settings: object) -> dict[str, str]:
    """The variables that make a new process find the library of `build` with so many cards.

    `settings` are the fake's variables in lower case (amdsmi.c lists them): init=34, faults="0:lost", hang=3, crash=3,
    once=path, kind="instinct|old", processes="0:4711:2048".
    """
    path = os.pathsep.join(part for part in (str(folder), os.environ.get("LD_LIBRARY_PATH", "")) if part)
    result = {"LD_LIBRARY_PATH": path, "FAKE_AMDSMI_CARDS": str(cards)}
    result.update({f"FAKE_AMDSMI_{name.upper()}": str(value) for name, value in settings.items()})
    return result


def card_uuid(index: int) -> str:
    """The UUID of a fake card."""
    return f"{index:02x}ff744c-0000-1000-80ca-0123456789ab"


@lru_cache(maxsize=1)
def _functions() -> tuple[str, ...]:
    package = importlib.util.find_spec("amdsmi")  # not imported: that would ask for the library here
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).with_name("amdsmi_wrapper.py").read_text(encoding="utf-8")
    return tuple(sorted(set(re.findall(r"_libraries\['libamd_smi\.so'\]\.(\w+)", source))))


def _metrics_layout(folder: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", _OFFSETS, *_FIELDS],
        env={**os.environ, **environment(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(number) for number in done.stdout.split()]
