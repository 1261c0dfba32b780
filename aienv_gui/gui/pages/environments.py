"""The Environments page: every environment of this machine, and the wizard that makes new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSplitter, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.planning.wizard import Step, Wizard
from aienv_gui.environments.records import Change, Environment, Unfinished
from aienv_gui.gui import environment_work
from aienv_gui.gui.package_wishes import PackageWish
from aienv_gui.gui.pages.environment_parts.details import EnvironmentDetails
from aienv_gui.gui.pages.lost_kernels import LostKernels
from aienv_gui.gui.pages.new_environment.frame import NewEnvironment
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.current_stack import CurrentStack
from aienv_gui.gui.widgets.empty_state import EmptyState
from aienv_gui.gui.widgets.environment_rows import EnvironmentRows
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say

_LIST_WIDTH: Final = 320


class Banner(Card):
    """A sentence with buttons, above the list."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, role="banner")
        row = QHBoxLayout()
        row.setSpacing(8)
        self.words = Label(parent=self)
        row.addWidget(self.words, 1)
        self._row = row
        self.body.addLayout(row)

    def add(self, button: Button) -> Button:
        self._row.addWidget(button)
        return button


class UnfinishedBanner(Banner):
    """An interrupted build or change, with what can be done about it."""

    def __init__(self, unfinished: Unfinished, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.unfinished = unfinished
        name = unfinished.request.name
        self.resume = self.add(Button(tr("Resume"), icon="play", parent=self))
        self.discard = self.add(Button(tr("Discard"), parent=self))
        if unfinished.replacing is None:
            self.words.say(tr("The build of “{name}” was interrupted. What was downloaded is still there.", name=name))
            say(self.resume, "setAccessibleName", tr("Resume the build of {name}", name=name))
            say(self.discard, "setAccessibleName", tr("Discard the build of {name}", name=name))
        else:
            self.words.say(
                tr("The change of “{name}” was interrupted; the environment is as it was before.", name=name)
            )
            say(self.resume, "setAccessibleName", tr("Resume the change of {name}", name=name))
            say(self.discard, "setAccessibleName", tr("Discard the change of {name}", name=name))


class EnvironmentsPage(Page):
    """A stack of the overview (list and details) and the wizard. The wizard's work goes on while the page is away."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Environments"), "environments", parent)
        self.set_primary(tr("New environment"), self.open_wizard, icon="plus")
        self._all = Button(tr("All environments"), parent=self)
        self._all.clicked.connect(self.open_list)
        self.add_header_widget(self._all)
        self._wanted: Path | None = None  # to be selected as soon as it is in the list
        self._gone: set[Path] = set()  # what we deleted ourselves needs no explanation
        self._banners: list[UnfinishedBanner] = []
        self._stack = CurrentStack(self)
        self.body.addWidget(self._stack, 1)
        self._stack.addWidget(self._make_overview())
        self._wizard: NewEnvironment | None = None
        services.environments.changed.connect(self._on_list_changed)
        services.environments.failed.connect(self._on_list_failed)
        self.open_list()
        self._on_list_changed()

    def _make_overview(self) -> QWidget:
        overview = QWidget(self._stack)
        column = QVBoxLayout(overview)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self._problem = ProblemView(self.services, overview)
        self._problem.action.connect(self.services.environments.refresh)
        column.addWidget(self._problem)
        self.build_banner = Banner(overview)
        show = self.build_banner.add(Button(tr("Show"), parent=self.build_banner))
        show.clicked.connect(self._show_wizard)
        self.build_banner.hide()
        column.addWidget(self.build_banner)
        self._banner_column = QVBoxLayout()
        self._banner_column.setSpacing(8)
        column.addLayout(self._banner_column)
        self._splitter = QSplitter(Qt.Orientation.Horizontal, overview)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(12)
        left = QWidget(self._splitter)
        left.setMinimumWidth(220)
        side = QVBoxLayout(left)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(8)
        self.filter = QLineEdit(left)
        self.filter.setClearButtonEnabled(True)
        say(self.filter, "setPlaceholderText", tr("Filter by name, package or folder"))
        say(self.filter, "setAccessibleName", tr("Filter by name, package or folder"))
        self.filter.textChanged.connect(self._on_filter)
        side.addWidget(self.filter)
        self.rows = EnvironmentRows(self.services, left)
        self.rows.picked.connect(self._on_picked)
        side.addWidget(self.rows, 1)
        self._stale = Label(tr("As last seen. Looking again..."), role="muted", parent=left)
        self._stale.hide()
        side.addWidget(self._stale)
        self._none = Label(role="muted", parent=left)
        self._none.hide()
        side.addWidget(self._none)
        self.kernels_link = Button(tr("Jupyter kernels that point nowhere"), kind="link", icon="warning", parent=left)
        self.kernels_link.clicked.connect(self._on_kernels)
        self.kernels_link.hide()
        side.addWidget(self.kernels_link)
        self._splitter.addWidget(left)
        self._right = CurrentStack(self._splitter)
        self._hint = EmptyState(tr("Looking for environments..."), None, self._right, icon="environments")
        self._right.addWidget(self._hint)
        self.details = EnvironmentDetails(self.services, self._right)
        self.details.deleted.connect(self._on_deleted)
        self._right.addWidget(self.details)
        self.lost_kernels = LostKernels(self.services, self._right)
        self._right.addWidget(self.lost_kernels)
        self._splitter.addWidget(self._right)
        self._splitter.setStretchFactor(0, 0)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([_LIST_WIDTH, 600])
        column.addWidget(self._splitter, 1)
        return overview

    @property
    def wizard(self) -> NewEnvironment:
        """The wizard, made when it is first asked for: most visits to this page do not need its five views."""
        if self._wizard is None:
            self._wizard = NewEnvironment(self.services, self._stack)
            self._wizard.closed.connect(self._on_wizard_closed)
            self._wizard.changed.connect(self._show_wizard_banner)
            self._stack.addWidget(self._wizard)
        return self._wizard

    @property
    def banners(self) -> tuple[UnfinishedBanner, ...]:
        """The interrupted builds that are shown."""
        return tuple(self._banners)

    @property
    def hint(self) -> EmptyState:
        """What is said in place of an environment's details."""
        return self._hint

    def shown(self, argument: object | None) -> None:
        self.services.environments.refresh()
        if argument == "new":
            self.open_wizard()
        elif isinstance(argument, Unfinished):
            self._resume(argument)
        elif isinstance(argument, PackageWish):
            self._plan(argument)
        elif argument is not None:
            self.open_list()
            self.select(Path(str(argument)))

    def _plan(self, wish: PackageWish) -> None:
        self.open_list()
        self.filter.clear()
        self.select(wish.prefix)
        if self.details.environment is not None and self.details.environment.prefix == wish.prefix:
            self.details.plan_change(Change(add=wish.packages), back=wish.back)

    def select(self, prefix: Path) -> None:
        """Select an environment, at the latest once it has been found."""
        self._wanted = None
        if not self.rows.select(prefix):
            self._wanted = prefix

    @Slot()
    def open_list(self) -> None:
        """Show the list; a wizard under way stays as it is."""
        self._stack.setCurrentIndex(0)
        self.set_title(tr("Environments"))
        if self.primary is not None:
            self.primary.show()
        self._all.hide()
        self._show_wizard_banner()

    @Slot()
    def open_wizard(self) -> None:
        """Show the wizard, a new one or the one under way."""
        self.wizard.begin()
        self._show_wizard()

    @Slot()
    def _show_wizard(self) -> None:
        self._stack.setCurrentWidget(self.wizard)
        self.set_title(self.wizard.title)
        if self.primary is not None:
            self.primary.hide()
        self._all.show()
        self._show_wizard_banner()

    def _resume(self, unfinished: Unfinished) -> None:
        self.wizard.begin(unfinished)
        self._show_wizard()

    @Slot()
    def _show_wizard_banner(self) -> None:
        wizard = self._wizard.wizard if self._wizard is not None else None
        in_list = self._stack.currentIndex() == 0
        self.build_banner.setVisible(in_list and wizard is not None)
        if wizard is not None:
            self.build_banner.words.say(_progress_words(wizard))
        for banner in self._banners:
            banner.resume.setEnabled(self._wizard is None or not self._wizard.active)

    @Slot(object)
    def _on_wizard_closed(self, prefix: Path | None) -> None:
        self.open_list()
        self.services.environments.refresh()
        if prefix is not None:
            self.filter.clear()
            self.select(prefix)
        self.rows.setFocus()

    # The list

    @Slot()
    def _on_list_changed(self) -> None:
        environments = self.services.environments
        self._stale.setVisible(environments.stale)
        if not (environments.loaded or environments.stale):
            return
        self._problem.clear()
        before = self.details.environment
        self.rows.set_items(environments.items)
        self._show_unfinished()
        self._show_lost_kernels()
        self._on_filter(self.filter.text())
        if self._wanted is not None and self.rows.select(self._wanted):
            self._wanted = None
            return
        current = self.rows.current
        if self._right.currentWidget() is self.lost_kernels:
            return
        if current is not None:
            self._show(current)
        elif before is not None and self.details.works_on(before.prefix):
            self._wanted = before.prefix  # it is away for the moment in which another takes its place
        elif before is not None and not self._is_our_doing(before.prefix) and environments.get(before.prefix) is None:
            self.details.forget()
            self._say_gone(before)
        elif before is None or environments.get(before.prefix) is None:
            self.rows.select_first()

    def _is_our_doing(self, prefix: Path) -> bool:
        """Whether we deleted it, or do: it leaves the list long before the last of its files is swept."""
        return prefix in self._gone or self.details.deletes(prefix)

    @Slot(object)
    def _on_list_failed(self, problem: Problem) -> None:
        self._stale.hide()
        self._problem.show_problem(problem)

    @Slot(object)
    def _on_picked(self, environment: Environment | None) -> None:
        if environment is not None:
            self._show(environment)

    def _show(self, environment: Environment) -> None:
        self.details.show_environment(environment)
        self._right.setCurrentWidget(self.details)

    def _show_lost_kernels(self) -> None:
        kernels = self.services.environments.lost_kernels
        self.kernels_link.setVisible(bool(kernels))
        self.kernels_link.say(
            tr_count(
                "{count} Jupyter kernel points nowhere", "{count} Jupyter kernels point nowhere", count=len(kernels)
            )
        )
        self.lost_kernels.show_kernels(kernels)

    @Slot()
    def _on_kernels(self) -> None:
        self.rows.clearSelection()
        self._right.setCurrentWidget(self.lost_kernels)

    def _say_gone(self, environment: Environment) -> None:
        self._hint.say(
            tr(
                "“{name}” is no longer there: its folder {folder} was deleted or moved outside AIEnv. "
                "Choose another environment, or make a new one.",
                name=environment.name,
                folder=environment.prefix,
            )
        )
        self._right.setCurrentWidget(self._hint)

    @Slot(str)
    def _on_filter(self, text: str) -> None:
        self.rows.set_filter(text)
        self._none.setVisible(self.rows.shown_rows == 0)
        if text.strip():
            self._none.say(tr("No environment matches “{text}”.", text=text.strip()))
        else:
            self._none.say(tr("No environment was found."))

    @Slot(object)
    def _on_deleted(self, prefix: Path) -> None:
        self._gone.add(prefix)
        if self.details.environment is not None and self.details.environment.prefix == prefix:
            self.details.forget()
            self._hint.say(tr("Choose an environment."))
            self._right.setCurrentWidget(self._hint)

    # Interrupted builds

    def _show_unfinished(self) -> None:
        wanted = self.services.environments.unfinished
        if tuple(banner.unfinished for banner in self._banners) == wanted:
            return
        for banner in self._banners:
            self._banner_column.removeWidget(banner)
            banner.hide()
            banner.deleteLater()
        self._banners.clear()
        for unfinished in wanted:
            banner = UnfinishedBanner(unfinished, self)
            banner.resume.clicked.connect(self._on_resume)
            banner.discard.clicked.connect(self._on_discard)
            self._banner_column.addWidget(banner)
            self._banners.append(banner)
        self._show_wizard_banner()

    def _banner_of(self, button: QObject) -> UnfinishedBanner:
        return next(banner for banner in self._banners if button in (banner.resume, banner.discard))

    @Slot()
    def _on_resume(self) -> None:
        self._resume(self._banner_of(self.sender()).unfinished)

    @Slot()
    def _on_discard(self) -> None:
        banner = self._banner_of(self.sender())
        banner.setEnabled(False)
        unfinished = banner.unfinished
        name = unfinished.request.name
        job = self.services.jobs.start(
            tr("Discard the build of {name}", name=name)
            if unfinished.replacing is None
            else tr("Discard the change of {name}", name=name),
            environment_work.discard,
            unfinished,
            self.services.folders,
        )
        job.failed.connect(self._on_discard_failed)
        job.finished.connect(self.services.environments.refresh)

    @Slot(object)
    def _on_discard_failed(self, problem: Problem) -> None:
        self._problem.show_problem(problem)
        for banner in self._banners:
            banner.setEnabled(True)


def _progress_words(wizard: Wizard) -> Text:
    name = wizard.draft.name
    if wizard.step is Step.BUILD and wizard.changes:
        if wizard.busy:
            return tr("“{name}” is being changed.", name=name)
        return tr("The change of “{name}” has stopped.", name=name)
    if wizard.step is Step.BUILD:
        if wizard.busy:
            return tr("“{name}” is being built.", name=name)
        return tr("The build of “{name}” has stopped.", name=name)
    if wizard.step is Step.VALIDATE:
        if wizard.busy:
            return tr("“{name}” is built and being validated.", name=name)
        return tr("“{name}” is ready.", name=name)
    return tr("You have begun to make a new environment.")
