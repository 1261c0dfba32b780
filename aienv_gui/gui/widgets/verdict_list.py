"""The checklist of a validation: a verdict a line, with its reason, its cure and what the program can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.records import Verdict, VerdictState
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.flow import FlowLayout
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

STATE_WORDS: Final[dict[VerdictState, tuple[str, Text]]] = {  # badge's state, word
    VerdictState.PASSED: ("good", tr("Passed")),
    VerdictState.WARNING: ("warn", tr("Warning")),
    VerdictState.FAILED: ("bad", tr("Failed")),
    VerdictState.SKIPPED: ("neutral", tr("Skipped")),
}
_ICONS: Final = {
    VerdictState.PASSED: ("success", "good"),
    VerdictState.WARNING: ("warning", "warn"),
    VerdictState.FAILED: ("error", "bad"),
    VerdictState.SKIPPED: ("neutral", "muted"),
}

# What a whole environment is called by its worst verdict.
HEALTH_WORDS: Final[dict[VerdictState | None, tuple[str, Text]]] = {
    VerdictState.PASSED: ("good", tr("Healthy")),
    VerdictState.WARNING: ("warn", tr("Warnings")),
    VerdictState.FAILED: ("bad", tr("Problems")),
    None: ("neutral", tr("Not validated")),
}


class VerdictRow(QFrame):
    """One verdict. With `only_anywhere` it offers what the presenter can do, and nothing that a page has to."""

    action = Signal(object)  # Action

    def __init__(
        self, services: Services, verdict: Verdict, parent: QWidget | None = None, *, only_anywhere: bool = False
    ) -> None:
        super().__init__(parent)
        self.verdict = verdict
        self._services = services
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 8, 0, 8)
        row.setSpacing(12)
        icon = QLabel(self)
        icon.setProperty("icon_size", 20)
        name, role = _ICONS[verdict.state]
        show_icon(icon, name, role, "setPixmap")
        row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(2)
        row.addLayout(column, 1)
        column.addWidget(Label(verdict.title, role="strong", parent=self))
        if verdict.detail is not None:
            column.addWidget(Label(verdict.detail, role="caption", parent=self))
        if verdict.cure is not None:
            column.addWidget(Label(verdict.cure, parent=self))
        self._actions: dict[QObject, Action] = {}
        offered = [one for one in verdict.actions if one.name in services.presenter.anywhere or not only_anywhere]
        if offered:
            buttons = FlowLayout()  # their labels name packages: several must not make the page wider
            column.addSpacing(4)
            column.addLayout(buttons)
            for action in offered:
                button = Button(action.label, parent=self)
                say(button, "setAccessibleDescription", verdict.title)
                self._actions[button] = action
                button.clicked.connect(self._on_action)
                buttons.addWidget(button)
        badge = StateBadge(self)
        badge.set_state(*STATE_WORDS[verdict.state])
        row.addWidget(badge, 0, Qt.AlignmentFlag.AlignTop)
        say(
            self,
            "setAccessibleName",
            tr("{check}: {verdict}", check=verdict.title, verdict=STATE_WORDS[verdict.state][1]),
        )

    @Slot()
    def _on_action(self) -> None:
        action = self._actions[self.sender()]
        if not self._services.presenter.carry_out(action):
            self.action.emit(action)


class VerdictList(QWidget):
    """Verdicts below each other, filled live with `add`.

    `action` is emitted for what the presenter cannot do; where nobody listens to it (`only_anywhere`), such actions are
    not offered.
    """

    action = Signal(object)  # Action

    def __init__(self, services: Services, parent: QWidget | None = None, *, only_anywhere: bool = False) -> None:
        super().__init__(parent)
        self._only_anywhere = only_anywhere
        self._services = services
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        self._rows: list[tuple[VerdictRow, QFrame]] = []
        say(self, "setAccessibleName", tr("Checks"))

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(row.verdict for row, _ in self._rows)

    def clear(self) -> None:
        for row, rule in self._rows:
            for widget in (row, rule):
                self._column.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        self._rows.clear()

    def add(self, verdict: Verdict) -> None:
        """Add a verdict at the end; a later one of the same check replaces the former."""
        for number, (row, _) in enumerate(self._rows):
            if row.verdict.check == verdict.check and row.verdict.title == verdict.title:
                replaced = self._row(verdict)
                self._column.replaceWidget(row, replaced)
                row.hide()
                row.deleteLater()
                self._rows[number] = (replaced, self._rows[number][1])
                return
        rule = QFrame(self)
        rule.setProperty("role", "line")
        rule.setVisible(bool(self._rows))
        row = self._row(verdict)
        at = self._column.count() - 1
        self._column.insertWidget(at, rule)
        self._column.insertWidget(at + 1, row)
        self._rows.append((row, rule))

    def show_all(self, verdicts: Iterable[Verdict]) -> None:
        """Show exactly these verdicts; nothing is drawn anew where they are shown already."""
        wanted = tuple(verdicts)
        if wanted == self.verdicts:
            return
        self.clear()
        for verdict in wanted:
            self.add(verdict)

    def _row(self, verdict: Verdict) -> VerdictRow:
        row = VerdictRow(self._services, verdict, self, only_anywhere=self._only_anywhere)
        row.action.connect(self.action)
        return row
