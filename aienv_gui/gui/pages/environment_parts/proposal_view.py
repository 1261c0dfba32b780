"""A plan as it is shown for consent: what changes, how much is downloaded, whether it fits."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from aienv_gui.core.wording import size, tr, verbatim
from aienv_gui.environments.records import Plan
from aienv_gui.gui.pages.environment_parts.differences import DifferenceTable
from aienv_gui.gui.pages.environment_parts.intentions import Proposal
from aienv_gui.gui.pages.new_environment.planning import Figure
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.labels import Label


class ProposalView(QWidget):
    """Shows one proposal at a time."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._proposal: Proposal | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.sentence = Label(role="strong", parent=self)
        column.addWidget(self.sentence)
        self.figures = QWidget(self)
        self.figures.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        row = QHBoxLayout(self.figures)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self.download = Figure(tr("to download"), self.figures)
        self.installed = Figure(tr("on the disk"), self.figures)
        self.free = Figure(tr("free on the disk"), self.figures)
        for figure in (self.download, self.installed, self.free):
            row.addWidget(figure, 1)
        self._fits = StateBadge(self.figures)
        row.addWidget(self._fits, 0, Qt.AlignmentFlag.AlignVCenter)
        column.addWidget(self.figures)
        self.notes = Label(role="caption", parent=self)
        column.addWidget(self.notes)
        self.table = DifferenceTable(services, self)
        column.addWidget(self.table, 1)
        column.addStretch(0)
        services.language.changed.connect(self._show_notes)

    @property
    def fits(self) -> bool:
        """Whether there is room for what is shown."""
        return self._proposal is not None and (self._proposal.plan is None or self._proposal.plan.fits)

    def show_proposal(self, proposal: Proposal) -> None:
        self._proposal = proposal
        self.sentence.say(proposal.sentence)
        self.figures.setVisible(proposal.plan is not None)
        if proposal.plan is not None:
            self._show_figures(proposal.plan)
        self._show_notes()
        self.table.set_rows(proposal.differences)
        self.table.setVisible(bool(proposal.differences))

    def _show_figures(self, plan: Plan) -> None:
        self.download.value.say(verbatim(size(plan.download_bytes)))
        self.installed.value.say(verbatim(size(plan.installed_bytes)))
        self.free.value.say(verbatim(size(plan.free_bytes)))
        if plan.fits:
            self._fits.set_state("good", tr("Fits"))
        else:
            self._fits.set_state("bad", tr("Does not fit"))

    def _show_notes(self) -> None:
        if self._proposal is None:
            return
        notes = list(self._proposal.notes)
        plan = self._proposal.plan
        if plan is not None and not plan.fits:
            from aienv_gui.environments.planning.room import (
                lack_words,  # with the downloads, which a page does not wait for
            )

            lacking = [lack_words(need) for need in plan.disks if not need.fits]
            notes[:0] = [*lacking, tr("Free some space, or choose fewer packages.")]
        self.notes.setVisible(bool(notes))
        self.notes.say(verbatim("\n".join(str(note) for note in notes)))
