"""What came out of a training: the test result, where the model errs, and what to do with it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.gui.pages.model_parts.mistake_strip import MistakeStrip
from aienv_gui.gui.plots.confusion_matrix import ConfusionMatrix
from aienv_gui.gui.plots.series_plot import Line, SeriesPlot
from aienv_gui.gui.plots.truth_plot import TruthPlot
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.training import result_words
from aienv_gui.training.records import PICTURES, Course, Evaluation, Run


class RunResult(Card):
    use = Signal()  # the user wants to use the model

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Result"), parent)
        self._shown: Evaluation | None = None
        self.use_button = Button(tr("Use this model"), kind="primary", icon="models", parent=self)
        self.use_button.clicked.connect(self._on_use)
        self.header.addWidget(self.use_button)
        row = QHBoxLayout()
        row.setSpacing(24)
        self.body.addLayout(row)
        left = QVBoxLayout()
        left.setSpacing(4)
        self.accuracy = Label(role="number", parent=self)
        self.accuracy.setWordWrap(False)
        self.meaning = Label(parent=self)
        self.compared = Label(role="muted", parent=self)
        self._loss = Label(role="caption", parent=self)
        self._worst_title = Label(role="strong", parent=self)
        self._worst = MistakeStrip(services, self)
        self.worst_rows = Label(role="caption", parent=self)
        for widget in (self.accuracy, self.meaning, self.compared, self._loss):
            left.addWidget(widget)
        left.addSpacing(8)
        left.addWidget(self._worst_title)
        left.addWidget(self._worst)
        left.addWidget(self.worst_rows)
        left.addStretch(1)
        row.addLayout(left, 1)
        right = QVBoxLayout()
        right.setSpacing(4)
        self._right_title = Label(role="strong", parent=self)
        right.addWidget(self._right_title)
        self.matrix = ConfusionMatrix(services.theme, self)
        self.matrix.follow(services.language)
        right.addWidget(self.matrix)
        self.truth = TruthPlot(services.theme, self)
        right.addWidget(self.truth)
        self.course = SeriesPlot(services.theme, services.language, tr("The test part and its forecasts"), self)
        right.addWidget(self.course)
        self._cell = Label(
            tr("Rows are the truth, columns the answers; point at a cell to read it."), role="caption", parent=self
        )
        self.matrix.sentence_changed.connect(self._cell.say)
        right.addWidget(self._cell)
        right.addStretch(1)
        row.addLayout(right, 1)

    def show_run(self, run: Run) -> None:
        """Show a run's result; hidden while there is none."""
        result = run.evaluation
        self.setVisible(result is not None)
        self.use_button.setVisible(run.model is not None and not run.state.live)
        self.use_button.set_kind("plain" if run.can_continue else "primary")  # one main action: there it is Continue
        if result is None or result is self._shown:
            return
        self._shown = result
        numbers, classes = result.mean_error is not None, bool(result.confusion)
        self.accuracy.say(result_words.headline(result.accuracy, numbers=numbers))
        meaning = result_words.meaning(result, run.start.target if run.start else "")
        self.meaning.say(meaning)
        compared = result_words.compared(result.baselines)
        self.compared.setVisible(compared is not None)
        if compared is not None:
            self.compared.say(compared)
        self._loss.say(tr("Test loss {loss}", loss=f"{result.loss:.4f}"))
        self._right_title.setVisible(numbers or classes)
        title = tr("Truth and answer") if numbers else tr("Confusion matrix")
        self._right_title.say(title if result.course is None else tr("The test part and its forecasts"))
        self.truth.setVisible(numbers and result.course is None)
        self.course.setVisible(result.course is not None)
        self.matrix.setVisible(classes)
        self._cell.setVisible(classes)
        if result.course is not None:
            self._show_course(result.course, meaning)
        elif numbers:
            self.truth.set_pairs(result.pairs, meaning)
        elif classes:
            self.matrix.set_matrix(result.classes, result.confusion)
        self._show_mistakes(run, result)

    def _show_course(self, course: Course, meaning: Text) -> None:
        places = range(len(course.truth))
        was = Line(tr("as it was"), "series_train", places, course.truth)
        forecast = Line(tr("as it was forecast"), "series_validation", places, course.answers)
        self.course.show_lines((was, forecast), meaning, (course.begin, course.end))

    def _show_mistakes(self, run: Run, result: Evaluation) -> None:
        rows = run.recipe.task != PICTURES
        numbers = result.mean_error is not None
        self._worst_title.setVisible(bool(result.mistakes))
        self._worst_title.say(tr("The answers farthest off") if numbers else tr("The surest mistakes"))
        self._worst.setVisible(not rows)
        self.worst_rows.setVisible(rows)
        if rows:
            self.worst_rows.say(result_words.mistakes_in_rows(result.mistakes))
        else:
            self._worst.set_mistakes(run.recipe.base, result.mistakes)

    @Slot()
    def _on_use(self) -> None:
        self.use.emit()
