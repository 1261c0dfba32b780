"""The room a plan needs on each disk, by real plans and builds; the disks' sizes are said, their files are real."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.manifest import plan_from_json, plan_to_json
from aienv_gui.environments.planning import room
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Plan, Request, Sources
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_source, make_wheel, sample_packages


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    make_wheel(tmp_path / "served", "heavy", files={"heavy.py": "x = 1\n", "heavy.bin": os.urandom(3_000_000)})
    with LocalIndex(tmp_path / "served") as running:
        yield running


def planned(index: LocalIndex, folders: Folders, *requirements: str, name: str = "first") -> Plan:
    request = Request(name, Engine.UV, default_python(), requirements or ("heavy",))
    return make_plan(request, Sources(index_url=index.url), folders, Silent())


def two_disks(folders: Folders) -> Callable[[Path], int]:
    return lambda path: 1 if path.is_relative_to(folders.cache) else 2


def test_one_disk_takes_the_download_and_the_unpacked_packages_once(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    (need,) = plan.disks
    assert need.path == folders.environments
    assert str(need.what) == "the environment and the store of downloads"
    packages = plan.download_bytes + plan.installed_bytes
    assert packages < need.needed_bytes < packages + 1_000_000
    assert need.free_bytes > 0
    assert plan.fits
    assert plan_from_json(plan_to_json(plan)).disks == plan.disks


def test_a_second_like_environment_needs_next_to_nothing(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    transaction.build(plan, Sources(index_url=index.url), folders, Silent())
    second = planned(index, folders, name="second")
    assert second.download_bytes == 0
    assert sum(need.needed_bytes for need in second.disks) < 0.25 * plan.installed_bytes


def test_two_disks_are_told_apart_and_each_has_its_copy(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    environments, cache = room.disk_needs(plan, folders, device=two_disks(folders), free=lambda _: 10**12)
    assert (environments.path, cache.path) == (folders.environments, folders.cache)
    assert str(environments.what) == "the environment"
    assert environments.needed_bytes > plan.installed_bytes
    assert cache.needed_bytes == plan.download_bytes + plan.installed_bytes


def test_a_cache_on_another_disk_is_told_with_its_cost(index: LocalIndex, folders: Folders) -> None:
    other = next((disk for disk in (Path("/dev/shm"), Path("/run/shm")) if os.access(disk, os.W_OK)), None)
    if other is None:  # no second disk here; what it would say is tested above
        return
    with tempfile.TemporaryDirectory(dir=other) as elsewhere:
        apart = replace(folders, cache=Path(elsewhere) / "cache")
        plan = planned(index, apart)
        assert [need.path for need in plan.disks] == [apart.environments, apart.cache]
        assert any("are on different disks" in str(note) and "MB more" in str(note) for note in plan.notes)
        built = transaction.build(plan, Sources(index_url=index.url), apart, Silent())
        (binary,) = built.prefix.rglob("heavy.bin")
        assert binary.stat().st_nlink == 1


def test_a_disk_without_hard_links_is_told(
    index: LocalIndex, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert room.shares_files(folders)
    folders.cache.mkdir()
    assert room.shares_files(folders)
    assert list(folders.cache.iterdir()) == []

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(self))

    monkeypatch.setattr(Path, "hardlink_to", refuse)  # as FAT does
    assert not room.shares_files(folders)
    plan = planned(index, folders)
    assert any("cannot share files" in str(note) for note in plan.notes)
    assert plan.disks[0].needed_bytes > plan.download_bytes + 2 * plan.installed_bytes


def test_building_from_source_needs_room_for_temporary_files(index: LocalIndex, folders: Folders) -> None:
    make_source(index.folder, "clay")
    plan = planned(index, folders, "clay")
    assert str(plan.disks[0].what) == "the environment, the store of downloads and temporary files"


def test_the_disk_that_lacks_room_is_named_with_what_it_lacks(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    with pytest.raises(Problem) as raised:
        room.check_room(plan, folders, free=lambda _: 1_000_000)
    assert raised.value.code == "disk_full"
    assert str(folders.environments) in str(raised.value.cause)
    assert "1.0 MB are free" in str(raised.value.cause)
    full = replace(plan, disks=tuple(replace(need, free_bytes=1000) for need in plan.disks))
    assert not full.fits
    room.check_room(full, folders)  # what the plan saw then is of no account: there is room now


def test_files_of_this_computer_on_another_disk_are_counted(index: LocalIndex, folders: Folders) -> None:
    request = Request("first", Engine.UV, default_python(), ("heavy",))
    plan = make_plan(request, Sources(find_links=(str(index.folder),), no_index=True), folders, Silent())
    assert plan.download_bytes == 0
    wheel = plan.files[0].size_bytes or 0

    def three_disks(path: Path) -> int:
        return 3 if path.is_relative_to(index.folder) else two_disks(folders)(path)

    _, cache = room.disk_needs(plan, folders, device=three_disks, free=lambda _: 10**12)
    assert cache.needed_bytes == wheel + plan.installed_bytes
    transaction.build(plan, Sources(), folders, Silent())
    second = make_plan(replace(request, name="second"), Sources(find_links=(str(index.folder),)), folders, Silent())
    assert sum(need.needed_bytes for need in second.disks) < 0.25 * plan.installed_bytes
