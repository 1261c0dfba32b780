"""Notifications of the Linux desktop: `org.freedesktop.Notifications` on the session bus, never waited for.

The bytes are jeepney's, the socket is Qt's: QtDBus cannot send the unsigned number that the call asks for from Python,
and its interface objects ask the service questions on the thread that makes them.
"""

from __future__ import annotations

import html
import os
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Final

from jeepney import (
    AuthenticationError,
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    Parser,
    message_bus,
    new_method_call,
)
from jeepney.auth import BEGIN, Authenticator
from jeepney.bus import get_connectable_addresses
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtNetwork import QLocalSocket

from aienv_gui.core.storage import resource

PATIENCE_MS: Final = 5000
_KEPT: Final = 50  # notifications whose click is still understood
_SERVICE: Final = DBusAddress(
    "/org/freedesktop/Notifications",
    bus_name="org.freedesktop.Notifications",
    interface="org.freedesktop.Notifications",
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What to show. `key` names it in the signals; a later one with the same key takes its place."""

    key: str
    title: str
    body: str
    open_label: str


class NotificationBus(QObject):
    """Connects when first used, again after the bus has gone. GUI thread only; nothing here waits."""

    delivered = Signal(str)  # key
    refused = Signal(object)  # Notice: nobody took it
    clicked = Signal(str)  # key

    def __init__(self, parent: QObject | None = None, *, patience_ms: int = PATIENCE_MS) -> None:
        super().__init__(parent)
        self._waiting: deque[Notice] = deque()  # until the service has said what it can
        self._sent: dict[int, Notice | None] = {}  # serial -> its notice; None: the question what it can
        self._shown: OrderedDict[int, str] = OrderedDict()  # the service's number -> key
        self._abilities: frozenset[str] | None = None
        self._socket: QLocalSocket | None = None
        self._authenticator = Authenticator()
        self._parser = Parser()
        self._serial = 0
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(patience_ms)
        self._patience.timeout.connect(self._give_up)

    def show(self, notice: Notice) -> None:
        """Ask the desktop to show it; `delivered` or `refused` follows."""
        self._patience.start()
        if self._abilities is not None:
            self._notify(notice, self._abilities)
            return
        self._waiting.append(notice)
        if self._socket is None:
            self._connect()

    def close(self) -> None:
        """Let go of the bus; what is shown stays."""
        self._patience.stop()
        socket, self._socket = self._socket, None
        self._abilities = None
        self._waiting.clear()
        self._sent.clear()
        self._shown.clear()
        if socket is not None:  # last: it says that it is disconnected, and then all must be as after the end
            socket.abort()
            socket.deleteLater()

    # The connection

    def _connect(self) -> None:
        address = _session_bus()
        if address is None:
            self._give_up()
            return
        socket = self._socket = QLocalSocket(self)
        self._authenticator, self._parser, self._serial = Authenticator(), Parser(), 0
        socket.connected.connect(self._on_connected)
        socket.readyRead.connect(self._on_read)
        socket.disconnected.connect(self._give_up)
        socket.errorOccurred.connect(self._give_up)
        if address.startswith("\0"):
            socket.setSocketOptions(QLocalSocket.SocketOption.AbstractNamespaceOption)
        socket.connectToServer(address.removeprefix("\0"))

    @Slot()
    def _on_connected(self) -> None:
        self._write(self._authenticator.data_to_send() or b"")

    @Slot()
    def _on_read(self) -> None:
        if self._socket is None:
            return
        data = bytes(self._socket.readAll().data())
        if self._authenticator.authenticated:
            for message in self._parser.feed(data):
                self._take(message)
            return
        try:
            self._authenticator.feed(data)
        except AuthenticationError:
            self._give_up()
            return
        if self._authenticator.authenticated:
            self._write(BEGIN)
            self._send(message_bus.Hello())
            clicks = MatchRule(type="signal", interface=_SERVICE.interface, sender=_SERVICE.bus_name)
            self._send(message_bus.AddMatch(clicks))
            self._sent[self._send(new_method_call(_SERVICE, "GetCapabilities"))] = None

    @Slot()
    def _give_up(self) -> None:
        """Nobody is there, or it does not answer: what was not taken is refused, and the next one begins anew."""
        lost = [notice for notice in self._sent.values() if notice is not None] + list(self._waiting)
        self.close()
        for notice in lost:
            self.refused.emit(notice)

    # Messages

    def _send(self, message: Message) -> int:
        self._serial += 1
        self._write(message.serialise(serial=self._serial))
        return self._serial

    def _write(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.write(data)

    def _notify(self, notice: Notice, abilities: frozenset[str]) -> None:
        body = html.escape(notice.body, quote=False) if "body-markup" in abilities else notice.body
        actions = ["default", notice.open_label] if "actions" in abilities else []
        replaces = next((number for number, key in self._shown.items() if key == notice.key), 0)
        hints = {"desktop-entry": ("s", "aienv")}
        icon = resource("icons/aienv.svg").as_uri()  # by its name only where AIEnv is installed with a desktop entry
        arguments = ("AIEnv", replaces, icon, notice.title, body, actions, hints, -1)
        self._sent[self._send(new_method_call(_SERVICE, "Notify", "susssasa{sv}i", arguments))] = notice

    def _take(self, message: Message) -> None:
        fields = message.header.fields
        kind = message.header.message_type
        if kind is MessageType.signal:
            self._on_signal(fields.get(HeaderFields.member), message.body)
            return
        serial = fields.get(HeaderFields.reply_serial)
        if serial not in self._sent:
            return
        notice = self._sent.pop(serial)
        if notice is None:
            self._on_abilities(message.body[0] if kind is MessageType.method_return else None)
        elif kind is MessageType.method_return:
            self._remember(message.body[0], notice.key)
            self.delivered.emit(notice.key)
        else:
            self.refused.emit(notice)
        if not self._sent and not self._waiting:
            self._patience.stop()

    def _on_abilities(self, abilities: list[str] | None) -> None:
        if abilities is None:
            self._give_up()
            return
        self._abilities = frozenset(abilities)
        while self._waiting:
            self._notify(self._waiting.popleft(), self._abilities)

    def _remember(self, number: int, key: str) -> None:
        self._shown[number] = key
        while len(self._shown) > _KEPT:
            self._shown.popitem(last=False)

    def _on_signal(self, member: str | None, body: tuple[Any, ...]) -> None:
        if member == "ActivationToken" and body[0] in self._shown:
            # Wayland lets a window come forward only with it, and Qt looks for it here.
            os.environ["XDG_ACTIVATION_TOKEN"] = body[1]
        elif member == "ActionInvoked" and body[0] in self._shown:
            self.clicked.emit(self._shown[body[0]])
        elif member == "NotificationClosed":
            self._shown.pop(body[0], None)


def _session_bus() -> str | None:
    """Where the user's bus listens; a name that begins with a zero byte is none of the file system's."""
    given = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or ""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if not given and runtime:
        given = f"unix:path={runtime}/bus"
    try:
        return next(iter(get_connectable_addresses(given)), None)
    except (RuntimeError, ValueError):  # another transport, or no address at all
        return None
