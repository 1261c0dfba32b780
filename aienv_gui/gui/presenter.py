"""The one who shows problems: a dialog for the unexpected, the report for both. Pages show the expected inline."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Action, Cancelled, Problem, unexpected
from aienv_gui.core.report import make_report
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.gui.services import Navigator
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.problem_view import ProblemPanel
from aienv_gui.gui.words import say

_DIALOG_WIDTH = 600  # pixels

_log = logging.getLogger(__name__)


class Presenter(QObject):
    """Lives in the GUI thread; `show` may be called there only (`crash_hooks` brings errors of other threads here)."""

    anywhere = frozenset(
        {"open_folder", "open_address", "open_page", "open_settings", "show_log"}
    )  # what `carry_out` can do

    def __init__(self, folders: Folders, navigator: Navigator, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folders = folders
        self._navigator = navigator
        self._dialog: QDialog | None = None
        self._window: QWidget | None = None
        self.last: Problem | None = None

    def set_window(self, window: QWidget | None) -> None:
        """The window that dialogs belong to where `show` is given none."""
        self._window = window

    def show(self, problem: BaseException, parent: QWidget | None = None) -> None:
        """Show a problem in a dialog that blocks nothing.

        A second one while the first is open is only logged: no storm of windows. Any other exception is a bug
        and shown as one; `Cancelled` is silent.
        """
        if isinstance(problem, Cancelled):
            return
        shown = problem if isinstance(problem, Problem) else unexpected(problem)
        _log.info("shown: %s\n%s", shown, shown.details)
        self.last = shown
        if self._dialog is None:
            self._dialog = _ProblemDialog(self, shown, parent or self._window)
            self._dialog.finished.connect(self._on_closed)
            self._dialog.open()

    def note(self, problem: Problem) -> None:
        """Only log a problem: there is no one left to show it to."""
        _log.warning("%s", problem)

    def report(self, problem: Problem) -> str:
        """What to send to the developers: versions, the problem, the last log lines; nothing private."""
        return make_report(problem)

    def carry_out(self, action: Action) -> bool:
        """Do what can be done from anywhere: open a folder, a page, the settings, the log. False for anything else."""
        if action.name == "open_folder":
            self.open_folder(action.argument)
        elif action.name == "open_address":
            self.open_address(action.argument)
        elif action.name == "open_page":
            self._navigator.open(action.argument)
        elif action.name == "open_settings":
            self._navigator.open("settings", action.argument or None)
        elif action.name == "show_log":
            if action.argument:
                self.open_folder(action.argument)
            else:
                self._navigator.open("activity")
        else:
            return False
        return True

    def open_folder(self, folder: object) -> None:
        """Show a folder (or a file) in the system's file manager."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self.show(
                Problem(
                    tr("The folder could not be shown."),
                    cause=tr("No file manager of this computer opens {path}.", path=folder),
                    cure=tr("Open it by hand; it may have been moved or deleted meanwhile."),
                    code="no_file_manager",
                )
            )

    def open_address(self, address: str) -> bool:
        """Show an address in the browser; whether there is one. It is never said or logged: it may hold a secret."""
        opened = QDesktopServices.openUrl(QUrl(address))
        if not opened:
            self.show(
                Problem(
                    tr("The browser could not be opened."),
                    cause=tr("This computer has no program that opens addresses of the web."),
                    cure=tr("Install a browser, or choose the default one in the system's settings; then try again."),
                    code="no_browser",
                )
            )
        return opened

    @Slot()
    def _on_closed(self) -> None:
        self._dialog = None


class _ProblemDialog(QDialog):
    def __init__(self, presenter: Presenter, problem: Problem, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        say(self, "setWindowTitle", tr("A problem"))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        self.panel = ProblemPanel(presenter, self, only_anywhere=True)
        self.panel.carried_out.connect(self.accept)
        self.panel.show_problem(problem)
        column.addWidget(self.panel)
        row = QHBoxLayout()
        row.addStretch(1)
        close = Button(tr("Close"), kind="primary", parent=self)
        close.clicked.connect(self.accept)
        row.addWidget(close)
        column.addLayout(row)
        close.setFocus()
        self.resize(_DIALOG_WIDTH, self.heightForWidth(_DIALOG_WIDTH))  # the labels wrap: their height depends on it
