"""Changes, snapshots, names and files out where the disk is full or cannot be written: told, and nothing is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import change, snapshots, transaction
from aienv_gui.environments.files import sharing
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Change, Engine, Environment, Form, Request, Sources
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages

_NUMBERS = {"disk_full": errno.ENOSPC, "read_only": errno.EROFS}
_CHANGES = {"os.mkdir", "os.link", "os.rename"}


class Disk:
    """A disk of six megabytes where we may mount one; elsewhere a folder in which this process is refused to write."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._refusal = 0
        self.is_real = (
            sys.platform == "linux"
            and os.geteuid() == 0
            and not subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, check=False
            ).returncode
        )
        if not self.is_real:
            sys.addaudithook(self._refuse)  # it can never be taken away

    def _refuse(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._refusal or not (
            event in _CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        ):
            return
        if os.fsdecode(arguments[0]).startswith(str(self.place)):
            raise OSError(self._refusal, os.strerror(self._refusal), arguments[0])

    def spoil(self, code: str) -> None:
        """Fill it to the last byte (``disk_full``), or let nothing be written any more (``read_only``)."""
        if not self.is_real:
            self._refusal = _NUMBERS[code]
        elif code == "read_only":
            subprocess.run(["mount", "-o", "remount,ro", str(self.place)], check=True)
        else:
            with (self.place / "fill").open("wb", buffering=0) as file:
                for size in (1 << 16, 1):
                    with suppress(OSError):
                        while file.write(b"x" * size):
                            pass

    def mend(self) -> None:
        self._refusal = 0
        if self.is_real:
            subprocess.run(["mount", "-o", "remount,rw", str(self.place)], check=True)
            (self.place / "fill").unlink(missing_ok=True)

    def end(self) -> None:
        self._refusal = 0
        if self.is_real:
            subprocess.run(["umount", "-l", str(self.place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """For the environments alone."""
    place = tmp_path / "small disk"
    place.mkdir()
    disk = Disk(place)
    yield disk
    disk.end()


@pytest.fixture
def tight(folders: Folders, disk: Disk) -> Folders:
    return replace(folders, data=disk.place / "data")


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


def contents(environment: Environment) -> dict[str, bytes]:
    return {
        str(path.relative_to(environment.prefix)): path.read_bytes()
        for path in environment.prefix.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def assert_nothing_staged(folders: Folders) -> None:
    assert [path.name for path in folders.staging.iterdir() if path.name != ".locks"] == []


def test_a_change_whose_disk_fills_up_leaves_the_environment_as_it_was(
    mine: Environment, tight: Folders, sources: Sources, disk: Disk
) -> None:
    before = contents(mine)
    planned = change.plan_change(mine, Change(add=("huge",)), sources, tight, Silent())
    if disk.is_real:
        assert not planned.plan.fits
    else:
        disk.spoil("disk_full")
    unaware = replace(planned, plan=replace(planned.plan, download_bytes=0, installed_bytes=0))
    with pytest.raises(Problem) as raised:
        transaction.change(unaware, sources, tight, Silent())
    assert raised.value.code == "disk_full"
    assert raised.value.cure is not None
    disk.mend()
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
    mine: Environment, tight: Folders, disk: Disk, work: Work, code: str
) -> None:
    before = contents(mine)
    disk.spoil(code)
    with pytest.raises(Problem) as raised:
        work(mine, tight, disk.place)
    assert raised.value.code == code
    assert raised.value.cure is not None
    disk.mend()
    assert contents(mine) == before
    assert snapshots.snapshots_of(mine, tight) == ()
    assert not (disk.place / "list.txt").exists()
    assert_nothing_staged(tight)
    assert work(mine, tight, disk.place)  # with room it goes


def test_going_back_on_a_full_disk_changes_nothing_and_keeps_the_way_back(
    mine: Environment, tight: Folders, disk: Disk
) -> None:
    kept = snapshots.take(mine, tight, Silent())
    before = contents(mine)
    disk.spoil("disk_full")
    with pytest.raises(Problem) as raised:
        snapshots.restore(mine, kept, tight, Silent())
    assert raised.value.code == "disk_full"
    assert contents(mine) == before
    assert [one.folder for one in snapshots.snapshots_of(mine, tight)] == [kept.folder]
    disk.mend()
    assert_nothing_staged(tight)
    assert snapshots.restore(mine, kept, tight, Silent()).packages == mine.packages


def test_deleting_frees_a_full_disk(mine: Environment, tight: Folders, disk: Disk) -> None:
    if disk.is_real:
        disk.spoil("disk_full")
    transaction.delete(mine, tight, Silent())
    assert not mine.prefix.exists()
    assert_nothing_staged(tight)
