"""Rings of objects: taken apart in the window's thread, whoever makes objects."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import verbatim
from aienv_gui.gui.garbage import GarbageCollector
from aienv_gui.gui.jobs import Jobs


@pytest.fixture
def collector(qapp: QApplication) -> Iterator[GarbageCollector]:
    made = GarbageCollector(qapp)
    yield made
    made.end()
    made.deleteLater()


class Ring:
    """Holds a widget and itself; tells the thread in which it is taken apart."""

    def __init__(self, ends: list[int]) -> None:
        self.widget = QWidget()
        self.me = self
        self._ends = ends

    def __del__(self) -> None:
        self._ends.append(threading.get_ident())


def make_many(_reporter: Reporter) -> int:
    """So many objects as make Python's own collector look through all generations."""
    for _ in range(1000):
        many: list[object] = [[] for _ in range(1000)]
        many.append(many)
    return threading.get_ident()


def test_a_ring_with_a_widget_was_taken_apart_by_a_job(qtbot: QtBot, collector: GarbageCollector) -> None:
    ends: list[int] = []
    Ring(ends)
    jobs = Jobs()
    job = jobs.start(verbatim("Many objects"), make_many)
    with qtbot.waitSignal(job.finished, timeout=20_000):
        pass
    assert job.result != threading.get_ident(), "else this shows nothing"
    assert ends == []
    qtbot.waitUntil(lambda: ends != [], timeout=20_000)
    assert ends == [threading.get_ident()]
    qtbot.waitUntil(lambda: not jobs._running)
    jobs.deleteLater()


def test_what_was_there_is_not_looked_through_again(collector: GarbageCollector) -> None:
    class Node:
        me: object

    early = Node()
    early.me = early
    collector.spare_what_is_there()
    late = Node()
    late.me = late
    assert any(found is late for found in gc.get_objects())
    assert not any(found is early for found in gc.get_objects())


def test_pythons_own_stands_still_from_the_windows_beginning_on(qapp: QApplication, folders: Folders) -> None:
    gc.enable()
    session = Session(qapp, folders, look=False)
    assert not gc.isenabled()
    assert session.end()
    assert not gc.isenabled(), "a thread that looks at a disk that is gone may still be there"
    session.deleteLater()


def test_only_one_that_is_old_enough_is_looked_through(
    collector: GarbageCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    counts = {(701, 3, 0): [0], (5, 11, 9): [1], (900, 11, 11): [2], (700, 10, 10): []}
    monkeypatch.setattr(gc, "collect", looked.append)
    for told, wanted in counts.items():
        monkeypatch.setattr(gc, "get_count", lambda told=told: told)
        looked.clear()
        collector.collect()
        assert looked == wanted
