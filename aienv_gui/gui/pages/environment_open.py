"""*Open in*: JupyterLab, an editor or a terminal, each found or explained."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, shortened, tr
from aienv_gui.environments.launchers.programs import Editor
from aienv_gui.environments.records import Environment
from aienv_gui.gui import environment_work
from aienv_gui.gui.environment_work import Opener, Openers
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import ask_for_folder

if TYPE_CHECKING:
    from aienv_gui.environments.launchers.opening import Opened


@dataclass(slots=True)
class _Server:
    """A JupyterLab under way: the folder it shows, and its address once it answers."""

    prefix: Path
    root: Path
    address: str = ""


class OpenInButton(Button):
    """Offers in a menu what the environment can be opened in; looked up at each click, in the background.

    `told` says what happened, `failed` why nothing did; both name the environment by its prefix.
    """

    told = Signal(object, object)  # the environment's prefix, Text
    failed = Signal(object, object)  # the environment's prefix, Problem

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Open in"), icon="external", parent=parent)
        self.hint(tr("Opens it in JupyterLab, VS Code, PyCharm or a terminal."))
        self._services = services
        self._environment: Environment | None = None
        self._looking: Job | None = None
        self._jobs: dict[Job, Environment] = {}
        self._servers: dict[Job, _Server] = {}
        self._copied: set[Job] = set()  # whose interpreter's path goes to the clipboard
        self._processes: list[subprocess.Popen[bytes]] = []
        self._last_folder = Path.home()
        self.menu_shown: QMenu | None = None
        self.clicked.connect(self._look)

    def show_environment(self, environment: Environment | None) -> None:
        """The environment that is to be opened; a broken one is not."""
        before, self._environment = self._environment, environment
        if self._looking is not None and (environment is None or before is None or before.prefix != environment.prefix):
            self._looking.cancel()  # its answer would be offered for another environment
            self._looking = None
        self.setEnabled(environment is not None and environment.broken is None)

    @Slot()
    def _look(self) -> None:
        environment = self._environment
        if environment is not None and self._looking is None:
            others = self._services.environments.items
            self._looking = self._services.jobs.start(
                tr("Look up"), environment_work.openers, environment, others, quiet=True
            )
            self._looking.succeeded.connect(self._on_looked)
            self._looking.failed.connect(self._on_not_looked)

    @Slot(object)
    def _on_looked(self, found: Openers) -> None:
        if self.sender() is self._looking:
            self._looking = None
            if self._environment is not None:
                self._offer(self._environment, found)

    @Slot(object)
    def _on_not_looked(self, problem: Problem) -> None:
        if self.sender() is self._looking and self._environment is not None:
            self._looking = None
            self.failed.emit(self._environment.prefix, problem)

    def _offer(self, environment: Environment, found: Openers) -> None:
        """Offer what was found; all of it is for this environment, also where another is shown by then."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        prefix, jupyter = environment.prefix, partial(self.start_jupyter, environment)
        self._add(menu, prefix, tr("JupyterLab"), found.jupyter, partial(jupyter, Path.home()))
        if found.jupyter.problem is None:
            self._add(menu, prefix, tr("JupyterLab in a folder..."), found.jupyter, partial(self._ask, jupyter))
        menu.addSeparator()
        for editor, opener in found.editors:
            use = partial(self.start_editor, environment, editor)
            self._add(menu, prefix, tr("{program}...", program=editor.value), opener, partial(self._ask, use))
        menu.addSeparator()
        self._add(menu, prefix, tr("Terminal"), found.terminal, partial(self.start_terminal, environment))
        self.menu_shown = menu
        menu.destroyed.connect(self._on_menu_gone)
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _add(self, menu: QMenu, prefix: Path, text: Text, opener: Opener, use: Callable[[], None]) -> None:
        if opener.problem is None:
            action = menu.addAction(str(text))
            action.setToolTip(opener.place)
            action.triggered.connect(use)
        else:
            action = menu.addAction(str(tr("{name} (why not?)", name=str(text).rstrip("."))))
            action.setToolTip(str(opener.problem.title))
            action.triggered.connect(partial(self._explain, prefix, opener.problem))

    def _explain(self, prefix: Path, problem: Problem) -> None:
        self.failed.emit(prefix, problem)

    @Slot()
    def _on_menu_gone(self) -> None:
        self.menu_shown = None

    def _ask(self, use: Callable[[Path], None]) -> None:
        """Ask for the folder to open, and use it."""
        chosen = partial(self._on_folder, use)
        ask_for_folder(self, tr("Choose the folder to open"), chosen, start=self._last_folder)

    def _on_folder(self, use: Callable[[Path], None], folder: str) -> None:
        self._last_folder = Path(folder)
        use(self._last_folder)

    # What it starts

    def start_jupyter(self, environment: Environment, root: Path) -> None:
        """Run JupyterLab with the files of `root`, or show the one that runs already."""
        for running in self._servers.values():
            if (running.prefix, running.root) == (environment.prefix, root):
                if running.address:
                    self._show(running)
                return
        title = tr("JupyterLab for {name}", name=shortened(environment.name))
        others, folders = self._services.environments.items, self._services.folders
        job = self._services.jobs.start(title, environment_work.serve_jupyter, environment, others, root, folders)
        self._follow(job, environment)
        self._servers[job] = _Server(environment.prefix, root)
        job.partial.connect(self._on_address)
        self.told.emit(environment.prefix, tr("JupyterLab is being started; the page Activity shows it."))

    def start_editor(self, environment: Environment, editor: Editor, folder: Path) -> None:
        """Open `folder` in an editor."""
        job = self._services.jobs.start(
            tr("Open {program}", program=editor.value),
            environment_work.open_in_editor,
            editor,
            environment,
            folder,
            self._services.folders,
            quiet=True,
        )
        self._follow(job, environment)
        if editor is Editor.PYCHARM:
            self._copied.add(job)
        job.succeeded.connect(self._on_opened)

    def start_terminal(self, environment: Environment) -> None:
        """Open a terminal in which the environment is active."""
        folders = self._services.folders
        job = self._services.jobs.start(
            tr("Open a terminal"), environment_work.open_terminal, environment, folders, quiet=True
        )
        self._follow(job, environment)
        job.succeeded.connect(self._on_opened)

    def _follow(self, job: Job, environment: Environment) -> None:
        self._jobs[job] = environment
        job.failed.connect(self._on_failed)
        job.finished.connect(self._on_finished)

    @Slot(object)
    def _on_address(self, result: object) -> None:
        from aienv_gui.environments.launchers.jupyter import Address

        job = self.sender()
        assert isinstance(job, Job)
        if isinstance(result, Address):
            self._servers[job].address = result.url
            self._show(self._servers[job])

    def _show(self, running: _Server) -> None:
        if self._services.presenter.open_address(running.address):
            words = tr("JupyterLab runs and is open in your browser. To end it, cancel it on the page Activity.")
        else:
            QGuiApplication.clipboard().setText(running.address)
            words = tr(
                "JupyterLab runs. Its address is copied: paste it into a browser. To end it, cancel it on the page "
                "Activity."
            )
        self.told.emit(running.prefix, words)

    @Slot(object)
    def _on_opened(self, opened: Opened) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        # A process that nobody keeps is not told of its end; those that have ended go.
        self._processes = [process for process in (*self._processes, opened.process) if process.poll() is None]
        environment = self._jobs[job]
        if job in self._copied:
            QGuiApplication.clipboard().setText(str(environment.python))
        self.told.emit(environment.prefix, opened.text)

    @Slot(object)
    def _on_failed(self, problem: object) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        self.failed.emit(self._jobs[job].prefix, problem)

    @Slot()
    def _on_finished(self) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        environment = self._jobs.pop(job)
        self._copied.discard(job)
        if self._servers.pop(job, None) is not None and job.problem is None:
            self.told.emit(environment.prefix, tr("JupyterLab has ended."))
