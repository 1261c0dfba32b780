"""Health where the user meets it: the note on Home, the buttons of a verdict, the choice of a build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import verbatim
from aienv_gui.environments import accelerators
from aienv_gui.environments.discovery.interpreters import base_interpreters
from aienv_gui.environments.planning import recipes
from aienv_gui.environments.planning.wizard import Offer, Wizard
from aienv_gui.environments.records import Environment, Machine, MachineCard, Maker, Package, Verdict, VerdictState
from aienv_gui.gui import environment_work
from aienv_gui.gui.environment_work import Cards
from aienv_gui.gui.pages.environments import EnvironmentsPage
from aienv_gui.gui.pages.home import HomePage
from aienv_gui.gui.pages.new_environment.options import OptionsStep
from aienv_gui.gui.widgets.verdict_list import VerdictList
from tests.fakes.session import open_session
from tests.fakes.snapshots import gpu, snapshot

CARD = gpu(compute_capability=(8, 9))
PASSED = Verdict("interpreter", verbatim("Interpreter"), VerdictState.PASSED)


def validated(name: str, driver: str = "570.86.10") -> Environment:
    machine = Machine(driver, (MachineCard(CARD.name, CARD.uuid, (8, 9)),))
    return Environment(
        Path("/e") / name,
        Path("/e") / name / "bin/python",
        name,
        Maker.AIENV,
        "3.11.7",
        (Package("torch", "2.14"),),
        health=(PASSED,),
        validated=1.0,
        machine=machine,
    )


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        yield made


def know(session: Session, *environments: Environment) -> None:
    session.services.environments.items = environments
    session.services.environments.loaded = True
    session.services.environments.changed.emit()


def words_in(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisible() and label.text()]


def test_a_new_driver_is_noticed_and_all_are_validated_with_one_click(
    qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, Cards]] = []

    def validate(environment: Environment, _folders: Folders, cards: Cards, _reporter: object) -> tuple[Verdict, ...]:
        seen.append((environment.name, cards))
        return ()

    monkeypatch.setattr(environment_work, "validate", validate)
    page = session.window.page
    assert isinstance(page, HomePage)
    know(session, validated("pictures"), validated("sounds"), validated("texts", "580.65.06"))
    assert not page.changed_machine.isVisible()  # nothing is known of the driver yet
    session.services.hardware.sampled.emit(snapshot(CARD))
    assert page.changed_machine.isVisible()
    (words,) = words_in(page.changed_machine)
    assert words == (
        "The NVIDIA driver was updated since “pictures” was validated: 570.86.10 became 580.65.06. "
        "So it is with 1 other environment."
    )
    qtbot.mouseClick(page.changed_machine.button, Qt.MouseButton.LeftButton)
    assert not page.changed_machine.button.isEnabled()
    qtbot.waitUntil(page.changed_machine.button.isEnabled, timeout=10_000)
    assert [name for name, _ in seen] == ["pictures", "sounds"]
    assert seen[0][1].machine is not None
    assert seen[0][1].machine.driver_version == "580.65.06"
    know(session, validated("pictures", "580.65.06"))
    session.services.hardware.sampled.emit(snapshot(CARD))
    assert not page.changed_machine.isVisible()


def test_another_card_is_noticed(session: Session) -> None:
    page = session.window.page
    assert isinstance(page, HomePage)
    know(session, validated("pictures", "580.65.06"))
    session.services.hardware.sampled.emit(snapshot(CARD))
    assert not page.changed_machine.isVisible()
    session.services.hardware.sampled.emit(snapshot(replace(CARD, uuid="GPU-9")))
    assert "Another graphics card is in this computer" in words_in(page.changed_machine)[0]


def test_the_change_is_said_in_the_details_and_every_byte_can_be_checked(
    qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def check(environment: Environment, _folders: Folders, _cards: Cards, _reporter: object) -> tuple[Verdict, ...]:
        asked.append(environment.name)
        return ()

    monkeypatch.setattr(environment_work, "check_every_byte", check)
    session.services.hardware.latest = snapshot(CARD)
    know(session, validated("pictures"))
    session.services.navigator.open("environments", Path("/e/pictures"))
    page = session.window.page
    assert isinstance(page, EnvironmentsPage)
    page.details.tabs.setCurrentIndex(1)
    assert any("driver was updated since “pictures”" in words for words in words_in(page.details))
    qtbot.mouseClick(page.details.health.every_byte, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: asked == ["pictures"], timeout=10_000)
    qtbot.waitUntil(lambda: not session.services.jobs.running(), timeout=10_000)


def test_what_is_wrong_comes_first_and_offers_no_build_for_cards_of_the_past(session: Session) -> None:
    repair, build = Action("repair", verbatim("Repair")), Action("use_build", verbatim("Use CUDA 12.6"), "cu126")
    failed = Verdict("integrity", verbatim("Files"), VerdictState.FAILED, actions=(repair,))
    warning = Verdict("accelerator", verbatim("Card"), VerdictState.WARNING, actions=(build,))
    session.services.hardware.latest = snapshot(CARD)  # of another driver than it was validated with
    before = replace(validated("pictures"), health=(PASSED, warning, failed))
    know(session, before)
    session.services.navigator.open("environments", before.prefix)
    page = session.window.page
    assert isinstance(page, EnvironmentsPage)
    shown = page.details.health.verdicts
    assert [one.check for one in shown.verdicts] == ["integrity", "accelerator", "interpreter"]
    assert [one.actions for one in shown.verdicts] == [(repair,), (), ()]
    now = Cards.of(session.services.hardware.latest).machine
    know(session, replace(before, machine=now))
    assert [one.actions for one in shown.verdicts] == [(repair,), (build,), ()]


def test_a_verdict_offers_what_can_be_done(qtbot: QtBot, session: Session) -> None:
    verdict = replace(
        PASSED,
        state=VerdictState.FAILED,
        actions=(Action("repair", verbatim("Repair")), Action("add_packages", verbatim("Install wax"), "wax")),
    )
    asked: list[object] = []
    shown = VerdictList(session.services)
    qtbot.addWidget(shown)
    shown.action.connect(asked.append)
    shown.show_all([verdict])
    shown.show()
    for button in shown.findChildren(QPushButton):
        assert button.accessibleDescription() == "Interpreter"
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert asked == list(verdict.actions)
    silent = VerdictList(session.services, only_anywhere=True)
    qtbot.addWidget(silent)
    silent.show_all([verdict])
    assert silent.findChildren(QPushButton) == []


def options(qtbot: QtBot, session: Session, *cards: tuple[str, tuple[int, int]]) -> tuple[OptionsStep, Wizard]:
    builds, advised = accelerators.choices(), accelerators.choose("580.95.05", cards)
    wizard = Wizard(Offer(recipes.templates(), base_interpreters(), builds, advised))
    wizard.use_template("pictures")
    step = OptionsStep(session.services)
    qtbot.addWidget(step)
    step.enter(wizard)
    step.show()
    return step, wizard


def test_what_else_was_possible_is_folded_below_the_choice(qtbot: QtBot, session: Session) -> None:
    step, _ = options(qtbot, session, ("GTX 1080", (6, 1)))
    assert step.accelerator.currentText() == "NVIDIA CUDA 12.6 (recommended)"
    assert not step.alternatives.question.isVisible()
    assert words_in(step.alternatives) == []
    qtbot.mouseClick(step.alternatives.fold, Qt.MouseButton.LeftButton)
    assert words_in(step.alternatives) == [
        "NVIDIA CUDA 13.0: Has no code for GTX 1080.",
        "NVIDIA CUDA 12.8: Has no code for GTX 1080.",
        "CPU only: Would leave GTX 1080 unused.",
    ]
    step.leave()
    qtbot.waitUntil(lambda: not session.services.jobs.running(), timeout=10_000)


def test_the_user_is_asked_where_no_build_suits_all_cards(qtbot: QtBot, session: Session) -> None:
    step, wizard = options(qtbot, session, ("RTX 5090", (12, 0)), ("GTX 1080", (6, 1)))
    assert "It cannot use GTX 1080." in step.accelerator_words.text()
    assert step.alternatives.question.text() == "Use GTX 1080 instead (NVIDIA CUDA 12.6)"
    qtbot.mouseClick(step.alternatives.question, Qt.MouseButton.LeftButton)
    assert wizard.draft.accelerator == "cu126"
    assert step.accelerator_words.text() == "Would use GTX 1080, but not RTX 5090."
    assert not step.alternatives.question.isVisible()
    step.accelerator.setCurrentIndex(step.accelerator.findData("cu130"))
    assert step.alternatives.question.isVisible()
    step.leave()
    qtbot.waitUntil(lambda: not session.services.jobs.running(), timeout=10_000)


def _check(verdict: Verdict) -> str:
    return verdict.check


def test_verdicts_that_find_no_room_on_the_disk_are_shown_all_the_same(
    qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = replace(validated("mine"), health=(), validated=None)
    found: tuple[Verdict, ...] = (
        PASSED,
        replace(PASSED, check="files", title=verbatim("Files"), state=VerdictState.FAILED),
    )

    def validate(_environment: Environment, _folders: Folders, _cards: Cards, reporter: Reporter) -> None:
        for verdict in found:
            reporter.partial(verdict)
        raise Problem(verbatim("The disk is full."), code="disk_full")

    monkeypatch.setattr(environment_work, "validate", validate)
    monkeypatch.setattr(session.services.environments, "refresh", lambda: None)
    session.services.navigator.open("environments")
    page = session.window.page
    assert isinstance(page, EnvironmentsPage)
    know(session, mine)
    page.details.start_validation()
    qtbot.waitUntil(lambda: not page.details.health.runs(mine.prefix))
    assert sorted(page.details.health.verdicts.verdicts, key=_check) == sorted(found, key=_check)
    assert any("has problems" in words for words in words_in(page.details.health))
    assert "The disk is full." in words_in(page.details)
    know(session, replace(mine, health=(PASSED,), validated=5.0))  # validated since
    assert list(page.details.health.verdicts.verdicts) == [PASSED]


def test_a_validation_of_other_packages_is_told_as_such(session: Session) -> None:
    know(session, validated("pictures"))
    session.services.navigator.open("environments", Path("/e/pictures"))
    page = session.window.page
    assert isinstance(page, EnvironmentsPage)
    assert not any("changed since then" in words for words in words_in(page.details))
    know(session, replace(validated("pictures"), health=()))
    assert any("changed since then" in words for words in words_in(page.details))
