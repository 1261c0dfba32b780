"""The programs that hold GPU memory, what they belong to, and how one's own is ended."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, duration, tr, verbatim
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.process_owners import Owner, ProcessOwners
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.confirm import Question
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.widgets.rows_table import Column, RowsTable
from aienv_gui.gui.words import say
from aienv_gui.hardware import processes
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.card_names import MAKER_NAMES
from aienv_gui.hardware.driver_words import absence_words
from aienv_gui.hardware.readings import Gpu, GpuProcess, Maker, Snapshot, Value

_ROW_HEIGHT: Final = 30
_MOST_ROWS: Final = 12  # before the table scrolls by itself
# Columns that are left out where the window is narrow, the first one first: kind, process, user, RAM, age, CPU. Of the
# row that is selected they are said below the table.
_SPARE: Final = (9, 10, 8, 6, 7, 5)
_NAME_WIDTH: Final = 120  # pixels, for a program and for what it belongs to
_TIP_WIDTH: Final = 100  # characters of a line
_NOTHING: Final = "–"
_HIDDEN: Final = tr("The system shows nothing of it: it belongs to another user, or runs outside of this container.")


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process on a card; one that uses two cards has two rows."""

    gpu: Gpu
    process: GpuProcess
    owner: Owner | None
    seen: float  # seconds since the epoch

    @property
    def key(self) -> tuple[str, int, float | None]:
        return self.gpu.uuid, self.process.pid, self.process.started


