"""What there is to say about the package that is selected."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, size, tr, tr_count, verbatim
from aienv_gui.gui.pages.environment_parts.package_list import PackageRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_NAMED = 4  # of the packages that require it, or that it requires


class PackagePanel(QWidget):
    """Says what one package is for and what hangs together with it; of several their number and size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.summary = Label(role="strong", parent=self)
        self.relations = Label(role="caption", parent=self)
        for label in (self.summary, self.relations):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            column.addWidget(label)
        say(self, "setAccessibleName", tr("The selected package"))
        self.hide()

    def show_rows(self, rows: Sequence[PackageRow]) -> None:
        """Show what is selected; nothing where nothing is."""
        self.setVisible(bool(rows))
        if len(rows) == 1:
            self.summary.say(_summary(rows[0]))
            lines = _relations(rows[0])
            self.relations.say(verbatim(" · ".join(str(line) for line in lines)))
            self.relations.setVisible(bool(lines))
        elif rows:
            known = sum(row.size_bytes or 0 for row in rows)
            self.summary.say(
                tr_count("{count} package, {size}", "{count} packages, {size}", count=len(rows), size=size(known))
            )
            self.relations.hide()


def _summary(row: PackageRow) -> Text:
    name = verbatim(f"{row.name} {row.version}")
    if row.facts is None or not row.facts.summary:
        return name
    return tr("{package}: {summary}", package=name, summary=row.facts.summary)


def _relations(row: PackageRow) -> list[Text]:
    facts = row.facts
    if facts is None:
        return []
    lines = []
    if facts.required_by:
        lines.append(tr("Required by: {packages}", packages=_names(facts.required_by)))
    elif facts.asked:
        lines.append(tr("Asked for by you"))
    else:
        lines.append(tr("Required by no other package"))
    if facts.requires:
        lines.append(tr("Requires: {packages}", packages=_names(facts.requires)))
    if facts.missing:
        lines.append(tr("Missing of these: {packages}", packages=_names(facts.missing)))
    if facts.installer:
        lines.append(tr("Installed by {program}", program=facts.installer))
    return lines


def _names(names: Sequence[str]) -> Text:
    shown = ", ".join(sorted(names)[:_NAMED])
    if len(names) <= _NAMED:
        return verbatim(shown)
    return tr("{packages} and {count} more", packages=shown, count=len(names) - _NAMED)
