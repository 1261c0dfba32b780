"""Settings: what AIEnv raises an alarm for, from which limit on, and the icon in the system's tray."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QSystemTrayIcon, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.settings import SETTINGS
from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card, line
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.number import NumberField
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.hardware.alarm_rules import AlarmKind

_MOST: Final = 9999  # wider than any limit: a number that is not allowed is refused in words, not swallowed
_ROWS: Final[tuple[tuple[AlarmKind, Text, Text | None], ...]] = (
    (AlarmKind.GPU_TEMPERATURE, tr("GPU too hot"), verbatim("°C")),
    (AlarmKind.THROTTLING, tr("GPU slowed down"), None),
    (AlarmKind.GPU_MEMORY, tr("GPU memory nearly full"), verbatim("%")),
    (AlarmKind.MEMORY, tr("Memory nearly full"), verbatim("%")),
    (AlarmKind.GPU_IDLE, tr("GPU idle during a training"), tr("minutes")),
    (AlarmKind.DISK, tr("Disk nearly full"), verbatim("GB")),
    (AlarmKind.GPU_LOST, tr("GPU lost"), None),
    (AlarmKind.TRAINING_FINISHED, tr("Training finished"), None),
    (AlarmKind.TRAINING_FAILED, tr("Training did not finish"), None),
)


class AlarmRow(QWidget):
    """A switch, what it means, and the limit with its unit where there is one. `edited` holds the new value."""

    edited = Signal(object)

    def __init__(self, kind: AlarmKind, title: Text, unit: Text | None, parent: QWidget) -> None:
        super().__init__(parent)
        setting = SETTINGS[f"alarm_{kind}"]
        self.name = setting.name
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        self.switch = QCheckBox(self)
        say(self.switch, "setText", title)
        say(self.switch, "setAccessibleDescription", setting.help)
        self.switch.toggled.connect(self._on_edited)
        grid.addWidget(self.switch, 0, 0, Qt.AlignmentFlag.AlignLeft)
        meaning = Label(setting.help, role="caption", parent=self)
        meaning.setContentsMargins(29, 0, 0, 0)  # under the switch's words
        grid.addWidget(meaning, 1, 0)
        self.limit: NumberField | None = None
        if setting.between is not None:
            self.limit = NumberField(self)
            self.limit.setRange(0, _MOST)
            self.limit.setKeyboardTracking(False)  # a number that is being typed is not one yet
            self.limit.setFixedWidth(136)
            say(self.limit, "setSuffix", tr(" {unit}", unit=unit))
            say(self.limit, "setAccessibleName", tr("{alarm}: limit", alarm=title))
            least, most = setting.between
            say(self.limit, "setToolTip", tr("{least} to {most}", least=least, most=most))
            self.limit.valueChanged.connect(self._on_edited)
            grid.addWidget(self.limit, 0, 1, 2, 1)

    def value(self) -> dict[str, Any]:
        limit = {} if self.limit is None else {"limit": self.limit.value()}
        return {"on": self.switch.isChecked(), **limit}

    def put(self, value: dict[str, Any]) -> None:
        """Show a value; emits nothing."""
        for field in (self.switch, self.limit):
            if field is not None:
                field.blockSignals(True)
        self.switch.setChecked(value["on"])
        if self.limit is not None:
            self.limit.setValue(value["limit"])
            self.limit.setEnabled(value["on"])
        for field in (self.switch, self.limit):
            if field is not None:
                field.blockSignals(False)

    @Slot()
    def _on_edited(self) -> None:
        if self.limit is not None:
            self.limit.setEnabled(self.switch.isChecked())
        self.edited.emit(self.value())


class AlarmsCard(Card):
    """Every change holds at once; one that is not allowed is refused in words, and the field shows what holds."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Alarms"), parent)
        self._services = services
        self.body.addWidget(
            Label(
                tr("AIEnv tells you, as a notification of your system, when one of these happens while it is open."),
                role="muted",
                parent=self,
            )
        )
        self.rows: dict[AlarmKind, AlarmRow] = {}
        for kind, title, unit in _ROWS:
            row = AlarmRow(kind, title, unit, self)
            row.put(services.settings.get(row.name))
            row.edited.connect(self._on_edited)
            self.rows[kind] = row
            self.body.addWidget(row)
        self.problem = ProblemView(services, self)
        self.body.addWidget(self.problem)
        below = QHBoxLayout()
        self.test = Button(tr("Show a sample"), parent=self)
        self.test.hint(tr("Shows how an alarm looks on this system."))
        self.test.clicked.connect(services.alarms.show_sample)
        below.addWidget(self.test)
        below.addStretch(1)
        self.body.addLayout(below)
        self.body.addWidget(line(self))
        self.tray = QCheckBox(self)
        say(self.tray, "setText", SETTINGS["tray_icon"].help)
        self.tray.setChecked(services.settings.get("tray_icon"))
        self.tray.toggled.connect(self._on_tray)
        self.body.addWidget(self.tray)
        if not QSystemTrayIcon.isSystemTrayAvailable():
            self.tray.setEnabled(False)
            without = tr("This desktop has no tray. GNOME shows one with the extension AppIndicator.")
            self.body.addWidget(Label(without, role="caption", parent=self))

    @Slot(object)
    def _on_edited(self, value: dict[str, Any]) -> None:
        row = self.sender()
        assert isinstance(row, AlarmRow)
        if not self._keep(row.name, value):
            row.put(self._services.settings.get(row.name))
            self.body.removeWidget(self.problem)
            self.body.insertWidget(self.body.indexOf(row) + 1, self.problem)

    @Slot(bool)
    def _on_tray(self, shown: bool) -> None:
        if self._keep("tray_icon", shown):
            self._services.navigator.tray_asked.emit()

    def _keep(self, name: str, value: object) -> bool:
        try:
            self._services.settings.set(name, value)
        except Problem as problem:
            self.problem.show_problem(problem)
            return False
        self.problem.clear()
        return True
