"""*Share*: writes an environment down as a file from which another computer builds the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QWidget

from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Environment, Form
from aienv_gui.gui import environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import ask_for_folder, ask_where_to_save

_WORDS: Final = {
    Form.REQUIREMENTS: tr("List for pip, uv and AIEnv (requirements.txt)"),
    Form.ENVIRONMENT: tr("List for conda and AIEnv (environment.yml)"),
    Form.PYLOCK: tr("Exact lock for pip and uv (pylock.toml)"),
    Form.EXPLICIT: tr("Exact lock for conda (explicit list)"),
    Form.CONDA_LOCK: tr("Exact lock for conda-lock, mamba and AIEnv (conda-lock.yml)"),
    Form.KIT: tr("Offline kit: a folder with the lock and every file"),
}


class ShareButton(Button):
    """Offers in a menu the files that suit the environment. `written` and `failed` say how it went, and with which."""

    written = Signal(object, object)  # the environment's prefix, where the file is
    failed = Signal(object, object)  # the environment's prefix, Problem

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Share"), icon="external", parent=parent)
        self.hint(tr("Writes its packages into a file from which another computer builds the same environment."))
        self._services = services
        self._environment: Environment | None = None
        self._looking: Job | None = None
        self._exports: dict[Job, Path] = {}
        self.forms: tuple[Form, ...] = ()
        self.clicked.connect(self._offer)

    def show_environment(self, environment: Environment | None) -> None:
        """Look up, in the background, what this environment can be shared as."""
        known = self._environment is not None and environment is not None
        if known and self._environment == environment:
            return
        self._environment, self.forms = environment, ()
        self.setEnabled(False)
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if environment is not None and environment.packages:
            self._looking = self._services.jobs.start(tr("Look up"), environment_work.forms_of, environment, quiet=True)
            self._looking.succeeded.connect(self._on_forms)

    @Slot(object)
    def _on_forms(self, forms: tuple[Form, ...]) -> None:
        if self.sender() is self._looking:
            self._looking = None
            self.forms = forms
            self.setEnabled(True)

    @Slot()
    def _offer(self) -> None:
        environment = self._environment
        if environment is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for form in self.forms:
            action = menu.addAction(str(_WORDS[form]))
            action.triggered.connect(partial(self._ask_where, environment, form))
        if Form.KIT not in self.forms:
            menu.addAction(str(tr("Offline kit (of environments that AIEnv built)"))).setEnabled(False)
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _ask_where(self, environment: Environment, form: Form) -> None:
        use = partial(self._save, environment, form)  # which may not be shown any more
        if form is Form.KIT:
            ask_for_folder(self, tr("Choose the folder for the kit"), use)
        else:
            ask_where_to_save(self, tr("Save as"), use, name=form.value)

    def save(self, form: Form, file: str) -> None:
        """Write the environment that is shown to `file` (a kit: as a new folder in it), in the background."""
        if self._environment is not None:
            self._save(self._environment, form, file)

    def _save(self, environment: Environment, form: Form, file: str) -> None:
        start, folders = self._services.jobs.start, self._services.folders
        if form is Form.KIT:  # long: it shows among the activities
            settings = environment_work.SourceSettings.of(self._services.settings)
            title = tr("Offline kit of {name}", name=environment.name)
            job = start(title, environment_work.write_kit, environment, Path(file), settings, folders)
        else:
            title = tr("Share {name}", name=environment.name)
            job = start(title, environment_work.export, environment, form, Path(file), folders, quiet=True)
        self._exports[job] = environment.prefix
        job.succeeded.connect(self._on_written)
        job.failed.connect(self._on_failed)
        job.cancelled.connect(self._on_cancelled)

    @Slot()
    def _on_cancelled(self) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        self._exports.pop(job, None)

    @Slot(object)
    def _on_written(self, file: object) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        self.written.emit(self._exports.pop(job), file)

    @Slot(object)
    def _on_failed(self, problem: object) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        self.failed.emit(self._exports.pop(job), problem)
