"""The Hardware page: every part of the machine live, with its last ten minutes, and what limits it, in words."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from aienv_gui.core.wording import tr
from aienv_gui.gui.pages.hardware_parts.gpu_card import GpuCard
from aienv_gui.gui.pages.hardware_parts.host_cards import CpuCard, DiskCard, MemoryCard, NetworkCard
from aienv_gui.gui.pages.hardware_parts.process_table import ProcessTable
from aienv_gui.gui.pages.hardware_parts.timeline import TimelineCard
from aienv_gui.gui.pages.hardware_parts.timeline_quantities import card_colour
from aienv_gui.gui.pages.hardware_parts.verdict_rows import VerdictRows
from aienv_gui.gui.plots.pacing import FramePacer
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.alarm_list import AlarmList
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.exposure import Exposure
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.widgets.readiness_view import ReadinessView
from aienv_gui.hardware.readings import DriverState, Snapshot
from aienv_gui.hardware.report import as_text

_MANY: Final = 4  # more GPUs than this stand in smaller cards
_CARD_WIDTH: Final = 560  # at least, of a card with its four tiles in a row
_COMPACT_WIDTH: Final = 280
_GAP: Final = 16
_COPIED_MS: Final = 2500
_BADGES: Final = {
    DriverState.READY: "good",
    DriverState.STARTING: "busy",
    DriverState.NO_GPU: "neutral",
    DriverState.NO_DRIVER: "neutral",
    DriverState.NO_PERMISSION: "warn",
    DriverState.MISMATCH: "warn",
}


class HardwarePage(Page):
    """Draws each snapshot of `services.hardware` while it is shown, and nothing while it is not."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Hardware"), "hardware", parent)
        self._active = False
        self._exposure = Exposure(self)
        self._exposure.changed.connect(self._on_exposed)
        self._pacer = FramePacer(self)
        self._gpu_cards: dict[str, GpuCard] = {}
        self._arranged = (0, 0)  # cards, columns
        self.set_primary(tr("Copy as text"), self._copy, icon="copy").hint(
            tr("Copies all readings as text, to paste into a request for help.")
        )
        self.compact = Button(tr("Compact view"), parent=self)
        self.compact.hint(tr("A small window that stays above the others (Ctrl+Shift+M)."))
        self.compact.clicked.connect(services.navigator.compact_view_asked)
        self.add_header_widget(self.compact)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(_COPIED_MS)
        self._copied.timeout.connect(self._on_copied_shown)

        self.overview = Card(parent=self)
        self.state = StateBadge(self.overview)
        self.overview.header.addWidget(self.state)
        self.driver = Label(role="muted", parent=self.overview)
        self.readiness = ReadinessView(services, self.overview)
        self.verdicts = VerdictRows(self.overview)
        self.overview.body.addWidget(self.driver)
        self.overview.body.addWidget(self.readiness)
        self.overview.body.addWidget(self.verdicts)
        self.body.addWidget(self.overview)

        self._gpu_grid = QGridLayout()
        self._gpu_grid.setSpacing(_GAP)
        self.body.addLayout(self._gpu_grid)

        self.timeline = TimelineCard(services, self)
        self.body.addWidget(self.timeline)

        self.processes_card = Card(tr("Programs that use the GPU"), self)
        self.processes = ProcessTable(services, self.processes_card)
        self.no_processes = Label(role="muted", parent=self.processes_card)
        self.processes_card.body.addWidget(self.processes)
        self.processes_card.body.addWidget(self.no_processes)
        self.body.addWidget(self.processes_card)

        grid = QGridLayout()
        grid.setSpacing(16)
        self.cpu = CpuCard(services.theme, self)
        self.memory = MemoryCard(services.theme, self)
        self.disks = DiskCard(services.theme, self)
        self.network = NetworkCard(services.theme, self)
        for index, card in enumerate((self.cpu, self.memory, self.disks, self.network)):
            grid.addWidget(card, index // 2, index % 2)
            grid.setColumnStretch(index % 2, 1)
        self.body.addLayout(grid)
        self.body.addWidget(AlarmList(services, self))  # what was; what is now stands at the top
        self.body.addStretch(1)

        self._cards = (self.timeline, self.processes_card, self.cpu, self.memory, self.disks, self.network)
        for card in self._cards:
            card.hide()
        self.overview.set_title(tr("Looking at the hardware"))
        self.state.set_state("busy", tr("Starting"))
        services.readiness.changed.connect(self._redraw)
        services.hardware.sampled.connect(self._on_sampled)
        services.language.changed.connect(self._redraw)

    def shown(self, argument: object | None) -> None:
        super().shown(argument)
        self._active = True
        self._redraw()

    def hidden(self) -> None:
        self._active = False
        self.verdicts.rest()

    def gpu_card(self, uuid: str) -> GpuCard | None:
        """The card of a GPU, or None."""
        return self._gpu_cards.get(uuid)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange_gpus()

    @Slot(bool)
    def _on_exposed(self, seen: bool) -> None:
        if seen:
            self._redraw()

    @Slot()
    def _redraw(self) -> None:
        if self.services.hardware.latest is not None:
            self._on_sampled(self.services.hardware.latest)
            self._pacer.finish()

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        if not (self._active and self._exposure.seen):
            return
        self._show_overview(snapshot)
        self._show_gpus(snapshot)
        history = self.services.hardware.history
        hosts = (self.cpu, self.memory, self.disks, self.network)
        for card in (self.timeline, *hosts):
            card.show()
        self._pacer.show(
            [
                *(
                    partial(self._gpu_cards[gpu.uuid].show_gpu, gpu, driver, history)
                    for driver in (snapshot.nvidia, *snapshot.others)
                    for gpu in driver.gpus
                ),
                partial(self.timeline.show_snapshot, snapshot),
                *(partial(card.show_host, snapshot.host, history) for card in hosts),
            ]
        )

    def _show_overview(self, snapshot: Snapshot) -> None:
        nvidia, answer = snapshot.nvidia, self.services.readiness.answer
        badge = _BADGES.get(nvidia.state, "bad")
        words = {
            "good": tr("GPU ready"),
            "busy": tr("Looking"),
            "neutral": tr("CPU only"),
            "warn": tr("Needs attention"),
            "bad": tr("Does not work"),
        }
        if answer is not None and badge in ("good", "neutral"):  # a driver that works may be too old all the same
            badge = answer.level
        self.state.set_state(badge, words[badge])
        if answer is not None:
            self.overview.set_title(answer.title)
            self.readiness.show_answer(answer)
        self.driver.setVisible(nvidia.state is DriverState.READY)
        if nvidia.cuda_version:
            self.driver.say(
                tr(
                    "NVIDIA driver {driver}, for programs built with CUDA up to {cuda}.",
                    driver=nvidia.driver_version,
                    cuda=nvidia.cuda_version,
                )
            )
        else:
            self.driver.say(tr("NVIDIA driver {driver}.", driver=nvidia.driver_version))
        self.overview.setToolTip(nvidia.detail)
        self.verdicts.show_verdicts(self.services.hardware.verdicts)

    def _show_gpus(self, snapshot: Snapshot) -> None:
        gpus = snapshot.gpus
        if [gpu.uuid for gpu in gpus] != list(self._gpu_cards):
            for uuid in [uuid for uuid in self._gpu_cards if uuid not in {gpu.uuid for gpu in gpus}]:
                card = self._gpu_cards.pop(uuid)
                self._gpu_grid.removeWidget(card)
                card.hide()
                card.deleteLater()
            self._gpu_cards = {
                gpu.uuid: self._gpu_cards.get(gpu.uuid) or GpuCard(self.services.theme, gpu.uuid, self) for gpu in gpus
            }
            for place, card in enumerate(self._gpu_cards.values()):
                card.set_colour(card_colour(place) if len(gpus) > 1 else "")
            self._arrange_gpus()
        self.processes_card.setVisible(bool(gpus))
        if gpus:
            count = self.processes.show_snapshot(snapshot)
            self.processes.setVisible(count > 0)
            self.no_processes.setVisible(count == 0)
            hidden = all(gpu.processes_absence is not None for gpu in gpus)
            self.no_processes.say(
                tr("The driver does not say which programs use the GPU.")
                if hidden
                else tr("No program holds GPU memory at the moment.")
            )

    def _arrange_gpus(self) -> None:
        count = len(self._gpu_cards)
        compact = count > _MANY
        margins = self.body.contentsMargins()
        width = self.scroll_area.viewport().width() - margins.left() - margins.right() + _GAP
        columns = max(1, min(count, width // ((_COMPACT_WIDTH if compact else _CARD_WIDTH) + _GAP)))
        if (count, columns) == self._arranged:
            return
        self._arranged = (count, columns)
        for index, card in enumerate(self._gpu_cards.values()):
            card.set_compact(compact)
            self._gpu_grid.addWidget(card, index // columns, index % columns, Qt.AlignmentFlag.AlignTop)
        for column in range(self._gpu_grid.columnCount()):
            self._gpu_grid.setColumnStretch(column, 1 if column < columns else 0)

    @Slot()
    def _copy(self) -> None:
        snapshot = self.services.hardware.latest
        if snapshot is not None and self.primary is not None:
            QGuiApplication.clipboard().setText(as_text(snapshot, self.services.hardware.verdicts))
            self.primary.say(tr("Copied"))
            self._copied.start()

    @Slot()
    def _on_copied_shown(self) -> None:
        if self.primary is not None:
            self.primary.say(tr("Copy as text"))
