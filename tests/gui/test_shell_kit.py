"""The kit: theme, icons, problems, questions, logs, job rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.core.errors import Action, Cancelled, Problem
from aienv_gui.core.storage import Folders, resource
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr, verbatim
from aienv_gui.gui.jobs import Jobs
from aienv_gui.gui.presenter import Presenter
from aienv_gui.gui.services import Navigator
from aienv_gui.gui.theme import Theme, palette_of, show_icon
from aienv_gui.gui.widgets.badge import STATES, StateBadge
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.choice import Choice
from aienv_gui.gui.widgets.choice_card import ChoiceCard
from aienv_gui.gui.widgets.confirm import confirm
from aienv_gui.gui.widgets.empty_state import EmptyState
from aienv_gui.gui.widgets.job_row import JobRow
from aienv_gui.gui.widgets.log_view import LogView
from aienv_gui.gui.widgets.problem_view import ProblemPanel
from aienv_gui.gui.words import Language


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = Theme()
    made.set_mode("light")
    yield made
    made.set_mode("light")
    made.deleteLater()


@pytest.fixture
def presenter(qapp: QApplication, tmp_path: Path) -> Iterator[Presenter]:
    navigator = Navigator()
    made = Presenter(Folders.under(tmp_path), navigator)
    yield made
    made.deleteLater()


def _inks(label: QLabel) -> set[str]:
    image = label.pixmap().toImage()
    points = ((x, y) for x in range(image.width()) for y in range(image.height()))
    return {image.pixelColor(x, y).name() for x, y in points if image.pixelColor(x, y).alpha() == 255}


class _Counting(QLabel):
    """Counts how often the style tells it that it has changed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("words", parent)
        self.told = 0

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self.told += event.type() == QEvent.Type.StyleChange


def test_a_switch_of_the_theme_costs_what_lies_deep_no_more_than_the_rest(qtbot: QtBot, theme: Theme) -> None:
    outer = within = QWidget()
    qtbot.addWidget(outer)
    for _ in range(20):
        within = QWidget(within)
    label = _Counting(within)
    outer.show()
    label.told = 0
    theme.set_mode("dark")
    assert 0 < label.told <= 4  # once for each widget around it would be half a second for a page
    assert label.palette().color(label.foregroundRole()) == QColor(palette_of("dark")["text"])


def test_the_theme_switches_live_and_says_so(qtbot: QtBot, theme: Theme, qapp: QApplication) -> None:
    assert not theme.dark
    assert theme.color("window") == QColor(palette_of("light")["window"])
    with qtbot.waitSignal(theme.changed):
        theme.set_mode("dark")
    assert theme.dark
    assert qapp.palette().window().color() == QColor(palette_of("dark")["window"])
    assert palette_of("dark")["surface"] in qapp.styleSheet()
    assert "$" not in qapp.styleSheet()
    with qtbot.assertNotEmitted(theme.changed):
        theme.set_mode("dark")
    with pytest.raises(ValueError, match="purple"):
        theme.set_mode("purple")


