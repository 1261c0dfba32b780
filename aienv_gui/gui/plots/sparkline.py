"""Small drawings of the last ten minutes: plain widgets, one paint each, no layout work while numbers change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QImage, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.plots.axes import ago, value_text
from aienv_gui.gui.plots.curve_picture import curve_picture
from aienv_gui.gui.plots.decimation import Array
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import say

SPAN_S: Final = 600.0
_CURVE_HEIGHT: Final = 44


@dataclass(frozen=True, slots=True)
class _Type:
    """The fonts of a tile with their measures, which Qt would find anew at each painting."""

    small: QFont
    large: QFont
    small_metrics: QFontMetricsF
    large_metrics: QFontMetricsF
    title_height: int
    value_height: int

    @classmethod
    def of(cls, font: QFont) -> _Type:
        small, large = QFont(font), QFont(font)
        small.setPointSizeF(small.pointSizeF() * 0.92)
        large.setPointSizeF(large.pointSizeF() * 1.5)
        large.setWeight(QFont.Weight.DemiBold)
        small_metrics, large_metrics = QFontMetricsF(small), QFontMetricsF(large)
        heights = (math.ceil(metrics.height()) + 2 for metrics in (small_metrics, large_metrics))
        return cls(small, large, small_metrics, large_metrics, *heights)

    @property
    def height(self) -> int:
        return self.title_height + self.value_height + _CURVE_HEIGHT


class MetricTile(QWidget):
    """A reading: its name, its value in large figures, and its last ten minutes below. Or why there is none.

    `series` are (name, colour role); the first one is filled. `high` fixes the upper end, otherwise the largest value
    of the ten minutes is it. Several series are told apart by their names beside the title.
    """

    def __init__(
        self,
        theme: Theme,
        title: Text,
        series: Sequence[tuple[Text | None, str]],
        *,
        unit: str,
        high: float | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._title = title
        self._series = tuple(series)
        self._unit = unit
        self._high = high
        self._value = ""
        self._note = ""
        self._reason: Text | None = None
        self._ages: Array = np.empty(0)
        self._values: tuple[Array, ...] = ()
        self._type: _Type | None = None
        self._pictures: list[QImage] | None = None  # of the curves, until one of them or the size changes
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._on_theme)
        say(self, "setAccessibleName", title)
        say(self, "_reword", title)

    def set_reading(self, value: str, *, note: str = "", reason: Text | None = None) -> None:
        """Show a value (already in words) and a smaller note beside it; or `reason`, why there is no value."""
        if (value, note, reason) != (self._value, self._note, self._reason):
            self._value, self._note, self._reason = value, note, reason
            self._describe()
            self.update()

    def set_history(self, ages: Array, *values: Array) -> None:
        """The last ten minutes, `ages` in (negative) seconds; one array for each series."""
        self._ages, self._values = ages, values
        self._forget_pictures()

    @property
    def value(self) -> str:
        return self._value

    def minimumSizeHint(self) -> QSize:
        return QSize(112, self._type_now().height)

    def sizeHint(self) -> QSize:
        return QSize(180, self._type_now().height)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._type = None
            self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        colour, width, fonts = self._theme.color, float(self.width()), self._type_now()
        painter.setFont(fonts.small)
        painter.setPen(colour("muted"))
        metrics = fonts.small_metrics
        title = metrics.elidedText(str(self._title), Qt.TextElideMode.ElideRight, width)
        painter.drawText(QPointF(0, metrics.ascent()), title)
        self._draw_names(painter, metrics, width, metrics.horizontalAdvance(title))
        base = fonts.title_height + fonts.large_metrics.ascent()
        value = self._value or "–"
        if self._note:
            used = fonts.large_metrics.horizontalAdvance(value) + 6
            note = metrics.elidedText(self._note, Qt.TextElideMode.ElideRight, max(0.0, width - used))
            painter.drawText(QPointF(used, base), note)
        if self._reason is not None:
            wrap = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self._place()), int(wrap), str(self._reason))
        painter.setFont(fonts.large)
        painter.setPen(colour("text"))
        painter.drawText(QPointF(0, base), value)
        if self._reason is None:
            self._draw_curves(painter)

    def _draw_curves(self, painter: QPainter) -> None:
        place = self._place()
        painter.fillRect(place.left(), place.bottom(), place.width(), 1, self._theme.color("grid"))
        if self._pictures is None:
            self._pictures = self._curves(place)
        for picture in self._pictures:
            painter.drawImage(QRectF(place), picture)

    def _curves(self, place: QRect) -> list[QImage]:
        ratio, top = self.devicePixelRatioF(), self._top()
        size = round(place.width() * ratio), round(place.height() * ratio)
        return [
            curve_picture(
                self._ages,
                values,
                (-SPAN_S, 0.0),
                (0.0, top),
                size,
                self._theme.color(role),
                thickness=ratio,
                fill=index == 0,
            )
            for index, ((_, role), values) in enumerate(zip(self._series, self._values, strict=False))
            if len(values) and min(size) > ratio
        ]

    def _place(self) -> QRect:
        """Where the curves are."""
        return QRect(0, self.height() - _CURVE_HEIGHT, self.width(), _CURVE_HEIGHT)

    def _draw_names(self, painter: QPainter, metrics: QFontMetricsF, width: float, taken: float) -> None:
        names = [(str(name), role) for name, role in self._series if name is not None]
        needed = sum(metrics.horizontalAdvance(name) + 22 for name, _ in names)
        if taken + needed > width:
            return
        x = width - needed + 10
        for name, role in names:
            painter.setPen(QPen(self._theme.color(role), 2))
            painter.drawLine(QPointF(x - 6, metrics.ascent() * 0.6), QPointF(x + 2, metrics.ascent() * 0.6))
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QPointF(x + 6, metrics.ascent()), name)
            x += metrics.horizontalAdvance(name) + 22

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            text = self._tip(event.pos().x())
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _tip(self, x: int) -> str:
        if self._reason is not None or not len(self._ages):
            return f"{self._title}: {self._reason or '–'}"
        age = (x / max(1, self.width()) - 1.0) * SPAN_S
        if age < self._ages[0] - 2:
            return str(tr("{title}: the last ten minutes", title=self._title))
        at = int(np.argmin(np.abs(self._ages - age)))
        parts = []
        for (name, _), values in zip(self._series, self._values, strict=False):
            text = value_text(float(values[at]), self._unit)
            parts.append(text if name is None else f"{name} {text}")
        return f"{ago(float(self._ages[at]))}: {', '.join(parts)}"

    def _top(self) -> float:
        if self._high is not None:
            return self._high
        largest = max((float(np.nanmax(v)) for v in self._values if np.isfinite(v).any()), default=0.0)
        return max(largest * 1.1, 1.0) if math.isfinite(largest) else 1.0

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._forget_pictures()

    def _forget_pictures(self) -> None:
        self._pictures = None
        self.update()

    def _type_now(self) -> _Type:
        if self._type is None:
            self._type = _Type.of(self.font())
        return self._type

    def _describe(self) -> None:
        said = f"{self._value} {self._note}".strip() if self._reason is None else str(self._reason)
        self.setAccessibleDescription(said)

    def _reword(self, _title: str) -> None:
        """Called through `say` at each change of language."""
        self._describe()
        self.update()

    @Slot()
    def _on_theme(self) -> None:
        self._forget_pictures()


class CoreBars(QWidget):
    """A bar for each core of the processor, from 0 to 100 percent; wraps to several rows with many cores."""

    _WIDTH: Final = 10
    _GAP: Final = 3
    _HEIGHT: Final = 36

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._percents: tuple[float, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self._on_theme)
        say(self, "setAccessibleName", tr("Load of each CPU core"))

    def set_percents(self, percents: tuple[float, ...]) -> None:
        if len(percents) != len(self._percents):
            self.updateGeometry()
        self._percents = percents
        self.setAccessibleDescription(", ".join(f"{percent:.0f} %" for percent in percents))
        self.update()

    def heightForWidth(self, width: int) -> int:
        rows = math.ceil(max(1, len(self._percents)) / self._per_row(width))
        return rows * (self._HEIGHT + self._GAP)

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(200))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self._HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        ground, colour = self._theme.color("raised"), self._theme.color("series_cpu")
        for index, percent in enumerate(self._percents):
            place = self._place(index)
            painter.fillRect(place, ground)
            height = place.height() * min(max(percent, 0.0), 100.0) / 100.0
            painter.fillRect(QRectF(place.left(), place.bottom() - height, place.width(), height), colour)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            for index, percent in enumerate(self._percents):
                if self._place(index).contains(QPointF(event.pos())):
                    text = tr("Core {number}: {load}", number=index, load=f"{percent:.0f} %")
                    QToolTip.showText(event.globalPos(), str(text), self)
                    return True
            QToolTip.hideText()
            return True
        return super().event(event)

    def _bar_width(self) -> int:
        # Few cores share the width; many keep a width that can still be seen.
        count = max(1, len(self._percents))
        return max(self._WIDTH, min(48, self.width() // count - self._GAP))

    def _per_row(self, width: int) -> int:
        return max(1, (width + self._GAP) // (self._WIDTH + self._GAP))

    def _place(self, index: int) -> QRectF:
        per_row, bar = self._per_row(self.width()), self._bar_width()
        row, column = divmod(index, per_row)
        return QRectF(column * (bar + self._GAP), row * (self._HEIGHT + self._GAP), bar, self._HEIGHT)

    @Slot()
    def _on_theme(self) -> None:
        self.update()
