"""What limits the machine now, what to try, and the readings that show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import tr
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.fold import Fold
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.hardware.limits import Verdict

_WORDS: Final = {"good": tr("Good"), "warn": tr("Warning"), "bad": tr("Problem")}


class VerdictRow(QWidget):
    """One verdict; its evidence is folded away."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.verdict: Verdict | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self.badge = StateBadge(self)
        row.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(2)
        self.words = Label(parent=self)
        self.evidence = Label(role="caption", parent=self)
        self.evidence.hide()
        column.addWidget(self.words)
        column.addWidget(self.evidence)
        row.addLayout(column, 1)
        self.fold = Fold(tr("Why?"), self)
        self.fold.toggled_open.connect(self._on_fold)
        row.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignTop)

    def show_verdict(self, verdict: Verdict) -> None:
        if self.verdict is None or self.verdict.key != verdict.key:
            self.fold.set_open(False)
        self.verdict = verdict
        self.badge.set_state(verdict.level, _WORDS[verdict.level])
        sentence = str(tr("{what} {cure}", what=verdict.what, cure=verdict.cure)) if str(verdict.cure) else verdict.what
        _set(self.words, str(sentence))
        _set(self.evidence, "\n".join(map(str, verdict.evidence)))
        self.fold.setVisible(bool(verdict.evidence))

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self.evidence.setVisible(unfolded)


class VerdictRows(QWidget):
    """All verdicts, one below the other. It only ever grows: one that comes and goes does not move all of the page."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.rows: list[VerdictRow] = []
        self.hide()

    def show_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        while len(self.rows) < len(verdicts):
            row = VerdictRow(self)
            self.rows.append(row)
            self._column.addWidget(row)
        for index, row in enumerate(self.rows):
            row.setVisible(index < len(verdicts))
            if index < len(verdicts):
                row.show_verdict(verdicts[index])
        if verdicts:
            self.show()
        if not any(row.fold.open for row in self.rows):
            self.setMinimumHeight(max(self.minimumHeight(), self._column.heightForWidth(self.width())))

    def rest(self) -> None:
        """Give back the room that nothing needs now, while nobody looks."""
        self.setMinimumHeight(0)
        self.setVisible(any(not row.isHidden() for row in self.rows))


def _set(label: Label, text: str) -> None:
    if text != label.text():
        label.setText(text)
