"""Amounts of memory as they are sold: a "12 GB" card holds 12 x 1024^3 bytes. Files count in decimal units instead."""

from __future__ import annotations

_GIB = 1024**3


def memory_size(count: float) -> str:
    """An amount of memory: ``12 GB``, ``9.1 GB``, ``512 MB``."""
    return f"{_number(count)} {_unit(count)}"


def memory_share(used: float, total: float) -> str:
    """Used of total in one unit: ``9.1/12 GB``."""
    if _unit(total) == "MB":
        return f"{used / 1024**2:.0f}/{total / 1024**2:.0f} MB"
    return f"{_gigabytes(used)}/{_gigabytes(total)} GB"


def _unit(count: float) -> str:
    return "GB" if count >= 0.95 * _GIB else "MB"


def _number(count: float) -> str:
    return _gigabytes(count) if _unit(count) == "GB" else f"{count / 1024**2:.0f}"


def _gigabytes(count: float) -> str:
    value = count / _GIB
    return f"{value:.1f}" if value < 99.95 and abs(value - round(value)) >= 0.05 else f"{value:.0f}"
