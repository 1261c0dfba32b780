"""The card of one GPU."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.plots.sparkline import MetricTile
from aienv_gui.gui.theme import Theme, show_icon
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.fact_grid import FactGrid
from aienv_gui.gui.widgets.fold import Fold
from aienv_gui.gui.widgets.steady_label import SteadyLabel
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.card_facts import facts_of
from aienv_gui.hardware.card_names import MAKER_NAMES
from aienv_gui.hardware.driver_words import absence_words
from aienv_gui.hardware.history import History, card_key
from aienv_gui.hardware.limits import hot_celsius
from aienv_gui.hardware.readings import Absence, Driver, Gpu, Maker, Value
from aienv_gui.hardware.report import card_lines
from aienv_gui.hardware.throttle_words import BY_WEIGHT, HOLDS_BACK, throttle_words


class GpuCard(Card):
    """Utilisation, memory, temperature and power with their last ten minutes; everything else is unfolded below."""

    def __init__(self, theme: Theme, uuid: str, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.uuid = uuid
        self._last: tuple[Gpu, Driver] | None = None
        self.swatch = QLabel(self)  # its colour where cards are compared
        self.swatch.setProperty("icon_size", 12)
        self.swatch.hide()
        self.header.insertWidget(0, self.swatch)
        self.badge = StateBadge(self)
        self.header.addWidget(self.badge)
        self._tiles = QGridLayout()
        self._tiles.setHorizontalSpacing(20)
        self._tiles.setVerticalSpacing(8)
        self.body.addLayout(self._tiles)
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
        self.tiles = (self.utilisation, self.memory, self.temperature, self.power)
        self._compact: bool | None = None
        self.set_compact(False)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        self._summary = SteadyLabel(parent=self)
        self.fold = Fold(tr("Details"), self)
        self.fold.toggled_open.connect(self._on_fold)
        self.copy = Button(tr("Copy"), kind="link", icon="copy", parent=self)
        self.copy.hint(tr("Copies all that is known of this card as text."))
        self.copy.clicked.connect(self._on_copy)
        self.copy.hide()
        foot.addWidget(self._summary, 1)
        foot.addWidget(self.copy)
        foot.addWidget(self.fold)
        self.body.addLayout(foot)
        self.facts: FactGrid | None = None

    def set_compact(self, compact: bool) -> None:
        """Two tiles in a row instead of four: for a card among many."""
        if compact == self._compact:
            return
        self._compact = compact
        columns = 2 if compact else 4
        for index, tile in enumerate(self.tiles):
            self._tiles.addWidget(tile, index // columns, index % columns)
        for column in range(4):
            self._tiles.setColumnStretch(column, 1 if column < columns else 0)

    def set_colour(self, role: str) -> None:
        """Show the colour of its curves among those of other cards; an empty role takes it away."""
        self.swatch.setVisible(bool(role))
        if role:
            show_icon(self.swatch, "swatch", role, "setPixmap")

    def show_gpu(self, gpu: Gpu, driver: Driver, history: History) -> None:
        """Draw the newest look at the card; `driver` is what its maker's driver said then."""
        self._last = (gpu, driver)
        self._show_title(gpu)
        self.badge.set_state(*_state(gpu))
        held = _held_back(gpu)
        self.badge.setToolTip(str(held) if held is not None else "")
        ages, key = history.ages(), card_key(gpu.uuid, "")
        for tile, series, value, text in (
            (self.utilisation, "utilisation", gpu.utilisation_percent, "{:.0f} %"),
            (self.temperature, "temperature", gpu.temperature_celsius, "{:.0f} °C"),
            (self.power, "power", gpu.power_watts, "{:.0f} W"),
        ):
            reading = "" if value.number is None else text.format(value.number)
            tile.set_reading(reading, note=_note(series, gpu), reason=reason_of(value))
            tile.set_history(ages, history.series(key + series))
        used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
        self.memory.set_reading(
            memory_size(used.number) if used.number is not None else "",
            note=str(tr("of {total}", total=memory_size(total.number))) if total.number is not None else "",
            reason=reason_of(used),
        )
        self.memory.set_history(ages, history.series(key + "memory"))
        summary = "" if gpu.lost or gpu.asleep else _summary(gpu)
        self._summary.setText(summary)
        self.setAccessibleDescription(
            ", ".join(f"{tile.accessibleName()} {tile.accessibleDescription()}" for tile in self.tiles)
        )
        if self.facts is not None and self.fold.open:
            self.facts.show_groups(facts_of(gpu, driver))

    def _show_title(self, gpu: Gpu) -> None:
        name = gpu.name or str(tr("Unknown card"))
        if gpu.maker is Maker.NVIDIA:
            title = tr("GPU {index}: {name}", index=gpu.index, name=name)
        else:
            title = tr("{maker} GPU {index}: {name}", maker=MAKER_NAMES[gpu.maker], index=gpu.index, name=name)
        if str(title) != self.title.text():
            self.set_title(title)

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        if self.facts is None:
            self.facts = FactGrid(self)
            self.body.addWidget(self.facts)
        if self._last is not None:
            self.facts.show_groups(facts_of(*self._last))
        self.facts.setVisible(unfolded)
        self.copy.setVisible(unfolded)

    @Slot()
    def _on_copy(self) -> None:
        if self._last is not None:
            QGuiApplication.clipboard().setText("\n".join(card_lines(*self._last)) + "\n")


def reason_of(value: Value) -> Text | None:
    """Why a value is missing, in words; None where it is not."""
    return absence_words(value.absence) if value.absence is not None else None


def _note(series: str, gpu: Gpu) -> str:
    limit = gpu.power_limit_watts.number
    if series == "power" and limit is not None and gpu.power_watts.known:
        return str(tr("limit {limit}", limit=f"{limit:.0f} W"))
    return ""


def _held_back(gpu: Gpu) -> Text | None:
    """What keeps a card below what it could do, in a sentence; None where nothing does or it is not known."""
    if isinstance(gpu.throttle, Absence):
        return None
    reason = next((one for one in BY_WEIGHT if one in gpu.throttle and one in HOLDS_BACK), None)
    return throttle_words(reason) if reason is not None else None


def _state(gpu: Gpu) -> tuple[str, Text]:
    if gpu.lost:
        return "bad", tr("Lost")
    if gpu.asleep:
        return "neutral", tr("Asleep")
    if gpu.refused:
        return "warn", tr("No permission")
    degrees = gpu.temperature_celsius.number
    if degrees is not None and degrees >= hot_celsius(gpu):
        return "warn", tr("Hot")
    if _held_back(gpu) is not None:
        return "warn", tr("Held back")
    load = gpu.utilisation_percent.number
    if load is None:
        return "neutral", tr("Load unknown")
    return ("busy", tr("Busy")) if load >= 5 else ("good", tr("Idle"))


def _summary(gpu: Gpu) -> str:
    parts: list[str] = []
    if gpu.virtual:
        parts.append(str(tr("virtual card")))
    if gpu.mig:
        parts.append(str(tr("split into {count} parts", count=len(gpu.mig))))
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
    return "  ·  ".join(parts)
