"""A problem where it happened: what, why, what to do; details folded, the report copied with one click."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import tr
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.flow import FlowLayout
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.log_view import LogView
from aienv_gui.gui.words import say


class Reports(Protocol):
    """What the panel needs of the presenter."""

    @property
    def anywhere(self) -> frozenset[str]: ...

    def report(self, problem: Problem) -> str: ...

    def carry_out(self, action: Action) -> bool: ...


class ProblemPanel(QFrame):
    """The panel itself, which needs a presenter only. Hidden while there is nothing to show.

    What can be done from anywhere (open a folder or a page, show the log) it does itself; `action` is emitted for
    everything else: ``retry`` and names of the page's own. Where nobody listens to it (`only_anywhere`), such actions
    are not offered.
    """

    action = Signal(object)  # Action
    carried_out = Signal()

    def __init__(self, presenter: Reports, parent: QWidget | None = None, *, only_anywhere: bool = False) -> None:
        super().__init__(parent)
        self._only_anywhere = only_anywhere
        self._presenter = presenter
        self.problem: Problem | None = None
        self.setProperty("role", "problem")
        outer = QHBoxLayout(self)
        outer.setContentsMargins(16, 14, 16, 14)
        outer.setSpacing(12)
        icon = QLabel(self)
        icon.setProperty("icon_size", 22)
        show_icon(icon, "error", "bad", "setPixmap")
        outer.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(6)
        outer.addLayout(column, 1)
        self._title = Label(role="strong", parent=self)
        self._cause = Label(parent=self)
        self._cure = Label(parent=self)
        for label in (self._title, self._cause, self._cure):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            column.addWidget(label)
        self._buttons = FlowLayout()  # several answers must not make the page wider than the window
        column.addLayout(self._buttons)
        self._actions: dict[QObject, Action] = {}
        self._fold = Button(tr("Details"), kind="link", icon="chevron", parent=self)
        self._fold.setCheckable(True)
        self._fold.toggled.connect(self._on_fold)
        self._copy = Button(tr("Copy report"), kind="link", icon="copy", parent=self)
        self._copy.hint(
            tr("Copies what happened, without names, passwords or your folders, to send to the developers.")
        )
        self._copy.clicked.connect(self._on_copy)
        self._buttons.addWidget(self._fold)
        self._buttons.addWidget(self._copy)
        self._details = LogView(self)
        self._details.setMinimumHeight(140)
        self._details.hide()
        column.addWidget(self._details)
        self.hide()

    def show_problem(self, problem: Problem) -> None:
        self.problem = problem
        self._title.say(problem.title)
        for label, text in ((self._cause, problem.cause), (self._cure, problem.cure)):
            label.setVisible(text is not None)
            if text is not None:
                label.say(text)
        self._drop_buttons()
        offered = [a for a in problem.actions if a.name in self._presenter.anywhere or not self._only_anywhere]
        for index, action in enumerate(offered):
            button = Button(action.label, parent=self)
            self._actions[button] = action
            button.clicked.connect(self._on_action)
            self._buttons.insert_widget(index, button)
        self._copy.say(tr("Copy report"))
        self._fold.setChecked(False)
        self._fold.setVisible(bool(problem.details))
        self._details.set_lines(problem.details.splitlines())
        say(self, "setAccessibleName", problem.title)
        say(self, "setAccessibleDescription", problem.words)
        self.show()

    def clear(self) -> None:
        self.problem = None
        self._drop_buttons()
        self.hide()

    def _drop_buttons(self) -> None:
        for button in list(self._actions):
            assert isinstance(button, QWidget)
            self._buttons.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._actions.clear()

    @Slot(bool)
    def _on_fold(self, unfolded: bool) -> None:
        self._fold.set_icon("chevron_down" if unfolded else "chevron")
        self._details.setVisible(unfolded)

    @Slot()
    def _on_copy(self) -> None:
        if self.problem is not None:
            QGuiApplication.clipboard().setText(self._presenter.report(self.problem))
            self._copy.say(tr("Copied"))

    @Slot()
    def _on_action(self) -> None:
        action = self._actions[self.sender()]
        if self._presenter.carry_out(action):
            self.carried_out.emit()
        else:
            self.action.emit(action)


class ProblemView(ProblemPanel):
    """The inline error of a page."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services.presenter, parent)
