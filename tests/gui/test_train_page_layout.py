"""What the page Train shows of runs that the tests make up: it fits into the smallest window, each state has words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.environments.records import Environment, Maker, Package
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.gui.pages.train_parts.run_plots import RunPlots
from aienv_gui.gui.pages.train_parts.run_view import RunView
from aienv_gui.hardware.readings import DriverState
from aienv_gui.training.inspection import Example, Inspection
from aienv_gui.training.problems import problem_of, warning_of
from aienv_gui.training.records import (
    Answer,
    Checkpoint,
    Curve,
    Evaluation,
    LoadCurve,
    Mistake,
    Recipe,
    Run,
    RunState,
    RunSummary,
    Start,
)
from tests.fakes.session import open_session
from tests.fakes.snapshots import gpu, snapshot

_LONG = "Labrador_retriever_" * 12


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as session:
        session.services.environments.loaded = True
        yield session


def _run(state: RunState = RunState.COMPLETED, classes: tuple[str, ...] = ("a", "b")) -> Run:
    count = len(classes)
    confusion = tuple(tuple(9 * (row == column) + 1 for column in range(count)) for row in range(count))
    steps = np.arange(1.0, 101.0)
    curve = Curve(steps, steps, 1 / steps, 1 - 1 / steps, 1 / steps, 1 - 1 / steps)
    return Run(
        folder=Path("/runs/made-up"),
        recipe=Recipe("Made up", Path("/pictures"), "balanced", "compact_convnet", {"epochs": 2}),
        state=state,
        step=100,
        total_steps=200,
        epoch=1,
        start=Start(1, 0, "cpu", "CPU", 1, 2, 200, 5, classes, {}, {}),
        training=curve,
        validation=curve,
        evaluation=Evaluation(0.1, 0.9, classes, confusion, (Mistake("a/1.png", classes[0], classes[1], 0.9),)),
    )


def _page(session: Session, argument: object = None) -> TrainPage:
    session.services.navigator.open("train", argument)
    page = session.window.page
    assert isinstance(page, TrainPage)
    return page


def _show(qtbot: QtBot, session: Session, run: Run) -> RunView:
    """Show a run as if it had been read from its folder."""
    page = _page(session)
    session.services.runs._latest[run.folder] = run
    page.open_run(run.folder)
    assert page.run is not None
    return page.run


def _settle(session: Session) -> None:
    for _ in range(3):
        QApplication.sendPostedEvents()
        QApplication.processEvents()


def _sideways(page: TrainPage) -> int:
    return page.scroll_area.horizontalScrollBar().maximum()


@pytest.mark.parametrize("classes", [tuple(f"n{number:08d}" for number in range(120)), (_LONG + "1", _LONG + "2")])
def test_many_classes_and_long_names_do_not_widen_the_page(
    qtbot: QtBot, session: Session, classes: tuple[str, ...]
) -> None:
    session.window.resize(1024, 700)
    view = _show(qtbot, session, _run(classes=classes))
    page = _page(session)
    _settle(session)
    assert view.result.isVisible()
    assert _sideways(page) == 0
    assert page.scroll_area.verticalScrollBar().maximum() < 1500
    button = view.result.findChild(QToolButton)
    assert isinstance(button, QToolButton)
    assert button.sizeHint().width() < 250
    assert classes[0] in button.toolTip()
    page.open_new()
    assert page.new is not None
    counts = tuple((name, 4) for name in classes)
    unbalanced = {"smallest": classes[0], "smallest_pictures": 4, "largest": classes[1], "largest_pictures": 90}
    warnings = (warning_of("thin_class", {"classes": dict(counts)}), warning_of("unbalanced", unbalanced))
    page.new.data._show(Inspection(Path("/pictures"), 9, counts, (), (), {}, warnings))
    page.new.problem.show_problem(problem_of("few_pictures", {"path": "/pictures", "name": classes[0], "count": 1}))
    _settle(session)
    assert _sideways(page) == 0
    page.open_list()
    _settle(session)
    assert (_sideways(page), page.scroll_area.verticalScrollBar().maximum()) == (0, 0)


@pytest.mark.parametrize("code", ["en", "zh_CN"])
def test_the_page_fits_into_the_smallest_window(qtbot: QtBot, session: Session, code: str) -> None:
    session.services.language.use(code)
    session.window.resize(session.window.minimumSize())
    page = _page(session, "new")
    assert page.new is not None
    names = [f"class number {number}" for number in range(12)]
    examples = tuple(Example(Path(f"/pictures/{name}.png"), name) for name in names)
    split = {"train": 80, "validation": 10, "test": 10}
    page.new.data._show(
        Inspection(Path("/pictures"), 100, tuple((name, 10) for name in names), (), examples, split, ())
    )
    _settle(session)
    assert _sideways(page) == 0
    for state in (RunState.COMPLETED, RunState.TRAINING, RunState.STOPPED):
        load = LoadCurve(*np.full((8, 9), 50.0))
        _show(qtbot, session, replace(_run(state), model=Path("/runs/made-up/model"), load=load))
        _settle(session)
        assert _sideways(page) == 0, state
    session.services.runs.items = (
        RunSummary(
            Path("/runs/made-up"), "my flowers, Balanced", "image_classification", RunState.INTERRUPTED, 1e9, 1500.0
        ),
    )
    page.open_list()
    _settle(session)
    assert _sideways(page) == 0
    assert page.table.columnWidth(0) >= 200


def _able(name: str, *packages: Package) -> Environment:
    needed = tuple(Package(package, "1") for package in ("numpy", "pillow", "safetensors"))
    return Environment(Path("/e") / name, Path("/e") / name / "python", name, Maker.AIENV, "3.11", (*packages, *needed))


def test_a_card_that_the_environment_cannot_use_is_not_promised(qtbot: QtBot, session: Session) -> None:
    """With a PyTorch for the processor the card was offered, and choosing it failed after the start."""
    services = session.services
    services.environments.items = (_able("cpu", Package("torch", "2.8.0+cpu")),)
    services.environments.changed.emit()
    page = _page(session, "new")
    assert page.new is not None
    place = page.new.place
    services.hardware.latest = snapshot(gpu())
    services.hardware.sampled.emit(services.hardware.latest)
    assert place.device.itemText(2) == "NVIDIA GeForce RTX 4070"
    assert not place.device.model().flags(place.device.model().index(2, 0)) & Qt.ItemFlag.ItemIsEnabled
    assert "cannot use NVIDIA GeForce RTX 4070" in place._hint.text()
    assert place.other.isVisible()
    services.environments.items += (_able("cuda", Package("torch", "2.8.0+cu128")),)
    services.environments.changed.emit()
    place.environment.setCurrentIndex(1)
    place.environment.activated.emit(1)
    assert place.device.model().flags(place.device.model().index(2, 0)) & Qt.ItemFlag.ItemIsEnabled
    assert "cannot use" not in place._hint.text()
    assert not place.other.isVisible()


def test_a_card_the_driver_names_late_is_offered_and_the_choice_stays(qtbot: QtBot, session: Session) -> None:
    services = session.services
    services.environments.items = (_able("cuda", Package("torch", "2.8.0+cu128")),)
    services.environments.changed.emit()
    page = _page(session, "new")
    assert page.new is not None
    place = page.new.place
    assert place._hint.text() == "NVIDIA GPUs are being looked for."
    for seen in (snapshot(state=DriverState.STARTING), snapshot(gpu(0), gpu(1))):
        services.hardware.latest = seen
        services.hardware.sampled.emit(seen)
    assert place.device.count() == 4
    place.device.setCurrentIndex(3)
    place.device.activated.emit(3)
    assert place.chosen_device == "cuda:GPU-1"
    for seen, device in ((snapshot(gpu(0)), "auto"), (snapshot(gpu(0), gpu(1)), "cuda:GPU-1")):  # lost, found again
        services.hardware.latest = seen
        services.hardware.sampled.emit(seen)
        assert place.chosen_device == device


def _checkpoint(step: int) -> Checkpoint:
    return Checkpoint(1.0, step, 1, Path("/runs/made-up/checkpoints/1.pt"), 7, "time", None)


@pytest.mark.parametrize(
    ("checkpoints", "said"),
    [
        ((_checkpoint(60), _checkpoint(100)), "Stopped at step 100 of 200; the work is kept"),
        ((_checkpoint(60),), "Stopped at step 100 of 200; the work up to step 60 is kept"),
        ((), "Stopped at step 100 of 200; nothing could be saved"),
    ],
)
def test_a_stop_that_could_not_save_does_not_say_that_the_work_is_kept(
    qtbot: QtBot, session: Session, checkpoints: tuple[Checkpoint, ...], said: str
) -> None:
    view = _show(qtbot, session, replace(_run(RunState.STOPPED), checkpoints=checkpoints))
    assert view.status.text() == said


def test_a_refusal_goes_when_the_run_has_ended(qtbot: QtBot, session: Session) -> None:
    run = replace(_run(RunState.TRAINING), answers=(Answer("c1", False, "disk_full"),))
    view = _show(qtbot, session, run)
    view.controls._asked["c1"] = "stop"
    view.controls.show_run(run)
    assert view.controls.answer.isVisible()
    session.services.runs.updated.emit(replace(run, state=RunState.STOPPED))
    assert not view.controls.answer.isVisible()


def test_what_continuing_cannot_help_offers_the_same_settings_anew(
    qtbot: QtBot, session: Session, tmp_path: Path
) -> None:
    """Continue stayed the main button, and ran into the same end each time."""
    recipe = Recipe(
        "Too fast", tmp_path, "book", "book_convnet", {"epochs": 7, "learning_rate": 9.5, "batch_size": 8, "seed": 3,
        "optimiser": "adam"},
    )  # fmt: skip
    run = replace(_run(RunState.FAILED), recipe=recipe, failure=problem_of("nan", {}))
    view = _show(qtbot, session, run)
    controls = view.controls
    assert controls.anew.isVisible()
    assert (controls.anew.property("kind"), controls.carry_on.property("kind")) == ("primary", "plain")
    controls.anew.click()
    page = _page(session)
    assert page.new is not None
    assert page.stack.current() is page.new
    assert page.new.model.preset.id == "book"
    assert page.new.data.folder == tmp_path
    assert page.new.place.name.text() == "Too fast"
    asked = page.new.model.settings()
    assert {key: asked[key] for key in recipe.settings} == recipe.settings
    assert page.new.model.advanced.isVisible()
    _show(qtbot, session, replace(run, failure=problem_of("disk_full", {})))
    session.services.runs.updated.emit(replace(run, state=RunState.INTERRUPTED, failure=problem_of("disk_full", {})))
    assert not controls.anew.isVisible()
    assert controls.carry_on.property("kind") == "primary"


def test_without_a_usable_checkpoint_none_is_called_the_last(qtbot: QtBot, session: Session) -> None:
    run = replace(_run(RunState.FAILED), checkpoints=(_checkpoint(60),), failure=problem_of("no_checkpoint", {}))
    view = _show(qtbot, session, run)
    assert view.status.text() == "Ended at step 100; none of its checkpoints can be used"


def test_a_run_whose_folder_is_gone_is_said(qtbot: QtBot, session: Session) -> None:
    view = _show(qtbot, session, _run(RunState.TRAINING))
    session.services.runs._latest.clear()
    session.services.runs.changed.emit()
    qtbot.waitUntil(view.problem.isVisible, timeout=30_000)
    assert "recipe.json was not found" in str(view.problem.problem)
    assert view.badge.text() == "Damaged"
    assert not view.controls.isVisible()


@pytest.mark.parametrize("wrong", ["-1", "11", "0", "one"])
def test_a_wrong_learning_rate_is_said_beside_its_field(qtbot: QtBot, session: Session, wrong: str) -> None:
    """The field swallowed keys: -1 became 1, without a word."""
    page = _page(session, "new")
    assert page.new is not None
    advanced = page.new.model.advanced
    advanced.learning_rate.clear()
    qtbot.keyClicks(advanced.learning_rate, wrong)
    assert advanced.learning_rate.text() == wrong
    assert "at most 10" in advanced._below_rate.text()
    advanced.learning_rate.setText("0.000000012345")
    assert "at most 10" not in advanced._below_rate.text()
    assert advanced.settings()["learning_rate"] == 0.000000012345
    assert advanced.settings()["batch_size"] == 64
    advanced.batch_size.setValue(0)
    assert "trying" in advanced.batch_size.text()
    assert advanced.settings()["batch_size"] == "auto"
    page.new.model.show_settings({"batch_size": 16})
    assert advanced.batch_size.value() == 16
    page.new.model.show_settings({"batch_size": "auto"})
    assert advanced.batch_size.value() == 0


def test_a_learning_rate_that_is_left_empty_is_to_be_found(qtbot: QtBot, session: Session) -> None:
    page = _page(session, "new")
    assert page.new is not None
    model = page.new.model
    model.advanced.learning_rate.clear()
    assert model.missing() is None
    assert model.settings()["learning_rate"] == "auto"
    model.show_settings(model.settings())
    assert model.advanced.learning_rate.text() == ""
    assert model.settings()["learning_rate"] == "auto"


def test_a_hidden_run_is_drawn_when_it_is_shown_again(
    qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times a second its curves were made ready for drawing, on whatever page the user was."""
    drawn: list[int] = []
    original = RunPlots.show_run

    def counted(self: RunPlots, run: Run) -> None:
        drawn.append(run.step)
        original(self, run)

    monkeypatch.setattr(RunPlots, "show_run", counted)
    run = _run(RunState.TRAINING)
    view = _show(qtbot, session, run)
    assert drawn == [100]
    session.services.navigator.open("home")
    for step in (101, 102):
        session.services.runs.updated.emit(replace(run, step=step))
        view._refresh.timeout.emit()
    session.services.runs.updated.emit(replace(run, state=RunState.PAUSED, step=103))
    assert drawn == [100]
    _page(session)
    assert drawn == [100, 103]
    assert view.badge.text() == "Paused"


def test_a_network_that_sees_no_colour_says_so_of_coloured_pictures(qtbot: QtBot, session: Session) -> None:
    page = _page(session, "new")
    assert page.new is not None
    (grey,) = page.new.model._grey
    for colour in (False, True):
        page.new.pictures.found = Inspection(Path("/pictures"), 9, (), (), (), {}, (), colour=colour)
        page.new.data.changed.emit()
        assert grey.isVisible() is colour
    assert "grey only" in grey.text()


def test_the_time_left_is_spaced_evenly_in_chinese(qtbot: QtBot, session: Session) -> None:
    session.services.language.use("zh_CN")
    view = _show(
        qtbot, session, replace(_run(RunState.TRAINING), phase="training", seconds_left=(45 * 60.0, 62 * 60.0))
    )
    assert view.status.text().endswith("剩余时间：45 到 62 分钟")
