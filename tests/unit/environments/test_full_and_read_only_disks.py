"""Changes, snapshots, names and files out where the disk is full or cannot be written: told, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments import change, snapshots, transaction
from aienv_gui.environments.files import sharing
from aienv_gui.environments.plan import make_plan
from aienv_gui.environments.recipes import default_python
from aienv_gui.environments.records import Change, Engine, Environment, Form, Request, Sources
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages

CANNOT_MOUNT = not hasattr(os, "geteuid") or os.geteuid() != 0

pytestmark = pytest.mark.skipif(CANNOT_MOUNT, reason="only root can make a small disk")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of six megabytes, for the environments alone."""
    place = tmp_path / "small disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=False)
    if made.returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def tight(folders: Folders, disk: Path) -> Folders:
    return replace(folders, data=disk / "data")


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    sample_packages(tmp_path / "served")
    make_wheel(tmp_path / "served", "huge", files={"huge.bin": os.urandom(6_000_000), "huge.py": "x = 1\n"})
    with LocalIndex(tmp_path / "served") as running:
        yield Sources(index_url=running.url)


@pytest.fixture
def mine(tight: Folders, sources: Sources) -> Environment:
    request = Request("mine", Engine.UV, default_python(), ("colours", "brush"))
    return transaction.build(make_plan(request, sources, tight, Silent()), sources, tight, Silent())


def fill(disk: Path) -> Path:
    """Write until not a byte goes on it any more."""
    target = disk / "fill"
    with target.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return target


def contents(environment: Environment) -> dict[str, bytes]:
    return {
        str(path.relative_to(environment.prefix)): path.read_bytes()
        for path in environment.prefix.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def assert_nothing_staged(folders: Folders) -> None:
    assert [path.name for path in folders.staging.iterdir() if path.name != ".locks"] == []


def test_a_change_whose_disk_fills_up_leaves_the_environment_as_it_was(
    mine: Environment, tight: Folders, sources: Sources
) -> None:
    before = contents(mine)
    planned = change.plan_change(mine, Change(add=("huge",)), sources, tight, Silent())
    assert not planned.plan.fits
    unaware = replace(planned, plan=replace(planned.plan, download_bytes=0, installed_bytes=0))
    with pytest.raises(Problem) as raised:
        transaction.change(unaware, sources, tight, Silent())
    assert raised.value.code == "disk_full"
    assert raised.value.cure is not None
    assert contents(mine) == before
    assert snapshots.snapshots_of(mine, tight) == ()
    assert_nothing_staged(tight)


Work = Callable[[Environment, Folders, Path], object]


def _snapshot(mine: Environment, folders: Folders, _disk: Path) -> object:
    return snapshots.take(mine, folders, Silent())


def _rename(mine: Environment, folders: Folders, _disk: Path) -> object:
    return transaction.rename_environment(mine, "another", folders, Silent())


def _share(mine: Environment, folders: Folders, disk: Path) -> object:
    return sharing.export(mine, Form.REQUIREMENTS, disk / "list.txt", Silent(), folders)


@pytest.mark.parametrize("work", [_snapshot, _rename, _share])
@pytest.mark.parametrize("code", ["disk_full", "read_only"])
def test_what_cannot_be_written_is_told_and_nothing_changes(
    mine: Environment, tight: Folders, disk: Path, work: Work, code: str
) -> None:
    before = contents(mine)
    if code == "disk_full":
        fill(disk)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(Problem) as raised:
        work(mine, tight, disk)
    assert raised.value.code == code
    assert raised.value.cure is not None
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    (disk / "fill").unlink(missing_ok=True)
    assert contents(mine) == before
    assert snapshots.snapshots_of(mine, tight) == ()
    assert not (disk / "list.txt").exists()
    assert_nothing_staged(tight)
    assert work(mine, tight, disk)  # with room it goes


def test_going_back_on_a_full_disk_changes_nothing_and_keeps_the_way_back(
    mine: Environment, tight: Folders, disk: Path
) -> None:
    kept = snapshots.take(mine, tight, Silent())
    before = contents(mine)
    filler = fill(disk)
    with pytest.raises(Problem) as raised:
        snapshots.restore(mine, kept, tight, Silent())
    assert raised.value.code == "disk_full"
    assert contents(mine) == before
    assert [one.folder for one in snapshots.snapshots_of(mine, tight)] == [kept.folder]
    filler.unlink()
    assert_nothing_staged(tight)
    assert snapshots.restore(mine, kept, tight, Silent()).packages == mine.packages


def test_deleting_frees_a_full_disk(mine: Environment, tight: Folders, disk: Path) -> None:
    fill(disk)
    transaction.delete(mine, tight, Silent())
    assert not mine.prefix.exists()
    assert_nothing_staged(tight)
