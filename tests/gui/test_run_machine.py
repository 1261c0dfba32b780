"""What the page of a run says of the machine, below what its curves say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.gui.pages.train import TrainPage
from aienv_gui.gui.pages.train_parts.run_view import RunView
from aienv_gui.gui.run_list import work_of
from aienv_gui.hardware.readings import Gpu, Value
from aienv_gui.training.records import Curve, FirstStep, Recipe, Run, RunState, Start, Waited
from tests.fakes.session import open_session
from tests.fakes.snapshots import gpu, snapshot

RUN = Run(
    folder=Path("/runs/made-up-1"),
    recipe=Recipe("Made up", Path("/pictures"), "balanced", "compact_convnet", {"epochs": 2}),
    state=RunState.TRAINING,
    phase="training",
    waiting_share=0.61,
    start=Start(1, 0, "cuda:0", "RTX", 1, 2, 200, 5, ("a", "b"), {}, {}),
)


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as session:
        yield session


def show(session: Session, run: Run) -> RunView:
    session.services.navigator.open("train")
    page = session.window.page
    assert isinstance(page, TrainPage)
    session.services.runs._latest[run.folder] = run
    page.open_run(run.folder)
    assert page.run is not None
    return page.run


def look(session: Session, card: Gpu, *, first: int = 0, count: int = 12, run: Run = RUN) -> None:
    session.services.hardware.work = (work_of(run),)
    for moment in range(first, first + count):
        session.services.hardware._on_sampled(snapshot(card, moment=float(moment)))


def test_the_page_says_what_holds_the_training_back(session: Session) -> None:
    view = show(session, RUN)
    assert view.machine.isHidden()
    look(session, gpu(utilisation_percent=Value(23.0)))
    assert not view.machine.isHidden()
    assert view.machine.text().startswith("The training spends much of its time waiting for data. A larger batch size")
    assert "waiting for the next batch 61 % of the time" in view.machine.toolTip()
    assert view.machine.property("role") == "warn"
    session.services.language.use("zh_CN")
    assert "等待数据" in view.machine.text()


def test_that_all_is_well_is_said_without_a_cure(session: Session) -> None:
    view = show(session, RUN)
    look(session, gpu(utilisation_percent=Value(95.0)))
    assert view.machine.text() == "GPU: well used by the training."
    assert view.machine.property("role") == "muted"


def test_advice_on_the_training_comes_before_praise_of_the_machine(session: Session) -> None:
    advised = replace(RUN, warnings=(tr("The disk is full."),))
    view = show(session, advised)
    look(session, gpu(utilisation_percent=Value(95.0)))
    assert not view.advice.isHidden()
    assert view.machine.isHidden()
    look(session, gpu(utilisation_percent=Value(23.0)), first=12, count=60)
    assert view.machine.text().startswith("The training spends much")


def test_what_went_wrong_is_said_at_once_and_not_after_the_epoch(session: Session, qtbot: QtBot) -> None:
    """Only a new validation, another state or each 50th step made the page ask again."""
    curve = Curve(*(np.arange(7.0) for _ in range(4)))
    begun = replace(RUN, training=curve)
    view = show(session, begun)
    assert view.advice.isHidden()
    session.services.runs.updated.emit(replace(begun, warnings=(tr("The disk is full."),)))
    qtbot.waitUntil(lambda: view.advice.text() == "The disk is full.")


def test_that_it_waits_for_its_data_is_said_once(session: Session) -> None:
    """By its record, unless the machine's limits say at this moment why."""
    view = show(session, replace(RUN, waited=Waited(0.61, 300.0)))
    assert view.advice.text().startswith("In 61 % of its time in steps (about 5 minutes) it waited")
    look(session, gpu(utilisation_percent=Value(23.0)))
    assert view.machine.text().startswith("The training spends much of its time waiting for data")
    assert view.advice.isHidden()
    look(session, gpu(utilisation_percent=Value(23.0)), first=12, run=replace(RUN, state=RunState.PAUSED))
    session.services.runs.updated.emit(replace(RUN, state=RunState.STOPPED, waited=Waited(0.61, 300.0)))
    assert view.machine.isHidden()
    assert not view.advice.isHidden()


def test_the_page_says_when_the_first_step_was_done_and_what_came_before(session: Session) -> None:
    view = show(session, replace(RUN, first_step=FirstStep(3.24, start=1.92, data=0.81)))
    assert "first step after 3.2 s (Python and PyTorch 1.9 s, data 0.8 s)" in view._settings.text()
    view = show(session, replace(RUN, folder=Path("/runs/b-1"), first_step=FirstStep(9.0, 1.9, 0.8, rate=5.5)))
    assert "data 0.8 s, finding a learning rate 5.5 s)" in view._settings.text()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "checkpoints of about 3.7 MB ·"),  # as older engines tell
        (0.0031, "checkpoints of about 3.7 MB, each written in about 0.01 s while the training goes on ·"),
        (0.2345, "checkpoints of about 3.7 MB, each written in about 0.23 s while the training goes on ·"),
        (41.6, "checkpoints of about 3.7 MB, each written in about 42 s while the training goes on ·"),
    ],
)
def test_the_page_says_what_a_checkpoint_takes(session: Session, seconds: float | None, words: str) -> None:
    assert RUN.start is not None
    start = replace(RUN.start, checkpoint_bytes=3_700_000, checkpoint_seconds=seconds)
    assert words in show(session, replace(RUN, start=start))._settings.text()


def test_what_concerns_another_run_is_not_said_here(session: Session) -> None:
    other = replace(RUN, folder=Path("/runs/made-up-2"))
    view = show(session, RUN)
    look(session, gpu(utilisation_percent=Value(23.0)), run=other)
    assert session.services.hardware.verdicts
    assert view.machine.isHidden()


def test_nothing_is_said_of_a_run_that_waits_or_has_ended(session: Session) -> None:
    view = show(session, RUN)
    look(session, gpu(utilisation_percent=Value(23.0)))
    for state in (RunState.PAUSED, RunState.STOPPED):
        session.services.runs.updated.emit(replace(RUN, state=state))
        assert view.machine.isHidden()


def test_another_run_begins_without_a_sentence(session: Session) -> None:
    view = show(session, RUN)
    look(session, gpu(utilisation_percent=Value(23.0)))
    show(session, replace(RUN, folder=Path("/runs/made-up-2")))
    assert view.machine.isHidden()


@pytest.mark.parametrize(("device", "word"), [("cpu", "exact: "), ("cuda:0", "close: ")])
def test_the_page_says_how_exactly_a_run_can_be_continued(session: Session, device: str, word: str) -> None:
    assert RUN.start is not None
    view = show(session, replace(RUN, start=replace(RUN.start, device=device)))
    assert word in view._settings.text()
