"""Why the machine is not ready and what to do: in words, with the command to copy, and what it is concluded from."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import tr, verbatim
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.fold import Fold
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.hardware.readiness import Readiness

_COPIED_MS = 2500


class ReadinessView(QWidget):
    """Below a sentence that says how it is. Hidden where there is nothing to add to it."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.cause = Label(role="muted", parent=self)
        self.cure = Label(parent=self)
        self.command = Label(role="mono", parent=self)
        self.command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = Button(tr("Copy command"), icon="copy", parent=self)
        self.copy.clicked.connect(self._on_copy)
        self.again = Button(tr("Look again"), kind="link", icon="refresh", parent=self)
        self.again.clicked.connect(self._on_again)
        self.fold = Fold(tr("Why?"), self)
        self.fold.hint(tr("What this is concluded from"))
        self.fold.toggled_open.connect(self._on_fold)
        self.evidence = Label(role="caption", parent=self)
        self.evidence.hide()
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in (self.copy, self.again, self.fold):
            row.addWidget(button)
        row.addStretch(1)
        for widget in (self.cause, self.cure, self.command):
            column.addWidget(widget)
        column.addLayout(row)
        column.addWidget(self.evidence)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(_COPIED_MS)
        self._copied.timeout.connect(self._on_copied_shown)
        services.readiness.looked.connect(self._on_looked)
        self.hide()

    def show_answer(self, answer: Readiness) -> None:
        for label, text in ((self.cause, answer.cause), (self.cure, answer.cure)):
            label.setVisible(text is not None)
            if text is not None:
                label.say(text)
        self.command.say(answer.command)
        for widget in (self.command, self.copy):
            widget.setVisible(bool(answer.command))
        say(self.copy, "setAccessibleDescription", verbatim(answer.command))
        self.again.setVisible(answer.level == "warn")
        self.fold.setVisible(answer.evidence is not None)
        self.evidence.say(answer.evidence or "")
        self.evidence.setVisible(answer.evidence is not None and self.fold.open)
        self.setVisible(answer.cause is not None or answer.cure is not None)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.text())
        self.copy.say(tr("Copied"))
        self._copied.start()

    @Slot()
    def _on_copied_shown(self) -> None:
        self.copy.say(tr("Copy command"))

    @Slot()
    def _on_again(self) -> None:
        self.again.setEnabled(False)
        self._services.readiness.look_again()

    @Slot()
    def _on_looked(self) -> None:
        self.again.setEnabled(True)

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self.evidence.setVisible(unfolded)
