"""Builds by the real uv from a local index: whole or not at all, whatever dies when."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.discovery.look import discover, read_environment
from aienv_gui.environments.health.integrity import verify
from aienv_gui.environments.locks import acquire, release
from aienv_gui.environments.manifest import read_manifest
from aienv_gui.environments.planning import wizard
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import check_name, default_python
from aienv_gui.environments.records import (
    Engine,
    Environment,
    Maker,
    PackageProgress,
    PackageState,
    Plan,
    Request,
    Sources,
)
from aienv_gui.environments.sources import download
from tests.fakes import building
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_source, make_wheel, sample_packages
from tests.fakes.reporters import Keeping

MOMENTS = 10


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    for number in range(4):  # enough files that linking takes a moment
        name = f"many{number}"
        make_wheel(tmp_path / "served", name, files={f"{name}/part{n}.py": f"x = {n}\n" * 20 for n in range(150)})
    with LocalIndex(tmp_path / "served") as running:
        yield running


def sources_of(index: LocalIndex) -> Sources:
    return Sources(index_url=index.url)


def planned(index: LocalIndex, folders: Folders, *requirements: str, name: str = "first") -> Plan:
    request = Request(name, Engine.UV, default_python(), requirements or ("colours", "brush"))
    return make_plan(request, sources_of(index), folders, Silent())


def all_packages() -> tuple[str, ...]:
    return ("colours", "brush", "many0", "many1", "many2", "many3")


def output_of(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def assert_whole(environment: Environment) -> None:
    assert environment.broken is None
    assert verify(environment.prefix, hashes=True) == ()
    assert output_of(environment.python, "-I", "-c", "import colours, paint, brush; print(paint.x)") == "2.4"


def assert_nothing_left(folders: Folders) -> None:
    assert transaction.unfinished(folders) == ()
    left = (
        [path.name for path in folders.staging.iterdir() if path.name != ".locks"] if folders.staging.exists() else []
    )
    assert left == []


def ours(folders: Folders) -> list[Environment]:
    return [found for found in discover(folders, Silent()) if found.maker is Maker.AIENV]


def test_build_makes_a_working_environment_and_tells_each_package(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    reporter = Keeping()
    built = transaction.build(plan, sources_of(index), folders, reporter)
    assert built.prefix == folders.environments / "first"
    assert {(p.name, p.version) for p in built.packages} == {("colours", "3.1"), ("paint", "2.4"), ("brush", "7.0")}
    assert_whole(built)
    assert output_of(built.prefix / "bin" / "colours") == "colours with paint 2.4"
    manifest = read_manifest(built.prefix)
    assert manifest is not None
    assert manifest.request == plan.request
    assert manifest.files == plan.files
    assert "paint" in str(manifest.lock)
    rows = [row for row in reporter.partials if isinstance(row, PackageProgress)]
    for package in ("colours", "paint", "brush"):
        states = [row.state for row in rows if row.package == package]
        assert states[-2:] == [PackageState.READY, PackageState.INSTALLED]
    assert ours(folders) == [built]
    assert_nothing_left(folders)


@pytest.mark.parametrize("name", ["my  env", 'it\'s "quoted"', "图片 模型", "🙂 smile", "a/b\\c", "con", "--option"])
def test_any_name_makes_a_working_environment(index: LocalIndex, folders: Folders, name: str) -> None:
    built = transaction.build(planned(index, folders, name=name), sources_of(index), folders, Silent())
    assert built.name == name
    assert_whole(built)
    assert output_of(built.prefix / "bin" / "colours") == "colours with paint 2.4"


def test_folders_with_spaces_quotes_and_chinese(index: LocalIndex, tmp_path: Path) -> None:
    folders = Folders.under(tmp_path / '数据 it\'s "mine" 🙂')
    built = transaction.build(planned(index, folders), sources_of(index), folders, Silent())
    assert_whole(built)
    assert output_of(built.prefix / "bin" / "colours") == "colours with paint 2.4"


def test_second_build_downloads_and_unpacks_nothing(index: LocalIndex, folders: Folders) -> None:
    transaction.build(planned(index, folders), sources_of(index), folders, Silent())
    asked = len(index.log)
    plan = planned(index, folders, name="second")
    assert plan.download_bytes == 0
    second = transaction.build(plan, sources_of(index), folders, Silent())
    assert not [line for line in index.log[asked:] if line.startswith("GET /files/") and ".metadata" not in line]
    brush = next(second.prefix.glob("lib/python3.*/site-packages/brush_data.bin"))
    assert brush.stat().st_nlink >= 3  # uv's cache and both environments share it


def test_taken_name_is_refused(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    transaction.build(plan, sources_of(index), folders, Silent())
    with pytest.raises(Problem) as raised:
        transaction.build(plan, sources_of(index), folders, Silent())
    assert raised.value.code == "bad_name"
    assert_whole(ours(folders)[0])


def test_one_build_per_name_at_a_time(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    held = acquire(folders.staging / ".locks" / "first.lock")
    assert held is not None
    with pytest.raises(Problem) as raised:
        transaction.build(plan, sources_of(index), folders, Silent())
    assert raised.value.code == "busy"
    release(held)
    assert_whole(transaction.build(plan, sources_of(index), folders, Silent()))


def test_two_builds_of_other_names_at_once_share_their_downloads(index: LocalIndex, folders: Folders) -> None:
    index.bytes_s = 2_000_000
    plans = [planned(index, folders, *all_packages(), name=name) for name in ("one 图", "two 🙂")]
    built: list[Environment] = []

    def work(plan: Plan) -> None:
        built.append(transaction.build(plan, sources_of(index), folders, Silent()))

    threads = [threading.Thread(target=work, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {environment.name for environment in built} == {"one 图", "two 🙂"}
    for environment in built:
        assert_whole(environment)
    assert [len(index.sent(file.filename)) for file in plans[0].files] == [1] * len(plans[0].files)
    assert_nothing_left(folders)


def test_package_from_source_is_built_and_installed(index: LocalIndex, folders: Folders) -> None:
    make_source(index.folder, "rawpaint", requires=["paint"])
    reporter = Keeping()
    built = transaction.build(planned(index, folders, "rawpaint"), sources_of(index), folders, reporter)
    assert output_of(built.python, "-I", "-c", "import rawpaint; print(rawpaint.x)") == "built"
    assert (0, None) in reporter.amounts  # no full bar while a compiler works


def test_wheel_built_for_one_python_is_not_given_to_another(index: LocalIndex, folders: Folders) -> None:
    """A compiled one cannot even be installed there."""
    make_source(index.folder, "rawpaint")
    (file,) = planned(index, folders, "rawpaint").files
    archive = download.fetch([file], sources_of(index), folders, Silent())[file]
    make_wheel(archive.parent / "built", "rawpaint", tag="cp39-cp39-any")  # where all of them lay once
    make_wheel(archive.parent / "built-3.9", "rawpaint", tag="cp39-cp39-any")
    built = transaction.build(planned(index, folders, "rawpaint"), sources_of(index), folders, Silent())
    assert output_of(built.python, "-I", "-c", "import rawpaint; print(rawpaint.x)") == "built"


@pytest.mark.parametrize("moment", ["Downloading", "Making", "Installing"])
def test_cancel_sweeps_and_keeps_the_downloads(index: LocalIndex, folders: Folders, moment: str) -> None:
    index.bytes_s = 3_000_000
    plan = planned(index, folders)

    def reached(reporter: Keeping) -> bool:
        return any(status.startswith(moment) for status in reporter.statuses)

    with pytest.raises(Cancelled):
        transaction.build(plan, sources_of(index), folders, Keeping(reached))
    assert not psutil.Process().children()
    assert ours(folders) == []
    assert_nothing_left(folders)
    assert (folders.cache / "wheels").is_dir()
    assert_whole(transaction.build(plan, sources_of(index), folders, Silent()))


def test_cancelled_source_build_leaves_no_temporary_files(
    index: LocalIndex, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "the system's"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    began = tmp_path / "began"
    make_source(index.folder, "endless", build=f"pathlib.Path({str(began)!r}).touch(); import time; time.sleep(60)")
    plan = planned(index, folders, "endless")
    with pytest.raises(Cancelled):
        transaction.build(plan, sources_of(index), folders, Keeping(lambda _: began.exists()))
    assert list(temporary.iterdir()) == []
    assert_nothing_left(folders)


class _Killer(Silent):
    """Kills the worker with the n-th thing it reports."""

    def __init__(self, at: int | None) -> None:
        self.seen = 0
        self._at = at

    def _count(self) -> None:
        self.seen += 1
        if self.seen == self._at:
            for child in psutil.Process().children():
                child.kill()

    def status(self, text: object) -> None:
        self._count()

    def progress(self, done: float, total: float | None) -> None:
        self._count()

    def partial(self, result: object) -> None:
        self._count()


def moments(count: int) -> list[int]:
    return sorted({1 + round(step * (count - 1) / (MOMENTS - 1)) for step in range(MOMENTS)})


@pytest.mark.slow
def test_killed_worker_at_any_moment_leaves_no_half_environment(index: LocalIndex, tmp_path: Path) -> None:
    index.bytes_s = 8_000_000
    trial = Folders.under(tmp_path / "trial")
    counting = _Killer(None)
    transaction.build(planned(index, trial, *all_packages()), sources_of(index), trial, counting)
    interrupted = 0
    for at in moments(counting.seen):
        folders = Folders.under(tmp_path / f"at{at}")
        plan = planned(index, folders, *all_packages())
        try:
            built = transaction.build(plan, sources_of(index), folders, _Killer(at))
        except Problem as problem:
            if problem.code != "worker_died":
                raise
            assert ours(folders) == []
            found = transaction.unfinished(folders)
            assert [left.request for left in found] == [plan.request]
            interrupted += 1
            built = transaction.resume(found[0], sources_of(index), folders, Silent())
        assert_whole(built)
        assert ours(folders) == [built]
        assert_nothing_left(folders)
    assert interrupted >= MOMENTS // 2


@pytest.mark.slow
def test_killed_application_at_any_moment_leaves_no_half_environment(index: LocalIndex, tmp_path: Path) -> None:
    index.bytes_s = 8_000_000
    trial = Folders.under(tmp_path / "trial")
    process = building.start(planned(index, trial, *all_packages()), sources_of(index), trial, tmp_path / "scratch")
    lines = process.communicate(timeout=60)[0].splitlines()
    assert lines[-1].startswith("built")
    interrupted = 0
    for at in moments(len(lines)):
        folders = Folders.under(tmp_path / f"at{at}")
        plan = planned(index, folders, *all_packages())
        process = building.start(plan, sources_of(index), folders, tmp_path / "scratch")
        assert process.stdout is not None
        for _ in range(at):
            if not process.stdout.readline():
                break
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive, "the worker goes when the application goes"
        found = transaction.unfinished(folders)
        if found:
            assert ours(folders) == []
            assert found[0].request == plan.request
            interrupted += 1
            transaction.resume(found[0], sources_of(index), folders, Silent())
        elif not ours(folders):  # killed before its first mark, or with its last breath
            transaction.build(plan, sources_of(index), folders, Silent())
        (built,) = ours(folders)
        assert_whole(built)
        assert_nothing_left(folders)
    assert interrupted >= MOMENTS // 2


def killed_build(index: LocalIndex, folders: Folders) -> Plan:
    """Leave a build behind whose worker died while it installed."""
    plan = planned(index, folders)

    class AtInstall(_Killer):
        def status(self, text: object) -> None:
            if str(text).startswith("Installing"):
                for child in psutil.Process().children():
                    child.kill()

    with pytest.raises(Problem):
        transaction.build(plan, sources_of(index), folders, AtInstall(None))
    return plan


def test_resume_downloads_nothing_again(index: LocalIndex, folders: Folders) -> None:
    killed_build(index, folders)
    (found,) = transaction.unfinished(folders)
    index.stop()
    assert_whole(transaction.resume(found, sources_of(index), folders, Silent()))
    assert_nothing_left(folders)


def test_a_name_whose_build_was_interrupted_is_not_taken_for_another_build_unasked(
    index: LocalIndex, folders: Folders
) -> None:
    killed_build(index, folders)
    with pytest.raises(Problem, match="interrupted build of this name") as raised:
        wizard.check_name("First", folders, Silent())
    assert "discard" in str(raised.value.cure)
    (found,) = transaction.unfinished(folders)
    transaction.discard(found, folders, Silent())
    wizard.check_name("First", folders, Silent())


def test_discard_sweeps(index: LocalIndex, folders: Folders) -> None:
    killed_build(index, folders)
    (found,) = transaction.unfinished(folders)
    transaction.discard(found, folders, Silent())
    assert_nothing_left(folders)
    assert ours(folders) == []


def test_building_anew_after_a_crash_replaces_what_was_left(index: LocalIndex, folders: Folders) -> None:
    plan = killed_build(index, folders)
    assert_whole(transaction.build(plan, sources_of(index), folders, Silent()))
    assert_nothing_left(folders)


def test_damaged_journal_is_swept(index: LocalIndex, folders: Folders) -> None:
    killed_build(index, folders)
    journal = folders.staging / "first" / "journal.json"
    journal.write_text(journal.read_text()[:100])
    assert_nothing_left(folders)


def test_build_that_was_killed_after_its_rename_is_finished(index: LocalIndex, folders: Folders) -> None:
    built = transaction.build(planned(index, folders), sources_of(index), folders, Silent())
    manifest = read_manifest(built.prefix)
    assert manifest is not None
    killed_build(index, replace_data(folders))
    place = folders.staging / "first"
    (replace_data(folders).staging / "first").rename(place)
    journal = json.loads((place / "journal.json").read_text())
    (place / "journal.json").write_text(json.dumps({**journal, "build": manifest.build}))
    assert_nothing_left(folders)
    assert_whole(ours(folders)[0])


def replace_data(folders: Folders) -> Folders:
    return replace(folders, data=folders.data.with_name("other data"))


def test_network_that_goes_away_is_told_and_the_next_try_goes_on(index: LocalIndex, folders: Folders) -> None:
    plan = planned(index, folders)
    sources = sources_of(index)
    index.stop()
    with pytest.raises(Problem) as raised:
        transaction.build(plan, sources, folders, Silent())
    assert raised.value.code == "no_network"
    assert_nothing_left(folders)


def test_delete_takes_the_environment_out_of_the_list(index: LocalIndex, folders: Folders) -> None:
    built = transaction.build(planned(index, folders), sources_of(index), folders, Silent())
    transaction.delete(built, folders, Silent())
    assert not built.prefix.exists()
    assert ours(folders) == []
    assert_nothing_left(folders)
    transaction.delete(built, folders, Silent())  # a second time, from a page that did not know yet


def test_delete_that_was_killed_is_swept_later(index: LocalIndex, folders: Folders) -> None:
    built = transaction.build(planned(index, folders), sources_of(index), folders, Silent())
    built.prefix.rename(folders.staging / ".trash-abc")
    transaction.sweep_leftovers(folders, Silent())
    assert_nothing_left(folders)


def test_what_others_made_is_not_deleted(folders: Folders, tmp_path: Path) -> None:
    other = tmp_path / "theirs"
    (other / "bin").mkdir(parents=True)
    (other / "pyvenv.cfg").write_text("home = /usr/bin\n")
    with pytest.raises(Problem) as raised:
        transaction.delete(read_environment(other), folders, Silent())
    assert raised.value.code == "not_ours"
    assert (other / "pyvenv.cfg").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes where we may mount one; elsewhere a folder, and `limited` bounds the files instead."""
    place = tmp_path / "small disk"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
    )
    yield place
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("full", ["cache", "data"])
def test_full_disk_is_told_and_nothing_is_left(
    index: LocalIndex, folders: Folders, small_disk: Path, full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index.folder, "huge", files={"huge.bin": os.urandom(6_000_000), "huge.py": "x = 1\n"})
    tight = (
        replace(folders, cache=small_disk / "cache") if full == "cache" else replace(folders, data=small_disk / "data")
    )
    plan = replace(planned(index, folders, "huge"), download_bytes=0, installed_bytes=0)  # passes the look before
    if not os.path.ismount(small_disk):
        monkeypatch.setenv("TEST_FILE_LIMIT", "3000000")
    process = building.start(plan, sources_of(index), tight, tmp_path / "scratch")
    lines = process.communicate(timeout=60)[0].splitlines()
    assert lines[-1] in ("problem disk_full", "problem write_failed"), lines[-3:]
    if os.path.ismount(small_disk):
        assert lines[-1] == "problem disk_full"
    assert ours(tight) == []
    assert_nothing_left(tight)
    monkeypatch.delenv("TEST_FILE_LIMIT", raising=False)
    built = transaction.build(plan, sources_of(index), folders, Silent())  # the same plan, with room
    assert output_of(built.python, "-I", "-c", "import huge; print(huge.x)") == "1"


