"""Start-up: settings, language, services, window. The only place that knows everyone."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from aienv_gui.core.about import version
from aienv_gui.core.errors import Problem
from aienv_gui.core.report import start_log, stop_log
from aienv_gui.core.settings import SettingsStore
from aienv_gui.core.storage import Folders, home_problem, resource
from aienv_gui.core.wording import tr
from aienv_gui.gui.alarms import AlarmWatch
from aienv_gui.gui.crash_hooks import CrashHooks, TerminalSignals
from aienv_gui.gui.environment_list import EnvironmentList
from aienv_gui.gui.garbage import GarbageCollector
from aienv_gui.gui.hardware_feed import HardwareFeed
from aienv_gui.gui.jobs import Jobs
from aienv_gui.gui.main_window import MainWindow, import_pages
from aienv_gui.gui.presenter import Presenter
from aienv_gui.gui.readiness_watch import ReadinessWatch
from aienv_gui.gui.run_list import RunList
from aienv_gui.gui.services import Navigator, Services
from aienv_gui.gui.single_instance import SingleInstance
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import Language

if TYPE_CHECKING:
    from aienv_gui.gui.desktop import Desktop

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    tour: Path | None = None


class Session(QObject):
    """Everything that lives as long as the program, made in order and ended in the reverse order by `end`.

    The services begin to look at the machine once the window is painted, unless `look` is false.
    """

    def __init__(self, application: QApplication, folders: Folders, *, look: bool = True) -> None:
        super().__init__(application)
        self._garbage = GarbageCollector(self)
        settings = SettingsStore(folders)
        language = Language(self)
        language.follow(settings.get("language"))
        theme = Theme(self)
        theme.set_mode(settings.get("theme"))
        jobs = Jobs(self)
        navigator = Navigator(self)
        presenter = Presenter(folders, navigator, self)
        hardware = HardwareFeed(self, data_folder=folders.data, day_file=folders.day_file)
        runs = RunList(jobs, folders, hardware, self)
        self.services = Services(
            folders=folders,
            settings=settings,
            language=language,
            theme=theme,
            jobs=jobs,
            presenter=presenter,
            navigator=navigator,
            hardware=hardware,
            environments=EnvironmentList(jobs, folders, self),
            runs=runs,
            alarms=AlarmWatch(settings, hardware, runs, self),
            readiness=ReadinessWatch(jobs, hardware, self),
        )
        self.window = MainWindow(self.services)
        self.desktop: Desktop | None = None  # when the pages have been imported
        self._begun = not look
        self._ended = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._begin)
        if look:
            self.window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The looks at the machine begin when the window is there: they share the processor with its first picture.
        if watched is self.window and event.type() == QEvent.Type.Paint and not self._begun:
            self._begun = True
            self._soon.start(0)
        return False

    @Slot()
    def _begin(self) -> None:
        self.window.removeEventFilter(self)
        self.services.hardware.start()
        self.services.environments.refresh()
        self.services.runs.refresh()
        imports = self.services.jobs.start(tr("Prepare the pages"), import_pages, quiet=True)
        imports.succeeded.connect(self.open_desktop)
        # One dialog: settings that cannot be read are the least of it where nothing can be written.
        problem = home_problem(self.services.folders) or self.services.settings.problem
        if problem is not None:
            self.services.presenter.show(problem, self.window)

    @Slot()
    def open_desktop(self) -> None:
        """Make what stands beside the window; its modules are imported by now, in a job's thread."""
        if self._ended:
            return
        from aienv_gui.gui.desktop import Desktop

        self.desktop = Desktop(self.services, self.window, self)
        self._garbage.spare_what_is_there()

    def end(self) -> bool:
        """Stop every thread. Blocks until the last one has ended; False where one did not in time."""
        self._ended = True
        self._soon.stop()
        if self.desktop is not None:
            self.desktop.close()
        quiet = self.services.hardware.stop()
        ended = self.services.jobs.shut_down() and quiet
        self.window.deleteLater()
        self._garbage.end()
        return ended


def _parse(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="aienv",
        description="Sets up, watches and uses an AI workstation: environments, hardware, training, models.",
    )
    parser.add_argument("--version", action="version", version=f"AIEnv {version()}")
    parser.add_argument(
        "--home", metavar="FOLDER", type=Path, help="keep settings, environments, trainings and models below FOLDER"
    )
    parser.add_argument(
        "--tour", metavar="FOLDER", type=Path, help="let AIEnv show all it does, with pictures and a report in FOLDER"
    )
    options = parser.parse_args(arguments)
    tour: Path | None = options.tour.expanduser().resolve() if options.tour is not None else None
    if options.home is None and tour is not None:
        options.home = tour / "home"  # what the tour builds and trains does not mix with the user's own
    if options.home is not None:
        # For `Folders.of_user`, here and in every child of ours.
        os.environ["AIENV_HOME"] = str(options.home.expanduser().resolve())
    if tour is not None and not _has_screen():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"  # the tour can be taken where there is no screen
    return Options(tour=tour)


def _has_screen() -> bool:
    """Whether Qt will find one; without, it would end the process with a core dump."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the application until its window closes; returns the exit code."""
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    folders = Folders.of_user()
    handlers = start_log(folders.logs)
    try:
        if not _has_screen():
            _log.error("There is no screen to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set.")
            return 1
        application = QApplication([sys.argv[0]])
        application.setApplicationName("AIEnv")
        application.setDesktopFileName("aienv")
        application.setWindowIcon(QIcon(str(resource("icons/aienv.svg"))))
        return _run(application, folders, options)
    finally:
        stop_log(handlers)


def _run(application: QApplication, folders: Folders, options: Options) -> int:
    single = SingleInstance(folders, application)
    if not single.claim():
        if single.answered and options.tour is not None:
            _log.error("Another AIEnv works in the tour's folder. Close it, or give the tour another folder.")
            return 1
        if single.answered:
            return 0
        problem = Problem(
            tr("AIEnv is open already but does not answer."),
            cause=tr("Another start holds its lock, and its window did not come forward within five seconds."),
            cure=tr("End it in the system's list of programs, or restart the computer, then start AIEnv again."),
            code="does_not_answer",
        )
        _log.error("%s", problem)
        if options.tour is None:
            _show_alone(problem, application, folders)
        return 1
    signals = TerminalSignals(application)
    session = Session(application, folders)
    hooks = CrashHooks(session.services.presenter, session)
    hooks.install()
    single.raise_requested.connect(session.window.come_forward)
    _log.info("AIEnv %s started", version())
    succeeded = True
    try:
        session.window.show()
        if options.tour is None:
            code = application.exec()
        else:
            from aienv_gui.gui.tour.tour import Tour  # only for those who ask for it

            tour = Tour(session.services, session.window, options.tour)
            tour.start()
            code = application.exec()
            succeeded = tour.succeeded  # not so where the window was closed, or the program ended from outside
    finally:
        ended = session.end()
        hooks.remove()
        signals.remove()
        single.release()
    if not ended:
        # A thread that still runs cannot be taken down in order: Qt would abort, and the system report a crash.
        logging.shutdown()
        os._exit(code if succeeded else 1)
    return code if succeeded else 1


def _show_alone(problem: Problem, application: QApplication, folders: Folders) -> None:
    """Show a problem where there is no window, and wait until the user has read it."""
    settings = SettingsStore(folders)
    Language(application).follow(settings.get("language"))
    Theme(application).set_mode(settings.get("theme"))
    Presenter(folders, Navigator(application), application).show(problem)
    application.exec()


if __name__ == "__main__":
    sys.exit(main())
