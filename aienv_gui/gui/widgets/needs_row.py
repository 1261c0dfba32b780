"""What an environment lacks, said where it is decided, with the button that has it added."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui import package_wishes
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.labels import Label


class NeedsRow(QWidget):
    """Hidden while nothing is lacking. `add_asked`: the user wants it added."""

    add_asked = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        column = QVBoxLayout()
        column.setSpacing(2)
        self.words = Label(role="warn", parent=self)
        self.by_hand = Label(role="caption", parent=self)
        self.by_hand.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.by_hand.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column.addWidget(self.words)
        column.addWidget(self.by_hand)
        row.addLayout(column, 1)
        self.add = Button(tr("Add to the environment"), icon="plus", parent=self)
        self.add.hint(tr("Shows first what that changes. It can be undone."))
        self.add.clicked.connect(self.add_asked)
        self.new = Button(tr("New environment"), icon="plus", parent=self)
        self.new.clicked.connect(self._on_new)
        self.look = Button(tr("Look again"), icon="refresh", parent=self)
        self.look.clicked.connect(services.environments.refresh)
        for button in (self.add, self.new, self.look):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_lacking(self, words: Text, environment: Environment | None, lacking: tuple[str, ...]) -> None:
        """Say in `words` that `environment` lacks something, and what can be done about it."""
        self.setVisible(environment is not None and bool(lacking))
        if environment is None or not lacking:
            return
        self.words.say(words)
        built_in = environment.maker is Maker.BUILT_IN
        self.add.setVisible(environment.removable)
        self.new.setVisible(built_in)
        self.look.setVisible(not environment.removable and not built_in)
        self.by_hand.setVisible(not environment.removable)
        if not environment.removable:
            self.by_hand.say(package_wishes.by_hand(environment, lacking))

    @Slot()
    def _on_new(self) -> None:
        self._services.navigator.open("environments", "new")
