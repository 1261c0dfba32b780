"""Settings: language and look at once; package sources checked before they are kept; where things are."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.about import version
from aienv_gui.core.errors import Problem
from aienv_gui.core.report import system_lines
from aienv_gui.core.wording import LANGUAGES, Text, tr, verbatim
from aienv_gui.gui.pages.settings_parts.alarms_section import AlarmsCard
from aienv_gui.gui.pages.settings_parts.form import add_row, form_in
from aienv_gui.gui.pages.settings_parts.sources_section import SourcesCard
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
        for card in (
            self._appearance(),
            SourcesCard(services, self),
            AlarmsCard(services, self),
            self._folders(),
            self._about(),
        ):
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
        form = form_in(card)
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
        add_row(form, tr("Language"), self.language)
        add_row(form, tr("Theme"), self.theme)
        return card

    def _folders(self) -> Card:
        card = Card(tr("Where things are"), self)
        form = form_in(card)
        folders = self.services.folders
        for title, folder in (
            (tr("Environments"), folders.environments),
            (tr("Trainings"), folders.runs),
            (tr("Models"), folders.models),
            (tr("Downloads kept for later"), folders.cache),
            (tr("Settings"), folders.config),
            (tr("Log files"), folders.logs),
        ):
            add_row(form, title, _FolderRow(self.services, title, folder, card))
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
