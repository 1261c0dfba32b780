"""What nobody caught: exceptions of any thread, Qt's own messages, signals of the terminal. All logged."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import sys
import threading
from types import TracebackType
from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QMessageLogContext,
    QObject,
    QSocketNotifier,
    Qt,
    QTimer,
    QtMsgType,
    Signal,
    Slot,
    qInstallMessageHandler,
)

from aienv_gui.gui.presenter import Presenter

_log = logging.getLogger(__name__)
_qt_log = logging.getLogger("qt")

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class CrashHooks(QObject):
    """Installed once by `__main__`; `remove` puts back what was there."""

    _caught = Signal(object)  # from any thread, received in the GUI thread

    def __init__(self, presenter: Presenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._presenter = presenter
        self._former: tuple[Any, ...] = ()
        self._caught.connect(self._on_caught, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        self._former = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        sys.unraisablehook = self._on_unraisable
        qInstallMessageHandler(_on_qt_message)

    def remove(self) -> None:
        if self._former:
            sys.excepthook, threading.excepthook, sys.unraisablehook = self._former
            qInstallMessageHandler(None)
            self._former = ()

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QCoreApplication.exit(0)
            return
        _log.error("unexpected", exc_info=(kind, error, trace))
        self._caught.emit(error)

    def _on_thread_exception(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self._on_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def _on_unraisable(self, arguments: sys.UnraisableHookArgs) -> None:
        # In a destructor or the like: nothing the user could do, so the log only.
        value = arguments.exc_value
        if value is not None:
            _log.error(
                "ignored in %r: %s", arguments.object, arguments.err_msg,
                exc_info=(arguments.exc_type, value, arguments.exc_traceback),
            )  # fmt: skip

    @Slot(object)
    def _on_caught(self, error: BaseException) -> None:
        self._presenter.show(error)


# Known, harmless, and not ours to mend.
_NOISE = ("This plugin does not support propagateSizeHints()",)
_PICTURES = "qt.gui.imageio"  # a damaged picture of the user's: said where it was to be shown


def _on_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str | None) -> None:
    category = getattr(context, "category", None) or "default"
    quiet = message in _NOISE or category.startswith(_PICTURES)
    level = logging.DEBUG if quiet else _LEVELS.get(kind, logging.WARNING)
    _qt_log.log(level, "%s: %s", category, message)


class TerminalSignals(QObject):
    """Ctrl-C and a polite kill end the program as closing the window would, but without a question.

    Python runs its handlers between byte codes only, and a resting window runs none: the signal wakes a socket.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_woken)
        self._former_descriptor = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._former = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}

    def remove(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_descriptor)
        self._notifier.setEnabled(False)
        self._read.close()
        self._write.close()

    def _on_signal(self, _number: int, _frame: object) -> None:
        # Later: before the event loop runs, `quit` would be forgotten.
        QTimer.singleShot(0, self._quit)

    @Slot()
    def _quit(self) -> None:
        QCoreApplication.exit(0)  # `quit` asks the windows first, and ours would ask the user

    @Slot()
    def _on_woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._read.recv(64)
