"""The line at the bottom of the window: the hardware at a glance; a click or Enter opens the Hardware page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from aienv_gui.core.wording import Text, size, tr, tr_count, verbatim
from aienv_gui.gui import strip_entries
from aienv_gui.gui.services import Services
from aienv_gui.gui.strip_entries import Entry
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.exposure import Exposure
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.hardware.amounts import memory_share
from aienv_gui.hardware.limits import Verdict
from aienv_gui.hardware.readings import Disk, Snapshot

_HEIGHT: Final = 34
# Which part of the machine a verdict is about, by its key; the cards it names itself. What is about a training as a
# whole is counted in the badge alone.
_MEMORY: Final = ("memory", "container_memory")
_DISK: Final = ("disk", "waiting_disk")
_CPU: Final = ("waiting_cpu", "container_cores")


class _Cell(QWidget):
    """A name and its numbers, with a mark where something is wrong with it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._level = ""
        self._icon = QLabel(self)
        self._icon.setProperty("icon_size", 14)
        self._icon.hide()
        row.addWidget(self._icon)
        self.name = Label(role="caption", parent=self)
        self.numbers = Label(role="body", parent=self)
        for label in (self.name, self.numbers):
            label.setWordWrap(False)
            row.addWidget(label)

    def fill(self, name: Text, numbers: Text | str) -> None:
        if self.name.text() == str(name) and self.numbers.text() == str(numbers):
            return
        self.name.say(name)
        self.numbers.say(numbers)
        # Only ever wider: the line must not tremble while digits come and go.
        self.numbers.setMinimumWidth(max(self.numbers.minimumWidth(), self.numbers.sizeHint().width()))

    def mark(self, verdicts: Sequence[Verdict]) -> None:
        """Show the worst level of these; no mark where there are none."""
        level = "bad" if any(one.level == "bad" for one in verdicts) else "warn" if verdicts else ""
        if level != self._level:
            self._level = level
            self._icon.setVisible(bool(level))
            show_icon(
                self._icon, "error" if level == "bad" else "warning" if level else "", level or "text", "setPixmap"
            )

    @property
    def marked(self) -> str:
        """The level of the mark; empty where there is none."""
        return self._level

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
        self._shown: tuple[str, ...] = ()  # the names of the cards' cells
        self.setFixedHeight(_HEIGHT)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAutoDefault(True)  # Enter opens it, like a click
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 12, 0)
        row.setSpacing(22)
        self._gpus = [_Cell(self) for _ in range(strip_entries.MOST)]
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
        entries = strip_entries.entries_of(snapshot)
        gpu_details = self._show_gpus(entries)
        self._cpu.fill(verbatim("CPU"), f"{host.cpu_percent:.0f} %")
        self._memory.fill(verbatim("RAM"), memory_share(host.memory_used_bytes, host.memory_total_bytes))
        self._cpu.show()
        self._memory.show()
        self._disk.setVisible(bool(host.disks))
        if host.disks:
            self._disk.fill(tr("Disk"), _room(host.disks[0]))
        found = [verdict for verdict in self._services.hardware.verdicts if verdict.level != "good"]
        self._show_verdicts(found, entries)
        said = [str(verdict.what) for verdict in found]
        tip = str(tr("{details}\nOpen the Hardware page", details="\n".join([*said, *gpu_details])))
        description = "\n".join([self.line(), *said])
        if tip != self.toolTip():
            self.setToolTip(tip)
        if description != self.accessibleDescription():
            self.setAccessibleDescription(description)

    def _show_gpus(self, entries: Sequence[Entry]) -> list[str]:
        """Returns what the tool tip says of them."""
        names = tuple(entry.name.message for entry in entries)
        if names != self._shown:
            self._shown = names
            for cell in self._gpus:
                cell.forget_width()
        for cell, entry in zip(self._gpus, entries, strict=False):
            cell.fill(entry.name, entry.numbers)
        for number, cell in enumerate(self._gpus):
            cell.setVisible(number < len(entries))
        return [line for entry in entries for line in entry.details]

    def _show_verdicts(self, found: Sequence[Verdict], entries: Sequence[Entry]) -> None:
        self._badge.setVisible(bool(found))
        if found:
            level = "bad" if any(verdict.level == "bad" for verdict in found) else "warn"
            self._badge.set_state(level, tr_count("{count} warning", "{count} warnings", len(found)))
        for cell, entry in zip(self._gpus, entries, strict=False):
            cell.mark([verdict for verdict in found if set(verdict.cards) & set(entry.cards)])
        for cell, keys in (
            (self._memory, _MEMORY),
            (self._disk, _DISK),
            (self._cpu, _CPU),
        ):
            cell.mark([verdict for verdict in found if verdict.key in keys])


def _room(disk: Disk) -> Text:
    return tr("{size} free", size=size(disk.free_bytes)) if disk.answers else tr("does not answer")
