"""Running pip in the environment: its output as progress, its failure as a sentence."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bootstrap.failures import Stop

# Settings of pip that would send packages elsewhere, or refuse what is asked for here.
_DROPPED: Final = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_HASHES", "PIP_USER")
_UNREACHABLE: Final = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|NameResolutionError|Name or service not known"
    r"|Temporary failure in name resolution|getaddrinfo failed|Network is unreachable|Connection refused"
    r"|Cannot connect to proxy|ProxyError|Connection reset|Max retries exceeded|nodename nor servname"
)
_CERTIFICATE: Final = re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError")
_NO_SPACE: Final = re.compile(r"No space left on device|not enough space on the disk|Errno 28")
_MISMATCH: Final = re.compile(r"DO NOT MATCH THE HASHES", re.IGNORECASE)
_NOT_OFFERED: Final = re.compile(r"No matching distribution found|Could not find a version that satisfies")
_SHOWN: Final = re.compile(r"\s*(Downloading|Installing collected packages|Building wheel|Successfully installed)")


class Failed(Exception):
    """A run of pip that did not do what it was asked to."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output
        self.unreachable = bool(_UNREACHABLE.search(output) or _CERTIFICATE.search(output))
        self.not_offered = not self.unreachable and bool(_NOT_OFFERED.search(output))


def child_environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    return {**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1"}


def pip(python: Path, *arguments: str | Path) -> None:
    """Run pip and show what it downloads. Raises `Failed`."""
    command = [python, "-I", "-m", "pip", *arguments]
    if arguments[0] == "install":
        command += ["--retries", "2", "--progress-bar", "off"]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=child_environment(),
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if _SHOWN.match(line) and ".metadata" not in line:
                print("  " + _short(line.strip()), flush=True)
    if child.returncode:
        raise Failed("".join(lines))


def _short(line: str) -> str:
    return line if len(line) <= 150 else line[:147] + "..."


def answer(python: Path, *arguments: str | Path, timeout_s: float = 300) -> str:
    """What pip prints, or ``""`` where it fails."""
    command: Sequence[str | Path] = [python, "-I", "-m", "pip", *arguments]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""


def stop_of(failed: Failed) -> Stop:
    """The failure in words, with the cure. pip downloads everything before it changes anything."""
    return Stop(_words(failed), harmless=failed.unreachable or bool(_MISMATCH.search(failed.output)))


def _words(failed: Failed) -> str:
    if _NO_SPACE.search(failed.output):
        return "The disk is full. Free some space, then start this command again."
    if _CERTIFICATE.search(failed.output):
        return (
            "The package index was reached, but its certificate is not trusted here. On a company network, give pip "
            "the network's certificate (environment variable PIP_CERT), then start this command again."
        )
    if failed.unreachable:
        return (
            "The package index cannot be reached. Connect this computer to the network, or name a mirror (environment "
            "variable PIP_INDEX_URL) or a folder of wheels (PIP_FIND_LINKS and PIP_NO_INDEX=1), then start this "
            "command again."
        )
    if _MISMATCH.search(failed.output):
        return (
            "A package is not the one that was pinned: its hash is another. Nothing was installed. Try again; if it "
            "happens again, the package source (a mirror, a proxy) changes files: use another (environment variable "
            "PIP_INDEX_URL)."
        )
    last = [line.strip() for line in failed.output.splitlines() if line.strip()][-12:]
    return "pip could not install what AIEnv needs. It said:\n  " + "\n  ".join(last)
