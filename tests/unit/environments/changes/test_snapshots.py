"""Snapshots of environments, and swaps that are killed between their renames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core import storage
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import snapshots, staging, transaction
from aienv_gui.environments.changes.change import plan_change
from aienv_gui.environments.discovery.look import discover
from aienv_gui.environments.health.integrity import site_packages
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Change, Difference, Engine, Environment, Maker, Request, Sources
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    sample_packages(tmp_path / "served")
    for number in range(8):
        make_wheel(tmp_path / "served", f"extra{number}", "1.0")
    with LocalIndex(tmp_path / "served") as running:
        yield Sources(index_url=running.url)


@pytest.fixture
def environment(sources: Sources, folders: Folders) -> Environment:
    request = Request("first", Engine.UV, default_python(), ("brush",))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


def ours(folders: Folders) -> list[Environment]:
    return [found for found in discover(folders, Silent()) if found.maker is Maker.AIENV]


def names(environment: Environment) -> set[str]:
    return {package.name for package in environment.packages}


def add(environment: Environment, package: str, sources: Sources, folders: Folders) -> Environment:
    planned = plan_change(environment, Change(add=(package,)), sources, folders, Silent())
    return transaction.change(planned, sources, folders, Silent())


def test_a_snapshot_takes_no_room_for_what_is_shared(environment: Environment, folders: Folders) -> None:
    snapshot = snapshots.take(environment, folders, Silent())
    assert snapshot.kept
    assert snapshot.packages == environment.packages
    data = [
        next(site_packages(place)[0].glob("brush_data.bin")) for place in (environment.prefix, snapshot.folder / "env")
    ]
    assert data[0].stat().st_ino == data[1].stat().st_ino
    note = [place / "aienv.json" for place in (environment.prefix, snapshot.folder / "env")]
    assert note[0].stat().st_ino != note[1].stat().st_ino  # a program may write into what only this one has
    assert note[0].read_bytes() == note[1].read_bytes()
    assert (snapshot.folder / "env" / "bin" / "python").is_symlink()
    assert ours(folders) == [environment]


def test_only_the_newest_states_before_changes_stay(
    environment: Environment, sources: Sources, folders: Folders
) -> None:
    taken = snapshots.take(environment, folders, Silent())
    for number in range(7):
        environment = add(environment, f"extra{number}", sources, folders)
    found = snapshots.snapshots_of(environment, folders)
    assert len(found) == 6
    assert found[-1] == taken
    assert [snapshot.taken for snapshot in found] == sorted((snapshot.taken for snapshot in found), reverse=True)
    snapshots.delete(environment, taken, folders, Silent())
    assert taken not in snapshots.snapshots_of(environment, folders)
    with pytest.raises(Problem, match="no longer there"):
        snapshots.restore(environment, taken, folders, Silent())


def test_going_back_keeps_the_present_name_and_what_the_user_took(
    environment: Environment, sources: Sources, folders: Folders
) -> None:
    taken = snapshots.take(environment, folders, Silent())
    changed = add(environment, "extra0", sources, folders)
    renamed = transaction.rename_environment(changed, "another name", folders, Silent())
    back = snapshots.restore(renamed, taken, folders, Silent())
    assert (back.name, names(back)) == ("another name", names(environment))
    found = snapshots.snapshots_of(back, folders)
    assert [snapshot.kept for snapshot in found].count(True) == 1
    assert any(snapshot.folder == taken.folder for snapshot in found)
    assert [path.name for path in folders.staging.iterdir()] == [".locks"]
    again = snapshots.restore(back, snapshots.snapshots_of(back, folders)[0], folders, Silent())  # undone
    assert (again.name, names(again)) == ("another name", names(changed))


def test_deleting_the_environment_deletes_its_snapshots(environment: Environment, folders: Folders) -> None:
    snapshots.take(environment, folders, Silent())
    transaction.delete(environment, folders, Silent())
    assert not (folders.snapshots / "first").exists()
    assert ours(folders) == []


def test_a_new_environment_does_not_inherit_snapshots(
    environment: Environment, sources: Sources, folders: Folders
) -> None:
    snapshots.take(environment, folders, Silent())
    staging.remove(environment.prefix)  # outside the program
    request = Request("first", Engine.UV, default_python(), ("paint",))
    anew = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
    assert snapshots.snapshots_of(anew, folders) == ()


@pytest.mark.parametrize("renames", [0, 1, 2])
@pytest.mark.parametrize("restoring", [False, True])
def test_a_swap_that_was_killed_is_finished(
    renames: int,
    restoring: bool,
    environment: Environment,
    sources: Sources,
    folders: Folders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After so many of the renames the power goes; nothing of what comes after them is done."""
    prefix = environment.prefix
    if restoring:
        present = add(environment, "extra0", sources, folders)
        snapshot = snapshots.snapshots_of(present, folders)[0]
    else:
        present = environment
        planned = plan_change(environment, Change(add=("extra0",)), sources, folders, Silent())

    def work() -> None:
        if restoring:
            snapshots.restore(present, snapshot, folders, Silent())
        else:
            transaction.change(planned, sources, folders, Silent())

    done = 0
    original = storage.replace

    def failing(source: Path, target: Path) -> None:
        nonlocal done
        if prefix in (source, target):
            if done == renames:
                raise KeyboardInterrupt
            done += 1
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(staging, "rename", failing)
        for module in (snapshots, transaction):
            patch.setattr(module, "sweep", lambda place, folders: None)
            patch.setattr(module, "close_place", lambda place, folders: None)
            patch.setattr(module, "remove", lambda folder: None)
        if renames == 2:
            patch.setattr(staging, "sync_folder", _killed)
        with pytest.raises(KeyboardInterrupt):
            work()
    left = transaction.unfinished(folders)
    (found,) = ours(folders)
    new = names(environment) if restoring else {*names(environment), "extra0"}
    assert names(found) == (names(present) if renames == 0 else new)
    for one in left:
        assert one.replacing is not None
        transaction.discard(one, folders, Silent())
    assert [names(one) for one in ours(folders)] == [names(found)]
    assert len(snapshots.snapshots_of(found, folders)) == (0 if renames == 0 and not restoring else 1)
    assert [path.name for path in folders.staging.iterdir()] == [".locks"]


