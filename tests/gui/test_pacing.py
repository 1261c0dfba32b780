"""Updates spread over frames, and none while the window cannot be seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.gui.pages.hardware import HardwarePage
from aienv_gui.gui.plots.pacing import FRAME_S, FramePacer
from aienv_gui.gui.plots.sparkline import MetricTile
from aienv_gui.gui.plots.time_plot import TimePlot
from aienv_gui.gui.widgets.exposure import Exposure
from aienv_gui.gui.widgets.status_strip import StatusStrip
from aienv_gui.hardware.readings import Snapshot, Value
from tests.fakes.session import open_session
from tests.fakes.snapshots import gpu, snapshot

PATIENCE_MS = 30_000


@pytest.fixture
def pacer(qapp: QApplication) -> Iterator[FramePacer]:
    made = FramePacer(qapp)
    yield made
    made.deleteLater()


def busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


# The pacer


def test_updates_run_in_order_and_not_before_the_event_loop(qtbot: QtBot, pacer: FramePacer) -> None:
    done: list[int] = []
    pacer.show([partial(done.append, number) for number in range(5)])
    assert (done, pacer.waiting) == ([], 5)
    qtbot.waitUntil(lambda: not pacer.waiting, timeout=PATIENCE_MS)
    assert done == [0, 1, 2, 3, 4]


def test_costly_updates_get_a_frame_each(qtbot: QtBot, pacer: FramePacer) -> None:
    began: list[float] = []

    def update() -> None:
        began.append(time.perf_counter())
        busy(0.006)

    pacer.show([update] * 5)
    qtbot.waitUntil(lambda: not pacer.waiting, timeout=PATIENCE_MS)
    gaps = [later - sooner for sooner, later in pairwise(began)]
    assert min(gaps) >= FRAME_S * 0.9  # a slow machine only makes them longer


def test_painting_is_part_of_the_cost(qtbot: QtBot, pacer: FramePacer) -> None:
    class Slow(QWidget):
        def paintEvent(self, _event: QEvent) -> None:
            painted.append(time.perf_counter())
            busy(0.006)

    painted: list[float] = []
    window = QWidget()
    qtbot.addWidget(window)
    parts = [Slow(window) for _ in range(4)]
    for index, part in enumerate(parts):
        part.setGeometry(50 * index, 0, 40, 40)
    window.resize(200, 40)
    window.show()
    qtbot.waitExposed(window)
    qtbot.waitUntil(lambda: len(painted) >= 4, timeout=PATIENCE_MS)
    painted.clear()
    pacer.show([part.update for part in parts])
    qtbot.waitUntil(lambda: len(painted) == 4, timeout=PATIENCE_MS)
    gaps = [later - sooner for sooner, later in pairwise(painted)]
    assert min(gaps) >= FRAME_S * 0.8


def test_newer_data_replaces_what_waits_and_begins_where_the_old_round_ended(qtbot: QtBot, pacer: FramePacer) -> None:
    done: list[str] = []

    def update(name: str) -> None:
        done.append(name)
        if name == "old 1":
            pacer.show([partial(update, f"new {number}") for number in range(4)])

    pacer.show([partial(update, f"old {number}") for number in range(4)])
    qtbot.waitUntil(lambda: not pacer.waiting, timeout=PATIENCE_MS)
    assert done == ["old 0", "old 1", "new 2", "new 3", "new 0", "new 1"]


def test_fewer_updates_and_none(qtbot: QtBot, pacer: FramePacer) -> None:
    done: list[int] = []
    pacer.show([partial(done.append, number) for number in range(9)])
    qtbot.waitUntil(lambda: len(done) >= 1, timeout=PATIENCE_MS)
    pacer.show([])
    count = len(done)
    pacer.show([partial(done.append, 100)])
    pacer.finish()
    assert done[count:] == [100]
    assert pacer.waiting == 0


def test_an_update_that_fails_does_not_stop_the_others(qtbot: QtBot, pacer: FramePacer) -> None:
    done: list[int] = []

    def fail() -> None:
        raise ValueError("a bug in a card")

    with qtbot.captureExceptions() as raised:
        pacer.show([fail, partial(done.append, 1)])
        qtbot.waitUntil(lambda: not pacer.waiting and bool(done), timeout=PATIENCE_MS)
    assert [error[0] for error in raised] == [ValueError]


# What can be seen


class PaintCounter(QObject):
    """Counts the paint events of some kinds of widgets in the whole application."""

    def __init__(self, *kinds: type[QWidget]) -> None:
        super().__init__()
        self._kinds = kinds
        self.count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and isinstance(watched, self._kinds):
            self.count += 1
        return False


def minimise(window: QWidget) -> None:
    window.setWindowState(window.windowState() | Qt.WindowState.WindowMinimized)


def restore(window: QWidget) -> None:
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)


@pytest.mark.parametrize(
    ("away", "back"), [(minimise, restore), (QWidget.hide, QWidget.show)], ids=["minimised", "hidden"]
)
def test_exposure_follows_the_window(
    qtbot: QtBot, away: Callable[[QWidget], None], back: Callable[[QWidget], None]
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    part = QWidget(window)
    exposure = Exposure(part)
    seen: list[bool] = []
    exposure.changed.connect(seen.append)
    assert not exposure.seen
    window.show()
    qtbot.waitUntil(lambda: exposure.seen, timeout=PATIENCE_MS)
    away(window)
    qtbot.waitUntil(lambda: not exposure.seen, timeout=PATIENCE_MS)
    back(window)
    qtbot.waitUntil(lambda: exposure.seen, timeout=PATIENCE_MS)
    part.hide()
    assert not exposure.seen
    assert seen == [True, False, True, False]


def test_exposure_follows_a_widget_into_another_window(qtbot: QtBot) -> None:
    first, second = QWidget(), QWidget()
    part = QWidget(first)
    exposure = Exposure(part)
    for window in (first, second):
        qtbot.addWidget(window)
        window.show()
        qtbot.waitExposed(window)
    part.setParent(second)
    part.show()
    qtbot.waitUntil(lambda: exposure.seen, timeout=PATIENCE_MS)
    first.hide()
    assert exposure.seen
    minimise(second)
    qtbot.waitUntil(lambda: not exposure.seen, timeout=PATIENCE_MS)


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        yield made


def looks(load: float, moment: float) -> Snapshot:
    cards = [gpu(index, utilisation_percent=Value(load + index)) for index in range(4)]
    return snapshot(*cards, moment=moment, cpu_percent=load)


def send(session: Session, load: float, moment: float) -> None:
    session.services.hardware._on_sampled(looks(load, moment))


@pytest.mark.parametrize(
    ("away", "back"), [(minimise, restore), (QWidget.hide, QWidget.show)], ids=["minimised", "in the tray"]
)
def test_a_window_nobody_sees_draws_nothing_and_all_of_it_when_it_is_back(
    qtbot: QtBot,
    qapp: QApplication,
    session: Session,
    away: Callable[[QWidget], None],
    back: Callable[[QWidget], None],
) -> None:
    session.services.navigator.open("hardware")
    page = session.window.page
    assert isinstance(page, HardwarePage)
    send(session, 10.0, 0.0)
    qtbot.waitUntil(lambda: not page._pacer.waiting, timeout=PATIENCE_MS)
    card = page.gpu_card("GPU-3")
    assert card is not None
    assert card.utilisation.value == "13 %"

    away(session.window)
    qtbot.waitUntil(lambda: not page._exposure.seen, timeout=PATIENCE_MS)
    qapp.sendPostedEvents()
    counter = PaintCounter(MetricTile, StatusStrip)
    qapp.installEventFilter(counter)
    for second in range(1, 6):
        send(session, 20.0 + second, float(second))
        assert page._pacer.waiting == 0
        qapp.processEvents()
    assert counter.count == 0
    assert card.utilisation.value == "13 %"
    assert "CPU 10 %" in session.window.strip.line()

    back(session.window)
    qtbot.waitUntil(lambda: page._exposure.seen, timeout=PATIENCE_MS)
    assert card.utilisation.value == "28 %"
    assert "CPU 25 %" in session.window.strip.line()
    qtbot.waitUntil(lambda: counter.count > 0, timeout=PATIENCE_MS)
    qapp.removeEventFilter(counter)


def test_another_page_draws_no_hardware(qtbot: QtBot, qapp: QApplication, session: Session) -> None:
    session.services.navigator.open("hardware")
    page = session.window.page
    assert isinstance(page, HardwarePage)
    send(session, 10.0, 0.0)
    qtbot.waitUntil(lambda: not page._pacer.waiting, timeout=PATIENCE_MS)
    session.services.navigator.open("settings")
    counter = PaintCounter(MetricTile)
    qapp.installEventFilter(counter)
    for second in range(1, 4):
        send(session, 50.0, float(second))
        qapp.processEvents()
    qapp.removeEventFilter(counter)
    assert (counter.count, page._pacer.waiting) == (0, 0)


def test_a_plot_in_a_minimised_window_waits_until_it_is_back(qtbot: QtBot, session: Session) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    plot = TimePlot(session.services.theme, tr("Loss"), [("train", tr("Training"), "series_train")], parent=window)
    plot.resize(600, 240)
    window.resize(600, 240)
    window.show()
    qtbot.waitExposed(window)
    qtbot.waitUntil(lambda: not plot._range.waiting, timeout=PATIENCE_MS)
    minimise(window)
    qtbot.waitUntil(lambda: not plot._exposure.seen, timeout=PATIENCE_MS)
    plot.set_series("train", [0.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    assert not plot._range.waiting
    assert plot.points_drawn("train") == 0
    restore(window)
    qtbot.waitUntil(lambda: plot.points_drawn("train") == 3, timeout=PATIENCE_MS)
