"""*Try it* for forecasts: what comes after the end of a table, drawn and in numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, shortened, tr, tr_count
from aienv_gui.gui.pages.model_parts.try_it import TryIt
from aienv_gui.gui.plots.series_plot import Band, Line, SeriesPlot
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import TABLES, ask_for_file
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_WIDTH = 220
_NUMBERS_HEIGHT = 110


class TryForecast(TryIt):
    prompt = tr("Choose a table that ends where the forecast is to begin; at first it is that of the training.")
    trying = tr("Forecast")

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        self.table: Path | None = None
        super().__init__(services, parent)
        self.bars.hide()
        self.plot = SeriesPlot(services.theme, services.language, tr("What was and what is forecast"), self)
        self.numbers = QPlainTextEdit(self)
        self.numbers.setReadOnly(True)
        self.numbers.setProperty("role", "mono")
        self.numbers.setTabChangesFocus(True)
        self.numbers.setFixedHeight(_NUMBERS_HEIGHT)
        say(self.numbers, "setAccessibleName", tr("The forecast in numbers"))
        self.copy = Button(tr("Copy as table"), kind="link", icon="copy", parent=self)
        self.copy.clicked.connect(self._on_copy)
        self._below_note.addWidget(self.plot)
        self._below_note.addWidget(self.numbers)
        self._below_note.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        self._show_parts(False)

    def _make_input(self) -> QWidget:
        left = QWidget(self)
        left.setFixedWidth(_WIDTH)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        self.file = Label(role="mono", parent=left)
        self.choose = Button(tr("Choose table..."), icon="folder", parent=left)
        self.choose.clicked.connect(self._on_choose)
        self.button = Button(tr("Forecast"), icon="play", parent=left)
        self.button.clicked.connect(self._ask)
        column.addWidget(self.file)
        column.addWidget(self.choose, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return left

    @Slot(str)
    def try_table(self, path: str) -> None:
        """Take a table and ask the model what comes after its end."""
        if path and self._model is not None:
            self._take(Path(path))
            self._ask()

    def _take(self, table: Path | None) -> None:
        self.table = table
        self.file.say(table.name if table is not None else "")
        self.file.setToolTip(str(table or ""))
        self.button.setEnabled(table is not None)
        self._show_parts(False)

    def _show_parts(self, shown: bool) -> None:
        for widget in (self.plot, self.numbers, self.copy):
            widget.setVisible(shown)

    def _request(self) -> dict[str, Any] | None:
        return {"table": str(self.table)} if self.table is not None else None

    def _forget_input(self) -> None:
        told = str(self._model.card.get("data", {}).get("folder", "")) if self._model is not None else ""
        self._take(Path(told) if told else None)

    def _show_result(self, result: dict[str, Any]) -> Text:
        before, forecast = result["before"], result["forecast"]
        was = [math.nan if value is None else float(value) for value in before["values"]]
        comes = [float(value) for value in forecast["values"]]
        labels = [*map(str, before["labels"]), *map(str, forecast["labels"])]
        end = len(was) - 1
        reach = [float(distance) for distance in forecast.get("reach", ())]  # older models tell none
        sentence = _sentence(str(self._model.card.get("target", "")) if self._model else "", comes, labels)
        if reach:
            sentence = tr(
                "{forecast} {tenths} of 10 such forecasts were off by no more than {reach} (the tinted range).",
                forecast=sentence,
                tenths=f"{10 * float(forecast['share']):.3g}",
                reach=f"{reach[-1]:.4g}",
            )
        self.plot.show_lines(
            (
                Line(tr("so far"), "series_train", range(len(was)), was),
                # From the last value on, so that the line has no hole.
                Line(tr("forecast"), "series_validation", range(end, end + len(comes) + 1), [was[-1], *comes]),
            ),
            sentence,
            (labels[0], labels[-1]),
            band=_band(end, was[-1], comes, reach) if reach else None,
            labels=tuple(enumerate(labels)),
        )
        ranges = [f"\t{value - off:.6g}\t{value + off:.6g}" for value, off in zip(comes, reach, strict=False)]
        rows = zip(forecast["labels"], comes, ranges or [""] * len(comes), strict=True)
        self.numbers.setPlainText("\n".join(f"{label}\t{value:.6g}{told}" for label, value, told in rows))
        self._show_parts(True)
        return sentence

    def _show_warnings(self, warnings: list[Text]) -> None:
        names = {f"line{index}": warning for index, warning in enumerate(warnings)}
        self.note.say(Text("\n".join(f"{{{name}}}" for name in names), names))
        self.note.show()

    def _on_problem(self, problem: Any) -> None:
        self._show_parts(False)
        super()._on_problem(problem)

    @Slot()
    def _on_choose(self) -> None:
        title = tr("Choose the table to go on from")
        ask_for_file(self, title, self.try_table, kind=tr("Tables"), patterns=TABLES)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.numbers.toPlainText())


def _band(end: int, last: float, comes: list[float], reach: list[float]) -> Band:
    """From the last value on, which is known; where it is missing, from the first forecast on."""
    places, middle, off = [*range(end, end + len(comes) + 1)], [last, *comes], [0.0, *reach]
    if math.isnan(last):
        places, middle, off = places[1:], middle[1:], off[1:]
    low = [value - distance for value, distance in zip(middle, off, strict=True)]
    high = [value + distance for value, distance in zip(middle, off, strict=True)]
    return Band(tr("range"), "series_validation", places, low, high)


def _sentence(target: str, comes: list[float], labels: list[str]) -> Text:
    return tr_count(
        "“{target}” is forecast to be {last} at {end}.",
        "“{target}” is forecast to be {last} at {end}, {count} rows ahead.",
        len(comes),
        target=shortened(target),
        last=f"{comes[-1]:.5g}",
        end=labels[-1],
    )
