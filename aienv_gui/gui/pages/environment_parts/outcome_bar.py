"""What a change did, with the way back."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label

_BACK = {"train": tr("Back to the training"), "models": tr("Back to the model")}


class OutcomeBar(Card):
    """Hidden while there is nothing to tell; `undo`, `back` and `dismiss` are for the page to connect."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, role="banner")
        frame = self.layout()
        assert frame is not None
        frame.setContentsMargins(12, 5, 8, 5)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.words = Label(parent=self)
        row.addWidget(self.words, 1)
        self.undo = Button(tr("Undo..."), icon="refresh", parent=self)
        self.undo.hint(tr("Shows first what going back would change."))
        row.addWidget(self.undo)
        self.back = Button(_BACK["train"], parent=self)
        row.addWidget(self.back)
        self.dismiss = Button(tr("Close"), parent=self)
        row.addWidget(self.dismiss)
        self.body.addLayout(row)
        self.hide()

    def show_outcome(self, outcome: Text | None, *, can_undo: bool, back: str = "") -> None:
        """`back`: the page that wanted it, where another one did."""
        self.setVisible(outcome is not None)
        self.back.setVisible(bool(back))
        if back:
            self.back.say(_BACK[back])
        self.undo.setEnabled(can_undo)
        if outcome is not None:
            self.words.say(tr("Done. {what}", what=outcome))
