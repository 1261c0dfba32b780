"""The whole application in a test's own folders: the real services, the real window, nothing faked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders


@contextmanager
def open_session(qtbot: QtBot, folders: Folders, *, look: bool = True) -> Iterator[Session]:
    """Show the window and, when the block ends, stop every thread and delete every widget.

    With `look` (the default) the services look at the machine as they do in the program; without it they stay empty.
    """
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    session = Session(application, folders, look=look)
    try:
        session.window.show()
        qtbot.waitExposed(session.window)
        yield session
    finally:
        session.end()
        session.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
