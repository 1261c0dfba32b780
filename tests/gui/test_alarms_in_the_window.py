"""Alarms from the readings and the trainings to what the user sees: popup, banner, list, settings; nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.engine import protocol
from aienv_gui.gui.desktop import Desktop
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.pages.settings import SettingsPage
from aienv_gui.gui.pages.settings_parts.alarms_section import AlarmsCard
from aienv_gui.gui.widgets.alarm_list import AlarmList
from aienv_gui.hardware.alarm_rules import AlarmKind
from aienv_gui.hardware.alarms import Alarm
from aienv_gui.hardware.readings import Value
from aienv_gui.training import run_store
from aienv_gui.training.records import Recipe, Run, RunState, RunSummary
from tests.fakes.session import open_session
from tests.fakes.snapshots import gpu, snapshot

PATIENCE_MS = 20_000
FOLDER = Path("/runs/digits")


@pytest.fixture
def session(qtbot: QtBot, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """With what stands beside the window, and no bus to show anything on but where a test makes one."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    with open_session(qtbot, folders, look=False) as made:
        made.open_desktop()
        yield made


def desktop(session: Session) -> Desktop:
    assert session.desktop is not None
    return session.desktop


def heat(session: Session, degrees: float, first: int, last: int) -> None:
    """A reading each second, as if sampled."""
    for second in range(first, last):
        look = snapshot(gpu(temperature_celsius=Value(degrees)), moment=second)
        session.services.hardware._on_sampled(replace(look, monotonic=float(second)))


def train(session: Session, state: RunState, failure: Problem | None = None) -> None:
    """What the list of runs learns of a training, as its follower tells it."""
    runs = session.services.runs
    run = Run(FOLDER, Recipe("digits", Path("/data"), "balanced", "small", {}), state, seconds=200.0, failure=failure)
    runs._latest[FOLDER] = run
    runs.items = (RunSummary(FOLDER, "digits", "image_classification", state, 0.0, 200.0),)
    runs.updated.emit(run)
    runs.changed.emit()


def raised(session: Session) -> list[Alarm]:
    told: list[Alarm] = []
    session.services.alarms.raised.connect(told.append)
    return told


def test_an_alarm_nobody_can_show_stands_in_the_window(qtbot: QtBot, session: Session) -> None:
    banner = session.window.alarm_banner
    heat(session, 91, 0, 20)
    qtbot.waitUntil(banner.isVisible, timeout=PATIENCE_MS)
    assert "91 °C" in banner.words.text()
    banner.open_button.click()
    assert not banner.isVisible()
    assert session.window.page.name == "hardware"


def test_what_the_user_looks_at_is_not_shown_again(
    qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.window, "isActiveWindow", lambda: True)
    session.window.open_page("hardware", None)
    refused: list[object] = []
    if desktop(session).bus is not None:
        desktop(session).bus.refused.connect(refused.append)
    heat(session, 91, 0, 20)
    assert not refused
    assert not session.window.alarm_banner.isVisible()
    assert [alarm.kind for alarm in session.services.alarms.recent] == [AlarmKind.GPU_TEMPERATURE]
    session.window.open_page("home", None)
    heat(session, 60, 20, 30)
    heat(session, 91, 1000, 1020)
    qtbot.waitUntil(session.window.alarm_banner.isVisible, timeout=PATIENCE_MS)


def test_the_end_of_a_training_is_told_once_and_opens_it(qtbot: QtBot, session: Session) -> None:
    told = raised(session)
    train(session, RunState.COMPLETED)
    assert told == []  # it ended before we looked
    for state in (RunState.STARTING, RunState.TRAINING, RunState.COMPLETED, RunState.COMPLETED):
        train(session, state)
    assert [(alarm.kind, str(alarm.what)) for alarm in told] == [
        (AlarmKind.TRAINING_FINISHED, "digits was trained in about 3 minutes.")
    ]
    banner = session.window.alarm_banner
    qtbot.waitUntil(banner.isVisible, timeout=PATIENCE_MS)
    with qtbot.waitSignal(session.services.navigator.requested) as asked:
        banner.open_button.click()
    assert asked.args == ["train", FOLDER]


def test_a_training_that_failed_says_why_and_one_that_was_stopped_says_nothing(session: Session) -> None:
    told = raised(session)
    train(session, RunState.TRAINING)
    train(session, RunState.STOPPED)
    assert told == []
    train(session, RunState.TRAINING)
    train(session, RunState.FAILED, Problem(tr("The disk is full."), cure=tr("Free some space.")))
    assert [str(alarm.what) for alarm in told] == ["digits: The disk is full."]
    train(session, RunState.TRAINING)
    train(session, RunState.INTERRUPTED)
    assert [str(alarm.what) for alarm in told][1:] == ["digits: It was interrupted."]


def test_an_engine_that_is_ended_from_outside_is_told_of(qtbot: QtBot, session: Session) -> None:
    told = raised(session)
    folder = run_store.create(Recipe("digits", Path("/data"), "balanced", "small", {}), session.services.folders)
    engine = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = psutil.Process(engine.pid).create_time()
        protocol.write_json(folder / protocol.PROCESS, {"pid": engine.pid, "started": started})
        session.services.runs.refresh()
        qtbot.waitUntil(lambda: len(session.services.runs.live) == 1, timeout=PATIENCE_MS)
    finally:
        engine.kill()
        engine.communicate()
    qtbot.waitUntil(lambda: len(told) == 1, timeout=PATIENCE_MS)
    assert (told[0].kind, told[0].subject) == (AlarmKind.TRAINING_FAILED, str(folder))
    failure = session.services.runs.latest(folder).failure
    assert str(told[0].what) == f"digits: {failure.title}"
    qtbot.waitUntil(lambda: session.services.runs.follower(folder) is None, timeout=PATIENCE_MS)
    assert len(told) == 1


