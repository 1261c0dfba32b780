"""What pages are handed: the services of the window, made in `aienv_gui.__main__` and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from aienv_gui.core.settings import SettingsStore
    from aienv_gui.core.storage import Folders
    from aienv_gui.gui.alarms import AlarmWatch
    from aienv_gui.gui.environment_list import EnvironmentList
    from aienv_gui.gui.hardware_feed import HardwareFeed
    from aienv_gui.gui.jobs import Jobs
    from aienv_gui.gui.presenter import Presenter
    from aienv_gui.gui.readiness_watch import ReadinessWatch
    from aienv_gui.gui.run_list import RunList
    from aienv_gui.gui.theme import Theme
    from aienv_gui.gui.words import Language


class Navigator(QObject):
    """Asks the main window for a page: ``navigator.open("run", run_folder)``. The window connects `requested`."""

    requested = Signal(str, object)  # page name, argument (None for the page itself)
    compact_view_asked = Signal()  # to show it, or to close it
    tray_asked = Signal()  # the setting for its icon has changed

    def open(self, page: str, argument: object = None) -> None:
        """Show a page: home, environments, train, models, hardware, activity or settings.

        Arguments: environments - a prefix to select, "new" for the wizard, or a `PackageWish` to plan; train - a run's
        folder to show, or "new"; models - a model's folder.
        """
        self.requested.emit(page, argument)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a page may use; each is made once and lives as long as the window."""

    folders: Folders
    settings: SettingsStore
    language: Language
    theme: Theme
    jobs: Jobs
    presenter: Presenter
    navigator: Navigator
    hardware: HardwareFeed
    environments: EnvironmentList
    runs: RunList
    alarms: AlarmWatch
    readiness: ReadinessWatch