class ProcessTable(QWidget):
    """As high as its rows, up to a dozen. Changes only where something changed: the selection stays."""

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self._owners = ProcessOwners(services, self)
        self._job: Job | None = None
        self._asked: ProcessRow | None = None  # what the running job ends
        self.question: Question | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.problem = ProblemView(services, self)
        self.table = RowsTable(services, _columns(), tr("Processes that hold GPU memory"), self)
        self.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._on_menu)
        self.table.picked.connect(self._on_picked)
        column.addWidget(self.problem)
        column.addWidget(self.table)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.command = QLineEdit(self)  # whose text may be longer than the window is wide
        self.command.setReadOnly(True)
        say(self.command, "setAccessibleName", tr("Command"))
        self.open_button = Button(tr("Open what it belongs to"), kind="link", icon="chevron", parent=self)
        self.open_button.clicked.connect(self._on_open)
        self.end_button = Button(tr("End program..."), kind="danger", icon="stop", parent=self)
        self.end_button.clicked.connect(self._on_end)
        row.addWidget(self.command, 1)
        row.addWidget(self.open_button)
        row.addWidget(self.end_button)
        column.addLayout(row)
        self.rest = Label(role="caption", parent=self)
        column.addWidget(self.rest)
        services.language.changed.connect(self._on_language)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self._on_end)
        self._on_picked()

    def show_snapshot(self, snapshot: Snapshot) -> int:
        """Show the processes of all cards; returns how many rows there are."""
        rows = [
            ProcessRow(gpu, process, self._owners.owner_of(process), snapshot.time)
            for gpu in snapshot.gpus
            for process in gpu.processes
        ]
        model = self.table.rows_model
        if [row.key for row in rows] == [row.key for row in model.rows]:
            for number, row in enumerate(rows):
                model.change_row(number, row)
            if rows:
                model.tell_changed(0, len(rows) - 1)
                self._on_picked()  # whose it is may be known by now
        else:
            self.table.replace_rows(rows, lambda row: row.key)
            header = self.table.horizontalHeader().sizeHint().height()
            frame = 2 * self.table.frameWidth() + 4
            self.table.setFixedHeight(header + _ROW_HEIGHT * min(len(rows), _MOST_ROWS) + frame)
            self._arrange_columns()
        return len(rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._arrange_columns()

    @Slot()
    def _on_language(self) -> None:
        self._arrange_columns()

    def _arrange_columns(self) -> None:
        """Leave out as many columns as need be for the names to be readable."""
        table, header = self.table, self.table.horizontalHeader()
        for number in _SPARE:
            header.setSectionHidden(number, False)
        table.fit_columns()
        columns = table.rows_model.columns
        needed = sum(_NAME_WIDTH if column.share else header.sectionSize(n) for n, column in enumerate(columns))
        needed += 2 * table.frameWidth() + table.verticalScrollBar().sizeHint().width()
        for number in _SPARE:
            if needed <= self.width():
                break
            needed -= header.sectionSize(number)
            header.setSectionHidden(number, True)
        self._on_picked()

    def _rest_of(self, row: ProcessRow) -> str:
        """What the columns that are left out say of a row."""
        table = self.table
        hidden = [n for n in sorted(_SPARE) if table.isColumnHidden(n)]
        columns = [table.rows_model.columns[number] for number in hidden]
        return "   ".join(f"{column.title}: {column.text(row)}" for column in columns)

    @property
    def picked(self) -> ProcessRow | None:
        """The row that is selected."""
        rows = self.table.selected_rows()
        return rows[0] if rows else None

    @Slot()
    def _on_picked(self) -> None:
        row = self.picked
        self.command.setVisible(row is not None and bool(row.process.command))
        self.open_button.setVisible(row is not None and row.owner is not None and bool(row.owner.page))
        self.end_button.setVisible(row is not None)
        rest = self._rest_of(row) if row is not None else ""
        self.rest.setVisible(bool(rest))
        if row is None:
            return
        self.rest.say(rest)
        command = " ".join(row.process.command)
        if command != self.command.text():
            self.command.setText(command)
            self.command.setCursorPosition(0)
            self.command.setToolTip(textwrap.fill(command, _TIP_WIDTH))
        hindrance = _hindrance(row)
        self.end_button.setEnabled(hindrance is None and self._job is None)
        self.end_button.hint(hindrance or tr("Asks the program to end; what it has not saved may be lost."))

    @Slot(QPoint)
    def _on_menu(self, place: QPoint) -> None:
        row = self.picked
        if row is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if not self.open_button.isHidden():
            menu.addAction(self.open_button.text(), self._on_open)
        menu.addAction(str(tr("Copy")), self.table.copy_selected)
        end = menu.addAction(self.end_button.text(), self._on_end)
        end.setEnabled(self.end_button.isEnabled())
        menu.popup(self.table.viewport().mapToGlobal(place))

    @Slot()
    def _on_open(self) -> None:
        row = self.picked
        if row is not None and row.owner is not None and row.owner.page:
            self._services.navigator.open(row.owner.page, row.owner.argument)

    # Ending a program

    @Slot()
    def _on_end(self) -> None:
        row = self.picked
        if row is None or _hindrance(row) is not None or self._job is not None:
            return
        name = row.process.name or str(row.process.pid)
        if row.owner is not None and row.owner.training:
            text = tr(
                "This is your training “{name}”. Stop it on its own page instead: there you see when it is saved.",
                name=row.owner.training,
            )
            question = Question(self.window(), tr("End {name}?", name=name), text)
            question.add_answer(tr("Open the training"), "primary", self._on_open)
        else:
            text = tr(
                "It is asked to end (process {pid}). What it has not saved may be lost.",
                pid=row.process.pid,
            )
            question = Question(self.window(), tr("End {name}?", name=name), text)
        question.add_answer(tr("End program"), "danger", partial(self._end, row))
        self._show(question)

    def _end(self, row: ProcessRow, *, by_force: bool = False) -> None:
        assert row.process.started is not None
        self.problem.clear()
        title = tr("End {name}", name=row.process.name or str(row.process.pid))
        work = processes.kill if by_force else processes.ask_to_end
        self._asked = row
        self._job = self._services.jobs.start(title, work, row.process.pid, row.process.started, quiet=True)
        if by_force:
            self._job.succeeded.connect(self._on_killed)
        else:
            self._job.succeeded.connect(self._on_ended)
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)
        self._on_picked()

    @Slot(object)
    def _on_ended(self, ended: bool) -> None:
        row = self._asked
        if ended or row is None:
            return
        text = tr(
            "{name} has not ended after {seconds} seconds. By force it ends at once, and loses what it has not saved.",
            name=row.process.name or str(row.process.pid),
            seconds=round(processes.PATIENCE_S),
        )
        if row.owner is not None and row.owner.training:
            text = tr(
                "The training “{name}” has not ended after {seconds} seconds. It may still be saving: what is not "
                "saved yet is lost by force.",
                name=row.owner.training,
                seconds=round(processes.PATIENCE_S),
            )
        question = Question(self.window(), tr("End it by force?"), text, tr("Leave it running"))
        question.add_answer(tr("End by force"), "danger", partial(self._end, row, by_force=True))
        self._show(question)

    @Slot(object)
    def _on_killed(self, ended: bool) -> None:
        if not ended:
            self.problem.show_problem(
                Problem(
                    tr("The program does not end."),
                    cause=tr("It waits for the GPU's driver, which does not answer."),
                    cure=tr("Save your work and restart the computer."),
                    code="stuck_process",
                )
            )

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.problem.show_problem(problem)

    @Slot()
    def _on_finished(self) -> None:
        self._job = None
        self._on_picked()

    def _show(self, question: Question) -> None:
        self.question = question
        question.finished.connect(self._on_answered)
        question.open()

    @Slot()
    def _on_answered(self) -> None:
        self.question = None


