"""The icon in the system's tray: the load at a glance, a menu, and the balloons of systems without a better way."""

from __future__ import annotations

import math
import sys
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from aienv_gui.core.wording import Text, percent, shortened, tr, verbatim
from aienv_gui.gui.load_icon import Bars, bars_of, load_icon
from aienv_gui.gui.load_rows import line_of, rows_of
from aienv_gui.gui.services import Services
from aienv_gui.gui.words import say
from aienv_gui.hardware.readings import Snapshot
from aienv_gui.training.records import Run, RunState

_REPAINT_S: Final = 2.0
_RUNS: Final = 5  # in the menu


class TrayMenu(QMenu):
    """Works without a tray too, which is how it is tested."""

    window_asked = Signal()
    compact_asked = Signal(bool)
    quit_asked = Signal()

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self.window_action = self._add(tr("Open AIEnv"))
        self.compact_action = self._add(tr("Compact view"), checkable=True)
        self.addSeparator()
        self.run_actions = [self._add(verbatim("")) for _ in range(_RUNS)]
        self._runs: tuple[Run, ...] = ()
        self.addSeparator()
        self.pause_action = self._add(tr("Pause alarms for 1 hour"), checkable=True)
        self.quit_action = self._add(tr("Quit"))
        self.window_action.triggered.connect(self.window_asked)
        self.compact_action.triggered.connect(self.compact_asked)
        self.pause_action.triggered.connect(self._on_pause)
        self.quit_action.triggered.connect(self.quit_asked)
        for action in self.run_actions:
            action.triggered.connect(self._on_run)
        self.aboutToShow.connect(self.refresh)
        self.refresh()

    def _add(self, text: Text, *, checkable: bool = False) -> QAction:
        action = QAction(self)
        action.setCheckable(checkable)
        say(action, "setText", text)
        self.addAction(action)
        return action

    @Slot()
    def refresh(self) -> None:
        """Say which trainings run. Some desktops copy the menu instead of opening it, hence also while it is closed."""
        self._runs = self._services.runs.live[:_RUNS]
        for index, action in enumerate(self.run_actions):
            action.setVisible(index < len(self._runs))
            if index < len(self._runs):
                say(action, "setText", _progress(self._runs[index]))
        if self.pause_action.isChecked() != self._services.alarms.paused:
            self.pause_action.setChecked(self._services.alarms.paused)

    @Slot()
    def _on_run(self) -> None:
        action = self.sender()
        assert isinstance(action, QAction)
        run = self._runs[self.run_actions.index(action)]
        self.window_asked.emit()
        self._services.navigator.open("train", run.folder)

    @Slot(bool)
    def _on_pause(self, checked: bool) -> None:
        if checked:
            self._services.alarms.pause()
        else:
            self._services.alarms.pause(0)


def _progress(run: Run) -> Text:
    name = shortened(run.recipe.name).replace("&", "&&")  # in a menu, one ampersand marks a key
    if run.state is RunState.PAUSED:
        return tr("{name}: paused", name=name)
    if not run.total_steps:
        return tr("{name}: starting", name=name)
    return tr("{name}: {percent} done", name=name, percent=percent(run.step / run.total_steps))


class LoadPacer:
    """Lets a new picture through when it differs from the one shown, at most every two seconds."""

    def __init__(self) -> None:
        self._shown: Bars = ()
        self._at = -math.inf

    def wants(self, snapshot: Snapshot) -> Bars | None:
        """The bars to paint now, or None."""
        bars = bars_of(snapshot)
        if bars == self._shown or snapshot.monotonic - self._at < _REPAINT_S:
            return None
        self._shown, self._at = bars, snapshot.monotonic
        return bars


class Tray(QObject):
    """The icon itself; to be made where the system has a tray (`QSystemTrayIcon.isSystemTrayAvailable`)."""

    toggled = Signal()  # the icon was clicked
    message_clicked = Signal(str)  # key

    def __init__(self, services: Services, menu: TrayMenu, parent: QObject) -> None:
        super().__init__(parent)
        self._menu = menu
        self._pacer = LoadPacer()
        self._key = ""
        self._icon = QSystemTrayIcon(load_icon((("cpu", 0),)), self)
        self._icon.setContextMenu(menu)
        self._icon.activated.connect(self._on_activated)
        self._icon.messageClicked.connect(self._on_message_clicked)
        services.hardware.sampled.connect(self._on_sampled)
        if services.hardware.latest is not None:
            self._on_sampled(services.hardware.latest)
        self._icon.show()

    def notify(self, key: str, title: str, body: str) -> None:
        """Show a balloon; `message_clicked` tells the key of the last one."""
        self._key = key
        self._icon.showMessage(title, body, self._icon.icon())

    def close(self) -> None:
        """Take the icon away."""
        self._icon.hide()
        self.deleteLater()

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        bars = self._pacer.wants(snapshot)
        if bars is not None:
            self._icon.setIcon(load_icon(bars))
        tip = line_of(rows_of(snapshot))
        if tip != self._icon.toolTip():
            self._icon.setToolTip(tip)
        self._menu.refresh()

    @Slot(QSystemTrayIcon.ActivationReason)
    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        # On macOS a click opens the menu, whatever else it does.
        if reason is QSystemTrayIcon.ActivationReason.Trigger and sys.platform != "darwin":
            self.toggled.emit()

    @Slot()
    def _on_message_clicked(self) -> None:
        self.message_clicked.emit(self._key)
