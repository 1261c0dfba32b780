"""A part of a page that is never squeezed below what its wrapped words need."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QTabWidget, QWidget


class Fitted(QWidget):
    """Asks for the least height that its layout takes at its width: splitters, stacks and scroll areas do not.

    Widgets directly in its layout are taken at the least height they can have if they do not depend on their width.
    """

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest:  # a word has become longer, or something was shown
            self._fit()
        return done

    def _fit(self) -> None:
        layout = self.layout()
        if layout is not None:
            self.setMinimumHeight(layout.minimumHeightForWidth(self.width()))


class Tabs(QTabWidget):
    """Tabs with tables, whose height does not depend on their width: else they count with what they would like."""

    def hasHeightForWidth(self) -> bool:
        return False
