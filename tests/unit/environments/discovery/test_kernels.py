"""Jupyter's kernels on a real disk: whose they are, which point nowhere, and how one is taken away and put back."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.discovery.kernels import Kernel, kernels, lost_kernels, put_back, remove, user_folders
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.records import Environment
from tests.fakes.reporters import Keeping


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_PATH", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


def environment(prefix: Path, *packages: str) -> Environment:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    (prefix / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\nversion = 3.11.4\n")
    for package in packages:
        (prefix / "lib/python3.11/site-packages" / f"{package}.dist-info").mkdir(parents=True)
    return read_environment(prefix)


def kernel(store: Path, name: str, program: str, title: str = "", module: str = "ipykernel_launcher") -> Path:
    folder = store / name
    folder.mkdir(parents=True)
    data = {"argv": [program, "-m", module, "-f", "{connection_file}"], "display_name": title, "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(data))
    return folder


def read(*environments: Environment) -> dict[Path, Kernel]:
    """Those of this test; a machine may have others."""
    found = kernels(environments, Silent())
    return {each.folder: each for each in found if "pytest" in str(each.folder)}


def test_kernels_belong_to_environments(home: Path) -> None:
    cats = environment(home / "cats", "ipykernel-6.0")
    store = user_folders()[0]
    by_path = kernel(store, "cats", str(cats.python), "Cats (Python 3.11)")
    inside = kernel(cats.prefix / "share/jupyter/kernels", "python3", "python", "Python 3")
    (home / "alias").symlink_to(cats.prefix)
    by_alias = kernel(store, "alias", str(home / "alias" / "bin" / "python"))
    found = read(cats)
    assert {folder: each.environment for folder, each in found.items()} == dict.fromkeys(
        (by_path, inside, by_alias), cats.prefix
    )
    assert all(each.fault is None for each in found.values())
    assert found[by_path].title == "Cats (Python 3.11)"
    assert found[by_alias].title == "alias"
    assert found[by_path].removable
    assert not found[inside].removable


def test_kernels_that_point_nowhere_say_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = user_folders()[0]
    bare = environment(home / "bare")
    other = kernel(store, "other", str(bare.python), module="xeus")
    gone = kernel(store, "gone", "/no/such/bin/python")
    command = kernel(store, "julia", "no-such-julia")
    without = kernel(store, "without", str(bare.python))
    broken = environment(home / "broken", "ipykernel-6.0")
    (broken.prefix / "bin" / "python").unlink()
    (broken.prefix / "bin" / "python").symlink_to("/no/such/python3.11")
    broken = read_environment(broken.prefix)
    links = kernel(store, "links", str(broken.python))
    stored = kernel(broken.prefix / "share/jupyter/kernels", "python3", "python")
    shell = kernel(store, "bash", "sh", module="bash_kernel")
    own_program = kernel(store, "packed", "{resource_dir}/start")
    (own_program / "start").write_text("#!/bin/sh\n")
    found = read(bare, broken)
    assert "/no/such/bin/python" in str(found[gone].fault)
    assert "no-such-julia" in str(found[command].fault)
    assert "ipykernel" in str(found[without].fault)
    assert "bare" in str(found[without].fault)
    assert "not there" in str(found[links].fault)
    assert "cannot be used" in str(found[stored].fault)
    assert found[other].fault is None
    assert found[shell].fault is None
    assert found[own_program].fault is None
    lost = lost_kernels([bare, broken], Silent())
    assert {gone, command, without, links, stored} <= {each.folder for each in lost}


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b'{"argv": []}', b'{"argv": 5}', b'{"argv": ["\\u0000"]}', b"\xff\xfe", b"[" * 60_000],
)
def test_damaged_descriptions(home: Path, content: bytes) -> None:
    folder = user_folders()[0] / "bad"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_bytes(content)
    assert "damaged" in str(read()[folder].fault)


def test_strange_folders_are_no_kernels(home: Path) -> None:
    store = user_folders()[0]
    (store / "empty").mkdir(parents=True)
    (store / "piped").mkdir()
    os.mkfifo(store / "piped" / "kernel.json")
    (store / "loop").symlink_to(store / "loop")
    loud = kernel(store, "loud", "/gone\x1b[2J", "\x1b[31mLoud\n")
    found = read()
    assert "damaged" in str(found.pop(store / "piped").fault)
    assert set(found) == {loud}
    assert found[loud].title == "[31mLoud"
    assert str(found[loud].fault).isprintable()


def test_other_folders_of_kernels(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "shared"))
    own = kernel(tmp_path / "data" / "kernels", "own", "/gone")
    shared = kernel(tmp_path / "shared" / "kernels", "shared", "/gone")
    old = kernel(home / ".ipython" / "kernels", "old", "/gone")
    assert {folder: each.removable for folder, each in read().items()} == {own: True, shared: False, old: True}


def test_a_removed_kernel_can_be_put_back(home: Path) -> None:
    store = user_folders()[0]
    folder = kernel(store, "gone", "/no/such/bin/python", "Gone")
    content = (folder / "kernel.json").read_bytes()
    removed = remove(read()[folder], Silent())
    assert not folder.exists()
    assert read() == {}
    assert (removed.kept / "kernel.json").read_bytes() == content
    put_back(removed, Silent())
    assert (folder / "kernel.json").read_bytes() == content
    again = remove(read()[folder], Silent())
    kernel(store, "gone", "/another/bin/python")
    with pytest.raises(Problem) as raised:
        put_back(again, Silent())
    assert raised.value.code == "kernel_there"
    assert (again.kept / "kernel.json").read_bytes() == content


def test_only_own_kernels_are_removed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "shared"))
    shared = kernel(tmp_path / "shared" / "kernels", "shared", "/gone")
    with pytest.raises(Problem) as raised:
        remove(read()[shared], Silent())
    assert raised.value.code == "not_own_kernel"
    forged = Kernel(shared, "forged", "/gone", removable=True)
    with pytest.raises(Problem):
        remove(forged, Silent())
    assert shared.is_dir()
    own = kernel(user_folders()[0], "own", "/gone")
    mine = read()[own]
    remove(mine, Silent())
    with pytest.raises(Problem):  # it is gone already
        remove(mine, Silent())


def test_a_linked_kernel_loses_its_link_only(home: Path) -> None:
    far = kernel(home / "elsewhere", "linked", "/gone")
    store = user_folders()[0]
    store.mkdir(parents=True)
    (store / "linked").symlink_to(far)
    removed = remove(read()[store / "linked"], Silent())
    assert (far / "kernel.json").is_file()
    assert removed.kept.is_symlink()
    put_back(removed, Silent())
    assert (store / "linked" / "kernel.json").is_file()


def test_reading_kernels_can_be_cancelled(home: Path) -> None:
    kernel(user_folders()[0], "any", "/gone")
    with pytest.raises(Cancelled):
        kernels([], Keeping(lambda _: True))
