"""*More*: what is done with an environment once in a while."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from aienv_gui.core.wording import Text, tr
from aienv_gui.environments import accelerators
from aienv_gui.environments.health.frameworks import accelerator_of
from aienv_gui.environments.records import Environment
from aienv_gui.gui.theme import show_icon
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.words import say


class MoreButton(Button):
    """Its menu's entries are for the page to connect: `duplicate`, `rename`, `folder`, `repair`, `delete`.

    `build_chosen` is emitted with the id of the accelerator build that the frameworks are to have.
    """

    build_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("More"), icon="chevron_down", parent=parent)
        self.hint(tr("Duplicate, rename, repair, delete..."))
        self._menu = QMenu(self)
        self.duplicate = self._entry(tr("Duplicate..."), "copy")
        self.rename = self._entry(tr("Rename..."), "file")
        self.folder = self._entry(tr("Open folder"), "folder")
        self._menu.addSeparator()
        self.repair = self._entry(tr("Repair..."), "refresh")
        self.builds = QMenu(self._menu)
        self.builds.setToolTipsVisible(True)
        say(self.builds, "setTitle", tr("Change the build for the graphics card"))
        self.builds.triggered.connect(self._on_build)
        self._menu.addMenu(self.builds)
        for build in accelerators.choices():
            action = QAction(self.builds)
            action.setData(build.id)
            say(action, "setText", tr("{build}...", build=build.title))
            say(action, "setToolTip", build.reason)
            self.builds.addAction(action)
        self.delete = self._entry(tr("Delete..."), "trash", "bad")
        self.clicked.connect(self._offer)

    def _entry(self, text: Text, icon: str, role: str = "text") -> QAction:
        action = QAction(self._menu)
        say(action, "setText", text)
        show_icon(action, icon, role)
        self._menu.addAction(action)
        return action

    def show_environment(self, environment: Environment, *, busy: bool) -> None:
        """Offer what can be done with an environment; while it is `busy` it is not changed."""
        self.duplicate.setEnabled(bool(environment.packages))
        self.folder.setEnabled(environment.prefix.parent != environment.prefix)
        for action in (self.rename, self.repair, self.delete):
            action.setVisible(environment.removable)
            action.setEnabled(not busy)

        several = len(self.builds.actions()) > 1 and accelerator_of(environment) is not None
        self.builds.menuAction().setVisible(environment.removable and several)
        self.builds.setEnabled(not busy)

    @Slot(QAction)
    def _on_build(self, action: QAction) -> None:
        self.build_chosen.emit(action.data())

    @Slot()
    def _offer(self) -> None:
        self._menu.popup(self.mapToGlobal(self.rect().bottomLeft()))
