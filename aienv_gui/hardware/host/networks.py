"""The network connections of the machine, without those that only lead around inside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from aienv_gui.hardware.readings import Network

# Between containers, virtual machines and programs: what goes over them also goes over a real one, or nowhere.
_INSIDE: Final = ("veth", "docker", "br-", "virbr", "cni", "flannel", "cali", "vnet", "isatap", "teredo")
_MEGABIT: Final = 125_000  # bytes a second


@dataclass(slots=True)
class NetworkWatch:
    """Remembers the counters of the look before. Used from one thread."""

    _before: dict[str, Any] = field(default_factory=dict)
    _speeds: dict[str, float | None] = field(default_factory=dict)  # of what is up

    def refresh(self) -> None:
        """Look which are up and how fast they are."""
        self._speeds = {
            name: stats.speed * _MEGABIT if 0 < stats.speed < 1_000_000 else None
            for name, stats in psutil.net_if_stats().items()
            if stats.isup and is_real(name)
        }

    def read(self, seconds: float) -> tuple[Network, ...]:
        """What each carried since the call before, `seconds` ago; the busiest first."""
        counters = {name: one for name, one in psutil.net_io_counters(pernic=True).items() if is_real(name)}
        found = [
            Network(
                name,
                max(0, after.bytes_recv - before.bytes_recv) / seconds,  # a counter begins anew with its device
                max(0, after.bytes_sent - before.bytes_sent) / seconds,
                self._speeds[name],
            )
            for name, after in counters.items()
            if name in self._speeds
            for before in (self._before.get(name, after),)
        ]
        self._before = counters
        return tuple(sorted(found, key=lambda one: -(one.received_bytes_s + one.sent_bytes_s)))


def is_real(name: str) -> bool:
    low = name.lower()
    return low not in ("lo", "lo0") and "loopback" not in low and not low.startswith(_INSIDE)
