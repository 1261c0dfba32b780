"""The former states of an environment: when and why each was kept, how it differs from now, what it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import size, tr, verbatim
from aienv_gui.environments.records import Difference, Environment, Snapshot
from aienv_gui.gui import change_work, environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.environment_parts.differences import between, sentence
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.confirm import confirm
from aienv_gui.gui.widgets.flow import FlowRow
from aienv_gui.gui.widgets.job_row import JobRow
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.widgets.rows_table import Column, RowsTable
from aienv_gui.gui.words import say

_LEAST_HEIGHT = 80  # pixels
_NAMED = 6  # differences that are listed


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A snapshot with how it differs from now, and what deleting it frees (None: being measured)."""

    snapshot: Snapshot
    differences: tuple[Difference, ...]
    own_bytes: int | None = None

    @property
    def taken(self) -> str:
        return datetime.fromtimestamp(self.snapshot.taken).strftime("%Y-%m-%d %H:%M")


class SnapshotsTab(QWidget):
    """`back_asked` is emitted with a `Snapshot` to go back to, `changed` when one was taken or deleted.

    Where AIEnv did not make the environment there are none, and it says so.
    """

    back_asked = Signal(object)  # Snapshot
    changed = Signal()
    counted = Signal()  # `count` is known anew

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.services = services
        self.environment: Environment | None = None
        self._busy = False
        self._looking: Job | None = None
        self._weighing: Job | None = None
        self._work: Job | None = None  # takes or deletes a snapshot
        self._row: JobRow | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 8, 0, 0)
        self._column.setSpacing(8)
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._on_retry)
        self._column.addWidget(self._problem)
        self.words = Label(role="caption", parent=self)
        self._column.addWidget(self.words)
        self.table = RowsTable(
            services,
            (
                Column(tr("When"), lambda row: row.taken, key=lambda row: row.snapshot.taken),
                Column(tr("Why"), lambda row: str(row.snapshot.reason), share=1),
                Column(tr("Size"), _size, key=lambda row: row.own_bytes or 0, right=True),
            ),
            tr("Snapshots"),
            self,
        )
        self.table.setMinimumHeight(_LEAST_HEIGHT)
        self.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        self.table.picked.connect(self._on_picked)
        self._column.addWidget(self.table, 1)
        self.details = Label(role="caption", parent=self)
        self._column.addWidget(self.details)
        self._column.addStretch(0)
        buttons = FlowRow(self)
        self.back = Button(tr("Go back..."), icon="refresh", parent=buttons)
        self.back.clicked.connect(self._on_back)
        self.take = Button(tr("Make a snapshot"), icon="save", parent=buttons)
        self.take.hint(tr("Keeps the present state to go back to: seconds, and next to no room on the disk."))
        self.take.clicked.connect(self._on_take)
        self.delete = Button(tr("Delete..."), kind="danger", icon="trash", parent=buttons)
        say(self.delete, "setAccessibleName", tr("Delete the snapshot"))
        self.delete.clicked.connect(self._on_delete)
        for button in (self.back, self.take, self.delete):
            buttons.add(button)
        self._buttons = buttons
        self._column.addWidget(buttons)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self._on_delete)
        services.language.changed.connect(self._on_picked)

    @property
    def rows(self) -> tuple[SnapshotRow, ...]:
        return tuple(self.table.rows_model.rows)

    @property
    def count(self) -> int:
        """How many there are, as far as they have been looked up."""
        return len(self.rows)

    @property
    def problem(self) -> Problem | None:
        return self._problem.problem

    def show_environment(self, environment: Environment, *, busy: bool) -> None:
        """Show an environment, or the same one read again; while it is `busy` nothing can be done."""
        before, self.environment, self._busy = self.environment, environment, busy
        if before is None or before.prefix != environment.prefix:
            self._problem.clear()
            self.table.set_rows(())
            self._drop_row()
            self._work = None
        if before != environment:
            self.look()
        self._show_state()

    def forget(self) -> None:
        """Nothing is shown."""
        self.environment = None
        self._drop_jobs()

    def look(self) -> None:
        """Look the snapshots up again, in the background."""
        self._drop_jobs()
        environment = self.environment
        if environment is None:
            return
        if not environment.removable:
            self.table.set_rows(())
            return
        self._looking = self.services.jobs.start(
            tr("Look for snapshots"), change_work.snapshots_of, environment, self.services.folders, quiet=True
        )
        self._looking.succeeded.connect(self._on_found)
        self._looking.failed.connect(self._on_not_found)

    def _drop_jobs(self) -> None:
        for job in (self._looking, self._weighing):
            if job is not None:
                job.cancel()
        self._looking = self._weighing = None

    @Slot(object)
    def _on_found(self, snapshots: tuple[Snapshot, ...]) -> None:
        if self.sender() is not self._looking or self.environment is None:
            return
        self._looking = None
        known = {row.snapshot.folder: row.own_bytes for row in self.rows}
        now = self.environment.packages
        rows = [SnapshotRow(one, between(now, one.packages), known.get(one.folder)) for one in snapshots]
        self.table.replace_rows(rows, lambda row: row.snapshot.folder)
        self._show_state()
        self.counted.emit()
        if snapshots:
            self._weighing = self.services.jobs.start(tr("Measure"), change_work.weigh_snapshots, snapshots, quiet=True)
            self._weighing.partial.connect(self._on_weighed)

    @Slot(object)
    def _on_not_found(self, problem: Problem) -> None:
        if self.sender() is self._looking:
            self._looking = None
            self._problem.show_problem(environment_work.with_retry(problem))

    @Slot(object)
    def _on_weighed(self, kept: object) -> None:
        if self.sender() is not self._weighing or not isinstance(kept, change_work.KeptState):
            return
        for number, row in enumerate(self.rows):
            if row.snapshot.folder == kept.snapshot.folder:
                self.table.rows_model.change_row(number, replace(row, own_bytes=kept.own_bytes))
                self.table.rows_model.tell_changed(number, number)

    def _show_state(self) -> None:
        environment = self.environment
        if environment is None:
            return
        ours = environment.removable
        self._buttons.setVisible(ours)
        self.table.setVisible(bool(self.rows))
        self.words.setVisible(not self.rows)
        if not ours:
            self.words.say(tr("AIEnv keeps snapshots of the environments that it made."))
        else:
            self.words.say(
                tr(
                    "There are no snapshots yet. One is kept before each change, and you can make one now: "
                    "it takes seconds and next to no room."
                )
            )
        self.take.setEnabled(not self._busy and self._work is None and environment.broken is None)
        self._on_picked()

    @property
    def picked(self) -> SnapshotRow | None:
        """The snapshot that is selected."""
        rows: tuple[SnapshotRow, ...] = self.table.selected_rows()
        return rows[0] if rows else None

    @Slot()
    def _on_picked(self) -> None:
        row = self.picked
        free = row is not None and not self._busy and self._work is None
        self.back.setEnabled(free)
        self.delete.setEnabled(free)
        self.details.setVisible(row is not None)
        if row is not None:
            lines = [str(tr("Going back: {changes}", changes=sentence(row.differences)))]
            named = row.differences[:_NAMED]
            lines += [f"{one.package} {one.before or '–'} → {one.after or '–'}" for one in named]
            if len(row.differences) > len(named):
                lines.append(str(tr("and {count} more", count=len(row.differences) - len(named))))
            self.details.say(verbatim("\n".join(lines[:1]) + ("\n" + ", ".join(lines[1:]) if lines[1:] else "")))

    # What is done

    @Slot()
    def _on_back(self) -> None:
        if self.picked is not None:
            self.back_asked.emit(self.picked.snapshot)

    @Slot()
    def _on_take(self) -> None:
        if self.environment is not None and self._work is None:
            title = tr("Make a snapshot of {name}", name=self.environment.name)
            self._begin(
                self.services.jobs.start(title, change_work.take_snapshot, self.environment, self.services.folders)
            )

    @Slot()
    def _on_delete(self) -> None:
        row = self.picked
        if row is None or self.environment is None or not self.delete.isEnabled():
            return
        if row.own_bytes is None:
            text = tr("The environment stays as it is; it can no longer go back to this state.")
        else:
            text = tr(
                "This frees {size}. The environment stays as it is; it can no longer go back to this state.",
                size=size(row.own_bytes),
            )
        confirm(
            self,
            tr("Delete the snapshot of {date}?", date=row.taken),
            text,
            tr("Delete"),
            danger=True,
            on_yes=partial(self._delete, self.environment, row.snapshot),  # another may be selected by then
        )

    def _delete(self, environment: Environment, snapshot: Snapshot) -> None:
        if self._work is None:
            title = tr("Delete a snapshot of {name}", name=environment.name)
            work, folders = change_work.delete_snapshot, self.services.folders
            self._begin(self.services.jobs.start(title, work, environment, snapshot, folders))

    def _begin(self, job: Job) -> None:
        self._problem.clear()
        self._work = job
        self._row = JobRow(self.services, job, self, tells_problem=False)
        self._column.insertWidget(0, self._row)
        job.failed.connect(self._on_failed)
        job.finished.connect(self._on_finished)
        self._show_state()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.sender() is self._work:
            self._problem.show_problem(environment_work.with_actions(problem, ()))

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._work:
            self._work = None
            self._drop_row()
            self.look()
            self._show_state()
        self.changed.emit()

    def _drop_row(self) -> None:
        if self._row is not None:
            self._column.removeWidget(self._row)
            self._row.hide()
            self._row.deleteLater()
            self._row = None

    @Slot()
    def _on_retry(self) -> None:
        self._problem.clear()
        self.look()


def _size(row: SnapshotRow) -> str:
    return size(row.own_bytes) if row.own_bytes is not None else "..."
