"""conda environments built by the real py-rattler from a local channel: whole or not at all, whatever dies when."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.discovery.look import discover
from aienv_gui.environments.health import conda_integrity
from aienv_gui.environments.health.integrity import FaultKind
from aienv_gui.environments.planning.plan import backend_of, make_plan
from aienv_gui.environments.planning.recipes import request_of_file
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
from tests.fakes import building
from tests.fakes.channel.running_python import MINOR
from tests.fakes.channel.samples import PLACEHOLDER, sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_wheel
from tests.fakes.reporters import Keeping

MOMENTS = 8
EVERYTHING = ("colours", "patched", "many", "big")


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def server(channel: Path) -> Iterator[ChannelServer]:
    with ChannelServer(channel) as running:
        yield running


def sources_of(channel: str | Path) -> Sources:
    return Sources(channels=(str(channel),))


def planned(channel: str | Path, folders: Folders, *requirements: str, name: str = "first") -> Plan:
    request = Request(name, Engine.CONDA, MINOR, requirements or EVERYTHING)
    return make_plan(request, sources_of(channel), folders, Silent())


def output_of(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def assert_whole(environment: Environment) -> None:
    assert environment.broken is None
    assert conda_integrity.verify(environment.prefix, hashes=True) == ()
    told = output_of(environment.python, "-I", "-c", "import sys, paint; print(sys.prefix, paint.x)")
    assert told == f"{environment.prefix} 2.4"
    assert output_of(environment.prefix / "bin" / "colours") == f"colours with paint 2.4 in {environment.prefix}"


def assert_nothing_left(folders: Folders) -> None:
    assert transaction.unfinished(folders) == ()
    staging = folders.staging
    assert not [path.name for path in staging.iterdir() if path.name != ".locks"] if staging.exists() else True


def ours(folders: Folders) -> list[Environment]:
    return [found for found in discover(folders, Silent()) if found.maker is Maker.AIENV]


def test_environment_works_where_it_was_renamed_to(server: ChannelServer, folders: Folders) -> None:
    plan = planned(server.url, folders)
    reporter = Keeping()
    built = transaction.build(plan, sources_of(server.url), folders, reporter)
    assert built.prefix == folders.environments / "first"
    assert {package.name for package in built.packages} == {"python", "paint", *EVERYTHING}
    assert_whole(built)
    assert output_of(built.prefix / "bin" / "patched") == str(built.prefix)
    final = str(built.prefix).encode()
    binary = (built.prefix / "lib" / "patched.bin").read_bytes()
    assert final + b"/share\0" in binary
    assert PLACEHOLDER.encode() not in binary
    script = "import sysconfig; print(sysconfig.get_path('include'))"
    assert output_of(built.python, "-I", "-c", script).startswith(str(built.prefix))
    data = next(built.prefix.glob(f"lib/python{MINOR}/_sysconfigdata*.py")).read_bytes()
    if os.fsencode(sysconfig.get_config_var("prefix")) in data or final in data:
        assert final in data
    assert not [path for path in built.prefix.rglob("*") if path.is_file() and b"staging/first" in path.read_bytes()]
    amounts = [amount for amount in reporter.amounts if amount[1] is not None]
    assert any(done == total == plan.download_bytes for done, total in amounts)
    rows = [row for row in reporter.partials if isinstance(row, PackageProgress)]
    for package in ("python", "colours", "paint"):
        states = [row.state for row in rows if row.package == package]
        assert states[-2:] == [PackageState.READY, PackageState.INSTALLED]
    assert ours(folders) == [built]
    assert_nothing_left(folders)


def test_conda_reads_what_was_asked_and_where_it_came_from(server: ChannelServer, folders: Folders) -> None:
    plan = planned(server.url, folders, "colours >=3")
    built = transaction.build(plan, sources_of(server.url), folders, Silent())
    record = json.loads((built.prefix / "conda-meta" / "colours-3.1-0.json").read_text(encoding="utf-8"))
    wanted = next(file for file in plan.files if file.package == "colours")
    assert record["url"] == wanted.url
    assert record["fn"] == wanted.filename
    assert record["sha256"] == wanted.sha256
    assert record["channel"].startswith(server.url)
    assert record["requested_specs"] == ["colours >=3"]
    assert record["depends"] == ["python", "paint >=2"]
    other = json.loads((built.prefix / "conda-meta" / "paint-2.4-0.json").read_text(encoding="utf-8"))
    assert other["requested_specs"] == []


def test_second_environment_downloads_nothing_and_shares_the_files(server: ChannelServer, folders: Folders) -> None:
    transaction.build(planned(server.url, folders), sources_of(server.url), folders, Silent())
    before = len(server.packages_sent())
    plan = planned(server.url, folders, name="second")
    assert plan.download_bytes == 0
    second = transaction.build(plan, sources_of(server.url), folders, Silent())
    assert len(server.packages_sent()) == before
    assert (second.prefix / "share" / "big.bin").stat().st_nlink >= 3  # the cache and both environments
    assert_whole(second)


@pytest.mark.parametrize("name", ['it\'s "quoted"', "图片 模型 🙂"])
def test_any_name_and_any_folder(channel: Path, tmp_path: Path, name: str) -> None:
    folders = Folders.under(tmp_path / "数据 it's mine 🙂")
    built = transaction.build(planned(channel, folders, "colours", name=name), sources_of(channel), folders, Silent())
    assert built.name == name
    assert_whole(built)


def test_dropped_download_goes_on_where_it_was_cut(server: ChannelServer, folders: Folders) -> None:
    server.drop_after["big-1.0-0.conda"] = 1_000_000
    built = transaction.build(planned(server.url, folders), sources_of(server.url), folders, Silent())
    assert_whole(built)
    ranges = [line for line in server.packages_sent() if "/big-" in line and "bytes=" in line]
    assert len(ranges) == 1
    assert not ranges[0].endswith("bytes=0-")


def test_network_that_goes_away_leaves_nothing_half(channel: Path, folders: Folders) -> None:
    with ChannelServer(channel) as server:
        plan = planned(server.url, folders)
        sources = sources_of(server.url)
    with pytest.raises(Problem) as raised:
        transaction.build(plan, sources, folders, Silent())
    assert raised.value.code == "no_network"
    assert not ours(folders)
    assert_nothing_left(folders)


def test_changed_archive_is_refused(server: ChannelServer, folders: Folders) -> None:
    plan = planned(server.url, folders, "paint")
    files = tuple(replace(file, sha256="0" * 64) if file.package == "paint" else file for file in plan.files)
    with pytest.raises(Problem) as raised:
        transaction.build(replace(plan, files=files), sources_of(server.url), folders, Silent())
    assert raised.value.code == "damaged_download"
    assert not ours(folders)


@pytest.mark.parametrize("moment", ["Downloading", "Installing", "Checking"])
def test_cancel_sweeps_and_keeps_the_downloads(server: ChannelServer, folders: Folders, moment: str) -> None:
    server.bytes_s = 40_000_000
    plan = planned(server.url, folders)

    def reached(reporter: Keeping) -> bool:
        return any(status.startswith(moment) for status in reporter.statuses)

    with pytest.raises(Cancelled):
        transaction.build(plan, sources_of(server.url), folders, Keeping(reached))
    assert not psutil.Process().children()
    assert not ours(folders)
    assert_nothing_left(folders)
    assert_whole(transaction.build(plan, sources_of(server.url), folders, Silent()))


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


@pytest.mark.slow
def test_killed_worker_leaves_no_half_environment_and_is_resumed(channel: Path, folders: Folders) -> None:
    plan = planned(channel, folders)
    sources = sources_of(channel)
    whole = _Killer(None)
    transaction.delete(transaction.build(plan, sources, folders, whole), folders, Silent())
    died = 0
    for moment in range(MOMENTS):
        at = 1 + moment * (whole.seen - 1) // (MOMENTS - 1)
        problem: Problem | None = None
        try:
            built = transaction.build(plan, sources, folders, _Killer(at))
        except Problem as raised:
            problem = raised
        if problem is not None:
            died += 1
            assert problem.code == "worker_died"
            assert not ours(folders)
            (found,) = transaction.unfinished(folders)
            assert found.request == plan.request
            built = transaction.resume(found, sources, folders, Silent())
        assert_whole(built)
        assert_nothing_left(folders)
        transaction.delete(built, folders, Silent())
    assert died >= MOMENTS // 2


@pytest.mark.slow
def test_killed_application_leaves_no_half_environment(channel: Path, folders: Folders, tmp_path: Path) -> None:
    plan = planned(channel, folders)
    sources = sources_of(channel)
    for moment in range(0, 12, 2):
        process = building.start(plan, sources, folders, tmp_path / "scratch")
        assert process.stdout is not None
        workers: list[psutil.Process] = []
        for _ in range(moment + 1):
            if not process.stdout.readline():
                break
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        process.stdout.close()
        psutil.wait_procs(workers, timeout=10)
        assert not [worker for worker in workers if worker.is_running()]
        for built in ours(folders):
            assert_whole(built)
            transaction.delete(built, folders, Silent())
        for found in transaction.unfinished(folders):
            transaction.discard(found, folders, Silent())
        assert_nothing_left(folders)
    assert_whole(transaction.build(plan, sources, folders, Silent()))


@pytest.mark.parametrize(
    ("fetched", "code"),
    [(False, "write_failed"), (True, "disk_full")],
    ids=["while_downloading", "while_unpacking"],
)
def test_disk_that_takes_no_more_is_told(
    channel: Path, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched: bool, code: str
) -> None:
    with ChannelServer(channel) as server:
        plan = planned(server.url, folders, "paint")
        if fetched:
            backend_of(Engine.CONDA).fetch(plan, sources_of(server.url), folders, Silent())
        monkeypatch.setenv("TEST_FILE_LIMIT", "2000000")
        process = building.start(plan, sources_of(server.url), folders, tmp_path / "scratch")
        out, _ = process.communicate(timeout=60)
    assert out.strip().splitlines()[-1] == f"problem {code}"
    assert not ours(folders)
    assert_nothing_left(folders)


def test_pip_part_of_a_file_is_installed_beside_condas(channel: Path, tmp_path: Path, folders: Folders) -> None:
    wheels = tmp_path / "wheels"
    make_wheel(
        wheels,
        "frame-shop",
        requires=["paint>=1", "nails"],
        files={"frame_shop.py": "import sys, paint, nails\ndef main():\n    print(sys.prefix, paint.x, nails.x)\n"},
        scripts={"frame-shop": "frame_shop:main"},
    )
    make_wheel(wheels, "nails", "1.2")
    make_wheel(wheels, "paint", "9.9")  # newer than conda's, which must stay
    text = f"name: mixed\ndependencies:\n  - python={MINOR}\n  - colours\n  - pip:\n      - frame-shop\n"
    (tmp_path / "environment.yml").write_text(text)
    request = request_of_file(tmp_path / "environment.yml", name="")
    with LocalIndex(wheels) as index:
        sources = Sources(index_url=index.url, channels=(str(channel),))
        plan = make_plan(request, sources, folders, Silent())
        assert {(f.package, f.version) for f in plan.files if f.filename.endswith(".whl")} == {
            ("frame-shop", "1.0"),
            ("nails", "1.2"),
        }
        built = transaction.build(plan, sources, folders, Silent())
    assert built.name == "mixed"
    assert_whole(built)
    assert output_of(built.prefix / "bin" / "frame-shop") == f"{built.prefix} 2.4 1.2"
    (built.prefix / f"lib/python{MINOR}/site-packages/nails.py").unlink()
    (fault,) = conda_integrity.verify(built.prefix)
    assert (fault.package, fault.path, fault.kind) == ("nails", "nails.py", FaultKind.MISSING)


def test_integrity_tells_each_kind_of_damage(channel: Path, folders: Folders) -> None:
    built = transaction.build(planned(channel, folders), sources_of(channel), folders, Silent())
    site = built.prefix / f"lib/python{MINOR}/site-packages"

    def rewrite(path: Path, content: bytes) -> None:  # never through the link: the cache shares the file
        path.unlink()
        path.write_bytes(content)

    (built.prefix / "share/many/7.txt").unlink()
    rewrite(built.prefix / "share/big.bin", b"short")
    rewrite(site / "paint.py", b"x = '9.4'\n")
    rewrite(built.prefix / "conda-meta/patched-1.0-0.json", b'{"name": "patched", ')
    found = {(fault.package, fault.path, fault.kind) for fault in conda_integrity.verify(built.prefix, hashes=True)}
    assert found == {
        ("many", "share/many/7.txt", FaultKind.MISSING),
        ("big", "share/big.bin", FaultKind.SIZE),
        ("paint", f"lib/python{MINOR}/site-packages/paint.py", FaultKind.CONTENT),
        ("patched", "patched-1.0-0.json", FaultKind.NO_RECORD),
    }
    assert len(backend_of(Engine.CONDA).verify(built.prefix)) == 3  # sizes only


def test_integrity_knows_the_sizes_of_real_conda(tmp_path: Path) -> None:
    """conda notes a text's size before it wrote the prefix into it; the content's hash decides."""
    import hashlib

    prefix = tmp_path / "env"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "tool").write_bytes(b"#!/env/bin/python\n")
    entry = {
        "_path": "tool",
        "path_type": "hardlink",
        "size_in_bytes": 300,
        "prefix_placeholder": "/opt/placeholder",
        "file_mode": "text",
        "sha256": "0" * 64,
        "sha256_in_prefix": hashlib.sha256(b"#!/env/bin/python\n").hexdigest(),
    }
    record = {"name": "tool", "files": ["tool"], "paths_data": {"paths": [entry]}}
    (prefix / "conda-meta" / "tool-1.0-0.json").write_text(json.dumps(record))
    assert conda_integrity.verify(prefix) == ()
    (prefix / "tool").write_bytes(b"#!/other/bin/python\n")
    (fault,) = conda_integrity.verify(prefix)
    assert fault.kind is FaultKind.SIZE
