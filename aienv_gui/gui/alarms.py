"""The alarms of the window: looked for with every snapshot and at every end of a training, kept until the end of the
program, and handed to whoever shows them."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from aienv_gui.core.settings import SettingsStore
from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.hardware_feed import HardwareFeed
from aienv_gui.gui.run_list import RunList
from aienv_gui.hardware.alarm_rules import AlarmKind, rules_from
from aienv_gui.hardware.alarms import Alarm, Alarms, RunEnd, alarm_of_run
from aienv_gui.hardware.readings import Snapshot
from aienv_gui.training.records import Run, RunState, RunSummary

PAUSE_S: Final = 3600.0
_KEPT: Final = 50


class AlarmWatch(QObject):
    """Lives in the GUI thread. `recent` holds the last alarms, the newest first, whether they were shown or not."""

    raised = Signal(object)  # Alarm: to be shown now
    changed = Signal()  # what is recent, or what lasts

    def __init__(
        self, settings: SettingsStore, hardware: HardwareFeed, runs: RunList, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._hardware = hardware
        self._runs = runs
        self._alarms = Alarms()
        self._lasting: tuple[str, ...] = ()
        self._running: set[Path] = set()
        self._quiet_until = 0.0  # on the monotonic clock
        self.recent: deque[Alarm] = deque(maxlen=_KEPT)
        hardware.sampled.connect(self._on_sampled)
        runs.updated.connect(self._on_run)
        runs.changed.connect(self._on_runs)

    @property
    def active(self) -> tuple[Alarm, ...]:
        """What lasts now."""
        return self._alarms.active

    @property
    def paused(self) -> bool:
        """Whether alarms are only kept, not shown."""
        return time.monotonic() < self._quiet_until

    def pause(self, seconds: float = PAUSE_S) -> None:
        """Show none for a while; 0 ends the pause."""
        self._quiet_until = time.monotonic() + seconds

    def show_sample(self) -> None:
        """Show how an alarm looks; it is not kept."""
        self.raised.emit(
            Alarm(
                AlarmKind.GPU_TEMPERATURE,
                "sample",
                "good",
                tr("This is how an alarm looks"),
                tr("Here stands what happened, with its numbers."),
                tr("Then follows what to do about it."),
                time.time(),
            )
        )

    def forget(self) -> None:
        """Empty the list of what happened; what lasts, lasts."""
        self.recent.clear()
        self.changed.emit()

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        told = self._alarms.look(snapshot, self._hardware.work, rules_from(self._settings.get))
        for alarm in told:
            self._tell(alarm)
        lasting = tuple(alarm.key for alarm in self._alarms.active)
        if told or lasting != self._lasting:
            self._lasting = lasting
            self.changed.emit()

    @Slot(object)
    def _on_run(self, run: Run) -> None:
        if self._has_ended(run.folder, run.state):
            self._tell_end(run.folder, run.state)

    @Slot()
    def _on_runs(self) -> None:
        items: tuple[RunSummary, ...] = self._runs.items
        for item in items:
            if self._runs.follower(item.folder) is not None:
                continue  # which will tell, and knows more
            if self._has_ended(item.folder, item.state):
                self._tell_end(item.folder, item.state)
        self._running &= {item.folder for item in items} | {run.folder for run in self._runs.live}

    def _has_ended(self, folder: Path, state: RunState) -> bool:
        """Whether a training that ran while we looked does not any more. What ended before the start is no news."""
        if state.live:
            self._running.add(folder)
            return False
        if folder not in self._running:
            return False
        self._running.discard(folder)
        return True

    def _tell_end(self, folder: Path, state: RunState) -> None:
        run, summary = self._runs.latest(folder), self._runs.get(folder)
        if state is RunState.STOPPED or (run is None and summary is None):  # the user wanted it so
            return
        name = run.recipe.name if run is not None else summary.name if summary is not None else ""
        seconds = run.seconds if run is not None else summary.seconds if summary is not None else 0.0
        reason: Text | None = None
        cure: Text | None = None
        if state.went_wrong:
            failure = run.failure if run is not None else None
            reason, cure = (failure.title, failure.cure) if failure is not None else (tr("It was interrupted."), None)
        alarm = alarm_of_run(
            RunEnd(str(folder), name, seconds, reason, cure), rules_from(self._settings.get), time.time()
        )
        if alarm is not None:
            self._tell(alarm)
            self.changed.emit()

    def _tell(self, alarm: Alarm) -> None:
        self.recent.appendleft(alarm)
        if not self.paused:
            self.raised.emit(alarm)
