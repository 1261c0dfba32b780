"""The icon's bars and pace, the tray's menu, and the compact view with its place, keys and manners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.gui.compact_view import CompactView, within
from aienv_gui.gui.desktop import Desktop
from aienv_gui.gui.load_icon import EDGES, LEVELS, bars_of, load_icon
from aienv_gui.gui.load_rows import line_of, rows_of
from aienv_gui.gui.tray import LoadPacer, Tray
from aienv_gui.hardware.readings import DriverState, Value
from aienv_gui.training.records import Recipe, Run, RunState
from tests.fakes.session import open_session
from tests.fakes.snapshots import ABSENT, gpu, snapshot

PATIENCE_MS = 20_000
FOLDER = Path("/runs/digits")


@pytest.fixture
def session(qtbot: QtBot, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    with open_session(qtbot, folders, look=False) as made:
        made.services.theme.set_mode("light")
        made.open_desktop()
        yield made


def desktop(session: Session) -> Desktop:
    assert session.desktop is not None
    return session.desktop


def run(**changes: Any) -> Run:
    training = Run(
        FOLDER,
        Recipe("digits & co", Path("/data"), "balanced", "small", {}),
        RunState.TRAINING,
        step=420,
        total_steps=1000,
        seconds_left=(500.0, 700.0),
    )
    return replace(training, **changes)


def train(session: Session, training: Run) -> None:
    runs = session.services.runs
    runs._latest[training.folder] = training
    runs._followers[training.folder] = None  # type: ignore[assignment]  # its job is not asked for anything here


def load(percent: float) -> Value:
    return Value(percent)


# The icon


def test_bars_are_the_cards_or_the_cpu() -> None:
    one, two = gpu(0, utilisation_percent=load(75)), gpu(1, utilisation_percent=load(1))
    assert bars_of(snapshot(one, two)) == (("gpu", 6), ("gpu", 0))
    assert bars_of(snapshot(one, gpu(1, lost=True))) == (("gpu", 6), ("lost", LEVELS))
    assert bars_of(snapshot(cpu_percent=50.0)) == (("cpu", 4),)
    assert bars_of(snapshot(gpu(0, utilisation_percent=ABSENT), cpu_percent=50.0)) == (("cpu", 4),)
    assert bars_of(snapshot(*(gpu(n, utilisation_percent=load(100 * (n % 2))) for n in range(8)))) == (("gpu", 4),)


@pytest.mark.parametrize("edge", EDGES)
def test_a_fuller_bar_is_a_higher_one_at_every_size(qapp: QApplication, edge: int) -> None:
    def coloured(level: int) -> int:
        image = load_icon((("gpu", level),)).pixmap(edge, edge).toImage()
        assert (image.width(), image.height()) == (edge, edge)
        green = QColor("#58cd92").rgb()
        return sum(image.pixel(x, y) == green for x in range(edge) for y in range(edge))

    counts = [coloured(level) for level in range(LEVELS + 1)]
    assert counts == sorted(set(counts))  # each higher than the one before


def test_the_icon_is_painted_when_it_differs_and_not_more_often_than_every_two_seconds() -> None:
    pacer = LoadPacer()

    def wants(second: float, percent: float) -> bool:
        look = snapshot(gpu(utilisation_percent=load(percent)), moment=second)
        return pacer.wants(look) is not None

    assert wants(0, 50)
    assert not wants(1, 90)
    assert wants(2, 90)
    assert not wants(3, 90)
    assert not wants(9, 91)  # the same bar
    assert wants(10, 50)


# The rows


def test_rows_leave_out_what_is_missing_and_sum_up_many_cards() -> None:
    rows = rows_of(snapshot(gpu(0, temperature_celsius=ABSENT), gpu(1, lost=True)), [run()])
    assert [(row.name, row.numbers) for row in rows] == [
        ("GPU 0", "50 %"),
        ("GPU 1", "lost"),
        ("CPU", "25 %"),
        ("RAM", "8/32 GB"),
        ("digits & co", "42 %"),
    ]
    assert rows[-1].note == "about 12 minutes left"
    assert rows[0].bars == ((0.5, "series_gpu"), (0.5, "series_memory"))
    assert rows[1].bars == ()
    many = rows_of(snapshot(*(gpu(n, temperature_celsius=load(50 + n)) for n in range(8))))
    assert (many[0].name, many[0].numbers) == ("8 GPUs", "50 %  up to 57 °C")
    assert line_of(many) == "8 GPUs 50 %  up to 57 °C | CPU 25 % | RAM 8/32 GB"


# The menu


def test_the_menu_shows_the_trainings_and_opens_them(qtbot: QtBot, session: Session) -> None:
    menu = desktop(session).menu
    assert not any(action.isVisible() for action in menu.run_actions)
    train(session, run())
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.run_actions if action.isVisible()] == ["digits && co: 42 % done"]
    session.window.showMinimized()
    with qtbot.waitSignal(session.services.navigator.requested) as asked:
        menu.run_actions[0].trigger()
    assert asked.args == ["train", FOLDER]
    assert not session.window.isMinimized()
    train(session, run(state=RunState.PAUSED))
    menu.aboutToShow.emit()
    assert menu.run_actions[0].text() == "digits && co: paused"


def test_quit_asks_as_closing_does(session: Session) -> None:
    desktop(session).menu.quit_action.trigger()
    assert not session.window.isVisible()


def test_without_a_tray_there_is_none_and_the_settings_say_so(session: Session) -> None:
    assert not QSystemTrayIcon.isSystemTrayAvailable()  # offscreen
    assert desktop(session).tray is None
    desktop(session).follow_settings()
    assert desktop(session).tray is None


@pytest.mark.qt_log_ignore("systemTrayWindowChanged")  # offscreen has no tray to follow
def test_the_icon_follows_the_load_and_goes_with_the_setting(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
    desktop(session).follow_settings()
    tray = desktop(session).tray
    assert isinstance(tray, Tray)
    before = tray._icon.icon().cacheKey()
    session.services.hardware._on_sampled(snapshot(gpu(utilisation_percent=load(90))))
    assert tray._icon.icon().cacheKey() != before
    assert tray._icon.toolTip() == "GPU 90 %  60 °C | CPU 25 % | RAM 8/32 GB"
    tray._icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    assert session.window.isMinimized()
    tray._icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    assert not session.window.isMinimized()
    session.services.settings.set("tray_icon", False)
    session.services.navigator.tray_asked.emit()
    assert desktop(session).tray is None


# The compact view


def compact(session: Session) -> CompactView:
    desktop(session).show_compact(True)
    view = desktop(session).compact
    assert view is not None
    return view


def test_a_window_is_brought_onto_a_screen() -> None:
    left, right = QRect(0, 0, 1000, 800), QRect(1000, 0, 800, 600)
    assert within(QRect(100, 100, 232, 200), [left, right]) == QPoint(100, 100)
    assert within(QRect(900, 700, 232, 200), [left, right]) == QPoint(768, 600)
    assert within(QRect(1700, 500, 232, 200), [left, right]) == QPoint(1568, 400)
    assert within(QRect(5000, 5000, 232, 200), [left, right]) == QPoint(768, 600)  # that screen is gone
    assert within(QRect(-5000, 10, 232, 2000), [left]) == QPoint(0, 0)  # higher than the screen: its top is seen


def test_the_shortcut_shows_it_and_hides_it_and_the_menu_knows(qtbot: QtBot, session: Session) -> None:
    QTest.keyClick(
        session.window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    view = desktop(session).compact
    assert view is not None
    assert view.isVisible()
    assert desktop(session).menu.compact_action.isChecked()
    session.services.navigator.compact_view_asked.emit()
    assert not view.isVisible()
    assert not desktop(session).menu.compact_action.isChecked()
    desktop(session).menu.compact_action.trigger()
    assert view.isVisible()
    view.close_button.click()
    assert not view.isVisible()


def test_it_stays_above_the_others_and_goes_on_while_the_window_is_minimised(session: Session) -> None:
    view = compact(session)
    flags = view.windowFlags()
    assert flags & Qt.WindowType.WindowStaysOnTopHint
    assert flags & Qt.WindowType.FramelessWindowHint
    session.window.showMinimized()
    session.services.hardware._on_sampled(snapshot(gpu(utilisation_percent=load(90))))
    assert view.isVisible()
    assert view.rows[0].numbers == "90 %  60 °C"
    assert view.accessibleDescription().startswith("GPU 90 %")


def test_it_does_nothing_while_it_is_hidden(session: Session) -> None:
    view = compact(session)
    session.services.hardware._on_sampled(snapshot(gpu(utilisation_percent=load(90))))
    view.close()
    before = view.rows
    session.services.hardware._on_sampled(snapshot(gpu(utilisation_percent=load(10))))
    assert view.rows is before
    compact(session)  # and is up to date when it comes back
    assert view.rows[0].numbers.startswith("10 %")


def test_it_grows_with_what_it_shows_and_speaks_the_language(session: Session) -> None:
    view = compact(session)
    session.services.hardware._on_sampled(snapshot(state=DriverState.NO_GPU))
    small = view.height()
    train(session, run())
    session.services.hardware._on_sampled(snapshot(gpu(0), gpu(1), moment=1))
    assert view.height() > small
    assert view.rows[-1].note == "about 12 minutes left"
    session.services.language.use("zh_CN")
    assert view.rows[-1].note == "剩余时间：约 12 分钟"
    assert view.accessibleName() == "迷你视图"


def test_it_remembers_its_place_on_the_screen(qtbot: QtBot, session: Session) -> None:
    screen = QGuiApplication.primaryScreen().availableGeometry()
    view = compact(session)
    view.move(100, 120)
    qtbot.waitUntil(lambda: session.services.settings.get("compact_view_place") == [100, 120], timeout=PATIENCE_MS)
    QTest.keyClick(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_Up)
    view.close()  # at once: the place is kept all the same
    assert session.services.settings.get("compact_view_place") == [116, 104]
    session.services.settings.set("compact_view_place", [screen.right() + 5000, 50])
    assert screen.contains(compact(session).geometry())
    compact(session).close()


def test_it_is_dragged_by_the_mouse(session: Session) -> None:
    view = compact(session)
    view.move(100, 100)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 10))
    QTest.mouseMove(view, QPoint(90, 40))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 10))
    assert view.pos() == QPoint(140, 130)
    QTest.mouseMove(view, QPoint(10, 10))
    assert view.pos() == QPoint(140, 130)
    view.close()


def test_a_double_click_and_enter_open_the_window(session: Session) -> None:
    view = compact(session)
    session.window.showMinimized()
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    assert not session.window.isMinimized()
    session.window.showMinimized()
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert not session.window.isMinimized()
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not view.isVisible()


def test_it_does_not_keep_the_program_open(session: Session) -> None:
    assert not compact(session).testAttribute(Qt.WidgetAttribute.WA_QuitOnClose)
