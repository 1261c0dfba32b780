"""Settings: where packages come from and the way there: four addresses, their test, proxy, certificates, offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from aienv_gui.core.errors import Problem
from aienv_gui.core.settings import SETTINGS, wrong_values
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.sources.mirrors import ADDRESSES, profile_of, profiles
from aienv_gui.environments.sources.reach import CONDA, PYPI, PYTHON, PYTORCH
from aienv_gui.gui import environment_work
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.pages.settings_parts.form import add_row, form_in
from aienv_gui.gui.pages.settings_parts.reach_rows import ReachList
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.choice import Choice
from aienv_gui.gui.widgets.file_dialog import ask_for_file, ask_for_folder
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

_OWN: Final = "own"  # the choice that stands for addresses of no known set
_TITLES: Final = {
    "index_url": tr("Python packages (package index)"),
    "torch_index_url": tr("PyTorch's builds"),
    "conda_mirror": tr("conda channels"),
    "python_mirror": tr("Python itself"),
}
_OFFICIAL: Final = {"index_url": PYPI, "torch_index_url": PYTORCH, "conda_mirror": CONDA, "python_mirror": PYTHON}


class SourcesCard(Card):
    """Where packages come from. Checked as a whole; nothing is kept before Save, and nothing wrong is ever kept.

    What must be looked up on a disk is looked up in a job when it is saved, not while it is typed.
    """

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Where packages come from"), parent)
        self._services = services
        self._saving: Job | None = None
        self._testing: Job | None = None
        self._saved_values: dict[str, Any] = {}
        self._fields: dict[str, QLineEdit | QPlainTextEdit | QCheckBox] = {}
        self._wrong: dict[str, Label] = {}
        self._found_wrong: dict[str, tuple[Any, Text]] = {}  # by a look at the disk: the value, and what is wrong
        self.body.addWidget(
            Label(
                tr(
                    "Choose a mirror near you where the official sources are slow, or enter your organisation's. "
                    "What is empty is the official source. pip's own configuration is read as well."
                ),
                role="muted",
                parent=self,
            )
        )
        form = form_in(self)
        self._add_profiles(form)
        for name in ADDRESSES:
            self._add(form, name, _TITLES[name], _OFFICIAL[name])
        self._add_test()
        form = form_in(self)
        self._add(form, "proxy", tr("Proxy"), "http://proxy.example.org:8080")
        self._add(form, "proxy_password", tr("The proxy's password"), "")
        self._add(form, "certificate", tr("Certificates (file)"), "", self._on_certificate)
        self._add(form, "extra_index_urls", tr("More indexes, one per line"), "")
        self._add(form, "find_links", tr("Folders or pages with packages, one per line"), "", self._on_folder)
        self._add(form, "channels", tr("Conda channels, best first, one per line"), "conda-forge")
        self._add(form, "offline", tr("Offline"), "")
        self._add_buttons()
        self._load()

    def _add_profiles(self, form: QFormLayout) -> None:
        options: list[tuple[object, Text]] = [(profile.id, profile.title) for profile in profiles()]
        options.append((_OWN, tr("Addresses of your own")))
        holder = QWidget(self)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.profile = Choice(tr("Mirrors"), options, holder)
        self.profile.chosen.connect(self._on_profile)
        self._lacking = Label(role="caption", parent=holder)
        column.addWidget(self.profile)
        column.addWidget(self._lacking)
        add_row(form, tr("Mirrors"), holder, buddy=self.profile)

    def _add_test(self) -> None:
        row = QHBoxLayout()
        self.test = Button(tr("Test these sources"), icon="refresh", parent=self)
        self.test.hint(tr("Goes to each of them and says how fast it is, or which step on the way fails."))
        self.test.clicked.connect(self._on_test)
        self.stop = Button(tr("Stop the test"), icon="stop", parent=self)
        self.stop.clicked.connect(self._on_stop)
        self.stop.hide()
        row.addWidget(self.test)
        row.addWidget(self.stop)
        self._untestable = Label(tr("There is nothing to test while working offline."), role="caption", parent=self)
        self._untestable.hide()
        row.addWidget(self._untestable, 1)
        row.addStretch(0)
        self.body.addLayout(row)
        self.found = ReachList(self)
        self.body.addWidget(self.found)

    def _add_buttons(self) -> None:
        row = QHBoxLayout()
        self.save = Button(tr("Save sources"), kind="primary", icon="save", parent=self)
        self.save.clicked.connect(self._on_save)
        self.undo = Button(tr("Undo changes"), parent=self)
        self.undo.clicked.connect(self._load)
        self._state = Label(role="muted", parent=self)
        row.addWidget(self.save)
        row.addWidget(self.undo)
        row.addWidget(self._state, 1)
        self.body.addLayout(row)

    def _add(
        self, form: QFormLayout, name: str, title: Text, example: str, choose: Callable[[], None] | None = None
    ) -> None:
        field = self._field(name, example)
        say(field, "setAccessibleName", title)
        say(field, "setToolTip", SETTINGS[name].help)
        self._fields[name] = field
        self._wrong[name] = Label(role="bad", parent=self)
        self._wrong[name].hide()
        holder = QWidget(self)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        line = QHBoxLayout()
        line.addWidget(field, 1)
        if choose is not None:
            button = Button(tr("Choose..."), parent=holder)
            say(button, "setAccessibleName", tr("Choose: {title}", title=title))
            button.clicked.connect(choose)
            line.addWidget(button)
        column.addLayout(line)
        if not SETTINGS[name].kept:
            column.addWidget(Label(SETTINGS[name].help, role="caption", parent=holder))
        column.addWidget(self._wrong[name])
        add_row(form, title, holder, buddy=field)

    def _field(self, name: str, example: str) -> QLineEdit | QPlainTextEdit | QCheckBox:
        default = SETTINGS[name].default
        if isinstance(default, bool):
            box = QCheckBox(self)
            say(box, "setText", SETTINGS[name].help)
            box.toggled.connect(self._on_edited)
            return box
        if isinstance(default, list):
            several = QPlainTextEdit(self)
            several.setTabChangesFocus(True)
            several.setFixedHeight(64)
            several.setPlaceholderText(example)
            several.textChanged.connect(self._on_edited)
            return several
        one = QLineEdit(self)
        one.setPlaceholderText(example)
        if not SETTINGS[name].kept:
            one.setEchoMode(QLineEdit.EchoMode.Password)
        one.textEdited.connect(self._on_edited)
        return one

    def values(self) -> dict[str, Any]:
        """What the fields hold now."""
        result: dict[str, Any] = {}
        for name, field in self._fields.items():
            if isinstance(field, QCheckBox):
                result[name] = field.isChecked()
            elif isinstance(field, QLineEdit):
                result[name] = field.text() if not SETTINGS[name].kept else field.text().strip()
            else:
                result[name] = [line.strip() for line in field.toPlainText().splitlines() if line.strip()]
        return result

    def put(self, values: Mapping[str, Any]) -> None:
        """Fill fields as if the user had."""
        for name, value in values.items():
            field = self._fields[name]
            field.blockSignals(True)
            if isinstance(field, QCheckBox):
                field.setChecked(value)
            elif isinstance(field, QLineEdit):
                field.setText(value)
            else:
                field.setPlainText("\n".join(value))
            field.blockSignals(False)
        self._on_edited()

    @Slot()
    def _load(self) -> None:
        self._state.say("")
        self._found_wrong = {}
        self.put({name: self._services.settings.get(name) for name in self._fields})

    @Slot()
    def _on_edited(self) -> None:
        values = self.values()
        changed = any(value != self._services.settings.get(name) for name, value in values.items())
        right = True
        for name, value in values.items():
            wrong = SETTINGS[name].check(value)
            if wrong is None and name in self._found_wrong and self._found_wrong[name][0] == value:
                wrong = self._found_wrong[name][1]
            self._wrong[name].setVisible(wrong is not None)
            if wrong is not None:
                right = False
                self._wrong[name].say(wrong)
        self._show_profile(values)
        idle = self._saving is None
        self.save.setEnabled(changed and right and idle)
        self.undo.setEnabled(changed and idle)
        self.test.setEnabled(right and not values["offline"] and self._testing is None)
        self._untestable.setVisible(values["offline"])
        if changed:
            self._state.say(tr("Not saved yet.") if right else tr("Mend what is marked, then save."))

    def _show_profile(self, values: Mapping[str, Any]) -> None:
        profile = profile_of(values)
        self.profile.choose(profile.id if profile is not None else _OWN)
        lacking = profile.lacking if profile is not None else ()
        self._lacking.setVisible(bool(lacking))
        if lacking:
            names = tr("{first} and {second}", first=_TITLES[lacking[0]], second=_TITLES[lacking[-1]])
            what = _TITLES[lacking[0]] if len(lacking) == 1 else names
            self._lacking.say(tr("It has no copy of these, so they stay with the official source: {what}.", what=what))

    @Slot(object)
    def _on_profile(self, identity: str) -> None:
        chosen = next((profile for profile in profiles() if profile.id == identity), None)
        if chosen is not None:
            self.put(chosen.addresses)
        else:
            first = self._fields[ADDRESSES[0]]
            first.setFocus()

    @Slot()
    def _on_save(self) -> None:
        self._saved_values = self.values()
        self._saving = self._services.jobs.start(tr("Check the sources"), _look, self._saved_values, quiet=True)
        self._saving.succeeded.connect(self._on_looked)
        self._saving.failed.connect(self._on_not_looked)
        self._saving.cancelled.connect(self._on_not_looked)
        self._state.say(tr("Looking at the folders and files..."))
        self.save.setEnabled(False)
        self.undo.setEnabled(False)

    @Slot(object)
    def _on_looked(self, wrong: Mapping[str, Text]) -> None:
        self._saving = None
        values = self._saved_values
        self._found_wrong = {name: (values[name], words) for name, words in wrong.items()}
        if not wrong:
            try:
                self._services.settings.set_all(values, looked=True)
            except Problem as problem:
                self._services.presenter.show(problem, self)
                self._on_edited()
                return
        self._on_edited()
        if not wrong and not self.save.isEnabled():
            self._state.say(tr("Saved. The next plan uses these sources."))

    @Slot()
    def _on_not_looked(self) -> None:
        self._saving = None
        self._on_edited()

    @Slot()
    def _on_test(self) -> None:
        settings = environment_work.SourceSettings.of_values(self.values())
        self.found.begin()
        self._testing = self._services.jobs.start(
            tr("Test the package sources"), environment_work.test_sources, settings, self._services.folders, quiet=True
        )
        self._testing.partial.connect(self.found.add)
        self._testing.failed.connect(self._on_test_failed)
        self._testing.finished.connect(self._on_tested)
        self.stop.show()
        self._on_edited()

    @Slot()
    def _on_stop(self) -> None:
        if self._testing is not None:
            self._testing.cancel()

    @Slot(object)
    def _on_test_failed(self, problem: Problem) -> None:
        self._services.presenter.show(problem, self)

    @Slot()
    def _on_tested(self) -> None:
        self._testing = None
        self.found.end()
        self.stop.hide()
        self._on_edited()

    @Slot()
    def _on_folder(self) -> None:
        ask_for_folder(self, tr("Folder with packages"), self._on_folder_chosen)

    @Slot(str)
    def _on_folder_chosen(self, folder: str) -> None:
        field = self._fields["find_links"]
        if isinstance(field, QPlainTextEdit):
            field.setPlainText("\n".join([*field.toPlainText().splitlines(), folder]))

    @Slot()
    def _on_certificate(self) -> None:
        ask_for_file(self, tr("File with certificates"), self._on_certificate_chosen)

    @Slot(str)
    def _on_certificate_chosen(self, file: str) -> None:
        self.put({"certificate": file})


def _look(values: Mapping[str, Any], reporter: Reporter) -> Mapping[str, Text]:
    reporter.checkpoint()
    return wrong_values(values)
