"""Notifications over a real session bus: what the service is sent, clicks, and every way in which nobody takes one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aienv_gui.core.storage import resource
from aienv_gui.gui.notification_bus import Notice, NotificationBus
from tests.fakes.session_bus import NotificationService, session_bus

PATIENCE_MS = 20_000
HOT = Notice("gpu_temperature:GPU-0", "GPU too hot", "It is at 91 °C & <rising>.", "Open")

Start = Callable[..., NotificationService]


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with session_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "")  # a click sets it
        yield address


@pytest.fixture
def start(qtbot: QtBot, address: str) -> Iterator[Start]:
    running: list[NotificationService] = []

    def begin(*abilities: str) -> NotificationService:
        service = NotificationService(address, abilities)
        running.append(service)
        qtbot.waitUntil(service.ready, timeout=PATIENCE_MS)
        return service

    yield begin
    for service in running:
        service.end()


@pytest.fixture
def bus() -> Iterator[NotificationBus]:
    made = NotificationBus(patience_ms=PATIENCE_MS)
    yield made
    made.close()
    made.deleteLater()


def test_the_service_is_sent_what_the_desktop_expects(qtbot: QtBot, start: Start, bus: NotificationBus) -> None:
    service = start("actions", "body", "body-markup")
    with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS) as told:
        bus.show(HOT)
    assert told.args == [HOT.key]
    body = "It is at 91 °C &amp; &lt;rising&gt;."
    hints = {"desktop-entry": ["s", "aienv"]}
    qtbot.waitUntil(lambda: len(service.calls()) == 1, timeout=PATIENCE_MS)
    icon = resource("icons/aienv.svg").as_uri()
    assert service.calls() == [["AIEnv", 0, icon, HOT.title, body, ["default", "Open"], hints, -1]]


def test_a_simple_service_gets_plain_words_and_no_buttons(qtbot: QtBot, start: Start, bus: NotificationBus) -> None:
    service = start("body")
    with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS):
        bus.show(HOT)
    qtbot.waitUntil(lambda: len(service.calls()) == 1, timeout=PATIENCE_MS)
    _, _, _, _, body, actions, _, _ = service.calls()[0]
    assert (body, actions) == (HOT.body, [])


def test_the_same_alarm_takes_its_former_place(qtbot: QtBot, start: Start, bus: NotificationBus) -> None:
    service = start("actions")
    other = Notice("disk:/", "Disk nearly full", "", "Open")
    for notice in (HOT, other, HOT):
        with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS):
            bus.show(notice)
    qtbot.waitUntil(lambda: len(service.calls()) == 3, timeout=PATIENCE_MS)
    assert [call[1] for call in service.calls()] == [0, 0, 1]
    service.tell("close 1")
    service.tell("click 2")  # in order: when this has come, the other has been heard too
    with qtbot.waitSignal(bus.clicked, timeout=PATIENCE_MS):
        pass
    with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS):
        bus.show(HOT)
    qtbot.waitUntil(lambda: len(service.calls()) == 4, timeout=PATIENCE_MS)
    assert service.calls()[3][1] == 0


def test_a_click_tells_which_and_hands_on_the_right_to_come_forward(
    qtbot: QtBot, start: Start, bus: NotificationBus
) -> None:
    service = start("actions")
    with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS):
        bus.show(HOT)
    with qtbot.waitSignal(bus.clicked, timeout=PATIENCE_MS) as told:
        service.tell("click 1")
    assert told.args == [HOT.key]
    assert os.environ["XDG_ACTIVATION_TOKEN"] == "a-token"


def test_without_a_service_it_is_refused(qtbot: QtBot, address: str, bus: NotificationBus) -> None:
    with qtbot.waitSignal(bus.refused, timeout=PATIENCE_MS) as told:
        bus.show(HOT)
    assert told.args == [HOT]


@pytest.mark.parametrize("address", ["", "unix:path=/nowhere/at/all", "tcp:host=127.0.0.1,port=1", "nonsense"])
def test_without_a_bus_it_is_refused(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, bus: NotificationBus, address: str
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with qtbot.waitSignal(bus.refused, timeout=PATIENCE_MS) as told:
        bus.show(HOT)
    assert told.args == [HOT]


def test_a_service_that_hangs_is_not_waited_for_for_ever(qtbot: QtBot, start: Start) -> None:
    service = start("actions")
    service.tell("hang")
    qtbot.waitUntil(service.hangs, timeout=PATIENCE_MS)
    bus = NotificationBus(patience_ms=200)
    with qtbot.waitSignal(bus.refused, timeout=PATIENCE_MS) as told:
        bus.show(HOT)
    assert told.args == [HOT]
    bus.deleteLater()


def test_a_service_that_ended_is_refused_and_its_successor_is_found(
    qtbot: QtBot, start: Start, bus: NotificationBus
) -> None:
    first = start("actions")
    with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS):
        bus.show(HOT)
    first.end()
    with qtbot.waitSignal(bus.refused, timeout=PATIENCE_MS):
        bus.show(HOT)
    second = start("actions")
    with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS):
        bus.show(HOT)
    qtbot.waitUntil(lambda: len(second.calls()) == 1, timeout=PATIENCE_MS)


def test_a_bus_that_went_away_is_looked_for_again(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bus: NotificationBus
) -> None:
    for name in ("before", "after"):
        folder = tmp_path / name
        folder.mkdir()
        with session_bus(folder) as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            service = NotificationService(address, ("actions",))
            qtbot.waitUntil(service.ready, timeout=PATIENCE_MS)
            with qtbot.waitSignal(bus.delivered, timeout=PATIENCE_MS):
                bus.show(HOT)
            service.end()
        qtbot.waitUntil(lambda: bus._socket is None, timeout=PATIENCE_MS)
