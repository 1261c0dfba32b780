"""Changes to environments by the real uv from a local index: planned exactly, made beside, and undone."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import snapshots, transaction
from aienv_gui.environments.changes.change import plan_change, plan_copy
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.files.sharing import export
from aienv_gui.environments.health.integrity import site_packages, verify
from aienv_gui.environments.manifest import read_manifest
from aienv_gui.environments.planning.file_reading import read_file
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Change, Difference, Engine, Environment, Form, Maker, Request, Sources
from aienv_gui.environments.uv.command import uv_program
from tests.fakes.damages import Damage, plant
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel, sample_packages


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    make_wheel(tmp_path / "served", "lamp", "1.0")
    with LocalIndex(tmp_path / "served") as running:
        yield running


@pytest.fixture
def sources(index: LocalIndex) -> Sources:
    return Sources(index_url=index.url)


def built(sources: Sources, folders: Folders, *requirements: str, name: str = "first") -> Environment:
    request = Request(name, Engine.UV, default_python(), requirements or ("colours", "lamp"), imports=("lamp",))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


def changed(environment: Environment, change: Change, sources: Sources, folders: Folders) -> Environment:
    planned = plan_change(environment, change, sources, folders, Silent())
    return transaction.change(planned, sources, folders, Silent())


def versions(environment: Environment) -> dict[str, str]:
    return {package.name: package.version for package in environment.packages}


def run(environment: Environment, code: str) -> str:
    done = subprocess.run(
        [str(environment.python), "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def install_by_hand(environment: Environment, folder: Path, *packages: str) -> None:
    command: list[str | Path] = [uv_program(), "pip", "install", "--quiet", "--no-config", "--offline", "--no-index"]
    command += ["--find-links", folder, "--python", environment.python, *packages]
    subprocess.run(command, check=True, env={"UV_CACHE_DIR": str(folder / "cache"), "PATH": ""})


def test_adding_is_planned_without_changing_anything_else(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    before = built(sources, folders)
    make_wheel(tmp_path / "served", "paint", "2.9")  # newer, but nobody asked
    planned = plan_change(before, Change(add=("brush",)), sources, folders, Silent())
    assert planned.differences == (Difference("brush", "", "7.0"),)
    assert read_environment(before.prefix, Maker.AIENV) == before
    after = transaction.change(planned, sources, folders, Silent())
    assert versions(after) == {"colours": "3.1", "paint": "2.4", "lamp": "1.0", "brush": "7.0"}
    assert run(after, "import brush; print(brush.x)") == "7"
    assert verify(after.prefix, hashes=True) == ()
    manifest = read_manifest(after.prefix)
    assert manifest is not None
    assert manifest.request.requirements == ("colours", "lamp", "brush")


def test_updating_one_leaves_the_others(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    before = built(sources, folders)
    make_wheel(tmp_path / "served", "paint", "2.9")
    make_wheel(tmp_path / "served", "lamp", "1.1")
    planned = plan_change(before, Change(update=("paint",)), sources, folders, Silent())
    assert planned.differences == (Difference("paint", "2.4", "2.9"),)
    everything = plan_change(before, Change(update_all=True), sources, folders, Silent())
    assert {d.package for d in everything.differences} == {"paint", "lamp"}
    after = transaction.change(planned, sources, folders, Silent())
    assert versions(after)["paint"] == "2.9"


def test_an_update_lets_go_of_a_pin_and_a_version_can_be_chosen(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders, "paint==1.5", "lamp")
    updated = plan_change(before, Change(update=("paint",)), sources, folders, Silent())
    assert updated.differences == (Difference("paint", "1.5", "2.4"),)
    environment = transaction.change(updated, sources, folders, Silent())
    back = plan_change(environment, Change(add=("paint==1.5",)), sources, folders, Silent())
    assert back.differences == (Difference("paint", "2.4", "1.5"),)
    assert back.plan.request.requirements == ("lamp", "paint==1.5")


def test_removing_takes_what_only_it_needed_and_its_import_away(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    planned = plan_change(before, Change(remove=("colours",)), sources, folders, Silent())
    assert {d.package for d in planned.differences} == {"colours", "paint"}
    lamp = plan_change(before, Change(remove=("Lamp",)), sources, folders, Silent())
    assert lamp.plan.request.imports == ()
    assert planned.plan.request.imports == ("lamp",)


def test_removing_what_is_needed_is_refused_by_name(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    with pytest.raises(Problem, match="paint cannot be removed") as raised:
        plan_change(before, Change(remove=("paint",)), sources, folders, Silent())
    assert "needed by colours" in str(raised.value.cause)
    (action,) = raised.value.actions
    assert (action.name, action.argument) == ("remove_packages", "colours,paint")
    everything = Change(remove=tuple(action.argument.split(",")))
    planned = plan_change(before, everything, sources, folders, Silent())
    assert {d.package for d in planned.differences} == {"colours", "paint"}


def test_all_that_hangs_on_what_is_removed_is_offered_to_go_too(
    sources: Sources, folders: Folders, tmp_path: Path
) -> None:
    make_wheel(tmp_path / "served", "gallery", "1.0", requires=["colours"])
    before = built(sources, folders, "gallery", "lamp")
    with pytest.raises(Problem, match="paint cannot be removed") as raised:
        plan_change(before, Change(remove=("paint",)), sources, folders, Silent())
    assert raised.value.actions[0].argument == "colours,gallery,paint"


def test_nothing_to_change(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    for change in (Change(add=("lamp",)), Change(update=("lamp",)), Change(update_all=True)):
        with pytest.raises(Problem, match="nothing to change"):
            plan_change(before, change, sources, folders, Silent())


def test_conflicts_are_told_and_nothing_happens(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    with pytest.raises(Problem) as raised:
        plan_change(before, Change(add=("oldpaint",)), sources, folders, Silent())
    assert raised.value.code == "conflict"
    assert read_environment(before.prefix, Maker.AIENV) == before


def test_a_change_can_be_undone_and_the_undoing_too(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    after = changed(before, Change(add=("brush",)), sources, folders)
    (snapshot,) = snapshots.snapshots_of(after, folders)
    assert str(snapshot.reason) == "Before brush was added"
    assert snapshot.packages == before.packages
    back = snapshots.restore(after, snapshot, folders, Silent())
    assert versions(back) == versions(before)
    assert run(back, "import colours; print(colours.paint.x)") == "2.4"
    (redo,) = snapshots.snapshots_of(back, folders)
    assert {p.name for p in redo.packages} == {p.name for p in after.packages}
    again = snapshots.restore(back, redo, folders, Silent())
    assert versions(again) == versions(after)
    assert (folders.staging / "first").exists() is False


def test_what_was_installed_by_hand_is_taken_along(
    sources: Sources, folders: Folders, tmp_path: Path, index: LocalIndex
) -> None:
    before = built(sources, folders, "lamp")
    make_wheel(tmp_path / "served", "candle", "1.0")
    make_wheel(tmp_path / "served", "candle", "2.0")
    install_by_hand(before, tmp_path / "served", "candle==1.0")
    before = read_environment(before.prefix, Maker.AIENV)
    planned = plan_change(before, Change(add=("brush",)), sources, folders, Silent())
    assert planned.differences == (Difference("brush", "", "7.0"),)
    after = transaction.change(planned, sources, folders, Silent())
    assert versions(after)["candle"] == "1.0"


def test_what_was_installed_from_a_folder_is_told(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    before = built(sources, folders, "lamp")
    wheel = make_wheel(tmp_path / "elsewhere", "private", "1.0")
    install_by_hand(before, tmp_path / "elsewhere", str(wheel))
    before = read_environment(before.prefix, Maker.AIENV)
    planned = plan_change(before, Change(add=("brush",)), sources, folders, Silent())
    assert Difference("private", "1.0", "") in planned.differences
    assert any("private" in str(note) for note in planned.plan.notes)


@pytest.mark.parametrize("kind", list(Damage))
def test_repair_makes_a_damaged_environment_whole(kind: Damage, sources: Sources, folders: Folders) -> None:
    """Also where the damage is in the cache that the files are linked from, and without any network."""
    before = built(sources, folders)
    damaged = plant(before.prefix, kind, random.Random(kind.value))
    assert verify(before.prefix, hashes=True) != (), damaged
    nowhere = Sources(index_url="http://127.0.0.1:9/simple")
    after = changed(read_environment(before.prefix, Maker.AIENV), Change(repair=True), nowhere, folders)
    assert verify(after.prefix, hashes=True) == ()
    assert versions(after) == versions(before)
    assert run(after, "import colours, lamp; print(colours.paint.x)") == "2.4"
    second = transaction.build(plan_copy(after, "second", nowhere, folders, Silent()), nowhere, folders, Silent())
    assert verify(second.prefix, hashes=True) == ()


@pytest.mark.parametrize("name", ["brush_data.bin", "colours-3.1.dist-info/entry_points.txt", "colours.py"])
def test_a_build_does_not_take_damaged_files_from_the_cache(name: str, sources: Sources, folders: Folders) -> None:
    """Neither where a look finds them nor where the installing program stumbles over them."""
    first = built(sources, folders, "colours", "brush")
    with (site_packages(first.prefix)[0] / name).open("r+b") as file:
        file.truncate(5)
    second = built(sources, folders, "colours", "brush", name="second")
    assert verify(second.prefix, hashes=True) == ()


def test_a_copy_has_the_very_same_files(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    first = built(sources, folders)
    make_wheel(tmp_path / "served", "paint", "2.9")
    plan = plan_copy(first, "its copy", sources, folders, Silent())
    assert plan.download_bytes == 0
    copy = transaction.build(plan, sources, folders, Silent())
    assert copy.name == "its copy"
    assert versions(copy) == versions(first)


def test_a_foreign_environment_is_copied_in_its_versions(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    foreign = tmp_path / "project" / ".venv"
    subprocess.run([uv_program(), "venv", "--quiet", "--no-config", foreign], check=True)
    install_by_hand(read_environment(foreign), tmp_path / "served", "paint==1.5", "lamp")
    environment = read_environment(foreign)
    with pytest.raises(Problem) as raised:
        plan_change(environment, Change(add=("brush",)), sources, folders, Silent())
    assert raised.value.code == "not_ours"
    assert [action.name for action in raised.value.actions] == ["duplicate"]
    plan = plan_copy(environment, "mine", sources, folders, Silent())
    copy = transaction.build(plan, sources, folders, Silent())
    assert versions(copy) == {"paint": "1.5", "lamp": "1.0"}
    assert copy.removable
    assert read_environment(foreign) == environment


def test_another_name_changes_nothing_else(sources: Sources, folders: Folders) -> None:
    first = built(sources, folders)
    renamed = transaction.rename_environment(first, "图片 🙂", folders, Silent())
    assert renamed.name == "图片 🙂"
    assert renamed.prefix == first.prefix
    done = subprocess.run([str(renamed.prefix / "bin" / "colours")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "colours with paint 2.4"
    other = built(sources, folders, name="first")  # its name is free again, its folder is not
    assert other.prefix == folders.environments / "first-2"
    with pytest.raises(Problem, match="already an environment"):
        transaction.rename_environment(renamed, "FIRST", folders, Silent())
    assert transaction.rename_environment(renamed, "图片 🙂 ", folders, Silent()) == renamed
    again = changed(renamed, Change(add=("brush",)), sources, folders)
    assert again.name == "图片 🙂"


def test_what_changed_since_the_plan_is_noticed(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    before = built(sources, folders, "lamp")
    planned = plan_change(before, Change(add=("brush",)), sources, folders, Silent())
    install_by_hand(before, tmp_path / "served", "paint==1.5")
    with pytest.raises(Problem, match="has changed meanwhile"):
        transaction.change(planned, sources, folders, Silent())
    assert versions(read_environment(before.prefix, Maker.AIENV)) == {"lamp": "1.0", "paint": "1.5"}


def test_what_is_in_use_is_left_alone(sources: Sources, folders: Folders) -> None:
    environment = built(sources, folders)
    planned = plan_change(environment, Change(add=("brush",)), sources, folders, Silent())
    taken = snapshots.take(environment, folders, Silent())
    program = subprocess.Popen([environment.python, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        for attempt in (
            lambda: transaction.change(planned, sources, folders, Silent()),
            lambda: snapshots.restore(environment, taken, folders, Silent()),
            lambda: transaction.delete(environment, folders, Silent()),
        ):
            with pytest.raises(Problem, match="is in use") as raised:
                attempt()
            assert str(program.pid) in raised.value.details
    finally:
        program.communicate(b"\n")
    assert versions(environment) == versions(read_environment(environment.prefix, Maker.AIENV))


def test_what_was_built_from_a_lock_can_be_changed(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    first = built(sources, folders, "colours")
    lock = export(first, Form.PYLOCK, tmp_path / "pylock.toml", Silent())
    request = read_file(lock, name="second").request
    second = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())
    make_wheel(tmp_path / "served", "paint", "2.9")
    planned = plan_change(second, Change(add=("brush",)), sources, folders, Silent())
    assert planned.differences == (Difference("brush", "", "7.0"),)
    assert planned.plan.request.lock == ""
    assert planned.plan.request.requirements == ("colours", "brush")
    third = transaction.change(planned, sources, folders, Silent())
    assert versions(third) == {**versions(first), "brush": "7.0"}
