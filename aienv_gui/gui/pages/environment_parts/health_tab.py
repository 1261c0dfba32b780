"""The health of an environment: the verdicts of its last validation, or of the one under way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import tr
from aienv_gui.environments.health.changes import change_since
from aienv_gui.environments.records import Environment, Verdict, VerdictState
from aienv_gui.gui import environment_work
from aienv_gui.gui.environment_work import Cards
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.new_environment.step import Scroller
from aienv_gui.gui.pages.new_environment.validating import summary_of
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.job_row import JobRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.verdict_list import VerdictList

_NOT_KEPT = frozenset({"disk_full", "read_only", "write_failed"})  # the verdicts are whole, and could not be written


class HealthTab(QWidget):
    """Shows one environment; validations of several may run at once.

    `ended` and `failed` follow a validation, with its environment's prefix; `action` is what a verdict's button asks.
    """

    ended = Signal(object)  # Path
    failed = Signal(object, object)  # Path, Problem
    action = Signal(object)  # Action

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.services = services
        self.environment: Environment | None = None
        self._validations: dict[Path, Job] = {}
        self._found: dict[Path, list[Verdict]] = {}  # verdicts so far of a validation under way
        self._unkept: dict[Path, tuple[Environment, tuple[Verdict, ...]]] = {}  # whole ones that were not written
        self._row: JobRow | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 8, 0, 0)
        self._column.setSpacing(8)
        top = QHBoxLayout()
        top.setSpacing(8)
        self._summary = Label(role="strong", parent=self)
        top.addWidget(self._summary, 1)
        self.every_byte = Button(tr("Check every byte"), parent=self)
        self.every_byte.hint(tr("Validates and reads all files: finds what was changed without a change of size."))
        top.addWidget(self.every_byte, 0, Qt.AlignmentFlag.AlignTop)
        self._column.addLayout(top)
        scroller = Scroller(self)
        self.verdicts = VerdictList(services, self)
        self.verdicts.action.connect(self.action)
        scroller.column.addWidget(self.verdicts)
        scroller.column.addStretch(1)
        self._column.addWidget(scroller, 1)

    def runs(self, prefix: Path) -> bool:
        """Whether an environment is being validated now."""
        return prefix in self._validations

    def start(self, environment: Environment, *, every_byte: bool = False) -> None:
        """Validate an environment in the background; does nothing while it is being validated.

        With `every_byte` the contents of all its files are read too.
        """
        prefix = environment.prefix
        if prefix in self._validations:
            return
        self._found[prefix] = []
        self._unkept.pop(prefix, None)
        job = self.services.jobs.start(
            tr("Validate {name}", name=environment.name),
            environment_work.check_every_byte if every_byte else environment_work.validate,
            environment,
            self.services.folders,
            Cards.of(self.services.hardware.latest),
        )
        self._validations[prefix] = job
        job.partial.connect(self._on_verdict)
        job.failed.connect(self._on_failed)
        job.finished.connect(self._on_finished)

    def show_environment(self, environment: Environment) -> None:
        """Show an environment, or the same one read again."""
        self.environment = environment
        job = self._validations.get(environment.prefix)
        if self._row is not None and self._row.job is not job:
            self._column.removeWidget(self._row)
            self._row.hide()
            self._row.deleteLater()
            self._row = None
        if job is not None:
            if self._row is None:
                self._row = JobRow(self.services, job, self)
                self._column.insertWidget(0, self._row)
            self._summary.hide()
            self.verdicts.show_all(self._found[environment.prefix])
            return
        self._summary.show()
        change = change_since(environment, Cards.of(self.services.hardware.latest).machine)
        unkept = self._unkept_of(environment)
        if unkept is not None:
            self._summary.say(summary_of(unkept))
        elif change is not None:
            self._summary.say(tr("{change} Validate it again.", change=change))
        elif environment.health:
            self._summary.say(summary_of(environment.health))
        elif environment.validated is not None:
            self._summary.say(tr("Its packages have changed since it was validated. Validate it again."))
        else:
            self._summary.say(tr("It has not been validated yet."))
        verdicts = unkept if unkept is not None else environment.health
        if change is not None:
            verdicts = tuple(map(_without_build, verdicts))
        self.verdicts.show_all(sorted(verdicts, key=_urgency))  # what is wrong must not be below the window's edge

    def forget(self) -> None:
        """Nothing is shown."""
        self.environment = None

    def _unkept_of(self, environment: Environment) -> tuple[Verdict, ...] | None:
        """The verdicts that could not be written, unless it has been validated or changed since."""
        examined, verdicts = self._unkept.get(environment.prefix, (None, ()))
        if examined is None:
            return None
        same = (examined.validated, examined.packages) == (environment.validated, environment.packages)
        return verdicts if same else None

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
    def _on_failed(self, problem: Problem) -> None:
        prefix = self._prefix_of(self.sender())
        if prefix is not None:
            examined = self.services.environments.get(prefix)
            if problem.code in _NOT_KEPT and examined is not None:
                self._unkept[prefix] = (examined, tuple(self._found[prefix]))
            self.failed.emit(prefix, problem)

    @Slot()
    def _on_finished(self) -> None:
        prefix = self._prefix_of(self.sender())
        if prefix is not None:
            del self._validations[prefix], self._found[prefix]
            self.ended.emit(prefix)


def _without_build(verdict: Verdict) -> Verdict:
    """A verdict on another machine does not know which build suits the one that is here now."""
    return replace(verdict, actions=tuple(action for action in verdict.actions if action.name != "use_build"))


def _urgency(verdict: Verdict) -> int:
    return {VerdictState.FAILED: 0, VerdictState.WARNING: 1}.get(verdict.state, 2)
