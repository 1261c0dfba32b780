"""The packages of an environment: found, looked into, and asked to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.records import Change, Environment, Maker
from aienv_gui.gui import environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.environment_parts.package_list import PackageList
from aienv_gui.gui.pages.environment_parts.package_panel import PackagePanel
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.flow import FlowRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say

if TYPE_CHECKING:
    from aienv_gui.environments.contents.packages import PackageFacts

_NAMED: Final = 3  # packages with newer versions that the sentence names


class PackagesTab(QWidget):
    """Changes nothing itself: `change_asked` carries a `Change` to plan, an empty one where packages are to be typed.

    Where AIEnv did not make the environment it says so and offers a copy (`copy_asked`) in place of the changes.
    """

    change_asked = Signal(object)  # Change
    copy_asked = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.services = services
        self.environment: Environment | None = None
        self._facts_job: Job | None = None
        self._newest_job: Job | None = None
        self._found_words: Text | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        top = QHBoxLayout()
        top.setSpacing(8)
        self.search = QLineEdit(self)
        self.search.setClearButtonEnabled(True)
        say(self.search, "setPlaceholderText", tr("Find a package"))
        say(self.search, "setAccessibleName", tr("Find a package"))
        top.addWidget(self.search, 1)
        self.look = Button(tr("Look for updates"), icon="refresh", parent=self)
        self.look.hint(tr("Asks the package sources of the settings which newer versions there are. Changes nothing."))
        self.look.clicked.connect(self._on_look)
        top.addWidget(self.look)
        column.addLayout(top)
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._on_look)
        column.addWidget(self._problem)
        self.list = PackageList(services, self)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._on_menu)
        self.list.picked.connect(self._on_picked)
        self.search.textChanged.connect(self.list.set_filter)
        column.addWidget(self.list, 1)
        self.panel = PackagePanel(self)
        column.addWidget(self.panel)
        self.found = Label(role="caption", parent=self)
        column.addWidget(self.found)
        column.addWidget(self._make_changes())
        column.addWidget(self._make_not_ours())
        for keys, slot, where in (
            (QKeySequence.StandardKey.Find, self._on_find, self),
            (QKeySequence.StandardKey.Delete, self._on_remove, self.list),
        ):
            shortcut = QShortcut(QKeySequence(keys), where)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    def _make_changes(self) -> FlowRow:
        self._changes = FlowRow(self)
        self.add = Button(tr("Add..."), icon="plus", parent=self._changes)
        self.add.hint(tr("Adds packages, after showing what that changes."))
        self.add.clicked.connect(self._on_add)
        self.update_all = Button(tr("Update all..."), parent=self._changes)
        self.update_all.hint(tr("Shows first what would be updated."))
        self.update_all.clicked.connect(self._on_update_all)
        self.update_selected = Button(tr("Update..."), parent=self._changes)
        self.update_selected.hint(tr("Updates the packages that are selected, after showing what that changes."))
        self.update_selected.clicked.connect(self._on_update)
        self.remove = Button(tr("Remove..."), parent=self._changes)
        self.remove.hint(tr("Removes the packages that are selected, after showing what goes with them."))
        self.remove.clicked.connect(self._on_remove)
        for button in (self.add, self.update_all, self.update_selected, self.remove):
            self._changes.add(button)
        return self._changes

    def _make_not_ours(self) -> QWidget:
        self._not_ours = QWidget(self)
        row = QHBoxLayout(self._not_ours)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._why = Label(role="caption", parent=self._not_ours)
        row.addWidget(self._why, 1)
        self.copy = Button(tr("Duplicate..."), icon="copy", parent=self._not_ours)
        self.copy.clicked.connect(self.copy_asked)
        row.addWidget(self.copy)
        return self._not_ours

    @property
    def count(self) -> int:
        """How many packages are there."""
        return len(self.list.rows_model.rows)

    @property
    def problem(self) -> Problem | None:
        """Why nothing is known about newer versions."""
        return self._problem.problem

    def show_environment(self, environment: Environment, *, busy: bool) -> None:
        """Show an environment, or the same one read again; while it is `busy` nothing can be changed."""
        before, self.environment = self.environment, environment
        other = before is None or before.prefix != environment.prefix
        if other:
            self.search.clear()
        if other or self.list.packages != environment.packages:
            self._problem.clear()
            self._say_found(None)
            self.list.show_packages(environment.packages)
            self._drop_jobs()
            self._facts_job = self.services.jobs.start(
                tr("Look into packages"), environment_work.package_facts, environment, quiet=True
            )
            self._facts_job.succeeded.connect(self._on_facts)
        if other:
            self.list.clearSelection()
            self.list.scrollToTop()
        self._changes.setVisible(environment.removable)
        self._not_ours.setVisible(not environment.removable)
        self._changes.setEnabled(not busy)
        if environment.maker is Maker.BUILT_IN:
            self._why.say(
                tr("AIEnv itself runs on this environment and does not change it. Copy it, and change the copy.")
            )
        else:
            self._why.say(tr("AIEnv does not change environments that others made. Make a copy, and change that."))
        self.look.setEnabled(environment.broken is None and bool(environment.packages) and self._newest_job is None)
        self._on_picked()

    def forget(self) -> None:
        """Nothing is shown."""
        self.environment = None
        self._drop_jobs()

    def _drop_jobs(self) -> None:
        for job in (self._facts_job, self._newest_job):
            if job is not None:
                job.cancel()
        self._facts_job = self._newest_job = None

    @Slot(object)
    def _on_facts(self, facts: tuple[PackageFacts, ...]) -> None:
        if self.sender() is self._facts_job:
            self._facts_job = None
            self.list.add_facts(facts)

    # Newer versions

    @Slot()
    def _on_look(self) -> None:
        if self.environment is None or self._newest_job is not None:
            return
        self._problem.clear()
        self._say_found(tr("Looking for newer versions"))
        self.look.setEnabled(False)
        self._newest_job = self.services.jobs.start(
            tr("Look for updates of {name}", name=self.environment.name),
            environment_work.outdated,
            self.environment,
            environment_work.SourceSettings.of(self.services.settings),
            self.services.folders,
        )
        self._newest_job.succeeded.connect(self._on_newest)
        self._newest_job.failed.connect(self._on_no_newest)
        self._newest_job.cancelled.connect(self._on_look_cancelled)

    @Slot(object)
    def _on_newest(self, newest: Mapping[str, str]) -> None:
        if self.sender() is not self._newest_job:
            return
        self._end_look()
        self.list.add_newest(newest)
        if not newest:
            self._say_found(tr("Every package is the newest that this Python can take."))
            return
        if len(newest) <= _NAMED:  # the column that has them may be far below
            self._say_found(tr("There is a newer version of {packages}.", packages=", ".join(sorted(newest))))
            return
        self._say_found(
            tr_count(
                "There is a newer version of {count} package.",
                "There are newer versions of {count} packages.",
                count=len(newest),
            )
        )

    @Slot(object)
    def _on_no_newest(self, problem: Problem) -> None:
        if self.sender() is self._newest_job:
            self._end_look()
            self._problem.show_problem(environment_work.with_retry(problem))

    @Slot()
    def _on_look_cancelled(self) -> None:
        if self.sender() is self._newest_job:
            self._end_look()

    def _end_look(self) -> None:
        self._newest_job = None
        self._say_found(None)
        self.look.setEnabled(True)

    def _say_found(self, words: Text | None) -> None:
        """What the look for updates found; the package that is selected takes its place."""
        self._found_words = words
        if words is not None:
            self.found.say(words)
        self.found.setVisible(words is not None and not self.list.selected_rows())

    # What is asked

    @Slot()
    def _on_picked(self) -> None:
        rows = self.list.selected_rows()
        self.panel.show_rows(rows)
        self.found.setVisible(self._found_words is not None and not rows)
        for button in (self.update_selected, self.remove):
            button.setEnabled(bool(rows))

    @property
    def _may_change(self) -> bool:
        return self.environment is not None and self.environment.removable and self._changes.isEnabled()

    @Slot()
    def _on_find(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    @Slot()
    def _on_add(self) -> None:
        self.change_asked.emit(Change())

    @Slot()
    def _on_update_all(self) -> None:
        self.change_asked.emit(Change(update_all=True))

    @Slot()
    def _on_update(self) -> None:
        if self.list.names and self._may_change:
            self.change_asked.emit(Change(update=self.list.names))

    @Slot()
    def _on_remove(self) -> None:
        if self.list.names and self._may_change:
            self.change_asked.emit(Change(remove=self.list.names))

    @Slot(QPoint)
    def _on_menu(self, place: QPoint) -> None:
        if not self.list.names:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._may_change:
            menu.addAction(str(tr("Update..."))).triggered.connect(self._on_update)
            menu.addAction(str(tr("Remove..."))).triggered.connect(self._on_remove)
        else:
            menu.addAction(str(tr("Duplicate..."))).triggered.connect(self.copy_asked)
            menu.actions()[0].setEnabled(self.environment is not None and not self.environment.removable)
        menu.popup(self.list.viewport().mapToGlobal(place))