def test_environments_on_another_disk_than_the_data_are_built_and_deleted(
    index: LocalIndex, folders: Folders, tmp_path: Path
) -> None:
    other = next((disk for disk in (Path("/dev/shm"), Path("/run/shm")) if os.access(disk, os.W_OK)), tmp_path)
    with tempfile.TemporaryDirectory(dir=other) as elsewhere:
        folders.data.mkdir()
        folders.environments.symlink_to(elsewhere, target_is_directory=True)
        built = transaction.build(planned(index, folders), sources_of(index), folders, Silent())
        assert_whole(built)
        assert ours(folders) == [built]
        assert_nothing_left(folders)
        transaction.delete(built, folders, Silent())
        assert ours(folders) == []
        assert_nothing_left(folders)


def test_folder_of_environments_that_leads_nowhere_is_told_with_the_name(folders: Folders, tmp_path: Path) -> None:
    folders.data.mkdir()
    folders.environments.symlink_to(tmp_path / "disk that is not connected")
    with pytest.raises(Problem) as raised:
        check_name("x", folders)
    assert raised.value.code == "write_failed"
    assert str(folders.environments) in str(raised.value.cause)


def test_read_only_folder_is_told(index: LocalIndex, folders: Folders, small_disk: Path) -> None:
    tight = replace(folders, data=small_disk / "data")
    tight.data.mkdir()
    plan = replace(planned(index, folders), download_bytes=0, installed_bytes=0)  # the disk is small, too
    if os.path.ismount(small_disk):
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    else:
        tight.data.chmod(0o555)
    with pytest.raises(Problem) as raised:
        check_name("first", tight)  # with the name already, not at the end of a download
    assert raised.value.code == "read_only"
    with pytest.raises(Problem) as raised:
        transaction.build(plan, sources_of(index), tight, Silent())
    assert raised.value.code == "read_only"
    assert ours(tight) == []


