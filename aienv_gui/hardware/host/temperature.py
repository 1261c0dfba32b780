"""The processor's temperature, from the one file of the kernel that knows it: found once, then read.

psutil asks every sensor of the machine, which takes milliseconds and wakes some of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aienv_gui.hardware.readings import UNSUPPORTED, Absence, Value

# Drivers of processors' sensors: Intel, AMD (two of them), ARM boards, PowerPC.
_DRIVERS: Final = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal", "ibmpowernv")
_ZONES: Final = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal", "cpu0-thermal")
_LABELS: Final = ("Package id 0", "Tdie", "Tctl")  # of the whole processor, best first; Tctl may have an offset
_HOTTEST: Final = 150.0


class CpuThermometer:
    """Used from one thread. `root` is the system's, or a test's."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._file = _find(root)

    def read(self) -> Value:
        """Celsius; absent in virtual machines and on systems that do not tell."""
        if self._file is None:
            return UNSUPPORTED
        try:
            degrees = int(self._file.read_text(encoding="ascii")) / 1000
        except PermissionError:
            return Value(absence=Absence.NO_PERMISSION)
        except (OSError, ValueError):
            return Value(absence=Absence.FAILED)
        return Value(degrees) if 0 < degrees < _HOTTEST else Value(absence=Absence.FAILED)


def _find(root: Path) -> Path | None:
    for monitor in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if _text(monitor / "name") in _DRIVERS:
            labelled = {_text(label): label for label in sorted(monitor.glob("temp*_label"))}
            for name in _LABELS:
                if name in labelled:
                    return labelled[name].with_name(labelled[name].name.replace("_label", "_input"))
            first = monitor / "temp1_input"
            if first.exists():
                return first
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        if _text(zone / "type") in _ZONES and (zone / "temp").exists():
            return zone / "temp"
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