@pytest.mark.parametrize("restoring", [False, True])
def test_where_even_the_way_back_is_refused_the_environment_is_not_lost(
    restoring: bool,
    environment: Environment,
    sources: Sources,
    folders: Folders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on Windows, where a virus scanner holds the folders a little longer than we wait."""
    prefix = environment.prefix
    present = add(environment, "extra0", sources, folders) if restoring else environment
    planned = plan_change(present, Change(add=("extra1",)), sources, folders, Silent())

    def work() -> None:
        if restoring:
            snapshots.restore(present, snapshots.snapshots_of(present, folders)[0], folders, Silent())
        else:
            transaction.change(planned, sources, folders, Silent())

    def refusing(source: Path, target: Path) -> None:
        if target == prefix:
            raise PermissionError(13, "held")
        storage.replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(staging, "rename", refusing)
        with pytest.raises(Problem):
            work()
        assert not prefix.exists()
    transaction.unfinished(folders)
    (found,) = ours(folders)
    assert found.broken is None
    former = [snapshot.packages for snapshot in snapshots.snapshots_of(found, folders)]
    assert present.packages in (found.packages, *former)
    assert [path.name for path in folders.staging.iterdir()] == [".locks"]


def test_a_swap_is_done_even_where_the_disk_cannot_be_waited_for(
    environment: Environment, sources: Sources, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan_change(environment, Change(add=("extra0",)), sources, folders, Silent())

    def unable(folder: Path) -> None:
        raise OSError(5, "no")

    monkeypatch.setattr(staging, "sync_folder", unable)
    changed = transaction.change(planned, sources, folders, Silent())
    assert "extra0" in names(changed)
    assert [one.packages for one in snapshots.snapshots_of(changed, folders)] == [environment.packages]


def test_what_cannot_be_deleted_keeps_its_snapshots(
    environment: Environment, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = snapshots.take(environment, folders, Silent())
    original = Path.rename

    def held(path: Path, target: Path) -> Path:
        if path == environment.prefix:
            raise PermissionError(13, "held")
        return original(path, target)

    monkeypatch.setattr(Path, "rename", held)
    with pytest.raises(Problem):
        transaction.delete(environment, folders, Silent())
    assert ours(folders) == [environment]
    assert snapshots.snapshots_of(environment, folders) == (snapshot,)


def test_beside_an_interrupted_change(
    environment: Environment, sources: Sources, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot can be taken, the change waits; going back ends it."""
    planned = plan_change(environment, Change(add=("extra0",)), sources, folders, Silent())

    def dying(*_: object) -> None:
        raise Problem(planned.plan.notes[0], code="worker_died")

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "call", dying)
        with pytest.raises(Problem):
            transaction.change(planned, sources, folders, Silent())
    (before,) = transaction.unfinished(folders)
    snapshot = snapshots.take(environment, folders, Silent())
    assert transaction.unfinished(folders) == (before,)
    assert {path.name for path in before.folder.iterdir()} <= {"journal.json", "tmp"}
    snapshots.restore(environment, snapshot, folders, Silent())
    assert transaction.unfinished(folders) == ()


