"""What every page is: a header with the title and the primary action, and a body that scrolls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from aienv_gui.core.wording import Text
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class Page(QWidget):
    """A page of the window; made when it is first shown, kept until the window closes.

    Add widgets to `body`, which fills the page and scrolls where it does not fit. A page that manages its own height
    (a stack, a table) adds one widget with a stretch: ``body.addWidget(stack, 1)``.
    """

    def __init__(self, services: Services, title: Text, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.services = services
        self.name = name
        self.primary: Button | None = None
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        header = QWidget(self)
        header.setMinimumHeight(72)
        self._header = QHBoxLayout(header)
        self._header.setContentsMargins(24, 16, 24, 8)
        self._header.setSpacing(8)
        self.title = Label(role="title", parent=header)
        self.title.setWordWrap(False)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._header.addWidget(self.title, 1)
        outer.addWidget(header)
        self.scroll_area = QScrollArea(self)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        content = QWidget(self.scroll_area)
        content.setObjectName("page_body")
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(24, 8, 24, 24)
        self.body.setSpacing(16)
        self.scroll_area.setWidget(content)
        outer.addWidget(self.scroll_area, 1)
        self.set_title(title)

    def set_title(self, title: Text) -> None:
        self.title.say(title)
        say(self, "setAccessibleName", title)

    def set_primary(self, text: Text, slot: Callable[..., Any], icon: str = "") -> Button:
        """The one main action of the page, right in the header. Called again it replaces the former."""
        if self.primary is not None:
            self._header.removeWidget(self.primary)
            self.primary.hide()
            self.primary.deleteLater()
        self.primary = Button(text, kind="primary", icon=icon, parent=self)
        self.primary.clicked.connect(slot)
        self._header.addWidget(self.primary)
        return self.primary

    def add_header_widget(self, widget: QWidget) -> None:
        """Put a widget into the header, left of the primary action."""
        at = self._header.indexOf(self.primary) if self.primary is not None else self._header.count()
        self._header.insertWidget(at, widget)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Keep the keyboard here where what had it is hidden or disabled: Qt would hand it to a neighbour, unasked."""
        focused = QApplication.focusWidget()
        if focused is not None and not (focused.isVisible() and focused.isEnabled()):
            self.setFocus()
            return True
        return super().focusNextPrevChild(forward)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll by keyboard what has no widget of its own that could: a table or a field takes its keys first."""
        bar = self._scroll_bar()
        places = {
            Qt.Key.Key_Up: bar.value() - bar.singleStep(),
            Qt.Key.Key_Down: bar.value() + bar.singleStep(),
            Qt.Key.Key_PageUp: bar.value() - bar.pageStep(),
            Qt.Key.Key_PageDown: bar.value() + bar.pageStep(),
            Qt.Key.Key_Home: bar.minimum(),
            Qt.Key.Key_End: bar.maximum(),
        }
        place = places.get(Qt.Key(event.key()))
        if place is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
        else:
            bar.setValue(place)

    def _scroll_bar(self) -> QScrollBar:
        """Of the part that scrolls: the page's own, or one within it."""
        areas = [self.scroll_area, *self.findChildren(QScrollArea)]
        bars = [area.verticalScrollBar() for area in areas if area.isVisible()]
        return next((bar for bar in bars if bar.maximum() > 0), self.scroll_area.verticalScrollBar())

    @property
    def showing(self) -> object | None:
        """What of it is shown, as `Navigator.open` would be told: a run's folder; None where it is the page itself."""
        return None

    def shown(self, argument: object | None) -> None:
        """The page was opened, with the argument of `Navigator.open`; also called while it is shown already."""

    def hidden(self) -> None:
        """Another page was opened, or the window closes."""
