"""Changes to conda environments by the real py-rattler from a local channel."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import snapshots, transaction
from aienv_gui.environments.changes.change import plan_change, plan_copy
from aienv_gui.environments.conda.backend import CondaBackend, unpacked_store
from aienv_gui.environments.conda.locked import plan_of_files
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.health import conda_integrity
from aienv_gui.environments.manifest import NAME
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.records import Change, Difference, Engine, Environment, Maker, PlannedFile, Request, Sources
from tests.fakes.channel.packing import index_channel, python_package
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.damages import Damage, plant


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def sources(channel: Path) -> Sources:
    return Sources(channels=(str(channel),))


def built(sources: Sources, folders: Folders, *requirements: str, name: str = "first") -> Environment:
    request = Request(name, Engine.CONDA, MINOR, requirements or ("colours", "patched"))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


def changed(environment: Environment, change: Change, sources: Sources, folders: Folders) -> Environment:
    planned = plan_change(environment, change, sources, folders, Silent())
    return transaction.change(planned, sources, folders, Silent())


def versions(environment: Environment) -> dict[str, str]:
    return {package.name: package.version for package in environment.packages if package.name != "python"}


def assert_works(environment: Environment) -> None:
    assert conda_integrity.verify(environment.prefix, hashes=True) == ()
    done = subprocess.run([str(environment.prefix / "bin" / "colours")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"colours with paint 2.4 in {environment.prefix}"


def test_adding_removing_and_going_back(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    planned = plan_change(before, Change(add=("easel",)), sources, folders, Silent())
    assert planned.differences == (Difference("easel", "", "1.0"),)
    after = transaction.change(planned, sources, folders, Silent())
    assert versions(after) == {"colours": "3.1", "paint": "2.4", "patched": "1.0", "easel": "1.0"}
    assert_works(after)
    without = changed(after, Change(remove=("easel",)), sources, folders)
    assert versions(without) == versions(before)
    newest, oldest = snapshots.snapshots_of(without, folders)
    assert str(newest.reason) == "Before easel was removed"
    back = snapshots.restore(without, newest, folders, Silent())
    assert versions(back) == versions(after)
    assert_works(back)
    assert {package.version for package in oldest.packages if package.name == "paint"} == {"2.4"}


def test_what_is_installed_stays_unless_it_is_updated(folders: Folders, tmp_path: Path) -> None:
    own = sample_channel(tmp_path / "channel")
    sources = Sources(channels=(str(own),))
    before = built(sources, folders)
    python_package("paint", "2.7", {"paint.py": "x = '2.7'\n"}).write(own)
    index_channel(own)
    added = plan_change(before, Change(add=("easel",)), sources, folders, Silent())
    assert {d.package for d in added.differences} == {"easel"}
    updated = plan_change(before, Change(update=("paint",)), sources, folders, Silent())
    assert updated.differences == (Difference("paint", "2.4", "2.7"),)


def test_removing_what_is_needed_is_refused(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    with pytest.raises(Problem, match="paint cannot be removed") as raised:
        plan_change(before, Change(remove=("paint",)), sources, folders, Silent())
    assert "colours" in str(raised.value.cause)


@pytest.mark.parametrize("kind", list(Damage))
def test_repair(kind: Damage, sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    damaged = plant(before.prefix, kind, random.Random(kind.value))
    assert conda_integrity.verify(before.prefix, hashes=True) != (), damaged
    nowhere = Sources(channels=("http://127.0.0.1:9/nowhere",))
    after = changed(read_environment(before.prefix, Maker.AIENV), Change(repair=True), nowhere, folders)
    assert versions(after) == versions(before)
    assert_works(after)
    copy = transaction.build(plan_copy(after, "second", nowhere, folders, Silent()), nowhere, folders, Silent())
    assert_works(copy)


def test_a_moved_environment_is_repaired_where_it_is(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders)
    moved = folders.environments / "elsewhere"
    before.prefix.rename(moved)
    after = changed(read_environment(moved, Maker.AIENV), Change(repair=True), sources, folders)
    assert after.prefix == moved
    assert_works(after)


def test_a_foreign_conda_environment_is_copied(sources: Sources, folders: Folders, tmp_path: Path) -> None:
    """Made by the same engine, without our description: to us it is anybody's."""
    made = built(sources, Folders.under(tmp_path / "others"), "colours", "paint")
    foreign = tmp_path / "miniconda3" / "envs" / "theirs"
    shutil.copytree(made.prefix, foreign, symlinks=True)
    (foreign / NAME).unlink()
    environment = read_environment(foreign)
    assert environment.maker is Maker.CONDA
    copy = transaction.build(plan_copy(environment, "mine", sources, folders, Silent()), sources, folders, Silent())
    assert versions(copy) == versions(environment)
    assert_works(copy)