def test_passwords_of_a_files_places_are_not_written_down(index: LocalIndex, folders: Folders) -> None:
    index.login = "anna:hunter2"
    page = f"{index.url_with_login}/brush/"
    request = Request(
        "first",
        Engine.UV,
        default_python(),
        ("colours", "brush"),
        index_url=index.url_with_login,
        find_links=(page,),
    )
    plan = make_plan(request, Sources(), folders, Silent())
    journals: list[str] = []

    class Reading(Silent):
        def status(self, text: object) -> None:
            journals.append((folders.staging / "first" / "journal.json").read_text(encoding="utf-8"))

    built = transaction.build(plan, Sources(), folders, Reading())
    assert_whole(built)
    for written in (*journals, (built.prefix / "aienv.json").read_text(encoding="utf-8")):
        assert f'"{index.url}"' in written
        assert "hunter2" not in written


def test_a_killed_build_with_a_password_goes_on_with_that_of_the_settings(index: LocalIndex, folders: Folders) -> None:
    index.login = "anna:hunter2"
    sources = Sources(index_url=index.url_with_login)
    request = Request("first", Engine.UV, default_python(), ("colours", "brush"), index_url=index.url_with_login)
    plan = make_plan(request, sources, folders, Silent())
    with pytest.raises(Problem):
        transaction.build(plan, sources, folders, _Killer(2))
    (found,) = transaction.unfinished(folders)
    assert found.request.index_url == index.url
    shutil.rmtree(folders.cache / "wheels")
    assert_whole(transaction.resume(found, sources, folders, Silent()))
