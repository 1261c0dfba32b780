"""Environments found by reading the disk: a home folder made by the tests, with every kind of environment in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.storage import Folders, write_json
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery import interpreters
from aienv_gui.environments.discovery.interpreters import base_interpreters
from aienv_gui.environments.discovery.look import discover, read_environment
from aienv_gui.environments.manifest import Manifest, health_file, write_health, write_manifest
from aienv_gui.environments.records import Engine, Environment, Maker, Package, Request, Verdict, VerdictState
from tests.fakes.reporters import Keeping


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("PYENV_ROOT", "WORKON_HOME", "MAMBA_ROOT_PREFIX", "CONDA_ROOT", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return home


def make_venv(prefix: Path, *packages: str, config: str = "", version: str = "3.11") -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    (prefix / "pyvenv.cfg").write_text(config or f"home = {Path(sys.executable).parent}\nversion_info = {version}.4\n")
    site = prefix / "lib" / f"python{version}" / "site-packages"
    site.mkdir(parents=True)
    for package in packages:
        (site / f"{package}.dist-info").mkdir()
    return prefix


def make_conda(prefix: Path, *records: str) -> Path:
    make_venv(prefix)
    (prefix / "pyvenv.cfg").unlink()
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").write_text("")
    for record in records:
        (prefix / "conda-meta" / f"{record}.json").write_text('{"name": "x"}\n')
    return prefix


def found_in(home: Path, folders: Folders) -> dict[str, Environment]:
    return {e.name: e for e in discover(folders, Silent()) if home in e.prefix.parents or e.maker is Maker.AIENV}


def test_every_kind_of_environment_is_found(home: Path, folders: Folders) -> None:
    make_venv(home / ".virtualenvs" / "wrapped", "Flask-3.0")
    make_venv(home / "projects" / "cats" / ".venv", "torch-2.13.0+cpu", "Pillow-11.0.0", "ruamel.yaml-0.18")
    make_venv(home / "named", config=f"home = {Path(sys.executable).parent}\nversion = 3.12.1\nprompt = 'my prompt'\n")
    make_conda(home / "miniforge3", "python-3.12.7-h1_0", "numpy-2.1.0-py312_0")
    make_conda(home / "miniforge3" / "envs" / "vision", "python-3.10.2-h1_0")
    make_conda(home / "elsewhere" / "far" / "away" / "listed", "python-3.9.1-h1_0")
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text(f"{home}/elsewhere/far/away/listed\n{home}/gone\n")
    pyenv = home / ".pyenv" / "versions" / "3.10.13"
    (pyenv / "bin").mkdir(parents=True)
    (pyenv / "bin" / "python").symlink_to(sys.executable)
    make_venv(home / "node_modules" / "hidden")
    found = found_in(home, folders)
    assert {name: e.maker for name, e in found.items()} == {
        "wrapped": Maker.VENV,
        "cats": Maker.VENV,
        "my prompt": Maker.VENV,
        "miniforge3": Maker.CONDA,
        "vision": Maker.CONDA,
        "listed": Maker.CONDA,
        "Python 3.10.13": Maker.PYENV,
    }
    assert found["cats"].packages == (
        Package("pillow", "11.0.0"),
        Package("ruamel-yaml", "0.18"),
        Package("torch", "2.13.0+cpu"),
    )
    assert found["cats"].python_version == "3.11.4"
    assert found["miniforge3"].python_version == "3.12.7"
    assert found["miniforge3"].version_of("numpy") == "2.1.0"
    assert all(e.broken is None for e in found.values())
    assert not any(e.removable for e in found.values())


def test_ours_come_with_their_name_and_health(home: Path, folders: Folders) -> None:
    prefix = make_venv(folders.environments / "my-env-123456", "numpy-2.0")
    write_manifest(prefix, Manifest(Request("图片 🙂", Engine.UV, "3.11", ()), built=1.0, build="b"))
    verdict = Verdict("imports", tr("Imports work"), VerdictState.PASSED, seconds=1.5)
    write_health(prefix, [verdict], folders)
    found = found_in(home, folders)["图片 🙂"]
    assert found.maker is Maker.AIENV
    assert found.removable
    assert found.health == (verdict,)
    assert found.validated is not None
    assert abs(found.validated - time.time()) < 60


@pytest.mark.parametrize(
    "content",
    [
        {"verdicts": None, "validated": 1.0},
        {"verdicts": [None], "validated": 1.0},
        {"verdicts": [{"check": "imports", "title": "Imports work", "state": "passed"}], "validated": 1.0},
        {"verdicts": {}, "validated": None},
        {"verdicts": [], "validated": "yesterday"},
        {},
    ],
)
def test_one_bad_file_of_verdicts_does_not_empty_the_list(
    home: Path, folders: Folders, content: dict[str, object]
) -> None:
    prefix = make_venv(folders.environments / "mine", "numpy-2.0")
    write_manifest(prefix, Manifest(Request("mine", Engine.UV, "3.11", ()), built=1.0, build="b"))
    write_json(health_file(prefix, folders), content, version=1)
    found = found_in(home, folders)["mine"]
    assert (found.health, found.validated, found.broken) == ((), None, None)


def test_own_environment_comes_first(home: Path, folders: Folders) -> None:
    first = discover(folders, Silent())[0]
    assert first.maker is Maker.BUILT_IN
    assert first.prefix == Path(sys.prefix)
    assert first.version_of("psutil")
    assert first.python_version == ".".join(str(n) for n in sys.version_info[:3])


def test_a_folder_with_two_names_is_one_environment(home: Path, folders: Folders) -> None:
    make_venv(home / "real" / "env")
    (home / ".virtualenvs").mkdir()
    (home / ".virtualenvs" / "alias").symlink_to(home / "real" / "env")
    assert list(found_in(home, folders)) == ["real"]


def test_broken_ones_say_why(home: Path, folders: Folders) -> None:
    gone = make_venv(home / "gone", config="home = /no/such/python/bin\nversion = 3.11.1\n")
    (gone / "bin" / "python").unlink()
    (gone / "bin" / "python").symlink_to("/no/such/python/bin/python3.11")
    bare = make_venv(home / "bare", config="version = 3.11.1\n")
    (bare / "bin" / "python").unlink()
    cut = make_conda(home / "miniforge3" / "envs" / "cut", "python-3.11.1-h1_0")
    (cut / "conda-meta" / "numpy-2.1.0-0.json").write_text('{"name": "numpy", "ver')
    ours = make_venv(folders.environments / "ours")
    (ours / "aienv.json").write_text('{"version": 1, "requ')
    found = found_in(home, folders)
    assert "/no/such/python/bin" in str(found["gone"].broken)
    assert "no Python interpreter" in str(found["bare"].broken)
    assert "numpy-2.1.0-0.json" in str(found["cut"].broken)
    assert "aienv.json" in str(found["ours"].broken)


def test_an_interpreter_that_was_deleted_is_not_told_as_the_python_it_was_made_from(home: Path) -> None:
    base = home / "base" / "bin"
    base.mkdir(parents=True)
    (base / "python3.11").write_text("")
    own = make_venv(home / "own", config=f"home = {base}\nversion = 3.11.1\n")
    for link in (own / "bin").iterdir():
        link.unlink()
    words = str(read_environment(own).broken)
    assert str(own / "bin" / "python") in words
    assert "gone" not in words
    assert "again" in words
    (own / "bin" / "python").symlink_to(base / "python3.11")
    (base / "python3.11").unlink()  # another Python may be left in that folder
    words = str(read_environment(own).broken)
    assert f"made from is gone: {base / 'python3.11'}" in words
    assert "Install that Python again" in words


def test_packages_of_old_pythons_are_listed(home: Path) -> None:
    prefix = make_venv(home / "old", "six-1.16.0", version="2.7")
    found = read_environment(prefix)
    assert found.python_version == "2.7.4"
    assert found.packages == (Package("six", "1.16.0"),)


def test_environment_that_vanished_is_told(tmp_path: Path) -> None:
    assert "gone" in str(read_environment(tmp_path / "nothing").broken)


def test_a_real_venv_is_read_without_running_it(home: Path, folders: Folders) -> None:
    prefix = home / "projects" / "real" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    found = found_in(home, folders)["real"]
    assert found.python_version == ".".join(str(n) for n in sys.version_info[:3])
    assert found.broken is None


def test_discovery_can_be_cancelled(home: Path, folders: Folders) -> None:
    with pytest.raises(Cancelled):
        discover(folders, Keeping(lambda _: True))


def test_discovery_is_fast(home: Path, folders: Folders) -> None:
    for number in range(30):
        make_venv(home / "projects" / f"p{number}" / ".venv", *(f"package{n}-1.0" for n in range(100)))
    discover(folders, Silent())
    started = time.perf_counter()
    assert len(found_in(home, folders)) == 30
    assert time.perf_counter() - started < 2


def test_base_interpreters_start_with_our_own_and_are_no_environments(home: Path) -> None:
    found = base_interpreters()
    assert found[0].version == ".".join(str(n) for n in sys.version_info[:3])
    assert len({base.minor for base in found}) == len(found)
    for base in found:
        assert os.access(base.path, os.X_OK)
        assert not (base.prefix / "pyvenv.cfg").exists()


def test_interpreters_of_pyenv_and_uv_are_found_by_their_folders(home: Path) -> None:
    for place in (home / ".pyenv/versions/3.13.5/bin", home / ".local/share/uv/python/cpython-3.14.2-linux/bin"):
        place.mkdir(parents=True)
        program = place / ("python3.13" if "3.13" in str(place) else "python3.14")
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    free_threaded = home / ".pyenv/versions/3.13.6t/bin/python3.13t"
    free_threaded.parent.mkdir(parents=True)
    free_threaded.write_text("#!/bin/sh\n")
    versions = {base.version for base in interpreters.every_interpreter() if home in base.path.parents}
    assert versions == {"3.13.5", "3.14.2"}
