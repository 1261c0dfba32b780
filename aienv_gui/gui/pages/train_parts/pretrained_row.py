"""The folder of a model that others have trained, to begin with: chosen, looked at, and what it is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, tr
from aienv_gui.gui import run_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import ask_for_folder
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.training.pretrained_inspection import Pretrained


class PretrainedRow(QWidget):
    """`changed` tells that what is chosen, or whether it can be begun with, has changed."""

    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._python: Path | None = None
        self._job: Job | None = None
        self._asked: tuple[Path, Path] | None = None  # what the last look was for
        self.folder: Path | None = None
        self.found: Pretrained | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.path = Label(role="mono", parent=self)
        self.choose_button = Button(tr("Choose folder..."), icon="folder", parent=self)
        self.choose_button.clicked.connect(self._on_choose)
        row.addWidget(self.path, 1)
        row.addWidget(self.choose_button)
        column.addLayout(row)
        self.words = Label(role="caption", parent=self)
        column.addWidget(self.words)
        self.problem = ProblemView(services, self)
        self.problem.action.connect(self._on_action)
        column.addWidget(self.problem)
        self.path.say(tr("No model chosen"))
        self._say_what_is_wanted()

    def choose(self, folder: Path) -> None:
        """Take a folder and look at it."""
        self.folder = folder
        self.path.say(str(folder))
        self._look(again=True)

    def set_python(self, python: Path | None) -> None:
        """The interpreter that looks at the folder."""
        self._python = python
        if self.found is None:
            self._look()

    def missing(self) -> Text | None:
        """Why a training cannot begin with it yet; None when it can."""
        if self.folder is None:
            return tr("Choose the folder of the model to begin with.")
        if self._job is not None:
            return tr("The model is being looked at.")
        if self.found is None:
            return tr("This model cannot be begun with.")
        return None

    def _look(self, *, again: bool = False) -> None:
        if self.folder is None or self._python is None or (not again and self._asked == (self.folder, self._python)):
            return
        if self._job is not None:
            self._job.cancel()
        self.found = None
        self._asked = (self.folder, self._python)
        self.problem.clear()
        self.words.hide()
        self._job = self._services.jobs.start(
            tr("Look at a model"), run_work.inspect_pretrained, *self._asked, self._services.folders, quiet=True
        )
        self._job.succeeded.connect(self._on_found)
        self._job.failed.connect(self._on_failed)
        self._job.finished.connect(self._on_finished)
        self.changed.emit()

    def _say_what_is_wanted(self) -> None:
        self.words.set_role("caption")
        self.words.say(
            tr(
                "The folder of a model for language as huggingface.co has them (BERT, RoBERTa, MiniLM...), with "
                "config.json, model.safetensors and tokenizer.json. AIEnv downloads none and runs no code of it."
            )
        )
        self.words.show()

    @Slot(object)
    def _on_found(self, found: Pretrained) -> None:
        if self.sender() is self._job:
            self.found = found
            self.words.set_role("good")
            self.words.say(found.words)
            self.words.show()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.sender() is self._job:
            self._say_what_is_wanted()
            problem.actions = (Action("retry", tr("Look again")), *problem.actions)
            self.problem.show_problem(problem)

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._job:
            self._job = None
            self.changed.emit()

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == "retry":
            self._look(again=True)

    @Slot()
    def _on_choose(self) -> None:
        start = self.folder.parent if self.folder is not None and self.folder.parent.is_dir() else Path.home()
        ask_for_folder(self, tr("Choose the folder of the model"), self._on_folder, start=start)

    @Slot(str)
    def _on_folder(self, path: str) -> None:
        if path:
            self.choose(Path(path))
