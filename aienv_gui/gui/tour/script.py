"""What the tour does: the way from a bare computer to a used model, through the window's own buttons."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from PySide6.QtWidgets import QAbstractButton

from aienv_gui.core.storage import resource
from aienv_gui.core.wording import language, percent, size, use_language
from aienv_gui.environments.records import Environment, VerdictState
from aienv_gui.gui.environment_work import OWN_PACKAGES
from aienv_gui.gui.main_window import MainWindow
from aienv_gui.gui.pages.environments import EnvironmentsPage
from aienv_gui.gui.pages.models import ModelsPage
from aienv_gui.gui.pages.new_environment.frame import NewEnvironment
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.gui.pages.train_parts.run_view import RunView
from aienv_gui.gui.services import Services
from aienv_gui.gui.tour.camera import Camera
from aienv_gui.gui.tour.runner import Steps, TourError, Wait
from aienv_gui.gui.widgets.page import Page
from aienv_gui.hardware import driver_words
from aienv_gui.hardware.amounts import memory_size
from aienv_gui.hardware.readings import DriverState, Snapshot
from aienv_gui.training.records import Run, RunState

_TEMPLATE = "pictures"
_BUILD_S = 1800.0  # a slow line needs this long for PyTorch
_TRAIN_S = 1800.0
_PLAN_S = 300.0
_PICTURES_TRIED = 5

P = TypeVar("P", bound=Page)


class Script:
    """The steps in their order; each is a method that yields what it waits for and returns its detail."""

    def __init__(self, services: Services, window: MainWindow, camera: Camera) -> None:
        self._services = services
        self._window = window
        self._camera = camera
        self._environment: Environment | None = None

    def steps(self) -> list[tuple[str, Callable[[], Steps]]]:
        return [
            ("hardware", self.hardware),
            ("plan", self.plan),
            ("build", self.build),
            ("validate", self.validate),
            ("train", self.train),
            ("checkpoint", self.checkpoint),
            ("stop", self.stop),
            ("resume", self.resume),
            ("evaluate", self.evaluate),
            ("predict", self.predict),
        ]

    # The steps.

    def hardware(self) -> Steps:
        hardware = self._services.hardware

        def measured() -> bool:
            snapshot = hardware.latest
            return snapshot is not None and snapshot.nvidia.state is not DriverState.STARTING

        yield Wait("the first look at the hardware", measured)
        yield Wait("the list of environments", lambda: self._services.environments.loaded, 60)
        yield from self._camera.take("home")
        self._open("hardware")
        times: list[float] = []

        def three_samples() -> bool:
            snapshot = hardware.latest
            assert snapshot is not None
            if not times or times[-1] != snapshot.time:
                times.append(snapshot.time)
            return len(times) >= 4

        yield Wait("new readings each second", three_samples)
        yield from self._camera.take("hardware")
        snapshot = hardware.latest
        assert snapshot is not None
        _check(snapshot.host.memory_total_bytes > 0, "the memory of this computer was not read")
        with _english():
            return f"{driver_words.describe(snapshot)}; {_machine(snapshot)}"

    def plan(self) -> Steps:
        self._open("environments")
        yield from self._camera.take("environments")
        self._open("environments", "new")
        wizard = self._wizard()
        yield Wait("the wizard's templates", lambda: wizard.wizard is not None)
        yield from _press(wizard.purpose.card(_TEMPLATE))
        yield from self._camera.take("wizard-purpose")
        yield from _press(wizard.next)
        yield Wait("a good name", lambda: wizard.next.isEnabled())
        yield from self._camera.take("wizard-options")
        yield from _press(wizard.next)
        source = yield from self._make_plan(wizard)
        yield from self._camera.take("wizard-plan")
        assert wizard.wizard is not None
        assert wizard.wizard.plan is not None
        plan = wizard.wizard.plan
        _check(bool(plan.files), "the plan holds no package")
        _check(all(file.sha256 for file in plan.files), "a planned file has no hash")
        _check(plan.fits, f"it does not fit: {size(plan.installed_bytes)} needed, {size(plan.free_bytes)} free")
        return (
            f"{len(plan.files)} packages, {size(plan.download_bytes)} to download, {size(plan.installed_bytes)} on the "
            f"disk, {size(plan.free_bytes)} free{source}"
        )

    def build(self) -> Steps:
        wizard = self._wizard()
        yield from _press(wizard.next)
        yield Wait("the build to begin", lambda: wizard.building.job is not None or wizard.building.problem)
        yield from self._camera.take("wizard-build")
        self._open("activity")
        yield from self._camera.take("activity")
        self._open("environments")
        state = wizard.wizard
        assert state is not None
        yield Wait(
            "the environment to be built",
            lambda: state.environment is not None,
            _BUILD_S,
            lambda: wizard.building.problem,
        )
        assert state.environment is not None
        self._environment = state.environment
        _check(state.environment.python.is_file(), "the built environment has no interpreter")
        _check(state.environment.can_train, "the built environment lacks what training needs")
        return f"{state.environment.name}: Python {state.environment.python_version}, {state.environment.prefix}"

    def validate(self) -> Steps:
        wizard = self._wizard()
        state = wizard.wizard
        assert state is not None
        yield Wait("the checks", lambda: state.verdicts is not None, 300, lambda: wizard.validating.problem)
        yield from self._camera.take("wizard-validate")
        verdicts = state.verdicts
        assert verdicts is not None
        failed = [verdict for verdict in verdicts if verdict.state is VerdictState.FAILED]
        with _english():
            _check(not failed, "; ".join(f"{verdict.title}: {verdict.detail}" for verdict in failed))
            lines = ", ".join(f"{verdict.check} {verdict.state}" for verdict in verdicts)
        prefix = self._built().prefix
        yield from _press(wizard.next)
        yield Wait("the environment in the list", lambda: self._services.environments.get(prefix) is not None)
        yield from self._camera.take("environment")
        return lines

    def train(self) -> Steps:
        prefix = self._built().prefix
        self._services.navigator.open("train", ("new", prefix))
        page = self._page(TrainPage)
        new = page.new
        assert new is not None
        new.data.choose_sample()
        yield Wait(
            "the sample to be checked", lambda: new.start_button.isEnabled(), 120, lambda: new.data.problem.problem
        )
        chosen = new.place.chosen
        _check(chosen is not None and chosen.prefix == prefix, "the new environment is not chosen")
        yield from self._camera.take("new-training")
        yield from _press(new.start_button)
        yield Wait("the run to be shown", lambda: page.run is not None and page.run.run is not None, 60)
        view = self._view()
        yield Wait(
            "a learning curve",
            lambda: len(_run(view).training) >= 20 and len(_run(view).validation) >= 1,
            300,
            lambda: view.problem.problem,
        )
        yield from self._camera.take("run-training")
        yield from _press(view.controls.pause)
        yield Wait("the pause", lambda: _run(view).state is RunState.PAUSED, 30, lambda: view.problem.problem)
        paused = _run(view).step
        yield from self._camera.take("run-paused")
        _check(_run(view).step == paused, "the training went on while paused")
        yield from _press(view.controls.pause)
        yield Wait("the training to go on", lambda: _run(view).step > paused, 30, lambda: view.problem.problem)
        training = _run(view).training
        return f"{len(training)} steps drawn, loss from {training.loss[0]:.2f} to {training.loss[-1]:.2f}"

    def checkpoint(self) -> Steps:
        view = self._view()
        before = {checkpoint.file for checkpoint in _run(view).checkpoints}
        yield from _press(view.controls.save)
        yield Wait("the answer", lambda: view.controls.answer.isVisible(), 30, lambda: view.problem.problem)
        yield from self._camera.take("run-checkpoint")
        saved = [c for c in _run(view).checkpoints if c.reason == "manual" and c.file not in before]
        _check(bool(saved), "no checkpoint was reported")
        file = saved[-1].file
        _check(file.is_file() and file.stat().st_size == saved[-1].bytes, f"{file} is not there in full")
        return f"step {saved[-1].step}, {size(saved[-1].bytes)}, {file}"

    def stop(self) -> Steps:
        view = self._view()
        _check(_run(view).state is RunState.TRAINING, f"the training is {_run(view).state} before it is stopped")
        yield from _press(view.controls.stop)
        pressed = time.monotonic()
        yield Wait("the stop", lambda: _run(view).state is RunState.STOPPED, 30)
        seconds = time.monotonic() - pressed
        step = _run(view).step
        yield from self._camera.take("run-stopped")
        _check(any(c.step == step for c in _run(view).checkpoints), "the last step is not in a checkpoint")
        return f"stopped in {seconds:.1f} s at step {step} of {_run(view).total_steps}; the work is kept"

    def resume(self) -> Steps:
        view = self._view()
        step, drawn = _run(view).step, len(_run(view).training)
        yield from _press(view.controls.carry_on)
        yield Wait("steps beyond the stop", lambda: _run(view).step > step, 60, lambda: view.problem.problem)
        start = _run(view).start
        assert start is not None
        _check(start.step == step, f"it went on from step {start.step}, not from {step}")
        _check(len(_run(view).training) >= drawn, "the curve from before the stop is gone")
        self._open("train")
        yield Wait("the training's end", lambda: not _run(view).state.live, _TRAIN_S, lambda: view.problem.problem)
        _check(_run(view).state is RunState.COMPLETED, f"the training ended {_run(view).state}")
        yield from self._camera.take("run-completed")
        return f"went on from step {step} to {_run(view).step} of {_run(view).total_steps}"

    def evaluate(self) -> Steps:
        view = self._view()
        yield Wait("the test's result", lambda: _run(view).evaluation is not None and _run(view).model is not None)
        run = _run(view)
        assert run.evaluation is not None
        assert run.start is not None
        tested = sum(map(sum, run.evaluation.confusion))
        expected = sum(run.start.counts["test"].values())
        _check(tested == expected, f"{tested} of {expected} test pictures are in the confusion matrix")
        self._open("home")
        yield from self._camera.take("home-after")
        self._open("train")
        self._page(TrainPage).open_list()
        yield from self._camera.take("trainings")
        self._services.navigator.open("models", run.model)
        models = self._page(ModelsPage)
        yield Wait("the model in the list", lambda: models.current is not None and models.current.folder == run.model)
        yield from self._camera.take("model")
        return f"test accuracy {percent(run.evaluation.accuracy, digits=1)} on {tested} pictures"

    def predict(self) -> Steps:
        models = self._page(ModelsPage)
        try_it = models.details.try_it
        right, told = 0, []
        pictures = list(_some_pictures(_run(self._view()).recipe.folder))
        for picture in pictures:
            try_it.try_picture(picture)
            yield Wait("an answer", lambda: not try_it.busy, 120, lambda: try_it.problem.problem)
            _check(bool(try_it.bars.answers), f"no answer for {picture.name}")
            name, probability = try_it.bars.answers[0]
            right += name == picture.parent.name
            told.append(f"{picture.parent.name}: {name} ({percent(probability)})")
        models.scroll_area.ensureWidgetVisible(try_it)
        yield from self._camera.take("try-it")
        self._open("settings")
        yield from self._camera.take("settings")
        yield from self._camera.develop()
        _check(right * 2 > len(pictures), f"most answers are wrong: {', '.join(told)}")
        return ", ".join(told)

    # Ways.

    def _open(self, name: str, argument: object = None) -> Page:
        self._services.navigator.open(name, argument)
        _check(self._window.page.name == name, f"the page {name} did not open")
        return self._window.page

    def _page(self, kind: type[P]) -> P:
        page = self._window.page
        if not isinstance(page, kind):
            raise TourError(f"{kind.__name__} is not shown")
        return page

    def _wizard(self) -> NewEnvironment:
        return self._page(EnvironmentsPage).wizard

    def _view(self) -> RunView:
        view = self._train_page().run
        if view is None:
            raise TourError("no run is shown")
        return view

    def _train_page(self) -> TrainPage:
        page = self._window.findChild(TrainPage)
        if not isinstance(page, TrainPage):
            raise TourError("the page Train was not opened")
        return page

    def _built(self) -> Environment:
        if self._environment is None:
            raise TourError("no environment was built")
        return self._environment

    def _make_plan(self, wizard: NewEnvironment) -> Generator[Wait, None, str]:
        """Wait for the plan; without network, take what the wizard offers then: the application's own packages."""

        def answered() -> bool:
            return self._planned(wizard) or wizard.planning.problem is not None

        yield Wait("a plan", answered, _PLAN_S)
        problem = wizard.planning.problem
        if problem is None:
            return ""
        offer = next((action for action in problem.actions if action.name == OWN_PACKAGES), None)
        if offer is None:
            raise TourError(f"a plan: {problem}\n{problem.details}")
        yield from self._camera.take("wizard-no-network")
        yield from _press(
            next(b for b in wizard.planning.findChildren(QAbstractButton) if b.text() == str(offer.label))
        )
        yield Wait("a plan without network", lambda: self._planned(wizard), _PLAN_S, lambda: wizard.planning.problem)
        return "; no package index could be reached: built from the packages of AIEnv itself"

    @staticmethod
    def _planned(wizard: NewEnvironment) -> bool:
        return wizard.wizard is not None and wizard.wizard.plan is not None


def _check(holds: bool, words: str) -> None:
    if not holds:
        raise TourError(words)


def _press(button: QAbstractButton) -> Generator[Wait, None, None]:
    """Click as the user would: what is there and enabled, once it is."""
    yield Wait(f"the button “{button.text()}”", lambda: button.isVisible() and button.isEnabled(), 60)
    button.click()


def _run(view: RunView) -> Run:
    if view.run is None:
        raise TourError("no run is shown")
    return view.run


def _some_pictures(folder: Path) -> Iterator[Path]:
    """A picture of each of the first classes."""
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    for entry in classes[:_PICTURES_TRIED]:
        yield sorted(entry.iterdir())[-1]


def _machine(snapshot: Snapshot) -> str:
    host, cards = snapshot.host, [gpu.name for gpu in snapshot.nvidia.gpus]
    memory = memory_size(host.memory_total_bytes)
    return f"{host.cpu_name}, {len(host.core_percents)} cores, {memory}; GPUs: {cards or 'none'}"


@contextmanager
def _english() -> Iterator[None]:
    """The report is in English, whatever the window speaks."""
    spoken = language()
    use_language("en", resource("locale"))
    try:
        yield
    finally:
        use_language(spoken, resource("locale"))
