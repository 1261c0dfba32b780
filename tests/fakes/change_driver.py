"""Changes one environment as a user does: built by the real uv from a local index, and shown in the real window."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import snapshots, transaction
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Change, Engine, Environment, Request, Sources
from aienv_gui.gui.pages.environment_parts.change_panel import ChangePanel, Stage
from aienv_gui.gui.pages.environment_parts.details import EnvironmentDetails
from aienv_gui.gui.pages.environment_parts.name_dialog import NameDialog
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages
from tests.fakes.session import open_session
from tests.fakes.wizard_driver import PATIENCE_MS, WizardDriver


@contextmanager
def served_packages(folder: Path) -> Iterator[LocalIndex]:
    """An index of ``<folder>/served``: the sample packages, ``lamp``, and ``heavy``, which takes a while to come."""
    served = folder / "served"
    sample_packages(served)
    make_wheel(served, "pip", "99.0")
    make_wheel(served, "lamp", "1.0")
    make_wheel(served, "heavy", files={"heavy.py": "x = 1\n", "heavy.bin": os.urandom(400_000)})
    with LocalIndex(served) as running:
        yield running


@contextmanager
def changing(qtbot: QtBot, folders: Folders, index: LocalIndex) -> Iterator[ChangeDriver]:
    """An environment of ``colours``, ``paint`` and ``lamp``, shown in a window."""
    sources = Sources(index_url=index.url)
    request = Request("mine", Engine.UV, default_python(), ("colours", "lamp"), imports=("lamp",))
    mine = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
    with open_session(qtbot, folders, look=False) as session:
        session.services.settings.set("index_url", index.url)
        yield ChangeDriver(qtbot, session, folders, mine)


class ChangeDriver(WizardDriver):
    """The page with one environment shown."""

    def __init__(self, qtbot: QtBot, session: Session, folders: Folders, environment: Environment) -> None:
        super().__init__(qtbot, session)
        self.folders, self.mine = folders, environment
        self.session.services.navigator.open("environments", environment.prefix)
        qtbot.waitUntil(lambda: self.shown.prefix == environment.prefix, timeout=PATIENCE_MS)
        # Facts come in the background.
        qtbot.waitUntil(lambda: self.details.packages.list.engine is Engine.UV, timeout=PATIENCE_MS)

    @property
    def details(self) -> EnvironmentDetails:
        return self.page.details

    @property
    def shown(self) -> Environment:
        environment = self.details.environment
        assert environment is not None
        return environment

    @property
    def panel(self) -> ChangePanel:
        return self.details.changes[self.mine.prefix]

    def versions(self) -> dict[str, str]:
        """What is installed, as the list of environments says."""
        environment = self.session.services.environments.get(self.mine.prefix)
        assert environment is not None
        return {package.name: package.version for package in environment.packages}

    def select(self, *names: str) -> None:
        self.details.packages.list.select(lambda row: row.name in names)

    def wait_for_plan_of_change(self) -> ChangePanel:
        """Wait until there is a plan, or a problem that says why there is none."""
        self.qtbot.waitUntil(lambda: self.panel.stage in (Stage.PLANNED, Stage.STOPPED), timeout=PATIENCE_MS)
        return self.panel

    def plan(self, change: Change) -> ChangePanel:
        self.details.plan_change(change)
        panel = self.wait_for_plan_of_change()
        assert panel.problem is None, panel.problem
        return panel

    def consent(self) -> None:
        """Press the button that begins the work, and wait for its end and for the validation after it."""
        panel = self.panel
        self.click(panel.consent)

        def done() -> None:
            problem = panel.problem
            assert problem is None, f"{problem} {problem.details}"
            assert panel not in self.details.changes.values(), panel.stage
            assert not self.details.health.runs(self.mine.prefix)

        self.qtbot.waitUntil(done, timeout=PATIENCE_MS)
        self.settle()

    def texts(self, parent: QWidget | None = None) -> str:
        """All that is said now."""
        labels = (parent or self.details).findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible())

    def button(self, text: str, parent: QWidget | None = None) -> QPushButton:
        buttons = (parent or self.details).findChildren(QPushButton)
        (found,) = [one for one in buttons if one.text() == text and one.isVisible()]
        return found

    def give_name(self, text: str) -> NameDialog:
        """Type into the dialog that asks for a name, and go on."""
        dialog = next(one for one in self.details.findChildren(NameDialog) if one.isVisible())
        self.write(dialog.field, text)
        self.click(dialog.yes)
        return dialog


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and date of each file, for what must not change; Python's own compiled files and the verdicts aside."""
    found = {}
    for path in folder.rglob("*"):
        if "__pycache__" not in path.parts and not path.is_dir() and path.name != "aienv-health.json":
            status = path.lstat()
            found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
    return found


def assert_no_traces(driver: ChangeDriver) -> None:
    assert snapshots.snapshots_of(driver.mine, driver.folders) == ()
    staged = [path.name for path in driver.folders.staging.iterdir() if path.name != ".locks"]
    assert staged == []
