"""Snapshots arrive in the window's thread, once an interval, until the feed is stopped."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from aienv_gui.core.processes import clean_environment
from aienv_gui.gui.hardware_feed import HardwareFeed
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


def test_feed_can_be_started_again(qtbot: QtBot, driver: Path, tmp_path: Path) -> None:
    feed = HardwareFeed(data_folder=tmp_path, interval_s=0.05, environment=clean_environment(nvml.environment(driver)))
    for _ in range(2):
        feed.latest = None
        feed.start()
        qtbot.waitUntil(
            lambda: feed.latest is not None and feed.latest.nvidia.state is DriverState.READY, timeout=PATIENCE_MS
        )
        feed.stop()
