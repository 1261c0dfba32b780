"""Every tool's environments are found where the tool puts them, and told as that tool's."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

import pytest

from aienv_gui.core.processes import run
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.discovery.look import discover
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.environments.uv.command import uv_program

HOME = f"home = {Path(sys.executable).parent}\n"
VIRTUALENV = HOME + "version_info = 3.11.4.final.0\nvirtualenv = 20.26.2\n"
_VARIABLES = (
    "ASDF_DATA_DIR",
    "CONDA_ENVS_PATH",
    "CONDA_EXE",
    "CONDA_ROOT",
    "CONDARC",
    "LOCALAPPDATA",
    "MAMBA_ROOT_PREFIX",
    "PIPX_HOME",
    "PIXI_HOME",
    "POETRY_CACHE_DIR",
    "POETRY_VIRTUALENVS_PATH",
    "PYENV_ROOT",
    "UV_PYTHON_INSTALL_DIR",
    "UV_TOOL_DIR",
    "VIRTUAL_ENV",
    "WORKON_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return home


def venv(prefix: Path, config: str = HOME + "version = 3.11.4\n") -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    (prefix / "pyvenv.cfg").write_text(config)
    return prefix


def conda(prefix: Path, history: str = "") -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").write_text(history)
    (prefix / "conda-meta" / "python-3.12.7-h1_0.json").write_text('{"name": "python"}\n')
    return prefix


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def seen(home: Path, folders: Folders) -> dict[Path, Environment]:
    return {e.prefix: e for e in discover(folders, Silent()) if home in e.prefix.parents}


def found(prefix: Path, home: Path, folders: Folders) -> Environment:
    return seen(home, folders)[prefix]


def test_the_real_uv_is_told_from_venv(home: Path, folders: Folders) -> None:
    commands: list[list[str | Path]] = [
        [uv_program(), "venv", "--no-config", "--python", sys.executable, home / "work" / "cats" / ".venv"],
        [sys.executable, "-m", "venv", "--without-pip", home / "work" / "dogs" / ".venv"],
    ]
    for command in commands:
        assert run(command, timeout_s=60).code == 0
    cats = found(home / "work" / "cats" / ".venv", home, folders)
    assert (cats.maker, cats.name, cats.project) == (Maker.UV, "cats", home / "work" / "cats")
    assert found(home / "work" / "dogs" / ".venv", home, folders).maker is Maker.VENV


def test_pixi_environments_name_their_project(home: Path, folders: Folders) -> None:
    project = home / "code" / "cats"
    write(project / "pixi.toml")
    usual = conda(project / ".pixi" / "envs" / "default")
    other = conda(project / ".pixi" / "envs" / "cuda")
    program = conda(home / ".pixi" / "envs" / "ripgrep")
    everything = seen(home, folders)
    assert {e.maker for e in everything.values()} == {Maker.PIXI}
    assert (everything[usual].name, everything[usual].project) == ("cats", project)
    assert everything[other].name == "cats (cuda)"
    assert (everything[program].name, everything[program].project) == ("ripgrep", None)


@pytest.mark.parametrize(
    ("history", "maker"),
    [
        ("==> 2026-01-01 00:00:00 <==\n# cmd: /opt/conda/bin/conda create -n a python\n", Maker.CONDA),
        ("# cmd: /home/u/miniforge3/bin/mamba create -n a\n", Maker.MAMBA),
        ("# cmd: micromamba create -n a\n# cmd: conda install numpy\n", Maker.MICROMAMBA),
        ("# cmd: \n", Maker.CONDA),
        ("", Maker.CONDA),
    ],
)
def test_who_made_a_conda_environment_stands_in_its_history(
    home: Path, folders: Folders, history: str, maker: Maker
) -> None:
    prefix = conda(home / "micromamba" / "envs" / "a", history)
    assert found(prefix, home, folders).maker is maker


def test_conda_environments_are_found_by_lists_and_settings(
    home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = home / "a" / "b" / "c" / "d" / "e" / "f"
    write(home / ".conda" / "environments.txt", f"{far}/listed\n\n{far}/gone\nnot\0a path\n")
    write(home / ".condarc", f"envs_dirs:\n  - {far}/store\n  - ~/.hidden/store\n")
    monkeypatch.setenv("CONDA_EXE", str(far / "root" / "bin" / "conda"))
    expected = {
        conda(far / "listed"),
        conda(far / "store" / "one"),
        conda(home / ".hidden" / "store" / "two"),
        conda(far / "root" / "envs" / "three"),
        conda(far / "root"),
    }
    # An unpacked package has the shape of a prefix.
    conda(far / "root" / "pkgs" / "python-3.12.7-h1_0")
    write(home / ".conda" / "environments.txt", f"{far}/listed\n{far}/root/pkgs/python-3.12.7-h1_0\n")
    assert set(seen(home, folders)) == expected


def test_pipenv_and_virtualenvwrapper_name_the_project(
    home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipenv = venv(home / ".local/share/virtualenvs/cats-A1_b-2C3", VIRTUALENV)
    write(pipenv / ".project", f"{home}/code/Cats and dogs\n")
    lost = venv(home / ".local/share/virtualenvs/birds-A1_b-2C4", VIRTUALENV)
    monkeypatch.setenv("WORKON_HOME", str(home / ".wrapped"))
    wrapped = venv(home / ".wrapped" / "fish", VIRTUALENV)
    write(wrapped / ".project", f"{home}/code/fish")
    everything = seen(home, folders)
    assert (everything[pipenv].maker, everything[pipenv].name) == (Maker.PIPENV, "Cats and dogs")
    assert everything[pipenv].project == home / "code" / "Cats and dogs"
    assert (everything[wrapped].maker, everything[wrapped].name) == (Maker.VIRTUALENV, "fish")
    assert everything[wrapped].project == home / "code" / "fish"
    assert everything[lost].maker is Maker.VIRTUALENV  # nothing says that it is Pipenv's
    in_project = venv(home / "code" / "worms" / ".venv", VIRTUALENV)
    write(home / "code" / "worms" / "Pipfile")
    assert found(in_project, home, folders).maker is Maker.PIPENV


def test_poetry_environments_name_the_project(home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    project = home / "code" / "cats"
    write(project / "pyproject.toml")
    mark = base64.urlsafe_b64encode(hashlib.sha256(str(project).encode()).digest()).decode()[:8]
    ours = venv(home / ".cache/pypoetry/virtualenvs" / f"cat-pictures-{mark}-py3.11", VIRTUALENV)
    theirs = venv(home / ".cache/pypoetry/virtualenvs" / "other-AAAAAAAA-py3.11", VIRTUALENV)
    inside = venv(home / "code" / "dogs" / ".venv", VIRTUALENV)
    write(home / "code" / "dogs" / "poetry.toml", "[virtualenvs]\nin-project = true\n")
    write(home / ".config/pypoetry/config.toml", f'[virtualenvs]\npath = "{home}/elsewhere/poetry/deep/envs"\n')
    set_elsewhere = venv(home / "elsewhere/poetry/deep/envs/birds-BBBBBBBB-py3.12", VIRTUALENV)
    everything = seen(home, folders)
    assert {e.maker for e in everything.values()} == {Maker.POETRY}
    assert (everything[ours].name, everything[ours].project) == ("cat-pictures", project)
    assert (everything[theirs].name, everything[theirs].project) == ("other", None)
    assert (everything[inside].name, everything[inside].project) == ("dogs", home / "code" / "dogs")
    assert everything[set_elsewhere].name == "birds"
    assert seen(home, folders) == everything  # also as it was kept


def test_programs_of_uv_and_pipx(home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    ruff = venv(home / ".local/share/uv/tools/ruff", HOME + "uv = 0.9.1\nversion_info = 3.12.1\n")
    write(ruff / "uv-receipt.toml")
    black = venv(home / ".local/share/pipx/venvs/black")
    monkeypatch.setenv("UV_TOOL_DIR", str(home / "own" / "tools"))
    httpie = venv(home / "own/tools/httpie", HOME + "uv = 0.9.1\n")
    everything = seen(home, folders)
    assert {p: (e.maker, e.name) for p, e in everything.items()} == {
        ruff: (Maker.UV_TOOL, "ruff"),
        black: (Maker.PIPX, "black"),
        httpie: (Maker.UV_TOOL, "httpie"),
    }


def test_pythons_of_version_managers(home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def python(prefix: Path, version: str) -> Path:
        program = write(prefix / "bin" / f"python{version}", "#!/bin/sh\n")
        program.chmod(0o755)
        (prefix / "bin" / "python").symlink_to(program.name)
        return prefix

    pyenv = python(home / ".pyenv/versions/3.10.13", "3.10")
    named = venv(pyenv / "envs" / "cats", VIRTUALENV)
    (home / ".pyenv/versions/cats").symlink_to(named)  # pyenv-virtualenv
    asdf = python(home / ".asdf/installs/python/3.11.9", "3.11")
    mise = python(home / ".local/share/mise/installs/python/3.12.4", "3.12")
    (mise.parent / "3.12").symlink_to(mise)
    uv = python(home / ".local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu", "3.13")
    threaded = python(home / ".local/share/uv/python/cpython-3.14.0+freethreaded-linux-x86_64-gnu", "3.14t")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(home / "pythons"))
    own = python(home / "pythons" / "pypy-3.11.13-linux-x86_64-gnu", "3.11")
    (home / "pythons" / ".temp").mkdir()
    everything = seen(home, folders)
    assert {p: e.maker for p, e in everything.items()} == {
        pyenv: Maker.PYENV,
        named: Maker.VIRTUALENV,
        asdf: Maker.ASDF,
        mise: Maker.MISE,
        uv: Maker.UV_PYTHON,
        threaded: Maker.UV_PYTHON,
        own: Maker.UV_PYTHON,
    }
    assert everything[asdf].name == "Python 3.11.9"
    assert everything[mise].python_version == "3.12.4"


def test_homebrew_is_told_by_its_place(home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = home / ".linuxbrew/Cellar/python@3.12/3.12.4"
    program = write(prefix / "bin" / "python3.12", "#!/bin/sh\n")
    program.chmod(0o755)
    link = home / ".linuxbrew" / "bin" / "python3.12"
    link.parent.mkdir(parents=True)
    link.symlink_to(program)
    environment = found(prefix, home, folders)
    assert (environment.maker, environment.python_version) == (Maker.HOMEBREW, "3.12.4")


def test_other_test_runners_and_editors(home: Path, folders: Folders) -> None:
    tox = venv(home / "code" / "cats" / ".tox" / "py311", VIRTUALENV)
    nox = venv(home / "code" / "cats" / ".nox" / "tests", VIRTUALENV)
    editor = conda(home / "code" / "dogs" / ".conda")
    hatch = venv(home / ".local/share/hatch/env/virtual/cats/AbCd/cats", VIRTUALENV)
    everything = seen(home, folders)
    assert set(everything) == {tox, nox, editor, hatch}
    assert everything[editor].name == "dogs"


def test_a_conda_installation_in_a_strange_place_brings_its_environments(home: Path, folders: Folders) -> None:
    root = conda(home / "software" / "my conda")
    inner = conda(root / "envs" / "cats")
    assert set(seen(home, folders)) == {root, inner}


def test_kept_ones_belong_to_their_maker(home: Path, folders: Folders) -> None:
    prefix = venv(home / "code" / "cats" / ".venv")
    assert found(prefix, home, folders).maker is Maker.VENV
    (prefix / "pyvenv.cfg").write_text(VIRTUALENV)
    assert found(prefix, home, folders).maker is Maker.VIRTUALENV
    data = json.loads((folders.cache / "environments.json").read_text())
    assert [entry["maker"] for entry in data["environments"] if entry["prefix"] == str(prefix)] == ["virtualenv"]
