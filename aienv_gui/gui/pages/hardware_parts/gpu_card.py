"""The card of one GPU."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.plots.sparkline import MetricTile
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.driver_words import absence_words
from aienv_gui.hardware.history import History
from aienv_gui.hardware.limits import HOT_CELSIUS
from aienv_gui.hardware.readings import Gpu, Value


class GpuCard(Card):
    """Utilisation, memory, temperature and power with their last ten minutes; clocks and fan in a line below."""

    def __init__(self, theme: Theme, uuid: str, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.uuid = uuid
        self.badge = StateBadge(self)
        self.header.addWidget(self.badge)
        row = QHBoxLayout()
        row.setSpacing(20)
        self.body.addLayout(row)
        self.utilisation = MetricTile(
            theme, tr("Utilisation"), [(None, "series_gpu")], unit="percent", high=100.0, parent=self
        )
        self.memory = MetricTile(
            theme, tr("GPU memory"), [(None, "series_memory")], unit="percent", high=100.0, parent=self
        )
        self.temperature = MetricTile(
            theme, tr("Temperature"), [(None, "warn")], unit="celsius", high=100.0, parent=self
        )
        self.power = MetricTile(theme, tr("Power"), [(None, "series_train")], unit="watts", parent=self)
        for tile in (self.utilisation, self.memory, self.temperature, self.power):
            row.addWidget(tile, 1)
        self._details = Label(role="caption", parent=self)
        self.body.addWidget(self._details)

    def show_gpu(self, gpu: Gpu, history: History) -> None:
        """Draw the newest look at the card."""
        name = gpu.name or str(tr("Unknown card"))
        self.set_title(tr("GPU {index}: {name}", index=gpu.index, name=name))
        self.badge.set_state(*_state(gpu))
        ages, key = history.ages(), f"gpu:{gpu.uuid}:"
        for tile, series, value, text in (
            (self.utilisation, "utilisation", gpu.utilisation_percent, "{:.0f} %"),
            (self.temperature, "temperature", gpu.temperature_celsius, "{:.0f} °C"),
            (self.power, "power", gpu.power_watts, "{:.0f} W"),
        ):
            reading = "" if value.number is None else text.format(value.number)
            tile.set_reading(reading, note=self._note(series, gpu), reason=reason_of(value))
            tile.set_history(ages, history.series(key + series))
        used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
        self.memory.set_reading(
            memory_size(used.number) if used.number is not None else "",
            note=str(tr("of {total}", total=memory_size(total.number))) if total.number is not None else "",
            reason=reason_of(used),
        )
        self.memory.set_history(ages, history.series(key + "memory"))
        details = "" if gpu.lost else _details(gpu)
        self._details.say(details)
        self._details.setVisible(bool(details))
        tiles = (self.utilisation, self.memory, self.temperature, self.power)
        self.setAccessibleDescription(
            ", ".join(f"{tile.accessibleName()} {tile.accessibleDescription()}" for tile in tiles)
        )

    def _note(self, series: str, gpu: Gpu) -> str:
        limit = gpu.power_limit_watts.number
        if series == "power" and limit is not None and gpu.power_watts.known:
            return str(tr("limit {limit}", limit=f"{limit:.0f} W"))
        return ""


def reason_of(value: Value) -> Text | None:
    """Why a value is missing, in words; None where it is not."""
    return absence_words(value.absence) if value.absence is not None else None


def _state(gpu: Gpu) -> tuple[str, Text]:
    if gpu.lost:
        return "bad", tr("Lost")
    if gpu.refused:
        return "warn", tr("No permission")
    degrees = gpu.temperature_celsius.number
    if degrees is not None and degrees >= HOT_CELSIUS:
        return "warn", tr("Hot")
    load = gpu.utilisation_percent.number
    if load is None:
        return "neutral", tr("Load unknown")
    return ("busy", tr("Busy")) if load >= 5 else ("good", tr("Idle"))


def _details(gpu: Gpu) -> str:
    parts: list[str] = []
    clock, top = gpu.clock_mhz.number, gpu.clock_max_mhz.number
    if clock is not None and top is not None:
        parts.append(str(tr("Clock {clock} of {top} MHz", clock=f"{clock:.0f}", top=f"{top:.0f}")))
    elif clock is not None:
        parts.append(str(tr("Clock {clock} MHz", clock=f"{clock:.0f}")))
    if gpu.memory_clock_mhz.number is not None:
        parts.append(str(tr("memory clock {clock} MHz", clock=f"{gpu.memory_clock_mhz.number:.0f}")))
    if gpu.fan_percent.number is not None:
        parts.append(str(tr("fan {percent} %", percent=f"{gpu.fan_percent.number:.0f}")))
    elif gpu.fan_percent.absence is not None and parts:
        parts.append(str(tr("fan unknown")))
    if gpu.compute_capability is not None:
        capability = ".".join(map(str, gpu.compute_capability))
        parts.append(str(tr("compute capability {capability}", capability=capability)))
    return "  ·  ".join(parts)
