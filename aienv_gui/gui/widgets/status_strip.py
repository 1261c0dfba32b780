"""The line at the bottom of the window: the hardware at a glance; a click or Enter opens the Hardware page."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from aienv_gui.core.wording import Text, size, tr, tr_count, verbatim
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.exposure import Exposure
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.driver_words import nvidia_words
from aienv_gui.hardware.readings import DriverState, Gpu, Snapshot

_SINGLY: Final = 2  # more cards than this are summed up, so that the line fits at 1024 pixels
_HEIGHT: Final = 34


class _Cell(QWidget):
    """A name and its numbers."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.name = Label(role="caption", parent=self)
        self.numbers = Label(role="body", parent=self)
        for label in (self.name, self.numbers):
            label.setWordWrap(False)
            row.addWidget(label)

    def fill(self, name: Text, numbers: Text | str) -> None:
        self.name.say(name)
        self.numbers.say(numbers)
        # Only ever wider: the line must not tremble while digits come and go.
        self.numbers.setMinimumWidth(max(self.numbers.minimumWidth(), self.numbers.sizeHint().width()))

    def forget_width(self) -> None:
        """After a change of what is shown or of the language."""
        self.numbers.setMinimumWidth(0)

    def words(self) -> str:
        return f"{self.name.text()} {self.numbers.text()}".strip()