def test_a_pause_keeps_alarms_without_showing_them(session: Session) -> None:
    told = raised(session)
    desktop(session).menu.pause_action.trigger()
    assert session.services.alarms.paused
    heat(session, 91, 0, 20)
    assert told == []
    assert len(session.services.alarms.recent) == 1
    desktop(session).menu.pause_action.trigger()
    assert not session.services.alarms.paused
    heat(session, 60, 20, 30)
    heat(session, 91, 1000, 1020)
    assert len(told) == 1


def test_the_list_shows_what_lasts_and_what_was(qtbot: QtBot, session: Session) -> None:
    listed = AlarmList(session.services, session.window)
    assert listed.isHidden()
    heat(session, 91, 0, 20)
    train(session, RunState.TRAINING)
    train(session, RunState.COMPLETED)
    rows = [row for row in listed._rows if not row.isHidden()]
    assert [row._badge.text() for row in rows] == ["GPU too hot", "Training finished"]
    assert "Give the computer more air" in rows[0]._words.text()
    assert rows[0].open_button.isHidden()
    assert not rows[1].open_button.isHidden()
    heat(session, 60, 20, 30)
    assert [row._badge.text() for row in rows] == ["Training finished", "Over"]
    session.services.alarms.forget()
    assert listed.isHidden()


if sys.platform.startswith("linux"):
    from tests.fakes.session_bus import NotificationService, session_bus

    def test_a_click_on_a_notification_opens_what_it_is_about(
        qtbot: QtBot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "")
        with session_bus(tmp_path) as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            service = NotificationService(address, ("actions", "body"))
            qtbot.waitUntil(service.ready, timeout=PATIENCE_MS)
            train(session, RunState.TRAINING)
            train(session, RunState.COMPLETED)
            qtbot.waitUntil(lambda: len(service.calls()) == 1, timeout=PATIENCE_MS)
            _, _, _, title, body, actions, _, _ = service.calls()[0]
            assert (title, actions) == ("Training finished", ["default", "Open"])
            assert body == "digits was trained in about 3 minutes.\nOpen it to see the result and to try the model."
            assert not session.window.alarm_banner.isVisible()
            session.window.showMinimized()
            with qtbot.waitSignal(session.services.navigator.requested, timeout=PATIENCE_MS) as asked:
                service.tell("click 1")
            assert asked.args == ["train", FOLDER]
            assert not session.window.isMinimized()
            session.services.alarms.show_sample()
            qtbot.waitUntil(lambda: len(service.calls()) == 2, timeout=PATIENCE_MS)
            assert service.calls()[1][3] == "This is how an alarm looks"
            service.end()


# The settings


def alarms_card(session: Session) -> AlarmsCard:
    session.window.open_page("settings", None)
    page = session.window.page
    assert isinstance(page, SettingsPage)
    return page.findChildren(AlarmsCard)[0]


def test_limits_are_kept_at_once_and_used(session: Session) -> None:
    row = alarms_card(session).rows[AlarmKind.GPU_TEMPERATURE]
    assert row.limit is not None
    row.limit.setValue(70)
    assert session.services.settings.get("alarm_gpu_temperature") == {"on": True, "limit": 70}
    heat(session, 75, 0, 20)
    assert len(session.services.alarms.active) == 1
    row.switch.setFocus()
    QTest.keyClick(row.switch, Qt.Key.Key_Space)
    assert session.services.settings.get("alarm_gpu_temperature") == {"on": False, "limit": 70}
    assert not row.limit.isEnabled()
    heat(session, 75, 20, 22)
    assert not session.services.alarms.active


def test_a_limit_that_cannot_be_meant_is_refused_in_words(session: Session) -> None:
    card = alarms_card(session)
    row = card.rows[AlarmKind.GPU_MEMORY]
    assert row.limit is not None
    row.limit.selectAll()
    QTest.keyClicks(row.limit, "120")
    QTest.keyClick(row.limit, Qt.Key.Key_Return)
    assert card.problem.isVisibleTo(card)
    assert str(card.problem.problem.cause) == "The limit must be a whole number from 50 to 100."
    assert row.limit.value() == 97
    row.limit.setValue(90)
    assert not card.problem.isVisibleTo(card)


def test_every_alarm_has_a_row_and_the_limits_have_names(session: Session) -> None:
    card = alarms_card(session)
    assert set(card.rows) == set(AlarmKind)
    names = [row.limit.accessibleName() for row in card.rows.values() if row.limit is not None]
    assert names[0] == "GPU too hot: limit"
    assert len(set(names)) == len(names) == 5


def test_a_sample_is_shown_but_not_kept(qtbot: QtBot, session: Session) -> None:
    alarms_card(session).test.click()
    qtbot.waitUntil(session.window.alarm_banner.isVisible, timeout=PATIENCE_MS)
    assert not session.services.alarms.recent


def test_the_program_makes_what_stands_beside_its_window_by_itself(qtbot: QtBot, folders: Folders) -> None:
    with open_session(qtbot, folders) as made:
        qtbot.waitUntil(lambda: made.desktop is not None, timeout=PATIENCE_MS)
        made.services.navigator.open("hardware")
        page = made.window.page
        assert isinstance(page, HardwarePage)
        page.compact.click()
        qtbot.waitUntil(
            lambda: made.desktop.compact is not None and len(made.desktop.compact.rows) > 1, timeout=PATIENCE_MS
        )
