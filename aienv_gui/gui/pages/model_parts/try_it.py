"""*Try it*: something in, the model's answer out, computed in an environment of the user's choice."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import Text, percent, shortened, tr, verbatim
from aienv_gui.environments.records import Environment
from aienv_gui.gui import package_wishes
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.probability_bars import ProbabilityBars
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say
from aienv_gui.training import problems, supervisor
from aienv_gui.training.model_store import Model

TOP = 5


class TryIt(Card):
    """Holds one model at a time; a new question or model drops the answer still under way.

    A kind of data gives `_make_input` (what stands on the left), `_request` (what is asked), `_show_warnings`, and its
    words: `prompt` before anything is asked, `trying` of the job.
    """

    prompt = tr("Choose a picture: the model says what it sees.")
    trying = tr("Try a picture")

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Try it"), parent)
        self._services = services
        self._model: Model | None = None
        self._job: Job | None = None
        row = QHBoxLayout()
        row.setSpacing(24)
        row.addWidget(self._make_input())
        right = QVBoxLayout()
        right.setSpacing(8)
        self.answer = Label(self.prompt, role="section", parent=self)
        right.addWidget(self.answer)
        self.bars = ProbabilityBars(services.theme, self)
        right.addWidget(self.bars)
        self.note = Label(role="muted", parent=self)
        self.note.hide()
        right.addWidget(self.note)
        self._below_note = QVBoxLayout()
        right.addLayout(self._below_note)
        right.addStretch(1)
        where = QHBoxLayout()
        label = Label(tr("Computed in"), role="muted", parent=self)
        where.addWidget(label)
        self.environment = QComboBox(self)
        say(self.environment, "setAccessibleName", tr("The environment that computes the answer"))
        where.addWidget(self.environment)
        where.addStretch(1)
        right.addLayout(where)
        row.addLayout(right, 1)
        self.body.addLayout(row)
        self.problem = ProblemView(services, self)
        self.problem.action.connect(self._on_action)
        self.body.addWidget(self.problem)
        services.environments.changed.connect(self._fill_environments)
        services.language.changed.connect(self._fill_environments)
        self._fill_environments()

    # What a kind of data gives.

    def _make_input(self) -> QWidget:
        raise NotImplementedError

    def _request(self) -> dict[str, Any] | None:
        """What is asked of the model; None where there is nothing yet."""
        raise NotImplementedError

    def _forget_input(self) -> None:
        """Another model: what was asked of the one before is gone."""

    def _show_warnings(self, warnings: list[Text]) -> None:
        raise NotImplementedError

    def _show_result(self, result: dict[str, Any]) -> Text:
        """Show an answer; returns it in a sentence."""
        if "value" in result:
            target = str(self._model.card.get("target", "")) if self._model else ""
            return tr("{name}: {value}", name=shortened(target), value=f"{float(result['value']):.5g}")
        top = [(str(entry["class"]), float(entry["probability"])) for entry in result["top"]]
        self.bars.set_answers(top)
        return _sentence(top)

    # What the page asks.

    def set_model(self, model: Model) -> None:
        if self._model is not None and self._model.folder == model.folder:
            self._model = model
            return
        self._model = model
        self._drop_jobs()
        self._forget_input()
        self.problem.clear()
        self.bars.set_answers(())
        self.note.hide()
        self.answer.say(self.prompt)
        self._fill_environments()

    @property
    def busy(self) -> bool:
        return self._job is not None

    @Slot()
    def _ask(self) -> None:
        """Ask the model about what is on the left."""
        request = self._request()
        if self._model is None or request is None:
            return
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self.problem.clear()
        self.note.hide()
        self.bars.set_answers(())
        python = self.environment.currentData()
        if python is None:
            self.answer.say(tr("No environment can compute the answer."))
            self.problem.show_problem(no_environment())
            return
        self.answer.say(tr("Looking…"))
        request = {"model": str(self._model.folder), "top": TOP, **request}
        self._job = self._services.jobs.start(
            self.trying, supervisor.errand, python, "predict", request, self._services.folders, quiet=True
        )
        self._job.succeeded.connect(self._on_answer)
        self._job.failed.connect(self._on_failed)

    def _drop_jobs(self) -> None:
        if self._job is not None and not self._job.state.final:
            self._job.cancel()
        self._job = None

    @Slot(object)
    def _on_answer(self, answer: dict[str, object]) -> None:
        if self.sender() is not self._job:
            return
        self._job = None
        results = answer["results"]
        assert isinstance(results, list)
        result = results[0]
        if "code" in result:
            self._on_problem(problems.problem_of(str(result["code"]), result.get("values", {}), ""))
            return
        self.answer.say(self._show_result(result))
        warnings = [problems.warning_of(w["code"], w.get("values", {})) for w in result.get("warnings", ())]
        if warnings:
            self._show_warnings(warnings)

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        if self.sender() is self._job:
            self._job = None
            self._on_problem(problem)

    def _on_problem(self, problem: Problem) -> None:
        self.answer.say(tr("No answer."))
        self.problem.show_problem(package_wishes.fitting(problem, self._chosen))

    @property
    def _chosen(self) -> Environment | None:
        return package_wishes.environment_of(self._services, self.environment.currentData())

    @Slot(object)
    def _on_action(self, action: Action) -> None:
        if action.name == package_wishes.ADD and self._chosen is not None:
            package_wishes.ask(self._services, self._chosen, (action.argument,), "models")

    @Slot()
    def _fill_environments(self) -> None:
        chosen = self.environment.currentData()
        wanted = chosen or (self._model.python if self._model else None)
        self.environment.clear()
        able = [e for e in self._services.environments.items if e.can_train]
        for environment in able:
            self.environment.addItem(environment.name, environment.python)
        pythons = [environment.python for environment in able]
        if wanted in pythons:
            self.environment.setCurrentIndex(pythons.index(wanted))


def no_environment() -> Problem:
    return Problem(
        tr("No environment on this machine can run the model."),
        cause=tr("It needs PyTorch, NumPy, Pillow and safetensors."),
        cure=tr("Make a new environment for picture models on the page Environments."),
        code="no_environment",
    )


def _sentence(top: list[tuple[str, float]]) -> Text:
    if not top:
        return verbatim("")
    name, probability = shortened(top[0][0]), top[0][1]
    sure = percent(probability, digits=1)
    if probability >= 0.9:
        return tr("This is “{name}” ({sure}).", name=name, sure=sure)
    if probability >= 0.5:
        return tr("This is probably “{name}” ({sure}).", name=name, sure=sure)
    return tr("The model is not sure; its best guess is “{name}” ({sure}).", name=name, sure=sure)
