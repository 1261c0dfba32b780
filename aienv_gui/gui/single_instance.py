"""One window a user and home: a second start asks the first to come to the front and ends."""

from __future__ import annotations

import hashlib
import logging
import platform

from PySide6.QtCore import QDeadlineTimer, QLockFile, QObject, QThread, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from aienv_gui.core.report import user_name
from aienv_gui.core.storage import Folders

_RAISE = b"raise\n"
_ANSWER = b"ok\n"
_PATIENCE_MS = 5000
_RETRY_MS = 50

_log = logging.getLogger(__name__)


class SingleInstance(QObject):
    """Call `claim` once at start-up, after the QApplication is made."""

    raise_requested = Signal()

    def __init__(self, folders: Folders, parent: QObject | None = None) -> None:
        super().__init__(parent)
        identity = f"{user_name()}\n{folders.config}\n{folders.data}"
        self._name = "aienv-" + hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:20]
        self._folder = folders.config
        # The lock decides who is first, even between two starts at the same moment; the system forgets a dead owner's.
        # Each computer has its own: what one left behind in a shared home, no other could tell from a living one.
        computer = hashlib.sha256(platform.node().encode("utf-8", "surrogatepass")).hexdigest()[:8]
        self._lock = QLockFile(str(folders.config / f"running-{computer}.lock"))
        self._lock.setStaleLockTime(0)
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Whether this process is the first. If not, the first was asked to raise its window.

        Blocks for up to five seconds where the first does not answer. A folder that cannot be written to,
        where nobody can claim anything, counts as first.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.warning("cannot tell whether another window is open: %s", error)
            return True
        if self._lock.tryLock(0) or self._lock.error() != QLockFile.LockError.LockFailedError:
            QLocalServer.removeServer(self._name)  # left behind by a crash
            self._server = QLocalServer(self)
            self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
            self._server.newConnection.connect(self._on_connection)
            if not self._server.listen(self._name):
                _log.warning("cannot listen for a second start: %s", self._server.errorString())
            return True
        self.answered = self._ask()
        return False

    answered = False  # whether the first window answered, where `claim` returned False

    def release(self) -> None:
        """Let the next start be the first."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    def _ask(self) -> bool:
        socket = QLocalSocket()
        deadline = QDeadlineTimer(_PATIENCE_MS)
        while True:  # the first may have been started a moment ago and not listen yet
            socket.connectToServer(self._name)
            if socket.waitForConnected(deadline.remainingTime()) or deadline.hasExpired():
                break
            QThread.msleep(_RETRY_MS)
        if socket.state() != QLocalSocket.LocalSocketState.ConnectedState:
            _log.warning("the open window does not answer: %s", socket.errorString())
            return False
        socket.write(_RAISE)
        socket.flush()
        answered = socket.waitForReadyRead(_PATIENCE_MS) and socket.readLine().data() == _ANSWER
        socket.disconnectFromServer()
        return answered

    @Slot()
    def _on_connection(self) -> None:
        assert self._server is not None
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._on_message)
            socket.disconnected.connect(socket.deleteLater)

    @Slot()
    def _on_message(self) -> None:
        socket = self.sender()
        assert isinstance(socket, QLocalSocket)
        if socket.canReadLine() and socket.readLine().data() == _RAISE:
            _log.info("asked to come forward by a second start")
            socket.write(_ANSWER)
            socket.flush()
            self.raise_requested.emit()
