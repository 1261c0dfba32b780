"""What AIEnv shows beside its window: notifications of alarms, the icon in the tray, the compact view.

Made when the pages have been imported: nothing here is needed to see the window.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from aienv_gui.core.wording import tr
from aienv_gui.gui.compact_view import CompactView
from aienv_gui.gui.main_window import MainWindow
from aienv_gui.gui.services import Services
from aienv_gui.gui.tray import Tray, TrayMenu
from aienv_gui.gui.widgets.alarm_list import OF_RUNS, open_alarm
from aienv_gui.hardware.alarms import Alarm

if sys.platform.startswith("linux"):  # where its library is installed
    from aienv_gui.gui.notification_bus import Notice, NotificationBus

_KEPT: Final = 100


class Desktop(QObject):
    """Lives as long as the window; `close` takes everything away."""

    def __init__(self, services: Services, window: MainWindow, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._window = window
        self._alarms: dict[str, Alarm] = {}  # the last ones shown: key -> what a click is about
        self.menu = TrayMenu(services, window)
        self.tray: Tray | None = None
        self.compact: CompactView | None = None
        self.bus: NotificationBus | None = None
        if sys.platform.startswith("linux"):
            self.bus = NotificationBus(self)
            self.bus.refused.connect(self._on_refused)
            self.bus.clicked.connect(self._on_clicked)
        self.menu.window_asked.connect(window.come_forward)
        self.menu.compact_asked.connect(self.show_compact)
        self.menu.quit_asked.connect(self._on_quit)
        services.navigator.compact_view_asked.connect(self.toggle_compact)
        services.navigator.tray_asked.connect(self.follow_settings)
        services.alarms.raised.connect(self._on_raised)
        self.follow_settings()

    @Slot()
    def follow_settings(self) -> None:
        """Show the icon in the tray, or take it away, as the settings say and the system can."""
        wanted = self._services.settings.get("tray_icon") and QSystemTrayIcon.isSystemTrayAvailable()
        if wanted and self.tray is None:
            self.tray = Tray(self._services, self.menu, self)
            self.tray.toggled.connect(self._on_tray_clicked)
            self.tray.message_clicked.connect(self._on_clicked)
        elif not wanted and self.tray is not None:
            self.tray.close()
            self.tray = None

    def close(self) -> None:
        if self.bus is not None:
            self.bus.close()
        if self.tray is not None:
            self.tray.close()
        if self.compact is not None:
            self.compact.close()
            self.compact.deleteLater()
        self.tray = self.compact = None

    # The compact view

    @Slot()
    def toggle_compact(self) -> None:
        self.show_compact(self.compact is None or not self.compact.isVisible())

    @Slot(bool)
    def show_compact(self, shown: bool) -> None:
        """Show the compact view, or hide it."""
        if self.compact is None:
            self.compact = CompactView(self._services)
            self.compact.window_asked.connect(self._window.come_forward)
            self.compact.visibility_changed.connect(self.menu.compact_action.setChecked)
        self.compact.setVisible(shown)

    # Alarms

    @Slot(object)
    def _on_raised(self, alarm: Alarm) -> None:
        self._alarms[alarm.key] = alarm
        while len(self._alarms) > _KEPT:
            del self._alarms[next(iter(self._alarms))]
        if self._seen(alarm):
            return
        if self.bus is not None:
            body = f"{alarm.what}\n{alarm.cure}"
            self.bus.show(Notice(alarm.key, str(alarm.title), body, str(tr("Open"))))
        else:
            self._show_otherwise(alarm)

    @Slot(object)
    def _on_refused(self, notice: Notice) -> None:
        if notice.key in self._alarms:
            self._show_otherwise(self._alarms[notice.key])

    def _show_otherwise(self, alarm: Alarm) -> None:
        """By the tray; where there is none, or it cannot, in the window, which asks for attention."""
        if self.tray is not None and QSystemTrayIcon.supportsMessages():
            self.tray.notify(alarm.key, str(alarm.title), f"{alarm.what}\n{alarm.cure}")
            return
        self._window.alarm_banner.show_alarm(alarm)
        QApplication.alert(self._window)

    def _seen(self, alarm: Alarm) -> bool:
        """Whether the user is looking at what it is about."""
        page = self._window.page
        if not self._window.isActiveWindow() or self._window.isMinimized():
            return False
        if alarm.kind in OF_RUNS:
            return page.name == "train" and page.showing == Path(alarm.subject)
        return page.name == "hardware"

    @Slot(str)
    def _on_clicked(self, key: str) -> None:
        if key in self._alarms:
            self._window.come_forward()
            open_alarm(self._services, self._alarms[key])

    # The tray

    @Slot()
    def _on_tray_clicked(self) -> None:
        if self._window.isVisible() and not self._window.isMinimized():
            self._window.showMinimized()
        else:
            self._window.come_forward()

    @Slot()
    def _on_quit(self) -> None:
        self._window.come_forward()  # it may have a question
        self._window.close()
