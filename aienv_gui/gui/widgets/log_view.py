"""Another program's lines as they come: monospaced, bounded, following the end unless the reader scrolled away."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from aienv_gui.core.wording import tr
from aienv_gui.gui.words import say

_LINES = 5000
_INTERVAL_MS = 50


class LogView(QPlainTextEdit):
    """Lines are gathered and shown at most twenty times a second: a thousand lines are one repaint."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "log")
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setMaximumBlockCount(_LINES)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)
        say(self, "setAccessibleName", tr("Log"))
        self._waiting: list[str] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self.flush)

    @Slot(str)
    def append_line(self, line: str) -> None:
        self._waiting.append(line.rstrip("\r\n"))
        if not self._timer.isActive():
            self._timer.start()

    def set_lines(self, lines: Iterable[str]) -> None:
        """Replace everything, at once."""
        self._waiting.clear()
        self._timer.stop()
        self.setPlainText("\n".join(lines))
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    @Slot()
    def flush(self) -> None:
        """Show what is waiting now."""
        if not self._waiting:
            return
        bar = self.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 1
        self.appendPlainText("\n".join(self._waiting[-_LINES:]))
        self._waiting.clear()
        if follows:
            bar.setValue(bar.maximum())
