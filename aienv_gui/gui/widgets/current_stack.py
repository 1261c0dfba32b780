"""A stack that is only as large as the page it shows."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget


class CurrentStack(QStackedWidget):
    """QStackedWidget asks for the room of its largest page, so that a small page scrolls for a hidden one's sake."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.currentChanged.connect(self._on_current_changed)

    def sizeHint(self) -> QSize:
        page = self.currentWidget()
        return page.sizeHint() if page is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        page = self.currentWidget()
        return page.minimumSizeHint().expandedTo(page.minimumSize()) if page is not None else super().minimumSizeHint()

    def hasHeightForWidth(self) -> bool:
        # Else a scroll area around it gives each page its preferred height, not the least it can do with.
        return False

    @Slot(int)
    def _on_current_changed(self, _number: int) -> None:
        self.updateGeometry()
