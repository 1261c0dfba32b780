"""The processor's name and clock."""

from __future__ import annotations

import contextlib
import platform
import sys
from pathlib import Path

import psutil


def frequency_mhz() -> float | None:
    """The present clock, the mean of all cores; virtual machines and some ARM systems do not say."""
    with contextlib.suppress(OSError, NotImplementedError, RuntimeError, AttributeError):
        frequency = psutil.cpu_freq()
        if frequency is not None and frequency.current > 0:
            return float(frequency.current)
    return None


def cpu_name() -> str:
    """The processor's name as its maker writes it, or what the system knows."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition(":")
                if key.strip() in ("model name", "Model", "cpu model") and value.strip():
                    return " ".join(value.split())
    elif sys.platform == "win32":
        import winreg

        with contextlib.suppress(OSError):
            place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return " ".join(str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).split())
    return platform.processor() or platform.machine()
