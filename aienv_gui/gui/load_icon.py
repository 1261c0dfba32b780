"""The load as a picture of a few pixels: a bar for each card, or one for the CPU; for the system's tray."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from aienv_gui.hardware.readings import Gpu, Snapshot

LEVELS: Final = 8  # steps of a bar: more could not be told apart at 16 pixels
EDGES: Final = (16, 22, 24, 32, 48, 64)
_BARS: Final = 4
# A plate of its own under the bars, so that light and dark panels both leave them readable.
_PLATE: Final = QColor("#1c2230")
_RIM: Final = QColor("#8b95a5")
_GROOVE: Final = QColor("#3a4355")
_GPU: Final = QColor("#58cd92")
_CPU: Final = QColor("#56c1dc")
_LOST: Final = QColor("#ff8287")

Bars = tuple[tuple[str, int], ...]  # what it is of ("gpu", "cpu", "lost") and 0 to `LEVELS`


def bars_of(snapshot: Snapshot) -> Bars:
    """One bar a card; the mean of all where they are more than four; the CPU where no card tells its load."""
    gpus = [gpu for gpu in snapshot.gpus if gpu.lost or gpu.utilisation_percent.known]
    if not gpus:
        return (("cpu", _level(snapshot.host.cpu_percent)),)
    if len(gpus) > _BARS:
        loads = [gpu.utilisation_percent.number or 0.0 for gpu in gpus if not gpu.lost]
        lost: Bars = (("lost", LEVELS),) if len(loads) < len(gpus) else ()
        return (*((("gpu", _level(sum(loads) / len(loads))),) if loads else ()), *lost)
    return tuple(_bar(gpu) for gpu in gpus)


def _bar(gpu: Gpu) -> tuple[str, int]:
    return ("lost", LEVELS) if gpu.lost else ("gpu", _level(gpu.utilisation_percent.number or 0.0))


def _level(percent: float) -> int:
    return min(LEVELS, max(0, round(percent / 100 * LEVELS)))


def load_icon(bars: Bars) -> QIcon:
    """The bars in every size a tray may ask for."""
    icon = QIcon()
    for edge in EDGES:
        icon.addPixmap(_draw(bars, edge))
    return icon


def _draw(bars: Bars, edge: int) -> QPixmap:
    pixmap = QPixmap(edge, edge)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(_RIM, 1))
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(QRectF(0.5, 0.5, edge - 1, edge - 1), edge / 6, edge / 6)
    # Whole pixels: at these sizes a blurred edge is half of the bar.
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    margin = max(2, round(edge / 8))
    inner = edge - 2 * margin
    gap = 1 if edge < 32 else 2
    width = max(2, min(inner // 2, (inner - gap * (len(bars) - 1)) // len(bars)))
    left = margin + (inner - len(bars) * width - gap * (len(bars) - 1)) // 2
    for index, (kind, level) in enumerate(bars):
        x = left + index * (width + gap)
        painter.fillRect(x, margin, width, inner, _GROOVE)
        height = max(1, round(inner * level / LEVELS))
        colour = {"gpu": _GPU, "cpu": _CPU, "lost": _LOST}[kind]
        painter.fillRect(x, margin + inner - height, width, height, colour)
    painter.end()
    return pixmap
