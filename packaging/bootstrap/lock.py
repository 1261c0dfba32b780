"""Writes the locks: every version and hash of what pyproject.toml asks for, for Linux, Windows and macOS at once."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bootstrap.failures import Stop
from bootstrap.places import LOCKS, PYPROJECT, ROOT

# What torch itself needs. torch is not locked: which build suits depends on the machine (see torch_wheel).
_NEEDED_BY_TORCH: Final = ("filelock", "setuptools", "typing-extensions", "sympy", "networkx", "jinja2", "fsspec")
_HEAD: Final = "# Made by packaging/dev.py lock from pyproject.toml. Not to be edited.\n"


def write(python: Path, *, upgrade: bool) -> int:
    """Resolve anew (`upgrade`), or keep what still fits. The developers' lock first: the other is a part of it."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"], *_NEEDED_BY_TORCH]
    wanted += [requirement for requirement in extras["torch"] if not requirement.startswith("torch")]
    _compile(python, [*wanted, *extras["dev"]], LOCKS["test"], ["--upgrade"] if upgrade else [])
    _compile(python, wanted, LOCKS["run"], ["--upgrade", "--constraints", str(LOCKS["test"])])
    return 0


def _compile(python: Path, requirements: Sequence[str], lock: Path, options: Sequence[str]) -> None:
    lowest = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["requires-python"].removeprefix(">=")
    command = [
        *(python, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"),
        *("--python-version", lowest, "--output-file", lock, *options, "-"),
    ]
    # The locks name what the public index offers, whatever this machine has beside it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    done = subprocess.run(
        command,
        input="\n".join(requirements),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise Stop(f"uv could not resolve the requirements:\n{done.stderr.strip()[-1500:]}")
    lock.write_text(_HEAD + lock.read_text(encoding="utf-8").removeprefix(_HEAD), encoding="utf-8")
    count = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
    print(f"{lock.relative_to(ROOT).as_posix()}: {count} packages")
