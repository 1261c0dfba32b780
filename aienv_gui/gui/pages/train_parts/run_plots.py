"""Loss, accuracy and the machine's load on one time axis."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, percent, tr
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.services import Services
from aienv_gui.training.records import Array, LoadCurve, Run

_HEIGHT: Final = 210
_LOW_HEIGHT: Final = 110  # of the curves alone
_CURVES: Final = {
    "cpu": (tr("CPU"), "series_cpu"),
    "memory": (tr("memory"), "series_memory"),
    "gpu": (tr("GPU"), "series_gpu"),
    "gpu_memory": (tr("GPU memory"), "series_network"),
    "waiting": (tr("waiting for data"), "series_disk"),
    "gpu_celsius": (tr("GPU"), "series_gpu"),
    "gpu_watts": (tr("GPU"), "series_gpu"),
}
_PLOTS: Final = {
    "load": ("cpu", "memory", "gpu", "gpu_memory", "waiting"),
    "temperature": ("gpu_celsius",),
    "power": ("gpu_watts",),
}
_ALWAYS: Final[dict[str, tuple[str, ...]]] = {"load": ("cpu", "memory")}
_READINGS: Final[dict[str, tuple[Text, str, tuple[float, float] | None, float | None]]] = {
    "load": (tr("This computer"), "percent", (0.0, 100.0), None),
    "temperature": (tr("GPU temperature"), "celsius", None, None),
    "power": (tr("GPU power"), "watts", None, 0.0),
}


class RunPlots(QWidget):
    """Plots below each other, linked; they redraw themselves together while visible, as often as it is cheap."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        curves = (
            ("steps", tr("each step"), "control_line"),
            ("training", tr("training"), "series_train"),
            ("validation", tr("validation"), "series_validation"),
        )
        theme = services.theme
        dots = {"validation"}
        self.loss = TimePlot(theme, tr("Loss"), curves, y_floor=0.0, dots=dots, parent=self)
        self.accuracy = TimePlot(theme, tr("Accuracy"), curves, unit="fraction", y_range=(0, 1), dots=dots, parent=self)
        self._column = column
        for plot in (self.loss, self.accuracy):
            plot.setFixedHeight(_HEIGHT)
            plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            column.addWidget(plot)
        self.accuracy.link_x(self.loss)
        self.readings: dict[str, TimePlot] = {}
        self._shown: dict[str, tuple[str, ...]] = {}  # their curves
        self._show_readings(_ALWAYS)

    def _show_readings(self, wanted: dict[str, tuple[str, ...]]) -> None:
        """Have the plots of the machine's readings with these curves, below the others."""
        if wanted == self._shown:
            return
        for plot in self.readings.values():
            self._column.removeWidget(plot)
            plot.hide()
            plot.leave()
            plot.deleteLater()
        self._shown, self.readings = wanted, {}
        for name, keys in wanted.items():
            title, unit, limits, floor = _READINGS[name]
            series = [(key, *_CURVES[key]) for key in keys]
            theme = self._services.theme
            plot = TimePlot(theme, title, series, unit=unit, y_range=limits, y_floor=floor, parent=self)
            plot.set_canvas_height(_LOW_HEIGHT)
            plot.link_x(self.loss)
            self._column.addWidget(plot)
            self.readings[name] = plot
        plots = self._all()
        for plot in plots:
            plot.show_time_axis(plot is plots[-1])

    def clear(self) -> None:
        for plot in self._all():
            plot.clear()
        self._show_readings(_ALWAYS)

    def show_run(self, run: Run) -> None:
        """Draw a run's curves; cheap enough for several times a second."""
        training, validation = run.training, run.validation
        for plot, name in ((self.loss, "loss"), (self.accuracy, "accuracy")):
            plot.set_series("steps", training.seconds, getattr(training, name))
            plot.set_series("training", training.seconds, getattr(training, f"{name}_trend"))
            plot.set_series("validation", validation.seconds, getattr(validation, name))
            plot.set_markers([(c.seconds, _checkpoint_words(c.step, c.reason)) for c in run.checkpoints])
        self.loss.set_summary(_loss_words(run))
        self.accuracy.set_summary(_accuracy_words(run))
        numbers = run.start is not None and run.start.numbers
        self.accuracy.set_title(tr("Share of the differences explained") if numbers else tr("Accuracy"))
        self._show_load(run.load)

    def _show_load(self, load: LoadCurve) -> None:
        known = {key for key in _CURVES if np.isfinite(getattr(load, key)).any()}
        # A curve that was there stays to the end of the run.
        wanted = {
            name: tuple(key for key in keys if key in known or key in self._shown.get(name, ()))
            for name, keys in _PLOTS.items()
        }
        self._show_readings({name: keys for name, keys in wanted.items() if keys})
        for name, plot in self.readings.items():
            for key in self._shown[name]:
                plot.set_series(key, load.seconds, getattr(load, key))
        if len(load.seconds):
            self.readings["load"].set_summary(tr("CPU {cpu} busy", cpu=percent(_newest(load.cpu) / 100)))

    def _all(self) -> list[TimePlot]:
        return [self.loss, self.accuracy, *self.readings.values()]


def _newest(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else 0.0


def _checkpoint_words(step: int, reason: str) -> Text:
    if reason == "best":
        return tr("Checkpoint at step {step}, the best so far", step=step)
    return tr("Checkpoint at step {step}", step=step)


def _loss_words(run: Run) -> Text:
    loss = run.training.loss
    if len(loss) < 2:
        return tr("No points yet")
    tenth = max(1, len(loss) // 10)
    now, before = float(np.mean(loss[-tenth:])), float(np.mean(loss[-3 * tenth : -tenth] if len(loss) > 3 else loss))
    if now < 0.97 * before:
        return tr("Loss {value}, falling", value=f"{now:.3g}")
    if now > 1.03 * before:
        return tr("Loss {value}, rising", value=f"{now:.3g}")
    return tr("Loss {value}, steady", value=f"{now:.3g}")


def _accuracy_words(run: Run) -> Text:
    if not len(run.validation):
        return tr("No validation yet")
    if run.start is not None and run.start.numbers:
        return tr(
            "Of the differences in the validation {now} is explained, best {best}",
            now=percent(float(run.validation.accuracy[-1]), digits=1),
            best=percent(run.best_accuracy or 0.0, digits=1),
        )
    return tr(
        "Validation accuracy {now}, best {best}",
        now=percent(float(run.validation.accuracy[-1]), digits=1),
        best=percent(run.best_accuracy or 0.0, digits=1),
    )
