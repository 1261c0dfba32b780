"""Whether a widget can be seen at all: what cannot be seen is not worth drawing."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QWidget

_TELLING: Final = (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.WindowStateChange, QEvent.Type.Expose)


class Exposure(QObject):
    """Watches a widget and the window it is in: hidden, minimised, in the tray, or covered where the system tells."""

    changed = Signal(bool)  # whether it can be seen now

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._was_seen = False
        widget.installEventFilter(self)

    @property
    def seen(self) -> bool:
        """Whether any of the widget can be seen now."""
        widget = self._widget()
        window = widget.window()
        handle = window.windowHandle()
        return widget.isVisible() and not window.isMinimized() and (handle is None or handle.isExposed())

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() in _TELLING:
            self._follow_window()
            seen = self.seen
            if seen != self._was_seen:
                self._was_seen = seen
                self.changed.emit(seen)
        return False

    def _widget(self) -> QWidget:
        # Not kept: a window that Python held would outlive its order at the end of the program, and crash it.
        widget = self.parent()
        assert isinstance(widget, QWidget)
        return widget

    def _follow_window(self) -> None:
        """Listen to the window the widget is in now, and to its native one, made when it is first shown."""
        window = self._widget().window()
        window.installEventFilter(self)
        handle = window.windowHandle()
        if handle is not None:
            handle.installEventFilter(self)
