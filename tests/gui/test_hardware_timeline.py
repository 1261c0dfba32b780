"""The history on the Hardware page in the real window: following, looking back, comparing, saving, trainings."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.errors import Problem
from aienv_gui.core.settings import SettingsStore
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.pages.hardware_parts.timeline import TimelineCard
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.run_list import Span
from aienv_gui.hardware.day_record import DayRecord
from aienv_gui.hardware.readings import Gpu, Snapshot, Value
from aienv_gui.training.records import RunState, RunSummary
from tests.fakes.session import open_session
from tests.fakes.snapshots import ABSENT, gpu, snapshot

PATIENCE_MS = 20_000


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        made.window.resize(1100, 900)
        yield made


def look(moment: float, *gpus: Gpu) -> Snapshot:
    """What is read at a moment in seconds since the epoch."""
    return replace(snapshot(*gpus), time=moment, monotonic=moment)


def open_page(session: Session, *gpus: Gpu) -> TimelineCard:
    """The page after ten seconds of looking at these cards."""
    now = time.time()
    for second in range(10):
        session.services.hardware._on_sampled(look(now - 9 + second, *gpus))
    session.services.navigator.open("hardware")
    page = session.window.page
    assert isinstance(page, HardwarePage)
    page._pacer.finish()
    page.scroll_area.ensureWidgetVisible(page.timeline, 0, 0)
    return page.timeline


def send(session: Session, moment: float, *gpus: Gpu) -> None:
    session.services.hardware._on_sampled(look(moment, *gpus))
    page = session.window.page
    assert isinstance(page, HardwarePage)
    page._pacer.finish()


def plot(card: TimelineCard, name: str) -> TimePlot:
    return card.plots.plots[name]


def test_a_curve_a_card_and_the_machines_own(qtbot: QtBot, session: Session) -> None:
    card = open_page(session, gpu(0), gpu(1, temperature_celsius=Value(77.0)))
    assert list(card.plots.plots) == ["utilisation", "memory", "temperature", "power", "machine"]
    temperature = plot(card, "temperature")
    qtbot.waitUntil(lambda: temperature.points_drawn("gpu:GPU-1:temperature") == 10)
    assert temperature.value_shown("gpu:GPU-0:temperature") == "60 °C"
    assert temperature.value_shown("gpu:GPU-1:temperature") == "77 °C"
    qtbot.waitUntil(lambda: plot(card, "machine").value_shown("cpu") == "25 %")
    assert not card.quantities["fan"].isEnabled()  # no card tells it
    assert "not" in card.quantities["fan"].toolTip()


def test_without_a_card_the_machine_alone(session: Session) -> None:
    card = open_page(session)
    assert list(card.plots.plots) == ["machine"]
    assert not card.quantities["power"].isVisible()
    assert card.cards == {}


def test_cards_are_switched_off_in_all_plots_and_keep_their_colour(qtbot: QtBot, session: Session) -> None:
    card = open_page(session, gpu(0), gpu(1))
    key = "gpu:GPU-1:{}"
    qtbot.waitUntil(lambda: plot(card, "power").points_drawn(key.format("power")) > 0)
    card.cards["GPU-1"].click()
    qtbot.waitUntil(lambda: plot(card, "power").points_drawn(key.format("power")) == 0)
    qtbot.waitUntil(lambda: plot(card, "memory").points_drawn(key.format("memory")) == 0)
    send(session, time.time() + 1, gpu(0), gpu(1), gpu(2))  # another card comes: the choice stays
    qtbot.waitUntil(lambda: plot(card, "power").points_drawn("gpu:GPU-2:power") > 0)
    assert plot(card, "power").points_drawn(key.format("power")) == 0
    assert not card.cards["GPU-1"].isChecked()


def test_what_is_shown_is_chosen_once(qtbot: QtBot, session: Session, folders: Folders) -> None:
    card = open_page(session, gpu(clock_mhz=Value(1500.0)))
    card.quantities["clock"].click()
    card.quantities["power"].click()
    assert list(card.plots.plots) == ["utilisation", "memory", "temperature", "clock", "machine"]
    qtbot.waitUntil(lambda: plot(card, "clock").value_shown("gpu:GPU-0:clock") == "1500 MHz")
    kept = SettingsStore(folders).get("history_quantities")
    assert kept == ["utilisation", "memory", "temperature", "clock", "machine"]


def test_it_stands_still_while_the_user_looks_back(qtbot: QtBot, session: Session) -> None:
    card = open_page(session, gpu())
    now = session.services.hardware.latest.time
    assert card.range.value() == pytest.approx((now - 600, now))
    assert card.pause.text() == "Pause"
    card.pause.click()
    assert card.pause.text() == "Back to now"
    send(session, now + 30, gpu())
    assert card.range.value() == pytest.approx((now - 600, now))
    card.pause.click()
    assert card.range.value() == pytest.approx((now - 570, now + 30))
    qtbot.keyClick(plot(card, "power"), Qt.Key.Key_Plus)  # a closer look is one at the past too
    assert card.pause.text() == "Back to now"
    card.span.setCurrentIndex(1)
    card.span.activated.emit(1)
    low, high = card.range.value()
    assert high - low == 3600
    assert card.pause.text() == "Pause"


def test_the_day_comes_from_the_disk(qtbot: QtBot, session: Session, folders: Folders) -> None:
    record, now = DayRecord(folders.day_file), time.time()
    for moment in np.arange(now - 7 * 3600, now - 3600, 10.0):
        record.add(look(moment, gpu(temperature_celsius=Value(42.0))))
    record.flush()
    card = open_page(session, gpu())
    qtbot.waitUntil(lambda: len(card._day.times) > 0, timeout=PATIENCE_MS)
    card.range.follow(86400.0)
    key = "gpu:GPU-0:temperature"
    qtbot.waitUntil(lambda: plot(card, "temperature").points_drawn(key) > 100)
    first, last = plot(card, "temperature").data_span() or (0.0, 0.0)
    assert last - first == pytest.approx(7 * 3600, abs=30)
    card.range.point_at(now - 3 * 3600)
    assert plot(card, "temperature").value_shown(key) == "42 °C"
    card.range.point_at(now - 1800)  # nobody looked then
    assert plot(card, "temperature").value_shown(key) == "–"


def test_a_file_that_cannot_be_read_is_told(qtbot: QtBot, session: Session, folders: Folders) -> None:
    folders.day_file.mkdir(parents=True)
    card = open_page(session, gpu())
    qtbot.waitUntil(card.failure.isVisible, timeout=PATIENCE_MS)
    assert card.failure.problem is not None
    assert card.failure.problem.code == "unreadable_day"
    folders.day_file.rmdir()  # as the cure says
    send(session, time.time() + 60, gpu())
    qtbot.waitUntil(card.failure.isHidden, timeout=PATIENCE_MS)


def test_a_day_that_cannot_be_kept_is_told(session: Session) -> None:
    card = open_page(session, gpu())
    assert not card.remark.isVisible()
    session.services.hardware._on_record_changed(Problem(tr("The disk is full."), code="disk_full"))
    assert card.remark.isVisible()
    assert "The disk is full." in card.remark.text()
    session.services.hardware._on_record_changed(None)
    assert not card.remark.isVisible()


def test_saved_as_a_table(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    card = open_page(session, gpu(fan_percent=ABSENT))
    with qtbot.waitSignal(card.save.saved, timeout=PATIENCE_MS):
        card.save.table_chosen.emit(str(tmp_path / "a.csv"))
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 11
    assert "GPU NVIDIA GeForce RTX 4070 power (W)" in lines[0]
    assert "120.0" in lines[1]
    assert str(tmp_path / "a.csv") in card.saved.text()
    assert card.saved.isVisible()


def test_saved_as_a_picture(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    card = open_page(session, gpu())
    qtbot.waitUntil(lambda: plot(card, "machine").points_drawn("cpu") > 0)
    with qtbot.waitSignal(card.save.saved, timeout=PATIENCE_MS):
        card.save.picture_chosen.emit(str(tmp_path / "a.png"))
    picture = QImage(str(tmp_path / "a.png"))
    assert picture.width() == 2 * (card.plots.width() + 32)
    theme = session.services.theme
    places = itertools.product(range(0, picture.width(), 2), range(0, picture.height(), 2))
    colours = {picture.pixelColor(x, y).name() for x, y in places}
    assert {theme.color(role).name() for role in ("surface", "card_0", "series_cpu")} <= colours
    assert theme.color("window").name() not in colours


def test_a_place_that_cannot_be_written_is_told(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    card = open_page(session, gpu())
    (tmp_path / "file").write_text("")
    with qtbot.waitSignal(card.save.failed, timeout=PATIENCE_MS):
        card.save.table_chosen.emit(str(tmp_path / "file" / "a.csv"))
    assert card.failure.isVisible()
    with qtbot.waitSignal(card.save.saved, timeout=PATIENCE_MS):
        card.save.table_chosen.emit(str(tmp_path / "b.csv"))
    assert not card.failure.isVisible()


def test_the_bar_of_a_training_that_runs_grows(
    session: Session, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, now = open_page(session, gpu()), time.time()
    ends = iter((now - 10, now))
    runs = type(session.services.runs)
    monkeypatch.setattr(runs, "live", (object(),))
    monkeypatch.setattr(runs, "spans", lambda _self: [Span(folders.runs / "cats", "cats", now - 100, next(ends))])
    send(session, now, gpu())
    ((_, before),) = card.plots.lane.shown_bands()
    send(session, now + 1, gpu())
    ((_, after),) = card.plots.lane.shown_bands()
    assert after.width() > before.width()


def test_trainings_are_bars_that_open_them(qtbot: QtBot, session: Session, folders: Folders) -> None:
    card, now = open_page(session, gpu()), time.time()
    assert not card.plots.lane.isVisible()
    run = folders.runs / "cats"
    summary = RunSummary(run, "cats and dogs", "classification", RunState.COMPLETED, now - 400, 100.0)
    old = (now - 90_000, now - 89_000)
    session.services.runs.items = (replace(summary, attempts=(old, (now - 400, now - 300), (now - 200, now - 100))),)
    session.services.runs.changed.emit()
    lane = card.plots.lane
    assert lane.isVisible()
    first, second = lane.shown_bands()  # what was more than a day ago is not looked back at
    assert first[0].name == "cats and dogs"
    assert first[1].right() < second[1].left()
    qtbot.waitUntil(lambda: plot(card, "power").points_drawn("gpu:GPU-0:power") > 0)
    card.range.point_at(now - 350)
    assert plot(card, "power")._moment.text().startswith("cats and dogs")
    with qtbot.waitSignal(session.services.navigator.requested) as asked:
        qtbot.mouseClick(lane, Qt.MouseButton.LeftButton, pos=first[1].center().toPoint())
    assert asked.args == ["train", run]
    session.services.navigator.open("hardware")
    with qtbot.waitSignal(session.services.navigator.requested) as asked:
        qtbot.keyClick(lane, Qt.Key.Key_Left)
        qtbot.keyClick(lane, Qt.Key.Key_Return)
    assert asked.args == ["train", run]
    session.services.navigator.open("hardware")
    opened: list[object] = []
    lane.chosen.connect(opened.append)
    qtbot.mouseClick(lane, Qt.MouseButton.LeftButton, pos=QPoint(70, 5))  # beside them
    assert opened == []
