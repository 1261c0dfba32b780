"""The real window with the real services: navigation, language, theme, geometry, closing, names for screen readers."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QTabBar,
    QTableView,
    QTreeView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.errors import Problem
from aienv_gui.core.settings import SettingsStore
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import JobState, Reporter
from aienv_gui.core.wording import tr, verbatim
from aienv_gui.gui.main_window import PLACES
from aienv_gui.gui.pages.activity import ActivityPage, JobCard
from aienv_gui.gui.pages.settings import SettingsPage
from aienv_gui.gui.pages.settings_parts.sources_section import SourcesCard
from aienv_gui.gui.widgets.confirm import Question
from tests.fakes.session import open_session

_NAMES = [place.name for place in PLACES]


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    with open_session(qtbot, folders, look=False) as made:
        made.services.theme.set_mode("light")
        yield made


def _sayings(root: QWidget) -> dict[tuple[int, str], str]:
    """Every sentence the user can read or hear on `root` and what is in it."""
    found: dict[tuple[int, str], str] = {}
    for widget in [root, *root.findChildren(QWidget)]:
        if isinstance(widget.parent(), QTabBar):  # Qt's own scroll buttons, said by Qt's own translations
            continue
        parts = {
            "toolTip": widget.toolTip(),
            "name": widget.accessibleName(),
            "description": widget.accessibleDescription(),
        }
        if isinstance(widget, QLabel | QAbstractButton):
            parts["text"] = widget.text()
        elif isinstance(widget, QLineEdit | QPlainTextEdit):
            parts["placeholder"] = widget.placeholderText()
        elif isinstance(widget, QComboBox):
            parts |= {f"item {i}": widget.itemText(i) for i in range(widget.count())}
        elif isinstance(widget, QTabBar):
            parts |= {f"tab {i}": widget.tabText(i) for i in range(widget.count())}
        elif isinstance(widget, QTableView | QTreeView) and (model := widget.model()) is not None:
            horizontal = Qt.Orientation.Horizontal
            parts |= {f"column {i}": str(model.headerData(i, horizontal) or "") for i in range(model.columnCount())}
        found |= {(id(widget), kind): text for kind, text in parts.items() if text}
    return found


def _unnamed(root: QWidget) -> list[str]:
    """Widgets that take the keyboard and say nothing to a screen reader."""
    silent = []
    for widget in root.findChildren(QWidget):
        if widget.focusPolicy() == Qt.FocusPolicy.NoFocus or isinstance(widget, QScrollArea):
            continue
        if isinstance(widget, QLabel) and not widget.isVisible():  # nothing said yet
            continue
        if widget.objectName().startswith("qt_"):  # the inner parts of Qt's own widgets
            continue
        if isinstance(widget.parent(), QComboBox) or isinstance(widget.parentWidget().parent(), QComboBox):
            continue
        text = widget.text() if isinstance(widget, QAbstractButton | QLabel) else ""
        if not (text or widget.accessibleName()):
            silent.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    return silent


@pytest.mark.parametrize("number", range(1, len(_NAMES) + 1))
def test_every_page_opens_by_its_shortcut_and_has_a_title(qtbot: QtBot, session: Session, number: int) -> None:
    window = session.window
    QTest.keyClick(window, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier)
    assert window.page.name == _NAMES[number - 1]
    assert window.page.isVisible()
    assert window.page.accessibleName()
    checked = [
        b.objectName() for b in window.findChildren(QPushButton) if b.property("kind") == "navigation" and b.isChecked()
    ]
    assert checked == [_NAMES[number - 1]]
    assert session.services.presenter.last is None


def test_the_navigation_is_reached_and_used_by_keyboard(qtbot: QtBot, session: Session) -> None:
    buttons = [b for b in session.window.findChildren(QPushButton) if b.property("kind") == "navigation"]

    def stops() -> list[QPushButton]:
        return [button for button in buttons if button.focusPolicy() & Qt.FocusPolicy.TabFocus]

    assert stops() == [buttons[0]]  # one for all of them, as with radio buttons: the place that is shown
    buttons[0].setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(buttons[0], Qt.Key.Key_Down)
    assert buttons[1].hasFocus()
    QTest.keyClick(buttons[1], Qt.Key.Key_Space)
    assert session.window.page.name == _NAMES[1]
    session.services.navigator.open("hardware")
    assert stops() == [buttons[4]]


def test_the_first_tab_goes_into_the_page(session: Session) -> None:
    QTest.keyClick(session.window.page, Qt.Key.Key_Tab)
    focused = QApplication.focusWidget()
    assert focused is not None
    assert session.window.page.isAncestorOf(focused)


def test_a_page_without_a_field_is_scrolled_by_keyboard(session: Session) -> None:
    session.window.resize(900, 620)
    session.services.navigator.open("settings")
    page = session.window.page
    bar = page.scroll_area.verticalScrollBar()
    assert bar.maximum() > 0
    page.setFocus()
    for key, place in ((Qt.Key.Key_End, bar.maximum()), (Qt.Key.Key_Home, 0), (Qt.Key.Key_PageDown, bar.pageStep())):
        QTest.keyClick(page, key)
        assert bar.value() == min(place, bar.maximum())


@pytest.mark.parametrize("name", _NAMES)
def test_whatever_takes_the_keyboard_has_a_name(session: Session, name: str) -> None:
    session.services.navigator.open(name)
    assert _unnamed(session.window) == []


@pytest.mark.parametrize("name", _NAMES)
def test_no_english_is_left_after_a_switch_to_chinese(session: Session, name: str) -> None:
    session.services.navigator.open(name)
    english = _sayings(session.window)
    session.services.language.use("zh_CN")
    chinese = _sayings(session.window)
    home = str(session.services.folders.config.parent)
    names = re.compile(
        rf"AIEnv|Python|GPU|CPU|RAM|English|简体中文|conda-forge|https?://\S+|{re.escape(home)}\S*|Ctrl\+\d"
    )
    left = {
        text
        for key, text in chinese.items()
        if english.get(key) == text and re.search("[A-Za-z]{3,}", names.sub("", text))
    }
    assert left == set()
    assert any(re.search("[\u4e00-\u9fff]", text) for text in chinese.values())
    session.services.language.use("en")
    assert _sayings(session.window) == english


@pytest.mark.parametrize("name", ["home", "environments", "train", "hardware", "activity", "settings"])
def test_a_page_fits_in_a_small_window_in_both_languages(session: Session, name: str) -> None:
    session.window.resize(1024, 700)
    session.services.navigator.open(name)
    for code in ("en", "zh_CN"):
        session.services.language.use(code)
        QApplication.sendPostedEvents()
        assert session.window.page.scroll_area.horizontalScrollBar().maximum() == 0


def test_choosing_a_language_and_a_theme_works_at_once_and_is_kept(qtbot: QtBot, session: Session) -> None:
    session.services.navigator.open("settings")
    page = session.window.page
    assert isinstance(page, SettingsPage)
    page.language.choose("zh_CN")
    page.language.activated.emit(page.language.currentIndex())
    assert page.title.text() == "设置"
    page.theme.choose("dark")
    page.theme.activated.emit(page.theme.currentIndex())
    assert session.services.theme.dark
    kept = SettingsStore(session.services.folders)
    assert (kept.get("language"), kept.get("theme")) == ("zh_CN", "dark")


def test_package_sources_are_checked_before_they_are_kept(qtbot: QtBot, session: Session) -> None:
    session.services.navigator.open("settings")
    card = session.window.page.findChild(SourcesCard)
    assert isinstance(card, SourcesCard)
    field = card._fields["index_url"]
    assert not card.save.isEnabled()
    QTest.keyClicks(field, "example.org")
    assert not card.save.isEnabled()
    shown = [
        label.text() for label in card.findChildren(QLabel) if label.property("role") == "bad" and label.isVisible()
    ]
    assert shown == ["example.org is not an address. It should look like https://example.org/simple."]
    card.undo.click()
    assert card.values()["index_url"] == ""
    QTest.keyClicks(field, "https://mirror.example/simple")
    channels = card._fields["channels"]
    assert isinstance(channels, QPlainTextEdit)
    channels.setPlainText("nvidia\n\n conda-forge \n")
    card.save.click()
    qtbot.waitUntil(lambda: card._state.text().startswith("Saved"))
    kept = SettingsStore(session.services.folders)
    assert kept.get("index_url") == "https://mirror.example/simple"
    assert kept.get("channels") == ["nvidia", "conda-forge"]
    assert not card.save.isEnabled()


def test_the_window_comes_back_where_it_was(qtbot: QtBot, folders: Folders) -> None:
    with open_session(qtbot, folders, look=False) as first:
        first.window.resize(900, 640)
        first.window.close()
    with open_session(qtbot, folders, look=False) as second:
        assert (second.window.width(), second.window.height()) == (900, 640)


def test_a_damaged_geometry_is_no_obstacle(qtbot: QtBot, folders: Folders) -> None:
    SettingsStore(folders).set("window_geometry", "это не геометрия")
    with open_session(qtbot, folders, look=False) as session:
        assert session.window.width() >= 900 - 1 or session.window.isVisible()


def _until(go: threading.Event, reporter: Reporter) -> None:
    while not go.wait(0.005):
        reporter.checkpoint()


def _question(session: Session) -> Question:
    question = session.window.findChild(Question)
    assert isinstance(question, Question)
    return question


def _button(question: Question, text: str) -> QPushButton:
    return next(button for button in question.findChildren(QPushButton) if button.text() == text)


def test_closing_asks_what_to_do_with_a_build_and_keeps_open(qtbot: QtBot, session: Session) -> None:
    go = threading.Event()
    job = session.services.jobs.start(verbatim("Build vision"), _until, go)
    session.window.close()
    assert session.window.isVisible()
    question = _question(session)
    assert any("Build vision" in label.text() for label in question.findChildren(QLabel))
    _button(question, "Keep open").click()
    assert session.window.isVisible()
    with qtbot.waitSignal(job.finished):
        go.set()
    assert job.state is JobState.SUCCEEDED


def test_closing_can_cancel_a_build(qtbot: QtBot, session: Session) -> None:
    job = session.services.jobs.start(verbatim("Build vision"), _until, threading.Event())
    session.window.close()
    with qtbot.waitSignal(job.cancelled):
        _button(_question(session), "Cancel and close").click()
    qtbot.waitUntil(lambda: not session.window.isVisible())


def test_closing_leaves_a_training_alone_and_says_so(qtbot: QtBot, session: Session) -> None:
    stopped = threading.Event()
    session.services.jobs.start(verbatim("Train digits"), _until, threading.Event(), on_cancel=stopped.set)
    session.window.close()
    question = _question(session)
    assert any("goes on without the window" in label.text() for label in question.findChildren(QLabel))
    _button(question, "Close").click()
    qtbot.waitUntil(lambda: not session.window.isVisible())
    assert not stopped.is_set()


def test_activity_counts_shows_and_forgets(qtbot: QtBot, session: Session) -> None:
    jobs = session.services.jobs
    session.services.navigator.open("activity")
    page = session.window.page
    assert isinstance(page, ActivityPage)
    assert page.primary is not None
    button = next(b for b in session.window.findChildren(QPushButton) if b.objectName() == "activity")
    go = threading.Event()

    def fail(reporter: Reporter) -> None:
        reporter.log("before the end")
        go.wait(10)
        raise Problem(tr("The disk is full."))

    job = jobs.start(verbatim("Build vision"), fail)
    other = jobs.start(verbatim("Build sound"), _until, threading.Event())
    assert button.accessibleName() == "Activity: 2 running"
    assert not page.primary.isEnabled()
    with qtbot.waitSignal(job.finished):
        go.set()
    assert button.accessibleName() == "Activity: 1 running"
    card = next(card for card in page.findChildren(JobCard) if card.job is job)
    assert "The disk is full." in [label.text() for label in card.findChildren(QLabel) if label.isVisible()]
    fold = next(b for b in card.findChildren(QPushButton) if b.accessibleName() == "Log of Build vision")
    fold.click()
    assert "before the end" in [view.toPlainText() for view in card.findChildren(QPlainTextEdit)]
    page.primary.click()
    assert jobs.visible == [other]
    cancel = next(b for b in page.findChildren(QPushButton) if b.accessibleName() == "Cancel: Build sound")
    with qtbot.waitSignal(other.cancelled):
        cancel.click()
    assert button.accessibleName() == "Activity"


def test_a_page_that_cannot_be_made_is_said_and_the_page_before_stays(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of a page")

    monkeypatch.setattr("aienv_gui.gui.pages.activity.ActivityPage.__init__", broken)
    session.services.navigator.open("activity")
    assert session.window.page.name == "home"
    assert session.services.presenter.last is not None
    assert "of a page" in session.services.presenter.last.details
    assert session.services.presenter._dialog is not None
    session.services.presenter._dialog.accept()


def test_the_keyboard_stays_on_a_page_where_its_button_goes(session: Session, qtbot: QtBot) -> None:
    """Qt would hand it to the next widget in line, at a page's end to the navigation: Enter would then go there."""
    session.services.navigator.open("settings")
    page = session.window.page
    last = page.findChildren(QPushButton)[-1]
    for go_away in (last.hide, lambda: last.setEnabled(False)):
        last.show()
        last.setEnabled(True)
        last.setFocus()
        assert last.hasFocus()
        go_away()
        assert page.hasFocus()
    qtbot.keyClick(page, Qt.Key.Key_Tab)
    focused = QApplication.focusWidget()
    assert focused is not None
    assert page.isAncestorOf(focused)


@pytest.mark.parametrize("name", _NAMES)
def test_no_words_are_cut_in_a_small_window(session: Session, name: str) -> None:
    session.window.resize(900, 620)
    session.services.navigator.open(name)
    for code in ("en", "zh_CN"):
        session.services.language.use(code)
        QApplication.sendPostedEvents()
        labels = [label for label in session.window.findChildren(QLabel) if label.isVisible() and label.wordWrap()]
        cut = [label.text() for label in labels if label.height() < label.heightForWidth(label.width())]
        assert not cut


@pytest.mark.parametrize("width", [900, 1280])
def test_fields_of_the_settings_are_whole(session: Session, width: int) -> None:
    session.window.resize(width, 820)
    session.services.navigator.open("settings")
    QApplication.sendPostedEvents()
    card = session.window.page.findChild(SourcesCard)
    assert card is not None
    fields = card.findChildren(QPlainTextEdit)
    assert len(fields) == 3
    assert all(field.parentWidget().rect().contains(field.geometry()) for field in fields)
