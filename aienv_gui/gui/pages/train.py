"""The page Train: the list of runs, a new training, one run."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import tr, verbatim
from aienv_gui.gui.pages.train_parts.new_training import NewTraining
from aienv_gui.gui.pages.train_parts.run_table import RunTable
from aienv_gui.gui.pages.train_parts.run_view import RunView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.empty_state import EmptyState
from aienv_gui.gui.widgets.one_of import OneOf
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.training.records import Recipe


class TrainPage(Page):
    """Opened with None (the list, or what was shown last), ``"new"``, ``("new", prefix)`` or a run's folder."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Train"), "train", parent)
        self.problem = ProblemView(services, self)
        self.body.addWidget(self.problem)
        self.stack = OneOf(self)
        self.body.addWidget(self.stack, 1)
        self.empty = EmptyState(
            tr(
                "Here AIEnv learns from your pictures: give it a folder with examples of each class, and it makes a "
                "model that tells them apart. Try it with the sample digits first; it takes a minute."
            ),
            tr("New training"),
            self,
            icon="train",
        )
        self.empty.clicked.connect(self.open_new)
        self.table = RunTable(services, self)
        self.table.opened.connect(self.open_run)
        self.new: NewTraining | None = None  # made when first opened
        self.run: RunView | None = None
        for widget in (self.empty, self.table):
            self.stack.add(widget)
        self.back = Button(tr("All trainings"), kind="link", parent=self)
        self.back.clicked.connect(self.open_list)
        self._header.insertWidget(0, self.back)
        self.add_button = self.set_primary(tr("New training"), self.open_new, icon="plus")
        services.runs.changed.connect(self._on_runs)
        services.runs.failed.connect(self._on_failed)
        self._on_runs()
        self.open_list()

    def shown(self, argument: object | None) -> None:
        if argument == "new":
            self.open_new()
        elif isinstance(argument, tuple) and argument[:1] == ("new",):
            self.open_new()
            assert self.new is not None
            self.new.place.choose(Path(argument[1]))
        elif argument is not None:
            self.open_run(Path(str(argument)))
        elif self.stack.current() in (self.empty, self.table):
            self.open_list()
        self.services.runs.refresh()

    @property
    def showing(self) -> object | None:
        return self.run.folder if self.run is not None and self.stack.current() is self.run else None

    @Slot()
    def open_list(self) -> None:
        """Show all runs."""
        self.set_title(tr("Train"))
        self._on_runs()
        self._show(self.table if self.services.runs.items else self.empty)

    @Slot()
    def open_new(self) -> None:
        """Show the page for a new training."""
        if self.new is None:
            self.new = NewTraining(self.services, self)
            self.new.started.connect(self._on_started)
            self.stack.add(self.new)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self.new.footer)
        self.set_title(tr("New training"))
        self.new.open()
        self._show(self.new)

    @Slot(object)
    def open_run(self, folder: Path) -> None:
        """Show one run."""
        if self.run is None:
            self.run = RunView(self.services, self)
            self.run.renamed.connect(self._on_name)
            self.run.deleted.connect(self.open_list)
            self.run.anew_asked.connect(self._on_anew)
            self.stack.add(self.run)
        summary = self.services.runs.get(folder)
        self.set_title(verbatim(summary.name if summary else "…"))
        self.run.open(folder)
        self._show(self.run)

    @Slot(object)
    def _on_anew(self, recipe: Recipe) -> None:
        self.open_new()
        assert self.new is not None
        self.new.show_recipe(recipe)

    @Slot(object)
    def _on_started(self, folder: Path) -> None:
        self.open_run(folder)
        self.back.setFocus()  # the button that was pressed is gone, and with it the keyboard's place

    def _show(self, widget: QWidget) -> None:
        self.problem.clear()
        changed = self.stack.current() is not widget
        listed = widget in (self.empty, self.table)
        self.stack.show_only(widget)
        self.back.setVisible(not listed)
        if self.new is not None:
            self.new.footer.setVisible(widget is self.new)
        self.add_button.setVisible(listed)
        if changed:
            self.scroll_area.verticalScrollBar().setValue(0)

    @Slot()
    def _on_runs(self) -> None:
        items = self.services.runs.items
        self.table.set_items(items)
        if self.stack.current() in (self.empty, self.table):
            self._show(self.table if items else self.empty)

    @Slot(object)
    def _on_name(self, name: str) -> None:
        if self.stack.current() is self.run:
            self.set_title(verbatim(name))

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.problem.show_problem(problem)
