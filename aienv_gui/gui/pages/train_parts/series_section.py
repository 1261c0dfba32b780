"""A time series to learn from: the sample or a table of the user's own; which column is forecast, how far ahead."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import QSignalBlocker, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.train_parts.data_section import AskedSection, Words, show_lines, with_retry
from aienv_gui.gui.plots.series_plot import Line, SeriesPlot, Stretch
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.file_dialog import TABLES, ask_for_file
from aienv_gui.gui.widgets.flow import FlowRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.number import NumberField
from aienv_gui.gui.widgets.tick_list import Tick, TickList
from aienv_gui.gui.words import say
from aienv_gui.training import samples
from aienv_gui.training.series_inspection import AskedSeries, SeriesInspection

_ROWS_SHOWN = 5
_WORDS = Words(
    title=tr("Series of numbers"),
    samples=(
        (
            samples.CARBON_DIOXIDE,
            tr("Carbon dioxide"),
            tr("A sample of 44 years of air on a mountain, week by week: how does it go on? Ready to use"),
        ),
    ),
    own=(
        tr("A series of my own"),
        tr("CSV, Excel or Parquet: a row for each moment, a column of numbers, perhaps one of dates"),
    ),
    choose=tr("Choose file..."),
    nothing_chosen=tr("No file chosen"),
    look=tr("Look at the series"),
    looking=tr("Looking at the series"),
    looked_at=tr("The series is being looked at."),
    choose_first=tr("Choose a file with a series."),
    unusable=tr("This series cannot be trained on."),
)


class SeriesSection(AskedSection):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        self._shown = (0, 0)  # the window and the horizon as they were found
        super().__init__(services, _WORDS, AskedSeries(), parent)
        services.language.changed.connect(self._on_language)

    def _make_found(self) -> QWidget:
        found, column = self._column()
        self._summary = Label(role="strong", parent=found)
        column.addWidget(self._summary)
        self.target, self.time = QComboBox(found), QComboBox(found)
        for box in (self.target, self.time):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.setMaximumWidth(320)
            box.activated.connect(self._on_asked)
        self.horizon, self.window_length = NumberField(found), NumberField(found)
        for field in (self.horizon, self.window_length):
            field.setRange(1, 100_000)
            field.setKeyboardTracking(False)  # a number half typed is not looked at
            field.valueChanged.connect(self._on_asked)
        named: tuple[tuple[Text, Text, QWidget], ...] = (
            (tr("Forecast"), tr("The column to forecast"), self.target),
            (tr("in the order of"), tr("The column of the time"), self.time),
            (tr("rows ahead"), tr("How many rows ahead it forecasts"), self.horizon),
            (tr("looking back at"), tr("How many rows it looks back at"), self.window_length),
        )
        choices = FlowRow(found)
        for words, meaning, widget in named:
            say(widget, "setAccessibleName", meaning)
            choices.add(_named(words, widget, choices))
        column.addWidget(choices)
        self.plot = SeriesPlot(self._services.theme, self._services.language, tr("The series"), found)
        self._split = Label(role="muted", parent=found)
        self._from = Label(tr("These columns are looked back at too; those without a tick are left out:"), parent=found)
        self.columns = TickList(tr("Other columns to look back at"), _ROWS_SHOWN, found)
        self._from.setBuddy(self.columns)
        self.columns.ticked.connect(self._on_ticked)
        self._warnings = Label(role="warn", parent=found)
        for part in (self.plot, self._split, self._from, self.columns, self._warnings):
            column.addWidget(part)
        return found

    # What the page asks.

    @property
    def inspection(self) -> SeriesInspection | None:
        return cast("SeriesInspection | None", self.found)

    @property
    def asked(self) -> AskedSeries:
        """What the user chose, the rest as it was guessed: so that it stays when the table grows."""
        found, chosen = self.inspection, cast("AskedSeries", self.choice)
        if found is None:
            return chosen
        return AskedSeries(found.target, found.time, chosen.leave_out, found.window, found.horizon)

    # The look at it.

    def _look(self, path: Path, python: Path) -> Job:
        folders = self._services.folders
        return self._services.jobs.start(
            self._words.look, run_work.inspect_series, path, self.sample, self.choice, python, 0, folders, quiet=True
        )

    def _ask(self) -> None:
        ask_for_file(self, tr("Choose the file with the series"), self._on_folder, kind=tr("Tables"), patterns=TABLES)

    def _show(self, found: SeriesInspection) -> None:
        whole = found.problem is None
        if found.problem is not None:
            self.problem.show_problem(with_retry(found.problem))
        for widget in (self.plot, self._split):
            widget.setVisible(whole)
        self._show_choices(found)
        self._show_columns(found)
        show_lines(self._warnings, found.warnings)
        if whole:
            self._show_course(found)
        else:
            self._summary.say(tr_count("One row", "{count:,} rows", found.rows))
        self._found.show()

    def _show_choices(self, found: SeriesInspection) -> None:
        chosen = cast("AskedSeries", self.choice)
        target, time = found.target or chosen.target, found.time if found.target else chosen.time
        blocked = [QSignalBlocker(field) for field in (self.window_length, self.horizon)]
        self.target.clear()
        self.target.addItems([column.name for column in found.columns if column.numeric or column.name == target])
        self.target.setCurrentIndex(self.target.findText(target))
        self.time.clear()
        self.time.addItem(str(tr("the rows as they stand")), "")
        for column in found.columns:
            if column.orders or column.name == time:
                self.time.addItem(column.name, column.name)
        self.time.setCurrentIndex(max(0, self.time.findData(time or "")))
        for field, value, asked in (
            (self.window_length, found.window, chosen.window),
            (self.horizon, found.horizon, chosen.horizon),
        ):
            if value or asked:
                field.setValue(value or asked)
        for one in blocked:
            one.unblock()
        self._shown = (self.window_length.value(), self.horizon.value())

    def _show_columns(self, found: SeriesInspection) -> None:
        leave_out = cast("AskedSeries", self.choice).leave_out
        self.columns.show_ticks(
            Tick(column.name, column.name, ticked=column.name not in leave_out)
            for column in found.columns
            if column.numeric and found.target and column.name not in (found.target, found.time)
        )
        for widget in (self._from, self.columns):
            widget.setVisible(self.columns.count() > 0)

    def _show_course(self, found: SeriesInspection) -> None:
        first, validation, test, last = found.labels
        summary = tr("{count:,} rows from {first} to {last}", count=found.length, first=first, last=last)
        if found.season:
            season = tr_count("each row", "every {count} rows", found.season)
            summary = tr("{rows}; it repeats itself {season}", rows=summary, season=season)
        self._summary.say(summary)
        split = dict(found.split or {})
        words = tr(
            "{train:,} forecasts to train with, until {validation}; {watched:,} to watch the training with "
            "(validation), until {test}; {tested:,} of what comes then, kept aside to test the result",
            train=split.get("train", 0),
            watched=split.get("validation", 0),
            tested=split.get("test", 0),
            validation=validation,
            test=test,
        )
        self._split.say(words)
        self.plot.show_lines(
            (Line(tr("{text}", text=found.target), "series_train", found.places, found.values),),
            words,
            (first, last),
            stretches=(
                Stretch(0, found.validation, tr("to train with")),
                Stretch(found.validation, found.test, tr("to watch with")),
                Stretch(found.test, found.length - 1, tr("to test with"), tinted=True),
            ),
        )

    # Events.

    @Slot()
    def _on_asked(self) -> None:
        found, chosen = self.inspection, cast("AskedSeries", self.choice)
        target, time = self.target.currentText(), str(self.time.currentData() or "")
        window, horizon = self.window_length.value(), self.horizon.value()
        # What was not touched stays the engine's to choose: another column has another season.
        self.choice = AskedSeries(
            target,
            time if chosen.time is not None or found is None or time != found.time else None,
            tuple(name for name in chosen.leave_out if name != target),
            window if chosen.window or window != self._shown[0] else 0,
            horizon if chosen.horizon or horizon != self._shown[1] else 0,
        )
        self.check(keep=True)

    @Slot()
    def _on_ticked(self) -> None:
        target, leave_out = self.target.currentText(), self.columns.unticked()
        chosen = cast("AskedSeries", self.choice)
        self.choice = AskedSeries(target, chosen.time, leave_out, chosen.window, chosen.horizon)
        self.check(keep=True)

    @Slot()
    def _on_language(self) -> None:
        if self.inspection is not None:
            self._show_choices(self.inspection)


def _named(words: Text, widget: QWidget, parent: QWidget) -> QWidget:
    """A widget with its words before it, which stay together where the line is too long."""
    pair = QWidget(parent)
    row = QHBoxLayout(pair)
    row.setContentsMargins(0, 0, 8, 0)
    row.setSpacing(8)
    label = Label(words, parent=pair)
    label.setWordWrap(False)
    label.setBuddy(widget)
    row.addWidget(label)
    row.addWidget(widget)
    return pair
