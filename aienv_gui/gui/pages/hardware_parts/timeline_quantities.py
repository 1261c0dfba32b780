"""What the history can show: the quantities, each with its plot's curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aienv_gui.core.wording import Text, tr
from aienv_gui.hardware.card_names import short_name
from aienv_gui.hardware.history import card_key
from aienv_gui.hardware.readings import Gpu, Value

CARD_COLOURS: Final = 16  # of the theme: card_0 to card_15


@dataclass(frozen=True, slots=True)
class Quantity:
    """One plot. `series` are (key of `history`, name, colour role); empty for one that has a curve a card."""

    name: str
    title: Text
    short: Text
    unit: str
    y_range: tuple[float, float] | None = None
    y_floor: float | None = 0.0
    series: tuple[tuple[str, Text, str], ...] = ()

    @property
    def of_cards(self) -> bool:
        return not self.series

    def curves(self, gpus: Sequence[Gpu]) -> tuple[tuple[str, Text, str], ...]:
        """The series of its plot with these cards."""
        if not self.of_cards:
            return self.series
        return tuple(
            (card_key(gpu.uuid, self.name), short_name(gpu, gpus), card_colour(place)) for place, gpu in enumerate(gpus)
        )


def card_colour(place: int) -> str:
    """The role of its colour, the same wherever cards are compared."""
    return f"card_{place % CARD_COLOURS}"


def reading(gpu: Gpu, quantity: str) -> Value:
    """What a card tells of a quantity now."""
    values = {
        "utilisation": gpu.utilisation_percent,
        "memory": gpu.memory_used_bytes,
        "temperature": gpu.temperature_celsius,
        "power": gpu.power_watts,
        "clock": gpu.clock_mhz,
        "fan": gpu.fan_percent,
    }
    return values[quantity]


_PERCENT: Final = (0.0, 100.0)
QUANTITIES: Final = (
    Quantity("utilisation", tr("GPU utilisation"), tr("Utilisation"), "percent", _PERCENT),
    Quantity("memory", tr("GPU memory"), tr("GPU memory"), "percent", _PERCENT),
    Quantity("temperature", tr("GPU temperature"), tr("Temperature"), "celsius", y_floor=None),
    Quantity("power", tr("GPU power"), tr("Power"), "watts"),
    Quantity("clock", tr("GPU clock"), tr("Clock"), "mhz"),
    Quantity("fan", tr("GPU fan"), tr("Fan"), "percent", _PERCENT),
    Quantity(
        "machine",
        tr("CPU and memory"),
        tr("CPU and memory"),
        "percent",
        _PERCENT,
        series=(
            ("cpu", tr("CPU"), "series_cpu"),
            ("memory", tr("RAM"), "series_memory"),
            ("swap", tr("swap"), "series_disk"),
        ),
    ),
    Quantity(
        "disk",
        tr("Disks"),
        tr("Disks"),
        "bytes_s",
        series=(("disk_read", tr("read"), "series_disk"), ("disk_written", tr("written"), "series_train")),
    ),
    Quantity(
        "network",
        tr("Network"),
        tr("Network"),
        "bytes_s",
        series=(("received", tr("received"), "series_network"), ("sent", tr("sent"), "series_cpu")),
    ),
)
