"""Settings: language and look at once; package sources checked before they are kept; where things are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from aienv_gui.core.about import version
from aienv_gui.core.errors import Problem
from aienv_gui.core.report import system_lines
from aienv_gui.core.settings import SETTINGS
from aienv_gui.core.wording import LANGUAGES, Text, tr, verbatim
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.choice import Choice
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.page import Page
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say

_FORM_WIDTH = 860


class SettingsPage(Page):
    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, tr("Settings"), "settings", parent)
        self.problem = ProblemView(services, self)
        self.body.addWidget(self.problem)
        cards = QWidget(self)
        cards.setMaximumWidth(
            _FORM_WIDTH
        )  # of all together: a layout takes no notice of the width of each for its height
        column = QVBoxLayout(cards)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        for card in (self._appearance(), SourcesCard(services, self), self._folders(), self._about()):
            column.addWidget(card)
        row = QHBoxLayout()
        row.addWidget(cards, _FORM_WIDTH)
        row.addStretch(1)
        self.body.addLayout(row)
        self.body.addStretch(1)
        if services.settings.problem is not None:
            self.problem.show_problem(services.settings.problem)

    def _appearance(self) -> Card:
        card = Card(tr("Appearance"), self)
        form = _form(card)
        languages: list[tuple[object, Text]] = [("system", tr("As the system"))]
        languages += [(code, verbatim(name)) for code, name in LANGUAGES.items()]
        self.language = Choice(tr("Language"), languages, card)
        self.language.choose(self.services.settings.get("language"))
        self.language.chosen.connect(self._on_language)
        self.theme = Choice(
            tr("Theme"), [("system", tr("As the system")), ("light", tr("Light")), ("dark", tr("Dark"))], card
        )
        self.theme.choose(self.services.settings.get("theme"))
        self.theme.chosen.connect(self._on_theme)
        _row(form, tr("Language"), self.language)
        _row(form, tr("Theme"), self.theme)
        return card

    def _folders(self) -> Card:
        card = Card(tr("Where things are"), self)
        form = _form(card)
        folders = self.services.folders
        for title, folder in (
            (tr("Environments"), folders.environments),
            (tr("Trainings"), folders.runs),
            (tr("Models"), folders.models),
            (tr("Downloads kept for later"), folders.cache),
            (tr("Settings"), folders.config),
            (tr("Log files"), folders.logs),
        ):
            _row(form, title, _FolderRow(self.services, title, folder, card))
        return card

    def _about(self) -> Card:
        card = Card(tr("About AIEnv"), self)
        card.body.addWidget(Label(tr("Version {version}", version=version()), parent=card))
        card.body.addWidget(
            Label(
                tr("Free software under the Apache License 2.0. Nothing is sent anywhere unless you send it."),
                role="muted",
                parent=card,
            )
        )
        row = QHBoxLayout()
        self.copy = Button(tr("Copy system information"), icon="copy", parent=card)
        self.copy.clicked.connect(self._on_copy)
        row.addWidget(self.copy)
        row.addStretch(1)
        card.body.addLayout(row)
        return card

    def hidden(self) -> None:
        self.copy.say(tr("Copy system information"))

    def _keep(self, name: str, value: object) -> None:
        try:
            self.services.settings.set(name, value)
        except Problem as problem:
            self.problem.show_problem(problem)
        else:
            self.problem.clear()

    @Slot(object)
    def _on_language(self, value: str) -> None:
        self.services.language.follow(value)
        self._keep("language", value)

    @Slot(object)
    def _on_theme(self, value: str) -> None:
        self.services.theme.set_mode(value)
        self._keep("theme", value)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(system_lines()) + "\n")
        self.copy.say(tr("Copied"))


class _FolderRow(QWidget):
    def __init__(self, services: Services, title: Text, folder: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self._folder = folder
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        label = Label(verbatim(folder), role="mono", parent=self)
        button = Button(tr("Open"), icon="folder", parent=self)
        say(button, "setAccessibleName", tr("Open the folder: {title}", title=title))
        button.clicked.connect(self._on_open)
        row.addWidget(label, 1)
        row.addWidget(button)

    @Slot()
    def _on_open(self) -> None:
        # A folder nobody wrote to yet is not there; its nearest parent is.
        folder = self._folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        self._services.presenter.open_folder(folder)


class SourcesCard(Card):
    """Where packages come from. Checked as a whole; nothing is kept before Save, and nothing wrong is ever kept."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Package sources"), parent)
        self._services = services
        self.body.addWidget(
            Label(
                tr(
                    "Leave these empty to use the usual sources. Fill them in where your organisation has its own, or "
                    "where the network is slow. pip's own configuration is read as well."
                ),
                role="muted",
                parent=self,
            )
        )
        form = _form(self)
        self._fields: dict[str, QLineEdit | QPlainTextEdit] = {}
        self._wrong: dict[str, Label] = {}
        self._add(form, "index_url", tr("Package index"), "https://example.org/simple")
        self._add(form, "extra_index_urls", tr("More indexes, one per line"), "")
        self._add(form, "find_links", tr("Folders or pages with packages, one per line"), "", self._on_folder)
        self._add(form, "certificate", tr("Certificates (file)"), "", self._on_certificate)
        self._add(form, "channels", tr("Conda channels, best first, one per line"), "conda-forge")
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
        self._load()

    def _add(
        self, form: QFormLayout, name: str, title: Text, example: str, choose: Callable[[], None] | None = None
    ) -> None:
        field: QLineEdit | QPlainTextEdit
        if isinstance(SETTINGS[name].default, list):
            field = QPlainTextEdit(self)
            field.setTabChangesFocus(True)
            field.setFixedHeight(64)
            field.textChanged.connect(self._on_edited)
        else:
            field = QLineEdit(self)
            field.textEdited.connect(self._on_edited)
        field.setPlaceholderText(example)
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
        column.addWidget(self._wrong[name])
        _row(form, title, holder, buddy=field)

    def values(self) -> dict[str, Any]:
        """What the fields hold now."""
        result: dict[str, Any] = {}
        for name, field in self._fields.items():
            if isinstance(field, QLineEdit):
                result[name] = field.text().strip()
            else:
                result[name] = [line.strip() for line in field.toPlainText().splitlines() if line.strip()]
        return result

    @Slot()
    def _load(self) -> None:
        for name, field in self._fields.items():
            value = self._services.settings.get(name)
            field.blockSignals(True)
            if isinstance(field, QLineEdit):
                field.setText(value)
            else:
                field.setPlainText("\n".join(value))
            field.blockSignals(False)
        self._state.say("")
        self._on_edited()

    @Slot()
    def _on_edited(self) -> None:
        values = self.values()
        changed = any(value != self._services.settings.get(name) for name, value in values.items())
        right = True
        for name, value in values.items():
            wrong = SETTINGS[name].check(value)
            self._wrong[name].setVisible(wrong is not None)
            if wrong is not None:
                right = False
                self._wrong[name].say(wrong)
        self.save.setEnabled(changed and right)
        self.undo.setEnabled(changed)
        if changed:
            self._state.say(tr("Not saved yet.") if right else tr("Mend what is marked, then save."))

    @Slot()
    def _on_save(self) -> None:
        try:
            for name, value in self.values().items():
                self._services.settings.set(name, value)
        except Problem as problem:
            self._services.presenter.show(problem, self)
            return
        self._on_edited()
        self._state.say(tr("Saved. The next plan uses these sources."))

    @Slot()
    def _on_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, str(tr("Folder with packages")))
        field = self._fields["find_links"]
        if folder and isinstance(field, QPlainTextEdit):
            field.setPlainText("\n".join([*field.toPlainText().splitlines(), folder]))

    @Slot()
    def _on_certificate(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, str(tr("File with certificates")))
        field = self._fields["certificate"]
        if file and isinstance(field, QLineEdit):
            field.setText(file)
            self._on_edited()


def _form(card: Card) -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(12)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    card.body.addLayout(form)
    return form


def _row(form: QFormLayout, title: Text, field: QWidget, *, buddy: QWidget | None = None) -> None:
    label = Label(title)
    label.setFixedWidth(200)
    label.setBuddy(buddy or field)
    form.addRow(label, field)
