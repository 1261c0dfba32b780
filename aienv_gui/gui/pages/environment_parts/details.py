"""One environment: what it is, its packages, health and snapshots, and what can be done with it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.records import Change, Environment, Snapshot
from aienv_gui.gui import change_work, environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.environment_open import OpenInButton
from aienv_gui.gui.pages.environment_parts import hindrances
from aienv_gui.gui.pages.environment_parts.change_panel import ChangePanel
from aienv_gui.gui.pages.environment_parts.facts import Facts
from aienv_gui.gui.pages.environment_parts.health_tab import HealthTab
from aienv_gui.gui.pages.environment_parts.intentions import Intention, ToChange, ToCopy, ToGoBack
from aienv_gui.gui.pages.environment_parts.more_button import MoreButton
from aienv_gui.gui.pages.environment_parts.name_dialog import NameDialog
from aienv_gui.gui.pages.environment_parts.outcome_bar import OutcomeBar
from aienv_gui.gui.pages.environment_parts.packages_tab import PackagesTab
from aienv_gui.gui.pages.environment_parts.removal import Removal
from aienv_gui.gui.pages.environment_parts.snapshots_tab import SnapshotsTab
from aienv_gui.gui.pages.environment_share import ShareButton
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.environment_rows import MAKER_WORDS, health_words
from aienv_gui.gui.widgets.fitted import Fitted, Tabs
from aienv_gui.gui.widgets.flow import FlowRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.one_of import OneOf
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say

PACKAGES, HEALTH, SNAPSHOTS = range(3)  # the tabs


class EnvironmentDetails(Card):
    """Shows one environment at a time; validations, changes and deletions of several may run at once.

    A change takes the place of the tabs until it is done or given up. `deleted` follows a deletion.
    """

    deleted = Signal(object)  # Path

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.services = services
        self.environment: Environment | None = None
        self.changes: dict[Path, ChangePanel] = {}  # by prefix
        self._problems: dict[Path, Problem] = {}
        self._outcomes: dict[Path, Text] = {}  # of changes that can be undone
        self._backs: dict[Path, str] = {}  # the pages that wanted these changes
        self.measured: dict[Path, change_work.Measured] = {}
        self._measuring: Job | None = None
        self._using: Job | None = None  # looks when it was used last
        self.title.show()
        self.badge = StateBadge(self)
        self.header.addWidget(self.badge)
        self._pages = OneOf(self)
        self.body.addWidget(self._pages, 1)
        self.removal = Removal(services, self)
        self.removal.begun.connect(self._show_again)
        self.removal.deleted.connect(self._on_deleted)
        self.removal.failed.connect(self._on_work_failed)
        self.removal.ended.connect(self._on_work_ended)
        self._overview = self._make_overview()
        self._pages.add(self._overview)
        self._pages.show_only(self._overview)
        services.language.changed.connect(self._show_again)

    def _make_overview(self) -> QWidget:
        overview = Fitted(self._pages)
        column = QVBoxLayout(overview)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._maker = Label(role="caption", parent=overview)
        self._maker.setWordWrap(False)
        self._place = Label(role="caption", parent=overview)
        self._place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._place.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        origin = QHBoxLayout()
        origin.setSpacing(4)
        origin.addWidget(self._maker, 0, Qt.AlignmentFlag.AlignTop)
        origin.addWidget(self._place, 1)
        column.addLayout(origin)
        self._problem = ProblemView(self.services, overview)
        self._problem.action.connect(self._on_action)
        column.addWidget(self._problem)
        self.outcome = OutcomeBar(overview)
        self.outcome.undo.clicked.connect(self._on_undo)
        self.outcome.back.clicked.connect(self._on_back)
        self.outcome.dismiss.clicked.connect(self._on_outcome_seen)
        column.addWidget(self.outcome)
        broken = QHBoxLayout()
        broken.setSpacing(8)
        self._broken = Label(role="bad", parent=overview)
        broken.addWidget(self._broken, 1)
        self.mend = Button(tr("Repair..."), parent=overview)
        self.mend.clicked.connect(self._on_repair)
        broken.addWidget(self.mend)
        column.addLayout(broken)
        self.facts = Facts(overview)
        column.addWidget(self.facts)
        column.addWidget(self._make_buttons(overview))
        self.shared = Label(role="good", parent=overview)
        self.shared.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.shared.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column.addWidget(self.shared)
        column.addWidget(self._make_tabs(overview), 1)
        return overview

    def _make_buttons(self, overview: QWidget) -> FlowRow:
        row = self.buttons = FlowRow(overview)
        self.validate = Button(tr("Validate"), icon="check", parent=overview)
        self.validate.hint(tr("Checks that its Python runs, its files are whole and its packages agree and calculate."))
        self.validate.clicked.connect(self.start_validation)
        self.train = Button(tr("New training"), icon="train", parent=overview)
        self.train.clicked.connect(self._on_train)
        self.share = ShareButton(self.services, overview)
        self.share.written.connect(self._on_shared)
        self.share.failed.connect(self._on_share_failed)
        self.open_in = OpenInButton(self.services, overview)
        self.open_in.told.connect(self._on_told)
        self.open_in.failed.connect(self._on_share_failed)
        self.more = MoreButton(overview)
        for action, slot in (
            (self.more.duplicate, self._on_duplicate),
            (self.more.rename, self._on_rename),
            (self.more.folder, self._on_folder),
            (self.more.repair, self._on_repair),
            (self.more.delete, self._ask_to_delete),
        ):
            action.triggered.connect(slot)
        self.more.build_chosen.connect(self._on_build_chosen)
        for button in (self.validate, self.train, self.open_in, self.share, self.more):
            row.add(button)
        return row

    def _make_tabs(self, overview: QWidget) -> Tabs:
        self.tabs = Tabs(overview)
        self.tabs.setDocumentMode(True)
        say(self.tabs, "setAccessibleName", tr("Packages, health and snapshots"))
        self.packages = PackagesTab(self.services, self.tabs)
        self.packages.change_asked.connect(self.plan_change)
        self.packages.copy_asked.connect(self._on_duplicate)
        self.packages.list.rows_model.modelReset.connect(self._say_counts)
        self.tabs.addTab(self.packages, "")
        self.health = HealthTab(self.services, self.tabs)
        self.health.every_byte.clicked.connect(self.start_check_of_every_byte)
        self.health.action.connect(self._on_action)
        self.health.failed.connect(self._on_work_failed)
        self.health.ended.connect(self._on_work_ended)
        self.tabs.addTab(self.health, "")
        say(self.tabs, "setTabText", tr("Health"), HEALTH)
        self.snapshots = SnapshotsTab(self.services, self.tabs)
        self.snapshots.back_asked.connect(self.go_back)
        self.snapshots.counted.connect(self._say_counts)
        self.snapshots.changed.connect(self._on_snapshots_changed)
        self.tabs.addTab(self.snapshots, "")
        return self.tabs

    # What is shown

    def show_environment(self, environment: Environment) -> None:
        """Show an environment, or the same one read again."""
        before, self.environment = self.environment, environment
        if before is None or before.prefix != environment.prefix:
            self.shared.hide()
            self._look_closer()
        busy = self._is_busy(environment)
        self.set_title(verbatim(environment.name))
        self.badge.set_state(*health_words(environment))
        self._maker.say(tr("{maker} ·", maker=MAKER_WORDS[environment.maker]))
        self._place.say(str(environment.prefix))
        self._broken.setVisible(environment.broken is not None)
        self.mend.setVisible(environment.broken is not None and environment.removable)
        self.mend.setEnabled(not busy)
        if environment.broken is not None:
            self._broken.say(tr("It cannot be used. {reason}", reason=environment.broken))
        self.facts.show_environment(environment)
        self.facts.show_size(self.measured.get(environment.prefix))
        self.share.show_environment(environment)
        self.open_in.show_environment(environment)
        self.more.show_environment(environment, busy=busy)
        self.validate.setEnabled(environment.broken is None and not busy)
        self.health.every_byte.setEnabled(self.validate.isEnabled())
        self.train.setVisible(environment.can_train)
        self.train.setEnabled(not self.works_on(environment.prefix))
        self.packages.show_environment(environment, busy=busy)
        self.health.show_environment(environment)
        self.snapshots.show_environment(environment, busy=busy)
        self._say_counts()
        self._show_problem()
        outcome = self._outcomes.get(environment.prefix)
        self.outcome.show_outcome(outcome, can_undo=not busy, back=self._backs.get(environment.prefix, ""))
        self._pages.show_only(self.changes.get(environment.prefix, self._overview))

    def deletes(self, prefix: Path) -> bool:
        """Whether an environment is being deleted now."""
        return self.removal.runs(prefix)

    def works_on(self, prefix: Path) -> bool:
        """Whether an environment is being changed or deleted now."""
        return self.deletes(prefix) or (prefix in self.changes and self.changes[prefix].working)

    def _is_busy(self, environment: Environment) -> bool:
        return self.health.runs(environment.prefix) or self.works_on(environment.prefix)

    def forget(self) -> None:
        """Nothing is selected."""
        self.environment = None
        self.share.show_environment(None)
        self.open_in.show_environment(None)
        self.packages.forget()
        self.health.forget()
        self.snapshots.forget()
        self._drop_looks()

    @Slot()
    def _show_again(self) -> None:
        if self.environment is not None:
            self.show_environment(self.environment)

    @Slot()
    def _say_counts(self) -> None:
        say(self.tabs, "setTabText", tr("Packages ({count})", count=self.packages.count), PACKAGES)
        if self.snapshots.count:
            say(self.tabs, "setTabText", tr("Snapshots ({count})", count=self.snapshots.count), SNAPSHOTS)
        else:
            say(self.tabs, "setTabText", tr("Snapshots"), SNAPSHOTS)

    def _show_problem(self) -> None:
        assert self.environment is not None
        problem = self._problems.get(self.environment.prefix)
        if problem is None:
            self._problem.clear()
        elif problem is not self._problem.problem:
            self._problem.show_problem(problem)

    def _look_closer(self) -> None:
        """Find out in the background what takes longer: its size, and when it was used last."""
        self._drop_looks()
        environment, start = self.environment, self.services.jobs.start
        assert environment is not None
        self.facts.show_used(None)
        self._using = start(tr("Look up"), environment_work.last_used, environment, quiet=True)
        self._using.succeeded.connect(self._on_used)
        if environment.prefix not in self.measured:
            folders = self.services.folders
            self._measuring = start(tr("Measure"), change_work.measure, environment, folders, quiet=True)
            self._measuring.succeeded.connect(self._on_measured)

    def _drop_looks(self) -> None:
        for job in (self._measuring, self._using):
            if job is not None:
                job.cancel()
        self._measuring = self._using = None

    @Slot(object)
    def _on_measured(self, measured: change_work.Measured) -> None:
        if self.sender() is self._measuring and self.environment is not None:
            self._measuring = None
            self.measured[self.environment.prefix] = measured
            self.facts.show_size(measured)

    @Slot(object)
    def _on_used(self, when: float | None) -> None:
        if self.sender() is self._using:
            self._using = None
            self.facts.show_used(when)

    # Validation

    @Slot()
    def start_validation(self) -> None:
        """Validate what is shown, in the background."""
        self._validate()

    @Slot()
    def start_check_of_every_byte(self) -> None:
        """Validate what is shown and read all its files, in the background."""
        self._validate(every_byte=True)

    def _validate(self, *, every_byte: bool = False) -> None:
        environment = self.environment
        if environment is None or self._is_busy(environment):
            return
        self._problems.pop(environment.prefix, None)
        self.health.start(environment, every_byte=every_byte)
        self.tabs.setCurrentIndex(HEALTH)
        self.show_environment(environment)

    @Slot(object, object)
    def _on_work_failed(self, prefix: Path, problem: Problem) -> None:
        self._problems[prefix] = problem

    @Slot(object)
    def _on_work_ended(self, _prefix: Path) -> None:
        self.services.environments.refresh()
        self._show_again()

    # Changes

    @Slot(object)
    def plan_change(self, change: Change, *, back: str = "") -> None:
        """Plan a change of what is shown; nothing is changed before consent. `back`: the page that wants it."""
        if self.environment is not None:
            self._open(ToChange(self.environment, change), back)

    @Slot(object)
    def go_back(self, snapshot: Snapshot | None) -> None:
        """Show what going back to a snapshot would change; None: to the newest."""
        if self.environment is not None:
            self._open(ToGoBack(self.environment, snapshot))

    def _open(self, intention: Intention, back: str = "") -> None:
        prefix = intention.environment.prefix
        present = self.changes.get(prefix)
        if present is not None and present.busy:
            return
        self._close(prefix)
        self._backs.pop(prefix, None)
        if back:
            self._backs[prefix] = back
        self._problems.pop(prefix, None)
        panel = ChangePanel(self.services, intention, self.hindrance, self._pages, engine=self.packages.list.engine)
        panel.done.connect(self._on_changed)
        panel.closed.connect(self._on_panel_closed)
        panel.changed.connect(self._show_again)
        panel.action.connect(self._on_action)
        self._pages.add(panel)
        self.changes[prefix] = panel
        self._show_again()
        panel.begin()

    def hindrance(self, environment: Environment) -> Problem | None:
        """Why an environment cannot be changed now."""
        training = hindrances.training_in(self.services, environment)
        if training is not None:
            return hindrances.used_by_training(environment, training)
        if self.health.runs(environment.prefix):
            return hindrances.being_validated(environment)
        if self.works_on(environment.prefix):
            return hindrances.being_worked_on(environment)
        return None

    def _close(self, prefix: Path) -> None:
        panel = self.changes.pop(prefix, None)
        if panel is not None:
            panel.drop()
            if self._pages.current() is panel:
                self._pages.show_only(self._overview)
            panel.hide()
            panel.deleteLater()

    @Slot()
    def _on_panel_closed(self) -> None:
        panel = self.sender()
        assert isinstance(panel, ChangePanel)
        self._close(panel.intention.environment.prefix)
        self._show_again()
        self.packages.list.setFocus()

    @Slot(object, object)
    def _on_changed(self, environment: Environment, outcome: Text) -> None:
        panel = self.sender()
        assert isinstance(panel, ChangePanel)
        changed = panel.intention.environment.prefix
        self._close(changed)
        self.measured.pop(changed, None)
        self.services.environments.refresh()
        if panel.intention.changes_it:
            self._outcomes[changed] = outcome
        shown = self.environment is not None and self.environment.prefix == changed
        self.health.start(environment)
        if not shown:
            return
        if environment.prefix == changed:
            self.show_environment(environment)
            self.snapshots.look()
            self._look_closer()
            self.tabs.setCurrentIndex(HEALTH)
        else:
            self._show_again()
            self.services.navigator.open("environments", environment.prefix)

    @Slot()
    def _on_undo(self) -> None:
        self.go_back(None)

    @Slot()
    def _on_back(self) -> None:
        if self.environment is not None:
            self.services.navigator.open(self._backs[self.environment.prefix])

    @Slot()
    def _on_outcome_seen(self) -> None:
        if self.environment is not None:
            self._outcomes.pop(self.environment.prefix, None)
            self._show_again()

    @Slot()
    def _on_snapshots_changed(self) -> None:
        if self.environment is not None:
            self.measured.pop(self.environment.prefix, None)
            self._look_closer()

    @Slot()
    def _on_repair(self) -> None:
        self.plan_change(Change(repair=True))

    @Slot(str)
    def _on_build_chosen(self, build: str) -> None:
        self.plan_change(Change(accelerator=build))

    # Copies and names

    @Slot()
    def _on_duplicate(self) -> None:
        environment = self.environment
        if environment is None:
            return
        dialog = NameDialog(
            self,
            tr("Duplicate “{name}”", name=environment.name),
            tr("How is the copy to be called? You see what would be installed before it is made."),
            self._free_name(environment.name),
            tr("Make a plan"),
            self._check_name,
        )
        dialog.named.connect(partial(self._on_copy_named, environment))
        dialog.open()

    def _free_name(self, name: str) -> str:
        taken = {item.name.casefold() for item in self.services.environments.items}
        number = 2
        while f"{name} {number}".casefold() in taken:
            number += 1
        return f"{name} {number}"

    def _check_name(self, name: str) -> Job:
        return self.services.jobs.start(
            tr("Check a name"), environment_work.check_name, name, self.services.folders, quiet=True
        )

    def _on_copy_named(self, environment: Environment, name: str) -> None:
        self._open(ToCopy(environment, name))

    @Slot()
    def _on_rename(self) -> None:
        environment = self.environment
        if environment is None:
            return
        NameDialog(
            self,
            tr("Rename “{name}”", name=environment.name),
            tr("Its folder stays where it is, so scripts, notebooks and trainings go on working."),
            environment.name,
            tr("Rename"),
            partial(self._rename, environment),  # this one, also where the list shows another by then
        ).open()

    def _rename(self, environment: Environment, name: str) -> Job:
        folders = self.services.folders
        job = self.services.jobs.start(
            tr("Rename {name}", name=environment.name), change_work.rename, environment, name, folders, quiet=True
        )
        job.finished.connect(self.services.environments.refresh)
        return job

    # Deleting

    @Slot()
    def _ask_to_delete(self) -> None:
        environment = self.environment
        if environment is None:
            return
        self._problems.pop(environment.prefix, None)
        hindrance = self.hindrance(environment)
        if hindrance is not None:
            self._problems[environment.prefix] = hindrance
        self._show_problem()
        if hindrance is None:
            self.removal.ask(environment, self.measured.get(environment.prefix))

    @Slot(object)
    def _on_deleted(self, prefix: Path) -> None:
        self.measured.pop(prefix, None)
        self._outcomes.pop(prefix, None)
        self._close(prefix)
        self.deleted.emit(prefix)

    # Other buttons

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        """What a problem or a verdict asks for."""
        names = tuple(name for name in action.argument.split(",") if name)
        if action.name in ("retry", "validate"):
            self.start_validation()
        elif action.name == "duplicate":
            self._on_duplicate()
        elif action.name == "repair":
            self.plan_change(Change(repair=True))
        elif action.name == "use_build":
            self.plan_change(Change(accelerator=action.argument))
        elif action.name == "remove_packages" and names:
            self.plan_change(Change(remove=names))
        elif action.name == "add_packages" and names:
            self.plan_change(Change(add=names))

    @Slot(object, object)
    def _on_shared(self, prefix: Path, file: Path) -> None:
        self._on_told(prefix, tr("Written to {path}", path=file))

    @Slot(object, object)
    def _on_told(self, prefix: Path, text: Text) -> None:
        self._problems.pop(prefix, None)
        if self.environment is not None and self.environment.prefix == prefix:
            self.shared.say(text)
            self.shared.show()
            self._show_problem()

    @Slot(object, object)
    def _on_share_failed(self, prefix: Path, problem: Problem) -> None:
        self._problems[prefix] = problem
        if self.environment is not None and self.environment.prefix == prefix:
            self.shared.hide()
            self._show_problem()

    @Slot()
    def _on_train(self) -> None:
        if self.environment is not None:
            self.services.navigator.open("train", ("new", self.environment.prefix))

    @Slot()
    def _on_folder(self) -> None:
        if self.environment is not None:
            self.services.presenter.open_folder(self.environment.prefix)
