"""The history on the Hardware page: up to a day to look back, to compare cards over and to save."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, QTimer, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import reason
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.hardware_parts.timeline_plots import TimelinePlots
from aienv_gui.gui.pages.hardware_parts.timeline_quantities import QUANTITIES, Quantity, card_colour, reading
from aienv_gui.gui.pages.hardware_parts.timeline_saving import SaveButton
from aienv_gui.gui.plots.band_lane import Band
from aienv_gui.gui.plots.time_range import TimeRange
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.choice import Choice
from aienv_gui.gui.widgets.flow import FlowRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.hardware.card_names import short_name
from aienv_gui.hardware.csv_export import headings
from aienv_gui.hardware.day_record import DAY_S, PERIOD_S, Day, read
from aienv_gui.hardware.driver_words import absence_words
from aienv_gui.hardware.look_back import TimeLine, between, fill_gaps, look_back
from aienv_gui.hardware.readings import Gpu, Snapshot

_SPANS: Final = (
    (600.0, tr("10 minutes")),
    (3600.0, tr("1 hour")),
    (6 * 3600.0, tr("6 hours")),
    (24 * 3600.0, tr("24 hours")),
)
_UNREADABLE: Final = "unreadable_day"
_LIVE_S: Final = 1200.0  # a longer stretch moves by less than a pixel a second: new readings come with the disk's


class TimelineCard(Card):
    """Follows the newest readings until the user looks back, by mouse, keyboard or *Pause*; then it stands still."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("History"), parent)
        self._services = services
        self._snapshot: Snapshot | None = None
        self._day = Day()
        self._read_at = 0.0  # seconds since the epoch
        self._reading: Job | None = None
        self._stale = False  # not drawn since the newest readings
        self._catch_up = QTimer(self)
        self._catch_up.setSingleShot(True)
        self._catch_up.timeout.connect(self._draw)
        self._hidden_cards: set[str] = set()
        self.range = TimeRange(self, width=_SPANS[0][0])
        self.range.changed.connect(self._on_range)
        self.span = Choice(tr("How much is shown"), _SPANS, self)
        self.span.chosen.connect(self.range.follow)
        self.pause = Button(tr("Pause"), icon="pause", parent=self)
        self.pause.clicked.connect(self._on_pause)
        self.plots = TimelinePlots(services.theme, self.range, self)
        self.plots.lane.chosen.connect(self._open_run)
        self.save = SaveButton(services, self)
        self.save.table_chosen.connect(self._save_table)
        self.save.picture_chosen.connect(self._save_picture)
        self.save.saved.connect(self._on_saved)
        self.save.failed.connect(self._on_failed)
        for widget in (self.span, self.pause, self.save):
            self.header.addWidget(widget)
        self._make_toggles()
        self.remark = Label(role="caption", parent=self)
        self.saved = Label(role="caption", parent=self)
        for label in (self.remark, self.saved):
            label.hide()
        self.failure = ProblemView(services, self)
        for row in (self.failure, self.remark, self.saved, self.plots):
            self.body.addWidget(row)
        services.runs.changed.connect(self._show_runs)
        services.hardware.record_changed.connect(self._show_remark)

    def _make_toggles(self) -> None:
        chosen = self._services.settings.get("history_quantities")
        row = FlowRow(self)
        self.quantities: dict[str, Button] = {}
        for quantity in QUANTITIES:
            button = Button(quantity.short, kind="toggle", parent=row)
            button.setChecked(quantity.name in chosen)
            button.toggled.connect(self._on_quantity)
            row.add(button)
            self.quantities[quantity.name] = button
        self._card_row = FlowRow(self)
        self.cards: dict[str, Button] = {}
        self.body.addWidget(row)
        self.body.addWidget(self._card_row)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Take the newest look; draws what has changed by it."""
        cards_changed = self._snapshot is None or _identities(self._snapshot) != _identities(snapshot)
        self._snapshot = snapshot
        if cards_changed:
            self._make_card_toggles(snapshot.gpus)
            self._arrange()
        self._offer_quantities(snapshot.gpus)
        self._read_day(snapshot.time)
        if self._services.runs.live:
            self._show_runs()  # their bars grow
        low, high = self.range.value()
        if high - low <= _LIVE_S:
            self._draw()

    def line(self, keys: list[str] | None = None) -> TimeLine:
        """The readings that are known; of what is shown, or of `keys`."""
        return look_back(self._day, self._services.hardware.history, self.plots.keys() if keys is None else keys)

    # What is shown.

    def _make_card_toggles(self, gpus: tuple[Gpu, ...]) -> None:
        for button in self.cards.values():
            button.hide()
            button.deleteLater()
        self.cards = {}
        for place, gpu in enumerate(gpus):
            button = Button(short_name(gpu, gpus), kind="toggle", parent=self._card_row)
            button.setIconSize(QSize(16, 16))
            show_icon(button, "swatch", card_colour(place))
            button.setToolTip(gpu.name)
            button.setChecked(gpu.uuid not in self._hidden_cards)
            button.toggled.connect(self._on_card)
            self._card_row.add(button)
            self.cards[gpu.uuid] = button
        self._card_row.setVisible(len(gpus) > 1)

    def _offer_quantities(self, gpus: tuple[Gpu, ...]) -> None:
        for quantity in QUANTITIES:
            button = self.quantities[quantity.name]
            button.setVisible(bool(gpus) or not quantity.of_cards)
            if quantity.of_cards and gpus:
                self._offer(quantity, button, gpus)

    def _offer(self, quantity: Quantity, button: Button, gpus: tuple[Gpu, ...]) -> None:
        """What no card tells is not offered, and why."""
        values = [reading(gpu, quantity.name) for gpu in gpus]
        absence = values[0].absence
        offered = absence is None or any(value.known for value in values) or quantity.name in self.plots.plots
        if offered != button.isEnabled():
            button.setEnabled(offered)
            say(button, "setToolTip", tr("") if offered or absence is None else absence_words(absence))

    def _arrange(self) -> None:
        if self._snapshot is not None:
            gpus = self._snapshot.gpus
            shown = [name for name, button in self.quantities.items() if button.isChecked()]
            self.plots.arrange(gpus, shown, [gpu.uuid for gpu in gpus if gpu.uuid not in self._hidden_cards])
            self._draw()
            self._show_runs()

    @Slot()
    def _draw(self) -> None:
        self._stale = self.visibleRegion().isEmpty()  # scrolled out of sight
        if not self._stale:
            self.plots.show_line(self.line())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._stale:
            self._stale = False
            self._catch_up.start()

    @Slot(bool)
    def _on_quantity(self, _on: bool) -> None:
        shown = [name for name, button in self.quantities.items() if button.isChecked()]
        try:
            self._services.settings.set("history_quantities", shown)
        except Problem as problem:
            self.failure.show_problem(problem)
        self._arrange()

    @Slot(bool)
    def _on_card(self, _on: bool) -> None:
        self._hidden_cards = {uuid for uuid, button in self.cards.items() if not button.isChecked()}
        self._arrange()

    @Slot()
    def _show_runs(self) -> None:
        since = time.time() - DAY_S
        spans = [span for span in self._services.runs.spans() if span.end > since]
        self.plots.show_bands([Band(span.begin, span.end, span.name, span.folder) for span in spans])

    @Slot(object)
    def _open_run(self, folder: object) -> None:
        self._services.navigator.open("train", folder)

    # Saving.

    @Slot(str)
    def _save_table(self, file: str) -> None:
        if self._snapshot is not None:
            columns = headings(self._snapshot)
            low, high = self.range.value()
            self.save.save_table(file, between(self.line(list(columns)), low, high), columns)

    @Slot(str)
    def _save_picture(self, file: str) -> None:
        self.save.save_picture(file, self.plots, self.plots.parts())

    @Slot(object)
    def _on_saved(self, file: Path) -> None:
        self.failure.clear()
        self.saved.say(tr("Saved as {path}.", path=file))
        self.saved.show()

    # Following and standing still.

    @Slot()
    def _on_pause(self) -> None:
        self.range.choose(None if self.range.chosen is not None else self.range.value())

    @Slot()
    def _on_range(self) -> None:
        still = self.range.chosen is not None
        self.pause.say(tr("Back to now") if still else tr("Pause"))
        self.pause.set_icon("play" if still else "pause")
        self._draw()

    # The day on the disk.

    def _read_day(self, now: float) -> None:
        path = self._services.hardware.day_file
        if path is None or self._reading is not None or abs(now - self._read_at) < PERIOD_S:
            return
        self._read_at = now
        self._reading = self._services.jobs.start(tr("Read the last day"), read_day, path, now, quiet=True)
        self._reading.succeeded.connect(self._on_day)
        self._reading.failed.connect(self._on_failed)
        self._reading.finished.connect(self._on_read)

    @Slot(object)
    def _on_day(self, day: Day) -> None:
        self._day = day
        if self.failure.problem is not None and self.failure.problem.code == _UNREADABLE:
            self.failure.clear()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.saved.hide()
        self.failure.show_problem(problem)

    @Slot()
    def _on_read(self) -> None:
        self._reading = None
        self._draw()

    @Slot()
    def _show_remark(self) -> None:
        problem = self._services.hardware.record_problem
        self.remark.setVisible(problem is not None)
        if problem is not None:
            self.remark.say(tr("Only the last ten minutes are kept for now. {title}", title=problem.title))


def read_day(path: Path, now: float, _reporter: Reporter) -> Day:
    """The day before `now` as it was written down. Raises `Problem`."""
    try:
        return fill_gaps(read(path, now))
    except OSError as error:
        raise Problem(
            tr("The readings of the last day cannot be read."),
            cause=tr("{path}: {reason}", path=path, reason=reason(error)),
            cure=tr("Delete this file, or give yourself permission to read it; AIEnv makes a new one."),
            code=_UNREADABLE,
        ) from error


def _identities(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(gpu.uuid, gpu.name) for gpu in snapshot.gpus]
