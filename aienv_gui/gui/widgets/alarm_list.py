"""Alarms in the window: the list of those that happened, and the banner for one that the desktop could not show."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.hardware.alarm_rules import AlarmKind
from aienv_gui.hardware.alarms import Alarm

_SHOWN: Final = 8
OF_RUNS: Final = (AlarmKind.TRAINING_FINISHED, AlarmKind.TRAINING_FAILED)


def open_alarm(services: Services, alarm: Alarm) -> None:
    """Show the page that an alarm is about."""
    if alarm.kind in OF_RUNS:
        services.navigator.open("train", Path(alarm.subject))
    else:
        services.navigator.open("hardware")


class AlarmRow(QWidget):
    """When, what, what to do; a button opens the run it is about."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self.alarm: Alarm | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(12)
        self._badge = StateBadge(self)
        self._words = Label(parent=self)
        self._when = Label(role="caption", parent=self)
        self._when.setWordWrap(False)
        self.open_button = Button(tr("Open"), kind="link", parent=self)
        self.open_button.clicked.connect(self._on_open)
        row.addWidget(self._badge, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)
        row.addWidget(self._when, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignTop)

    def show_alarm(self, alarm: Alarm, *, lasts: bool) -> None:
        if self.alarm == alarm and self._badge.property("lasts") == lasts:
            return
        self.alarm = alarm
        self._badge.setProperty("lasts", lasts)
        over = alarm.kind not in OF_RUNS and not lasts
        self._badge.set_state("neutral" if over else alarm.level, tr("Over") if over else alarm.title)
        self._words.say(_sentence(alarm, over=over))
        self._when.say(datetime.fromtimestamp(alarm.time).strftime("%Y-%m-%d %H:%M"))
        self.open_button.setVisible(alarm.kind in OF_RUNS)
        say(self.open_button, "setAccessibleName", tr("Open: {what}", what=alarm.what))

    @Slot()
    def _on_open(self) -> None:
        if self.alarm is not None:
            open_alarm(self._services, self.alarm)


def _sentence(alarm: Alarm, *, over: bool) -> Text:
    return alarm.what if over else tr("{what} {cure}", what=alarm.what, cure=alarm.cure)


class AlarmList(Card):
    """The last alarms, the newest first, with those that last marked. Hidden while there is none."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Alarms"), parent)
        self._services = services
        self._rows: list[AlarmRow] = []
        self._forget = Button(tr("Forget"), parent=self)
        self._forget.hint(tr("Empties this list. What still lasts stays in it."))
        self._forget.clicked.connect(self._on_forget)
        self.header.addWidget(self._forget)
        self._column = QVBoxLayout()
        self._column.setSpacing(0)
        self.body.addLayout(self._column)
        self.body.addStretch(1)
        services.alarms.changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _on_forget(self) -> None:
        self._services.alarms.forget()

    @Slot()
    def _refresh(self) -> None:
        lasting = {alarm.key: alarm for alarm in self._services.alarms.active}
        recent = [alarm for alarm in self._services.alarms.recent if alarm.key not in lasting]
        shown = [*lasting.values(), *recent][:_SHOWN]
        while len(self._rows) < len(shown):
            row = AlarmRow(self._services, self)
            self._rows.append(row)
            self._column.addWidget(row)
        for index, row in enumerate(self._rows):
            row.setVisible(index < len(shown))
            if index < len(shown):
                row.show_alarm(shown[index], lasts=shown[index].key in lasting)
        self.setVisible(bool(shown))


class AlarmBanner(QFrame):
    """One alarm across the window, until it is closed or the next one comes."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.alarm: Alarm | None = None
        self.setProperty("role", "banner")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 12, 8)
        row.setSpacing(12)
        self._badge = StateBadge(self)
        self.words = Label(parent=self)
        self.open_button = Button(tr("Open"), parent=self)
        self.open_button.clicked.connect(self._on_open)
        self.close_button = Button(tr("Close"), parent=self)
        self.close_button.clicked.connect(self.hide)
        row.addWidget(self._badge)
        row.addWidget(self.words, 1)
        row.addWidget(self.open_button)
        row.addWidget(self.close_button)
        self.hide()

    def show_alarm(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self._badge.set_state(alarm.level, alarm.title)
        self.words.say(_sentence(alarm, over=False))
        say(self, "setAccessibleName", alarm.title)
        self.show()

    @Slot()
    def _on_open(self) -> None:
        self.hide()
        if self.alarm is not None:
            open_alarm(self._services, self.alarm)
