"""Several pages in one place, of which one is shown; it is as large as that one alone."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


class OneOf(QWidget):
    """Unlike a QStackedWidget: that asks for the height and width of its largest page, so that each scrolls for it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pages = QVBoxLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        self._shown: QWidget | None = None

    def add(self, page: QWidget) -> None:
        """Another page, hidden until it is chosen."""
        page.hide()
        self._pages.addWidget(page)

    def current(self) -> QWidget | None:
        """The page that is shown."""
        return self._shown

    def show_only(self, page: QWidget) -> None:
        """Show one of the pages in the place of the one before."""
        if page is self._shown:
            return
        if self._shown is not None:
            self._shown.hide()
        self._shown = page
        page.show()
