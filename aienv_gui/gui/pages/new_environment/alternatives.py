"""What else could have been chosen for the graphics card, and why it was not; a question where no build suits all."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from aienv_gui.core.wording import tr
from aienv_gui.environments.accelerators import Choice
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label


class Alternatives(QWidget):
    """Folded until it is asked for. `wanted` is emitted with the id of a build that uses the cards left out."""

    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.question = Button(tr("Use the other card"), parent=self)
        self.question.clicked.connect(self._on_question)
        self._answer = ""
        self.fold = Button(tr("What else was possible"), kind="link", icon="chevron", parent=self)
        self.fold.setCheckable(True)
        self.fold.toggled.connect(self._on_fold)
        self.rows = QWidget(self)
        self._rows = QVBoxLayout(self.rows)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(2)
        column.addWidget(self.question, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.rows)
        self.rows.hide()
        self._shown: Choice | None = None

    def show_choice(self, advised: Choice, chosen: str) -> None:
        """Show the alternatives to what is advised; `chosen` is the build that is taken now."""
        other = next((one for one in advised.alternatives if one.instead), None)
        asks = other is not None and other.id != chosen
        self.question.setVisible(asks)
        if other is not None and asks:
            self._answer = other.id
            self.question.say(tr("Use {cards} instead ({build})", cards=", ".join(other.instead), build=other.title))
        if advised == self._shown:
            return
        self._shown = advised
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for one in advised.alternatives:
            words = tr("{build}: {reason}", build=one.title, reason=one.reason)
            self._rows.addWidget(Label(words, role="caption", parent=self.rows))
        self.fold.setVisible(bool(advised.alternatives))
        self.fold.setChecked(False)

    @Slot()
    def _on_question(self) -> None:
        self.wanted.emit(self._answer)

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self.fold.set_icon("chevron_down" if unfolded else "chevron")
        self.rows.setVisible(unfolded)
