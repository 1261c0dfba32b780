"""Loss, accuracy and the machine's load on one time axis."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, percent, tr
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.services import Services
from aienv_gui.training.records import LoadCurve, Run

_HEIGHT, _LOW_HEIGHT = 210, 150


class RunPlots(QWidget):
    """Three plots below each other, linked; they redraw themselves together while visible, as often as it is cheap."""

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
        self.load: TimePlot | None = None
        self._with_gpu = False
        self._column = column
        for plot in (self.loss, self.accuracy):
            plot.setFixedHeight(_HEIGHT)
            plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            plot.show_time_axis(False)
            column.addWidget(plot)
        self.accuracy.link_x(self.loss)
        self._make_load(with_gpu=False)

    def _make_load(self, *, with_gpu: bool) -> None:
        if self.load is not None:
            self._column.removeWidget(self.load)
            self.load.hide()
            self.load.leave()
            self.load.deleteLater()
        series = [("cpu", tr("CPU"), "series_cpu"), ("memory", tr("memory"), "series_memory")]
        if with_gpu:
            series += [("gpu", tr("GPU"), "series_gpu"), ("gpu_memory", tr("GPU memory"), "series_network")]
        self._with_gpu = with_gpu
        plot = TimePlot(
            self._services.theme, tr("This computer"), series, unit="percent", y_range=(0, 100), parent=self
        )
        plot.setFixedHeight(_LOW_HEIGHT)
        plot.link_x(self.loss)
        self._column.addWidget(plot)
        self.load = plot

    def clear(self) -> None:
        for plot in self._all():
            plot.clear()

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
        self._show_load(run.load)

    def _show_load(self, load: LoadCurve) -> None:
        with_gpu = bool(np.isfinite(load.gpu).any() or np.isfinite(load.gpu_memory).any())
        if with_gpu and not self._with_gpu:
            self._make_load(with_gpu=True)
        assert self.load is not None
        keys = ("cpu", "memory", "gpu", "gpu_memory") if self._with_gpu else ("cpu", "memory")
        for key in keys:
            self.load.set_series(key, load.seconds, getattr(load, key))
        if len(load.seconds):
            self.load.set_summary(tr("CPU {cpu} busy", cpu=percent(float(load.cpu[-1]) / 100)))

    def _all(self) -> list[TimePlot]:
        return [plot for plot in (self.loss, self.accuracy, self.load) if plot is not None]


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
    return tr(
        "Validation accuracy {now}, best {best}",
        now=percent(float(run.validation.accuracy[-1]), digits=1),
        best=percent(run.best_accuracy or 0.0, digits=1),
    )
