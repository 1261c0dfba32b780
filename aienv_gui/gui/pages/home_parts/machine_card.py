"""What this computer is and whether it is ready, at the top of Home."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aienv_gui.core.wording import tr, tr_count
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.readiness_view import ReadinessView
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.readiness import Readiness
from aienv_gui.hardware.readings import Snapshot


class MachineCard(Card):
    """One sentence, the computer's parts, and the cure below where something is wrong."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(None, parent)
        self._services = services
        row = QHBoxLayout()
        row.setSpacing(16)
        icon = QLabel(self)
        icon.setProperty("icon_size", 32)
        show_icon(icon, "hardware", "accent", "setPixmap")
        row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(4)
        self.sentence = Label(tr("Looking at the hardware..."), role="section", parent=self)
        self._facts = Label(role="muted", parent=self)
        self._facts.hide()
        self.readiness = ReadinessView(services, self)
        for widget in (self.sentence, self._facts, self.readiness):
            column.addWidget(widget)
        row.addLayout(column, 1)
        more = Button(tr("Hardware"), kind="link", icon="chevron", parent=self)
        more.clicked.connect(self._on_more)
        row.addWidget(more, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(row)
        self._last: tuple[object, ...] = ()

    def show_snapshot(self, snapshot: Snapshot, idle_card: str) -> None:
        """`idle_card` names a card that is ready and that no environment can use."""
        answer, host = self._services.readiness.answer, snapshot.host
        if answer is None:
            return
        if idle_card and answer.level == "good":
            answer = Readiness(
                "idle_card",
                "good",
                tr("Ready to train on the CPU; no environment can use {gpu} yet", gpu=idle_card),
                None,
                tr("Make an environment with a build for NVIDIA: training on the card is many times faster."),
            )
        key = (answer, host.cpu_name, host.memory_total_bytes, len(host.core_percents))
        if key == self._last:  # once a second, and nearly always the same
            return
        self._last = key
        self.sentence.say(answer.title)
        self._facts.say(
            tr_count(
                "{cpu}, {count} core, {memory} memory",
                "{cpu}, {count} cores, {memory} memory",
                len(host.core_percents),
                cpu=host.cpu_name,
                memory=memory_size(host.memory_total_bytes),
            )
        )
        self._facts.show()
        self.readiness.show_answer(answer)

    @Slot()
    def _on_more(self) -> None:
        self._services.navigator.open("hardware")
