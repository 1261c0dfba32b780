"""Where in the wizard one is: five steps in a row, done, current or still to come."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.planning.wizard import STEPS, Step
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.card import line
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

STEP_WORDS: Final[dict[Step, Text]] = {
    Step.PURPOSE: tr("What for"),
    Step.OPTIONS: tr("How"),
    Step.PLAN: tr("Plan"),
    Step.BUILD: tr("Build"),
    Step.VALIDATE: tr("Validate"),
}


class StepsBar(QWidget):
    """Shows the steps; it is not for clicking."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._icons: dict[Step, QLabel] = {}
        self._words: dict[Step, Label] = {}
        for step in STEPS:
            icon = QLabel(self)
            icon.setProperty("icon_size", 18)
            word = Label(STEP_WORDS[step], role="muted", parent=self)
            word.setWordWrap(False)
            row.addWidget(icon)
            row.addWidget(word)
            self._icons[step], self._words[step] = icon, word
            if step is not STEPS[-1]:
                rule = line(self)
                rule.setMinimumWidth(12)
                rule.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
                row.addWidget(rule, 1, Qt.AlignmentFlag.AlignVCenter)
        self.show_step(Step.PURPOSE, done=False)

    def show_step(self, current: Step, *, done: bool) -> None:
        """Mark the current step; `done` for a wizard at its end."""
        at = STEPS.index(current)
        for number, step in enumerate(STEPS):
            finished = number < at or (done and number == at)
            show_icon(
                self._icons[step],
                "success" if finished else ("step_current" if number == at else "circle"),
                "good" if finished else ("accent" if number == at else "muted"),
                "setPixmap",
            )
            self._words[step].set_role("strong" if number == at else "muted")
        say(
            self,
            "setAccessibleName",
            tr("Step {number} of {count}: {step}", number=at + 1, count=len(STEPS), step=STEP_WORDS[current]),
        )