def test_the_system_is_followed_until_the_user_chooses(
    qtbot: QtBot, theme: Theme, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = qapp.styleHints().colorSchemeChanged
    theme.set_mode("system")
    monkeypatch.setattr(theme, "_system_is_dark", lambda: True)
    changed.emit(Qt.ColorScheme.Dark)
    assert theme.dark
    theme.set_mode("light")
    changed.emit(Qt.ColorScheme.Dark)
    assert not theme.dark
    theme.set_mode("system")
    assert theme.dark
    monkeypatch.setattr(theme, "_system_is_dark", lambda: False)
    changed.emit(Qt.ColorScheme.Light)
    assert not theme.dark


def test_every_role_of_the_kit_exists_in_both_themes() -> None:
    roles = (
        "window surface raised border text muted accent on_accent good warn bad grid series_train series_validation "
        "series_gpu series_memory series_cpu series_disk series_network"
    )
    for name in ("light", "dark"):
        assert set(roles.split()) <= palette_of(name).keys()


def test_icons_take_the_texts_colour_and_follow_the_theme(qtbot: QtBot, theme: Theme) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    label.setProperty("icon_size", 48)
    show_icon(label, "stop", "bad", "setPixmap")
    assert palette_of("light")["bad"] in _inks(label)
    theme.set_mode("dark")
    assert palette_of("dark")["bad"] in _inks(label)


@pytest.mark.parametrize("file", sorted(path.name for path in resource("icons").glob("*.svg")))
def test_every_icon_draws_something(theme: Theme, file: str) -> None:
    image = theme.icon(Path(file).stem).pixmap(24, 24).toImage()
    drawn = sum(image.pixelColor(x, y).alpha() > 100 for x in range(image.width()) for y in range(image.height()))
    assert drawn > 10
    if file != "aienv.svg":
        assert "currentColor" in resource(f"icons/{file}").read_text(encoding="utf-8")


def test_tabular_figures_and_a_chinese_font_are_asked_for(theme: Theme, qapp: QApplication) -> None:
    assert "Noto Sans CJK SC" in qapp.font().families()
    assert [tag.toString() for tag in qapp.font().featureTags()] == [b"tnum"]


def test_a_badge_has_a_word_and_an_icon(qtbot: QtBot, theme: Theme) -> None:
    badge = StateBadge()
    qtbot.addWidget(badge)
    for state in STATES:
        badge.set_state(state, tr("Running"))
        assert (badge.state, badge.text(), badge.accessibleName()) == (state, "Running", "Running")
        assert not badge.findChildren(QLabel)[0].pixmap().isNull()


def test_a_problem_says_what_why_and_what_to_do(qtbot: QtBot, theme: Theme, presenter: Presenter) -> None:
    panel = ProblemPanel(presenter)
    qtbot.addWidget(panel)
    retry = Action("retry", tr("Open"))
    problem = Problem(
        tr("The disk is full."), cure=tr("Update AIEnv."), actions=(retry,), details="line\nhttp://a:b@c/"
    )
    panel.show_problem(problem)
    shown = [label.text() for label in panel.findChildren(QLabel) if not label.isHidden() and label.text()]
    assert shown == ["The disk is full.", "Update AIEnv."]
    buttons = {button.text(): button for button in panel.findChildren(QPushButton)}
    with qtbot.waitSignal(panel.action) as caught:
        buttons["Open"].click()
    assert caught.args == [retry]
    assert panel.findChild(LogView).isHidden()
    buttons["Details"].click()
    assert not panel.findChild(LogView).isHidden()
    buttons["Copy report"].click()
    report = QGuiApplication.clipboard().text()
    assert "Problem: The disk is full." in report
    assert "http://<credentials>@c/" in report
    Language().use("zh_CN")
    assert "磁盘已满。" in [label.text() for label in panel.findChildren(QLabel)]
    panel.clear()
    assert panel.isHidden()
    assert panel.problem is None


def test_actions_that_work_anywhere_are_carried_out(qtbot: QtBot, presenter: Presenter, theme: Theme) -> None:
    panel = ProblemPanel(presenter)
    qtbot.addWidget(panel)
    action = Action("open_page", tr("Hardware"), "hardware")
    panel.show_problem(Problem(tr("The disk is full."), actions=(action,)))
    button = next(button for button in panel.findChildren(QPushButton) if button.text() == "Hardware")
    with qtbot.waitSignal(presenter._navigator.requested) as caught, qtbot.assertNotEmitted(panel.action):
        button.click()
    assert caught.args == ["hardware", None]


def test_the_presenter_shows_one_dialog_and_no_storm(qtbot: QtBot, presenter: Presenter, theme: Theme) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    presenter.set_window(window)
    presenter.show(Cancelled())
    assert presenter._dialog is None
    presenter.show(ValueError("a bug"))
    first = presenter._dialog
    assert first is not None
    assert first.isVisible()
    presenter.show(ValueError("another"))
    assert presenter._dialog is first
    assert presenter.last is not None
    assert "another" in presenter.last.details
    first.accept()
    assert presenter._dialog is None


def test_a_dialog_offers_only_what_it_can_do(qtbot: QtBot, presenter: Presenter, theme: Theme) -> None:
    actions = (Action("retry", tr("Open")), Action("open_page", tr("Hardware"), "hardware"))
    presenter.show(Problem(tr("The disk is full."), actions=actions))
    dialog = presenter._dialog
    assert dialog is not None
    buttons = {button.text(): button for button in dialog.findChildren(QPushButton)}
    assert "Open" not in buttons
    with qtbot.waitSignal(presenter._navigator.requested):
        buttons["Hardware"].click()
    assert presenter._dialog is None


@pytest.mark.parametrize("agree", [True, False])
def test_a_question_blocks_nothing_and_does_only_what_was_agreed(qtbot: QtBot, theme: Theme, agree: bool) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    done: list[str] = []
    question = confirm(
        window,
        tr("Close the window?"),
        tr("Update AIEnv."),
        tr("Close"),
        danger=True,
        on_yes=lambda: done.append("yes"),
    )
    assert question.isVisible()
    assert question.no.hasFocus() or not question.isActiveWindow()
    buttons = {button.text(): button for button in question.findChildren(QPushButton)}
    (buttons["Close"] if agree else buttons["Cancel"]).click()
    assert done == (["yes"] if agree else [])


def test_a_log_gathers_lines_and_follows_its_end(qtbot: QtBot, theme: Theme) -> None:
    view = LogView()
    qtbot.addWidget(view)
    view.resize(300, 120)
    view.show()
    for number in range(200):
        view.append_line(f"line {number}\n")
    assert view.toPlainText() == ""
    qtbot.waitUntil(lambda: view.toPlainText().endswith("line 199"))
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    view.append_line("more")
    view.flush()
    assert bar.value() == 0
    assert view.toPlainText().count("\n") == 200


def test_a_choice_changes_by_the_user_only(qtbot: QtBot, theme: Theme) -> None:
    choice = Choice(tr("Theme"), [("light", tr("Light")), ("dark", tr("Dark"))])
    qtbot.addWidget(choice)
    choice.show()
    with qtbot.assertNotEmitted(choice.chosen):
        choice.choose("dark")
    assert choice.currentText() == "Dark"
    choice.clearFocus()
    position = QPointF(choice.rect().center())
    wheel = QWheelEvent(
        position, choice.mapToGlobal(position), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(choice, wheel)
    assert choice.currentText() == "Dark"
    with qtbot.waitSignal(choice.chosen) as caught:
        QTest.keyClick(choice, Qt.Key.Key_Up)
    assert caught.args == ["light"]
    Language().use("zh_CN")
    assert choice.currentText() == "浅色"


def test_a_job_row_follows_its_job(qtbot: QtBot, theme: Theme) -> None:
    jobs = Jobs()
    go = threading.Event()

    def work(reporter: Reporter) -> None:
        reporter.status(tr("Look for models"))
        reporter.progress(1, 4)
        while not go.wait(0.005):
            reporter.checkpoint()
        raise Problem(tr("The disk is full."))

    job = jobs.start(verbatim("A job"), work)
    row = JobRow(None, job)  # type: ignore[arg-type]  # a row alone needs no services
    qtbot.addWidget(row)
    row.show()
    qtbot.waitUntil(lambda: row.bar.value() == 250)
    texts = {label.text() for label in row.findChildren(QLabel)}
    assert {"A job", "Running", "Look for models"} <= texts
    assert row.cancel.isVisible()
    with qtbot.waitSignal(job.finished):
        go.set()
    assert not row.cancel.isVisible()
    assert not row.bar.isVisible()
    assert {"Failed", "The disk is full."} <= {label.text() for label in row.findChildren(QLabel)}
    jobs.shut_down()


@pytest.mark.parametrize("width", [420, 800])
def test_an_empty_page_says_all_of_what_it_is_for(qtbot: QtBot, theme: Theme, width: int) -> None:
    state = EmptyState(verbatim("What this page is for, and what to do first. " * 5), tr("Open"), icon="models")
    qtbot.addWidget(state)
    state.resize(width, 600)
    state.show()
    label = next(label for label in state.findChildren(QLabel) if label.text())
    assert label.height() >= label.heightForWidth(label.width())
    assert label.width() > 240
    with qtbot.waitSignal(state.clicked):
        state.findChildren(QPushButton)[0].click()


def test_a_button_has_its_name_and_its_hint(qtbot: QtBot, theme: Theme) -> None:
    button = Button(tr("Close"), kind="primary", icon="close")
    qtbot.addWidget(button)
    button.hint(tr("Update AIEnv."))
    assert (button.text(), button.toolTip(), button.accessibleDescription()) == (
        "Close",
        "Update AIEnv.",
        "Update AIEnv.",
    )
    Language().use("zh_CN")
    assert button.text() == "关闭"


def test_many_answers_to_a_problem_wrap_and_do_not_widen_the_page(
    qtbot: QtBot, theme: Theme, presenter: Presenter
) -> None:
    panel = ProblemPanel(presenter)
    qtbot.addWidget(panel)
    actions = tuple(
        Action(f"answer{number}", verbatim(f"A rather long answer, number {number}")) for number in range(6)
    )
    panel.show_problem(Problem(tr("The disk is full."), actions=actions, details="line"))
    assert panel.minimumSizeHint().width() < 500
    panel.resize(600, panel.heightForWidth(600))
    buttons = [button for button in panel.findChildren(QPushButton) if not button.isHidden()]
    panel.layout().activate()
    assert len({button.y() for button in buttons}) > 1
    assert all(button.geometry().right() <= 600 and button.geometry().bottom() <= panel.height() for button in buttons)
    assert next(b.text() for b in sorted(buttons, key=lambda b: (b.y(), b.x()))).endswith("number 0")
    assert buttons[0].width() >= buttons[0].sizeHint().width()


def test_enter_presses_the_button_that_has_the_keyboard(qtbot: QtBot, theme: Theme) -> None:
    button = Button(tr("Close"))
    qtbot.addWidget(button)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
        with qtbot.waitSignal(button.clicked, timeout=1000):
            qtbot.keyClick(button, key)


def test_a_narrow_card_shows_its_whole_sentence(qtbot: QtBot) -> None:
    row = QWidget()
    qtbot.addWidget(row)
    cards = [ChoiceCard(tr("conda packages"), verbatim(words), parent=row) for words in ("Short.", "Long words. " * 9)]
    layout = QHBoxLayout(row)
    for card in cards:
        layout.addWidget(card, 1)
    row.resize(500, 100)
    row.show()
    qtbot.waitExposed(row)
    row.resize(500, row.heightForWidth(500))
    QApplication.sendPostedEvents()
    for label in row.findChildren(QLabel):
        assert label.height() >= label.heightForWidth(label.width())
