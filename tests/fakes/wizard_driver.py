"""Goes through the wizard as a user does: clicks, types and waits for what is shown."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.environments.planning.wizard import Step
from aienv_gui.gui.pages.environments import EnvironmentsPage
from aienv_gui.gui.pages.new_environment.frame import NewEnvironment

PATIENCE_MS = 180_000  # until a test gives up waiting; a shared machine may be slow


class WizardDriver:
    """The Environments page of a session, and its wizard."""

    def __init__(self, qtbot: QtBot, session: Session) -> None:
        self.qtbot = qtbot
        self.session = session
        session.services.navigator.open("environments")
        page = session.window.page
        assert isinstance(page, EnvironmentsPage)
        self.page = page
        session.services.environments.refresh()
        qtbot.waitUntil(lambda: session.services.environments.loaded, timeout=PATIENCE_MS)

    @property
    def wizard(self) -> NewEnvironment:
        return self.page.wizard

    def click(self, button: QPushButton) -> None:
        """Click a button, which must be there now: Qt shows what was just made at its next turn."""
        self.qtbot.waitUntil(button.isVisible, timeout=1000)
        assert button.isEnabled(), button.text()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def write(self, field: QLineEdit, text: str) -> None:
        """Replace what stands in a field: by keys, and as an input method does it what has none (Chinese, emoji)."""
        field.setFocus()
        field.selectAll()
        self.qtbot.keyClick(field, Qt.Key.Key_Delete)
        if text.isascii():
            self.qtbot.keyClicks(field, text)
        else:
            event = QInputMethodEvent()
            event.setCommitString(text)
            QApplication.sendEvent(field, event)

    def open(self) -> None:
        """Press *New environment*."""
        assert self.page.primary is not None
        self.click(self.page.primary)
        self.wait_for_cards()

    def wait_for_cards(self) -> None:
        """Wait until the first step can be used."""
        self.qtbot.waitUntil(
            lambda: self.wizard.step is Step.PURPOSE and self.wizard.purpose.card("empty").isVisible(),
            timeout=PATIENCE_MS,
        )

    def choose(self, template: str) -> None:
        """Choose a template and go on to the options."""
        self.click(self.wizard.purpose.card(template))
        self.go_on(Step.OPTIONS)

    def choose_file(self, path: Path) -> None:
        """Choose a good file and go on to the options."""
        self.wizard.purpose.use_file(path)
        self.go_on(Step.OPTIONS)

    def name(self, name: str, *, extra: str = "") -> None:
        """Type a name, and more packages; wait until both are accepted."""
        self.write(self.wizard.options.name, name)
        if extra:
            self.write(self.wizard.options.extra, extra)
        self.wait_for_next()

    def wait_for_next(self) -> None:
        self.qtbot.waitUntil(lambda: self.wizard.next.isEnabled(), timeout=PATIENCE_MS)

    def go_on(self, expected: Step) -> None:
        """Press the button that goes on, once it can be pressed."""
        self.wait_for_next()
        self.click(self.wizard.next)
        assert self.wizard.step is expected

    def wait_for_plan(self) -> None:
        """Wait until there is a plan, or a problem that says why there is none."""
        wizard = self.wizard.wizard
        assert wizard is not None
        self.qtbot.waitUntil(lambda: not wizard.busy, timeout=PATIENCE_MS)

    def wait_for_step(self, step: Step) -> None:
        def there() -> None:
            problem = self.wizard.building.problem
            assert problem is None, f"{problem} {problem.details}"
            assert self.wizard.step is step

        self.qtbot.waitUntil(there, timeout=PATIENCE_MS)

    def wait_for_verdicts(self) -> None:
        """Wait for the end of the validation."""
        wizard = self.wizard.wizard
        assert wizard is not None
        self.qtbot.waitUntil(lambda: wizard.finished, timeout=PATIENCE_MS)

    def settle(self) -> None:
        """Wait until no look at the machine is under way."""
        environments = self.session.services.environments
        self.qtbot.waitUntil(lambda: not environments.busy, timeout=PATIENCE_MS)
