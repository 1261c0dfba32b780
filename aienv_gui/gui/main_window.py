"""The window: navigation, one page at a time, the strip with the hardware at the bottom."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QIcon, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import resource
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr, tr_count, verbatim
from aienv_gui.gui.services import Services
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.alarm_list import AlarmBanner
from aienv_gui.gui.widgets.confirm import Question
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.widgets.status_strip import StatusStrip
from aienv_gui.gui.words import say

_NAVIGATION_WIDTH: Final = 184
_STOPPING_MS: Final = 20_000  # a job that does not stop must not keep the window open for ever


# Pages are imported after the first picture of the window: plots and tables would make the start slower for everyone.
def _home(services: Services, parent: QWidget) -> Page:
    from aienv_gui.gui.pages.home import HomePage

    return HomePage(services, parent)


def _environments(services: Services, parent: QWidget) -> Page:
    from aienv_gui.gui.pages.environments import EnvironmentsPage

    return EnvironmentsPage(services, parent)


def _train(services: Services, parent: QWidget) -> Page:
    from aienv_gui.gui.pages.train import TrainPage

    return TrainPage(services, parent)


def _models(services: Services, parent: QWidget) -> Page:
    from aienv_gui.gui.pages.models import ModelsPage

    return ModelsPage(services, parent)


def _hardware(services: Services, parent: QWidget) -> Page:
    from aienv_gui.gui.pages.hardware import HardwarePage

    return HardwarePage(services, parent)


def _activity(services: Services, parent: QWidget) -> Page:
    from aienv_gui.gui.pages.activity import ActivityPage

    return ActivityPage(services, parent)


def _settings(services: Services, parent: QWidget) -> Page:
    from aienv_gui.gui.pages.settings import SettingsPage

    return SettingsPage(services, parent)


def import_pages(reporter: Reporter) -> None:
    """Import what is shown later, so that nothing waits for it when first opened. For a job's thread."""
    for place in PLACES:
        reporter.checkpoint()
        importlib.import_module(f"aienv_gui.gui.pages.{place.name}")
    importlib.import_module("aienv_gui.gui.desktop")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    name: str
    title: Text
    icon: str
    make: Callable[[Services, QWidget], Page]


PLACES: Final = (
    Place("home", tr("Home"), "home", _home),
    Place("environments", tr("Environments"), "environments", _environments),
    Place("train", tr("Train"), "train", _train),
    Place("models", tr("Models"), "models", _models),
    Place("hardware", tr("Hardware"), "hardware", _hardware),
    Place("activity", tr("Activity"), "activity", _activity),
    Place("settings", tr("Settings"), "settings", _settings),
)
_BELOW: Final = "activity"  # this place and the ones after it stand at the bottom


class NavigationButton(QPushButton):
    """A place in the navigation; `set_count` shows a number at its end."""

    def __init__(self, place: Place, number: int, parent: QWidget) -> None:
        super().__init__(parent)
        self._place = place
        self.setProperty("kind", "navigation")
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setIconSize(QSize(20, 20))
        self.setMinimumHeight(40)
        self._count = QLabel(self)
        self._count.setProperty("role", "count")
        self._count.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._count.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 8, 0)
        row.addStretch(1)
        row.addWidget(self._count)
        say(self, "setText", place.title)
        say(self, "setToolTip", tr("{page} (Ctrl+{number})", page=place.title, number=number))
        say(self, "setAccessibleName", place.title)
        self.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    def set_count(self, count: int) -> None:
        self._count.setText(str(count))
        self._count.setVisible(count > 0)
        title = self._place.title
        if count:
            title = tr_count("{page}: {count} running", "{page}: {count} running", count, page=title)
        say(self, "setAccessibleName", title)

    @Slot(bool)
    def _on_toggled(self, checked: bool) -> None:
        show_icon(self, self._place.icon, "accent" if checked else "muted")
        # A click leaves the keyboard where it was. Tab comes to the place that is shown; arrows lead to the others.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if checked else Qt.FocusPolicy.NoFocus)


