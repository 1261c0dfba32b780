"""The wheel holds the resources, and the installed application finds them, in a checkout and out of a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aienv_gui.core.storage import resource

_ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the build backend itself, with nothing downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    script = (
        f"import hatchling.build, os; os.chdir({str(_ROOT)!r}); print(hatchling.build.build_wheel({str(folder)!r}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


def _resources_of_the_checkout() -> set[str]:
    root = _ROOT / "resources"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_every_resource_and_module_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = {f"aienv_gui/resources/{name}" for name in _resources_of_the_checkout()} - names
    assert not missing
    modules = {path.relative_to(_ROOT).as_posix() for path in (_ROOT / "aienv_gui").rglob("*.py")}
    assert not modules - names
    # What the engine ships beside its modules must come along.
    assert "aienv_gui/engine/presets.json" in names
    assert not [name for name in names if name.startswith(("tests/", "packaging/")) or "__pycache__" in name]


def test_an_installed_wheel_finds_its_resources_and_starts(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    script = (
        "from aienv_gui.core.storage import resource; import aienv_gui.core.storage as s;"
        "print(s.__file__); print(resource('locale/zh_CN').is_dir()); print(resource('samples/digits.zip').is_file());"
        "from aienv_gui.__main__ import main; main(['--version'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, locale, sample, version = done.stdout.splitlines()
    assert Path(where).is_relative_to(site)
    assert (locale, sample) == ("True", "True")
    assert version.startswith("AIEnv ")


def test_a_checkout_finds_its_resources() -> None:
    assert resource("samples/digits.zip") == _ROOT / "resources" / "samples" / "digits.zip"
    assert resource("samples/digits.zip").is_file()
