"""Asks for an environment's name; what is wrong with it is said below the field."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say


class NameDialog(QDialog):
    """`start` begins the job that checks or takes the name; `named` is emitted with it when the job succeeded."""

    named = Signal(str)

    def __init__(
        self, parent: QWidget, title: Text, text: Text, name: str, yes: Text, start: Callable[[str], Job]
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(440)
        say(self, "setWindowTitle", title)
        say(self, "setAccessibleName", title)
        self._start = start
        self._job: Job | None = None
        self._tried = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(8)
        column.addWidget(Label(title, role="section", parent=self))
        column.addWidget(Label(text, parent=self))
        self.field = QLineEdit(name, self)
        self.field.selectAll()
        say(self.field, "setAccessibleName", tr("Name"))
        self.field.textChanged.connect(self._on_text)
        self.field.returnPressed.connect(self._on_yes)
        column.addWidget(self.field)
        self.words = Label(role="bad", parent=self)
        self.words.hide()
        column.addWidget(self.words)
        column.addSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        self.yes = Button(yes, kind="primary", parent=self)
        self.yes.clicked.connect(self._on_yes)
        self.no = Button(tr("Cancel"), parent=self)
        self.no.clicked.connect(self.reject)
        row.addWidget(self.yes)
        row.addWidget(self.no)
        column.addLayout(row)
        self.field.setFocus()
        self._on_text(name)

    @Slot(str)
    def _on_text(self, text: str) -> None:
        self._mark(None)
        self.yes.setEnabled(bool(text.strip()) and self._job is None)

    @Slot()
    def _on_yes(self) -> None:
        name = self.field.text().strip()
        if not name or self._job is not None:
            return
        self._tried = name
        self.field.setReadOnly(True)
        self.yes.setEnabled(False)
        self._job = self._start(name)
        self._job.succeeded.connect(self._on_good)
        self._job.failed.connect(self._on_bad)

    @Slot(object)
    def _on_good(self, _result: object) -> None:
        self._job = None
        self.accept()
        self.named.emit(self._tried)

    @Slot(object)
    def _on_bad(self, fault: Problem) -> None:
        self._job = None
        self.field.setReadOnly(False)
        self.yes.setEnabled(True)
        self._mark(fault)
        self.field.setFocus()

    def reject(self) -> None:
        """Cancel, or Escape: what was begun is not to be done any more."""
        if self._job is not None:
            self._job.cancel()
        super().reject()

    def _mark(self, fault: Problem | None) -> None:
        self.field.setProperty("state", "bad" if fault is not None else "")
        self.field.style().unpolish(self.field)
        self.field.style().polish(self.field)
        self.words.setVisible(fault is not None)
        if fault is not None:
            cause, cure = fault.cause or fault.title, fault.cure
            self.words.say(tr("{cause} {cure}", cause=cause, cure=cure) if cure is not None else cause)
            self.adjustSize()
