"""The engine's tests under another Python, in an environment that is made for them and thrown away."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bootstrap.failures import Stop
from bootstrap.pip_runs import Failed, child_environment, pip, stop_of
from bootstrap.places import PYPROJECT
from bootstrap.venv import python_of

OLDEST: Final = (3, 10)  # the engine's, not the application's
_TRAINED_WITH: Final = ("openpyxl", "pyarrow", "scikit-learn")  # what some trainings use


def asked(arguments: Sequence[str]) -> tuple[Path, list[str], list[str]]:
    """The interpreter, what is installed for it, and the arguments of pytest. Raises `Stop`."""
    parser = argparse.ArgumentParser("dev.py engine", description=__doc__)
    parser.add_argument("--python", type=Path, required=True, help="an interpreter: 3.10 or newer")
    parser.add_argument("--torch", default="torch>=2.4", help='such as "torch==2.4.1"')
    transformers = next(one for one in _extras()["dev"] if one.startswith("transformers"))
    parser.add_argument("--transformers", default=transformers, help='with an older PyTorch "transformers<5"')
    known, rest = parser.parse_known_args(arguments)
    question = f"import sys; sys.exit(0 if sys.version_info >= {OLDEST} else 9)"
    try:
        answer = subprocess.run([known.python, "-I", "-c", question], check=False, env=child_environment()).returncode
    except OSError as error:
        raise Stop(f"{known.python} cannot be started: {error.strerror}.") from error
    if answer:
        raise Stop(f"{known.python} is older than Python {OLDEST[0]}.{OLDEST[1]}, or none.")
    return known.python, [known.torch, known.transformers, *_packages()], rest or ["tests/engine"]


def make(python: Path, packages: Sequence[str], folder: Path) -> Path:
    """An environment in `folder` with what the engine imports, nothing of ours; returns its Python. Raises `Stop`."""
    made = subprocess.run([python, "-I", "-m", "venv", folder], check=False, env=child_environment())
    if made.returncode:
        raise Stop(f"{python} could not make a virtual environment in {folder}.")
    its = python_of(folder)
    print(f"Installing {packages[0]} and what else the engine imports for {python}", flush=True)
    try:
        pip(its, "install", *packages)
    except Failed as failed:
        raise stop_of(failed) from None
    return its


def _packages() -> list[str]:
    """What pyproject.toml names beside PyTorch and transformers."""
    extras = _extras()
    with_torch = [one for one in extras["torch"] if not one.startswith("torch")]
    return with_torch + [one for one in extras["dev"] if one.startswith(_TRAINED_WITH)]


def _extras() -> dict[str, list[str]]:
    found: dict[str, list[str]] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    return found


def temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="aienv-engine-", ignore_cleanup_errors=sys.platform == "win32")
