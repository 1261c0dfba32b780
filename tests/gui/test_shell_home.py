"""Home says what this machine is, what is done, and offers the first thing still missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.records import Engine, Environment, Maker, Package, Request, Unfinished
from aienv_gui.gui.pages.home import Banner, HomePage, RunRow
from aienv_gui.training.records import RunState, RunSummary
from tests.fakes.session import open_session
from tests.fakes.snapshots import gpu, snapshot

_PACKAGES = tuple(Package(name, "1.0") for name in ("torch", "numpy", "pillow", "safetensors"))
_READY = Environment(Path("/e/vision"), Path("/e/vision/bin/python"), "vision", Maker.AIENV, "3.11.7", _PACKAGES)
_EMPTY = Environment(Path("/e/empty"), Path("/e/empty/bin/python"), "empty", Maker.AIENV, "3.11.7")

_OWN = Environment(Path("/e/own"), Path("/e/own/bin/python"), "AIEnv", Maker.BUILT_IN, "3.11.7", _PACKAGES)


def _run(name: str, state: RunState, created: float, model: Path | None = None) -> RunSummary:
    return RunSummary(
        folder=Path("/r") / name,
        name=name,
        task="image_classification",
        state=state,
        created=created,
        seconds=60.0,
        best_accuracy=0.984,
        model=model,
    )


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        yield made


def _know(
    session: Session,
    environments: tuple[Environment, ...] = (),
    runs: tuple[RunSummary, ...] = (),
    unfinished: tuple[Unfinished, ...] = (),
) -> HomePage:
    """Put what a look would have found into the lists."""
    session.services.environments.items = environments
    session.services.environments.unfinished = unfinished
    session.services.environments.loaded = True
    session.services.runs.items = runs
    session.services.runs.loaded = True
    session.services.environments.changed.emit()
    session.services.runs.changed.emit()
    page = session.window.page
    assert isinstance(page, HomePage)
    return page


def _done(page: HomePage) -> list[bool]:
    return [step.done for step in page.steps]


def test_before_the_first_look_nothing_is_offered(session: Session) -> None:
    page = session.window.page
    assert page.primary is not None
    assert not page.primary.isVisible()


_LIVE = _run("digits", RunState.TRAINING, 3.0)
_WHOLE = _run("cells", RunState.COMPLETED, 2.0, Path("/r/cells/model"))
_STOPPED = _run("rocks", RunState.STOPPED, 5.0, Path("/r/rocks/model"))
_BROKEN_OFF = _run("leaves", RunState.INTERRUPTED, 4.0)


@pytest.mark.parametrize(
    ("environments", "runs", "done", "label", "goal"),
    [
        ((_EMPTY,), (), [False, False, False, False], "Set up an environment", ("environments", "new")),
        ((_READY, _EMPTY), (), [True, False, False, False], "Train a sample model", ("train", "new")),
        ((_OWN,), (), [True, False, False, False], "Train a sample model", ("train", "new")),
        ((_READY,), (_LIVE,), [True, True, False, False], "Show the training", ("train", _LIVE.folder)),
        ((), (_LIVE,), [False, True, False, False], "Show the training", ("train", _LIVE.folder)),
        (
            (_READY,),
            (_BROKEN_OFF,),
            [True, True, False, False],
            "Go back to the training",
            ("train", _BROKEN_OFF.folder),
        ),
        ((_READY,), (_WHOLE,), [True, True, True, False], "Use your model", ("models", _WHOLE.model)),
        (
            (_READY,),
            (_WHOLE, _BROKEN_OFF),
            [True, True, True, False],
            "Go back to the training",
            ("train", _BROKEN_OFF.folder),
        ),
        (
            (_READY,),
            (_STOPPED,),  # it has a model, as good as it was then
            [True, True, False, False],
            "Go back to the training",
            ("train", _STOPPED.folder),
        ),
    ],
)
def test_the_button_does_the_first_thing_still_missing(
    qtbot: QtBot,
    session: Session,
    environments: tuple[Environment, ...],
    runs: tuple[RunSummary, ...],
    done: list[bool],
    label: str,
    goal: tuple[str, object],
) -> None:
    page = _know(session, environments, runs)
    assert _done(page) == done
    assert page.primary is not None
    assert page.primary.isVisible()
    assert page.primary.text() == label
    session.services.navigator.requested.disconnect(session.window.open_page)
    with qtbot.waitSignal(session.services.navigator.requested) as caught:
        page.primary.click()
    assert tuple(caught.args) == goal


def test_an_interrupted_build_is_said_and_leads_to_the_choice(qtbot: QtBot, session: Session) -> None:
    request = Request("vision", Engine.UV, "3.11", ())
    page = _know(session, unfinished=(Unfinished(Path("/s/1"), request, 0.0),))
    banner = page.findChild(Banner)
    assert isinstance(banner, Banner)
    assert banner.isVisible()
    assert "The build of “vision” was interrupted. What was downloaded is still there." in [
        w.text() for w in banner.findChildren(QLabel)
    ]
    button = banner.findChild(QPushButton)
    assert isinstance(button, QPushButton)
    button.click()
    assert session.window.page.name == "environments"
    session.services.navigator.open("home")
    _know(session)
    assert not banner.isVisible()


def test_an_interrupted_change_is_not_called_a_build(session: Session) -> None:
    build = Unfinished(Path("/s/1"), Request("vision", Engine.UV, "3.11", ()), 0.0)
    change = Unfinished(Path("/s/2"), Request("sounds", Engine.UV, "3.11", ()), 0.0, None, verbatim("Before a repair"))
    page = _know(session, unfinished=(change,))
    banner = page.findChild(Banner)
    assert isinstance(banner, Banner)
    said = banner.findChildren(QLabel)
    assert "The change of “sounds” was interrupted; the environment is as it was before." in [w.text() for w in said]
    _know(session, unfinished=(build, change))
    assert any(w.text().startswith("2 builds or changes were interrupted.") for w in said)


def test_the_last_trainings_are_shown_newest_first_and_open(qtbot: QtBot, session: Session) -> None:
    runs = tuple(_run(f"run {number}", RunState.COMPLETED, float(number)) for number in range(8))
    page = _know(session, (_READY,), runs)
    qtbot.waitUntil(lambda: len([row for row in page.findChildren(RunRow) if row.isVisible()]) == 5)
    rows = [row for row in page.findChildren(RunRow) if row.isVisible()]
    assert [row.accessibleName() for row in rows] == [f"run {number}: Finished" for number in (7, 6, 5, 4, 3)]
    assert "98.4 % right" in [label.text() for label in rows[0].findChildren(QLabel)]
    session.services.navigator.requested.disconnect(session.window.open_page)
    with qtbot.waitSignal(session.services.navigator.requested) as caught:
        rows[1].click()
    assert caught.args == ["train", Path("/r/run 6")]


def test_the_machine_is_said_in_a_sentence_from_the_real_look(qtbot: QtBot, folders: Folders) -> None:
    with open_session(qtbot, folders) as session:
        qtbot.waitUntil(lambda: session.services.hardware.latest is not None, timeout=30_000)
        page = session.window.page

        def facts() -> list[str]:
            return [label.text() for label in page.findChildren(QLabel) if "core" in label.text()]

        qtbot.waitUntil(lambda: bool(facts()), timeout=30_000)
        assert "memory" in facts()[0]
        assert "Looking at the hardware..." not in [label.text() for label in page.findChildren(QLabel)]
        qtbot.waitUntil(lambda: session.services.environments.loaded, timeout=30_000)
        assert session.services.presenter.last is None


def test_a_card_that_no_environment_can_use_is_not_called_ready(session: Session) -> None:
    packages = (Package("torch", "2.8.0+cpu"), *_PACKAGES[1:])
    page = _know(session, (replace(_OWN, packages=packages),))
    session.services.hardware.latest = snapshot(gpu())
    session.services.hardware.sampled.emit(session.services.hardware.latest)

    def said() -> str:
        return " ".join(label.text() for label in page.findChildren(QLabel))

    assert "no environment can use NVIDIA GeForce RTX 4070 yet" in said()
    assert "on the CPU only" in said()
    assert "Ready to train on NVIDIA" not in said()
    _know(session, (replace(_OWN, packages=(Package("torch", "2.8.0+cu128"), *_PACKAGES[1:])),))
    assert "Ready to train on NVIDIA" in said()
    assert "on the CPU only" not in said()
