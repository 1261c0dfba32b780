"""A notification service on a real session bus, for tests: says what it was told, a JSON line each, and does as asked.

Run as a program, with the bus in DBUS_SESSION_BUS_ADDRESS and its abilities as arguments. Lines on its standard input:
``click N``, ``close N``, ``hang`` (answer nothing from now on).
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection

NAME = "org.freedesktop.Notifications"
ADDRESS = DBusAddress("/org/freedesktop/Notifications", interface=NAME)


class Server:
    def __init__(self, connection: DBusConnection, abilities: list[str]) -> None:
        self._connection = connection
        self._abilities = abilities
        self._count = 0
        self._hangs = False

    def answer(self, message: Message) -> None:
        if message.header.message_type is not MessageType.method_call or self._hangs:
            return
        fields = message.header.fields
        member, signature = fields.get(HeaderFields.member), fields.get(HeaderFields.signature, "")
        tell(call=member, signature=signature, arguments=message.body)
        if member == "GetCapabilities":
            self._connection.send(new_method_return(message, "as", (self._abilities,)))
        elif member == "Notify" and signature == "susssasa{sv}i":
            replaces = message.body[1]
            self._count += not replaces
            self._connection.send(new_method_return(message, "u", (replaces or self._count,)))
        else:
            self._connection.send(new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", "s", (signature,)))

    def obey(self, line: str) -> None:
        order, _, number = line.strip().partition(" ")
        if order == "click":
            self._connection.send(new_signal(ADDRESS, "ActivationToken", "us", (int(number), "a-token")))
            self._connection.send(new_signal(ADDRESS, "ActionInvoked", "us", (int(number), "default")))
        elif order == "close":
            self._connection.send(new_signal(ADDRESS, "NotificationClosed", "uu", (int(number), 2)))
        elif order == "hang":
            self._hangs = True
            tell(hangs=True)


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    connection = open_dbus_connection("SESSION")
    connection.send_and_get_reply(message_bus.RequestName(NAME))
    server = Server(connection, sys.argv[1:])
    tell(ready=True)
    while True:
        readable, _, _ = select.select([connection.sock, sys.stdin], [], [])
        if sys.stdin in readable:
            orders = os.read(sys.stdin.fileno(), 4096).decode()  # past Python's buffer, which `select` does not see
            if not orders:
                return
            for order in orders.splitlines():
                server.obey(order)
        if connection.sock in readable:
            server.answer(connection.receive())


if __name__ == "__main__":
    main()
