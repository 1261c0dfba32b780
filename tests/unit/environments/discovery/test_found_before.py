"""The list as last seen: there at once, right after every change, and never in the way."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery import found_before
from aienv_gui.environments.discovery import look as discovery
from aienv_gui.environments.discovery.look import discover, read_environment
from aienv_gui.environments.manifest import Manifest, write_health, write_manifest
from aienv_gui.environments.records import Engine, Environment, Maker, Package, Request, Verdict, VerdictState


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("PYENV_ROOT", "WORKON_HOME", "MAMBA_ROOT_PREFIX", "CONDA_ROOT", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def was_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The prefixes that were read from the disk, in turn."""
    prefixes: list[Path] = []

    def noting(prefix: Path, maker: Maker | None, folders: Folders | None) -> Environment:
        prefixes.append(prefix)
        return read_environment(prefix, maker, folders)

    monkeypatch.setattr(discovery, "read_environment", noting)
    return prefixes


def make(prefix: Path, *packages: str) -> Path:
    """An environment whose Python lies in a folder of its own."""
    base = prefix.parent / f"{prefix.name}-python" / "bin"
    base.mkdir(parents=True)
    (base / "python3.11").symlink_to(sys.executable)
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(base / "python3.11")
    (prefix / "pyvenv.cfg").write_text(f"home = {base}\nversion = 3.11.4\n")
    for package in packages:
        (prefix / "lib/python3.11/site-packages" / f"{package}.dist-info").mkdir(parents=True)
    return prefix


def look(home: Path, folders: Folders) -> dict[Path, Environment]:
    return {e.prefix: e for e in discover(folders, Silent()) if home in e.prefix.parents or e.maker is Maker.AIENV}


def test_the_kept_list_is_the_list(home: Path, folders: Folders) -> None:
    prefix = make(home / "cats", "torch-2.13.0+cpu", "numpy-2.0")
    ours = make(folders.environments / "ours", "numpy-2.0")
    write_manifest(ours, Manifest(Request("图片 🙂", Engine.UV, "3.11", ()), built=1.0, build="b"))
    verdict = Verdict(
        "imports", tr("Imports work"), VerdictState.WARNING, detail=tr("Its folder is gone."), seconds=1.5
    )
    write_health(ours, [verdict], folders, [Package("numpy", "2.0")])
    broken = make(home / "broken")
    (broken / "bin" / "python").unlink()
    found = discover(folders, Silent())
    kept = tuple(seen.environment for seen in found_before.read(folders))
    assert kept == found
    assert {prefix, ours, broken} <= {environment.prefix for environment in kept}
    assert next(e for e in kept if e.prefix == ours).health == (verdict,)


def test_nothing_is_read_twice(home: Path, folders: Folders, was_read: list[Path]) -> None:
    make(home / "cats", "numpy-2.0")
    first = look(home, folders)
    assert was_read
    was_read.clear()
    assert look(home, folders) == first
    assert was_read == []


def _install(prefix: Path) -> None:
    (prefix / "lib/python3.11/site-packages/new-1.0.dist-info").mkdir()


def _other_python(prefix: Path) -> None:
    (prefix / "lib/python3.12/site-packages/newer-1.0.dist-info").mkdir(parents=True)


def _configure(prefix: Path) -> None:
    (prefix / "pyvenv.cfg").write_text((prefix / "pyvenv.cfg").read_text().replace("3.11.4", "3.11.5"))


def _remove_interpreter(prefix: Path) -> None:
    (prefix / "bin" / "python").unlink()


def _remove_base(prefix: Path) -> None:
    (prefix.parent / f"{prefix.name}-python" / "bin" / "python3.11").unlink()


def _become_conda(prefix: Path) -> None:
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "python-3.11.9-0.json").write_text("{}")


def _describe(prefix: Path) -> None:
    write_manifest(prefix, Manifest(Request("new name", Engine.UV, "3.11", ()), built=1.0, build="b"))


