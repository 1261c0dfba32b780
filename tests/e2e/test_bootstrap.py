"""The bootstrap: what it does where the package source is not what it should be. Real pip, packages from a folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from aienv_gui.core.processes import clean_environment
from aienv_gui.environments.discovery.interpreters import interpreter_of
from tests.fakes.index.wheels import make_wheel

_PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
_PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bootstrap import venv
from bootstrap.failures import Stop
venv._requirements = lambda lock: ["pinned"]
try:
    venv._install_lock(Path(sys.argv[2]), Path(sys.argv[3]))
except Stop as stop:
    sys.exit(f"{stop.harmless} {stop}")
"""


def install(folder: Path, lock: str) -> tuple[str, bool]:
    """Install a lock into a fresh environment from the packages in `folder`: what was said, and whether it is there."""
    pinned = folder / "pinned.lock"
    pinned.write_text(lock, encoding="utf-8")
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = interpreter_of(environment)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, _PACKAGING, python, pinned],
        env=clean_environment({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr, any(environment.rglob("pinned.py"))


def test_what_is_pinned_is_installed(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "pinned")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    said, there = install(tmp_path, f"pinned==1.0 --hash=sha256:{digest}\n")
    assert there
    assert "Not every pinned version" not in said


def test_a_package_with_another_hash_is_refused_not_taken_without_one(tmp_path: Path) -> None:
    make_wheel(tmp_path, "pinned")
    said, there = install(tmp_path, f"pinned==1.0 --hash=sha256:{'0' * 64}\n")
    assert not there
    assert "True A package is not the one that was pinned" in said


def test_a_version_that_is_not_offered_is_replaced_and_said(tmp_path: Path) -> None:
    make_wheel(tmp_path, "pinned")
    said, there = install(tmp_path, f"pinned==2.0 --hash=sha256:{'0' * 64}\n")
    assert there
    assert "Not every pinned version is offered here" in said
