"""What each of the wizard's five views is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text
from aienv_gui.environments.planning.wizard import Wizard
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.job_row import JobRow
from aienv_gui.gui.widgets.labels import Label


class StepView(QWidget):
    """Draws one step of a wizard and does its work in jobs. The frame around it has the buttons.

    `changed` is emitted whenever the wizard may have changed, so that the frame looks at its buttons again.
    """

    changed = Signal()

    def __init__(self, services: Services, heading: Text, explanation: Text, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.services = services
        self.wizard: Wizard | None = None
        self._job: Job | None = None
        self._row: JobRow | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(12)
        self.heading = Label(heading, role="section", parent=self)
        self.explanation = Label(explanation, role="muted", parent=self)
        outer.addWidget(self.heading)
        outer.addWidget(self.explanation)
        self.column = QVBoxLayout()
        self.column.setSpacing(12)
        outer.addLayout(self.column, 1)

    def enter(self, wizard: Wizard) -> None:
        """The step is shown, for this wizard."""
        self.wizard = wizard

    def leave(self) -> None:
        """Another step is shown, or the wizard was given up."""
        self.drop_job()
        self.drop_row()

    def first_field(self) -> QWidget | None:
        """What gets the keyboard when the step is shown: by default the way to cancel what is under way."""
        return self._row.cancel if self._row is not None else None

    def drop_job(self) -> None:
        """Stop what is under way for this step; its late answers are dropped."""
        if self._job is not None:
            job, self._job = self._job, None
            job.cancel()

    def show_row(self) -> JobRow:
        """Show above all else how the step's job goes, until `drop_row`."""
        assert self._job is not None
        self.drop_row()
        self._row = JobRow(self.services, self._job, self)
        self.column.insertWidget(0, self._row)
        return self._row

    def drop_row(self) -> None:
        """Show that no more."""
        if self._row is not None:
            self.column.removeWidget(self._row)
            self._row.hide()
            self._row.deleteLater()
            self._row = None

    def is_current(self) -> bool:
        """Whether the signal that calls this slot comes from the job that is under way."""
        return self._job is not None and self.sender() is self._job


class Scroller(QScrollArea):
    """A part of a step that scrolls where the window is small; add to `column`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget(self)
        self.column = QVBoxLayout(content)
        self.column.setContentsMargins(2, 2, 8, 2)
        self.column.setSpacing(12)
        self.setWidget(content)
        for widget in (content, self.viewport()):  # what is behind shines through: a page or a card
            widget.setAutoFillBackground(False)
