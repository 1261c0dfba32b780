"""The report of a problem and the log file, both without anything private.

Removed: the home folder, the user's and the machine's name, credentials in addresses, tokens, passwords.
"""

from __future__ import annotations

import getpass
import importlib.metadata
import logging
import logging.handlers
import os
import platform
import re
import socket
import sys
from collections import deque
from pathlib import Path
from typing import Any, Final

from aienv_gui.core import about
from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text

_KEPT_LINES: Final = 200
_LOG_BYTES: Final = 1_000_000
_LOG_FILES: Final = 3
_VERSIONS: Final = ("PySide6-Essentials", "pyqtgraph", "numpy", "uv", "py-rattler", "torch")

_recent: deque[str] = deque(maxlen=_KEPT_LINES)

# Long output is searched with these: each begins where nothing before it could begin as well, or is short.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # A password may hold an @.
    (re.compile(r"([a-z][a-z0-9+.-]{0,20}://)[^\s/]+@", re.I), r"\1<credentials>@"),
    (re.compile(r"(?<!/source)(/t/)(?=[a-z_.-]*\d)[\w.-]{6,}(?=/)", re.I), r"\1<secret>"),  # of a conda channel
    (
        re.compile(r"([?&](?:token|key|password|secret|signature|sig|auth|access_token)=)[^\s&#\"']+", re.I),
        r"\1<secret>",
    ),
    (re.compile(r"\b(authorization\s*[:=]\s*)(?:(?:bearer|basic|token)\s+)?[^\s\"',]+", re.I), r"\1<secret>"),
    (re.compile(r"\b(bearer\s+)[a-z0-9._~+/=-]{8,}", re.I), r"\1<secret>"),
    (
        re.compile(
            r"(?<![\w.-])([\w.-]*(?:token|password|passwd|secret|api[_-]?key)[\w.-]{0,80}[\"']?\s{0,8}[:=]\s{0,8}[\"']?)"
            r"[^\s\"',;&]+",
            re.I,
        ),
        r"\1<secret>",
    ),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|hf_|pypi-|glpat-|sk-|xox[abp]-|AKIA)[A-Za-z0-9_-]{10,}"), "<secret>"),
    (re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{4,}"), "<secret>"),
)


def without_secrets(text: str) -> str:
    """`text` without what opens a door: credentials in addresses, tokens, passwords. Cheap; any thread."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact(text: str) -> str:
    """`text` without what identifies the user or opens a door. Cheap; any thread."""
    text = without_secrets(text)
    for found, replacement in _private():
        text = re.sub(found, replacement, text, flags=re.I if sys.platform == "win32" else 0)
    return text


def _private() -> list[tuple[str, str]]:
    """Patterns of the home folder, the user's name and the machine's, longest first."""
    result: list[tuple[str, str]] = []
    home = str(Path.home())
    if len(home) > 1:
        for form in dict.fromkeys((home, home.replace("\\", "/"), home.replace("\\", "\\\\"))):
            result.append((re.escape(form) + r"(?![\w.-])", "~"))
    for name, replacement in ((user_name(), "<user>"), (socket.gethostname(), "<machine>")):
        # Short and general names would mangle ordinary words.
        if len(name) > 2 and name.lower() not in {"root", "user", "admin", "home", "localhost", "runner"}:
            result.append((rf"(?<![\w]){re.escape(name)}(?![\w])", replacement))
    return result


def user_name() -> str:
    """The name of the user who runs the program; empty where the system has none (a container)."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user: a container
        return os.environ.get("USERNAME", "")


def make_report(problem: Problem) -> str:
    """Everything a developer needs to understand a problem, in English, redacted."""
    parts = [
        "Report of a problem",
        *system_lines(),
        "",
        f"Problem: {_english(problem.title)}" + (f" [{problem.code}]" if problem.code else ""),
    ]
    if problem.cause is not None:
        parts.append(f"Cause: {_english(problem.cause)}")
    if problem.cure is not None:
        parts.append(f"Cure: {_english(problem.cure)}")
    if problem.details:
        parts += ["", "Details:", problem.details.rstrip()]
    if _recent:
        parts += ["", "Last log lines:", *list(_recent)[-60:]]
    return redact("\n".join(parts)) + "\n"


def system_lines() -> list[str]:
    """The system and the versions of what matters, in English, for a report."""
    versions = ", ".join(f"{name} {version}" for name in _VERSIONS if (version := _version(name)))
    return [
        f"AIEnv {about.version()}",
        f"System: {platform.platform()}, Python {platform.python_version()}",
        f"Versions: {versions}",
    ]


def _english(text: Text) -> str:
    values: dict[str, Any] = {k: _english(v) if isinstance(v, Text) else v for k, v in text.values.items()}
    message = text.plural if text.plural is not None and values.get("count") != 1 else text.message
    return message.format_map(values)


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Recent(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _recent.append(self.format(record))


def start_log(folder: Path) -> list[logging.Handler]:
    """Log to ``aienv.log`` in `folder` (three files of 1 MB) and to the terminal, and keep the last lines for reports.

    Without permission to write there the program goes on without the file. Returns the handlers, for `stop_log`.
    """
    form = _Redacting("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handlers: list[logging.Handler] = [_Recent()]
    failure: OSError | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(
                folder / "aienv.log", maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1, encoding="utf-8", delay=True
            )
        )
    except OSError as error:
        failure = error
    if sys.stderr is not None:  # None for a window program on Windows
        terminal = logging.StreamHandler()
        terminal.setLevel(logging.WARNING)
        handlers.append(terminal)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(form)
        root.addHandler(handler)
    if failure is not None:
        logging.getLogger(__name__).warning("no log file in %s: %s", folder, failure)
    return handlers


def stop_log(handlers: list[logging.Handler]) -> None:
    """Close what `start_log` opened."""
    for handler in handlers:
        logging.getLogger().removeHandler(handler)
        handler.close()
