"""A wrapped caption that changes all the time: what stands around it is laid out anew only when its height changes."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from aienv_gui.gui.widgets.labels import Label


class SteadyLabel(QWidget):
    """Holds its label by hand: one in a layout has all of the page laid out at each new text."""

    def __init__(self, role: str = "caption", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = Label(role=role, parent=self)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        return self._label.text()

    def setText(self, text: str) -> None:
        if text != self._label.text():
            self._label.setText(text)
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = self._label.heightForWidth(self.width()) if self._label.text() else 0
        self._label.resize(self.width(), height)
        if height != self.height():
            self.setFixedHeight(height)