class MainWindow(QMainWindow):
    """Made once. Pages are made when first opened and live as long as the window."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._pages: dict[str, Page] = {}
        self._buttons: dict[str, NavigationButton] = {}
        self._closing = False
        self._question: Question | None = None
        self.setWindowTitle("AIEnv")
        self.setWindowIcon(QIcon(str(resource("icons/aienv.svg"))))
        self.setMinimumSize(900, 620)
        central = QWidget(self)
        outer = QVBoxLayout(central)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        outer.addLayout(middle, 1)
        self._stack = QStackedWidget(central)
        middle.addWidget(self._make_navigation(central))
        middle.addWidget(self._stack, 1)
        self.alarm_banner = AlarmBanner(services)
        outer.addWidget(self.alarm_banner)
        self.strip = StatusStrip(services)
        outer.addWidget(self.strip)
        self.setCentralWidget(central)
        services.presenter.set_window(self)
        services.navigator.requested.connect(self.open_page)
        services.jobs.added.connect(self._on_jobs_changed)
        services.jobs.changed.connect(self._on_jobs_changed)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Quit), self, self.close)
        QShortcut(QKeySequence("Ctrl+Shift+M"), self, services.navigator.compact_view_asked.emit)
        self._restore_geometry()
        self.open_page("home", None)
        self.page.setFocus()  # so that the first Tab goes into the page

    @property
    def page(self) -> Page:
        """The page that is shown."""
        page = self._stack.currentWidget()
        assert isinstance(page, Page)
        return page

    @Slot(str, object)
    def open_page(self, name: str, argument: object) -> None:
        """Show a page, made now if it was never opened. Where it cannot be made, a bug is shown and nothing changes."""
        if self._pages and name == self.page.name:
            self.page.shown(argument)
            self._buttons[name].setChecked(True)
            return
        place = next(place for place in PLACES if place.name == name)
        if name not in self._pages:
            try:
                page = place.make(self._services, self._stack)
            except Exception as error:
                if not self._pages:
                    raise
                self._buttons[self.page.name].setChecked(True)
                self._services.presenter.show(error, self)
                return
            self._pages[name] = page
            self._stack.addWidget(page)
        if self._stack.currentWidget() is not self._pages[name] and len(self._pages) > 1:
            self.page.hidden()
        self._stack.setCurrentWidget(self._pages[name])
        self._buttons[name].setChecked(True)
        self.page.shown(argument)

    @Slot()
    def come_forward(self) -> None:
        """Show the window before all others, also from the task bar."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._closing and self._services.jobs.running():
            event.ignore()
            self._ask_before_closing()
            return
        self._services.presenter.set_window(None)
        self._store_geometry()
        self.page.hidden()
        event.accept()

    # Navigation

    def _make_navigation(self, parent: QWidget) -> QWidget:
        navigation = QFrame(parent)
        navigation.setObjectName("navigation")
        navigation.setFixedWidth(_NAVIGATION_WIDTH)
        say(navigation, "setAccessibleName", tr("Pages"))
        column = QVBoxLayout(navigation)
        column.setContentsMargins(8, 12, 8, 8)
        column.setSpacing(2)
        head = QHBoxLayout()
        head.setContentsMargins(10, 4, 0, 12)
        head.setSpacing(8)
        logo = QLabel(navigation)
        logo.setPixmap(QIcon(str(resource("icons/aienv.svg"))).pixmap(24, 24))
        name = QLabel("AIEnv", navigation)
        name.setProperty("role", "section")
        head.addWidget(logo)
        head.addWidget(name, 1)
        column.addLayout(head)
        group = QButtonGroup(self)
        for number, place in enumerate(PLACES, start=1):
            if place.name == _BELOW:
                column.addStretch(1)
            button = NavigationButton(place, number, navigation)
            button.setObjectName(place.name)
            button.clicked.connect(self._on_navigation)
            group.addButton(button)
            self._buttons[place.name] = button
            column.addWidget(button)
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            shortcut.setObjectName(place.name)
            shortcut.activated.connect(self._on_navigation)
        return navigation

    @Slot()
    def _on_navigation(self) -> None:
        self.open_page(self.sender().objectName(), None)

    @Slot()
    def _on_jobs_changed(self) -> None:
        self._buttons["activity"].set_count(len(self._services.jobs.running()))
        if self._closing:
            QTimer.singleShot(0, self._close_when_quiet)

    # Closing

    def _ask_before_closing(self) -> None:
        if self._question is not None:
            return
        jobs = self._services.jobs.running()
        lost = [job for job in jobs if not job.survives]
        kept = len(jobs) - len(lost)
        goes_on = tr_count(
            "A training goes on without the window and is shown again at the next start.",
            "{count} trainings go on without the window and are shown again at the next start.",
            kept,
        )
        if lost:
            stops = tr_count(
                "This is still running and will be cancelled: {jobs}. Nothing is left half done.",
                "These are still running and will be cancelled: {jobs}. Nothing is left half done.",
                len(lost),
                jobs=_listed([job.title for job in lost]),
            )
            text = tr("{first} {second}", first=stops, second=goes_on) if kept else stops
            question = Question(self, tr("Cancel what is running?"), text, tr("Keep open"))
            question.add_answer(tr("Cancel and close"), "danger", self._close_now)
        else:
            question = Question(self, tr("Close the window?"), goes_on, tr("Keep open"))
            question.add_answer(tr("Close"), "primary", self._close_now)
        self._question = question
        question.finished.connect(self._on_answered)
        question.open()

    @Slot()
    def _on_answered(self) -> None:
        self._question = None

    def _close_now(self) -> None:
        self._closing = True
        for job in self._services.jobs.running():
            job.leave()
        self.setEnabled(False)
        say(self, "setWindowTitle", tr("AIEnv: stopping..."))
        QTimer.singleShot(0, self._close_when_quiet)
        QTimer.singleShot(_STOPPING_MS, self.close)

    @Slot()
    def _close_when_quiet(self) -> None:
        if self._closing and not self._services.jobs.running():
            self.close()

    # Geometry

    def _restore_geometry(self) -> None:
        stored = self._services.settings.get("window_geometry")
        if not (stored and self.restoreGeometry(QByteArray.fromBase64(stored.encode("ascii", "ignore")))):
            available = self.screen().availableSize()
            self.resize(min(1280, available.width()), min(820, available.height()))

    def _store_geometry(self) -> None:
        try:
            self._services.settings.set("window_geometry", bytes(self.saveGeometry().toBase64().data()).decode("ascii"))
        except Problem as problem:  # a full disk must not keep the window from closing
            self._services.presenter.note(problem)


def _listed(titles: list[Text]) -> Text:
    shown = titles[:3]
    if len(titles) > len(shown):
        return tr("{first} and {count} more", first=_listed(shown), count=len(titles) - len(shown))
    return shown[0] if len(shown) == 1 else verbatim(" · ".join(str(title) for title in shown))
