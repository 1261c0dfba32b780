"""Snapshots arrive in the window's thread, once an interval, until the feed is stopped."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from aienv_gui.core import storage
from aienv_gui.core.processes import clean_environment
from aienv_gui.gui.hardware_feed import HardwareFeed
from aienv_gui.hardware import day_record
from aienv_gui.hardware.day_record import read
from aienv_gui.hardware.readings import DriverState, Snapshot
from tests.fakes import nvml

PATIENCE_MS = 20_000


class Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.snapshots: list[Snapshot] = []

    @Slot(object)
    def receive(self, snapshot: Snapshot) -> None:
        self.threads.add(threading.get_ident())
        self.snapshots.append(snapshot)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("driver"))


def test_snapshots_come_until_the_feed_is_stopped(qtbot: QtBot, driver: Path, tmp_path: Path) -> None:
    feed = HardwareFeed(
        data_folder=tmp_path, interval_s=0.05, environment=clean_environment(nvml.environment(driver, cards=8))
    )
    receiver = Receiver()
    feed.sampled.connect(receiver.receive)
    feed.start()
    feed.start()  # a second call changes nothing
    qtbot.waitUntil(lambda: feed.latest is not None and len(feed.latest.nvidia.gpus) == 8, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(feed.history) >= 5, timeout=PATIENCE_MS)
    assert receiver.threads == {threading.get_ident()}
    assert receiver.snapshots[-1] is feed.latest
    assert len(feed.history) == len(receiver.snapshots)
    assert feed.history.ages()[-1] == 0.0
    feed.stop()
    feed.stop()
    assert not feed.running
    assert nvml.monitors() == []
    count = len(receiver.snapshots)
    qtbot.wait(1)
    assert len(receiver.snapshots) <= count + 1


def test_the_day_is_written_down(qtbot: QtBot, driver: Path, tmp_path: Path) -> None:
    path = tmp_path / "hardware" / "day.readings"
    feed = HardwareFeed(
        data_folder=tmp_path, day_file=path, interval_s=0.05, environment=clean_environment(nvml.environment(driver))
    )
    feed.start()
    qtbot.waitUntil(lambda: feed.latest is not None and bool(feed.latest.gpus), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(feed.history) >= 3, timeout=PATIENCE_MS)
    feed.stop()  # what is not ten seconds yet is kept too
    day = read(path, time.time())
    assert len(day.times) >= 1
    assert day.series(f"gpu:{nvml.card_uuid(0)}:temperature")[-1] > 0
    assert feed.record_problem is None


def test_a_day_that_cannot_be_written_is_told_and_the_sampling_goes_on(
    qtbot: QtBot, driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_record, "PERIOD_S", 0.1)
    path = tmp_path / "day.readings"
    path.mkdir()
    feed = HardwareFeed(
        data_folder=tmp_path, day_file=path, interval_s=0.05, environment=clean_environment(nvml.environment(driver))
    )
    with qtbot.waitSignal(feed.record_changed, timeout=PATIENCE_MS):
        feed.start()
    assert feed.record_problem is not None
    count = len(feed.history)
    qtbot.waitUntil(lambda: len(feed.history) > count, timeout=PATIENCE_MS)
    path.rmdir()
    qtbot.waitUntil(lambda: feed.record_problem is None, timeout=PATIENCE_MS)
    feed.stop()


def test_a_disk_that_does_not_answer_holds_up_nothing(
    qtbot: QtBot, driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    asked = threading.Event()
    real = storage.write_atomic

    def slow(*arguments: Any) -> None:
        asked.set()
        answers.wait(PATIENCE_MS / 1000)
        real(*arguments)

    monkeypatch.setattr(day_record, "PERIOD_S", 0.1)
    monkeypatch.setattr(day_record, "write_atomic", slow)
    monkeypatch.setattr(day_record, "_PATIENCE_S", 0.1)
    environment = clean_environment(nvml.environment(driver))
    feed = HardwareFeed(data_folder=tmp_path, day_file=tmp_path / "day", interval_s=0.05, environment=environment)
    feed.start()
    qtbot.waitUntil(asked.is_set, timeout=PATIENCE_MS)
    count = len(feed.history)
    qtbot.waitUntil(lambda: len(feed.history) > count + 3, timeout=PATIENCE_MS)
    assert feed.stop()
    answers.set()


def test_feed_can_be_started_again(qtbot: QtBot, driver: Path, tmp_path: Path) -> None:
    feed = HardwareFeed(data_folder=tmp_path, interval_s=0.05, environment=clean_environment(nvml.environment(driver)))
    for _ in range(2):
        feed.latest = None
        feed.start()
        qtbot.waitUntil(
            lambda: feed.latest is not None and feed.latest.nvidia.state is DriverState.READY, timeout=PATIENCE_MS
        )
        feed.stop()
