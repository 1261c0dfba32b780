"""The virtual environment of a checkout: made, checked, completed, mended."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from bootstrap import torch_wheel
from bootstrap.failures import Stop
from bootstrap.pip_runs import Failed, child_environment, pip, stop_of
from bootstrap.places import LOCKS, PYPROJECT, ROOT, VENV
from bootstrap.system import missing_python_parts, provide

_STAMP: Final = VENV / "aienv-bootstrap.json"  # what is installed; written last
_MAKING: Final = VENV / "aienv-being-made"  # there while something is being installed
_IMPORTS: Final = (
    "PySide6",
    "pyqtgraph",
    "numpy",
    "psutil",
    "pynvml",
    "uv",
    "rattler",
    "requests",
    "yaml",
    "aienv_gui",
)
_KEPT: Final = frozenset({"pip", "setuptools", "wheel", "aienv"})


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(level: str) -> Path:
    """Make or complete the environment for `level` (run, test) and return its Python. Raises `Stop`."""
    with _alone():
        stamp = _stamp()
        key = _key()
        if _half_made_or_broken(stamp):
            if VENV.exists():
                print("The virtual environment .venv is damaged or half made: it is made again.", flush=True)
                shutil.rmtree(VENV)
            stamp = {}
        if stamp.get("key") == key and level in stamp["levels"] and torch_wheel.settled(stamp["torch"], level):
            return python_of(VENV)
        return _complete(level, key, stamp)


def _complete(level: str, key: str, stamp: dict[str, Any]) -> Path:
    python = python_of(VENV)
    if not VENV.exists():
        print("Making the virtual environment .venv (once)", flush=True)
        _make()
    current = stamp.get("key") == key
    levels: list[str] = stamp["levels"] if current else []
    torch: str = stamp.get("torch", "")
    if level not in levels:
        lock = LOCKS["test" if level == "test" or "test" in stamp.get("levels", []) else "run"]
        with _being_made():
            _install_lock(python, lock)
            if stamp and not current:
                _prune(python, lock)
            _install_project(python)
            levels = ["run", "test"] if lock == LOCKS["test"] else ["run"]
            _write_stamp(key, levels, torch)
    if not torch_wheel.settled(torch, level):
        with _being_made():
            torch = torch_wheel.install(python, level, before=torch)
            _write_stamp(key, levels, torch)
    return python


@contextlib.contextmanager
def _being_made() -> Iterator[None]:
    """Leaves a mark when it is interrupted while packages are half installed."""
    _MAKING.touch()
    try:
        yield
    except Stop as stop:
        if stop.harmless:
            _MAKING.unlink()
        raise
    _MAKING.unlink()


def _write_stamp(key: str, levels: list[str], torch: str) -> None:
    content = {"key": key, "levels": levels, "torch": torch, "packages": sorted(_distributions(VENV))}
    _STAMP.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _key() -> str:
    """A fingerprint of everything that decides what is installed."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    parts = [json.dumps([project["project"], project["build-system"]], sort_keys=True)]
    for lock in LOCKS.values():
        if not lock.exists():
            raise Stop(
                f"{lock.relative_to(ROOT)} is missing. Unpack AIEnv again, or run: python3 packaging/dev.py lock"
            )
        parts.append(lock.read_text(encoding="utf-8"))
    parts.append(str(ROOT))  # a moved checkout has a virtual environment that points elsewhere
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _stamp() -> dict[str, Any]:
    try:
        stamp = json.loads(_STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and {"key", "levels", "torch", "packages"} <= stamp.keys() else {}


def _half_made_or_broken(stamp: dict[str, Any]) -> bool:
    if not VENV.exists():
        return True
    if not (VENV / "pyvenv.cfg").exists() and any(VENV.iterdir()) and not _MAKING.exists():
        raise Stop(f"{VENV} is there, but it is no virtual environment. Move it away, then try again.")
    if _MAKING.exists() or not python_of(VENV).exists():
        return True
    if not set(stamp.get("packages", [])) <= _distributions(VENV):
        return True
    wanted = _IMPORTS if stamp else ()
    question = (
        "import importlib.util as u, sys;"
        f"sys.exit(not (sys.version_info >= (3, 11) and sys.prefix != sys.base_prefix"
        f" and all(u.find_spec(n) for n in {wanted!r})))"
    )
    try:
        done = subprocess.run(
            [python_of(VENV), "-I", "-c", question],
            capture_output=True,
            timeout=60,
            check=False,
            env=child_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode != 0


def _distributions(venv: Path) -> set[str]:
    """The names of the metadata folders that are whole enough to have a list of their files."""
    folders = [venv / "Lib" / "site-packages"] if os.name == "nt" else list(venv.glob("lib/python3*/site-packages"))
    return {info.name for folder in folders for info in folder.glob("*.dist-info") if (info / "RECORD").exists()}


def _make() -> None:
    provide(missing_python_parts(), why="to make a virtual environment")
    VENV.mkdir()
    _MAKING.touch()
    done = subprocess.run(
        [sys.executable, "-I", "-m", "venv", VENV],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=child_environment(),
    )
    if done.returncode:
        raise Stop(f"Python could not make a virtual environment in {VENV}:\n{done.stdout.strip()[-800:]}")


def _install_lock(python: Path, lock: Path) -> None:
    print(f"Installing what AIEnv needs, as pinned in packaging/{lock.name}", flush=True)
    try:
        pip(python, "install", "--require-hashes", "-r", lock)
    except Failed as pinned:
        if not pinned.not_offered:
            raise stop_of(pinned) from None
        # A machine with a choice of wheels of its own: take what fits, and say so.
        print("Not every pinned version is offered here; taking versions that pyproject.toml allows.", flush=True)
        try:
            pip(python, "install", *_requirements(lock))
        except Failed as failed:
            raise stop_of(failed) from None


def _requirements(lock: Path) -> list[str]:
    """What pyproject.toml asks for, without pins."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += [requirement for requirement in extras["torch"] if not requirement.startswith("torch")]
    return [*wanted, *(extras["dev"] if lock == LOCKS["test"] else [])]


def _prune(python: Path, lock: Path) -> None:
    """Take out what an older lock had installed and this one does not name. What torch needs stays."""
    named = {line.partition("==")[0].lower() for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line}
    there = {name.partition("-")[0].replace("_", "-").replace(".", "-").lower() for name in _distributions(VENV)}
    gone = {n for n in there - named - _KEPT if not torch_wheel.belongs(n)}
    if gone:
        try:
            pip(python, "uninstall", "--yes", *sorted(gone))
        except Failed as failed:
            raise stop_of(failed) from None


def _install_project(python: Path) -> None:
    try:
        pip(python, "install", "--no-deps", "--no-build-isolation", "--no-index", "--editable", ROOT)
    except Failed as failed:
        raise stop_of(failed) from None


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two of these scripts at once: the second waits for the first to have made the environment."""
    name = f"aienv-bootstrap-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:16]}.lock"
    with (Path(tempfile.gettempdir()) / name).open("a+b") as file:
        if not _lock(file):
            print("Waiting for another packaging/dev.py that is making .venv", flush=True)
            while not _lock(file):
                time.sleep(0.5)
        yield


def _lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed; False where another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