class StatusStrip(QPushButton):
    """Follows `services.hardware`. Its accessible name is the whole line as a sentence."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._shown: tuple[DriverState, int] | None = None
        self.setFixedHeight(_HEIGHT)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAutoDefault(True)  # Enter opens it, like a click
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 12, 0)
        row.setSpacing(22)
        self._gpus = [_Cell(self) for _ in range(_SINGLY)]
        self._cpu, self._memory, self._disk = _Cell(self), _Cell(self), _Cell(self)
        for cell in (*self._gpus, self._cpu, self._memory, self._disk):
            row.addWidget(cell)
            cell.hide()
        row.addStretch(1)
        self._badge = StateBadge(self)
        self._badge.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._badge.hide()
        row.addWidget(self._badge)
        say(self, "setAccessibleName", tr("Hardware"))
        say(self, "setToolTip", tr("Open the Hardware page"))
        self.clicked.connect(self._open)
        self._exposure = Exposure(self)
        self._exposure.changed.connect(self._on_exposed)
        services.hardware.sampled.connect(self._on_sampled)
        services.language.changed.connect(self._on_reworded)
        services.theme.changed.connect(self._on_reworded)

    def line(self) -> str:
        """What stands in the strip."""
        cells = (*self._gpus, self._cpu, self._memory, self._disk)
        words = [cell.words() for cell in cells if not cell.isHidden()]
        if not self._badge.isHidden():
            words.append(self._badge.text())
        return " | ".join(words)

    def sizeHint(self) -> QSize:
        return QSize(self._row.sizeHint().width(), _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        colour = self._services.theme.color
        painter.fillRect(self.rect(), colour("raised" if self.underMouse() or self.isDown() else "surface"))
        painter.fillRect(0, 0, self.width(), 1, colour("border"))
        if self.hasFocus():
            painter.setPen(QPen(colour("accent"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    @Slot()
    def _open(self) -> None:
        self._services.navigator.open("hardware")

    @Slot(bool)
    def _on_exposed(self, seen: bool) -> None:
        if seen and self._services.hardware.latest is not None:
            self._on_sampled(self._services.hardware.latest)

    @Slot()
    def _on_reworded(self) -> None:
        for cell in (*self._gpus, self._cpu, self._memory, self._disk):
            cell.forget_width()
        if self._services.hardware.latest is not None:
            self._on_sampled(self._services.hardware.latest)
        self.update()

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        if not self._exposure.seen:
            return
        host = snapshot.host
        self._show_gpus(snapshot)
        self._cpu.fill(verbatim("CPU"), f"{host.cpu_percent:.0f} %")
        self._memory.fill(verbatim("RAM"), memory_share(host.memory_used_bytes, host.memory_total_bytes))
        self._cpu.show()
        self._memory.show()
        self._disk.setVisible(bool(host.disks))
        if host.disks:
            self._disk.fill(tr("Disk"), tr("{size} free", size=size(host.disks[0].free_bytes)))
        found = [verdict for verdict in self._services.hardware.verdicts if verdict.level != "good"]
        self._badge.setVisible(bool(found))
        if found:
            level = "bad" if any(verdict.level == "bad" for verdict in found) else "warn"
            self._badge.set_state(level, tr_count("{count} warning", "{count} warnings", len(found)))
        self.setAccessibleDescription(self.line())

    def _show_gpus(self, snapshot: Snapshot) -> None:
        gpus = snapshot.nvidia.gpus
        for cell in self._gpus:
            cell.hide()
        if (snapshot.nvidia.state, len(gpus)) != self._shown:
            self._shown = (snapshot.nvidia.state, len(gpus))
            for cell in self._gpus:
                cell.forget_width()
        if snapshot.nvidia.state is not DriverState.READY or not gpus:
            what, cure = nvidia_words(snapshot.nvidia)
            self._gpus[0].fill(tr("GPU"), _short(snapshot.nvidia.state))
            tip = f"{what} {cure}" if cure is not None else str(what)
            self._gpus[0].show()
        elif len(gpus) <= _SINGLY:
            for cell, gpu in zip(self._gpus, gpus, strict=False):
                name = tr("GPU {index}", index=gpu.index) if len(gpus) > 1 else tr("GPU")
                cell.fill(name, _numbers(gpu))
                cell.show()
            tip = "\n".join(f"GPU {gpu.index}: {gpu.name}" for gpu in gpus)
        else:
            self._gpus[0].fill(tr_count("{count} GPU", "{count} GPUs", len(gpus)), _sum(gpus))
            self._gpus[0].show()
            tip = "\n".join(f"GPU {gpu.index}: {_numbers(gpu)}" for gpu in gpus)
        say(self, "setToolTip", tr("{details}\nOpen the Hardware page", details=tip))


def _short(state: DriverState) -> Text:
    words = {
        DriverState.STARTING: tr("looking"),
        DriverState.NO_GPU: tr("no NVIDIA GPU"),
        DriverState.NO_DRIVER: tr("no NVIDIA driver"),
        DriverState.NO_PERMISSION: tr("no permission"),
        DriverState.MISMATCH: tr("restart the computer"),
        DriverState.LOST: tr("lost"),
        DriverState.UNRESPONSIVE: tr("driver does not answer"),
        DriverState.CRASHED: tr("driver crashed"),
    }
    return words.get(state, tr("driver error"))


def _numbers(gpu: Gpu) -> Text | str:
    if gpu.lost:
        return tr("lost")
    if gpu.refused:
        return tr("no permission")
    parts = []
    if gpu.utilisation_percent.number is not None:
        parts.append(f"{gpu.utilisation_percent.number:.0f} %")
    used, total = gpu.memory_used_bytes.number, gpu.memory_total_bytes.number
    if used is not None and total is not None:
        parts.append(memory_share(used, total))
    if gpu.temperature_celsius.number is not None:
        parts.append(f"{gpu.temperature_celsius.number:.0f} °C")
    if parts:
        return "  ".join(parts)
    return tr("no readings")


def _sum(gpus: tuple[Gpu, ...]) -> str:
    """All cards in a few numbers: mean load, memory together, the hottest. What is missing is left out."""
    parts = []
    loads = [gpu.utilisation_percent.number for gpu in gpus if gpu.utilisation_percent.number is not None]
    if loads:
        parts.append(f"{sum(loads) / len(loads):.0f} %")
    memories = [
        (gpu.memory_used_bytes.number, gpu.memory_total_bytes.number)
        for gpu in gpus
        if gpu.memory_used_bytes.number is not None and gpu.memory_total_bytes.number is not None
    ]
    if memories:
        parts.append(memory_share(sum(used for used, _ in memories), sum(total for _, total in memories)))
    degrees = [gpu.temperature_celsius.number for gpu in gpus if gpu.temperature_celsius.number is not None]
    if degrees:
        parts.append(str(tr("up to {degrees} °C", degrees=f"{max(degrees):.0f}")))
    return "  ".join(parts) or "–"
