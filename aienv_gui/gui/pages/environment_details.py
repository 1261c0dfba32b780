"""One environment: what it is, its packages, its health, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QLineEdit, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, size, tr, tr_count, verbatim
from aienv_gui.environments.health.changes import change_since
from aienv_gui.environments.health.frameworks import accelerator_of, frameworks_of
from aienv_gui.environments.records import Environment, Maker, Verdict
from aienv_gui.gui import environment_work
from aienv_gui.gui.environment_work import Cards
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.environment_open import OpenInButton
from aienv_gui.gui.pages.environment_share import ShareButton
from aienv_gui.gui.pages.new_environment.step import Scroller
from aienv_gui.gui.pages.new_environment.validating import summary_of
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.badge import StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.confirm import confirm
from aienv_gui.gui.widgets.environment_rows import MAKER_WORDS, health_words
from aienv_gui.gui.widgets.flow import FlowLayout
from aienv_gui.gui.widgets.job_row import JobRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.package_rows import Column, RowsTable
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.widgets.verdict_list import VerdictList
from aienv_gui.gui.words import say


class EnvironmentDetails(Card):
    """Shows one environment at a time; validations of several may run at once. `deleted` follows a deletion."""

    deleted = Signal(object)  # Path

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.services = services
        self.environment: Environment | None = None
        self._validations: dict[Path, Job] = {}
        self._found: dict[Path, list[Verdict]] = {}  # verdicts so far of a validation under way
        self._problems: dict[Path, Problem] = {}
        self._uses: dict[Path, tuple[int, int]] = {}  # prefix -> bytes in all, bytes that deleting frees
        self._measuring: Job | None = None
        self._measured_prefix: Path | None = None
        self._deletions: dict[Job, Path] = {}
        self._row: JobRow | None = None
        self.title.show()
        self.badge = StateBadge(self)
        self.header.addWidget(self.badge)
        self._place = Label(role="caption", parent=self)
        self._place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._place.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.body.addWidget(self._place)
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._on_action)
        self.body.addWidget(self._problem)
        self._broken = Label(role="bad", parent=self)
        self.body.addWidget(self._broken)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(16)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnStretch(1, 1)
        self._facts.setColumnStretch(3, 1)
        self.body.addLayout(self._facts)
        self._maker = self._fact(tr("Made by"), 0, 0)
        self._python = self._fact(tr("Python"), 0, 2)
        self._frameworks = self._fact(tr("Frameworks"), 1, 0)
        self._accelerator = self._fact(tr("Calculates on"), 1, 2)
        self._checked = self._fact(tr("Validated"), 2, 0)
        self._size = self._fact(tr("Size"), 2, 2)
        say(self._size, "setToolTip", tr("Shared files are also in the store of downloads or in other environments."))
        self.body.addLayout(self._make_buttons())
        self.shared = Label(role="good", parent=self)
        self.shared.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.shared.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.body.addWidget(self.shared)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        say(self.tabs, "setAccessibleName", tr("Packages and health"))
        self.body.addWidget(self.tabs, 1)
        self._make_packages()
        self._make_health()
        services.language.changed.connect(self._on_language)

    def _fact(self, title: Text, row: int, column: int) -> Label:
        name = Label(title, role="muted", parent=self)
        name.setWordWrap(False)
        value = Label(parent=self)
        self._facts.addWidget(name, row, column, Qt.AlignmentFlag.AlignTop)
        self._facts.addWidget(value, row, column + 1, Qt.AlignmentFlag.AlignTop)
        value.setProperty("fact_name", name)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        return value

    def _make_buttons(self) -> FlowLayout:
        row = FlowLayout()
        self.validate = Button(tr("Validate"), icon="check", parent=self)
        self.validate.hint(tr("Checks that its Python runs, its files are whole and its packages agree and calculate."))
        self.validate.clicked.connect(self.start_validation)
        self.every_byte = Button(tr("Check every byte"), parent=self)
        self.every_byte.hint(tr("Validates and reads all files: finds what was changed without a change of size."))
        self.every_byte.clicked.connect(self.start_check_of_every_byte)
        self.train = Button(tr("New training"), icon="train", parent=self)
        self.train.clicked.connect(self._on_train)
        self.folder = Button(tr("Open folder"), icon="folder", parent=self)
        self.folder.clicked.connect(self._on_folder)
        self.share = ShareButton(self.services, self)
        self.share.written.connect(self._on_shared)
        self.share.failed.connect(self._on_share_failed)
        self.open_in = OpenInButton(self.services, self)
        self.open_in.told.connect(self._on_told)
        self.open_in.failed.connect(self._on_share_failed)
        self.delete = Button(tr("Delete"), kind="danger", icon="trash", parent=self)
        self.delete.clicked.connect(self._ask_to_delete)
        for button in (self.validate, self.every_byte, self.train, self.open_in, self.share, self.folder, self.delete):
            row.addWidget(button)
        return row

    def _make_packages(self) -> None:
        page = QWidget(self.tabs)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        self.search = QLineEdit(page)
        self.search.setClearButtonEnabled(True)
        say(self.search, "setPlaceholderText", tr("Find a package"))
        say(self.search, "setAccessibleName", tr("Find a package"))
        column.addWidget(self.search)
        self.packages = RowsTable(
            self.services,
            (
                Column(tr("Package"), lambda package: package.name, share=1),
                Column(tr("Version"), lambda package: package.version),
            ),
            tr("Installed packages"),
            page,
        )
        self.search.textChanged.connect(self.packages.set_filter)
        column.addWidget(self.packages, 1)
        self.tabs.addTab(page, "")

    def _make_health(self) -> None:
        page = QWidget(self.tabs)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        self._health_column = column
        self._summary = Label(role="strong", parent=page)
        column.addWidget(self._summary)
        scroller = Scroller(page)
        self.verdicts = VerdictList(self.services, page)
        self.verdicts.action.connect(self._on_action)
        scroller.column.addWidget(self.verdicts)
        scroller.column.addStretch(1)
        column.addWidget(scroller, 1)
        self.tabs.addTab(page, "")
        say(self.tabs, "setTabText", tr("Health"), 1)

    # What is shown

    def show_environment(self, environment: Environment) -> None:
        """Show an environment, or the same one read again."""
        other = self.environment is None or self.environment.prefix != environment.prefix
        if other or self.environment is None or self.environment.packages != environment.packages:
            self.packages.set_rows(environment.packages)
        self.environment = environment
        if other:
            self.search.clear()
            self.shared.hide()
            self._measure()
        self.share.show_environment(environment)
        self.open_in.show_environment(environment)
        self.set_title(verbatim(environment.name))
        self.badge.set_state(*health_words(environment))
        self._place.say(str(environment.prefix))
        self._broken.setVisible(environment.broken is not None)
        if environment.broken is not None:
            self._broken.say(tr("It cannot be used. {reason}", reason=environment.broken))
        self._maker.say("AIEnv" if environment.maker is Maker.AIENV else MAKER_WORDS[environment.maker])
        self._python.say(environment.python_version or tr("unknown"))
        self._say_frameworks(environment)
        self._say_size()
        self._say_checked(environment)
        say(self.tabs, "setTabText", tr("Packages ({count})", count=len(environment.packages)), 0)
        running = environment.prefix in self._validations
        self.validate.setEnabled(environment.broken is None and not running)
        self.every_byte.setEnabled(self.validate.isEnabled())
        self.train.setVisible(environment.can_train)
        self.folder.setEnabled(environment.prefix.parent != environment.prefix)
        self.delete.setVisible(environment.removable)
        self.delete.setEnabled(not self.deletes(environment.prefix) and not running)
        self._show_problem()
        self._show_health()

    def deletes(self, prefix: Path) -> bool:
        """Whether an environment is being deleted now."""
        return prefix in self._deletions.values()

    def forget(self) -> None:
        """Nothing is selected."""
        self.environment = None
        self.share.show_environment(None)
        self.open_in.show_environment(None)
        self._drop_measuring()

    def _say_frameworks(self, environment: Environment) -> None:
        frameworks = frameworks_of(environment)
        if frameworks:
            self._frameworks.say(", ".join(f"{framework.name} {framework.version}" for framework in frameworks))
        else:
            self._frameworks.say(tr("none"))
        accelerator = accelerator_of(environment)
        self._accelerator.setVisible(accelerator is not None)
        self._accelerator.property("fact_name").setVisible(accelerator is not None)
        if accelerator is not None:
            self._accelerator.say(accelerator)

    def _say_size(self) -> None:
        assert self.environment is not None
        use = self._uses.get(self.environment.prefix)
        if use is None:
            self._size.say(tr("being measured..."))
        elif use[0] - use[1] > 1_000_000:
            self._size.say(tr("{size} ({shared} shared)", size=size(use[0]), shared=size(use[0] - use[1])))
        else:
            self._size.say(size(use[0]))

    def _say_checked(self, environment: Environment) -> None:
        if environment.validated is None:
            self._checked.say(tr("never"))
        else:
            self._checked.say(datetime.fromtimestamp(environment.validated).strftime("%Y-%m-%d %H:%M"))

    def _show_problem(self) -> None:
        assert self.environment is not None
        problem = self._problems.get(self.environment.prefix)
        if problem is None:
            self._problem.clear()
        elif problem is not self._problem.problem:
            self._problem.show_problem(problem)

    def _show_health(self) -> None:
        assert self.environment is not None
        job = self._validations.get(self.environment.prefix)
        if self._row is not None and self._row.job is not job:
            self._health_column.removeWidget(self._row)
            self._row.hide()
            self._row.deleteLater()
            self._row = None
        if job is not None:
            if self._row is None:
                self._row = JobRow(self.services, job, self)
                self._health_column.insertWidget(0, self._row)
            self._summary.hide()
            self.verdicts.show_all(self._found[self.environment.prefix])
            return
        health = self.environment.health
        self._summary.show()
        change = change_since(self.environment, Cards.of(self.services.hardware.latest).machine)
        if change is not None:
            self._summary.say(tr("{change} Validate it again.", change=change))
        elif health:
            self._summary.say(summary_of(health))
        elif self.environment.validated is not None:
            self._summary.say(tr("Its packages have changed since it was validated. Validate it again."))
        else:
            self._summary.say(tr("It has not been validated yet."))
        self.verdicts.show_all(health)

    # What it does

    @Slot()
    def start_validation(self) -> None:
        """Validate what is shown, in the background."""
        self._start(environment_work.validate)

    @Slot()
    def start_check_of_every_byte(self) -> None:
        """Validate what is shown and read all its files, in the background."""
        self._start(environment_work.check_every_byte)

    def _start(self, work: Callable[..., tuple[Verdict, ...]]) -> None:
        environment = self.environment
        if environment is None or environment.prefix in self._validations:
            return
        self._problems.pop(environment.prefix, None)
        self._found[environment.prefix] = []
        job = self.services.jobs.start(
            tr("Validate {name}", name=environment.name),
            work,
            environment,
            self.services.folders,
            Cards.of(self.services.hardware.latest),
        )
        self._validations[environment.prefix] = job
        job.partial.connect(self._on_verdict)
        job.failed.connect(self._on_validation_failed)
        job.finished.connect(self._on_validation_finished)
        self.tabs.setCurrentIndex(1)
        self.show_environment(environment)

    def _prefix_of(self, job: QObject) -> Path | None:
        return next((prefix for prefix, known in self._validations.items() if known is job), None)

    @Slot(object)
    def _on_verdict(self, verdict: object) -> None:
        prefix = self._prefix_of(self.sender())
        if prefix is None or not isinstance(verdict, Verdict):
            return
        self._found[prefix].append(verdict)
        if self.environment is not None and self.environment.prefix == prefix:
            self.verdicts.add(verdict)

    @Slot(object)
    def _on_validation_failed(self, problem: Problem) -> None:
        prefix = self._prefix_of(self.sender())
        if prefix is not None:
            self._problems[prefix] = problem

    @Slot()
    def _on_validation_finished(self) -> None:
        prefix = self._prefix_of(self.sender())
        if prefix is None:
            return
        del self._validations[prefix]
        self.services.environments.refresh()
        if self.environment is not None and self.environment.prefix == prefix:
            self.show_environment(self.environment)

    def _measure(self) -> None:
        assert self.environment is not None
        self._drop_measuring()
        prefix = self.environment.prefix
        if prefix in self._uses:
            return
        self._measured_prefix = prefix
        self._measuring = self.services.jobs.start(tr("Measure"), environment_work.measure, prefix, quiet=True)
        self._measuring.succeeded.connect(self._on_measured)

    def _drop_measuring(self) -> None:
        if self._measuring is not None:
            job, self._measuring = self._measuring, None
            job.cancel()

    @Slot(object)
    def _on_measured(self, use: object) -> None:
        if self.sender() is not self._measuring or self._measured_prefix is None:
            return
        from aienv_gui.environments.disk_use import DiskUse

        assert isinstance(use, DiskUse)
        self._measuring = None
        self._uses[self._measured_prefix] = (use.total_bytes, use.own_bytes)
        if self.environment is not None and self.environment.prefix == self._measured_prefix:
            self._say_size()

    @Slot()
    def _ask_to_delete(self) -> None:
        environment = self.environment
        if environment is None:
            return
        self._problems.pop(environment.prefix, None)
        training = self._training_in(environment)
        if training is not None:
            self._problems[environment.prefix] = _in_use(environment.name, training)
        self._show_problem()
        if training is not None:
            return
        use = self._uses.get(environment.prefix)
        count = len(environment.packages)
        if use is not None:
            text = tr_count(
                "Its {count} package goes. This frees {size}; {shared} more are shared and stay. "
                "Your own files and your trainings stay.",
                "Its {count} packages go. This frees {size}; {shared} more are shared and stay. "
                "Your own files and your trainings stay.",
                count=count,
                size=size(use[1]),
                shared=size(use[0] - use[1]),
            )
        else:
            text = tr_count(
                "Its {count} package goes. Your own files and your trainings stay.",
                "Its {count} packages go. Your own files and your trainings stay.",
                count=count,
            )
        confirm(
            self,
            tr("Delete “{name}”?", name=environment.name),
            text,
            tr("Delete"),
            danger=True,
            on_yes=self._delete,
        )

    def _training_in(self, environment: Environment) -> str | None:
        """The name of a training that runs in an environment now, followed or not."""
        for summary in self.services.runs.items:
            used = summary.python == environment.python or summary.python.is_relative_to(environment.prefix)
            if summary.state.live and used:
                return summary.name
        return None

    @Slot()
    def _delete(self) -> None:
        environment = self.environment
        if environment is None:
            return
        self._problems.pop(environment.prefix, None)
        job = self.services.jobs.start(
            tr("Delete {name}", name=environment.name), environment_work.delete, environment, self.services.folders
        )
        self._deletions[job] = environment.prefix
        job.succeeded.connect(self._on_deleted)
        job.failed.connect(self._on_delete_failed)
        job.finished.connect(self._on_delete_finished)
        self.show_environment(environment)

    @Slot()
    def _on_deleted(self) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        self._uses.pop(self._deletions[job], None)
        self.deleted.emit(self._deletions[job])

    @Slot(object)
    def _on_delete_failed(self, problem: Problem) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        self._problems[self._deletions[job]] = problem

    @Slot()
    def _on_delete_finished(self) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        del self._deletions[job]
        self.services.environments.refresh()
        if self.environment is not None:
            self.show_environment(self.environment)

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry":
            self.start_validation()

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

    @Slot()
    def _on_language(self) -> None:
        if self.environment is not None:
            self.show_environment(self.environment)


def _in_use(environment: str, training: str) -> Problem:
    return Problem(
        tr("“{name}” is in use.", name=environment),
        cause=tr("The training “{training}” runs in it.", training=training),
        cure=tr("Wait for its end, or stop it: then the environment can be deleted."),
        actions=(Action("open_page", tr("Show the training"), "train"),),
        code="in_use",
    )
