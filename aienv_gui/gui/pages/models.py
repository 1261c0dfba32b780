"""The page Models: what was trained, how good it is, and what to do with it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import percent, tr
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.model_parts.model_details import ModelDetails
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.empty_state import EmptyState
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.training import model_store
from aienv_gui.training.model_store import Model

_FOLDER_ROLE = Qt.ItemDataRole.UserRole


class ModelsPage(Page):
    """A list of models on the left, the chosen one on the right."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Models"), "models", parent)
        self._models: tuple[Model, ...] = ()
        self._wanted: Path | None = None
        self._look: Job | None = None
        self.set_primary(tr("New training"), self._on_new_training, icon="plus")
        self.empty = EmptyState(
            tr("Finished models appear here: test them on your own files, save them, use them in your programs."),
            tr("Train a model"),
            self,
            icon="models",
        )
        self.empty.clicked.connect(self._on_new_training)
        split = QWidget(self)
        row = QHBoxLayout(split)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self.list = QListWidget(split)
        self.list.setFixedWidth(232)
        self.list.setUniformItemSizes(True)
        say(self.list, "setAccessibleName", tr("Models"))
        self.list.currentItemChanged.connect(self._on_chosen)
        row.addWidget(self.list)
        self.details = ModelDetails(services, split)
        self.details.changed_on_disk.connect(self.refresh)
        self.details.open_asked.connect(self.shown)
        self.details.mistakes.chosen.connect(self._on_mistake)
        row.addWidget(self.details, 1, Qt.AlignmentFlag.AlignTop)
        # One of the two is shown. No stack: it would be as high as the higher of them.
        self._split = split
        self.body.addWidget(self.empty, 1)
        self.body.addWidget(split, 1)
        split.hide()
        self.problem = ProblemView(services, self)
        self.body.insertWidget(0, self.problem)
        services.runs.changed.connect(self._on_runs_changed)
        services.language.changed.connect(self._fill)

    @Slot(object)
    def shown(self, argument: object | None) -> None:
        if argument is not None:
            self._wanted = Path(str(argument))
        self.refresh()

    @property
    def current(self) -> Model | None:
        return self.details.model

    @Slot()
    def refresh(self) -> None:
        """Look for models again, in the background."""
        if self._look is not None and not self._look.state.final:
            self._look.cancel()
        jobs, folders = self.services.jobs, self.services.folders
        self._look = jobs.start(tr("Look for models"), model_store.models, folders, quiet=True)
        self._look.succeeded.connect(self._on_found)
        self._look.failed.connect(self._on_look_failed)

    @Slot()
    def _on_runs_changed(self) -> None:
        if self.isVisible():
            self.refresh()

    @Slot(object)
    def _on_found(self, models: tuple[Model, ...]) -> None:
        if self.sender() is not self._look:
            return
        self.problem.clear()
        self._models = models
        self._fill()

    @Slot(object)
    def _on_look_failed(self, problem: Problem) -> None:
        if self.sender() is self._look:
            self.problem.show_problem(problem)

    @Slot()
    def _fill(self) -> None:
        chosen = self._wanted or (self.details.model.folder if self.details.model else None)
        self._wanted = None
        self.list.blockSignals(True)
        self.list.clear()
        row = 0
        for index, model in enumerate(self._models):
            item = QListWidgetItem(f"{model.name}\n{_line(model)}")
            item.setData(_FOLDER_ROLE, str(model.folder))
            item.setSizeHint(QSize(0, self.fontMetrics().height() * 2 + 20))
            item.setToolTip(str(model.folder))
            self.list.addItem(item)
            if chosen is not None and chosen in (model.folder, model.run):
                row = index
        self.list.blockSignals(False)
        self.empty.setVisible(not self._models)
        self._split.setVisible(bool(self._models))
        if self._models:
            self.list.setCurrentRow(row)
            self._open(self._models[row])

    def _open(self, model: Model) -> None:
        other = self.details.model is None or self.details.model.folder != model.folder
        self.details.set_model(model)
        self.details.set_copy(model_store.copy_of(model, self._models))
        if other:
            self.scroll_area.verticalScrollBar().setValue(0)

    @Slot(object)
    def _on_mistake(self, _picture: object) -> None:
        """The answer appears far above the picture that was chosen."""
        self.scroll_area.ensureWidgetVisible(self.details.try_it, 0, 24)

    @Slot(QListWidgetItem, QListWidgetItem)
    def _on_chosen(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        if item is not None:
            self._open(self._models[self.list.row(item)])

    @Slot()
    def _on_new_training(self) -> None:
        self.services.navigator.open("train", "new")


def _line(model: Model) -> str:
    if model.broken is not None:
        return str(tr("Damaged"))
    when = datetime.fromtimestamp(model.created).strftime("%Y-%m-%d %H:%M")
    return f"{percent(model.accuracy, digits=1)} · {when}" if model.accuracy is not None else when