def test_another_build_of_the_same_version_is_a_change(sources: Sources, folders: Folders) -> None:
    before = built(sources, folders, "glow", "colours")
    assert (before.prefix / "share" / "glow.txt").read_text(encoding="utf-8") == "cpu"
    planned = plan_change(before, Change(add=("glow=*=cuda*",), accelerator="cu128"), sources, folders, Silent())
    assert planned.differences == (Difference("glow", "1.0 (cpu_0)", "1.0 (cuda_0)"),)
    after = transaction.change(planned, sources, folders, Silent())
    assert (after.prefix / "share" / "glow.txt").read_text(encoding="utf-8") == "cuda"
    with pytest.raises(Problem, match="nothing to change"):
        plan_change(after, Change(add=("glow=*=cuda*",), accelerator="cu128"), sources, folders, Silent())


def test_a_channels_token_is_used_and_never_written_down(channel: Path, folders: Folders) -> None:
    with ChannelServer(channel, token="tk-hunter2") as server:
        sources = Sources(channels=(server.url,))
        journals: list[str] = []

        class Reading(Silent):
            def status(self, text: object) -> None:
                for journal in folders.staging.glob("first/journal.json"):
                    journals.append(journal.read_text(encoding="utf-8"))

        request = Request("first", Engine.CONDA, MINOR, ("colours", "patched"), channels=(server.url,))
        before = transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Reading())
        assert journals
        for written in (*journals, *_texts(before.prefix)):
            assert "hunter2" not in written
        assert versions(changed(before, Change(add=("easel",)), sources, folders))["easel"] == "1.0"
        shutil.rmtree(folders.cache)  # everything is fetched again, by addresses that were written down
        after = changed(read_environment(before.prefix, Maker.AIENV), Change(repair=True), sources, folders)
        assert_works(after)
        assert any(line.startswith("GET /t/tk-hunter2/channel") for line in server.packages_sent())
        with pytest.raises(Problem) as raised:
            make_plan(replace(request, requirements=("nonesuch",)), sources, folders, Silent())
        assert "hunter2" not in str(raised.value.to_json())
        lost = replace(request, channels=(f"{server.url}2",))
        with pytest.raises(Problem) as raised:
            make_plan(lost, sources, folders, Silent())
        assert "hunter2" not in str(raised.value.to_json())


def _texts(prefix: Path) -> list[str]:
    places = [prefix / NAME, *(prefix / "conda-meta").iterdir()]
    return [place.read_text(encoding="utf-8") for place in places if place.is_file()]


def test_packages_are_distrusted_by_any_spelling_of_their_names(folders: Folders) -> None:
    """Checks of files name packages as the package index does, conda as it likes."""
    names = ("two_words-1.0-0", "two_words_more-1.0-0", "other-1.0-0")
    for name in names:
        (unpacked_store(folders) / name).mkdir(parents=True)
    files = tuple(
        PlannedFile(name.split("-")[0], "1.0", f"{name}.conda", f"https://c.example/{name}.conda", "", 1)
        for name in names
    )
    plan = plan_of_files(Request("a", Engine.CONDA, MINOR, ()), files, (), {}, folders)
    CondaBackend().distrust({"two-words"}, plan, folders, Silent())
    assert {path.name for path in unpacked_store(folders).iterdir()} == {"two_words_more-1.0-0", "other-1.0-0"}


def test_a_name_from_a_channel_leads_nowhere(folders: Folders) -> None:
    store = unpacked_store(folders)
    outside = store.parent / "outside-1.0-0"
    for folder in (outside, store / "kept-1.0-0"):
        folder.mkdir(parents=True)
    names = ("../outside-1.0-0.conda", ".conda", "..", "../*.conda")
    files = tuple(PlannedFile("evil", "1.0", name, f"https://c.example/{name}", "", 1) for name in names)
    plan = plan_of_files(Request("a", Engine.CONDA, MINOR, ()), files, (), {}, folders)
    CondaBackend().distrust({"evil"}, plan, folders, Silent())
    assert outside.is_dir()
    assert (store / "kept-1.0-0").is_dir()