def _killed(folder: Path) -> None:
    raise KeyboardInterrupt


def test_a_note_that_leads_elsewhere_is_not_followed(folders: Folders, tmp_path: Path) -> None:
    place = staging.open_place("first", None, folders)
    outside = tmp_path / "outside"
    outside.mkdir()
    names_of = {"final": "first", "incoming": "../../outside", "outgoing": ".snapshots/first/x/env"}
    storage.write_json(place / "swap.json", names_of, version=staging.VERSION)
    staging.settle(place, folders)
    assert outside.is_dir()
    assert not (folders.environments / "first").exists()


def test_reasons_are_told(environment: Environment, sources: Sources, folders: Folders) -> None:
    planned = plan_change(environment, Change(add=("extra0", "extra1")), sources, folders, Silent())
    assert str(transaction.reason_of(planned)) == "Before adding extra0, extra1"
    steps = (Difference("a", "1", "2"), Difference("b", "1", ""))
    for change, words in (
        (Change(remove=("b",)), "Before removing b"),
        (Change(update=("a",)), "Before updating a"),
        (Change(update_all=True), "Before 2 packages changed"),
        (Change(add=tuple("cdef")), "Before 2 packages changed"),
    ):
        assert str(transaction.reason_of(replace(planned, change=change, differences=steps))) == words


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_a_disk_that_refuses_renames_loses_nothing(
    refusals: int,
    environment: Environment,
    sources: Sources,
    folders: Folders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second rename of a swap fails, then also the one back, then also what finishes it at once."""
    planned = plan_change(environment, Change(add=("extra0",)), sources, folders, Silent())
    left = refusals
    original = storage.replace

    def refusing(source: Path, target: Path) -> None:
        nonlocal left
        if target == environment.prefix and left:
            left -= 1
            raise PermissionError(13, "refused")
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(staging, "rename", refusing)
        with pytest.raises(Problem):
            transaction.change(planned, sources, folders, Silent())
    assert left == 0
    assert transaction.unfinished(folders) == ()
    (found,) = ours(folders)
    assert names(found) in (names(environment), {*names(environment), "extra0"})
    assert [path.name for path in folders.staging.iterdir()] == [".locks"]
    assert len(snapshots.snapshots_of(found, folders)) == (names(found) != names(environment))
