"""One look at the environments of a home folder, in a process of its own; prints how long it took.

Arguments: ``cached``, ``scan`` or ``painted``, the home folder, the application's folder, and for ``painted`` the time
before the process was made (seconds since the epoch).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent


def cached(folders: Folders) -> dict[str, float]:
    """From the call to the list as last seen, with the modules it needs."""
    began = time.perf_counter()
    from aienv_gui.environments.discovery import found_before

    seen = found_before.read(folders)
    return {"ms": (time.perf_counter() - began) * 1000, "environments": len(seen)}


def scan(folders: Folders) -> dict[str, float]:
    """A look at the disk; what was kept of the last one is used."""
    from aienv_gui.environments.discovery.look import discover

    began = time.perf_counter()
    found = discover(folders, Silent())
    return {"ms": (time.perf_counter() - began) * 1000, "environments": len(found)}


def painted(folders: Folders, started: float) -> dict[str, float]:
    """From the start of the process to the page with the list as last seen on it, painted."""
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication

    from aienv_gui.__main__ import Session
    from aienv_gui.gui.pages.environments import EnvironmentsPage

    class Watch(QObject):
        """Ends the program when the rows are painted while there are some."""

        def __init__(self, page: EnvironmentsPage, opened: float) -> None:
            super().__init__(page)
            self.result: dict[str, float] = {}
            self._page = page
            self._opened = opened
            page.rows.viewport().installEventFilter(self)

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            rows = self._page.rows.shown_rows
            if event.type() == QEvent.Type.Paint and rows and not self.result:
                watched.removeEventFilter(self)
                self._page.rows.grab()  # the very painting: this event comes before it
                self.result = {
                    "ms": (time.time() - started) * 1000,
                    "opened_ms": (time.perf_counter() - self._opened) * 1000,
                    "environments": rows,
                }
                QApplication.exit(0)
            return False

    application = QApplication([])
    session = Session(application, folders)
    opened = time.perf_counter()
    session.window.show()
    session.services.navigator.open("environments")
    page = session.window.page
    assert isinstance(page, EnvironmentsPage)
    watch = Watch(page, opened)
    application.exec()
    session.end()
    return watch.result


def start() -> None:
    kind, home, own = sys.argv[1:4]
    os.environ["HOME"] = os.environ["USERPROFILE"] = home
    os.environ["PYENV_ROOT"] = str(Path(home) / ".pyenv")
    folders = Folders.under(Path(own))
    if kind == "cached":
        result = cached(folders)
    elif kind == "scan":
        result = scan(folders)
    else:
        result = painted(folders, float(sys.argv[4]))
    print(json.dumps(result))


if __name__ == "__main__":
    start()