def _hindrance(row: ProcessRow) -> Text | None:
    """Why a program cannot be ended from here; None where it can."""
    process = row.process
    if row.owner is not None and not row.owner.page:
        return tr("This is AIEnv itself.")
    if process.started is None:
        return _HIDDEN
    if not process.own:
        return tr("It belongs to {user}.", user=process.user or tr("another user"))
    return None


def _columns() -> tuple[Column, ...]:
    return (
        Column(tr("Program"), lambda row: row.process.name or str(tr("Unknown program")), share=2),
        Column(tr("Belongs to"), lambda row: str(row.owner.name) if row.owner is not None else _NOTHING, share=2),
        Column(tr("GPU"), _card, key=lambda row: (row.gpu.maker, row.gpu.index), right=True),
        _number(tr("GPU memory"), "memory_bytes", memory_size),
        _number(tr("GPU load"), "utilisation_percent", _percent),
        _number(tr("CPU"), "cpu_percent", _percent),
        _number(verbatim("RAM"), "host_memory_bytes", memory_size),
        Column(
            tr("Age"), _age, key=lambda row: -(row.process.started or row.seen), full=_known_or_why(_age), right=True
        ),
        Column(tr("User"), _user, full=_known_or_why(_user)),
        Column(tr("Kind"), _kind),
        Column(tr("Process"), lambda row: str(row.process.pid), key=lambda row: row.process.pid, right=True),
    )


def _number(title: Text, name: str, words: Callable[[float], str]) -> Column:
    def value(row: ProcessRow) -> Value:
        found = getattr(row.process, name)
        assert isinstance(found, Value)
        return found

    def text(row: ProcessRow) -> str:
        number = value(row).number
        return words(number) if number is not None else _NOTHING

    def full(row: ProcessRow) -> str:
        absence = value(row).absence
        return str(absence_words(absence)) if absence is not None else text(row)

    def key(row: ProcessRow) -> float:
        number = value(row).number
        return number if number is not None else -1.0

    return Column(title, text, key=key, full=full, right=True)


def _known_or_why(text: Callable[[ProcessRow], str]) -> Callable[[ProcessRow], str]:
    """What the system tells of a process, or that it tells nothing."""
    return lambda row: text(row) if text(row) != _NOTHING else str(_HIDDEN)


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _card(row: ProcessRow) -> str:
    gpu = row.gpu
    return str(gpu.index) if gpu.maker is Maker.NVIDIA else f"{MAKER_NAMES[gpu.maker]} {gpu.index}"


def _user(row: ProcessRow) -> str:
    return row.process.user or _NOTHING


def _age(row: ProcessRow) -> str:
    started = row.process.started
    return str(duration(max(0.0, row.seen - started))) if started is not None else _NOTHING


def _kind(row: ProcessRow) -> str:
    return str(tr("Computing") if row.process.kind == "compute" else tr("Graphics"))
