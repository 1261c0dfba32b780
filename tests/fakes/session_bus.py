"""A real session bus of a test's own, with nobody on it but who the test brings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QProcess, QProcessEnvironment

from tests.source_trees import ROOT

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@contextmanager
def session_bus(folder: Path) -> Iterator[str]:
    """A `dbus-daemon` for as long as the block lasts; gives its address."""
    configuration = folder / "bus.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    command = ["dbus-daemon", f"--config-file={configuration}", "--print-address=1", "--nofork", "--nopidfile"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert daemon.stdout is not None
    try:
        yield daemon.stdout.readline().strip()
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stdout.close()


class NotificationService:
    """`notification_server` as a program on a bus; `calls` are the Notify calls it got."""

    def __init__(self, address: str, abilities: tuple[str, ...]) -> None:
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("DBUS_SESSION_BUS_ADDRESS", address)
        environment.insert("PYTHONPATH", str(ROOT))
        self._process = QProcess()
        self._process.setProcessEnvironment(environment)
        self._process.start(sys.executable, [str(Path(__file__).with_name("notification_server.py")), *abilities])
        self._heard: list[dict[str, Any]] = []

    def heard(self) -> list[dict[str, Any]]:
        """Everything it has said so far."""
        while self._process.canReadLine():
            self._heard.append(json.loads(bytes(self._process.readLine().data())))
        return self._heard

    def calls(self) -> list[list[Any]]:
        """The arguments of each Notify."""
        return [line["arguments"] for line in self.heard() if line.get("call") == "Notify"]

    def ready(self) -> bool:
        return any("ready" in line for line in self.heard())

    def hangs(self) -> bool:
        return any("hangs" in line for line in self.heard())

    def tell(self, line: str) -> None:
        self._process.write(f"{line}\n".encode())

    def end(self) -> None:
        self._process.kill()
        self._process.waitForFinished()
