"""The cards of the machine around its GPUs: processor, memory, disks, network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, size, tr
from aienv_gui.gui.plots.sparkline import CoreBars, MetricTile
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.hardware.amounts import memory_share, memory_size
from aienv_gui.hardware.history import History
from aienv_gui.hardware.host_facts import disk_fact, network_fact, processor_facts, swap_fact
from aienv_gui.hardware.readings import Disk, Host

_CONNECTIONS: Final = 3  # that are named; the others are in the sum


class FactLines(Label):
    """Sentences below each other. Nothing is laid out anew while they stay the same."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(role="caption", parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # cards in a row are equally wide
        self.hide()

    def show_facts(self, facts: Sequence[Text]) -> None:
        text = "\n".join(map(str, facts))
        if text != self.text():
            self.setText(text)
            self.setVisible(bool(text))


class CpuCard(Card):
    """The processor: all of it over ten minutes, and each core now."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(tr("Processor (CPU)"), parent)
        self.tile = MetricTile(theme, tr("Load"), [(None, "series_cpu")], unit="percent", high=100.0, parent=self)
        self.cores = CoreBars(theme, self)
        self._facts = FactLines(self)
        for widget in (self.tile, self.cores, self._facts):
            self.body.addWidget(widget)
        self.body.addStretch(1)

    def show_host(self, host: Host, history: History) -> None:
        self.tile.set_reading(f"{host.cpu_percent:.0f} %")
        self.tile.set_history(history.ages(), history.series("cpu"))
        self.cores.set_percents(host.core_percents)
        self._facts.show_facts(processor_facts(host))
        self.setAccessibleDescription(f"{host.cpu_percent:.0f} %, {self._facts.text()}")


class MemoryCard(Card):
    """The main memory, and the swap space where there is any."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(tr("Memory (RAM)"), parent)
        self.tile = MetricTile(theme, tr("In use"), [(None, "series_memory")], unit="percent", high=100.0, parent=self)
        self._swap = FactLines(self)
        self.body.addWidget(self.tile)
        self.body.addWidget(self._swap)
        self.body.addStretch(1)

    def show_host(self, host: Host, history: History) -> None:
        used, total = host.memory_used_bytes, host.memory_total_bytes
        note = str(tr("of {total}", total=memory_size(total)))
        self.tile.set_reading(memory_size(used), note=note)
        self.tile.set_history(history.ages(), history.series("memory"))
        self._swap.show_facts([swap_fact(host)])
        self.setAccessibleDescription(f"{memory_share(used, total)}, {self._swap.text()}")


class _DiskRow(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        self._mount = Label(parent=self)
        self._free = Label(role="caption", parent=self)
        self._mount.setWordWrap(False)
        self._mount.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._free.setWordWrap(False)
        row.addWidget(self._mount, 1)
        row.addWidget(self._free)
        column.addLayout(row)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        column.addWidget(self._bar)

    def show_disk(self, disk: Disk) -> None:
        shown = disk.mount if len(disk.mount) <= 28 else f"…{disk.mount[-27:]}"
        fact = str(disk_fact(disk))
        if (shown, fact) != (self._mount.text(), self._free.text()):
            self._mount.setText(shown)
            self._mount.setToolTip(disk.mount)
            self._free.setText(fact)
        self._bar.setValue(round(1000 * (1 - disk.free_bytes / disk.total_bytes)) if disk.total_bytes else 0)
        self._bar.setAccessibleName(disk.mount)
        self._bar.setAccessibleDescription(self._free.text())


class DiskCard(Card):
    """Every local disk, the one that holds the environments first; reading and writing over ten minutes."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(tr("Disks"), parent)
        self._rows: list[_DiskRow] = []
        series = [(tr("read"), "series_disk"), (tr("written"), "series_train")]
        self.tile = MetricTile(theme, tr("Read and written"), series, unit="bytes_s", parent=self)
        self.body.addWidget(self.tile)
        self._column = QVBoxLayout()
        self._column.setSpacing(8)
        self.body.addLayout(self._column)
        self.body.addStretch(1)

    def show_host(self, host: Host, history: History) -> None:
        self.tile.set_reading(
            f"{size(host.disk_read_bytes_s)}/s", note=str(tr("written {rate}/s", rate=size(host.disk_written_bytes_s)))
        )
        self.tile.set_history(history.ages(), history.series("disk_read"), history.series("disk_written"))
        while len(self._rows) < len(host.disks):
            row = _DiskRow(self)
            self._rows.append(row)
            self._column.addWidget(row)
        for index, row in enumerate(self._rows):
            row.setVisible(index < len(host.disks))
            if index < len(host.disks):
                row.show_disk(host.disks[index])


class NetworkCard(Card):
    """What comes and goes over the network, all connections together."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(tr("Network"), parent)
        series = [(tr("received"), "series_network"), (tr("sent"), "series_cpu")]
        self.tile = MetricTile(theme, tr("Received and sent"), series, unit="bytes_s", parent=self)
        self._facts = FactLines(self)
        self.body.addWidget(self.tile)
        self.body.addWidget(self._facts)
        self.body.addStretch(1)
        say(self, "setAccessibleName", tr("Network"))

    def show_host(self, host: Host, history: History) -> None:
        self.tile.set_reading(
            f"{size(host.network_received_bytes_s)}/s",
            note=str(tr("sent {rate}/s", rate=size(host.network_sent_bytes_s))),
        )
        self.tile.set_history(history.ages(), history.series("received"), history.series("sent"))
        # One connection is the picture above.
        busiest = host.networks[:_CONNECTIONS] if len(host.networks) > 1 else ()
        self._facts.show_facts([network_fact(network) for network in busiest])
