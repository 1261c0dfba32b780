"""Why an AMD card's clock is held back, from the table that its driver fills in."""

from __future__ import annotations

from typing import Any, Final

from aienv_gui.hardware.readings import Absence, Throttle

_NO_ANSWER: Final = 2**64 - 1
# The bits of `indep_throttle_status`, the same for all chips (Linux: amdgpu_smu.h, SMU_THROTTLER_*).
_BITS: Final = {
    **dict.fromkeys(range(8), Throttle.POWER_CAP),  # PPT, SPL, FPPT, SPPT: limits of the whole package
    **dict.fromkeys(range(16, 24), Throttle.POWER_CAP),  # TDC, EDC: limits of its currents
    **dict.fromkeys(range(32, 38), Throttle.HEAT),  # chip, cores, memory, edge, hotspot
    **dict.fromkeys(range(38, 46), Throttle.HARDWARE_HEAT),  # voltage regulators, liquid
    46: Throttle.HARDWARE,  # PROCHOT: a signal from outside
    47: Throttle.HARDWARE,
    56: Throttle.POWER_CAP,  # PPM
    57: Throttle.HARDWARE,  # FIT: the silicon's reliability
}
# Newer data centre cards count for how long each reason held instead.
_COUNTERS: Final = {
    "prochot_residency_acc": Throttle.HARDWARE,
    "ppt_residency_acc": Throttle.POWER_CAP,
    "socket_thm_residency_acc": Throttle.HEAT,
    "vr_thm_residency_acc": Throttle.HARDWARE_HEAT,
    "hbm_thm_residency_acc": Throttle.HEAT,
}


class ThrottleReader:
    """Of one card; remembers the counters of the look before."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}

    def read(self, table: Any) -> frozenset[Throttle] | Absence:
        """The reasons at this moment, or since the look before where the card counts them."""
        status = int(getattr(table, "indep_throttle_status", _NO_ANSWER))
        if status != _NO_ANSWER:
            return frozenset(reason for bit, reason in _BITS.items() if status >> bit & 1)
        counters = {name: int(getattr(table, name, _NO_ANSWER)) for name in _COUNTERS}
        known = {name: count for name, count in counters.items() if count != _NO_ANSWER}
        before, self._before = self._before, known
        if not known:
            return Absence.NOT_SUPPORTED
        if not before:
            return Absence.NOT_YET
        return frozenset(_COUNTERS[name] for name, count in known.items() if count > before.get(name, count))
