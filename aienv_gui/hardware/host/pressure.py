"""Linux's own measure of waiting: the share of time in which programs stood still for a processor, memory or a disk."""

from __future__ import annotations

from pathlib import Path

from aienv_gui.hardware.readings import Pressure


def read_pressure(root: Path = Path("/")) -> Pressure | None:
    """The last ten seconds; None where the kernel does not keep count (before 4.20, or switched off)."""
    try:
        cpu, memory, disk = (_lines(root / "proc/pressure" / name) for name in ("cpu", "memory", "io"))
        return Pressure(
            cpu_some=cpu["some"],
            memory_some=memory["some"],
            memory_full=memory["full"],
            io_some=disk["some"],
            io_full=disk["full"],
        )
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _lines(file: Path) -> dict[str, float]:
    """``some avg10=1.25 avg60=... total=...`` by its first word: the mean over ten seconds, in percent."""
    found = {}
    for line in file.read_text(encoding="ascii").splitlines():
        words = line.split()
        found[words[0]] = float(words[1].removeprefix("avg10="))
    return found
