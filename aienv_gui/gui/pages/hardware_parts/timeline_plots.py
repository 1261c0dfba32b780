"""The plots of the history below each other, on one time axis: a curve a card, or the machine's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from PySide6.QtWidgets import QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.gui.pages.hardware_parts.timeline_quantities import QUANTITIES, Quantity
from aienv_gui.gui.plots.band_lane import Band, BandLane
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.gui.theme import Theme
from aienv_gui.hardware.look_back import TimeLine
from aienv_gui.hardware.readings import Gpu

_HEIGHT: Final = 124  # of the curves, without the names above them


class TimelinePlots(QWidget):
    """Makes a plot when its quantity is first shown, and anew when other cards are there."""

    def __init__(self, theme: Theme, time_range: TimeRange, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._range = time_range
        self._cards: tuple[str, ...] = ()
        self.plots: dict[str, TimePlot] = {}
        self._curves: dict[str, tuple[tuple[str, Text, str], ...]] = {}
        self._bands: tuple[Band, ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.lane = BandLane(theme, tr("Trainings"), time_range, self)
        self.lane.hide()
        self._column.addWidget(self.lane)

    def keys(self) -> list[str]:
        """What the plots that are shown need of the history."""
        return [key for name in self.plots for key, _, _ in self._curves[name]]

    def parts(self) -> list[QWidget]:
        """What it consists of, for a picture."""
        return [self.lane, *self.plots.values()]

    def arrange(self, gpus: Sequence[Gpu], quantities: Collection[str], cards: Collection[str]) -> None:
        """Show these quantities, of these `cards` (UUIDs) among all `gpus`."""
        there = tuple(gpu.uuid for gpu in gpus)
        wanted = [q for q in QUANTITIES if q.name in quantities and (gpus or not q.of_cards)]
        gone = [name for name in self.plots if name not in {q.name for q in wanted}]
        if there != self._cards:
            self._cards = there
            gone = list(self.plots)
        for name in gone:
            self._remove(name)
        for place, quantity in enumerate(wanted):
            if quantity.name not in self.plots:
                self._add(place, quantity, gpus)
            if quantity.of_cards:
                self.plots[quantity.name].set_shown(
                    [key for (key, _, _), uuid in zip(self._curves[quantity.name], there, strict=True) if uuid in cards]
                )
        self.plots = {quantity.name: self.plots[quantity.name] for quantity in wanted}
        for place, plot in enumerate(self.plots.values()):
            plot.show_time_axis(place == len(wanted) - 1)

    def show_line(self, line: TimeLine) -> None:
        """Draw these readings, which hold all `keys`."""
        for name, plot in self.plots.items():
            plot.set_curves(line.times, {key: line.values[key] for key, _, _ in self._curves[name]})

    def show_bands(self, bands: Sequence[Band]) -> None:
        self._bands = tuple(bands)
        self.lane.set_bands(bands)
        self.lane.setVisible(bool(bands))
        for plot in self.plots.values():
            self._tint(plot)

    def _tint(self, plot: TimePlot) -> None:
        plot.set_bands([(band.begin, band.end, verbatim(band.name)) for band in self._bands])

    def _add(self, place: int, quantity: Quantity, gpus: Sequence[Gpu]) -> None:
        curves = quantity.curves(gpus)
        plot = TimePlot(
            self._theme,
            quantity.title,
            curves,
            unit=quantity.unit,
            time_range=self._range,
            y_range=quantity.y_range,
            y_floor=quantity.y_floor,
            parent=self,
        )
        plot.set_canvas_height(_HEIGHT)
        self.plots[quantity.name], self._curves[quantity.name] = plot, curves
        self._column.insertWidget(place + 1, plot)
        self._tint(plot)

    def _remove(self, name: str) -> None:
        plot = self.plots.pop(name)
        del self._curves[name]
        self._column.removeWidget(plot)
        plot.hide()
        plot.leave()
        plot.deleteLater()