@pytest.mark.parametrize(
    "change",
    [_install, _other_python, _configure, _remove_interpreter, _remove_base, _become_conda, _describe],
)
def test_what_changed_is_read_again(home: Path, folders: Folders, change: object) -> None:
    assert callable(change)
    prefix = make(home / "cats", "numpy-2.0")
    before = look(home, folders)[prefix]
    change(prefix)
    after = look(home, folders)[prefix]
    assert after != before
    assert after == replace(read_environment(prefix), health=after.health)


def test_a_validation_counts_at_once(home: Path, folders: Folders, was_read: list[Path]) -> None:
    prefix = make(home / "cats", "numpy-2.0")
    environment = look(home, folders)[prefix]
    assert environment.validated is None
    verdict = Verdict("imports", tr("Imports work"), VerdictState.PASSED)
    write_health(prefix, [verdict], folders, environment.packages)
    assert look(home, folders)[prefix].health == (verdict,)
    assert look(home, folders)[prefix].health == (verdict,)  # as kept
    _install(prefix)
    after = look(home, folders)[prefix]
    assert after.health == ()  # other packages: what was found is not true any more
    assert after.validated is not None


def test_a_conda_package_counts_at_once(home: Path, folders: Folders) -> None:
    prefix = make(home / "miniforge3" / "envs" / "cats")
    _become_conda(prefix)
    assert look(home, folders)[prefix].version_of("numpy") is None
    (prefix / "conda-meta" / "numpy-2.0-0.json").write_text("{}")
    assert look(home, folders)[prefix].version_of("numpy") == "2.0"


def test_what_is_gone_disappears(home: Path, folders: Folders) -> None:
    prefix = make(home / "cats")
    assert prefix in look(home, folders)
    prefix.rename(home / ".hidden")
    assert any(seen.environment.prefix == prefix for seen in found_before.read(folders))
    assert prefix not in look(home, folders)
    assert all(seen.environment.prefix != prefix for seen in found_before.read(folders))


def test_what_lies_too_deep_to_be_found_again_stays(home: Path, folders: Folders, tmp_path: Path) -> None:
    """Found by a list that is not there any more."""
    prefix = make(tmp_path / "far" / "a" / "b" / "c" / "d" / "e" / "cats")
    _become_conda(prefix)
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text(f"{prefix}\n")
    assert prefix in {e.prefix for e in discover(folders, Silent())}
    (home / ".conda" / "environments.txt").unlink()
    assert prefix in {e.prefix for e in discover(folders, Silent())}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"version": 99, "environments": []}',
        b'{"version": 1}',
        b'{"version": 1, "environments": [{}]}',
        b'{"version": 1, "environments": [{"prefix": 1}]}',
        b"\xff\xfe" * 1000,
        b"[" * 100_000,
    ],
)
def test_a_damaged_list_is_no_list(home: Path, folders: Folders, content: bytes) -> None:
    prefix = make(home / "cats", "numpy-2.0")
    folders.cache.mkdir(parents=True)
    (folders.cache / "environments.json").write_bytes(content)
    assert found_before.read(folders) == ()
    assert prefix in look(home, folders)
    assert json.loads((folders.cache / "environments.json").read_bytes())["version"] == 1


def test_a_pipe_in_its_place_is_not_waited_for(home: Path, folders: Folders) -> None:
    folders.cache.mkdir(parents=True)
    os.mkfifo(folders.cache / "environments.json")
    started = time.monotonic()
    assert found_before.read(folders) == ()
    assert time.monotonic() - started < 2


def test_another_installation_has_another_environment_of_its_own(
    home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    discover(folders, Silent())
    assert any(seen.environment.maker is Maker.BUILT_IN for seen in found_before.read(folders))
    monkeypatch.setattr(sys, "prefix", str(home / "elsewhere"))
    assert not any(seen.environment.maker is Maker.BUILT_IN for seen in found_before.read(folders))
