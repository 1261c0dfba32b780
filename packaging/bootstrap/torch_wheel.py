"""PyTorch, for the tests and the built-in training: what this machine has already, or the index's, size first."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from bootstrap.failures import Stop
from bootstrap.pip_runs import Failed, answer, child_environment, pip, stop_of
from bootstrap.places import VENV

_WANTED: Final = "torch>=2.4"
_LARGE: Final = 1_000_000_000
_DECLINED: Final = "declined"
_COMPANIONS: Final = re.compile(r"torch|triton|nvidia-|cuda-|setuptools|filelock|sympy|mpmath|networkx|jinja2|fsspec")


def belongs(name: str) -> bool:
    """Whether a package came with torch."""
    return bool(_COMPANIONS.match(name)) and name != "nvidia-ml-py"


def settled(torch: str, level: str) -> bool:
    """Whether there is nothing to do: it is installed, or the user went without for now."""
    return torch not in ("", _DECLINED) or (level == "run" and (torch == _DECLINED or _unwanted()))


def install(python: Path, level: str, *, before: str) -> str:
    """Install torch unless it is there; returns its version, ``declined`` or ``""``. Says the size before it downloads.

    For `run` a failure is no more than a sentence: the application starts without it. For `test` it raises `Stop`.
    """
    there = _installed(python)
    if there:
        return there
    if level == "run" and (before == _DECLINED or _unwanted()):
        return before
    try:
        chosen = _of_this_machine(python) or _of_the_index(python, ask=level == "run" and sys.stdin.isatty())
        if not chosen:
            return _DECLINED
        pip(python, "install", chosen)
    except (Failed, Stop) as error:
        stop = stop_of(error) if isinstance(error, Failed) else error
        if level == "run" and stop.harmless:
            print(f"PyTorch was not installed. {stop}\nAIEnv starts without it.", flush=True)
            return ""
        raise Stop(f"PyTorch was not installed. {stop}", harmless=stop.harmless) from None
    return _installed(python)


def _unwanted() -> bool:
    return os.environ.get("AIENV_TORCH", "").lower() == "none"


def _installed(python: Path) -> str:
    question = "import importlib.metadata as m; print(m.version('torch'))"
    done = subprocess.run(
        [python, "-I", "-c", question], capture_output=True, text=True, check=False, env=child_environment()
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _of_this_machine(python: Path) -> str:
    """A wheel from a folder that pip knows (its find-links): taken before anything is downloaded."""
    report = answer(python, "install", "--dry-run", "--quiet", "--report", "-", "--no-deps", "--no-index", _WANTED)
    try:
        found: dict[str, Any] = json.loads(report)["install"][0]
    except (ValueError, KeyError, IndexError):
        return ""
    version, address = found["metadata"]["version"], urlparse(found["download_info"]["url"])
    if address.scheme == "file":
        wheel = Path(url2pathname(unquote(address.path)))
        print(f"Installing PyTorch {version} from {wheel.parent} ({_size(wheel.stat().st_size)})", flush=True)
    else:
        print(f"Installing PyTorch {version} from {address.netloc}", flush=True)
    return f"torch=={version}"


def _of_the_index(python: Path, *, ask: bool) -> str:
    version, count, total = _offered(python)
    if not version:
        print("Installing PyTorch from the package index (up to 3 GB; its exact size is not known)", flush=True)
        return _WANTED
    print(f"Installing PyTorch {version}: {count} files, {_size(total)} to download", flush=True)
    if total > _LARGE:
        if sys.platform.startswith("linux") and not _nvidia_driver():
            print(
                "  This is the build for NVIDIA cards, and this computer has no NVIDIA driver: it will train on the "
                "CPU.\n  A smaller build for CPUs does as well: put its wheel into a folder and name that folder in "
                "PIP_FIND_LINKS,\n  or name an index of CPU builds in PIP_INDEX_URL. AIENV_TORCH=none starts AIEnv "
                "without PyTorch.",
                flush=True,
            )
        free = shutil.disk_usage(VENV).free
        if free < 3 * total:  # the downloads, unpacked, and what pip keeps for the next time
            raise Stop(
                f"It needs about {_size(3 * total)} on the disk of {VENV}; {_size(free)} are free.", harmless=True
            )
        if ask and input("Download it now? [Y/n] ").strip().lower().startswith("n"):
            print("AIEnv starts without it. To ask again, delete .venv.", flush=True)
            return ""
    return f"torch=={version}"


def _offered(python: Path) -> tuple[str, int, int]:
    """Version, number of files and bytes of what the index would send; ``("", 0, 0)`` where it does not say."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        command: list[str | Path] = [
            *(python, "-I", "-m", "uv", "pip", "compile", "--quiet", "--format", "pylock.toml", "--python", python),
            *("--index-strategy", "unsafe-best-match", "--output-file", lock, "-"),
        ]
        environment = {**child_environment(), **_uv_settings(python)}
        asked = subprocess.run(
            command, input=_WANTED + "\n", capture_output=True, text=True, check=False, env=environment
        )
        if asked.returncode:
            return "", 0, 0
        script = Path(__file__).with_name("wheel_sizes.py")
        told = subprocess.run([python, "-I", script, lock], capture_output=True, text=True, check=False)
    try:
        files: dict[str, list[Any]] = json.loads(told.stdout)
        sizes = [size for name, (_version, size, there) in files.items() if not there]
        return files["torch"][0], len(sizes), sum(sizes)
    except (ValueError, KeyError, TypeError):
        return "", 0, 0


def _uv_settings(python: Path) -> dict[str, str]:
    """pip's own configuration, which uv does not read."""
    found: dict[str, str] = {}
    for line in answer(python, "config", "list").splitlines():
        name, separator, value = line.partition("=")
        if separator:  # the environment's lines come first and win
            found.setdefault(name.rpartition(".")[2], value.strip("'"))
    settings = {
        "UV_DEFAULT_INDEX": found.get("index-url", ""),
        "UV_INDEX": found.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(found.get("find-links", "").split()),
        "SSL_CERT_FILE": found.get("cert", ""),
    }
    return {name: value for name, value in settings.items() if value}


def _nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
