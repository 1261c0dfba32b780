"""What every test gets: folders of its own, English, and a watch on threads and log lines left behind. Knows no Qt."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.core.storage import Folders, resource
from aienv_gui.core.wording import language, use_language

# Before anything imports Qt. Whoever wants to watch the windows sets another platform.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

_GRACE_S = 3.0


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The application's folders, empty, below this test's own folder."""
    return Folders.under(tmp_path)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What forgets to use `folders`, here or in a child process, does not write into the user's real folders."""
    monkeypatch.setenv("AIENV_HOME", str(tmp_path_factory.getbasetemp() / "home_of_the_forgetful"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.getbasetemp() / "jupyter_of_the_forgetful"))


@pytest.fixture(autouse=True)
def _no_package_sources_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages come from the tests' own indexes alone: the configuration of this machine's pip would add others."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    yield
    if language() != "en":
        use_language("en", resource("locale"))


class LogWatch(logging.Handler):
    """Collects every warning and error that is logged; `expect` allows (and demands) one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._expected: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    def expect(self, pattern: str) -> None:
        """Allow lines (``LEVEL logger: message``) that match `pattern`; the test fails when none came."""
        self._expected.append(pattern)

    def verdict(self) -> str:
        unexpected = [line for line in self.lines if not any(re.search(p, line) for p in self._expected)]
        missing = [p for p in self._expected if not any(re.search(p, line) for line in self.lines)]
        return "\n".join(
            [f"unexpected log line: {line}" for line in unexpected] + [f"log line did not come: {p}" for p in missing]
        )


@pytest.fixture(autouse=True)
def expected_logs() -> Iterator[LogWatch]:
    """Log lines from WARNING up fail the test, but for those it asked for: ``expected_logs.expect("pattern")``."""
    watch = LogWatch()
    root = logging.getLogger()
    level = root.level
    root.addHandler(watch)
    yield watch
    root.removeHandler(watch)
    root.setLevel(level)
    verdict = watch.verdict()
    if verdict:
        pytest.fail(verdict, pytrace=False)


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _GRACE_S
    for thread in _new_threads(before):
        thread.join(max(0.0, deadline - time.monotonic()))
    left = _new_threads(before)
    if left:
        pytest.fail("threads left running: " + ", ".join(repr(thread) for thread in left), pytrace=False)


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    # A dummy stands for a thread that was not made by Python (a QThread, watched in its own way, or torch's).
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before
        and not isinstance(thread, threading._DummyThread)
        and not thread.name.startswith("pytest_timeout")
    ]
